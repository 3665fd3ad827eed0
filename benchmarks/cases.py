"""Contests: rows that take turns on the same pictures, and what one of them is asked to reach against another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Literal

from benchmarks.measures import Judge
from benchmarks.pictures import RGB
from benchmarks.report import Cell, Table
from benchmarks.settings import say
from benchmarks.timing import Usage, interleaved
from colorquant.analysis.protocol import ratio_of_rounds

VERDICT_HEADERS = ("what", "against", "asked", "measured", "reached", "MSE ours", "MSE theirs", "note")
ROW_HEADERS = (
    *("contest", "row", "CPU s", "wall s", "peak MB", "CPU ratio", "rounds"),
    *("MSE", "PSNR dB", "CIEDE2000", "SSIM", "log-likelihood"),
)


@dataclass(frozen=True)
class Run:
    """What one row used once, what it painted, and measures that it knows itself."""

    usage: Usage
    painted: Sequence[RGB] = ()
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A row of a contest; ``rounds`` limits how often it runs, where one run takes long."""

    run: Callable[[], Run]
    rounds: int | None = None


@dataclass(frozen=True)
class Asked:
    """``less``: the other's CPU divided by ours is at least ``value``; ``most``: ours by theirs is at most it.

    ``better`` asks that the MSE is lower too.
    """

    kind: Literal["less", "most"]
    value: float
    better: bool = False

    def words(self) -> str:
        """The demand as a cell."""
        less = "not slower" if self.value == 1 else f"{self.value:g} times less"
        text = less if self.kind == "less" else f"at most {self.value:g} times"
        return text + (", lower MSE" if self.better else "")


@dataclass(frozen=True)
class Comparison:
    """One line of the cost table: ``row`` is held against ``against``."""

    what: str
    row: str
    against: str
    asked: Asked


@dataclass(frozen=True)
class Contest:
    """Rows on the same originals; the first row is the one that ratios refer to."""

    title: str
    originals: Callable[[], Sequence[RGB]]
    rows: dict[str, Row]
    comparisons: Sequence[Comparison] = ()
    rounds: int = 3


@dataclass(frozen=True)
class Measured:
    """A row after all its rounds: CPU seconds of each, medians, and the quality of the first."""

    contest: str
    name: str
    cpu: list[float]
    wall: float
    peak: int | None
    measures: dict[str, float]
    ratio: float

    def cells(self) -> list[Cell]:
        """A row under ROW_HEADERS."""
        peak = None if self.peak is None else round(self.peak / 1e6)
        quality = [self.measures.get(name) for name in ("mse", "psnr", "ciede2000", "ssim", "log_likelihood")]
        return [self.contest, self.name, median(self.cpu), self.wall, peak, self.ratio, len(self.cpu), *quality]


@dataclass(frozen=True)
class Verdict:
    """A line of the cost table; ``reached`` None where it was not measured."""

    what: str
    against: str
    asked: str
    measured: float | None
    reached: bool | None
    ours: float | None = None
    theirs: float | None = None
    note: str = ""

    def cells(self) -> list[Cell]:
        """A row under VERDICT_HEADERS."""
        answer = {True: "yes", False: "**no**", None: "–"}[self.reached]
        return [self.what, self.against, self.asked, self.measured, answer, self.ours, self.theirs, self.note or None]


def hold(contest: Contest) -> tuple[list[Measured], list[Verdict]]:
    """Run a contest to its end."""
    say(f"{contest.title}: {', '.join(contest.rows)}")
    judges = [Judge(original) for original in contest.originals()]
    quality: dict[str, dict[str, float]] = {}

    def once(name: str) -> Usage:
        run = contest.rows[name].run()
        if name not in quality:
            quality[name] = {**_judged(judges, run.painted), **run.measures}
        return run.usage

    rounds = {name: min(contest.rounds, row.rounds or contest.rounds) for name, row in contest.rows.items()}
    used = interleaved({name: partial(once, name) for name in contest.rows}, rounds)
    first = [usage.cpu for usage in next(iter(used.values()))]
    measured = {
        name: Measured(
            contest.title,
            name,
            cpu := [usage.cpu for usage in usages],
            median(usage.wall for usage in usages),
            max((usage.peak for usage in usages if usage.peak is not None), default=None),
            quality[name],
            ratio_of_rounds(cpu, first) or 0.0,
        )
        for name, usages in used.items()
    }
    verdicts = [_verdict(comparison, measured) for comparison in contest.comparisons]
    return list(measured.values()), verdicts


def _judged(judges: Sequence[Judge], painted: Sequence[RGB]) -> dict[str, float]:
    """Mean measures over the pictures."""
    found = [judge(after) for judge, after in zip(judges, painted, strict=False)]
    return {name: sum(one[name] for one in found) / len(found) for name in (found[0] if found else ())}


def _verdict(comparison: Comparison, measured: dict[str, Measured]) -> Verdict:
    asked = comparison.asked
    if comparison.against not in measured:
        return Verdict(comparison.what, comparison.against, asked.words(), None, None, note="missing here")
    ours, theirs = measured[comparison.row], measured[comparison.against]
    one, other = (theirs, ours) if asked.kind == "less" else (ours, theirs)
    ratio = ratio_of_rounds(one.cpu, other.cpu)
    if ratio is None:
        return Verdict(comparison.what, comparison.against, asked.words(), None, None, note="too fast for the clock")
    own_error, other_error = ours.measures.get("mse"), theirs.measures.get("mse")
    reached = ratio >= asked.value if asked.kind == "less" else ratio <= asked.value
    if asked.better and own_error is not None and other_error is not None:
        reached = reached and own_error < other_error
    return Verdict(comparison.what, comparison.against, asked.words(), ratio, reached, own_error, other_error)


def tables(title: str, measured: Sequence[Measured], verdicts: Sequence[Verdict]) -> list[Table]:
    """What was asked and measured, and all rows behind it; columns that are empty throughout are left out."""
    found = []
    if verdicts:
        found.append(_table(f"{title}: asked and measured", VERDICT_HEADERS, [one.cells() for one in verdicts]))
    if measured:
        found.append(_table(f"{title}: all rows", ROW_HEADERS, [one.cells() for one in measured]))
    return found


def _table(title: str, headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table:
    kept = [place for place in range(len(headers)) if any(row[place] is not None for row in rows)]
    return Table(title, [headers[place] for place in kept], [[row[place] for place in kept] for row in rows])
