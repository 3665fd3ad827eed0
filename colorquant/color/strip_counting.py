"""Counting the distinct colours of many pixels, strip by strip, by sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.packing import morton_codes, morton_colors, morton_order, pack, pack_with_alpha, unpack
from colorquant.types import AnyArray, IntArray, UInt8Array, UInt32Array, UInt64Array

# The Morton codes (m,) of colours, their pixel counts (m,), and the sums (m,) of their pixels' alpha.
PartialCounts = tuple[UInt32Array, IntArray, IntArray]

COLORS = 1 << 24
SCANNED = 1 << 21  # entries of the table that are read at a time
STRIP = 1 << 22  # pixels that are counted by one sort; more of them are sorted strip by strip
TABLE_STRIP = 1 << 20  # pixels that are sorted before they are added in a table


def starts_of_runs(ascending: AnyArray) -> IntArray:
    """The positions at which the runs of equal values begin."""
    first = np.zeros(min(1, len(ascending)), np.int64)
    return np.concatenate([first, np.flatnonzero(ascending[1:] != ascending[:-1]) + 1])


def alpha_sums(keys: UInt32Array | UInt64Array, starts: IntArray) -> IntArray:
    """The sums of the lowest eight bits of the keys (n,), one for each run."""
    if not len(starts):
        return np.empty(0, np.int64)
    sums: IntArray = np.add.reduceat(keys.astype(np.uint8).astype(np.int64), starts)
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
        colors, (counts,) = _from_tables(*_count_in_table(pixels))
        return colors, counts
    codes, counts = _count_strip(pixels)
    order = morton_order(codes)
    return morton_colors(codes[order]), counts[order]


def _count_in_table(pixels: UInt8Array) -> tuple[AnyArray]:
    """A table of the counts of all colours by their Morton codes."""
    table: AnyArray = np.zeros(COLORS, np.uint32 if len(pixels) < 1 << 32 else np.int64)
    for rows in blocks(len(pixels), TABLE_STRIP):
        codes, counts = _count_strip(pixels[rows])
        table[codes] = table[codes] + counts.astype(table.dtype)
    return (table,)


def _from_tables(counts: AnyArray, *others: AnyArray) -> tuple[UInt8Array, list[AnyArray]]:
    """The colours (m, 3) with a count, and the entries (m,) of all tables for them, of their smallest types."""
    tables = (counts, *others)
    colors = np.empty((int(np.count_nonzero(counts)), 3), np.uint8)
    columns = [np.empty(len(colors), smallest_type(int(table.max()))) for table in tables]
    end = 0
    for part in blocks(COLORS, SCANNED):
        found = np.flatnonzero(counts[part])
        start, end = end, end + len(found)
        for column, table in zip(columns, tables, strict=True):
            column[start:end] = table[part][found]
        colors[start:end] = morton_colors((found + part.start).astype(np.uint32))
    return colors, columns


def count_with_alpha(pixels: UInt8Array, alpha: UInt8Array) -> tuple[UInt8Array, AnyArray, AnyArray]:
    """The distinct colours (m, 3) of pixels (n, 3) in Morton order, their counts (m,), and the sums (m,) of alpha (n,).

    Pixels of alpha 0 do not count. Counts and sums are of any integer type. Many pixels are counted in tables, as by
    :func:`count_colors`.
    """
    if len(pixels) > STRIP:
        colors, (counts, sums) = _from_tables(*_count_alpha_in_tables(pixels, alpha))
        return colors, counts, sums
    codes, counts, sums = _count_alpha_strip(pixels, alpha)
    order = morton_order(codes)
    return morton_colors(codes[order]), counts[order], sums[order]


def _count_alpha_in_tables(pixels: UInt8Array, alpha: UInt8Array) -> tuple[AnyArray, AnyArray]:
    """Tables of the counts of all colours and of their sums of alpha, by their Morton codes."""
    counts: AnyArray = np.zeros(COLORS, np.uint32 if len(pixels) < 1 << 32 else np.int64)
    sums: AnyArray = np.zeros(COLORS, np.uint32)
    for rows in blocks(len(pixels), TABLE_STRIP):
        codes, strip_counts, strip_sums = _count_alpha_strip(pixels[rows], alpha[rows])
        counts[codes] = counts[codes] + strip_counts.astype(counts.dtype)
        strip_sums += sums[codes]
        if int(strip_sums.max(initial=0)) > np.iinfo(sums.dtype).max:
            sums = sums.astype(np.int64)
        sums[codes] = strip_sums
    return counts, sums


def _count_alpha_strip(pixels: UInt8Array, alpha: UInt8Array) -> PartialCounts:
    """The distinct colours of those pixels (n, 3) whose alpha (n,) is not 0, in no particular order."""
    keys = pack_with_alpha(pixels, alpha)[alpha > 0]
    keys.sort()
    colors = keys >> np.uint32(8)
    starts = starts_of_runs(colors)
    return morton_codes(unpack(colors[starts])), np.diff(starts, append=len(keys)), alpha_sums(keys, starts)
