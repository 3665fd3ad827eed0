"""Axes and lines as numbers: where the template draws them, their ticks and words, in an SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]

WIDTH, HEIGHT = 420, 250  # of the view box: words of 12 units stay readable on a phone
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 12, 42  # margins
UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Axis:
    """Values from ``low`` to ``high`` (their logarithms, with ``log``) on a way from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, *, log: bool = False) -> Axis:
        """With some room around finite ``values``, which are positive where the axis is logarithmic."""
        scaled = [math.log10(value) for value in values] if log else values
        low, high = min(scaled), max(scaled)
        room = (high - low) * 0.04 or (0.5 if log else max(abs(low) * 0.1, 0.5))
        return cls(low - room, high + room, start, end, log)

    @property
    def unit(self) -> float:
        """How far one unit of the values reaches on the way."""
        return (self.end - self.start) / (self.high - self.low)

    def place(self, value: float) -> float:
        """Where a value stands."""
        return round(self.start + ((math.log10(value) if self.log else value) - self.low) * self.unit, 2)

    def ticks(self, exact: Sequence[float] = ()) -> tuple[tuple[float, str], ...]:
        """Places and words of round values, or of ``exact`` ones."""
        if exact or self.log:
            values, step = list(exact) or self._decades(), 0.0
        else:
            values, step = self._round_values()
        return tuple((self.place(value), tick_words(value, step)) for value in values)

    def _round_values(self) -> tuple[list[float], float]:
        least = (self.high - self.low) / 5
        size = 10.0 ** math.floor(math.log10(least))
        step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= least)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [number * step for number in range(first, last + 1)], step

    def _decades(self) -> list[float]:
        factors = (1,) if self.high - self.low > 3 else (1, 2, 5)
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        found = [factor * 10.0**decade for decade in decades for factor in factors]
        inside = [value for value in found if self.low <= math.log10(value) <= self.high]
        return inside or [10.0 ** ((self.low + self.high) / 2)]


@dataclass(frozen=True)
class Line:
    """A line: its ``name``, and its ``points`` in units of the view box."""

    name: str
    points: tuple[Point, ...]

    @property
    def path(self) -> str:
        """The points as an SVG polyline has them."""
        return " ".join(f"{x},{y}" for x, y in self.points)


@dataclass(frozen=True)
class Chart:
    """Lines over labelled axes; ``x_ticks`` and ``y_ticks`` are places in the view box with their words."""

    x_label: str
    y_label: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP

    @property
    def bottom(self) -> int:
        """Where the horizontal axis stands."""
        return self.height - BOTTOM


def line_chart(
    series: Sequence[tuple[str, Sequence[Point]]],
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
) -> Chart:
    """The chart of named ``series`` of points; a logarithmic axis of few values has its ticks at them."""
    xs, ys = ([point[place] for _, line in series for point in line] for place in (0, 1))
    x_axis = Axis.over(xs, LEFT, WIDTH - RIGHT, log=log_x)
    y_axis = Axis.over(ys, HEIGHT - BOTTOM, TOP, log=log_y)
    lines = tuple(Line(name, tuple((x_axis.place(x), y_axis.place(y)) for x, y in line)) for name, line in series)
    few = sorted(set(xs)) if log_x and len(set(xs)) <= 9 else ()
    return Chart(x_label, y_label, x_axis.ticks(few), y_axis.ticks(), lines)


def tick_words(value: float, step: float) -> str:
    """A value as a tick says it: 12, 0.5, 3.2M; with the digits in which ticks at ``step`` differ, if it is not 0."""
    size, unit = next(((size, unit) for size, unit in UNITS if abs(value) >= 10 * size), (1.0, ""))
    if not step:
        return f"{value / size:.4g}{unit}" if value >= 1 else f"{value:.2g}"
    return f"{value / size + 0.0:.{max(0, -math.floor(math.log10(step / size) + 1e-9))}f}{unit}"
