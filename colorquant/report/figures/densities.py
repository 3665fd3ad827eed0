"""Figures of one band: the histogram by cluster, and the mixture's density over it."""

from __future__ import annotations

from typing import Any

import numpy as np

from colorquant.palette.files import hex_color
from colorquant.report.figures import canvas
from colorquant.report.figures.subject import GRAY_LEVEL, Subject
from colorquant.types import FloatArray

LABELLED = 8  # clusters up to which the legend names each
SHOWN = 256  # clusters that are drawn apart
FINE = 2000  # points of a curve


def axis_words(subject: Subject, band: str) -> str:
    """The name of a band with its unit."""
    return f"{band} ({'8-bit levels' if subject.projection.space.level == 1 else 'units of the space'})"


def edges(subject: Subject, band: str, values: FloatArray) -> FloatArray:
    """The edges (bins + 1,) of bins of one 8-bit level: all 256 where the band has no others, else as far as needed."""
    space = subject.projection.space
    width = 1.0 if band == GRAY_LEVEL else space.level
    whole = width == 1 or (space.luma is not None and band == space.bands[space.luma])
    low, high = (0, 255) if whole else (np.floor(np.min(values) / width), np.ceil(np.max(values) / width))
    return np.asarray((np.arange(int(low), int(high) + 2) - 0.5) * width, np.float64)


def shown_band(subject: Subject) -> str:
    """The band of the segmented histogram: the chosen one, else the space's lightness or gray level."""
    space = subject.projection.space
    if subject.drawing.bands:
        return subject.drawing.bands[0]
    if len(space.bands) == 1:
        return space.bands[0]
    return GRAY_LEVEL if space.luma is None else space.bands[space.luma]


def histogram_by_label(subject: Subject, values: FloatArray, cuts: FloatArray) -> FloatArray:
    """Pixels in each bin by label, (bins, labels); labels from SHOWN on share the last column."""
    labels = np.minimum(subject.labels, SHOWN)
    columns = int(np.max(labels)) + 1
    bins = np.clip(np.searchsorted(cuts, values, side="right") - 1, 0, len(cuts) - 2)
    flat = np.bincount(bins * columns + labels, subject.counts, minlength=(len(cuts) - 1) * columns)
    return flat.reshape(-1, columns).astype(np.float64)


def segmented_histogram(figure: Any, subject: Subject) -> None:
    """Pixels per level of a band, in the colours of their clusters, stacked where clusters share a level."""
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Patch

    band = shown_band(subject)
    values = subject.values((band,))[:, 0]
    cuts = edges(subject, band, values)
    heights = histogram_by_label(subject, values, cuts)
    means = (cuts[:-1] + np.diff(cuts) / 2) @ heights / np.maximum(heights.sum(axis=0), 1)
    rank = np.argsort(means, kind="stable")  # by the band, so that neighbours on the axis have different colours
    colors = np.empty(len(rank), object)
    colors[rank] = [canvas.DISTINCT[number % len(canvas.DISTINCT)] for number in range(len(rank))]
    if heights.shape[1] > SHOWN:
        colors[SHOWN] = canvas.PALE
    heights = heights[:, rank]
    tops = np.cumsum(heights, axis=1)
    rows, columns = np.nonzero(heights)
    left, right = cuts[rows], cuts[rows + 1]
    top, bottom = tops[rows, columns], (tops - heights)[rows, columns]
    corners = [np.stack(pair, axis=1) for pair in ((left, bottom), (left, top), (right, top), (right, bottom))]
    axes = figure.add_subplot()
    filled = list(colors[rank[columns]])
    axes.add_collection(
        PolyCollection(list(np.stack(corners, axis=1)), facecolors=filled, linewidths=0, antialiased=False)
    )
    axes.set(xlim=canvas.limits(cuts, 0), ylim=(0, 1.05 * float(np.max(tops))))
    axes.set(xlabel=axis_words(subject, band), ylabel="pixels per level")
    canvas.thousands(axes.yaxis)
    palette = subject.quantized.palette.colors
    if len(palette) <= LABELLED:
        words = [
            f"{label}  {hex_color(palette[label])}  {share:.1%}".replace("%", " %")
            for label, share in enumerate(subject.shares)
        ]
        handles = [Patch(color=colors[label], label=words[label]) for label in range(len(words))]
        canvas.legend_right(axes, handles, "label, colour, share")
    canvas.title(figure, subject.called, f"Histogram by cluster: {subject.words}")


def component_densities(subject: Subject, column: int, at: FloatArray) -> FloatArray:
    """π_j N(x | μ_j, σ_j²) of each component's marginal in a band, at points ``at`` (m,): (k, m)."""
    model = subject.model
    weights, means = model.weights[:, None], model.means[:, column, None]
    variances = model.covariances[:, column, column, None]
    densities: FloatArray = weights * np.exp(-((at - means) ** 2) / (2 * variances)) / np.sqrt(2 * np.pi * variances)
    return densities


def curve_points(subject: Subject, column: int, low: float, high: float) -> FloatArray:
    """Where to draw the curves: evenly, and densely about each mean, however narrow its component."""
    model = subject.model
    deviations = np.sqrt(model.covariances[:SHOWN, column, column])
    near = model.means[:SHOWN, column, None] + deviations[:, None] * np.linspace(-4, 4, 33)
    points: FloatArray = np.unique(np.concatenate([np.linspace(low, high, FINE), near.reshape(-1)]))
    return points[(points >= low) & (points <= high)]


def gaussians(figure: Any, subject: Subject) -> None:
    """The density of a band's pixels, of each component, and of the mixture."""
    band = subject.drawing.bands[0] if subject.drawing.bands else subject.widest(1)[0]
    column = subject.columns((band,))[0]
    values = subject.values((band,))[:, 0]
    cuts = edges(subject, band, values)
    pixels = np.histogram(values, cuts, weights=subject.counts)[0]
    axes = figure.add_subplot()
    axes.stairs(pixels / pixels.sum() / np.diff(cuts), cuts, fill=True, color=canvas.PALE, label="pixels")
    at = curve_points(subject, column, *canvas.limits(cuts, 0))
    densities = component_densities(subject, column, at)
    colors, k = canvas.distinct_colors(subject.model.means[:, [column]]), len(densities)
    few = k <= LABELLED
    mixture = (0, (5, 1.5)) if few else "-"  # dashes would fill narrow peaks
    for number in range(min(k, SHOWN)):
        mean, deviation = (
            subject.model.means[number, column],
            np.sqrt(subject.model.covariances[number, column, column]),
        )
        words = f"{number}  {subject.model.weights[number]:.3f}  {mean:.4g}  {deviation:.3g}"
        dash = canvas.DASHES[number // len(canvas.DISTINCT) % len(canvas.DASHES)]
        axes.plot(at, densities[number], dash, color=colors[number], lw=1.6 if few else 0.9, label=words)
    axes.plot(at, densities.sum(axis=0), color=canvas.INK, lw=1.3, ls=mixture, label="mixture")
    axes.set(xlim=canvas.limits(cuts, 0), xlabel=axis_words(subject, band), ylabel="density")
    axes.set_ylim(bottom=0)
    handles = axes.get_legend_handles_labels()[0]
    order = [handles[0], handles[-1], *(handles[1:-1] if few else ())]
    canvas.legend_right(axes, order, "component, π, μ, σ" if few else f"{k} components")
    canvas.title(figure, subject.called, f"Gaussians over the histogram: {subject.words}")
