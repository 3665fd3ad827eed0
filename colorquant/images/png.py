"""Write indexed and grayscale PNG files: chunks, packed rows and the deflate stream.

Pillow writes such rows with zlib-ng and one strategy. Here zlib compresses strips of rows, each with the strategy that
makes it smallest. The format is that of the PNG specification (W3C, third edition): PLTE and tRNS in sections 11.2.2
and 11.3.1.1, packed pixels in section 7.2.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from colorquant.blocks import taken
from colorquant.errors import OutputError
from colorquant.types import UInt8Array

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAYSCALE, TRUECOLOUR, INDEXED, TRUECOLOUR_ALPHA = 0, 2, 3, 6  # colour types of IHDR
COLOUR_TYPE = 25  # where the colour type is, in bytes from the start of the file
MOST_ENTRIES = 256  # of the palette of an indexed PNG
MANY_PIXELS = 4_000_000  # above, a low level takes a fraction of the time, for files that are 3 to 5 % larger
LEVELS = ((1 << 17, 9), (1 << 18, 8))  # up to so many bytes of packed rows these levels of zlib are cheap
FEW_ENTRIES = 8  # with so few values short matches cost more bits than literals
WINDOW = 1 << 15  # bytes that a match of deflate can reach back
STRIP, LARGE_STRIP = 1 << 15, 1 << 17  # bytes of packed rows that are compressed with one strategy
LARGEST_CHUNK = 1 << 30  # bytes of pixels in one chunk; the length of a chunk has 31 bits
ZLIB_HEADER = b"\x78\xda"  # deflate with a window of 32 KiB, RFC 1950


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG: its length, its name of four letters, its data, its checksum."""
    return b"".join([len(data).to_bytes(4, "big"), name, data, zlib.crc32(data, zlib.crc32(name)).to_bytes(4, "big")])


