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


def morton_codes(grid: UInt8Array) -> UInt32Array:
    """The Morton code (m,) uint32 of each row (m, d) uint8, d up to 3: the bits of its bands interleaved."""
    spread = np.zeros(256, np.uint32)  # the bits of a number, three places apart
    for bit in range(8):
        spread |= (np.arange(256, dtype=np.uint32) >> np.uint32(bit) & np.uint32(1)) << np.uint32(3 * bit)
    codes = np.zeros(len(grid), np.uint32)
    for band, column in enumerate(grid.T):
        codes |= spread[column] << np.uint32(2 - band)
    return codes


def morton_order(codes: UInt32Array) -> Int64Array:
    """The order (m,) that sorts codes (m,), of equal ones the first first. A sort of integers beats numpy's argsort."""
    keyed = codes.astype(np.uint64) << np.uint64(32) | np.arange(len(codes), dtype=np.uint64)
    keyed.sort()
    return (keyed & np.uint64(0xFFFFFFFF)).astype(np.int64)


def count_distinct(colors: UInt8Array) -> int:
    """The number of different colours among (…, 3) uint8."""
    keys = pack(colors)
    keys.sort()
    return int(np.count_nonzero(keys[1:] != keys[:-1])) + min(1, len(keys))


@dataclass(frozen=True)
class ColorHistogram:
    """Distinct colours and how many pixels have each.

    ``colors`` (n, 3) uint8 without repetition; ``counts`` (n,) int64, each at least 1. The colours stand in Morton
    order (the bits of r, g and b interleaved): every cell of an octree over them is a run of rows.
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
        return cls._of_keys(keys[starts], counts)

    @classmethod
    def _of_keys(cls, keys: UInt32Array, counts: Int64Array) -> ColorHistogram:
        order = morton_order(morton_codes(unpack(keys)))
        return cls(unpack(keys[order]), counts[order])

    def __len__(self) -> int:
        return len(self.counts)

    def __add__(self, other: ColorHistogram) -> ColorHistogram:
        """The histogram of both pictures' pixels together."""
        keys, index = np.unique(np.concatenate([pack(self.colors), pack(other.colors)]), return_inverse=True)
        counts = np.zeros(len(keys), np.int64)
        np.add.at(counts, index, np.concatenate([self.counts, other.counts]))
        return ColorHistogram._of_keys(keys, counts)

    @property
    def pixels(self) -> int:
        """The number of pixels counted."""
        return int(self.counts.sum())

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
