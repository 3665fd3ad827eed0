"""The page of ``compare``: the results of each image held against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorquant.report.comparison_records import agreement_words, records, tile
from colorquant.report.comparison_table import COLUMNS, Column, Row, cell_words, value_of
from colorquant.report.html import Cell, Fact, data_uri, render
from colorquant.report.machine import Machine
from colorquant.report.records import printable, size_words
from colorquant.report.words import base_name

if TYPE_CHECKING:
    from colorquant.analysis import compare
    from colorquant.analysis.compare import Comparison


@dataclass(frozen=True)
class Tile:
    """A picture, as the address of its data, with its ``title``, ``kind`` and ``words``; None where it failed."""

    title: str
    kind: str
    words: str
    picture: str | None


@dataclass(frozen=True)
class Section:
    """One image: its ``tiles``, the original first, its table as heads, rows and ranks, and who agrees with whom.

    ``matrix`` has a row for each cell that did not fail: its name, and the adjusted Rand index with each of them.
    """

    name: str
    words: str
    shown: tuple[int, int]
    tiles: tuple[Tile, ...]
    failed: tuple[Tile, ...]
    table: tuple[list[str], list[list[Cell]], list[int]]
    matrix: tuple[tuple[str, tuple[float, ...]], ...]
    notes: tuple[str, ...]
    agreement: str | None


@dataclass(frozen=True)
class Failure:
    """An image that could not be compared."""

    name: str
    error: str


def comparison_page(
    compared: Sequence[tuple[str, Comparison]], failures: Sequence[Failure], asked: Sequence[Fact], notes: Sequence[str]
) -> bytes:
    """The page as HTML: ``compared`` are names with their Comparison, with pictures.

    ``asked`` are the options, ``notes`` lines about all of it.
    """
    sections = [_section(name, comparison) for name, comparison in compared]
    names = [section.name for section in sections] or [base_name(failure.name) for failure in failures]
    title = names[0] if len(names) == 1 else f"{len(names)} images"
    return render(
        "comparison.html",
        f"{title}, compared",
        {},
        heading=title,
        sections=sections,
        failures=[Failure(printable(one.name), printable(one.error)) for one in failures],
        asked=[(flag, printable(value)) for flag, value in asked],
        notes=[printable(note) for note in notes],
        versions=", ".join(f"{library} {number}" for library, number in Machine.this().versions.items()),
    )


def _section(name: str, comparison: Comparison) -> Section:
    size = f"{comparison.width:,} × {comparison.height:,} pixels, {comparison.colors_in:,} colours"
    tiles = [_tile(cell, comparison.pictures.get(cell.name)) for cell in comparison.cells]
    original = Tile("original", "", f"{size}, {size_words(comparison.bytes_in)}", data_uri(comparison.pictures[""]))
    return Section(
        name=base_name(name),
        words=original.words,
        shown=comparison.shown,
        tiles=(original, *(one for one in tiles if one.picture is not None)),
        failed=tuple(one for one in tiles if one.picture is None),
        table=_table(records(name, comparison)),
        matrix=_matrix(comparison),
        notes=tuple(printable(note) for note in comparison.notes),
        agreement=agreement_words(comparison),
    )


def _tile(cell: compare.Cell, picture: bytes | None) -> Tile:
    words = tile(cell, None)
    kind, *rest = words.words
    title = words.title.replace(" = ", "\u00a0=\u00a0")  # kept on one line
    return Tile(title, kind, printable(" · ".join(rest)), None if picture is None else data_uri(picture))


def _table(rows: Sequence[Row]) -> tuple[list[str], list[list[Cell]], list[int]]:
    """Every column that has a value, and what went wrong where something did; the ranks are those of the columns."""
    columns = [column for column in COLUMNS if any(value_of(column, row) is not None for row in rows)]
    heads = [column.head.replace(" %", "\u00a0%") for column in columns]
    ranks = [column.rank for column in columns]
    cells = [[Cell(*_sorted_by(column, row, rows)) for column in columns] for row in rows]
    if any(row["error"] for row in rows):
        heads.append("error")
        ranks.append(0)
        for row, line in zip(rows, cells, strict=True):
            line.append(Cell(printable(row["error"] or ""), printable(row["error"] or ""), long=True))
    return heads, cells, ranks


def _sorted_by(column: Column, row: Row, rows: Sequence[Row]) -> tuple[str, float | str | None, bool]:
    words, best = cell_words(column, row, rows)
    value = value_of(column, row)
    return words, int(value) if isinstance(value, bool) else value, best


def _matrix(comparison: Comparison) -> tuple[tuple[str, tuple[float, ...]], ...]:
    done = [cell for cell in comparison.cells if cell.error is None]
    if len(done) < 2:
        return ()
    found = [{one.other: one.ari for one in cell.agreement} for cell in done]
    return tuple(
        (cell.name, tuple(agreement.get(other.name, 1.0) for other in done))
        for cell, agreement in zip(done, found, strict=True)
    )
