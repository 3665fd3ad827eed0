"""Colours as integer keys: packed RGB, and Morton codes."""

from __future__ import annotations

import numpy as np

from colorquant.blocks import blocks
from colorquant.types import AnyArray, IntArray, UInt8Array, UInt32Array


def pack(colors: UInt8Array) -> UInt32Array:
    """Colours (…, c) uint8 as keys (n,) uint32, for RGB ``r << 16 | g << 8 | b``: sorted keys are sorted colours.

    ``c`` is 3 for RGB, or 4 for RGB and alpha.
    """
    channels = colors.shape[-1]
    flat = colors.reshape(-1, channels)
    keys = np.empty(len(flat), np.uint32)
    if channels == 3 and len(flat) > 1 and flat.flags.c_contiguous:
        # Four bytes are read at each third one, and the last of them, of the next pixel, is shifted out.
        keys[:-1] = np.ndarray(len(flat) - 1, ">u4", flat, 0, (3,))
        keys[:-1] >>= np.uint32(8)
        red, green, blue = flat[-1].tolist()
        keys[-1] = red << 16 | green << 8 | blue
        return keys
    for rows in blocks(len(flat)):
        part = keys[rows]
        part[:] = flat[rows, 0]
        for band in range(1, channels):
            part <<= np.uint32(8)
            part |= flat[rows, band]
    return keys


def pack_with_alpha(rgb: UInt8Array, alpha: UInt8Array) -> UInt32Array:
    """Pixels (n, 3) uint8 with alpha (n,) uint8 as the keys (n,) that :func:`pack` gives to rows of both."""
    keys = pack(rgb)
    keys <<= np.uint32(8)
    keys |= alpha
    return keys


def distinct_keys(*keys: UInt32Array) -> UInt32Array:
    """The distinct ones of keys (n,), ascending; of several arrays together. Faster than ``np.unique``."""
    ascending = np.concatenate(keys)
    ascending.sort()
    first = np.ones(len(ascending), np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return ascending[first]


def unpack(keys: UInt32Array, channels: int = 3) -> UInt8Array:
    """Keys (n,) uint32 of :func:`pack` as colours (n, channels) uint8."""
    colors = np.empty((len(keys), channels), np.uint8)
    for band in range(channels):
        colors[:, band] = (keys >> np.uint32(8 * (channels - 1 - band))) & np.uint32(255)
    return colors


def morton_codes(grid: UInt8Array) -> UInt32Array:
    """The Morton code (m,) uint32 of each row (m, d) uint8: the bits of its bands interleaved.

    With up to three bands a code has 24 bits, three for each bit of a band; with four bands it has 32.
    """
    codes = np.zeros(len(grid), np.uint32)
    interleaved = max(3, grid.shape[1])
    for band, column in enumerate(grid.T):
        codes |= _SPREAD[interleaved][column] << np.uint32(interleaved - 1 - band)
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


_SPREAD = {bands: _bits(np.arange(256), [(bit, bands * bit) for bit in range(8)]).astype(np.uint32) for bands in (3, 4)}
_GATHERED = [
    _bits(np.arange(4096), [(3 * bit + 2 - band, bit) for bit in range(4)]).astype(np.uint8) for band in range(3)
]


def morton_order(codes: UInt32Array) -> IntArray:
    """The order (m,) that sorts codes (m,), stable. Sorting integers is faster than argsort."""
    keyed = codes.astype(np.uint64) << np.uint64(32) | np.arange(len(codes), dtype=np.uint64)
    keyed.sort()
    return (keyed & np.uint64(0xFFFFFFFF)).astype(np.int64)
