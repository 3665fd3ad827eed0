"""Colours that share their features, such as gray or chroma, merged to one row each, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.packing import morton_codes
from colorquant.color.spaces import Projection
from colorquant.color.strip_counting import compact, smallest_type, starts_of_runs
from colorquant.types import AnyArray, FloatArray, Int32Array, IntArray, UInt8Array, UInt32Array, UInt64Array

MERGED_ROWS = 1 << 17  # colours that are merged at a time, or those of a single cell, if it has more


class Grid(NamedTuple):
    """A grid of 256 steps along the widest band of features: its corner ``low`` (d,), and that band's ``width``."""

    low: FloatArray
    width: float

    @classmethod
    def around(cls, colors: UInt8Array, projection: Projection) -> Grid:
        """The grid around the features of colours (n, 3) uint8."""
        low, high = np.full(len(projection.bands), np.inf), np.full(len(projection.bands), -np.inf)
        for rows in blocks(len(colors)):
            features = projection.features(colors[rows])
            np.minimum(low, features.min(axis=0), out=low)
            np.maximum(high, features.max(axis=0), out=high)
        return cls(low, float(np.max(high - low, initial=0.0)) or 1.0)

    def codes(self, features: FloatArray) -> UInt32Array:
        """The Morton codes (m,) of the cells of features (m, d)."""
        return morton_codes(np.asarray((features - self.low) * (255 / self.width)).astype(np.uint8))


@dataclass(frozen=True, eq=False)
class MergedColors:
    """One row for all colours that share their features.

    ``colors`` (m, 3) uint8 has the first colour of each row; the rows are in Morton order. ``weights`` (m,) are the
    sums of those of the colours, and ``index`` (n,) gives the row of each colour.
    """

    colors: UInt8Array
    weights: AnyArray
    index: Int32Array


def merged(colors: UInt8Array, weights: AnyArray, projection: Projection) -> MergedColors:
    """Merge those of the colours (n, 3) uint8, with ``weights`` (n,), whose features in ``projection`` are equal.

    The colours are sorted by the cells of a grid; colours that share their features are then in the same cell.
    """
    grid = Grid.around(colors, projection)
    cells = np.empty(len(colors), np.uint64)  # of each colour: its cell << 32 | its row
    for rows in blocks(len(colors)):
        codes = grid.codes(projection.features(colors[rows])).astype(np.uint64)
        cells[rows] = codes << np.uint64(32) | np.arange(rows.start, rows.stop, dtype=np.uint64)
    cells.sort()
    exact = weights.dtype != np.float64
    index, distinct = np.empty(len(colors), np.int32), np.empty_like(colors)
    sums, count = np.empty(len(colors), smallest_type(int(weights.sum(dtype=np.int64))) if exact else np.int64), 0
    for part in _whole_cells(cells):
        rows_of, first = _sorted_by_features(cells[part], colors, projection)
        index[rows_of] = count + np.repeat(np.arange(len(first)), np.diff(first, append=len(rows_of)))
        start, count = count, count + len(first)
        distinct[start:count] = colors[rows_of[first]]
        if exact:
            sums[start:count] = np.add.reduceat(weights[rows_of].astype(np.int64), first)
    del cells
    distinct.resize((count, 3), refcheck=False)  # in place: a copy would need as much memory again
    if exact:
        sums.resize(count, refcheck=False)
        return MergedColors(distinct, compact(sums), index)
    totals = np.zeros(count)
    for rows in blocks(len(colors)):
        np.add.at(totals, index[rows].astype(np.int64), weights[rows])
    return MergedColors(distinct, totals, index)


def _sorted_by_features(cells: UInt64Array, colors: UInt8Array, projection: Projection) -> tuple[IntArray, IntArray]:
    """The rows (b,) of whole ``cells`` (b,), sorted by cell, features and row, and where distinct features begin."""
    rows = (cells & np.uint64(0xFFFFFFFF)).astype(np.int64)
    keys = feature_keys(projection.features(colors[rows]), projection)
    order = np.lexsort((keys, cells >> np.uint64(32)))
    keys = keys[order]
    numbers = np.zeros(len(keys), np.int64)  # cells have few colours each, but may share a key by chance
    numbers[1:] = np.cumsum((keys[1:] != keys[:-1]) | (np.diff(cells[order] >> np.uint64(32)) > 0))
    return rows[order], starts_of_runs(numbers)


def _whole_cells(cells: UInt64Array) -> Iterator[slice]:
    """Slices of about MERGED_ROWS of the ascending ``cells`` (n,), each with all colours of its cells."""
    start = 0
    while start < len(cells):
        stop = min(start + MERGED_ROWS, len(cells))
        if stop < len(cells):
            end_of_cell = (cells[stop - 1] >> np.uint64(32)) + np.uint64(1)
            stop = int(np.searchsorted(cells, end_of_cell << np.uint64(32)))
        yield slice(start, stop)
        start = stop


def feature_keys(features: FloatArray, projection: Projection) -> IntArray:
    """One int64 (n,) per row of ``features`` (n, d), equal where the rows are: to 2^-20 of a level for float spaces."""
    scale = 1.0 if projection.space.level == 1 else 2**20 / projection.space.level
    shift = 62 // features.shape[1]
    keys = np.zeros(len(features), np.int64)
    for band in np.rint(features * scale).astype(np.int64).T:
        keys = (keys << shift) + band
    return keys