class PixelChunks:
    """Writes the chunks with the pixels of a PNG, and its end, to a ``stream`` that can seek.

    The zlib stream comes in pieces; it becomes a single chunk, unless it is longer than LARGEST_CHUNK.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._length = self._checksum = 0
        self._begin()

    def write(self, data: bytes) -> None:
        """Append the next bytes of the zlib stream."""
        while data:
            part, data = data[: LARGEST_CHUNK - self._length], data[LARGEST_CHUNK - self._length :]
            self._stream.write(part)
            self._length += len(part)
            self._checksum = zlib.crc32(part, self._checksum)
            if data:
                self._end()
                self._begin()

    def finish(self) -> None:
        """Write the end of the PNG."""
        self._end()
        self._stream.write(chunk(b"IEND", b""))

    def _begin(self) -> None:
        """Begin a chunk, whose length is not known yet."""
        self._length, self._checksum = 0, zlib.crc32(b"IDAT")
        self._stream.write(bytes(4) + b"IDAT")

    def _end(self) -> None:
        self._stream.write(self._checksum.to_bytes(4, "big"))
        self._stream.seek(-self._length - 12, 2)
        self._stream.write(self._length.to_bytes(4, "big"))
        self._stream.seek(0, 2)


SRGB = chunk(b"sRGB", b"\0")  # perceptual intent


def is_truecolour(png: bytes) -> bool:
    """Whether the pixels of a PNG hold colours, with or without alpha, instead of indices or levels of gray."""
    return png[COLOUR_TYPE] in (TRUECOLOUR, TRUECOLOUR_ALPHA)


def encode_indexed(
    indices: npt.NDArray[np.integer],
    colors: UInt8Array,
    alpha: UInt8Array | None = None,
    chunks: bytes = SRGB,
    *,
    keep_order: bool = False,
    fast: bool = False,
) -> bytes:
    """Encode the image ``colors[indices]`` as an indexed PNG of 1, 2, 4 or 8 bits per pixel.

    ``indices`` (h, w) are integers below p; ``colors`` (p, 3) uint8 are 1 to 256 entries and ``alpha`` (p,) uint8 is
    their alpha, None where all are opaque. ``chunks`` are written before PLTE. The entries keep their order, but those
    that are not opaque are moved to the front, so that tRNS can leave out the others; with ``keep_order`` they stay
    where they are. ``fast`` takes a third of the time, for files that are 1 to 3 % larger. Raises
    OutputError for an index outside the palette, and for more than 256 entries.
    """
    if not 0 < len(colors) <= MOST_ENTRIES:
        raise OutputError(f"an indexed PNG holds 1 to 256 colours, not {len(colors)}: write a truecolour PNG")
    if indices.max(initial=0) >= len(colors):
        raise OutputError("a label lies outside the palette: please report this")
    entries = IndexedEntries.of(colors, alpha, keep_order=keep_order)
    if entries.index is not None:
        indices = taken(entries.index, indices)
    return _png(indices, INDEXED, entries.bits, chunks + entries.chunks, values=len(colors), fast=fast)


@dataclass(frozen=True, eq=False)
class IndexedEntries:
    """The entries of an indexed PNG with ``bits`` per pixel: the ``chunks`` PLTE and tRNS.

    ``index`` (p,) uint8 is the index in the PNG of each entry, None where each keeps its own.
    """

    chunks: bytes
    bits: int
    index: UInt8Array | None

    @classmethod
    def of(cls, colors: UInt8Array, alpha: UInt8Array | None, *, keep_order: bool = False) -> IndexedEntries:
        """The entries with ``colors`` (p, 3) and ``alpha`` (p,), in the order of :func:`encode_indexed`."""
        transparency, index = b"", None
        if alpha is not None and alpha.min() < 255:
            if not keep_order:
                order = np.argsort(alpha == 255, kind="stable")
                index = np.argsort(order).astype(np.uint8)
                colors, alpha = colors[order], alpha[order]
            transparency = chunk(b"tRNS", alpha[: int(np.flatnonzero(alpha < 255)[-1]) + 1].tobytes())
        return cls(chunk(b"PLTE", colors.tobytes()) + transparency, bits_of(len(colors)), index)


def encode_grayscale(levels: npt.NDArray[np.integer | np.bool_], chunks: bytes = b"", *, fast: bool = False) -> bytes:
    """Encode levels (h, w) as a grayscale PNG without a filter, which suits label maps and masks.

    The PNG has 1 bit per pixel for bool, 8 for uint8 and 16 for uint16. ``chunks`` are written before the pixels.
    ``fast`` takes a third of the time or less, for files that are 5 % larger.
    """
    bits = 1 if levels.dtype == np.bool_ else 8 * levels.dtype.itemsize
    return _png(levels, GRAYSCALE, bits, chunks, values=int(levels.max(initial=0)) + 1, fast=fast)


def _png(
    values_at: npt.NDArray[np.generic], color_type: int, bits: int, chunks: bytes, *, values: int, fast: bool = False
) -> bytes:
    """The PNG of ``values_at`` (h, w), integers below ``values``, with ``bits`` per pixel and one sample per pixel."""
    height, width = values_at.shape
    data = compress_rows(values_at, bits=bits, values=values, fast=fast)
    parts = [SIGNATURE, header(width, height, bits, color_type), chunks, chunk(b"IDAT", data)]
    return b"".join([*parts, chunk(b"IEND", b"")])


def header(width: int, height: int, bits: int, color_type: int) -> bytes:
    """The chunk IHDR of a PNG that is not interlaced, with ``bits`` per sample."""
    return chunk(b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([bits, color_type, 0, 0, 0]))


def image_data(png: bytes) -> bytes:
    """The zlib stream of a PNG's pixels: the data of its chunks IDAT, joined."""
    parts, position = [], len(SIGNATURE)
    while position < len(png):
        end = position + 8 + int.from_bytes(png[position : position + 4], "big")
        if png[position + 4 : position + 8] == b"IDAT":
            parts.append(png[position + 8 : end])
        position = end + 4
    return b"".join(parts)


def bits_of(entries: int) -> int:
    """The bits per pixel of an indexed PNG whose palette has 1 to 256 entries."""
    return next(bits for bits in (1, 2, 4, 8) if entries <= 1 << bits)


def compress_rows(values_at: npt.NDArray[np.generic], *, bits: int, values: int, fast: bool) -> bytes:
    """The rows of ``values_at`` (h, w), integers below ``values``, packed in ``bits`` per pixel, as a zlib stream.

    Each strip of rows becomes deflate blocks of its own, which may refer to the strip before. It is compressed with two
    strategies, of which the second knows only runs, and the smaller result is taken. ``fast`` is that of
    :func:`encode_indexed`.
    """
    height, width = values_at.shape
    return RowCompressor(height, width, bits=bits, values=values, fast=fast).add(values_at)


