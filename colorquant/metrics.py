"""Measures of a quantized image, and of the model behind it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
LabelMap = npt.NDArray[np.integer[Any]]
BLOCK = 1 << 16  # rows at a time, so that temporaries stay in the processor's cache
SSIM_WINDOW = 7  # pixels across and down
DENSE = 1 << 22  # a table of all pairs of labels up to this size is counted without sorting
MATCHED = 1024  # labels of a map: matching more would take minutes


def mse(before: UInt8Array, after: UInt8Array, counts: Int64Array | None = None) -> float:
    """Mean squared error: the squared differences **summed over the three channels**, averaged over pixels.

    ``before`` and ``after`` are (n, 3) or (h, w, 3) uint8; ``counts`` (n,) says how many pixels, or votes, each row
    stands for.
    The sum is exact (integers). This is the convention of the papers on colour quantization.
    """
    before, after = before.reshape(-1, 3), after.reshape(-1, 3)
    total = 0
    for start in range(0, len(before), BLOCK):
        rows = slice(start, start + BLOCK)
        difference = before[rows].astype(np.int32) - after[rows]
        squared = np.einsum("ij,ij->i", difference, difference).astype(np.int64)
        total += int(squared.sum() if counts is None else squared @ counts[rows])
    pixels = len(before) if counts is None else int(counts.sum())
    return total / max(pixels, 1)


def psnr(error: float) -> float:
    """Peak signal-to-noise ratio in dB of an ``mse``: 10·log10(3·255² / mse); infinite where the error is 0."""
    return 10 * math.log10(3 * 255**2 / error) if error > 0 else math.inf


def bic(log_likelihood: float, pixels: float, parameters: int) -> float:
    """Bayesian information criterion (Schwarz 1978) from the log-likelihood per pixel: lower is better."""
    return parameters * math.log(pixels) - 2 * log_likelihood * pixels


def aic(log_likelihood: float, pixels: float, parameters: int) -> float:
    """Akaike's information criterion (Akaike 1974) from the log-likelihood per pixel: lower is better."""
    return 2 * parameters - 2 * log_likelihood * pixels


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
    rotation = np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2)))  # 16, doubled as 21 wants it
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


def mean_and_percentile(values: FloatArray, counts: Int64Array, percent: float) -> tuple[float, float]:
    """The mean over pixels of ``values`` (n,) that stand for ``counts`` (n,) pixels, or votes, each, and a percentile.

    The percentile is the least value that ``percent`` of the pixels do not exceed; of no pixels both are 0.
    """
    if not len(values):
        return 0.0, 0.0
    percentile = np.percentile(values, percent, weights=counts, method="inverted_cdf")
    return float(values @ counts / counts.sum()), float(percentile)


def has_ssim() -> bool:
    """Whether scikit-image, which computes :func:`ssim`, is installed."""
    return find_spec("skimage") is not None


def ssim(before: UInt8Array, after: UInt8Array) -> float | None:
    """Structural similarity (Wang et al. 2004) of pixels (h, w, 3) uint8, 1 where they are the same.

    scikit-image's convention: the mean over channels and over uniform windows of 7 × 7 pixels. None where it is not
    installed (see :func:`has_ssim`), or the picture is smaller than a window.
    """
    if not has_ssim() or min(before.shape[:2]) < SSIM_WINDOW:
        return None
    import skimage.metrics

    measure: Callable[..., Any] = skimage.metrics.structural_similarity
    total, overlap = 0.0, SSIM_WINDOW - 1
    windows: int = before.shape[0] - overlap
    step = max(1, BLOCK // before.shape[1])
    for top in range(0, windows, step):  # strips: scikit-image takes some 200 bytes a pixel
        rows = slice(top, min(top + step, windows) + overlap)
        part = measure(before[rows], after[rows], win_size=SSIM_WINDOW, channel_axis=2, data_range=255)
        total += float(part) * (rows.stop - overlap - top)
    return total / windows


@dataclass(frozen=True)
class Contingency:
    """How many pixels carry each pair of labels of two label maps.

    ``counts`` (m,) int64, all above 0, belong to the pairs (``ones``, ``others``), (m,) int64 each, that occur.
    """

    ones: Int64Array
    others: Int64Array
    counts: Int64Array

    @classmethod
    def of(cls, one: LabelMap, other: LabelMap) -> Contingency:
        """The pairs of the labels of the same pixels, (n,) each, from 0 up."""
        width = int(np.max(other, initial=0)) + 1
        pairs = one.astype(np.int64) * width + other
        if (int(np.max(one, initial=0)) + 1) * width <= DENSE:
            table = np.bincount(pairs)
            found = np.flatnonzero(table)
            counts = table[found]
        else:
            found, counts = np.unique(pairs, return_counts=True)
        return cls(found // width, found % width, counts.astype(np.int64))

    @cached_property
    def table(self) -> Int64Array:
        """The counts (a, b) of the a labels of the one that occur, against the b labels of the other."""
        ones, row = np.unique(self.ones, return_inverse=True)
        others, column = np.unique(self.others, return_inverse=True)
        table = np.zeros((len(ones), len(others)), np.int64)
        table[row, column] = self.counts
        return table

    @property
    def adjusted_rand_index(self) -> float:
        """1 where the partitions are the same, 0 as by chance (Hubert and Arabie 1985, equation 5)."""
        n = int(self.counts.sum())
        together = _pairs(self.counts)
        one, other = (_pairs(np.bincount(labels, self.counts).astype(np.int64)) for labels in (self.ones, self.others))
        expected = one * other / max(_pairs(np.array([n])), 1)
        most = (one + other) / 2
        return 1.0 if most == expected else (together - expected) / (most - expected)

    @property
    def matched_share(self) -> float | None:
        """The share of pixels whose labels agree once those of the one are matched to the other's one to one, so that
        most pixels agree (Kuhn 1955, "Hungarian"). None above MATCHED labels.
        """
        best = _best_matching(self, lambda table: table.astype(np.float64))
        return None if best is None else best / max(int(self.counts.sum()), 1)

    @property
    def mean_iou(self) -> float | None:
        """Mean over the labels of the other, the truth, of the intersection over union with its matched label.

        Labels are matched one to one so that this is highest; a label without a match counts 0. None above MATCHED.
        """
        best = _best_matching(self, _intersection_over_union)
        return None if best is None else best / max(len(np.unique(self.others)), 1)


def _pairs(sizes: Int64Array) -> int:
    """The number of pairs within groups of these sizes."""
    return int((sizes * (sizes - 1) // 2).sum())


def _intersection_over_union(table: Int64Array) -> FloatArray:
    union = table.sum(axis=1, keepdims=True) + table.sum(axis=0, keepdims=True) - table
    shares: FloatArray = table / union
    return shares


def _best_matching(contingency: Contingency, gain: Callable[[Int64Array], FloatArray]) -> float | None:
    """The greatest sum of ``gain`` over a one-to-one matching of the rows and columns of the table."""
    if max(len(np.unique(contingency.ones)), len(np.unique(contingency.others))) > MATCHED:
        return None
    from scipy.optimize import linear_sum_assignment

    gains = gain(contingency.table)
    return float(gains[linear_sum_assignment(gains, maximize=True)].sum())
