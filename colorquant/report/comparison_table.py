"""The table of a comparison: what a terminal or a log shows of its records. Loaded only where it is wanted."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]
BEST = "*"


@dataclass(frozen=True)
class Column:
    """A column: ``key`` of the record, ``form`` of its value. ``best`` is min or max, None where none is better.

    Where the terminal is narrow, the columns with the highest ``rank`` are left out first. Values are comparable, and
    one is the best, among cells of the same k, and where ``by_space`` of the same space.
    """

    head: str
    key: str
    form: str = "{}"
    best: Callable[[Sequence[float]], float] | None = None
    rank: int = 0
    by_space: bool = False


COLUMNS = (
    Column("method", "method"),
    Column("k", "k", "{:,}"),
    Column("engine", "engine"),
    Column("space", "space"),
    Column("covariance", "covariance", rank=1),
    Column("MSE", "mse", "{:,.1f}", min),
    Column("MSE std", "mse_std", "{:,.2f}", min, 1),
    Column("PSNR dB", "psnr", "{:.2f}", max),
    Column("SSIM", "ssim", "{:.4f}", max, 2),
    Column("ΔE mean", "ciede2000_mean", "{:.2f}", min, 1),
    Column("ΔE 95 %", "ciede2000_p95", "{:.2f}", min, 4),
    Column("colours", "colors", "{:,}", None, 6),
    Column("bytes", "bytes", "{:,}", min, 2),
    Column("bit/px", "bits_per_pixel", "{:.2f}", min, 5),
    Column("index bits", "index_bits", "{}", min, 9),
    Column("iterations", "n_iter", "{}", None, 8),
    Column("converged", "converged", "{}", None, 10),
    Column("log-lik.", "log_likelihood", "{:.4f}", max, 3, by_space=True),
    Column("BIC", "bic", "{:,.0f}", min, 7, by_space=True),
    Column("ARI of seeds", "seeds_ari", "{:.3f}", max, 2),
    Column("ARI to truth", "truth_ari", "{:.3f}", max, 1),
    Column("IoU to truth", "truth_mean_iou", "{:.3f}", max, 1),
    Column("seconds", "seconds", "{:.2f}", min, 3),
)


def comparison_table(title: str, rows: Sequence[Row], width: int | None = None) -> Table:
    """The records of one image, by k, the best of each column among those of a k in bold and with a star.

    Columns without any value are left out, and so many others that the table is no wider than ``width``.
    """
    rows = sorted(rows, key=lambda row: row["k"])
    columns = [column for column in COLUMNS if any(value_of(column, row) is not None for row in rows)]
    cells = {column.head: [_cell(column, row, rows) for row in rows] for column in columns}
    while width is not None and _width(columns, cells) > width and max(column.rank for column in columns):
        columns.remove(max(columns, key=lambda column: column.rank))
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        left = isinstance(rows[0][column.key], str) or column.key == "covariance"
        table.add_column(column.head, justify="left" if left else "right", no_wrap=True)
    for number, row in enumerate(rows):
        last = number + 1 == len(rows) or rows[number + 1]["k"] != row["k"]
        table.add_row(*(cells[column.head][number] for column in columns), end_section=last)
    return table


def plain_table(title: str, rows: Sequence[Row]) -> str:
    """The same for what is no terminal: all columns, aligned, without colour."""
    stream = io.StringIO()
    Console(file=stream, width=1000, color_system=None, legacy_windows=False).print(comparison_table(title, rows))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def _width(columns: Sequence[Column], cells: Mapping[str, Sequence[Text]]) -> int:
    return sum(max(len(column.head), *map(len, cells[column.head])) + 3 for column in columns)


def value_of(column: Column, row: Row) -> Any:
    """The value by which a ``row`` is compared: a PSNR is infinite where nothing was lost, which JSON cannot say."""
    return math.inf if column.key == "psnr" and row["mse"] == 0 else row[column.key]


def cell_words(column: Column, row: Row, rows: Sequence[Row]) -> tuple[str, bool]:
    """What the cell of a ``row`` among all ``rows`` of an image says, and whether it is the best of its column."""
    value = value_of(column, row)
    if value is None:
        return "failed" if column.key == "mse" else "", False
    if isinstance(value, bool):
        said = "yes" if value else "no"
    else:
        said = "no loss" if value == math.inf else column.form.format(value)
    rivals = [
        value_of(column, other)
        for other in rows
        if other["k"] == row["k"] and (not column.by_space or other["space"] == row["space"])
    ]
    rivals = [rival for rival in rivals if rival is not None]
    return said, column.best is not None and len(set(rivals)) > 1 and value == column.best(rivals)


def _cell(column: Column, row: Row, rows: Sequence[Row]) -> Text:
    words, best = cell_words(column, row, rows)
    if best:
        return Text(words + BEST, style="bold green")
    return Text(words + (" " if column.best and value_of(column, row) is not None else ""))
