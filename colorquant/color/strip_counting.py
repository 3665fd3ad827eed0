"""Counting the distinct colours of many pixels, strip by strip, by sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.packing import morton_codes, morton_colors, morton_order, pack, unpack
from colorquant.types import AnyArray, IntArray, UInt8Array, UInt32Array, UInt64Array

# The Morton codes (m,) of colours, their pixel counts (m,), and the sums (m,) of their pixels' alpha.
PartialCounts = tuple[UInt32Array, IntArray, IntArray]

COLORS = 1 << 24
SCANNED = 1 << 21  # entries of the table that are read at a time
STRIP = 1 << 22  # pixels that are counted by one sort; more of them are sorted strip by strip
ALPHA_STRIP = 1 << 22  # pixels counted at a time where each has an alpha, which takes three times the memory


def starts_of_runs(ascending: AnyArray) -> IntArray:
    """The positions at which the runs of equal values begin."""
    first = np.zeros(min(1, len(ascending)), np.int64)
    return np.concatenate([first, np.flatnonzero(ascending[1:] != ascending[:-1]) + 1])


def alpha_sums(keys: UInt64Array, starts: IntArray) -> IntArray:
    """The sums of the lowest eight bits of the keys (n,), one for each run."""
    if not len(starts):
        return np.empty(0, np.int64)
    sums: IntArray = np.add.reduceat((keys & np.uint64(255)).astype(np.int64), starts)
    return sums


def smallest_type(largest: int) -> np.dtype[np.integer[Any]]:
    """The smallest integer type for whole numbers from 0 to ``largest``: uint8, uint16, uint32 or int64."""
    return next(
        (np.dtype(kind) for kind in (np.uint8, np.uint16, np.uint32) if largest <= np.iinfo(kind).max),
        np.dtype(np.int64),
    )


def compact(values: AnyArray) -> AnyArray:
    """Whole numbers (n,), none negative, as an array of their :func:`smallest_type`."""
    return values.astype(smallest_type(int(values.max(initial=0))), copy=False)


def _count_strip(pixels: UInt8Array) -> tuple[UInt32Array, IntArray]:
    """The Morton codes (m,) of the distinct colours of pixels (n, 3), in no particular order, and their counts (m,)."""
    keys = pack(pixels)
    keys.sort()
    starts = starts_of_runs(keys)
    return morton_codes(unpack(keys[starts])), np.diff(starts, append=len(keys))


def count_colors(pixels: UInt8Array) -> tuple[UInt8Array, AnyArray]:
    """The distinct colours (m, 3) of pixels (n, 3) uint8 in Morton order, and their counts (m,) of any integer type.

    Sorting packed colours is faster than counting in a table, since numpy sorts with SIMD. Many pixels are sorted
    strip by strip, and the counts of the strips are added in a table, whose memory does not grow with the colours.
    """
    if len(pixels) > STRIP:
        return _count_in_table(pixels)
    codes, counts = _count_strip(pixels)
    order = morton_order(codes)
    return morton_colors(codes[order]), counts[order]


def _count_in_table(pixels: UInt8Array) -> tuple[UInt8Array, AnyArray]:
    """The same, by a table of the counts of all colours by their Morton codes."""
    table: AnyArray = np.zeros(COLORS, np.uint32 if len(pixels) < 1 << 32 else np.int64)
    for rows in blocks(len(pixels), STRIP):
        codes, counts = _count_strip(pixels[rows])
        table[codes] = table[codes] + counts.astype(table.dtype)
    colors = np.empty((int(np.count_nonzero(table)), 3), np.uint8)
    numbers = np.empty(len(colors), smallest_type(int(table.max())))
    end = 0
    for part in blocks(COLORS, SCANNED):
        found = np.flatnonzero(table[part])
        start, end = end, end + len(found)
        numbers[start:end] = table[part][found]
        colors[start:end] = morton_colors((found + part.start).astype(np.uint32))
    return colors, numbers


def count_with_alpha(pixels: UInt8Array, alpha: UInt8Array) -> tuple[UInt8Array, IntArray, IntArray]:
    """The distinct colours (m, 3) of pixels (n, 3) in Morton order, their counts (m,), and the sums (m,) of alpha (n,).

    There is at least one pixel.
    """
    parts: list[PartialCounts] = []
    limit = ALPHA_STRIP
    for rows in blocks(len(pixels), ALPHA_STRIP):
        parts.append(_count_alpha_strip(pixels[rows], alpha[rows]))
        if (
            sum(len(codes) for codes, _, _ in parts) > limit
        ):  # so that memory grows with the colours, not with the strips
            parts = [_merged(parts)]
            limit = max(ALPHA_STRIP, 2 * len(parts[0][0]))
    codes, counts, sums = _merged(parts)
    return morton_colors(codes), counts, sums


def _merged(parts: list[PartialCounts]) -> PartialCounts:
    codes, counts, sums = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = morton_order(codes)
    starts = starts_of_runs(codes[order])
    return codes[order[starts]], np.add.reduceat(counts[order], starts), np.add.reduceat(sums[order], starts)


def _count_alpha_strip(pixels: UInt8Array, alpha: UInt8Array) -> PartialCounts:
    """The distinct colours of pixels (n, 3)."""
    keys = pack(pixels).astype(np.uint64) << np.uint64(8) | alpha
    keys.sort()
    colors = (keys >> np.uint64(8)).astype(np.uint32)
    starts = starts_of_runs(colors)
    return morton_codes(unpack(colors[starts])), np.diff(starts, append=len(keys)), alpha_sums(keys, starts)
