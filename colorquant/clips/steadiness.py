"""How steady the labels of a clip are from frame to frame."""

from __future__ import annotations

import math

import numpy as np

from colorquant.clips.results import Steadiness
from colorquant.types import AnyArray, BoolArray, UInt8Array, UInt32Array


class SteadinessCounter:
    """Compares the labels of each frame with those of the frame before, at the pixels that are visible in both.

    ``still`` is in levels, as for :class:`Steadiness`. Memory is that of one frame.
    """

    def __init__(self, still: float) -> None:
        self._still = still
        self._least = min(256, max(0, math.ceil(still)))  # the smallest movement that is not still
        self._before: tuple[UInt32Array, AnyArray, UInt8Array | None] | None = None
        self._flickering = self._changed = self._compared = 0

    def cut(self) -> None:
        """A new scene begins: its first frame is not compared with the last one of the scene before."""
        self._before = None

    def add(self, keys: UInt32Array, labels: AnyArray, alpha: UInt8Array | None) -> None:
        """Compare a frame with the one before.

        ``keys`` (n,) are the packed colours of the pixels, ``labels`` (n,) their labels, ``alpha`` (n,) their alpha,
        None where all are opaque.
        """
        before, self._before = self._before, (keys, labels, alpha)
        if before is None or len(before[0]) != len(keys):
            return
        last_keys, last_labels, last_alpha = before
        rows = np.flatnonzero(labels != last_labels)
        compared = len(keys)
        moved: BoolArray = np.zeros(len(rows), np.bool_)
        if alpha is not None or last_alpha is not None:
            here, there = (_filled(levels, len(keys)) for levels in (alpha, last_alpha))
            visible = (here > 0) & (there > 0)
            compared, rows = int(np.count_nonzero(visible)), rows[visible[rows]]
            moved = self._moved(here[rows], there[rows])
        bytes_here, bytes_there = (part[rows].view(np.uint8) for part in (keys, last_keys))
        moved |= self._moved(bytes_here, bytes_there).reshape(-1, 4).any(axis=1)
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
