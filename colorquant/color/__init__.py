"""Colour: histograms of distinct colours, and colour spaces."""
