"""Check that a file holds all of its pixels, where Pillow does not: bytes are counted, nothing is decoded."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from colorquant.errors import ImageReadError

if TYPE_CHECKING:
    from PIL import TiffImagePlugin

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # x, y, steps
INFLATED = 1 << 18  # bytes inflated at a time

# Markers of a JPEG 2000 codestream: SOC with SIZ, SOT, EOC.
CODESTREAM, TILE_PART, END = b"\xff\x4f\xff\x51", b"\xff\x90", b"\xff\xd9"

TIFF_STRIPS, TIFF_TILES = (273, 279), (324, 325)  # the tags of their offsets and byte counts
TIFF_JPEG_TABLES, JPEG_QUANTIZATION_TABLES = 347, b"\xff\xdb"  # a tag; the marker DQT
TIFF_WIDTH, TIFF_LENGTH = 256, 257
TIFF_ROWS_PER_STRIP, TIFF_TILE_WIDTH, TIFF_TILE_LENGTH, TIFF_SAMPLES, TIFF_PLANES = 278, 322, 323, 277, 284


def check_png_rows(data: bytes, *, exact: bool) -> None:
    """Raises ImageReadError where the data of a PNG inflate to fewer bytes than its rows need.

    With ``exact`` also where they inflate to more, or where the compressed stream has no end.
    """
    needed = _png_bytes(data)
    inflater, size = zlib.decompressobj(), 0
    for name, body in png_chunks(data):
        chunk = body if name == b"IDAT" else b""
        while chunk and size <= needed:
            size += len(inflater.decompress(chunk, INFLATED))
            chunk = inflater.unconsumed_tail
    if size < needed:
        raise ImageReadError(f"truncated image: its rows have {size:,} of {needed:,} bytes: give a whole file")
    if exact and (size > needed or not inflater.eof):
        damage = "more data than its header has rows" if size > needed else "compressed data without an end"
        raise ImageReadError(f"damaged image: {damage}; leave out --strict to read it all the same")


def _png_bytes(data: bytes) -> int:
    """The size in bytes of all rows, filter types included, of a PNG with this header."""
    width, height, bits, kind, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    total = 0
    for x, y, step_x, step_y in passes:
        columns, rows = max(0, math.ceil((width - x) / step_x)), max(0, math.ceil((height - y) / step_y))
        if columns:
            total += rows * (1 + math.ceil(columns * bits * PNG_SAMPLES[kind] / 8))
    return total


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes | memoryview]]:
    """Yield the name and the body of each chunk of a PNG file in order; lengths and checksums are not checked."""
    view, at = memoryview(data), len(PNG_SIGNATURE)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, view[at + 8 : at + 8 + length]
        at += length + 12


def may_describe_colors(data: bytes, image_format: str | None) -> bool:
    """Whether a PNG or an AVIF seems to have a description of its colours, which :mod:`.colorimetry` reads."""
    if image_format == "PNG":
        before_pixels = data[: data.find(b"IDAT")]
        return any(name in before_pixels for name in (b"cICP", b"gAMA", b"cHRM"))
    return image_format == "AVIF" and b"colrnclx" in data


def check_codestream(data: bytes, size: tuple[int, int]) -> None:
    """Raises ImageReadError where a JPEG 2000 codestream lacks a tile, or has another size than the file's header.

    ``size`` (width, height) is that of the header. Pillow returns an image of one colour where all tiles are missing.
    """
    at = data.find(CODESTREAM)
    width, height, left, top, tile_width, tile_height, tile_left, tile_top = struct.unpack_from(">8I", data, at + 8)
    if (width - left, height - top) != size:
        raise ImageReadError("damaged image: its header and its data differ in size: give a whole file")
    needed = math.ceil((width - tile_left) / tile_width) * math.ceil((height - tile_top) / tile_height)
    at += 2
    tiles: set[int] = set()
    while data[at : at + 2] != END:
        marker, length = data[at : at + 2], struct.unpack_from(">H", data, at + 2)[0]
        if marker == TILE_PART:
            tile, length = struct.unpack_from(">HI", data, at + 4)
            tiles.add(tile)
            if length == 0:  # the last tile part: it reaches to the end
                length = data.rfind(END) - at
            at += length
        else:
            at += 2 + length
    if len(tiles) < needed:
        raise ImageReadError(f"truncated image: it has {len(tiles)} of {needed} tiles: give a whole file")


def check_tiff_parts(image: TiffImagePlugin.TiffImageFile, data: bytes | memoryview) -> None:
    """Raises ImageReadError where a TIFF, opened by Pillow as ``image``, lacks strips or tiles, or parts of them."""
    tags = image.tag_v2
    width, height = tags[TIFF_WIDTH], tags[TIFF_LENGTH]  # as stored: image.size is that of the upright image
    tiled = TIFF_TILES[0] in tags
    offset_tag, count_tag = TIFF_TILES if tiled else TIFF_STRIPS
    offsets, counts = tags.get(offset_tag, ()), tags.get(count_tag, ())
    if tiled:
        needed = math.ceil(width / tags[TIFF_TILE_WIDTH]) * math.ceil(height / tags[TIFF_TILE_LENGTH])
    else:
        needed = math.ceil(height / min(height, tags.get(TIFF_ROWS_PER_STRIP, height)))
    if tags.get(TIFF_PLANES, 1) == 2:
        needed *= tags.get(TIFF_SAMPLES, 1)
    if len(offsets) < needed:
        raise ImageReadError(f"truncated image: it has {len(offsets)} of {needed} strips or tiles: give a whole file")
    compressed = image.info.get("compression", "raw") != "raw"
    ends = [offset + count for offset, count in zip(offsets, counts, strict=False)] if compressed else offsets
    if max(ends, default=0) > len(data):
        raise ImageReadError("truncated image: its pixels lie beyond the end of the file: give a whole file")
    if image.info.get("compression") == "jpeg":
        _check_tiff_jpegs(image, [data[start:end] for start, end in zip(offsets, ends, strict=False)])


def _check_tiff_jpegs(image: TiffImagePlugin.TiffImageFile, parts: Sequence[bytes | memoryview]) -> None:
    """Check JPEG-compressed strips and tiles.

    LibTIFF reports missing tables only on standard error, and missing rows not at all.
    """
    tags = image.tag_v2
    if TIFF_JPEG_TABLES not in tags and JPEG_QUANTIZATION_TABLES not in bytes(parts[0]):
        raise ImageReadError("truncated image: its JPEG tables are missing: give a whole file")
    height = tags[TIFF_LENGTH]
    rows = tags[TIFF_TILE_LENGTH] if TIFF_TILES[0] in tags else min(height, tags.get(TIFF_ROWS_PER_STRIP, height))
    in_last = height % rows or rows if TIFF_TILES[0] not in tags and tags.get(TIFF_PLANES, 1) == 1 else rows
    for number, part in enumerate(parts):
        present = _jpeg_rows(part)
        needed = in_last if number == len(parts) - 1 else rows
        if present is not None and present < needed:
            raise ImageReadError(f"truncated image: a strip or tile has {present} of {needed} rows: give a whole file")


def _jpeg_rows(data: bytes | memoryview) -> int | None:
    """The number of rows in a JPEG's frame header; None where there is none before its pixels."""
    at = 2
    while data[at : at + 1] == b"\xff" and at + 9 <= len(data):
        kind, length, _, rows = struct.unpack_from(">xBHBH", data, at)
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            return int(rows)
        at += 2 + length
    return None
