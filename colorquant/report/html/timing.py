"""The page of ``timing``: seconds as bars and as a table, and how they grow with the pixels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from colorquant.analysis.protocol import Timing, image_words
from colorquant.report import plots
from colorquant.report import timing_records as report
from colorquant.report.html import Cell, render
from colorquant.report.html.charts import line_chart
from colorquant.report.machine import Machine
from colorquant.report.records import printable
from colorquant.report.words import base_name

FIRST = ("image", "median s", "ratio")  # columns of the table from the left, which a phone shows without scrolling


@dataclass(frozen=True)
class Bar:
    """A row's median; ``width`` is in per cent of the slowest row of all."""

    name: str
    words: str
    width: float


def timing_page(timings: Sequence[Timing], machine: Machine, criteria: str, left_out: Sequence[str]) -> bytes:
    """The page of at least one row as HTML; ``left_out`` has a line for each combination that is not possible."""
    names = list(dict.fromkeys(timing.input for timing in timings))
    heading = base_name(names[0]) if len(names) == 1 else f"{len(names)} images"
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
        notes=[printable(line) for line in report.notes_on(timings, left_out)],
    )


def _groups(timings: Sequence[Timing]) -> list[tuple[str, list[Bar]]]:
    """The bars of each image at each scale, all relative to the same longest time."""
    longest = max((timing.median for timing in timings if timing.timed), default=0) or 1.0
    groups = []
    for (name, scale), rows in itertools.groupby(timings, key=lambda timing: (timing.input, timing.scale)):
        bars = [_bar(row, longest) for row in rows if row.timed]
        if bars:
            groups.append((printable(image_words(name, scale)), bars))
    return groups


def _bar(row: Timing, longest: float) -> Bar:
    ratio = "" if row.ratio is None else f", {row.ratio:.2f} ×"
    return Bar(
        row.combination.replace(" = ", "\u00a0=\u00a0"),
        f"{report.three_digits(row.median)} s{ratio}",
        round(100 * row.median / longest, 2),
    )


def _table(timings: Sequence[Timing]) -> tuple[list[str], list[list[Cell]]]:
    columns = sorted(report.columns(timings)[0], key=lambda column: column.heading not in FIRST)
    rows = [[Cell(column.words(timing), column.sorts_by(timing)) for column in columns] for timing in timings]
    return [column.heading for column in columns], rows
