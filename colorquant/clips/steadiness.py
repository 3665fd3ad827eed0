"""How steady the labels of a clip are from frame to frame."""

from __future__ import annotations

import math

import numpy as np

from colorquant.clips.pixels import LabelledPixels
from colorquant.clips.results import Steadiness
from colorquant.types import BoolArray, IntArray, UInt8Array


class SteadinessCounter:
    """Compares the labels of frames with those of the frame before, at the pixels that are visible in both.

    ``still`` is in levels, as for :class:`Steadiness`.
    """

    def __init__(self, still: float) -> None:
        self._still = still
        self._least = min(256, max(0, math.ceil(still)))  # the smallest movement that is not still
        self._flickering = self._changed = self._compared = 0

    def add(self, before: LabelledPixels, pixels: LabelledPixels, rows: IntArray) -> None:
        """Compare the pixels of a frame with those of the one before; ``rows`` (m,) are those whose labels differ."""
        compared = len(pixels.keys)
        moved: BoolArray = np.zeros(len(rows), np.bool_)
        if pixels.alpha is not None or before.alpha is not None:
            here, there = (_filled(part.alpha, compared) for part in (pixels, before))
            visible = (here > 0) & (there > 0)
            compared, rows = int(np.count_nonzero(visible)), rows[visible[rows]]
            moved = self._moved(here[rows], there[rows])
        bytes_here, bytes_there = (part.keys[rows].view(np.uint8) for part in (pixels, before))
        moved |= self._moved(bytes_here, bytes_there).view(np.uint32) != 0
        self._compared += compared
        self._changed += len(rows)
        self._flickering += len(rows) - int(np.count_nonzero(moved))

    def _moved(self, one: UInt8Array, other: UInt8Array) -> BoolArray:
        """Where levels differ by ``still`` or more."""
        moved: BoolArray = np.maximum(one, other) - np.minimum(one, other) >= self._least
        return moved

    def result(self) -> Steadiness | None:
        """The shares of all frames so far; None where no two frames could be compared."""
        if not self._compared:
            return None
        return Steadiness(self._flickering / self._compared, self._changed / self._compared, self._still)


def _filled(alpha: UInt8Array | None, n: int) -> UInt8Array:
    return np.full(n, 255, np.uint8) if alpha is None else alpha
