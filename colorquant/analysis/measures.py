"""Measures of a quantized image."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from colorquant.types import FloatArray, IntArray, UInt8Array

BLOCK = 1 << 16  # rows at a time, so that temporaries stay in the processor's cache
SSIM_WINDOW = 7  # pixels across and down


def mean_and_percentile(values: FloatArray, counts: IntArray, percent: float) -> tuple[float, float]:
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
