"""Work on arrays block by block: a block and its temporaries stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from colorquant.types import AnyArray, BoolArray

BLOCK = 1 << 16  # rows per block
CACHED_VALUES = 1 << 19  # numbers in a block of rows, where each row needs many
MOST_ROWS = 2048  # rows in such a block


def blocks(n: int, step: int = BLOCK) -> Iterator[slice]:
    """Slices of at most ``step`` rows that cover ``n`` rows, so that no temporary array is as large as the whole."""
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def row_blocks(n: int, k: int) -> Iterator[slice]:
    """Slices that cover ``n`` rows, such that rows × ``k`` numbers stay in the processor's cache."""
    step = max(16, min(MOST_ROWS, CACHED_VALUES // max(k, 1)))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def taken(values: AnyArray, places: AnyArray) -> AnyArray:
    """``values[places]`` of ``places`` of any shape, block by block: numpy would widen all the places at once."""
    found = np.empty((places.size, *values.shape[1:]), values.dtype)
    flat = places.reshape(-1)
    for rows in blocks(len(flat)):
        found[rows] = values[flat[rows]]
    return found.reshape(*places.shape, *values.shape[1:])


def picked(values: AnyArray, marks: BoolArray) -> AnyArray:
    """``values[marks]`` of ``values`` (n, …) and ``marks`` (n,), block by block: numpy would number all rows."""
    found = np.empty((int(np.count_nonzero(marks)), *values.shape[1:]), values.dtype)
    start = 0
    for rows in blocks(len(values)):
        chosen = values[rows][marks[rows]]
        found[start : start + len(chosen)] = chosen
        start += len(chosen)
    return found
