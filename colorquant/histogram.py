"""The colour histogram: distinct colours with their pixel counts, and the way back to the pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
UInt32Array = npt.NDArray[np.uint32]
Int64Array = npt.NDArray[np.int64]
AnyArray = npt.NDArray[Any]

BLOCK = 1 << 16  # pixels per step: a block and its temporaries stay in the processor's cache


def pack(colors: UInt8Array) -> UInt32Array:
    """Colours (…, 3) uint8 as keys (n,) uint32, ``r << 16 | g << 8 | b``: sorted keys are sorted colours."""
    flat = colors.reshape(-1, 3)
    keys = np.empty(len(flat), np.uint32)
    for rows in blocks(len(flat)):
        part = keys[rows]
        part[:] = flat[rows, 0]
        for band in (1, 2):
            part <<= np.uint32(8)
            part |= flat[rows, band]
    return keys


def unpack(keys: UInt32Array) -> UInt8Array:
    """Keys (n,) uint32 of :func:`pack` as colours (n, 3) uint8."""
    colors = np.empty((len(keys), 3), np.uint8)
    for band, shift in enumerate((16, 8, 0)):
        colors[:, band] = (keys >> np.uint32(shift)) & np.uint32(255)
    return colors


def count_distinct(colors: UInt8Array) -> int:
    """The number of different colours among (…, 3) uint8."""
    keys = pack(colors)
    keys.sort()
    return int(np.count_nonzero(keys[1:] != keys[:-1])) + min(1, len(keys))


@dataclass(frozen=True)
class ColorHistogram:
    """Distinct colours and how many pixels have each.

    ``colors`` (n, 3) uint8, sorted, without repetition; ``counts`` (n,) int64, each at least 1.
    """

    colors: UInt8Array
    counts: Int64Array

    @classmethod
    def count(cls, rgb: UInt8Array) -> ColorHistogram:
        """Count the colours of pixels (…, 3) uint8. Sorting packed colours beats every table: numpy sorts with SIMD."""
        keys = pack(rgb)
        keys.sort()
        starts = np.flatnonzero(keys[1:] != keys[:-1]) + 1 if len(keys) else np.empty(0, np.int64)
        starts = np.concatenate([np.zeros(min(1, len(keys)), np.int64), starts])
        counts = np.diff(starts, append=len(keys))
        return cls(unpack(keys[starts]), counts)

    def __len__(self) -> int:
        return len(self.counts)

    def __add__(self, other: ColorHistogram) -> ColorHistogram:
        """The histogram of both pictures' pixels together."""
        keys, index = np.unique(np.concatenate([pack(self.colors), pack(other.colors)]), return_inverse=True)
        counts = np.zeros(len(keys), np.int64)
        np.add.at(counts, index, np.concatenate([self.counts, other.counts]))
        return ColorHistogram(unpack(keys), counts)

    @property
    def pixels(self) -> int:
        """The number of pixels counted."""
        return int(self.counts.sum())

    def cells(self, bits: int) -> Int64Array:
        """Coarse cell (n,) int64 of each colour: colours that agree in their top ``bits`` per channel share one.

        Cells are numbered by their colour, 0 to the number of occupied cells less one.
        """
        keys = np.zeros(len(self), np.int64)
        for band in range(3):
            keys <<= bits
            keys |= self.colors[:, band] >> (8 - bits)
        occupied = np.zeros(1 << 3 * bits, np.int64)
        occupied[keys] = 1
        return (np.cumsum(occupied) - 1)[keys]

    def spread(self, values: AnyArray, rgb: UInt8Array) -> AnyArray:
        """Paint: each pixel of ``rgb`` (h, w, 3) uint8 gets the entry of ``values`` (n,) of its colour, (h, w).

        Pixels whose colour was not counted get 0.
        """
        table = np.zeros(1 << 24, values.dtype)
        table[pack(self.colors)] = values
        out = np.empty(rgb.shape[0] * rgb.shape[1], values.dtype)
        flat = rgb.reshape(-1, 3)
        for rows in blocks(len(flat)):
            np.take(table, pack(flat[rows]), out=out[rows], mode="clip")
        return out.reshape(rgb.shape[:2])


def blocks(n: int) -> Iterator[slice]:
    """Slices of ``n`` rows: work on a block stays in cache, and needs no fresh memory of the whole's size."""
    return (slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK))
