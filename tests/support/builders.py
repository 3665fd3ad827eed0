"""Image files that the tests make: by Pillow, or byte by byte where Pillow cannot."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageCms

PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """By Pillow."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents of the chunks of a PNG, in order; their checksums hold."""
    found, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert int.from_bytes(data[at + 8 + length : at + 12 + length], "big") == zlib.crc32(name + body)
        found.append((name, body))
        at += 12 + length
    return found


def png(
    values: np.ndarray,
    bits: int,
    kind: int,
    *before: tuple[bytes, bytes],
    interlaced: bool = False,
    keep: float = 1.0,
    more: bytes = b"",
) -> bytes:
    """A PNG of ``values`` (h, w, samples) as they are, of colour type ``kind``; chunks ``before`` its data.

    The data are ``keep`` of its rows, and ``more``.
    """
    height, width = values.shape[:2]
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    raw = b"".join(_rows(values[y::down, x::right], bits) for x, y, right, down in passes)
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, int(interlaced))
    data = zlib.compress(raw[: int(len(raw) * keep)] + more)
    chunks = [(b"IHDR", header), *before, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def _rows(values: np.ndarray, bits: int) -> bytes:
    """The rows of a pass, each with its filter type 0."""
    if values.size == 0:
        return b""
    flat = values.reshape(len(values), -1).astype(np.uint16)
    planes = (flat[:, :, None] >> np.arange(bits - 1, -1, -1, dtype=np.uint16) & 1).astype(np.uint8)
    return b"".join(b"\0" + row.tobytes() for row in np.packbits(planes.reshape(len(values), -1), axis=1))


def tiff(
    values: np.ndarray,
    photometric: int,
    *,
    order: str = "<",
    deflate: bool = False,
    rows: int | None = None,
    apart: bool = False,
    extra: Sequence[int] = (),
    bits: int | None = None,
    tags: Sequence[tuple[int, int]] = (),
) -> bytes:
    """A TIFF of ``values`` (h, w, samples), in strips of ``rows``, its channels ``apart`` or not.

    ``extra`` are the kinds of extra samples; ``bits`` above 8 that are declared, if the values have fewer; ``tags``
    more short ones.
    """
    height, width, samples = values.shape
    rows = rows or height
    stored = values.astype(values.dtype.newbyteorder(order))
    planes = [stored[:, :, band] for band in range(samples)] if apart else [stored]
    strips = [plane[top : top + rows].tobytes() for plane in planes for top in range(0, height, rows)]
    if deflate:
        strips = [zlib.compress(strip) for strip in strips]
    starts = np.cumsum([8, *(len(strip) for strip in strips)])
    found = [
        *((256, 4, [width]), (257, 4, [height]), (258, 3, [bits or 8 * values.itemsize] * samples)),
        *((259, 3, [8 if deflate else 1]), (262, 3, [photometric]), (273, 4, starts[:-1].tolist())),
        *((277, 3, [samples]), (278, 4, [rows]), (279, 4, [len(strip) for strip in strips])),
        *((284, 3, [2 if apart else 1]), *([(338, 3, list(extra))] if extra else [])),
        *((tag, 3, [value]) for tag, value in tags),
    ]
    found.sort()
    directory, place, beyond = struct.pack(f"{order}H", len(found)), int(starts[-1]), b""
    end = place + 2 + 12 * len(found) + 4
    for tag, kind, numbers in found:
        packed = struct.pack(f"{order}{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        if len(packed) > 4:
            packed, beyond = struct.pack(f"{order}I", end + len(beyond)), beyond + packed
        directory += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, place)
    return head + b"".join(strips) + directory + b"\0\0\0\0" + beyond


def profile(space: str) -> bytes:
    """An ICC profile: ``sRGB`` as Pillow makes it, ``swapped`` as sRGB whose red and blue primaries are exchanged."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if space == "swapped":
        data = data.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")
    return data
