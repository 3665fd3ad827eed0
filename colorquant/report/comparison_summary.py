"""The summary of several compared images as JSON records, CSV, tables, markdown and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from colorquant.analysis.compare import TRUTH_MEASURES, Statistics
from colorquant.analysis.grid import covariance_of, dither_name
from colorquant.analysis.measures import MEASURES, Column, Value
from colorquant.analysis.summary import CombinationSummary, summarize
from colorquant.report.comparison_records import ComparedImage, agreement_words, records, table_title
from colorquant.report.comparison_table import LEFT, comparison_table, fitting
from colorquant.report.records import printable
from colorquant.report.tables import Table, csv_text, escaped

SUFFIXES = (".csv", ".md", ".tex")
MEASURED = tuple(column for column in (*MEASURES, *TRUTH_MEASURES) if column.key != "converged")  # the numbers
COMBINATION = (
    *(Column(key, key) for key in ("method", "engine", "space")),
    Column("covariance", "covariance", rank=1),
    Column("dither", "dither", rank=1),
    Column("k", "k"),
    Column("images", "images"),
    Column("failed", "failed"),
    Column("wins", "wins", "{}", "higher"),
)
DIFFERENCE = Column("psnr_difference", "PSNR − first", "{:+.2f}", rank=1)
PER_STATISTIC = ("mean", "std")
KEYS = (
    "cell",
    *(column.key for column in COMBINATION),
    *(f"{measure.key}_{name}" for measure in MEASURED for name in PER_STATISTIC),
    *(f"{measure.key}_difference_{name}" for measure in MEASURED for name in PER_STATISTIC),
)
NOTE = (
    "Mean ± standard deviation over the images. Wins: images with the lowest MSE of a k. "
    "PSNR − first: paired difference to the first combination of the same k, in dB."
)


def summary_record(summary: CombinationSummary) -> dict[str, Any]:
    """The JSON object of a combination; see docs/compare.md. Numbers that are not finite are null."""
    return {
        "cell": summary.name,
        **_combination(summary),
        "statistics": {key: _finite(value) for key, value in summary.statistics.items()},
        "difference": {key: _finite(value) for key, value in summary.difference.items()},
    }


def _combination(summary: CombinationSummary) -> dict[str, Value]:
    options = summary.options
    return {
        "method": options.method,
        "engine": options.engine,
        "space": options.space,
        "covariance": covariance_of(options),
        "dither": dither_name(options),
        "k": options.k,
        "images": summary.images,
        "failed": summary.failed,
        "wins": summary.wins,
    }


def _finite(statistics: Statistics) -> dict[str, float | None]:
    values: dict[str, float | None] = asdict(statistics)
    return {name: value if value is not None and math.isfinite(value) else None for name, value in values.items()}


def encode_summary(images: Sequence[ComparedImage], suffix: str) -> bytes:
    """The file of the summary; ``suffix`` is one of SUFFIXES."""
    summaries = summarize([image.comparison for image in images])
    if suffix == ".csv":
        return csv_text(KEYS, [[_flat(summary).get(key) for key in KEYS] for summary in summaries]).encode()
    table, _ = summary_table(summaries)
    if suffix == ".tex":
        return table.latex().encode()
    return f"{table.markdown()}\n{escaped(NOTE)}\n".encode()


def _flat(summary: CombinationSummary) -> dict[str, Any]:
    """The record of a combination with a key per number."""
    row = summary_record(summary)
    for prefix, part in (("", row.pop("statistics")), ("_difference", row.pop("difference"))):
        for key, statistics in part.items():
            row.update({f"{key}{prefix}_{name}": statistics[name] for name in PER_STATISTIC})
    return row


def summary_table(summaries: Sequence[CombinationSummary], width: int | None = None) -> tuple[Table, list[str]]:
    """The summaries, sorted by k; the best mean of each column is marked among those of the same k.

    Columns without any value are left out, and others until the table is at most ``width`` characters wide; the
    headings of the latter are returned as well.
    """
    rows = sorted(summaries, key=lambda summary: summary.options.k)
    columns = [column for column in summary_columns(rows) if any(words_of(column, row) for row in rows)]
    kept, left_out = fitting(columns, [[words_of(column, row) for row in rows] for column in columns], width)
    return Table(
        headers=tuple(column.heading for column in kept),
        rows=tuple(tuple(words_of(column, row) for column in kept) for row in rows),
        left=LEFT,
        best=frozenset(
            (number, place)
            for number, row in enumerate(rows)
            for place, column in enumerate(kept)
            if is_best(column, row, rows)
        ),
        ends=frozenset(row for row in range(len(rows) - 1) if rows[row].options.k != rows[row + 1].options.k),
    ), left_out


def summary_columns(summaries: Sequence[CombinationSummary]) -> list[Column]:
    """The columns of a table of summaries; the numbers of images and of failures only where there are failures."""
    some_failed = any(summary.failed for summary in summaries)
    combination = [column for column in COMBINATION if some_failed or column.key not in ("images", "failed")]
    measured = [replace(column, rank=1) if column.key == "mse" else column for column in MEASURED]
    return [*combination, *(column for column in measured if column.heading), DIFFERENCE]


def value_of(column: Column, summary: CombinationSummary) -> Value:
    """The value by which a column compares summaries: the mean of a measure, or the summary's own value."""
    statistics = _statistics(column, summary)
    return _combination(summary).get(column.key) if statistics is None else statistics.mean


def is_best(column: Column, summary: CombinationSummary, summaries: Sequence[CombinationSummary]) -> bool:
    """Whether no summary of the same k has a better mean."""
    own = value_of(column, summary)
    others = [
        value_of(column, other)
        for other in summaries
        if other.options.k == summary.options.k
        and (not column.within_space or other.options.space == summary.options.space)
    ]
    return own is not None and own == column.best(others)


def words_of(column: Column, summary: CombinationSummary) -> str:
    """The text of a summary's cell: a value, or a mean with its standard deviation."""
    statistics = _statistics(column, summary)
    if statistics is None:
        value = _combination(summary).get(column.key)
        return "" if value is None else column.words(value)
    if statistics.std is None:
        return column.words(statistics.mean)
    return f"{column.words(statistics.mean)} ± {column.words(statistics.std).lstrip('+')}"


def _statistics(column: Column, summary: CombinationSummary) -> Statistics | None:
    return summary.difference.get("psnr") if column is DIFFERENCE else summary.statistics.get(column.key)


def encode_markdown(
    images: Sequence[ComparedImage], failures: Sequence[tuple[str, str]], notes: Sequence[str]
) -> bytes:
    """A markdown document: the table of each image, the summary of several images, and what failed or was left out."""
    parts = ["# Comparison"]
    for image in images:
        agreement = agreement_words(image.comparison)
        parts.append(f"## {escaped(table_title(image.name, image))}")
        parts.append(comparison_table(records(image))[0].markdown())
        parts += [] if agreement is None else [escaped(agreement)]
    if len(images) > 1:
        table, _ = summary_table(summarize([image.comparison for image in images]))
        parts += [f"## {len(images)} images", table.markdown(), escaped(NOTE)]
    lines = [f"{printable(name)}: {printable(error)}" for name, error in failures]
    lines += [
        f"{printable(image.name)}, {cell.name}: {printable(cell.error)}"
        for image in images
        for cell in image.comparison.cells
        if cell.error is not None
    ]
    bullets = [*(f"Failed: {line}" for line in lines), *notes]
    parts.append("\n".join(f"- {escaped(line)}" for line in bullets))
    return ("\n\n".join(part.rstrip("\n") for part in parts if part) + "\n").encode()