class RowCompressor:
    """Compresses the rows of an image as :func:`compress_rows` does, while they come in pieces.

    The bytes do not depend on the pieces. The arguments are those of :func:`compress_rows`.
    """

    def __init__(self, height: int, width: int, *, bits: int, values: int, fast: bool = False) -> None:
        row_bytes = 1 + (width * bits + 7) // 8
        large = height * width > MANY_PIXELS
        smallest = 6 if fast else next((level for size, level in LEVELS if height * row_bytes <= size), 7)
        self._level = 4 if large else smallest
        self._strategy = zlib.Z_FILTERED if values <= FEW_ENTRIES else zlib.Z_DEFAULT_STRATEGY
        self._try_runs = bits < 8 or not large
        self._rows_per_strip = max(1, (LARGE_STRIP if large else STRIP) // row_bytes)
        self._bits, self._left = bits, height
        self._waiting: list[npt.NDArray[np.generic]] = []
        self._parts, self._checksum, self._before = [ZLIB_HEADER], 1, b""

    def add(self, rows: npt.NDArray[np.generic]) -> bytes:
        """Compress the next ``rows`` (n, w). Returns the next bytes of the stream; with the last row all that remain.

        Rows wait until a strip is full.
        """
        rows = np.concatenate([*self._waiting, rows]) if self._waiting else rows
        start = 0
        while start < len(rows) and len(rows) - start >= min(self._rows_per_strip, self._left):
            strip = rows[start : start + self._rows_per_strip]
            self._compress(_packed(strip, self._bits), last=len(strip) == self._left)
            start, self._left = start + len(strip), self._left - len(strip)
        self._waiting = [rows[start:]] if start < len(rows) else []
        end = b"" if self._left else self._checksum.to_bytes(4, "big")
        data = b"".join([*self._parts, end])
        self._parts = []
        return data

    def _compress(self, strip: bytes, *, last: bool) -> None:
        self._checksum = zlib.adler32(strip, self._checksum)
        end = zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH
        candidates = [_deflated(strip, end, self._level, self._strategy, self._before)]
        if self._try_runs:
            candidates.append(_deflated(strip, end, self._level, zlib.Z_RLE))
        self._parts.append(min(candidates, key=len))
        self._before = (self._before + strip)[-WINDOW:]


def _deflated(data: bytes, end: int, level: int, strategy: int, before: bytes = b"") -> bytes:
    """``data`` as raw deflate blocks that may refer to the bytes ``before``; ``end`` is the mode of the flush."""
    settings = (level, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy)
    compressor = zlib.compressobj(*settings, before) if before else zlib.compressobj(*settings)
    return compressor.compress(data) + compressor.flush(end)


def expand_rows(data: bytes, *, height: int, width: int, bits: int) -> UInt8Array:
    """The values (h, w) uint8 of which :func:`compress_rows` made the zlib stream ``data``."""
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, -1)[:, 1:]
    per_byte = 8 // bits
    shifts = np.arange(per_byte - 1, -1, -1, dtype=np.uint8) * bits
    values = (rows[:, :, None] >> shifts) & np.uint8((1 << bits) - 1)
    return values.reshape(height, -1)[:, :width].astype(np.uint8)


def _packed(rows: npt.NDArray[np.generic], bits: int) -> bytes:
    """Rows (n, w) of integers below ``2**bits`` as bytes of a PNG: each row begins with 0, the type of no filter."""
    height, width = rows.shape
    packed = np.zeros((height, 1 + (width * bits + 7) // 8), np.uint8)
    if bits == 1:
        packed[:, 1:] = np.packbits(rows.astype(np.bool_), axis=1)
    elif bits == 16:
        packed[:, 1:] = rows.astype(">u2").view(np.uint8)
    elif bits == 8:
        packed[:, 1:] = rows
    else:
        per_byte = 8 // bits
        for position in range(per_byte):  # the first pixel is in the highest bits
            column = rows[:, position::per_byte].astype(np.uint8)
            packed[:, 1 : 1 + column.shape[1]] |= column << (8 - bits * (position + 1))
    return packed.tobytes()
