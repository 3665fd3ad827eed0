"""Timings as JSON records, CSV and tables. See docs/timing.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from colorquant.analysis.protocol import Estimate, Timing
from colorquant.report.machine import Machine
from colorquant.report.records import printable
from colorquant.report.tables import Table, csv_text, escaped

CLOCK_WORDS = {"cpu": "CPU seconds (all threads)", "wall": "wall seconds"}
STAGE_WORDS = {"quantize": "the whole quantize", "fit": "the fit alone"}
NOTE = (
    "Ratio: median over the rounds against the image's first row. "
    "MSE: of the quantized picture, summed over the three channels."
)
NONE = "–"  # shown in a cell without a value
WORTH_SAYING = 10.0  # seconds that a run must still take for an estimate to be printed
Value = float | int | str | None


def three_digits(value: float) -> str:
    """Seconds with three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}" if value else "0"


@dataclass(frozen=True)
class TimingColumn:
    """One value of a timing: ``key`` in JSON and CSV, ``heading`` in tables, empty where only records have it.

    ``value`` reads it from a timing, ``form`` formats it. A value that all rows share stands above the table instead of
    in a column, in the words of ``shared``; None keeps the column. ``measured`` values exist only where the row was
    timed.
    """

    key: str
    heading: str
    value: Callable[[Timing], Value | list[float]]
    form: Callable[[Any], str] = str
    shared: str | None = None
    measured: bool = False
    left: bool = False

    def words(self, timing: Timing) -> str:
        """The text of a timing's cell."""
        if self.measured and not timing.timed:
            state = "failed" if timing.error is not None else "not run"
            return state if self.key == "median" else NONE
        value = self.value(timing)
        return NONE if value is None else self.form(value)

    def sorts_by(self, timing: Timing) -> Value:
        """The value by which the column of a page sorts: a number or words, None where there is none."""
        if self.measured and not timing.timed:
            return None
        value = self.value(timing)
        return printable(value) if isinstance(value, str) else None if isinstance(value, list) else value


def _option(key: str, heading: str = "", *, shared: str | None = None, left: bool = False) -> TimingColumn:
    return TimingColumn(key, heading, lambda timing: getattr(timing.options, key, None), shared=shared, left=left)


def _protocol(key: str) -> TimingColumn:
    return TimingColumn(key, "", lambda timing: getattr(timing.protocol, key))


def _measured(
    key: str, heading: str = "", form: Callable[[Any], str] = three_digits, *, shared: str | None = None
) -> TimingColumn:
    return TimingColumn(key, heading, lambda timing: getattr(timing, key), form, shared, measured=True)


COLUMNS = (
    TimingColumn("input", "image", lambda timing: timing.input, printable, "{}", left=True),
    TimingColumn("scale", "scale", lambda timing: timing.scale, "{:g}".format, "scale {}"),
    _option("engine", "engine", left=True),
    _option("method", "method", shared="{}", left=True),
    _option("covariance", "covariance", shared="{} covariances", left=True),
    _option("space", "space", left=True),
    _option("k", "k", shared="k = {}"),
    *map(_option, ("init", "attempts", "max_iter", "tol", "seed")),
    *map(_protocol, ("stage", "clock", "warmup", "repeat")),
    _measured("pixels", "pixels", "{:,}".format, shared="pixels {}"),
    _measured("colors", "colours", "{:,}".format, shared="distinct colours {}"),
    _measured("counting"),
    _measured("median", "median s"),
    _measured("iqr", "IQR s"),
    _measured("minimum", "min s"),
    _measured("per_megapixel", "s/MP"),
    _measured("ratio", "ratio", "{:.3f}".format),
    _measured("mse", "MSE", "{:,.1f}".format),
    TimingColumn("seconds", "", lambda timing: list(timing.seconds), measured=True),
)
NOT_TIMED = ("error", "not_run")  # keys of the reason why a row has no numbers
KEYS = (*(column.key for column in COLUMNS), *NOT_TIMED, "machine")
SHOWN = tuple(column for column in COLUMNS if column.heading)


def record(timing: Timing, machine: Machine) -> dict[str, Any]:
    """The JSON object of a row. One that was not timed has an ``error`` or ``not_run`` in place of the numbers."""
    columns = [column for column in COLUMNS if timing.timed or not column.measured]
    row = {column.key: column.value(timing) for column in columns}
    if timing.timed:
        return {**row, "machine": asdict(machine)}
    return {**row, **({"error": timing.error} if timing.error is not None else {"not_run": timing.not_run})}


