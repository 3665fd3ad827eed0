"""k-means on the colour histogram, in numpy."""
