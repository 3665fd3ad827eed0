"""Measures, comparison and timing of quantized images."""
