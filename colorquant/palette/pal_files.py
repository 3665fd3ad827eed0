"""Palette files that end in .pal: the text of Paint Shop Pro (JASC), and Microsoft's RIFF."""

from __future__ import annotations

import re
import struct

from colorquant.palette.entries import Codec, Entries, checked_entries, decoded

ROW = re.compile(r"\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s*")
RIFF_VERSION = 0x0300


def write_jasc(entries: Entries) -> bytes:
    """The text of Paint Shop Pro: a header, the number of colours, a row of three levels for each.

    Jasc Software, Paint Shop Pro: its palettes have 16 or 256 colours, other programs read any number.
    """
    rows = [" ".join(map(str, color)) for color in entries.colors.tolist()]
    return "".join(f"{line}\r\n" for line in ["JASC-PAL", "0100", str(len(rows)), *rows]).encode()


def write_riff(entries: Entries) -> bytes:
    """A RIFF file of the form PAL with one chunk, ``data``: a LOGPALETTE of version 3.0.

    Microsoft, Multimedia Programming Interface and Data Specifications 1.0 (1991), "Palette File Format".
    """
    rows = b"".join(bytes([*color, 0]) for color in entries.colors.tolist())
    palette = struct.pack("<HH", RIFF_VERSION, len(entries.colors)) + rows
    chunk = b"PAL data" + struct.pack("<I", len(palette)) + palette
    return b"RIFF" + struct.pack("<I", len(chunk)) + chunk


def read_pal(data: bytes) -> Entries:
    """The colours of either kind, which the first bytes tell apart."""
    if data.startswith(b"RIFF"):
        return _read_riff(data)
    if data.lstrip(b"\xef\xbb\xbf").startswith(b"JASC-PAL"):
        return _read_jasc(decoded(data))
    raise ValueError("it begins neither with JASC-PAL nor with RIFF")


def _read_jasc(text: str) -> Entries:
    lines = text.splitlines()
    number = lines[2].strip() if len(lines) > 2 else ""
    if not number.isdecimal():
        raise ValueError("its third line is not the number of colours")
    rows = [line for line in lines[3:] if line.strip()]
    if len(rows) != int(number[:9]):
        raise ValueError(f"it says {int(number[:9])} colours and has {len(rows)}")
    matches = [ROW.fullmatch(row) for row in rows]
    if None in matches:
        raise ValueError(f"colour {matches.index(None) + 1} is not three levels")
    return checked_entries([[int(level) for level in match.groups()] for match in matches if match])


def _read_riff(data: bytes) -> Entries:
    if data[8:12] != b"PAL ":
        raise ValueError("it is a RIFF file of another form than PAL")
    place = 12
    while len(data) >= place + 8:
        name, (size,) = data[place : place + 4], struct.unpack_from("<I", data, place + 4)
        if name == b"data":
            return _logical_palette(data[place + 8 : place + 8 + size])
        place += 8 + size + size % 2
    raise ValueError("it has no chunk with colours")


def _logical_palette(chunk: bytes) -> Entries:
    number = struct.unpack_from("<H", chunk, 2)[0] if len(chunk) >= 4 else 0
    if len(chunk) < 4 + 4 * number:
        raise ValueError(f"it says {number} colours and ends before")
    return checked_entries([list(chunk[4 + 4 * row : 7 + 4 * row]) for row in range(number)])


CODECS = {".pal": Codec(write_jasc, read_pal), ".riff.pal": Codec(write_riff, read_pal)}
