"""Results as words, JSON, palette files and, on a terminal, swatches."""
