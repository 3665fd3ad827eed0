"""How far apart colours are: mean squared error, PSNR, CIEDE2000."""

from __future__ import annotations

import math

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.rgba import COMPOSITED_SCALE, composited_levels
from colorquant.types import FloatArray, IntArray, UInt8Array

BLOCK = 1 << 16  # rows at a time, so that temporaries stay in the processor's cache


def mse(before: UInt8Array, after: UInt8Array, counts: IntArray | None = None) -> float:
    """Mean squared error: the squared differences **summed over the three channels**, averaged over pixels.

    ``before`` and ``after`` are (n, 3) or (h, w, 3) uint8; ``counts`` (n,) is the number of pixels, or the integer
    weight, that each row stands for. The sum is exact, since it is computed with integers. This is the convention of
    the papers on colour quantization. With a fourth channel, alpha, the error is the mean of those of the pictures
    composited onto each of BACKGROUNDS.
    """
    channels = before.shape[-1]
    before, after = before.reshape(-1, channels), after.reshape(-1, channels)
    if channels == 4:
        return _mse_over_backgrounds(before, after, counts)
    total = 0
    for start in range(0, len(before), BLOCK):
        rows = slice(start, start + BLOCK)
        difference = before[rows].astype(np.int32) - after[rows]
        squared = np.einsum("ij,ij->i", difference, difference).astype(np.int64)
        total += int(squared.sum() if counts is None else squared @ counts[rows])
    pixels = len(before) if counts is None else int(counts.sum())
    return total / max(pixels, 1)


def _mse_over_backgrounds(before: UInt8Array, after: UInt8Array, counts: IntArray | None) -> float:
    """The mean squared error of rows (n, 4) uint8 composited onto each of BACKGROUNDS."""
    total = 0
    for rows in blocks(len(before), BLOCK):
        for one, other in zip(composited_levels(before[rows]), composited_levels(after[rows]), strict=True):
            squared = (one - other) ** 2
            total += int(squared.sum() if counts is None else squared @ counts[rows])
    pixels = len(before) if counts is None else int(counts.sum())
    return total / COMPOSITED_SCALE / max(pixels, 1)


def psnr(error: float) -> float:
    """Peak signal-to-noise ratio in dB of an ``mse``: 10·log10(3·255² / mse); infinite where the error is 0."""
    return 10 * math.log10(3 * 255**2 / error) if error > 0 else math.inf


def ciede2000(one: FloatArray, other: FloatArray) -> FloatArray:
    """Colour differences (n,) of CIELAB colours (n, 3), row by row, with k_L = k_C = k_H = 1.

    Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula" (2005), equations 2 to 22.
    """
    differences = np.empty(len(one))
    for start in range(0, len(one), BLOCK // 8):
        rows = slice(start, start + BLOCK // 8)
        differences[rows] = _ciede2000(one[rows].T, other[rows].T)
    return differences


def _ciede2000(one: FloatArray, other: FloatArray) -> FloatArray:
    (l1, a1, b1), (l2, a2, b2) = one, other
    g = _saturation((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)  # 2 to 4
    a1, a2 = a1 * (1.5 - g / 2), a2 * (1.5 - g / 2)  # 5
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)  # 6
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360  # 7
    gray = c1 * c2 == 0
    turn = h2 - h1
    turn = np.where(gray, 0, turn - 360 * (turn > 180) + 360 * (turn < -180))  # 10
    hue_difference = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))  # 11
    lightness, chroma, hue_sum = (l1 + l2) / 2, (c1 + c2) / 2, h1 + h2  # 12, 13
    far = np.abs(h1 - h2) > 180
    hue = np.where(gray, hue_sum, (hue_sum + far * np.where(hue_sum < 360, 360, -360)) / 2)  # 14
    t = 1 - 0.17 * _cosine(hue - 30) + 0.24 * _cosine(2 * hue)  # 15
    t += 0.32 * _cosine(3 * hue + 6) - 0.20 * _cosine(4 * hue - 63)
    rotation = np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2)))  # 16, doubled as in 21
    squared = (lightness - 50) ** 2
    light = (l2 - l1) / (1 + 0.015 * squared / np.sqrt(20 + squared))  # 8, 18
    chromatic = (c2 - c1) / (1 + 0.045 * chroma)  # 9, 19
    hued = hue_difference / (1 + 0.015 * chroma * t)  # 20
    crossed = -2 * _saturation(chroma) * np.sin(rotation) * chromatic * hued  # 17, 21
    difference: FloatArray = np.sqrt(np.maximum(light**2 + chromatic**2 + hued**2 + crossed, 0))  # 22
    return difference


def _saturation(chroma: FloatArray) -> FloatArray:
    """√(C⁷ / (C⁷ + 25⁷))."""
    power = chroma**7
    return np.sqrt(power / (power + 25.0**7))


def _cosine(degrees: FloatArray) -> FloatArray:
    cosine: FloatArray = np.cos(np.radians(degrees))
    return cosine
