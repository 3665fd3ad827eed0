"""The data of charts, prepared once for pages, which draw it as SVG, and for figures, which use matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from colorquant.analysis.auto_k import ChosenK
from colorquant.analysis.iterations import Iterated
from colorquant.analysis.protocol import Timing
from colorquant.color.spaces import Projection
from colorquant.quantization import Quantized
from colorquant.report.words import OBJECTIVE_NAMES, base_name

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line: its ``name``, and its ``points`` (x, y), by rising x."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Plot:
    """Lines over two axes, with the labels of the axes; each axis may be logarithmic."""

    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False


def squared_unit(quantized: Quantized) -> str:
    """The unit of an inertia per pixel: 8-bit levels squared, or the colour space's units squared."""
    space = Projection.of(quantized.options.space, quantized.options.keep_luma).space
    return "levels²" if space.level == 1 else f"{space.name} units²"


def objective_label(quantized: Quantized) -> str:
    """The name of what a fit minimizes or maximizes, per pixel, with its unit."""
    name = OBJECTIVE_NAMES[quantized.options.method]
    return f"{name} ({squared_unit(quantized)})" if quantized.options.method == "kmeans" else name


def inertia_per_pixel(run: Quantized) -> float | None:
    """The mean squared distance of a pixel to its centre, in the colour space's units squared; None for EM."""
    return None if run.inertia is None else run.inertia / max(run.weight, 1e-9)


def elbow_plots(runs: Sequence[Quantized]) -> list[Plot]:
    """The plots against the number of colours: inertia per pixel of k-means, or BIC with AIC of EM.

    Empty where no two of the ``runs`` have a value.
    """
    if not runs:
        return []
    if runs[0].options.method == "kmeans":
        per_pixel = [(run.options.k, inertia_per_pixel(run)) for run in runs]
        series, label = [_series("inertia per pixel", per_pixel)], objective_label(runs[0])
    else:
        series = [
            _series("BIC", [(run.options.k, run.bic) for run in runs]),
            _series("AIC", [(run.options.k, run.aic) for run in runs]),
        ]
        label = "criterion (lower is better)"
    return _plots(label, series)


def criterion_plot(chosen: ChosenK | None, quantized: Quantized) -> Plot | None:
    """The plot of what ``-k auto`` saw: its criterion against the number of colours, then its target as a level line.

    None where the number of colours was given, or fewer than two were tried that have a value.
    """
    if chosen is None:
        return None
    points = [(p.k, p.value) for p in chosen.curve if p.value is not None and math.isfinite(p.value)]
    row = chosen.auto.row
    if len(points) < 2:
        return None
    label = objective_label(quantized) if row.goal == "knee" else f"{row.heading}{row.unit and f' ({row.unit})'}"
    series = [_series(row.heading, points)]
    if chosen.auto.value is not None:
        ends = (points[0][0], points[-1][0])
        series.append(Series(f"target: {chosen.auto.target_words}", tuple((k, chosen.auto.value) for k in ends)))
    return Plot("number of colours k", label, tuple(series), log_x=True)


def mse_plots(runs: Sequence[Quantized]) -> list[Plot]:
    """The plot of the MSE in RGB, summed over the channels, against the number of colours; empty without two runs."""
    return _plots("MSE (RGB levels²)", [_series("MSE", [(run.options.k, run.mse) for run in runs])])


def _plots(label: str, series: Sequence[Series]) -> list[Plot]:
    drawn = tuple(line for line in series if len(line.points) > 1)
    return [Plot("number of colours k", label, drawn, log_x=True)] if drawn else []


def _series(name: str, points: Sequence[tuple[float, float | None]]) -> Series:
    return Series(name, tuple((x, y) for x, y in points if y is not None))


def convergence_series(name: str, objectives: Sequence[float], run: Quantized) -> Series:
    """The ``objectives`` of the iterations of a ``run``, per pixel, against their numbers."""
    per = run.weight if run.options.method == "kmeans" else 1.0
    return Series(name, tuple((number, objective / per) for number, objective in enumerate(objectives)))


def convergence_plot(quantized: Quantized, iterated: Iterated | None) -> Plot | None:
    """The objective per pixel against the iterations: those that explain the result, and those of the result itself.

    The explaining ones come last. Those of the result are left out if the others come from a sample of the pixels,
    since the two could not be compared. None where there is nothing to draw.
    """
    series = []
    if len(quantized.trace) > 1 and (iterated is None or not (iterated.own or iterated.is_sample)):
        series.append(convergence_series("this run", quantized.trace, quantized))
    if iterated is not None:
        objectives = [iteration.objective for iteration in iterated.run.history]
        series.append(
            convergence_series("this run" if iterated.own else "from random colours", objectives, iterated.run)
        )
    return Plot("iteration", objective_label(quantized), tuple(series)) if series else None


def growth_plot(timings: Sequence[Timing]) -> Plot | None:
    """The median seconds against megapixels, with a line for each combination and image timed at several scales."""
    lines: dict[tuple[str, str], list[Point]] = {}
    for timing in timings:
        if timing.timed and timing.median > 0:
            lines.setdefault((timing.input, timing.combination), []).append((timing.pixels / 1e6, timing.median))
    several = len({timing.input for timing in timings}) > 1
    series = tuple(
        Series(f"{base_name(name)}: {combination}" if several else combination, tuple(sorted(points)))
        for (name, combination), points in lines.items()
        if len({x for x, _ in points}) > 1
    )
    if not series:
        return None
    return Plot("megapixels (logarithmic)", "median seconds (logarithmic)", series, log_x=True, log_y=True)
