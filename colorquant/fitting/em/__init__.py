"""EM on the colour histogram, in numpy."""
