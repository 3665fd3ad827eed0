"""Palette files: ``PALETTE_WRITERS`` maps a file name's ending to what writes it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import PurePath

from colorquant.types import IntArray, UInt8Array


def hex_color(color: UInt8Array) -> str:
    """A colour (3,) uint8 as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*color.tolist())


def _shares(counts: IntArray) -> list[float]:
    return [int(count) / int(counts.sum()) for count in counts]


def _json(palette: UInt8Array, counts: IntArray) -> str:
    import json

    rows = [
        {"color": color.tolist(), "hex": hex_color(color), "pixels": int(pixels), "share": share}
        for color, pixels, share in zip(palette, counts, _shares(counts), strict=True)
    ]
    return json.dumps(rows, indent=1) + "\n"


def _csv(palette: UInt8Array, counts: IntArray) -> str:
    import csv

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["hex", "r", "g", "b", "pixels", "share"])
    for color, pixels, share in zip(palette, counts, _shares(counts), strict=True):
        writer.writerow([hex_color(color), *color.tolist(), int(pixels), f"{share:.9g}"])
    return stream.getvalue()


def _gpl(palette: UInt8Array, counts: IntArray) -> str:
    """GIMP's palette format, version 2."""
    rows = [" ".join(f"{level:3d}" for level in color.tolist()) + f"\t{hex_color(color)}" for color in palette]
    return "\n".join(["GIMP Palette", "Name: colorquant", "Columns: 16", "#", *rows]) + "\n"


def _hex(palette: UInt8Array, counts: IntArray) -> str:
    return "".join(hex_color(color)[1:] + "\n" for color in palette)


PALETTE_WRITERS: dict[str, Callable[[UInt8Array, IntArray], str]] = {
    ".json": _json,
    ".gpl": _gpl,
    ".hex": _hex,
    ".csv": _csv,
}


def encode_palette(name: str, palette: UInt8Array, counts: IntArray) -> bytes:
    """The palette (p, 3) uint8 with its pixel counts (p,) in the format of the ending of ``name``."""
    return PALETTE_WRITERS[PurePath(name).suffix.lower()](palette, counts).encode()
