"""Figures of numbers: the objective per iteration, and against the number of colours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from colorquant.fitting.models import largest_shift
from colorquant.report.figures import canvas
from colorquant.report.figures.subject import Subject

MARKED = 60  # iterations up to which each has a dot
LINE = {"ls": "-", "lw": 1.6, "marker": "o", "ms": 5}
UNDER = {"ls": "-", "lw": 3.5, "marker": "o", "ms": 9}  # of two lines that lie on each other where pixels are many
OVER = {"ls": "--", "lw": 1.5, "marker": "s", "ms": 4}


def convergence(figure: Any, subject: Subject) -> None:
    """The objective after each iteration, and below it how far the centre moved that moved furthest."""
    history = subject.quantized.history
    if not history:
        canvas.note(figure, f"Nothing was iterated: no more colours than k = {subject.quantized.options.k}.")
        canvas.title(figure, subject.called, f"Convergence: {subject.words}")
        return
    numbers = [now.number for now in history]
    shifts = [largest_shift(one.model, other.model) for one, other in itertools.pairwise(history)]
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 2))
    marker = "o" if len(numbers) <= MARKED else None
    upper.plot(numbers, [now.objective for now in history], color=canvas.DISTINCT[0], marker=marker, ms=4)
    upper.set_ylabel("log-likelihood per pixel" if subject.mixture else inertia_words(subject))
    if not subject.mixture:
        canvas.thousands(upper.yaxis)
    lower.plot(numbers[1:], shifts, color=canvas.DISTINCT[5], marker=marker, ms=4)
    lower.set(xlabel="iteration", ylabel="largest shift", xlim=canvas.limits(np.array(numbers, float), 1))
    canvas.whole_ticks(lower.xaxis)
    _scale_shifts(lower, shifts)
    canvas.title(figure, subject.called, f"Convergence: {subject.words}, {_ending(subject)}")


def _scale_shifts(axes: Any, shifts: Sequence[float]) -> None:
    """A logarithmic axis, with 0 below it where a last step moved nothing."""
    positive = [shift for shift in shifts if shift > 0]
    if not positive:
        axes.set_ylim(-1, 1)
    elif len(positive) == len(shifts):
        axes.set_yscale("log")
    else:
        axes.set_yscale("symlog", linthresh=10 ** np.floor(np.log10(min(positive))), linscale=0.5)
        axes.set_ylim(bottom=0)
    if positive:
        canvas.plain_powers(axes.yaxis)


def inertia_words(subject: Subject) -> str:
    """The name of the inertia with its unit."""
    return f"inertia ({'levels' if subject.projection.space.level == 1 else 'units'}²)"


def _ending(subject: Subject) -> str:
    quantized = subject.quantized
    plural = "" if quantized.n_iter == 1 else "s"
    return f"{quantized.n_iter} iteration{plural}{', converged' if quantized.converged else ''}"


def elbow(figure: Any, subject: Subject) -> None:
    """The inertia, or BIC and AIC, of fits with several numbers of colours; the asked one is marked."""
    found = subject.sweep()
    axes = figure.add_subplot()
    if subject.mixture:
        curves = {"BIC": ([one.bic for one in found], UNDER), "AIC": ([one.aic for one in found], OVER)}
        axes.set_ylabel("criterion (lower is better)")
    else:
        curves = {"inertia": ([one.inertia for one in found], LINE)}
        axes.set_ylabel(inertia_words(subject))
    ks = [one.options.k for one in found]
    shown = False
    for (words, (values, style)), color in zip(curves.items(), canvas.DISTINCT, strict=False):
        told = [(k, value) for k, value in zip(ks, values, strict=True) if value is not None]
        if told:
            axes.plot(*zip(*told, strict=True), color=color, label=words, **style)
            shown = True
    canvas.title(figure, subject.called, f"Elbow: {subject.words}")
    if not shown:
        axes.remove()
        canvas.note(figure, f"Nothing was fitted: no more colours than k = {ks[0]}.")
        return
    ticks_of_k(axes, ks)
    canvas.thousands(axes.yaxis)
    asked = subject.quantized.options.k
    axes.axvline(asked, color=canvas.FAINT, lw=1, ls=(0, (2, 2)), label=f"k = {asked}", zorder=0)
    canvas.legend_right(axes, axes.get_legend_handles_labels()[0])


def ticks_of_k(axes: Any, ks: Sequence[int]) -> None:
    """A logarithmic axis of k with a tick at each, where they do not touch."""
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xscale("log", base=2)
    apart: list[int] = []
    for k in sorted(ks):
        if not apart or k >= 1.18 * apart[-1]:
            apart.append(k)
    axes.xaxis.set_major_locator(FixedLocator(apart))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.set_xlabel("k")
