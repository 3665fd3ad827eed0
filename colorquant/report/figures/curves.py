"""Curves: the objective against the iterations, and against the number of colours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from colorquant.analysis.auto_k import ChosenK
from colorquant.analysis.iterations import Iterated
from colorquant.fitting.models import GaussianMixture, largest_shift
from colorquant.quantization import Quantized
from colorquant.report import plots
from colorquant.report.figures import canvas
from colorquant.report.figures.data import FigureData
from colorquant.report.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKED = 60  # most iterations that are marked with a dot each
# With many pixels BIC and AIC coincide: the first line is wide, the second thin and dashed.
STYLES: tuple[dict[str, object], ...] = (
    {"color": canvas.DISTINCT[0], "ls": "-", "lw": 3.5, "marker": "o", "ms": 9},
    {"color": canvas.DISTINCT[1], "ls": "--", "lw": 1.5, "marker": "s", "ms": 4},
)
TARGET = {"color": canvas.DISTINCT[5], "ls": "-", "lw": 1.2}
STYLE = {"color": canvas.DISTINCT[0], "ls": "-", "lw": 1.6, "marker": "o", "ms": 5}


def convergence(figure: Figure, data: FigureData) -> str:
    """The objective after each iteration, and below it the largest shift of a centre."""
    iterated = data.file.iterations
    if iterated is None:
        canvas.note(figure, f"Nothing was iterated: the picture has no more colours than k = {data.k}.")
        return f"Convergence: {data.words}"
    history = iterated.run.history
    numbers = [iteration.number for iteration in history]
    shifts = [largest_shift(before.model, after.model) for before, after in itertools.pairwise(history)]
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 2))
    marker = "o" if len(numbers) <= MARKED else None
    objectives = plots.convergence_series("", [iteration.objective for iteration in history], iterated.run)
    upper.plot(*zip(*objectives.points, strict=True), color=canvas.DISTINCT[0], marker=marker, ms=4)
    upper.set_ylabel(plots.objective_label(iterated.run))
    lower.plot(numbers[1:], shifts, color=canvas.DISTINCT[5], marker=marker, ms=4)
    lower.set(xlabel="iteration", ylabel="largest shift", xlim=canvas.limits(np.array(numbers, float), 1))
    canvas.whole_ticks(lower.xaxis)
    _scale_shifts(lower, shifts)
    if not iterated.own:
        # A likelihood rises into the upper corner, an inertia falls into the lower one.
        rises = isinstance(history[0].model, GaussianMixture)
        upper.text(
            1,
            0 if rises else 1,
            _textbook_words(iterated),
            transform=upper.transAxes,
            ha="right",
            va="bottom" if rises else "top",
            color=canvas.FAINT,
        )
    return f"Convergence: {data.words}, {_ending(iterated.run)}"


def _textbook_words(iterated: Iterated) -> str:
    """Whose iterations are drawn, in two lines."""
    height, width = iterated.image.rgb.shape[:2]
    sample = f",\non a sample of {width:,} × {height:,} pixels" if iterated.is_sample else ""
    return f"{iterated.reason}:\nthis is the textbook's algorithm from random colours{sample}."


def _scale_shifts(axes: Axes, shifts: Sequence[float]) -> None:
    """Make the axis logarithmic, with 0 at its lower end if a last step moved nothing."""
    positive = [shift for shift in shifts if shift > 0]
    if not positive:
        axes.set_ylim(-1, 1)
    elif len(positive) == len(shifts):
        axes.set_yscale("log")
    else:
        axes.set_yscale("symlog", linthresh=10 ** np.floor(np.log10(min(positive))), linscale=0.5)
        axes.set_ylim(0, 2 * max(positive))
    if positive:
        canvas.plain_powers(axes.yaxis)


def _ending(run: Quantized) -> str:
    return f"{counted(run.n_iter or 0, 'iteration')}{', converged' if run.converged else ''}"


def elbow(figure: Figure, data: FigureData) -> str:
    """The inertia per pixel, or BIC and AIC, of fits with several numbers of colours; that of the run is marked."""
    chosen = data.file.chosen
    criterion = plots.criterion_plot(chosen, data.quantized)
    if chosen is not None and criterion is not None:
        return _criterion(figure, data, chosen, criterion)
    sweep = data.file.sweep
    drawn = plots.elbow_plots(sweep.runs)
    words = " ".join([f"Elbow: {data.words}", *(f"({failure})" for failure in sweep.failures)])
    if not drawn:
        canvas.note(figure, f"There is nothing to compare: the picture has no more colours than k = {data.k}.")
        return words
    axes = figure.add_subplot()
    canvas.draw_plot(axes, drawn[0], STYLES if len(drawn[0].series) > 1 else [STYLE])
    ticks_of_k(axes, [run.options.k for run in sweep.runs])
    if data.mixture:
        canvas.thousands(axes.yaxis)
    else:
        axes.set_ylim(bottom=0)
    _mark_k(axes, f"k = {data.k}, this run", data.k)
    return words


def _criterion(figure: Figure, data: FigureData, chosen: ChosenK, plot: plots.Plot) -> str:
    """The criterion of ``-k auto`` at each number of colours that it tried, with its target and what it chose."""
    axes = figure.add_subplot()
    canvas.draw_plot(axes, plot, [STYLE, TARGET])
    ticks_of_k(axes, [point.k for point in chosen.curve])
    if chosen.auto.row.goal in ("minimum", "fit"):
        canvas.thousands(axes.yaxis)
    if chosen.auto.row.goal == "knee":
        axes.set_ylim(bottom=0)
    _mark_k(axes, f"k = {chosen.k}, chosen" if chosen.reached else f"k = {chosen.k}, the nearest", chosen.k)
    heading = chosen.auto.row.heading
    return f"{heading[0].upper()}{heading[1:]} by k: {data.words}"


def _mark_k(axes: Axes, label: str, k: int) -> None:
    """Draw a line at the number of colours of the run, and the legend."""
    axes.axvline(k, color=canvas.FAINT, lw=1, ls=(0, (2, 2)), label=label, zorder=0)
    canvas.legend_right(axes, axes.get_legend_handles_labels()[0])


def ticks_of_k(axes: Axes, ks: Sequence[int]) -> None:
    """Make the x axis logarithmic, with a tick at each k as far as the ticks do not touch."""
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xscale("log", base=2)
    apart: list[int] = []
    for k in sorted(ks):
        if not apart or k >= 1.18 * apart[-1]:
            apart.append(k)
    axes.xaxis.set_major_locator(FixedLocator(apart))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:.0f}")
