"""The tables of a comparison: the cells of one image, and the summary of several."""

from __future__ import annotations

import math
from collections.abc import Sequence

from colorquant.analysis.measures import Column, Value
from colorquant.report.comparison_records import COLUMNS, Row
from colorquant.report.tables import STAR, Table

NEARLY = 2  # ranks between columns of nearly the same importance
BETWEEN = 3  # characters between two columns, on a terminal
LEFT = frozenset({"method", "engine", "space", "covariance", "dither", "alpha"})


def comparison_table(rows: Sequence[Row], width: int | None = None) -> tuple[Table, list[str]]:
    """The records of one image, sorted by k; the best value of each column is marked among those of the same k.

    Columns without any value are left out, and others until the table is at most ``width`` characters wide; the
    headings of the latter are returned as well.
    """
    rows = sorted(rows, key=lambda row: row["k"])
    columns = [
        column for column in COLUMNS if column.heading and any(value_of(column, row) is not None for row in rows)
    ]
    kept, left_out = fitting(columns, [[cell_words(column, row, rows)[0] for row in rows] for column in columns], width)
    cells = [[cell_words(column, row, rows) for column in kept] for row in rows]
    table = Table(
        headers=tuple(column.heading for column in kept),
        rows=tuple(tuple(words for words, _ in line) for line in cells),
        left=LEFT,
        best=frozenset((row, place) for row, line in enumerate(cells) for place, (_, best) in enumerate(line) if best),
        ends=frozenset(row for row in range(len(rows) - 1) if rows[row]["k"] != rows[row + 1]["k"]),
    )
    return table, left_out


def fitting(
    columns: Sequence[Column], words: Sequence[Sequence[str]], width: int | None
) -> tuple[list[Column], list[str]]:
    """The columns that fit into ``width`` characters with their ``words``, and the headings of those that do not.

    Columns of rank 0 are always kept. Of the others, those of a lower rank are kept first; once one has no room, only
    columns that are nearly as important may take what is left.
    """
    needed = {
        column.key: max(len(column.heading), *(len(cell) + len(STAR) for cell in cells)) + BETWEEN
        for column, cells in zip(columns, words, strict=True)
    }
    kept: set[str] = set()
    highest = math.inf  # rank
    for column in sorted(columns, key=lambda column: column.rank):
        used = sum(needed[key] for key in kept) + needed[column.key]
        if width is None or column.rank == 0 or (used <= width and column.rank <= highest):
            kept.add(column.key)
        else:
            highest = min(highest, column.rank + NEARLY)
    return (
        [column for column in columns if column.key in kept],
        [column.heading for column in columns if column.key not in kept],
    )


def left_out_words(headings: Sequence[str]) -> str | None:
    """A line that names the columns that a narrow table left out; None if there are none."""
    return f"columns left out, since the terminal is too narrow: {', '.join(headings)}" if headings else None


def value_of(column: Column, row: Row) -> Value:
    """The value by which records are compared; with several seeds, the mean over them.

    The PSNR is infinite where nothing was lost; the record has null there, since JSON cannot say it.
    """
    if column.key == "psnr" and row["mse"] == 0:
        return math.inf
    statistics = (row["statistics"] or {}).get(column.key)
    value: Value = row[column.key] if statistics is None else statistics["mean"]
    return value


def cell_words(column: Column, row: Row, rows: Sequence[Row]) -> tuple[str, bool]:
    """The text of a record's cell, and whether it is the best of its column among all ``rows`` of the same k."""
    value = value_of(column, row)
    if value is None:
        return "failed" if column.key == "mse" else "", False
    values = [
        value_of(column, other)
        for other in rows
        if other["k"] == row["k"] and (not column.within_space or other["space"] == row["space"])
    ]
    statistics = (row["statistics"] or {}).get(column.key)
    deviation = None if statistics is None else statistics["std"]
    best = column.better is not None and value == column.best(values)
    return column.words(value) + ("" if deviation is None else f" ± {column.words(deviation)}"), best
