"""Where dithering helps: in smooth areas whose colours the palette does not have."""

from __future__ import annotations

import numpy as np

from colorquant.color.counted import CountedImage
from colorquant.mapping.choosing import Chooser, with_one
from colorquant.types import AnyArray, Float32Array, UInt8Array

ROUGH = 48.0  # levels of lightness between neighbours at which the strength is halved


def adaptive_strengths(image: CountedImage, chooser: Chooser) -> Float32Array:
    """The factor (h, w), 0 to 1, of the error that each pixel passes on.

    It grows with the distance of the pixel's colour to its entry, up to the root mean square of the picture, so that
    flat areas that the palette has stay flat. It falls with the range of lightness among the pixel and its neighbours:
    edges stay clean, and texture hides the steps that dithering is for.
    """
    histogram = image.histogram
    colors = histogram.colors
    entries = chooser.colors[chooser.choose(with_one(colors))]
    squared = ((colors.astype(np.float32) - entries) ** 2).sum(axis=1)
    typical = np.average(squared, weights=histogram.counts) if len(colors) else 0.0
    far = np.minimum(1, np.sqrt(squared / max(float(typical), 1e-9))).astype(np.float32)
    strengths: Float32Array = image.spread(far) / (1 + (roughness(image.rgb) / np.float32(ROUGH)) ** 2)
    return strengths


def roughness(rgb: UInt8Array) -> Float32Array:
    """The range of lightness in the 3 × 3 pixels around each one, (h, w) float32 in 8-bit levels."""
    luma = np.pad((rgb @ np.array([77, 150, 29], np.uint16)) >> 8, 1, mode="edge")
    return (_window(np.maximum, luma) - _window(np.minimum, luma)).astype(np.float32)


def _window(extreme: np.ufunc, values: AnyArray) -> AnyArray:
    """The extreme of each 3 × 3 window of ``values`` (h + 2, w + 2), (h, w)."""
    rows = extreme(extreme(values[:-2], values[1:-1]), values[2:])
    windows: AnyArray = extreme(extreme(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return windows
