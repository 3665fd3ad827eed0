"""Protection of small objects: weights that grow less than the number of pixels."""

from __future__ import annotations

import numpy as np

from colorquant.threads import one_thread
from colorquant.types import FloatArray, UInt8Array

PROTECTIONS = ("small",)
POWER = 0.5  # with which the weight of a colour grows with the pixels that are like it
SPREAD = 24.0  # standard deviation of "like it", in levels per channel
STEP, STEPS = 8, 32  # width of a cell in levels, and cells per channel


def protected(colors: UInt8Array, weights: FloatArray) -> FloatArray:
    """The weights (n,) of colours (n, 3) uint8, divided by the square root of the weight that similar colours have.

    What is like a colour is smooth: a Gaussian around its cell of 8 × 8 × 8 levels. So a large area of one colour,
    and its gradients, grow with the square root of their pixels. The total stays.
    """
    if not weights.any():
        return weights
    cells = (colors // STEP).astype(np.int64) @ np.array([STEPS * STEPS, STEPS, 1])
    table = np.bincount(cells, weights, STEPS**3).reshape(STEPS, STEPS, STEPS)
    levels = np.arange(STEPS) * STEP
    gaussian = np.exp(-0.5 * ((levels[:, None] - levels) / SPREAD) ** 2)
    with one_thread():
        for _ in range(table.ndim):  # each time the next channel comes last
            table = np.tensordot(table, gaussian, (0, 0))
    similar = table.reshape(-1)[cells]
    small = np.where(weights > 0, weights * np.maximum(similar, np.finfo(np.float64).tiny) ** (POWER - 1), 0.0)
    shrunk: FloatArray = small * (weights.sum() / small.sum())
    return shrunk
