"""From labels to pixels."""
