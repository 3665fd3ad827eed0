"""Results as text, JSON, tables, pages, figures and, on a terminal, swatches."""
