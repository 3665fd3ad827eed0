"""Colours as integer keys: packed RGB, and Morton codes."""

from __future__ import annotations

import numpy as np

from colorquant.blocks import blocks
from colorquant.types import AnyArray, IntArray, UInt8Array, UInt32Array


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
    codes = np.zeros(len(grid), np.uint32)
    for band, column in enumerate(grid.T):
        codes |= _SPREAD[column] << np.uint32(2 - band)
    return codes


def morton_colors(codes: UInt32Array) -> UInt8Array:
    """The colours (m, 3) uint8 that have these :func:`morton_codes` (m,)."""
    colors = np.empty((len(codes), 3), np.uint8)
    high, low = codes >> np.uint32(12), codes & np.uint32(4095)
    for band in range(3):
        colors[:, band] = _GATHERED[band][high] << np.uint8(4) | _GATHERED[band][low]
    return colors


def _bits(values: AnyArray, places: list[tuple[int, int]]) -> AnyArray:
    """Numbers whose bit ``to`` is the bit ``of`` of ``values``, for each pair (of, to)."""
    return sum(((values >> of & 1) << to for of, to in places), np.zeros_like(values))


_SPREAD = _bits(np.arange(256), [(bit, 3 * bit) for bit in range(8)]).astype(np.uint32)
_GATHERED = [
    _bits(np.arange(4096), [(3 * bit + 2 - band, bit) for bit in range(4)]).astype(np.uint8) for band in range(3)
]


def morton_order(codes: UInt32Array) -> IntArray:
    """The order (m,) that sorts codes (m,), stable. Sorting integers is faster than argsort."""
    keyed = codes.astype(np.uint64) << np.uint64(32) | np.arange(len(codes), dtype=np.uint64)
    keyed.sort()
    return (keyed & np.uint64(0xFFFFFFFF)).astype(np.int64)
