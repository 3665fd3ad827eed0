"""Choosing the entries of a palette for colours that come a few at a time."""

from __future__ import annotations

import numpy as np

from colorquant.mapping.nearest import Nearest
from colorquant.types import AnyArray, Float32Array, IntArray, UInt8Array

PACK = np.array([1 << 16, 1 << 8, 1, 0], np.float32)  # the key of a colour is exact in float32: it is below 2²⁴
CELL = np.indices((8, 8, 8)).reshape(3, -1).T.astype(np.uint8)  # a cell of colours whose entries are learnt together
CELL_KEYS = (CELL.astype(np.float32) @ PACK[:3]).astype(np.int64)
PACKED = 32  # entries, a power of two: as many have their numbers in their scores
LONG = 512  # colours from which this pays
MOST_SCORES = 1 << 20  # distances in memory
IN_CELL = 0x070707  # the bits of a packed colour that differ within a cell


def with_one(levels: AnyArray) -> Float32Array:
    """Rows of ``levels`` (n, c), whole numbers from 0 to 255, each followed by a 1, (n, c + 1) float32.

    So a product with a matrix includes the addition of constants.
    """
    return np.concatenate([levels, np.ones((len(levels), 1), np.float32)], axis=1, dtype=np.float32)


class Chooser:
    """The entry of a palette that is nearest to a colour of 8 bits per channel.

    ``colors`` (p, 3) uint8 is the palette; ``nearest`` gives the entries of colours (n, 3) uint8. Colours are whole
    levels, so that there are few enough of them to remember the entry of each: ``known`` (2²⁴,) has for each packed
    colour its entry + 1, or 0.
    """

    def __init__(self, colors: UInt8Array, nearest: Nearest) -> None:
        self.colors, self._nearest = colors, nearest
        self.known = np.zeros(1 << 24, np.uint16 if len(colors) < 1 << 16 else np.int32)

    def choose(self, levels: Float32Array) -> IntArray:
        """The entry of each of ``levels`` (n, 4), which are those of :func:`with_one`, (n,) int64."""
        return self._remembered(levels)

    def _remembered(self, levels: Float32Array) -> IntArray:
        keys = (levels @ PACK).astype(np.int64)
        entries = self.known.take(keys).astype(np.int64)
        if not entries.all():
            unknown = np.flatnonzero(entries == 0)
            found = self._entries(levels[unknown]) + 1
            entries[unknown] = found
            self.known[keys[unknown]] = found
        entries -= 1
        return entries

    def learn(self, key: int) -> int:
        """The entry of a packed colour. Those of its neighbours are remembered as well, which costs little more."""
        first = key & ~IN_CELL
        corner = np.array([first >> 16, first >> 8 & 255, first & 255], np.uint8)
        self.known[first + CELL_KEYS] = self._entries(with_one(corner + CELL)) + 1
        return int(self.known[key]) - 1

    def _entries(self, levels: Float32Array) -> IntArray:
        """The same as :meth:`choose`, computed."""
        return self._nearest(levels[:, :-1].astype(np.uint8))


class RGBChooser(Chooser):
    """A Chooser by Euclidean distance in RGB. With ``computes`` it computes instead of remembering.

    That is faster for few entries, and for small pictures. Products of whole levels are exact in float32, so that the
    result is the same on every machine.
    """

    def __init__(self, colors: UInt8Array, nearest: Nearest, *, computes: bool = True) -> None:
        super().__init__(colors, nearest)
        values = colors.astype(np.float32)
        half_norms = np.einsum("ij,ij->i", values, values) / 2
        self._columns = np.ascontiguousarray(np.column_stack([values, -half_norms]).T)
        self._scores = np.empty((0, len(colors)), np.float32)
        self._computes = computes
        # A score of few entries has room for their numbers: 32·(2·x·c - |c|²) + 31 - number is below 2²⁴.
        self._packed = len(colors) <= PACKED
        numbers = PACKED - 1 - np.arange(len(colors), dtype=np.float32)
        self._rows = np.column_stack([2 * PACKED * values, numbers - 2 * PACKED * half_norms])

    def choose(self, levels: Float32Array) -> IntArray:
        """As :meth:`Chooser.choose`."""
        return self._entries(levels) if self._computes else self._remembered(levels)

    def _entries(self, levels: Float32Array) -> IntArray:
        if len(levels) * len(self.colors) > MOST_SCORES and len(levels) > 1:
            half = len(levels) // 2
            return np.concatenate([self._entries(levels[:half]), self._entries(levels[half:])])
        if self._packed and len(levels) > LONG:
            scores = np.matmul(self._rows, levels.T)
            numbers: IntArray = np.maximum.reduce(scores, axis=0).astype(np.int64) & (PACKED - 1)
            return PACKED - 1 - numbers
        if len(levels) > len(self._scores):
            self._scores = np.empty((len(levels), len(self.colors)), np.float32)
        scores = self._scores[: len(levels)]
        np.matmul(levels, self._columns, out=scores)
        entries: IntArray = scores.argmax(axis=1)
        return entries
