"""The error that is left when a picture is seen from afar: the measure of dithering."""

from __future__ import annotations

import numpy as np

from colorquant.types import Float32Array, UInt8Array

SIGMA = 1.5  # pixels
RADIUS = 6  # pixels on both sides that take part: four standard deviations
STRIP = 1 << 18  # pixels at a time


def blurred_mse(before: UInt8Array, after: UInt8Array) -> float:
    """Mean squared error of two pictures (h, w, 3) uint8 after the same blur, summed over the three channels.

    Both are converted to linear light (IEC 61966-2-1), blurred by a Gaussian with a standard deviation of SIGMA pixels,
    and converted back to sRGB levels, 0 to 255, which are not rounded. An edge is continued by its own pixels.
    """
    height, width = before.shape[:2]
    total, step = 0.0, max(1, STRIP // width)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        rows = slice(max(top - RADIUS, 0), min(bottom + RADIUS, height))
        inner = slice(top - rows.start, bottom - rows.start)
        difference = blurred(before[rows])[inner] - blurred(after[rows])[inner]
        total += float(np.sum(np.square(difference), dtype=np.float64))
    error: float = total / (height * width)
    return error


def blurred(rgb: UInt8Array) -> Float32Array:
    """A picture (h, w, 3) uint8 after the blur, in sRGB levels (h, w, 3) float32."""
    from scipy.ndimage import gaussian_filter1d

    level = np.arange(256) / 255
    curve = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4).astype(np.float32)
    light = curve[rgb]
    for axis in (0, 1):
        light = gaussian_filter1d(light, SIGMA, axis=axis, mode="nearest", radius=RADIUS)
    light = np.maximum(light, 0)
    bright = np.float32(1.055) * light ** np.float32(1 / 2.4) - np.float32(0.055)
    levels: Float32Array = np.where(light <= 0.0031308, np.float32(12.92) * light, bright) * np.float32(255)
    return levels
