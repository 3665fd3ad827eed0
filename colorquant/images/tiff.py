"""Write gray TIFF files in tiles, row by row, as geographic information systems and label tools read them.

The formats are those of TIFF 6.0 (Aldus 1992; tiles in section 15), its deflate compression (Adobe, Photoshop TIFF
technical notes, 2002), and BigTIFF for files of 4 GiB and more. The directory stands before the tiles, so that a
reader finds it with the first bytes.
"""

from __future__ import annotations

import math
import struct
import zlib
from array import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorquant.blocks import blocks
from colorquant.images.png import MANY_PIXELS
from colorquant.types import AnyArray

SIDE = 256  # of a tile, in pixels
LEVEL, LEVEL_OF_MANY = 6, 4  # of zlib; that of many pixels takes a third of the time, for files 8 % larger
LARGEST_CLASSIC = (1 << 32) - 1  # bytes; offsets of a TIFF have 32 bits, those of a BigTIFF 64
SHORT, LONG, ASCII, LONG8 = 3, 4, 2, 16  # types of fields
CODES = {SHORT: "H", LONG: "I", LONG8: "Q"}
TILE_OFFSETS, TILE_BYTE_COUNTS = 324, 325
NODATA = 42113  # GDAL's tag for the level of pixels without data, as a text


@dataclass(frozen=True)
class _Field:
    """A field of the directory: ``data`` are ``count`` little-endian values of the ``type``."""

    tag: int
    type: int
    count: int
    data: bytes


class TileEncoder:
    """Encodes a gray TIFF of this ``height`` and ``width`` while its rows come in pieces, uint8 or uint16.

    The file is :meth:`head`, which is complete after the last row and has ``head_size`` bytes, then all that
    :meth:`add` returned. The bytes do not depend on the pieces. ``nodata`` is the level of pixels without data; None
    where all have some.
    """

    def __init__(self, height: int, width: int, dtype: npt.DTypeLike, nodata: int | None = None) -> None:
        self._shape, self._nodata = (height, width), nodata
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._tiles = math.ceil(height / SIDE) * math.ceil(width / SIDE)
        self._level = LEVEL_OF_MANY if height * width > MANY_PIXELS else LEVEL
        self._counts = array("Q")
        self._waiting: list[AnyArray] = []
        self._left = height
        tile_bytes = SIDE * SIDE * self._dtype.itemsize
        most = self._tiles * (tile_bytes + tile_bytes // 1000 + 64 + 16)  # what zlib may add, and the directory
        self._big = most > LARGEST_CLASSIC
        self.head_size = len(self._head([0] * self._tiles, [0] * self._tiles))

    def add(self, rows: AnyArray) -> bytes:
        """Encode the next ``rows`` (n, w). Returns the next bytes of the file; rows wait until a tile is full."""
        self._waiting.append(rows)
        waiting = sum(map(len, self._waiting))
        if waiting < min(SIDE, self._left):
            return b""
        rows = np.concatenate(self._waiting) if len(self._waiting) > 1 else rows
        parts, start = [], 0
        while start < waiting and waiting - start >= min(SIDE, self._left):
            strip = rows[start : start + SIDE]
            parts += self._compressed(strip)
            start, self._left = start + len(strip), self._left - len(strip)
        self._waiting = [rows[start:]] if start < waiting else []
        return b"".join(parts)

    def _compressed(self, strip: AnyArray) -> list[bytes]:
        """The tiles of ``strip`` (n, w), which is as high as they are, or the last one; beyond the image they are 0."""
        width = self._shape[1]
        padded = np.zeros((SIDE, math.ceil(width / SIDE) * SIDE), self._dtype)
        padded[: len(strip), :width] = strip
        tiles = [zlib.compress(padded[:, left : left + SIDE].tobytes(), self._level) for left in range(0, width, SIDE)]
        self._counts.extend(map(len, tiles))
        return tiles

    def head(self) -> bytes:
        """The start of the file: its header and its directory, with the places of all tiles."""
        ends = self.head_size + np.cumsum(np.frombuffer(self._counts, np.uint64), dtype=np.uint64)
        return self._head(ends - np.frombuffer(self._counts, np.uint64), self._counts)

    def _head(self, offsets: AnyArray | list[int], counts: array[int] | list[int]) -> bytes:
        height, width = self._shape
        wide = LONG8 if self._big else LONG
        fields = [
            _field(256, LONG, width),
            _field(257, LONG, height),
            _field(258, SHORT, 8 * self._dtype.itemsize),
            _field(259, SHORT, 8),  # compression: deflate
            _field(262, SHORT, 1),  # photometric interpretation: black is zero
            _field(277, SHORT, 1),  # samples per pixel
            _field(284, SHORT, 1),  # planar configuration: contiguous
            _field(322, SHORT, SIDE),
            _field(323, SHORT, SIDE),
            _Field(TILE_OFFSETS, wide, self._tiles, _packed(offsets, wide)),
            _Field(TILE_BYTE_COUNTS, wide, self._tiles, _packed(counts, wide)),
            _field(339, SHORT, 1),  # sample format: unsigned integers
        ]
        if self._nodata is not None:
            text = str(self._nodata).encode() + b"\0"
            fields.append(_Field(NODATA, ASCII, len(text), text))
        return _directory(fields, big=self._big)


def encode_tiled(levels: AnyArray, nodata: int | None = None) -> bytes:
    """Encode levels (h, w), uint8 or uint16, as a gray TIFF in tiles; ``nodata`` is that of :class:`TileEncoder`."""
    height, width = levels.shape
    encoder = TileEncoder(height, width, levels.dtype, nodata)
    parts = [encoder.add(levels[rows]) for rows in blocks(len(levels), SIDE)]
    return b"".join([encoder.head(), *parts])


def _field(tag: int, kind: int, value: int) -> _Field:
    return _Field(tag, kind, 1, _packed([value], kind))


def _packed(values: AnyArray | array[int] | list[int], kind: int) -> bytes:
    return np.asarray(values).astype(f"<u{struct.calcsize(CODES[kind])}").tobytes()


def _directory(fields: list[_Field], *, big: bool) -> bytes:
    """A header, and behind it the directory with these ``fields`` and their values."""
    room, word = (8, "Q") if big else (4, "I")
    header = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if big else struct.pack("<2sHI", b"II", 42, 8)
    count = struct.pack("<Q" if big else "<H", len(fields))
    place = len(header) + len(count) + len(fields) * (4 + 2 * room) + room
    entries, values = [], b""
    for field in fields:
        entry = struct.pack(f"<HH{word}", field.tag, field.type, field.count)
        if len(field.data) <= room:
            entries.append(entry + field.data.ljust(room, b"\0"))
        else:
            entries.append(entry + struct.pack(f"<{word}", place + len(values)))
            values += field.data + b"\0" * (len(field.data) % 2)
    return b"".join([header, count, *entries, bytes(room), values])
