"""Read the chunks of an APNG. Each of its frames becomes a PNG of its own, which is decoded and checked as others are.

Source: the PNG specification (W3C, third edition), sections 5.3 and 11.3.6.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from fractions import Fraction

import numpy as np
from PIL import Image

from colorquant.images import read_image
from colorquant.images.composing import RESTORE, TRUNCATED, Part
from colorquant.images.decoding import Reading
from colorquant.images.png import SIGNATURE, chunk

OF_THE_FILE = (b"IHDR", b"acTL", b"fcTL", b"fdAT", b"IDAT", b"IEND", b"eXIf")  # not copied to the files of frames
OPAQUE = (0, 2, 3)  # colour types without alpha, unless there is a tRNS chunk


def png_parts(chunks: list[tuple[bytes, memoryview]], reading: Reading) -> tuple[list[Part], str | None]:
    """The frames of an APNG, and what is wrong after them."""
    first_pixels = next((index for index, (name, _) in enumerate(chunks) if name == b"IDAT"), len(chunks))
    shared = b"".join(chunk(name, bytes(body)) for name, body in chunks[:first_pixels] if name not in OF_THE_FILE)
    header = bytes(chunks[0][1])
    opaque = header[9] in OPAQUE and all(name != b"tRNS" for name, _ in chunks)
    parts: list[Part] = []
    rows: list[memoryview] = []
    sequence = 0
    for name, body in chunks:
        if name in (b"fcTL", b"fdAT"):
            if int.from_bytes(body[:4], "big") != sequence:
                return parts, f"damaged animation after frame {len(parts)}"
            sequence += 1
        if name == b"fcTL":
            rows = []
            part = _png_part(body, rows, header, shared, reading)
            parts.append(replace(part, over=True) if opaque else part)
        elif name in (b"IDAT", b"fdAT") and parts:
            rows.append(body[4:] if name == b"fdAT" else body)
    return parts, None


def _png_part(control: memoryview, rows: list[memoryview], header: bytes, shared: bytes, reading: Reading) -> Part:
    """The frame with this fcTL chunk; ``rows`` will hold its compressed data."""
    width, height, left, top, numerator, denominator, dispose, blend = struct.unpack(">xxxxIIIIHHBB", control)

    def decode() -> tuple[Image.Image, tuple[str, ...]]:
        start = chunk(b"IHDR", struct.pack(">II", width, height) + header[8:])
        file = b"".join([SIGNATURE, start, shared, chunk(b"IDAT", b"".join(rows)), chunk(b"IEND", b"")])
        picture = read_image(file, reading)
        pixels = picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha])
        return Image.fromarray(pixels), picture.notes

    duration = Fraction(numerator, denominator or 100)
    return Part(decode, left, top, width, height, min(dispose, RESTORE), blend == 1, duration)


def checked_chunks(data: bytes) -> tuple[list[tuple[bytes, memoryview]], str | None]:
    """The chunks of a PNG up to its end, or to the first one that is damaged, and what is wrong with that."""
    view, at = memoryview(data), len(SIGNATURE)
    chunks: list[tuple[bytes, memoryview]] = []
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body = view[at + 8 : at + 8 + length]
        if at + 12 + length > len(data):
            break
        (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(view[at + 4 : at + 8 + length]) != checksum:
            return chunks, "damaged animation: a checksum is wrong"
        chunks.append((name, body))
        at += 12 + length
        if name == b"IEND":
            return chunks, None
    return chunks, TRUNCATED
