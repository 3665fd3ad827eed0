"""Timings as JSON records and as tables. ``timing`` is always a :class:`colorquant.analysis.timing.Timing`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from colorquant.report.machine import Machine
from colorquant.report.records import printable
from colorquant.report.tables import Table, csv_text, escaped

CLOCK_WORDS = {"cpu": "CPU seconds (all threads)", "wall": "wall seconds"}
STAGE_WORDS = {"quantize": "the whole quantize", "fit": "the fit alone"}
NOTE = (
    "Ratio: median over the rounds against the image's first row. "
    "MSE: of the quantized picture, summed over the three channels."
)
LEFT = frozenset({"image", "engine", "method", "covariance", "space"})
ASKED = ("engine", "method", "covariance", "space", "k", "init", "attempts", "max_iter", "tol", "seed")
NUMBERS = ("pixels", "colors", "median", "iqr", "minimum", "per_megapixel", "ratio", "mse")
ALWAYS = ("engine", "space", "median s", "IQR s", "min s", "s/MP", "ratio", "MSE")


def record(timing: Any, machine: Machine) -> dict[str, Any]:
    """The JSON object of a row; see docs/timing.md. One that failed has an ``error`` in place of the numbers."""
    options, protocol = timing.options, timing.protocol
    row = {
        "input": timing.input,
        "scale": timing.scale,
        **{name: getattr(options, name, None) for name in ASKED},
        "stage": protocol.stage,
        "clock": protocol.clock,
        "warmup": protocol.warmup,
        "repeat": protocol.repeat,
    }
    if timing.error is not None:
        return {**row, "error": timing.error}
    values = {name: getattr(timing, name) for name in NUMBERS}
    return {**row, **values, "seconds": list(timing.seconds), "machine": asdict(machine)}


def csv_table(timings: Sequence[Any], machine: Machine) -> str:
    """The records as CSV: a row each, the rounds' seconds and the machine in words."""
    headers = (
        *("input", "scale", *ASKED, "stage", "clock", "warmup", "repeat"),
        *(*NUMBERS, "seconds", "error", "machine"),
    )
    rows = []
    for timing in timings:
        row = record(timing, machine)
        row["input"], row["machine"] = printable(timing.input), machine.words
        row["seconds"] = " ".join(f"{seconds:.9g}" for seconds in timing.seconds)
        row["error"] = None if timing.error is None else printable(timing.error)
        rows.append([row.get(name) for name in headers])
    return csv_text(headers, rows)


def table(timings: Sequence[Any]) -> tuple[Table, str]:
    """The rows for people, and one line that says what all of them share instead of a column."""
    columns: dict[str, list[str]] = {header: [cell(timing) for timing in timings] for header, cell in _COLUMNS.items()}
    shared = [header for header, cells in columns.items() if header not in ALWAYS and len(set(cells)) == 1]
    said = [_SHARED[header].format(columns[header][0]) for header in shared if columns[header][0] != "–"]
    kept = {header: cells for header, cells in columns.items() if header not in shared}
    return Table(tuple(kept), tuple(zip(*kept.values(), strict=True)), LEFT), ", ".join(said)


def head(timings: Sequence[Any], machine: Machine, criteria: str) -> list[str]:
    """The lines over the table: what was timed and how, and on what."""
    protocol, shared = timings[0].protocol, table(timings)[1]
    rounds = f"rows in turn, rounds {protocol.repeat} after {protocol.warmup} of warm-up"
    what = f"{CLOCK_WORDS[protocol.clock]} of {STAGE_WORDS[protocol.stage]}, {rounds}"
    return [line for line in (shared, f"{what}; {criteria}", machine.words) if line]


def markdown(timings: Sequence[Any], machine: Machine, criteria: str, left_out: Sequence[str]) -> str:
    """A page with the head, the table, and what failed or was left out."""
    failed = [f"Failed: {line}" for line in failures(timings)]
    notes = [*failed, *(f"Left out: {line}" for line in left_out)]
    parts = ["# Timing", *(escaped(line) for line in head(timings, machine, criteria)), table(timings)[0].markdown()]
    parts += [NOTE, "\n".join(f"- {escaped(line)}" for line in notes)]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def failures(timings: Sequence[Any]) -> list[str]:
    """A line for each row that failed."""
    return [f"{printable(row.words)}: {printable(row.error)}" for row in timings if row.error is not None]


def _option(name: str) -> Callable[[Any], str]:
    def cell(timing: Any) -> str:
        value = getattr(timing.options, name, None)
        return "–" if value is None else str(value)

    return cell


def _number(name: str, form: Callable[[float], str]) -> Callable[[Any], str]:
    def cell(timing: Any) -> str:
        if timing.error is not None:
            return "failed" if name == "median" else "–"
        value = getattr(timing, name)
        return "–" if value is None else form(value)

    return cell


def three_digits(value: float) -> str:
    """Seconds with three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}" if value else "0"


_COLUMNS: dict[str, Callable[[Any], str]] = {
    "image": lambda timing: printable(timing.input),
    "scale": lambda timing: f"{timing.scale:g}",
    "engine": _option("engine"),
    "method": _option("method"),
    "covariance": _option("covariance"),
    "space": _option("space"),
    "k": _option("k"),
    "pixels": _number("pixels", "{:,}".format),
    "colours": _number("colors", "{:,}".format),
    "median s": _number("median", three_digits),
    "IQR s": _number("iqr", three_digits),
    "min s": _number("minimum", three_digits),
    "s/MP": _number("per_megapixel", three_digits),
    "ratio": _number("ratio", "{:.3f}".format),
    "MSE": _number("mse", "{:,.1f}".format),
}
_SHARED = {
    "image": "{}",
    "scale": "scale {}",
    "method": "{}",
    "covariance": "{} covariances",
    "k": "k = {}",
    "pixels": "pixels {}",
    "colours": "distinct colours {}",
}
