"""Work on arrays block by block: a block and its temporaries stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

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
