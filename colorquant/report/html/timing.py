"""The page of ``timing``: seconds as bars and as a table, and how they grow with the pixels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorquant.report import plots
from colorquant.report import timing_records as report
from colorquant.report.html import Cell, render
from colorquant.report.html.charts import line_chart
from colorquant.report.machine import Machine
from colorquant.report.records import printable
from colorquant.report.words import base_name

if TYPE_CHECKING:
    from colorquant.analysis.timing import Timing

VALUES: dict[str, Callable[[Timing], float | None]] = {  # by which a column of numbers sorts
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
    """A row's median: ``width`` in per cent of the slowest row of all."""

    name: str
    words: str
    width: float


def timing_page(timings: Sequence[Timing], machine: Machine, criteria: str, left_out: Sequence[str]) -> bytes:
    """The page of at least one row of ``timings`` as HTML."""
    names = list(dict.fromkeys(timing.input for timing in timings))
    heading = base_name(names[0]) if len(names) == 1 else f"{len(names)} images"
    notes = [*(f"Failed: {line}" for line in report.failures(timings)), *(f"Left out: {line}" for line in left_out)]
    growth = plots.growth_plot(timings)
    return render(
        "timing.html",
        f"{heading}, timed",
        {},
        heading=heading,
        head=report.head(timings, machine, criteria),
        groups=_groups(timings),
        curve=None if growth is None else line_chart(growth),
        table=_table(timings),
        note=report.NOTE,
        notes=[printable(line) for line in notes],
    )


def _groups(timings: Sequence[Timing]) -> list[tuple[str, list[Bar]]]:
    """The bars of each image at each scale, all of them in one scale of seconds."""
    longest = max((timing.median for timing in timings if timing.error is None), default=0) or 1.0
    groups = []
    for (name, scale), rows in itertools.groupby(timings, key=lambda timing: (timing.input, timing.scale)):
        bars = [_bar(row, longest) for row in rows if row.error is None]
        if bars:
            groups.append((printable(name) if scale == 1 else f"{printable(name)} × {scale:g}", bars))
    return groups


def _bar(row: Timing, longest: float) -> Bar:
    ratio = "" if row.ratio is None else f", {row.ratio:.2f} ×"
    return Bar(row.combination, f"{report.three_digits(row.median)} s{ratio}", round(100 * row.median / longest, 2))


def _table(timings: Sequence[Timing]) -> tuple[list[str], list[list[Cell]]]:
    table, _ = report.table(timings)
    rows = [
        [Cell(words, _value(head, words, timing)) for head, words in zip(table.headers, row, strict=True)]
        for row, timing in zip(table.rows, timings, strict=True)
    ]
    return list(table.headers), rows


def _value(head: str, words: str, timing: Timing) -> float | str | None:
    if head not in VALUES:
        return words
    return None if timing.error is not None and head not in ("scale", "k") else VALUES[head](timing)
