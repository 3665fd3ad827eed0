"""Results as words, JSON, tables, palette files and, on a terminal, swatches."""