def csv_table(timings: Sequence[Timing], machine: Machine) -> str:
    """The records as CSV, one row each; the seconds of the rounds, and the machine, are text in one field each."""
    rows = []
    for timing in timings:
        row = record(timing, machine)
        row["input"], row["machine"] = printable(timing.input), machine.words
        row["seconds"] = " ".join(f"{seconds:.9g}" for seconds in timing.seconds)
        row["error"] = None if timing.error is None else printable(timing.error)
        rows.append([row.get(key) for key in KEYS])
    return csv_text(KEYS, rows)


def columns(timings: Sequence[Timing]) -> tuple[list[TimingColumn], str]:
    """The columns of the table of rows, and a line with the values that all rows share."""
    kept, shared = [], []
    for column in SHOWN:
        words = {column.words(timing) for timing in timings}
        if column.shared is None or len(words) > 1:
            kept.append(column)
        elif words != {NONE}:
            shared.append(column.shared.format(*words))
    return kept, ", ".join(shared)


def table(timings: Sequence[Timing]) -> tuple[Table, str]:
    """The rows as a table, and one line with the values that all rows share, which have no column."""
    kept, shared = columns(timings)
    return Table(
        headers=tuple(column.heading for column in kept),
        rows=tuple(tuple(column.words(timing) for column in kept) for timing in timings),
        left=frozenset(column.heading for column in kept if column.left),
    ), shared


def head(timings: Sequence[Timing], machine: Machine, criteria: str) -> list[str]:
    """The lines above the table: what was timed and how, and on what machine."""
    protocol, shared = timings[0].protocol, table(timings)[1]
    rounds = f"rows in turn, rounds {protocol.repeat} after {protocol.warmup} of warm-up"
    what = f"{CLOCK_WORDS[protocol.clock]} of {STAGE_WORDS[protocol.stage]}, {rounds}"
    return [line for line in (shared, f"{what}; {criteria}", machine.words) if line]


def markdown(timings: Sequence[Timing], machine: Machine, criteria: str, left_out: Sequence[str]) -> str:
    """A markdown document with the lines above the table, the table, and lines on what failed or was not run."""
    notes = [f"- {escaped(line)}" for line in notes_on(timings, left_out)]
    parts = ["# Timing", *(escaped(line) for line in head(timings, machine, criteria)), table(timings)[0].markdown()]
    return "\n\n".join(part.rstrip("\n") for part in [*parts, NOTE, "\n".join(notes)] if part) + "\n"


def notes_on(timings: Sequence[Timing], left_out: Sequence[str]) -> list[str]:
    """Lines about the rows that failed, that did not run or ran fewer rounds, and the combinations left out."""
    return [
        *(f"Failed: {line}" for line in failures(timings)),
        *not_run(timings),
        *(f"Left out: {line}" for line in left_out),
    ]


def failures(timings: Sequence[Timing]) -> list[str]:
    """A line for each row that failed."""
    return [f"{printable(row.words)}: {printable(row.error)}" for row in timings if row.error is not None]


def not_run(timings: Sequence[Timing]) -> list[str]:
    """Lines that name the rows that did not run, and the images of which fewer rounds ran."""
    lines = [f"Not run: {printable(row.words)}: {row.not_run}" for row in timings if row.not_run is not None]
    for name in dict.fromkeys(row.input for row in timings):
        counts = {len(row.seconds) for row in timings if row.input == name and row.timed}
        repeat = timings[0].protocol.repeat
        if counts and min(counts) < repeat:
            few, many = min(counts), max(counts)
            ran = f"{few}" if few == many else f"{few} or {many}"
            lines.append(f"Fewer rounds: {ran} of {repeat} of {printable(name)}")
    return lines


def estimate_words(estimate: Estimate) -> str | None:
    """The line that says how long a run will still take; None if that is not long."""
    if estimate.total < WORTH_SAYING:
        return None
    return (
        f"one round of {printable(estimate.input)} took {duration_words(estimate.seconds)}: "
        f"about {duration_words(estimate.total)} left; --budget SECONDS or a smaller --repeat shortens it"
    )


def duration_words(seconds: float) -> str:
    """A duration in words, such as 8 s, 3 min or 1.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 2 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
