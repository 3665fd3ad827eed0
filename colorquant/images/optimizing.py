"""Make PNG files smaller with oxipng, without changing a pixel: the option --optimize."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from colorquant.errors import OptionError, OutputError
from colorquant.types import IntArray

LEVEL = 2  # of oxipng: higher levels take several times as long, for 1 % at 16 colours and some more at 256
ROWS = 256  # of which neighbours are counted at a time


def check_optimizer() -> None:
    """Raises OptionError where pyoxipng is missing."""
    if find_spec("oxipng") is None:
        raise OptionError("--optimize needs pyoxipng, which is not installed: pip install 'colorquant[optimize]'")


def optimized(png: bytes) -> bytes:
    """The PNG with the same pixels and metadata in fewer bytes, or itself where it cannot be made smaller.

    Its colour type, its depth and the order of its palette may change. Raises OptionError where pyoxipng is missing,
    OutputError where it fails.
    """
    check_optimizer()
    import oxipng

    try:
        smaller = oxipng.optimize_from_memory(png, level=LEVEL, strip=oxipng.StripChunks.none())
    except oxipng.PngError as error:
        raise OutputError(f"oxipng cannot optimize the picture: {error}; leave --optimize out") from error
    return min(png, smaller, key=len)


def neighbour_order(indices: npt.NDArray[np.integer], entries: int) -> IntArray:
    """An order (p,) of the ``entries`` of a palette in which those stand together that are neighbours in the picture.

    ``indices`` (h, w) are integers below p. Beginning with entry 0, the next entry is the one, of those that are left,
    that is most often beside the one before, horizontally or vertically; the filters of a PNG then see small
    differences. This is the greedy path through the matrix of co-occurrences, a simple form of the reindexing of
    Zeng, Li and Lei, "An efficient color re-indexing scheme for palette-based compression" (ICIP 2000).
    """
    together = np.zeros(entries * entries, np.int64)
    for first, second in ((indices[:, :-1], indices[:, 1:]), (indices[:-1], indices[1:])):
        for start in range(0, len(first), ROWS):
            rows = slice(start, start + ROWS)
            pairs = first[rows].astype(np.int32) * entries + second[rows]
            together += np.bincount(pairs.reshape(-1), minlength=entries * entries)
    counts = together.reshape(entries, entries)
    counts = counts + counts.T
    order = [0]
    left = np.ones(entries, np.bool_)
    for _ in range(entries - 1):
        left[order[-1]] = False
        order.append(int(np.argmax(np.where(left, counts[order[-1]], -1))))
    return np.array(order)
