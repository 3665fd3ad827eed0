"""Ordered dithering with any palette: each colour becomes a mixture of entries, and a threshold selects one of them.

Knoll, "Pattern dithering" (US patent 6,606,166, filed in 1999, expired in 2019): the entries that error diffusion would
give a flat area of the colour, sorted by lightness, are its mixture. Unlike a threshold that is added to the colour,
this keeps the mean of the colour for every palette.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.counted import CountedImage
from colorquant.mapping.choosing import Chooser, with_one
from colorquant.mapping.light import Light
from colorquant.types import AnyArray, IntArray, UInt8Array

FADE = 0.9  # of the error of a mixture is kept, so that it does not grow where no mixture has the colour
BLUE_NOISE_CANDIDATES = 16  # more cost time and do not lower the error
MOST_CANDIDATES = 128  # entries in the mixture of a colour
LUMA = np.array([0.2126, 0.7152, 0.0722])  # of linear light (ITU-R BT.709)
CANDIDATE_BLOCK = 1 << 14  # colours at a time
BLUE_NOISE = Path(__file__).with_name("blue_noise.npy")  # made by docs/pictures/make_blue_noise.py


def bayer(side: int) -> IntArray:
    """Bayer's matrix of ``side`` (a power of two): the numbers 0 to side² - 1, (side, side) int64.

    Bayer, "An optimum method for two-level rendition of continuous-tone pictures" (1973).
    """
    matrix = np.zeros((1, 1), np.int64)
    while len(matrix) < side:
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return matrix


@cache
def blue_noise() -> UInt8Array:
    """A mask of blue noise, (64, 64) uint8 with each of 0 to 255 sixteen times; it repeats without a seam.

    It was made by the void-and-cluster method: Ulichney, "The void-and-cluster method for dither array generation"
    (1993).
    """
    mask: UInt8Array = np.load(BLUE_NOISE)
    return mask


def thresholds(method: str) -> tuple[AnyArray, int]:
    """The mask of an ordered method, as numbers from 0 to candidates - 1, and the number of candidates."""
    if method == "blue-noise":
        return blue_noise().astype(np.int64) * BLUE_NOISE_CANDIDATES // 256, BLUE_NOISE_CANDIDATES
    side = int(method.removeprefix("bayer"))
    candidates = min(side * side, MOST_CANDIDATES)
    return bayer(side) * candidates // side**2, candidates


def order(image: CountedImage, light: Light, chooser: Chooser, method: str, strength: float) -> AnyArray:
    """The label of each pixel, (h, w), by the ordered ``method``; ``strength``, 0 to 1, weighs errors in mixtures."""
    mask, candidates = thresholds(method)
    entries = light.entries(chooser.colors).astype(np.float64)
    by_luma = np.argsort(entries @ LUMA, kind="stable")
    rank = np.empty(len(by_luma), np.uint16 if len(by_luma) <= 1 << 16 else np.int32)
    rank[by_luma] = np.arange(len(by_luma))
    colors = image.histogram.colors
    mixtures = np.empty((len(colors) + 1, candidates), rank.dtype)  # the last row is for transparent pixels
    mixtures[-1] = 0
    for rows in blocks(len(colors), CANDIDATE_BLOCK):
        mixtures[rows] = rank[_mixtures(colors[rows], light, chooser, candidates, strength)]
    mixtures.sort(axis=1)
    height, width = image.rgb.shape[:2]
    tiled = np.tile(mask, (1, -(-width // mask.shape[1])))[:, :width]
    labels = np.empty((height, width), np.int64)
    for y in range(height):
        labels[y] = by_luma[mixtures[image.index[y], tiled[y % len(mask)]]]
    return labels


def _mixtures(colors: UInt8Array, light: Light, chooser: Chooser, candidates: int, strength: float) -> IntArray:
    """The entries that a flat area of each colour (n, 3) uint8 gets, one after the other, (n, candidates) int64."""
    wanted, entries = light.decode[colors], light.entries(chooser.colors)
    error = np.zeros_like(wanted)
    chosen = np.empty((len(colors), candidates), np.int64)
    for number in range(candidates):
        values = np.clip(wanted + np.float32(strength) * error, light.low, light.high)
        chosen[:, number] = chooser.choose(with_one(light.encode[values.astype(np.int64)]))
        error = np.float32(FADE) * error + (wanted - entries[chosen[:, number]])
    return chosen
