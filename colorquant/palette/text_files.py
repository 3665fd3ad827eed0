"""Palette files with a row of plain text for each colour: JSON, CSV, GIMP's .gpl, .hex, paint.net's .txt."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping

from colorquant.palette.entries import Codec, Entries, checked_entries, decoded, parse_hex

GIMP_ROW = re.compile(r"\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})(?:\s+(?P<name>.*\S))?\s*")
RGBA_ROW = re.compile(r"\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s+(?P<alpha>\d{1,3})(?:\s+(?P<name>.*\S))?\s*")


def _cells(entries: Entries) -> Iterator[tuple[str, list[int], int | None, float | None, dict[str, object]]]:
    """For each colour: hex, levels, pixels, share, and ``alpha`` and ``name`` where the palette has them."""
    rows = zip(entries.hex, entries.colors.tolist(), entries.pixels, entries.shares, strict=True)
    for number, (code, levels, pixels, share) in enumerate(rows):
        more: dict[str, object] = {} if entries.alpha is None else {"alpha": int(entries.alpha[number])}
        if entries.names is not None:
            more["name"] = entries.names[number]
        yield code, levels, pixels, share, more


def write_json(entries: Entries) -> str:
    """A list of objects, one for each colour."""
    import json

    rows = [
        {"color": levels, "hex": code, "pixels": pixels, "share": share, **more}
        for code, levels, pixels, share, more in _cells(entries)
    ]
    return json.dumps(rows, indent=1) + "\n"


def read_json(text: str) -> Entries:
    """The colours of a list of objects with ``color`` [r, g, b] or ``hex``, or of a list of texts ``#rrggbb``."""
    import json

    rows = json.loads(text)
    if not isinstance(rows, list):
        raise ValueError("it is not a list of colours")
    colors, counts, alpha, names = [], [], [], []
    for value in rows:
        row = value if isinstance(value, dict) else {"hex": value}
        levels, opacity = _levels(row)
        colors.append(levels)
        alpha.append(opacity if row.get("alpha") is None else row["alpha"])
        counts.append(row.get("pixels"))
        names.append(_text(row.get("name")))
    return checked_entries(colors, counts=counts, alpha=alpha, names=names)


def _levels(row: Mapping[str, object]) -> tuple[list[int], int]:
    """The levels and the alpha of an object of a JSON file."""
    code, color = row.get("hex"), row.get("color")
    levels, alpha = parse_hex(code) if isinstance(code, str) else ([], 255)
    if isinstance(color, list):
        return color, alpha
    if not levels:
        raise ValueError("an entry has neither 'color' nor 'hex'")
    return levels, alpha


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def write_csv(entries: Entries) -> str:
    """A table with a header; the columns alpha and name only where the palette has them."""
    import csv

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    alpha, name = ["alpha"] * (entries.alpha is not None), ["name"] * (entries.names is not None)
    writer.writerow(["hex", "r", "g", "b", "pixels", "share", *alpha, *name])
    for code, levels, pixels, share, more in _cells(entries):
        writer.writerow([code, *levels, pixels, None if share is None else f"{share:.9g}", *more.values()])
    return stream.getvalue()


def read_csv(text: str) -> Entries:
    """The colours of a table whose header has ``hex``, or ``r``, ``g`` and ``b``; and ``alpha``, ``pixels``, ``name``.

    A byte that is not text, or a field too many, is an error.
    """
    import csv

    try:
        rows = list(csv.DictReader(io.StringIO(text)))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    colors, counts, alpha, names = [], [], [], []
    for row in rows:
        levels, opacity = parse_hex(row["hex"]) if row.get("hex") else ([int(row[band]) for band in "rgb"], 255)
        colors.append(levels)
        alpha.append(int(row["alpha"]) if row.get("alpha") else opacity)
        counts.append(int(row["pixels"]) if row.get("pixels") else None)
        names.append(row.get("name") or "")
    return checked_entries(colors, counts=counts, alpha=alpha, names=names)


def write_gpl(entries: Entries) -> str:
    """GIMP's palette format, version 2, which has no alpha.

    GIMP, devel-docs/specifications/gpl.txt; read by Inkscape, Krita and others.
    """
    rows = [
        " ".join(f"{level:3d}" for level in color.tolist()) + f"\t{name}"
        for color, name in zip(entries.colors, entries.labels, strict=True)
    ]
    return "\n".join(["GIMP Palette", "Name: colorquant", "Columns: 16", "#", *rows]) + "\n"


def read_gpl(text: str) -> Entries:
    """The colours of a palette of GIMP, or of Aseprite's extension with alpha, whose header has ``Channels: RGBA``.

    Names that repeat the colour are dropped. Aseprite, docs/gpl-palette-extension.md.
    """
    lines = text.splitlines()
    if not lines or lines[0].strip() != "GIMP Palette":
        raise ValueError("its first line is not 'GIMP Palette'")
    colors: list[list[int]] = []
    alpha, names = [], []
    row = GIMP_ROW
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip() or line.lstrip().startswith("#") or line.startswith(("Name:", "Columns:")):
            continue
        if line.startswith("Channels:") and not colors:
            row = RGBA_ROW if line.split()[1:] == ["RGBA"] else GIMP_ROW
            continue
        match = row.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not a colour")
        colors.append([int(match[band]) for band in (1, 2, 3)])
        alpha.append(int(match["alpha"]) if row is RGBA_ROW else 255)
        names.append(match["name"] or "")
    return checked_entries(colors, alpha=alpha, names=names).without_labels()


def write_hex(entries: Entries) -> str:
    """A line ``rrggbb``, or ``rrggbbaa``, for each colour, as Lospec has them."""
    return "".join(code[1:] + "\n" for code in entries.hex)


def read_hex(text: str) -> Entries:
    """The colours of the lines; those that begin with a semicolon are comments."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(";")]
    parsed = [parse_hex(line) for line in lines]
    return checked_entries([levels for levels, _ in parsed], alpha=[alpha for _, alpha in parsed])


def write_txt(entries: Entries) -> str:
    """A palette of paint.net: a line ``AARRGGBB`` for each colour.

    paint.net documentation, "Working with Palettes"; paint.net shows the first 96 colours.
    """
    rows = [f"{alpha:02X}{code[1:7].upper()}" for code, alpha in zip(entries.hex, entries.opacities, strict=True)]
    return "".join(f"{line}\r\n" for line in ["; paint.net palette: AARRGGBB", *rows])


def read_txt(text: str) -> Entries:
    """The colours of a palette of paint.net; a line of six digits is opaque. What follows a semicolon is a comment."""
    rows = [row for row in (line.partition(";")[0].strip() for line in text.splitlines()) if row]
    for row in rows:
        parse_hex(row)  # raises for one that is no colour, before alpha is taken from its front
    parsed = [parse_hex(row if len(row) == 6 else row[2:] + row[:2]) for row in rows]
    return checked_entries([levels for levels, _ in parsed], alpha=[alpha for _, alpha in parsed])


CODECS = {
    ".json": Codec.of_text(write_json, read_json),
    ".csv": Codec.of_text(write_csv, read_csv),
    ".gpl": Codec(lambda entries: write_gpl(entries).encode("utf-8", "replace"), lambda data: read_gpl(decoded(data))),
    ".hex": Codec.of_text(write_hex, read_hex),
    ".txt": Codec.of_text(write_txt, read_txt),
}
