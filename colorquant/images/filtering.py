"""Compress the rows of truecolour PNG files strip by strip."""

from __future__ import annotations

import zlib

import numpy as np

from colorquant.types import AnyArray, UInt8Array

BLOCK = 1 << 19  # bytes that are filtered at a time
LEVEL, MEMORY = 4, 9  # of zlib: the level of other large pictures; a table for longer blocks, which are 0.1 % smaller


class FilteredRows:
    """Compresses truecolour rows: each is filtered in the way whose bytes, as signed numbers, have the smallest sum.

    The filters and this heuristic are those of the PNG specification (W3C, third edition), sections 9.2 and 12.7.
    """

    def __init__(self, height: int, width: int, channels: int) -> None:
        self._left = height
        self._above = np.zeros((1, width, channels), np.uint8)
        self._compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, MEMORY, zlib.Z_FILTERED)

    def add(self, rows: AnyArray) -> bytes:
        """Compress the next ``rows`` (n, w, c) uint8. Returns the next bytes of the stream."""
        step = max(1, BLOCK // rows[0].size)
        blocks = [rows[top : top + step] for top in range(0, len(rows), step)]
        data = b"".join([self._compressor.compress(self._filtered(block)) for block in blocks])
        self._left -= len(rows)
        return data if self._left else data + self._compressor.flush()

    def _filtered(self, rows: UInt8Array) -> bytes:
        above = np.concatenate([self._above, rows[:-1]])
        left, corner = np.zeros_like(rows), np.zeros_like(rows)
        left[:, 1:], corner[:, 1:] = rows[:, :-1], above[:, :-1]
        best = np.empty((len(rows), 1 + rows[0].size), np.uint8)
        smallest = np.full(len(rows), np.iinfo(np.int64).max)
        for kind, predicted in ((1, left), (2, above), (4, _paeth(left, above, corner))):
            difference = (rows - predicted).reshape(len(rows), -1)
            size = np.minimum(difference, 0 - difference).sum(axis=1, dtype=np.int64)
            better = size < smallest
            best[better, 0], best[better, 1:] = kind, difference[better]
            smallest = np.minimum(smallest, size)
        self._above = rows[-1:].copy()
        return best.tobytes()


def _paeth(left: UInt8Array, above: UInt8Array, corner: UInt8Array) -> UInt8Array:
    """Of the three neighbours of each pixel the one that is nearest to left + above - corner (section 9.4)."""
    to_left = np.abs(above.astype(np.int16) - corner)
    to_above = np.abs(left.astype(np.int16) - corner)
    to_corner = np.abs(left.astype(np.int16) + above - 2 * corner.astype(np.int16))
    others = np.where(to_above <= to_corner, above, corner)
    nearest: UInt8Array = np.where((to_left <= to_above) & (to_left <= to_corner), left, others)
    return nearest
