"""Palette files: ``PALETTE_FORMATS`` maps the ending of a file name to its format."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from colorquant.errors import OptionError, PaletteReadError
from colorquant.files import write_whole
from colorquant.types import IntArray, UInt8Array

LARGEST_FILE = 16_000_000  # bytes: 65,536 colours as JSON need about 6 MB
HEX = re.compile(r"#?([0-9a-fA-F]{6})")
GIMP_ROW = re.compile(r"\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})(?:\s+(.*\S))?\s*")


@dataclass(frozen=True)
class Entries:
    """The contents of a palette file: ``colors`` (p, 3) uint8, with ``counts`` (p,) and ``names`` where it has them."""

    colors: UInt8Array
    counts: IntArray | None = None
    names: tuple[str, ...] | None = None

    @property
    def shares(self) -> list[float | None]:
        """The share of the pixels of each colour; None where the counts are not known."""
        if self.counts is None:
            return [None] * len(self.colors)
        return [int(count) / max(int(self.counts.sum()), 1) for count in self.counts]

    @property
    def pixels(self) -> list[int | None]:
        """The number of pixels of each colour; None where it is not known."""
        return [None] * len(self.colors) if self.counts is None else [int(count) for count in self.counts]


def hex_color(color: UInt8Array) -> str:
    """A colour (3,) uint8 as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*color.tolist())


def parse_hex(text: str) -> list[int]:
    """The levels of a colour written ``#rrggbb`` or ``rrggbb``. Raises OptionError for another form."""
    match = HEX.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise OptionError(f"{text!r} is not a colour: write it like #3366cc")
    return list(bytes.fromhex(match[1]))


def _write_json(entries: Entries) -> str:
    import json

    rows = [
        {"color": color.tolist(), "hex": hex_color(color), "pixels": pixels, "share": share}
        for color, pixels, share in zip(entries.colors, entries.pixels, entries.shares, strict=True)
    ]
    return json.dumps(rows, indent=1) + "\n"


def _read_json(text: str) -> Entries:
    import json

    rows = json.loads(text)
    if not isinstance(rows, list):
        raise ValueError("it is not a list of colours")
    colors = [row["color"] if isinstance(row, dict) and "color" in row else parse_hex(_hex_of(row)) for row in rows]
    counts = [row.get("pixels") if isinstance(row, dict) else None for row in rows]
    return _entries(colors, counts)


def _hex_of(row: object) -> str:
    value = row.get("hex") if isinstance(row, dict) else row
    if not isinstance(value, str):
        raise ValueError("an entry has neither 'color' nor 'hex'")
    return value


def _write_csv(entries: Entries) -> str:
    import csv

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["hex", "r", "g", "b", "pixels", "share"])
    for color, pixels, share in zip(entries.colors, entries.pixels, entries.shares, strict=True):
        writer.writerow([hex_color(color), *color.tolist(), pixels, None if share is None else f"{share:.9g}"])
    return stream.getvalue()


def _read_csv(text: str) -> Entries:
    import csv

    try:
        rows = list(csv.DictReader(io.StringIO(text)))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    colors = [parse_hex(row["hex"]) if row.get("hex") else [int(row[band]) for band in "rgb"] for row in rows]
    return _entries(colors, [int(row["pixels"]) if row.get("pixels") else None for row in rows])


def _write_gpl(entries: Entries) -> str:
    """GIMP's palette format, version 2."""
    names = entries.names or [hex_color(color) for color in entries.colors]
    rows = [
        " ".join(f"{level:3d}" for level in color.tolist()) + f"\t{name}"
        for color, name in zip(entries.colors, names, strict=True)
    ]
    return "\n".join(["GIMP Palette", "Name: colorquant", "Columns: 16", "#", *rows]) + "\n"


def _read_gpl(text: str) -> Entries:
    lines = text.splitlines()
    if not lines or lines[0].strip() != "GIMP Palette":
        raise ValueError("its first line is not 'GIMP Palette'")
    colors, names = [], []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip() or line.lstrip().startswith("#") or line.startswith(("Name:", "Columns:")):
            continue
        match = GIMP_ROW.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not a colour")
        colors.append([int(match[band]) for band in (1, 2, 3)])
        names.append(match[4] or "")
    own = [hex_color(np.array(color, np.uint8)) if max(color) < 256 else "" for color in colors]
    entries = _entries(colors, [None] * len(colors))
    return Entries(entries.colors, None, None if names == own or not any(names) else tuple(names))


def _write_hex(entries: Entries) -> str:
    return "".join(hex_color(color)[1:] + "\n" for color in entries.colors)


def _read_hex(text: str) -> Entries:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(";")]
    return _entries([parse_hex(line) for line in lines], [None] * len(lines))


def _entries(colors: list[list[int]], counts: list[int | None]) -> Entries:
    """Checked entries. Raises ValueError for a colour that is not three levels from 0 to 255, or a negative count."""
    for color in colors:
        if len(color) != 3 or not all(isinstance(level, int) and 0 <= level <= 255 for level in color):
            raise ValueError(f"{color} is not three levels from 0 to 255")
    if not colors:
        raise ValueError("it has no colours")
    known = [count for count in counts if isinstance(count, int) and 0 <= count < 2**62]
    return Entries(np.array(colors, np.uint8), np.array(known, np.int64) if len(known) == len(colors) else None)


@dataclass(frozen=True)
class PaletteFormat:
    """A palette format: ``write`` turns entries into text; ``read`` parses text into entries, or raises ValueError."""

    write: Callable[[Entries], str]
    read: Callable[[str], Entries]


PALETTE_FORMATS: dict[str, PaletteFormat] = {
    ".json": PaletteFormat(_write_json, _read_json),
    ".gpl": PaletteFormat(_write_gpl, _read_gpl),
    ".hex": PaletteFormat(_write_hex, _read_hex),
    ".csv": PaletteFormat(_write_csv, _read_csv),
}


def _format(name: str) -> PaletteFormat:
    suffix = PurePath(name).suffix.lower()
    if suffix not in PALETTE_FORMATS:
        raise OptionError(f"palette {name}: unknown ending, use one of {', '.join(PALETTE_FORMATS)}")
    return PALETTE_FORMATS[suffix]


def encode_palette(name: str, entries: Entries) -> bytes:
    """The entries in the format that the ending of ``name`` selects. Raises OptionError for an unknown ending."""
    return _format(name).write(entries).encode()


def write_palette(path: Path, entries: Entries, *, force: bool) -> None:
    """Write a palette file whole or not at all. Raises OutputError, and OptionError for an unknown ending."""
    write_whole([(path, encode_palette(path.name, entries))], force=force)


def read_palette(path: Path) -> Entries:
    """The entries of a palette file, at least one.

    Raises PaletteReadError for a file that cannot be read or is damaged, OptionError for an unknown ending.
    """
    form = _format(path.name)
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PaletteReadError(f"palette {path} cannot be read: {reason}; check the name") from error
    if len(data) > LARGEST_FILE:
        raise PaletteReadError(f"palette {path} is larger than {LARGEST_FILE:,} bytes: give a palette file")
    try:
        return form.read(data.decode("utf-8-sig"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = " ".join(f"{error}".split())
        raise PaletteReadError(f"palette {path} is not a whole {path.suffix.lower()} file: {reason}") from error
