"""Work on arrays block by block: a block and its temporaries stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from colorquant.types import AnyArray

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
    """``values[places]`` (n, …) of ``places`` (n,), block by block: numpy would widen all the places at once."""
    found = np.empty((len(places), *values.shape[1:]), values.dtype)
    for rows in blocks(len(places)):
        found[rows] = values[places[rows]]
    return found
