"""Reports on results: text, JSON, CSV, tables, HTML pages, figures and, on a terminal, swatches."""
