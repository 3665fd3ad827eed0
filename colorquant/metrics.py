"""Measures of a quantized image, and of the model behind it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
Int64Array = npt.NDArray[np.int64]
BLOCK = 1 << 16  # rows at a time, so that temporaries stay in the processor's cache


def mse(before: UInt8Array, after: UInt8Array, counts: Int64Array | None = None) -> float:
    """Mean squared error: the squared differences **summed over the three channels**, averaged over pixels.

    ``before`` and ``after`` are (n, 3) or (h, w, 3) uint8; ``counts`` (n,) says how many pixels each row stands for.
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


def bic(log_likelihood: float, pixels: int, parameters: int) -> float:
    """Bayesian information criterion (Schwarz 1978) from the log-likelihood per pixel: lower is better."""
    return parameters * math.log(pixels) - 2 * log_likelihood * pixels
