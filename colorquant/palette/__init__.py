"""Palettes, and the files that hold them."""
