"""Counting the distinct pairs of colour and alpha of many pixels, and finding the row of each pixel's pair again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.packing import morton_codes, morton_order, pack, pack_with_alpha, unpack
from colorquant.color.rgba import OPAQUE, rgba_grid
from colorquant.color.strip_counting import COLORS, STRIP, compact, smallest_type, starts_of_runs
from colorquant.types import AnyArray, IntArray, UInt8Array, UInt32Array

COUNTED = 1 << 18  # pixels of a strip, if there are more than STRIP
RANGES = 256  # of Morton codes that are merged one after another
SEARCHED = 1 << 20  # pixels whose rows are searched at a time: more are found faster, and take more memory
GROUP_ROWS = 1 << 21  # rows that are sorted for a search, or those of a single level of alpha, if it has more


def pack_rgba(rgb: UInt8Array, alpha: UInt8Array) -> UInt32Array:
    """Pixels (n, 3) uint8 with alpha (n,) uint8 as keys (n,) of :func:`pack`; 0 where they are fully transparent."""
    keys = pack_with_alpha(rgb, alpha)
    keys[alpha == 0] = 0
    return keys


class _Counted(NamedTuple):
    """Distinct keys (m,), in the order of the Morton codes of their cells and then of the keys, and counts (m,).

    ``starts`` (RANGES + 1,) are the positions at which the ranges of codes begin.
    """

    keys: UInt32Array
    counts: AnyArray
    starts: IntArray

    @classmethod
    def of(cls, keys: UInt32Array, counts: AnyArray) -> _Counted:
        """Distinct ascending ``keys`` with their ``counts`` in that order."""
        codes = np.empty(len(keys), np.uint32)
        for rows in blocks(len(keys)):
            codes[rows] = morton_codes(rgba_grid(unpack(keys[rows], 4)))
        order = morton_order(codes)
        first = np.arange(RANGES, dtype=np.uint64) * ((1 << 32) // RANGES)
        starts = np.searchsorted(codes[order], first.astype(np.uint32))
        return cls(keys[order], compact(counts[order]), np.append(starts, len(keys)))

    def part(self, number: int) -> tuple[UInt32Array, AnyArray]:
        """The keys and counts of a range."""
        rows = slice(int(self.starts[number]), int(self.starts[number + 1]))
        return self.keys[rows], self.counts[rows]


def count_rgba(rgb: UInt8Array, alpha: UInt8Array) -> tuple[UInt8Array, AnyArray]:
    """The distinct pairs (m, 4) of colour and alpha of pixels (n, 3) with alpha (n,), uint8, and their counts (m,).

    They are in the order of the Morton codes of :func:`rgba_grid`, then of their keys. Fully transparent pixels are
    one row of zeros. Many pixels are counted strip by strip; the strips are merged one range of codes after another.
    """
    if len(rgb) <= STRIP:
        counted = _counted_strip(rgb, alpha)
        return unpack(counted.keys, 4), counted.counts
    strips, most = _counted_strips(rgb, alpha)
    colors = np.empty((sum(len(strip.keys) for strip in strips), 4), np.uint8)
    counts: AnyArray = np.empty(len(colors), smallest_type(most))
    end = 0
    for number in range(RANGES):
        keys, numbers = (np.concatenate(part) for part in zip(*(strip.part(number) for strip in strips), strict=True))
        merged = _merged(keys, numbers)
        start, end = end, end + len(merged.keys)
        colors[start:end], counts[start:end] = unpack(merged.keys, 4), merged.counts
    colors.resize((end, 4), refcheck=False)  # in place: a copy would need as much memory again
    counts.resize(end, refcheck=False)
    return colors, counts


def _counted_strips(rgb: UInt8Array, alpha: UInt8Array) -> tuple[list[_Counted], int]:
    """The strips of many pixels (n, 3) with alpha (n,), each counted, and a bound of the sums of their counts.

    All of them lie in two large arrays, which the system takes back as soon as they are no longer used.
    """
    keys, counts = np.empty(len(rgb), np.uint32), np.empty(len(rgb), np.uint32)
    strips, end, most = [], 0, 0
    for rows in blocks(len(rgb), COUNTED):
        counted = _counted_strip(rgb[rows], alpha[rows])
        start, end = end, end + len(counted.keys)
        keys[start:end], counts[start:end] = counted.keys, counted.counts
        most += int(counted.counts.max())
        strips.append(_Counted(keys[start:end], counts[start:end], counted.starts))
    return strips, most


def _counted_strip(rgb: UInt8Array, alpha: UInt8Array) -> _Counted:
    keys = pack_rgba(rgb, alpha)
    keys.sort()
    starts = starts_of_runs(keys)
    return _Counted.of(keys[starts], np.diff(starts, append=len(keys)))


def _merged(keys: UInt32Array, counts: AnyArray) -> _Counted:
    """The distinct ones of the keys (n,), and the sums of their counts (n,)."""
    order = morton_order(keys)
    ascending = keys[order]
    starts = starts_of_runs(ascending)
    sums = np.add.reduceat(counts[order].astype(np.int64), starts) if len(starts) else np.empty(0, np.int64)
    return _Counted.of(ascending[starts], sums)


def spread_rgba(colors: UInt8Array, values: AnyArray, rgb: UInt8Array, alpha: UInt8Array) -> AnyArray:
    """For each pixel (n, 3) with alpha (n,), uint8, the entry of ``values`` (m,) of its row in ``colors`` (m, 4).

    The colours are distinct, and every pixel has one of them. Opaque pixels look theirs up in a table, others by
    bisection, some levels of alpha after others.
    """
    table = np.zeros(COLORS, values.dtype)
    for rows in blocks(len(colors)):
        opaque = rows.start + np.flatnonzero(colors[rows, 3] == OPAQUE)
        table[pack(colors[opaque, :3])] = values[opaque]
    out = np.empty(len(alpha), values.dtype)
    for rows in blocks(len(rgb)):
        np.take(table, pack(rgb[rows]), out=out[rows], mode="clip")
    del table
    for low, high in _alpha_ranges(colors):
        keys, numbers = _rows_between(colors, low, high)
        for rows in blocks(len(rgb), SEARCHED):
            places = np.flatnonzero((alpha[rows] >= low) & (alpha[rows] <= high))
            if len(places):
                wanted = pack_rgba(rgb[rows][places], alpha[rows][places])
                out[rows][places] = values[numbers[_positions(keys, wanted)]]
    return out


def _alpha_ranges(colors: UInt8Array) -> Iterator[tuple[int, int]]:
    """Ranges of alpha below OPAQUE, from the lowest to the highest level, of at most GROUP_ROWS of the rows (m, 4)."""
    sizes = sum((np.bincount(colors[rows, 3], minlength=256) for rows in blocks(len(colors))), np.zeros(256, np.int64))
    low = together = 0
    for level, size in enumerate(sizes[:OPAQUE].tolist()):
        if together and together + size > GROUP_ROWS:
            yield low, level - 1
            low, together = level, 0
        together += size
    if together:
        yield low, OPAQUE - 1


def _rows_between(colors: UInt8Array, low: int, high: int) -> tuple[UInt32Array, UInt32Array]:
    """The keys, ascending, and the numbers of those rows of ``colors`` (m, 4) whose alpha is from low to high."""
    parts = []
    for rows in blocks(len(colors)):
        places = rows.start + np.flatnonzero((colors[rows, 3] >= low) & (colors[rows, 3] <= high))
        parts.append(pack(colors[places]).astype(np.uint64) << np.uint64(32) | places.astype(np.uint64))
    keyed = np.concatenate(parts)
    del parts
    keyed.sort()
    return (keyed >> np.uint64(32)).astype(np.uint32), keyed.astype(np.uint32)


def _positions(keys: UInt32Array, wanted: UInt32Array) -> IntArray:
    """The positions (m,) of the ``wanted`` (m,) among ``keys`` (n,), ascending. Sorted ones are found faster."""
    order = morton_order(wanted)
    ascending = wanted[order]
    starts = starts_of_runs(ascending)
    found = np.repeat(np.searchsorted(keys, ascending[starts]), np.diff(starts, append=len(ascending)))
    positions = np.empty(len(wanted), np.int64)
    positions[order] = found
    return positions
