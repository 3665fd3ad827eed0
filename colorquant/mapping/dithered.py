"""A dithered image and its numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.counted import CountedImage
from colorquant.color.difference import mse
from colorquant.color.histogram import count_distinct
from colorquant.color.rgba import OPAQUE
from colorquant.mapping.diagonals import Held
from colorquant.mapping.dithering import Dithering, dither
from colorquant.palette.palette import Palette
from colorquant.types import IntArray, LabelArray


@dataclass(frozen=True, eq=False)
class Dithered:
    """The ``labels`` (h, w) of a dithered image, as :func:`colorquant.mapping.dithering.dither` returns them.

    ``counts`` (p,) int64 is the number of visible pixels of each entry, ``colors_out`` the number of distinct colours
    that they have. ``mse`` sums over the channels, and weights each pixel by its alpha.
    """

    labels: LabelArray
    counts: IntArray
    mse: float
    colors_out: int

    @classmethod
    def of(
        cls,
        image: CountedImage,
        palette: Palette,
        dithering: Dithering,
        *,
        space: str = "rgb",
        distance: str = "euclidean",
        held: Held | None = None,
    ) -> Dithered:
        """Dither an image onto a palette; arguments as for :func:`colorquant.mapping.dithering.dither`."""
        labels = dither(image, palette, dithering, space=space, distance=distance, held=held)
        visible = image.of_visible(labels)
        counts = np.bincount(visible, minlength=len(palette)).astype(np.int64)
        squared, weight = 0.0, 0
        for rows in blocks(len(visible)):
            alpha = None if image.visible.alpha is None else image.visible.alpha[rows].astype(np.int64)
            weights = len(visible[rows]) * OPAQUE if alpha is None else int(alpha.sum())
            pixels = image.visible.rgb.reshape(len(visible), -1)[rows]
            squared += mse(pixels, palette.rows[visible[rows]], alpha) * weights
            weight += weights
        return cls(labels, counts, squared / max(weight, 1), count_distinct(palette.rows[counts > 0]))
