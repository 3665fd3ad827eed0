"""A palette as a JSON record, and as a table of its colours."""

from __future__ import annotations

from typing import TypedDict

from colorquant.palette.arranging import MOST_COMPARED
from colorquant.palette.palette import Palette
from colorquant.report.records import printable
from colorquant.report.tables import Table

SHOWN_ROWS = 256  # colours that the table lists
NO_VALUE = "–"


class EntryRecord(TypedDict):
    """A colour of a palette: docs/palettes.md explains the keys."""

    hex: str
    color: list[int]
    alpha: int
    name: str | None
    pixels: int | None
    share: float | None
    delta_e: float | None
    nearest: int | None


class PaletteRecord(TypedDict):
    """The JSON object of ``colorquant palette``; ``output`` is None where nothing was written."""

    inputs: list[str]
    output: str | None
    colors: list[EntryRecord]


def palette_record(inputs: list[str], output: str | None, palette: Palette) -> PaletteRecord:
    """The JSON object of a palette that was read from ``inputs``, and written to ``output``."""
    names, shares = palette.names, palette.shares
    colors: list[EntryRecord] = [
        {
            "hex": code,
            "color": palette.colors[row].tolist(),
            "alpha": int(palette.opacities[row]),
            "name": (names[row] or None) if names is not None else None,
            "pixels": None if palette.counts is None else int(palette.counts[row]),
            "share": None if shares is None else float(shares[row]),
            "delta_e": None,
            "nearest": None,
        }
        for row, code in enumerate(palette.hex)
    ]
    if len(palette) <= MOST_COMPARED:
        nearest = palette.nearest_others()
        for entry, row, difference in zip(colors, nearest.rows, nearest.differences, strict=True):
            if row >= 0:
                entry["delta_e"], entry["nearest"] = round(float(difference), 4), int(row)
    return {"inputs": inputs, "output": output, "colors": colors}


def palette_head(record: PaletteRecord) -> str:
    """The line above the table: "pico8: 16 colours"."""
    number = len(record["colors"])
    return f"{printable(' + '.join(record['inputs']))}: {number:,} {'colour' if number == 1 else 'colours'}"


def palette_table(record: PaletteRecord) -> Table:
    """The first colours of a palette, without the columns of which nothing is known."""
    colors = record["colors"][:SHOWN_ROWS]
    columns: dict[str, list[str]] = {"#": [str(number) for number in range(len(colors))]}
    columns["colour"] = [entry["hex"] for entry in colors]
    if any(entry["share"] is not None for entry in colors):
        columns["share"] = [_percent(entry["share"]) for entry in colors]
    columns["ΔE"] = [NO_VALUE if entry["delta_e"] is None else f"{entry['delta_e']:.1f}" for entry in colors]
    columns["nearest"] = [NO_VALUE if entry["nearest"] is None else str(entry["nearest"]) for entry in colors]
    if any(entry["name"] is not None for entry in colors):
        columns["name"] = [printable(entry["name"] or "") for entry in colors]
    return Table(tuple(columns), tuple(zip(*columns.values(), strict=True)), left=frozenset({"colour", "name"}))


def _percent(share: float | None) -> str:
    return NO_VALUE if share is None else f"{100 * share:.2f} %"


def palette_foot(record: PaletteRecord) -> list[str]:
    """The lines below the table: what it leaves out, and what ΔE means."""
    rest = len(record["colors"]) - SHOWN_ROWS
    more = [f"and {rest:,} more: --json has all"] if rest > 0 else []
    if len(record["colors"]) > MOST_COMPARED:
        return [*more, f"ΔE: not computed for more than {MOST_COMPARED:,} colours."]
    clear = any(entry["alpha"] < 255 for entry in record["colors"])
    return [*more, f"ΔE: CIEDE2000 to the nearest other colour{' of the same alpha' if clear else ''}."]
