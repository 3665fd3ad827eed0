"""Palettes: making them from labelled colours, and reading and writing their files."""
