"""Dithering frame by frame, with or without labels that pixels keep from the frame before."""

from __future__ import annotations

import math

import numpy as np

from colorquant.applying import label_colors
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.fitted_palette import FittedPalette
from colorquant.mapping.diagonals import Held
from colorquant.mapping.dithered import Dithered
from colorquant.mapping.dithering import Dithering
from colorquant.types import AnyArray, UInt8Array

STEP = 4  # the variance within the clusters is estimated from every fourth pixel of every fourth row


class FrameDitherer:
    """Dithers the frames of a clip onto a palette without alpha.

    With a ``margin`` above 0 a pixel keeps its label of the frame before where that adds no more than
    4σ²·artanh(margin) to its squared error, as :func:`colorquant.clips.smoothing.Smoother` has it for labels by
    distance, with the variance σ² in sRGB levels. The error of a label that is kept is passed on to the neighbours like
    any other, so that areas keep their mean colours while their pixels stop flickering.
    """

    def __init__(self, palette: FittedPalette, dithering: Dithering, *, margin: float = 0.0) -> None:
        self._palette, self._dithering, self._margin = palette, dithering, margin
        self._squared, self._pixels = 0.0, 0

    def dither(self, image: CountedImage, before: AnyArray | None) -> Dithered:
        """Dither the next frame; ``before`` (h, w) are the labels of the frame before, None where none are kept."""
        held = None
        if self._margin and before is not None:
            held = Held(before, 4 * self._variance(image.rgb) * math.atanh(self._margin))
        return Dithered.of(image, self._palette, self._dithering, space=self._palette.options.space, held=held)

    def _variance(self, rgb: UInt8Array) -> float:
        """The mean variance per channel within the clusters, of the frames so far without dithering, in sRGB levels."""
        histogram = ColorHistogram.count(np.ascontiguousarray(rgb[::STEP, ::STEP]))
        _, painted = label_colors(self._palette, histogram.colors)
        difference = histogram.colors.astype(np.int64) - painted
        self._squared += float((difference**2).sum(axis=1) @ histogram.counts)
        self._pixels += int(histogram.counts.sum())
        return self._squared / (3 * self._pixels)
