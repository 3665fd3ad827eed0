"""Mapping pixels onto a given palette."""

from __future__ import annotations

import numpy as np

from colorquant.color.histogram import ColorHistogram
from colorquant.color.spaces import Projection
from colorquant.errors import OptionError
from colorquant.fitting.models import Centroids
from colorquant.palette.palette import Palette
from colorquant.types import IntArray


def nearest_entries(histogram: ColorHistogram, palette: Palette, space: str) -> IntArray:
    """The entry of the palette that is nearest to each colour of the histogram, (n,) int64; the first of equals.

    The distance is Euclidean in ``space``, a key of SPACES. Raises OptionError for an empty palette or unknown space.
    """
    if not len(palette):
        raise OptionError("the palette is empty: give at least one colour")
    projection = Projection.of(space, keep_luma=False)
    entries = Centroids(projection.features(palette.colors))
    return entries.predict(projection.features(histogram.colors)).astype(np.int64)
