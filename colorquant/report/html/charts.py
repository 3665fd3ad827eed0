"""Charts as SVG: the coordinates at which the template draws the axes, ticks and lines of a plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from colorquant.report.plots import Plot, Point

WIDTH, HEIGHT = 420, 250  # of the view box: text of 12 units stays readable on a phone
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 12, 42  # margins
MOST_EXACT = 12  # most values of a logarithmic axis that each get a tick
LEAST_APART = 30.0  # units of the view box between ticks
UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Axis:
    """Maps values from ``low`` to ``high`` (with ``log`` their logarithms) to places from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, *, log: bool = False) -> Axis:
        """An axis with some room around finite ``values``, which must be positive where the axis is logarithmic."""
        scaled = [math.log10(value) for value in values] if log else values
        low, high = min(scaled), max(scaled)
        room = (high - low) * 0.04 or (0.5 if log else max(abs(low) * 0.1, 0.5))
        return cls(low - room, high + room, start, end, log)

    @property
    def unit(self) -> float:
        """The length of one unit of the values on the axis."""
        return (self.end - self.start) / (self.high - self.low)

    def place(self, value: float) -> float:
        """The place of a value on the axis."""
        return round(self.start + ((math.log10(value) if self.log else value) - self.low) * self.unit, 2)

    def ticks(self, exact: Sequence[float] = ()) -> tuple[tuple[float, str], ...]:
        """Coordinates and texts of ticks at round values, or at ``exact`` ones, as far as they do not touch."""
        if not exact and not self.log:
            values, step = self._round_values()
            return tuple((self.place(value), tick_words(value, step)) for value in values)
        ticks: list[tuple[float, str]] = []
        for value in exact or self._decades():
            place = self.place(value)
            if not ticks or abs(place - ticks[-1][0]) >= LEAST_APART:
                ticks.append((place, tick_words(value, 0.0)))
        return tuple(ticks)

    def _round_values(self) -> tuple[list[float], float]:
        least = (self.high - self.low) / 5
        size = 10.0 ** math.floor(math.log10(least))
        step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= least)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [number * step for number in range(first, last + 1)], step

    def _decades(self) -> list[float]:
        factors = (1,) if self.high - self.low > 3 else (1, 2, 5)
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        values = [factor * 10.0**decade for decade in decades for factor in factors]
        inside = [value for value in values if self.low <= math.log10(value) <= self.high]
        return inside or [10.0 ** ((self.low + self.high) / 2)]


@dataclass(frozen=True)
class Line:
    """A line: its ``name``, and its ``points`` in units of the view box."""

    name: str
    points: tuple[Point, ...]

    @property
    def path(self) -> str:
        """The points in the form of an SVG polyline."""
        return " ".join(f"{x},{y}" for x, y in self.points)


@dataclass(frozen=True)
class Chart:
    """Lines over labelled axes; ``x_ticks`` and ``y_ticks`` are coordinates in the view box with their texts."""

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
        """The place of the horizontal axis."""
        return self.height - BOTTOM


def line_chart(plot: Plot) -> Chart:
    """The chart of a plot; a logarithmic horizontal axis with few values has a tick at each."""
    xs, ys = ([point[place] for series in plot.series for point in series.points] for place in (0, 1))
    x_axis = Axis.over(xs, LEFT, WIDTH - RIGHT, log=plot.log_x)
    y_axis = Axis.over(ys, HEIGHT - BOTTOM, TOP, log=plot.log_y)
    lines = tuple(
        Line(series.name, tuple((x_axis.place(x), y_axis.place(y)) for x, y in series.points)) for series in plot.series
    )
    few = sorted(set(xs)) if plot.log_x and len(set(xs)) <= MOST_EXACT else ()
    return Chart(plot.x_label, plot.y_label, x_axis.ticks(few), y_axis.ticks(), lines)


def tick_words(value: float, step: float) -> str:
    """The text of a tick: 12, 0.5, 3.2M. If ``step`` is not 0, it has as many digits as ticks ``step`` apart need."""
    size, unit = next(((size, unit) for size, unit in UNITS if abs(value) >= 10 * size), (1.0, ""))
    if not step:
        return f"{value / size:.4g}{unit}" if value >= 1 else f"{value:.2g}"
    return f"{value / size + 0.0:.{max(0, -math.floor(math.log10(step / size) + 1e-9))}f}{unit}"
