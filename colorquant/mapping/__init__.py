"""Mapping: from labels and palettes to pixels."""
