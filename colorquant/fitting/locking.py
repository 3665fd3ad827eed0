"""Locked colours: those that a fitted palette must have, exactly as they are given."""

from __future__ import annotations

import numpy as np

from colorquant.color.histogram import ColorHistogram
from colorquant.color.packing import pack
from colorquant.color.rgba import OPAQUE
from colorquant.types import IntArray, UInt8Array


def locked_colors(lock: tuple[str, ...], *, alpha: bool = False) -> UInt8Array:
    """The colours, written ``#rrggbb``, as (l, 3) uint8; with ``alpha`` as (l, 4), opaque."""
    colors = np.array([list(bytes.fromhex(color[1:])) for color in lock], np.uint8).reshape(-1, 3)
    return np.column_stack([colors, np.full(len(lock), OPAQUE, np.uint8)]) if alpha else colors


def locked_rows(histogram: ColorHistogram, lock: tuple[str, ...]) -> tuple[IntArray, IntArray]:
    """The rows (j,) of the histogram whose colour is locked, and the position (j,) in ``lock`` of each one's colour."""
    keys, wanted = pack(histogram.colors), pack(locked_colors(lock, alpha=histogram.has_alpha))
    rows = np.flatnonzero(np.isin(keys, wanted))  # a few comparisons of all keys, where few colours are locked
    order = np.argsort(wanted)
    owners: IntArray = order[np.searchsorted(wanted[order], keys[rows])]
    return rows, owners


def are_enough(entries: int, histogram: ColorHistogram, lock: tuple[str, ...]) -> bool:
    """Whether a palette of so many ``entries`` holds every colour of the histogram, and the locked colours."""
    if len(histogram) > entries or not lock:
        return len(histogram) <= entries
    return len(histogram) + len(lock) - len(locked_rows(histogram, lock)[0]) <= entries
