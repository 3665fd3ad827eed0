"""The page of ``timing``: seconds as bars and as a table, and how they grow with the pixels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from colorquant.report import timing_records as report
from colorquant.report.html import Cell, base_name, render
from colorquant.report.html.charts import Chart, line_chart
from colorquant.report.machine import Machine
from colorquant.report.records import printable

VALUES: dict[str, Callable[[Any], float | None]] = {  # by which a column of numbers sorts
    "scale": lambda timing: timing.scale,
    "k": lambda timing: None if timing.options is None else timing.options.k,
    "pixels": lambda timing: timing.pixels,
    "colours": lambda timing: timing.colors,
    "median s": lambda timing: timing.median,
    "IQR s": lambda timing: timing.iqr,
    "min s": lambda timing: timing.minimum,
    "s/MP": lambda timing: timing.per_megapixel,
    "ratio": lambda timing: timing.ratio,
    "MSE": lambda timing: timing.mse,
}


@dataclass(frozen=True)
class Bar:
    """A row's median: ``width`` in per cent of the slowest of its group."""

    name: str
    words: str
    width: float


def timing_page(timings: Sequence[Any], machine: Machine, criteria: str, left_out: Sequence[str]) -> bytes:
    """The page as HTML; ``timings`` are :class:`colorquant.analysis.timing.Timing`, at least one."""
    names = list(dict.fromkeys(timing.input for timing in timings))
    heading = base_name(names[0]) if len(names) == 1 else f"{len(names)} images"
    notes = [*(f"Failed: {line}" for line in report.failures(timings)), *(f"Left out: {line}" for line in left_out)]
    return render(
        "timing.html",
        f"{heading}, timed",
        {},
        heading=heading,
        head=report.head(timings, machine, criteria),
        groups=_groups(timings),
        curve=_curve(timings),
        table=_table(timings),
        note=report.NOTE,
        notes=[printable(line) for line in notes],
    )


def _groups(timings: Sequence[Any]) -> list[tuple[str, list[Bar]]]:
    """The bars of each image at each scale."""
    groups = []
    for (name, scale), rows in itertools.groupby(timings, key=lambda timing: (timing.input, timing.scale)):
        done = [row for row in rows if row.error is None]
        if done:
            longest = max(row.median for row in done) or 1.0
            title = printable(name) if scale == 1 else f"{printable(name)} × {scale:g}"
            groups.append((title, [_bar(row, longest) for row in done]))
    return groups


def _bar(row: Any, longest: float) -> Bar:
    ratio = "" if row.ratio is None else f", {row.ratio:.2f} ×"
    return Bar(_row_name(row), f"{report.three_digits(row.median)} s{ratio}", round(100 * row.median / longest, 2))


def _row_name(row: Any) -> str:
    options = row.options
    words = (f"{options.engine} {options.method}", options.covariance, options.space, f"k = {options.k}")
    return ", ".join(word for word in words if word)


def _curve(timings: Sequence[Any]) -> Chart | None:
    """The median against the pixels, a line for each row of each image that was timed at several scales."""
    lines: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in timings:
        if row.error is None and row.median > 0:
            lines.setdefault((row.input, _row_name(row)), []).append((row.pixels / 1e6, row.median))
    several = len({name for name, _ in lines}) > 1
    series = [
        (f"{base_name(name)}: {row}" if several else row, sorted(points))
        for (name, row), points in lines.items()
        if len({x for x, _ in points}) > 1
    ]
    return line_chart(series, "megapixels", "seconds", log_x=True, log_y=True) if series else None


def _table(timings: Sequence[Any]) -> tuple[list[str], list[list[Cell]]]:
    table, _ = report.table(timings)
    rows = [
        [Cell(words, _value(head, words, timing)) for head, words in zip(table.headers, row, strict=True)]
        for row, timing in zip(table.rows, timings, strict=True)
    ]
    return list(table.headers), rows


def _value(head: str, words: str, timing: Any) -> float | str | None:
    if head not in VALUES:
        return words
    return None if timing.error is not None and head not in ("scale", "k") else VALUES[head](timing)
