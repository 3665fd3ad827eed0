"""The page of ``compare``: the results of each image side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from colorquant.analysis.compare import Cell, Comparison
from colorquant.analysis.measures import Column
from colorquant.analysis.summary import summarize
from colorquant.report import html
from colorquant.report.comparison_records import COLUMNS, ComparedImage, Previews, Row, agreement_words, records, tile
from colorquant.report.comparison_summary import NOTE, is_best, summary_columns, words_of
from colorquant.report.comparison_summary import value_of as summary_value
from colorquant.report.comparison_table import cell_words, value_of
from colorquant.report.html import Details, Fact, data_uri, render
from colorquant.report.machine import Machine
from colorquant.report.records import printable, size_words
from colorquant.report.words import base_name

FIRST = ("method", "k", "psnr", "seconds", "engine", "space")  # columns of the measures, from the left


@dataclass(frozen=True)
class Tile:
    """A ``picture`` as a data URI, None where the cell failed, with its ``title``, ``kind`` and ``words``."""

    title: str
    kind: str
    words: str
    picture: str | None


@dataclass(frozen=True)
class Section:
    """One image: its ``tiles``, the original first, its table as headings, rows and ranks, and the labels' agreement.

    ``matrix`` has a row for each cell that did not fail: its name, and the adjusted Rand index with each of them.
    """

    name: str
    words: str
    shown: tuple[int, int]
    tiles: tuple[Tile, ...]
    failed: tuple[Tile, ...]
    table: tuple[list[str], list[list[html.Cell]], list[int]]
    matrix: tuple[tuple[str, tuple[float, ...]], ...]
    notes: tuple[str, ...]
    agreement: str | None
    details: Details | None = None


@dataclass(frozen=True)
class Failure:
    """An image that could not be compared."""

    name: str
    error: str


def comparison_page(
    images: Sequence[ComparedImage],
    failures: Sequence[Failure],
    options: Sequence[Fact],
    notes: Sequence[str],
    command: str = "",
) -> bytes:
    """The page as HTML of images that have previews.

    ``options`` are those of the run, ``notes`` are lines about all images, and ``command`` repeats the run.
    """
    sections = [_section(image) for image in images]
    names = [section.name for section in sections] or [base_name(failure.name) for failure in failures]
    title = names[0] if len(names) == 1 else f"{len(names)} images"
    return render(
        "comparison.html",
        f"{title}, compared",
        {},
        heading=title,
        sections=sections,
        summary=_summary(images) if len(images) > 1 else None,
        summary_note=NOTE,
        failures=[Failure(printable(one.name), printable(one.error)) for one in failures],
        command=printable(command),
        options=[(flag, printable(value)) for flag, value in options],
        notes=[printable(note) for note in notes],
        versions=Machine.this().version_words,
    )


def _summary(images: Sequence[ComparedImage]) -> tuple[list[str], list[list[html.Cell]], list[int]]:
    """The headings, rows and ranks of the summary of several images."""
    summaries = summarize([image.comparison for image in images])
    columns = [column for column in summary_columns(summaries) if any(words_of(column, row) for row in summaries)]
    rows = [
        [
            html.Cell(words_of(column, row), summary_value(column, row), is_best(column, row, summaries))
            for column in columns
        ]
        for row in summaries
    ]
    return [column.heading.replace(" %", "\u00a0%") for column in columns], rows, [column.rank for column in columns]


def _section(image: ComparedImage) -> Section:
    comparison, previews = image.comparison, image.previews
    if previews is None:
        raise ValueError("a page needs previews of its pictures")
    size = f"{comparison.width:,} × {comparison.height:,} pixels, {comparison.colors_in:,} colours"
    tiles = [_tile(cell, previews.cells.get(cell.name)) for cell in comparison.cells]
    size = _kept_together(f"{size}, {size_words(image.bytes_in)}")
    original = Tile("original", "", size, data_uri(previews.original))
    return Section(
        name=base_name(image.name),
        words=original.words,
        shown=previews.size,
        tiles=(original, *(one for one in tiles if one.picture is not None)),
        failed=tuple(one for one in tiles if one.picture is None),
        table=_table(records(image)),
        matrix=_matrix(comparison),
        notes=tuple(printable(note) for note in image.notes),
        agreement=agreement_words(comparison),
        details=_details(previews),
    )


def _details(previews: Previews) -> Details | None:
    """The middle of each picture, pixel by pixel; None where none is dithered."""
    if not previews.middles:
        return None
    height, width = previews.middle_size
    return Details(width, height, {name: data_uri(picture) for name, picture in previews.middles.items()})


def _tile(cell: Cell, picture: bytes | None) -> Tile:
    words = tile(cell, None)
    kind, *rest = words.words
    title = words.title.replace(" = ", "\u00a0=\u00a0")  # kept on one line
    text = _kept_together(printable(" · ".join(rest)))
    return Tile(title, kind, text, None if picture is None else data_uri(picture))


def _kept_together(text: str) -> str:
    """The text with each unit on the line of its number."""
    for unit in ("kB", "MB", "dB"):
        text = text.replace(f" {unit}", f"\u00a0{unit}")
    return text


def _table(rows: Sequence[Row]) -> tuple[list[str], list[list[html.Cell]], list[int]]:
    """The headings, rows and ranks of all columns that have a value, and of the errors where there are some."""
    columns = [
        column for column in COLUMNS if column.heading and any(value_of(column, row) is not None for row in rows)
    ]
    columns = _first_on_a_phone(columns)
    heads = [column.heading.replace(" %", "\u00a0%") for column in columns]
    ranks = [column.rank for column in columns]
    cells = [[_cell(column, row, rows) for column in columns] for row in rows]
    if any(row["error"] for row in rows):
        heads.append("error")
        ranks.append(0)
        for row, line in zip(rows, cells, strict=True):
            line.append(html.Cell(printable(row["error"] or ""), printable(row["error"] or ""), long=True))
    return heads, cells, ranks


def _first_on_a_phone(columns: Sequence[Column]) -> list[Column]:
    """The columns in the order of the page: where only few fit, those that most readers look for are there."""
    first = [column for key in FIRST for column in columns if column.key == key]
    rest = [replace(column, rank=max(column.rank, 1)) for column in columns if column.key not in FIRST]
    return [*(replace(column, rank=0) for column in first), *rest]


def _cell(column: Column, row: Row, rows: Sequence[Row]) -> html.Cell:
    words, best = cell_words(column, row, rows)
    value = value_of(column, row)
    return html.Cell(words, int(value) if isinstance(value, bool) else value, best)


def _matrix(comparison: Comparison) -> tuple[tuple[str, tuple[float, ...]], ...]:
    done = [cell for cell in comparison.cells if cell.error is None]
    if len(done) < 2:
        return ()
    indices = [{agreement.other: agreement.ari for agreement in cell.agreement} for cell in done]
    return tuple(
        (cell.name, tuple(agreement.get(other.name, 1.0) for other in done))
        for cell, agreement in zip(done, indices, strict=True)
    )
