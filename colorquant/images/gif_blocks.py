"""Read the blocks of a GIF. Each of its images becomes a file of its own, which Pillow decodes.

Source: the GIF89a specification (CompuServe 1990).
"""

from __future__ import annotations

import io
import struct
from fractions import Fraction

from PIL import Image

from colorquant.images.composing import CLEAR, KEEP, RESTORE, TRUNCATED, Part
from colorquant.images.decoding import Reading, check_size, pillow_errors

HEADER = 13  # bytes before the colour table


class GifBlocks:
    """The blocks of a GIF after its header: ``parts`` are its images, ``loops`` says how often they are played.

    ``damage`` says what is wrong after these parts.
    """

    def __init__(self, data: bytes, table: bytes, reading: Reading) -> None:
        self._data, self._table, self._reading = data, table, reading
        self.parts: list[Part] = []
        self.loops = 1
        self.damage: str | None = None

    def read(self, at: int) -> None:
        """Read the blocks from ``at`` on. Raises IndexError and struct.error where the data end too early."""
        data, animated = self._data, False
        control = (0, 0, 0)  # of the graphic control: flags, delay, transparent index
        while at < len(data) and data[at] != 0x3B:  # the trailer
            if data[at] == 0x21:  # an extension
                body, after = _sub_blocks(data, at + 2)
                if data[at + 1] == 0xF9:
                    control = struct.unpack_from("<BHB", body)
                elif data[at + 1] == 0xFF and body[:11] in (b"NETSCAPE2.0", b"ANIMEXTS1.0") and body[11:12] == b"\1":
                    (repeats,) = struct.unpack_from("<H", body, 12)
                    self.loops, animated = repeats + 1 if repeats else 0, True
                at = after
            elif data[at] == 0x2C:  # an image
                part, at = _gif_part(data, at, self._table, control, self._reading)
                self.parts.append(part)
                control = (0, 0, 0)
            elif data[at] == 0:  # some programs write empty blocks
                at += 1
            else:
                self.damage = f"damaged animation after frame {len(self.parts)}"
                return
        if at >= len(data) and (animated or len(self.parts) > 1):  # without its trailer, more frames may be missing
            self.damage = TRUNCATED


def _gif_part(data: bytes, at: int, table: bytes, control: tuple[int, int, int], reading: Reading) -> tuple[Part, int]:
    """The image whose descriptor is at ``at``, and the place after it."""
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, at + 1)
    own_table, start = color_table(data, at + 10, flags)
    table = own_table or table
    _, after = _sub_blocks(data, start + 1)
    check_size((width, height), reading)
    settings, delay, transparent = control
    bits = max(1, (len(table) // 3 - 1).bit_length())

    def decode() -> tuple[Image.Image, tuple[str, ...]]:
        header = struct.pack("<6sHHBBB", b"GIF89a", width, height, (0x80 | bits - 1) if table else 0, 0, 0)
        extension = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, 1, 0, transparent, 0) if settings & 1 else b""
        descriptor = struct.pack("<BHHHHB", 0x2C, 0, 0, width, height, flags & 0x40)
        file = b"".join([header, table, extension, descriptor, data[start:after], b"\x3b"])
        with pillow_errors(("GIF",), reading), Image.open(io.BytesIO(file), formats=("GIF",)) as image:
            return image.convert("RGBA" if settings & 1 else "RGB"), ()

    disposal = {2: CLEAR, 3: RESTORE, 4: RESTORE}.get(settings >> 2 & 7, KEEP)  # some programs write 4 for 3
    return Part(decode, left, top, width, height, disposal, True, Fraction(delay, 100)), after


def color_table(data: bytes, at: int, flags: int) -> tuple[bytes, int]:
    """The colour table at ``at``, empty where the flags say that there is none, and the place after it."""
    size = 3 << (flags & 7) + 1 if flags & 0x80 else 0
    if at + size > len(data):
        raise IndexError("the colour table is truncated")
    return data[at : at + size], at + size


def _sub_blocks(data: bytes, at: int) -> tuple[bytes, int]:
    """The first 32 bytes of the sub-blocks at ``at``, and the place after their end."""
    first = bytearray()
    while data[at]:
        if len(first) < 32:
            first += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    return bytes(first[:32]), at + 1
