"""Figures of one band: the histogram by cluster, and the mixture's density over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from colorquant.fitting.models import GaussianMixture
from colorquant.report.figures import canvas
from colorquant.report.figures.data import GRAY_LEVEL, FigureData
from colorquant.report.words import unit_words
from colorquant.types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELLED = 16  # most clusters that the legend names
FEW = 8  # most clusters that have a colour of their own and a thick line each
SHOWN = 256  # most clusters that are drawn separately
FINE = 2000  # points of a curve
USUAL = 0.97  # quantile of the heights of the bars that is taken as the usual height
CUT = 3.0  # times the usual height at which a peak is cut
NAMED = 2  # most cut bars that are labelled with their share


def axis_words(data: FigureData, band: str) -> str:
    """The name of a band with its unit."""
    return f"{band} ({unit_words(data.projection.space)})"


def edges(data: FigureData, band: str, values: FloatArray) -> FloatArray:
    """The edges (bins + 1,) of bins one 8-bit level wide: all 256 levels for 8-bit bands, else as many as needed."""
    space = data.projection.space
    width = 1.0 if band == GRAY_LEVEL else space.level
    whole = width == 1 or (space.luma is not None and band == space.bands[space.luma])
    low, high = (0, 255) if whole else (np.floor(np.min(values) / width), np.ceil(np.max(values) / width))
    return np.asarray((np.arange(int(low), int(high) + 2) - 0.5) * width, np.float64)


def shown_band(data: FigureData) -> str:
    """The band of the segmented histogram: the chosen one, else the space's lightness or gray level."""
    space = data.projection.space
    if data.drawing.bands:
        return data.drawing.bands[0]
    if len(space.bands) == 1:
        return space.bands[0]
    return GRAY_LEVEL if space.luma is None else space.bands[space.luma]


def histogram_by_label(data: FigureData, values: FloatArray, cuts: FloatArray) -> FloatArray:
    """Pixels in each bin by label, (bins, labels); labels from SHOWN on share the last column."""
    labels = np.minimum(data.labels, SHOWN)
    columns = min(len(data.colors_of_labels), SHOWN + 1)
    bins = np.clip(np.searchsorted(cuts, values, side="right") - 1, 0, len(cuts) - 2)
    flat = np.bincount(bins * columns + labels, data.counts, minlength=(len(cuts) - 1) * columns)
    return flat.reshape(-1, columns).astype(np.float64)


def segmented_histogram(figure: Figure, data: FigureData) -> str:
    """Pixels per level of a band, in the colours of their clusters, stacked where clusters share a level."""
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Patch

    band = shown_band(data)
    values = data.values((band,))[:, 0]
    cuts = edges(data, band, values)
    heights = histogram_by_label(data, values, cuts)
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
    axes.set(xlabel=axis_words(data, band), ylabel="pixels per level")
    canvas.thousands(axes.yaxis)
    if len(data.colors_of_labels) <= LABELLED:
        key = [
            canvas.KeyRow(Patch(color=colors[label]), color, (str(label), color, f"{100 * share:.1f} %"))
            for label, (color, share) in enumerate(zip(data.colors_of_labels, data.shares, strict=True))
        ]
        canvas.key(axes, ("label", "colour", "share"), key)
    return f"Histogram by cluster: {data.words}"


def component_densities(model: GaussianMixture, column: int, at: FloatArray) -> FloatArray:
    """π_j N(x | μ_j, σ_j²) of each component's marginal in a band, at points ``at`` (m,): (k, m)."""
    weights, means = model.weights[:, None], model.means[:, column, None]
    variances = model.covariances[:, column, column, None]
    densities: FloatArray = weights * np.exp(-((at - means) ** 2) / (2 * variances)) / np.sqrt(2 * np.pi * variances)
    return densities


def curve_points(model: GaussianMixture, column: int, low: float, high: float) -> FloatArray:
    """The points at which curves are computed: evenly spaced, and dense about each mean, so that narrow ones show."""
    deviations = np.sqrt(model.covariances[:SHOWN, column, column])
    near = model.means[:SHOWN, column, None] + deviations[:, None] * np.linspace(-4, 4, 33)
    points: FloatArray = np.unique(np.concatenate([np.linspace(low, high, FINE), near.reshape(-1)]))
    return points[(points >= low) & (points <= high)]


def ceiling(heights: FloatArray, curve: FloatArray) -> float:
    """The upper limit of the axis of densities, chosen so that single peaks do not flatten all else.

    ``heights`` (bins,) are those of the histogram, ``curve`` (m,) those of the mixture. Clipped pixels make a bar, and
    with it often a component, many times as high as the rest; such peaks are cut at twice the usual height.
    """
    top = float(max(np.max(heights), np.max(curve)))
    usual = float(np.quantile(heights[heights > 0], USUAL))
    return 1.05 * (top if top <= CUT * usual else 2 * usual)


def gaussians(figure: Figure, data: FigureData) -> str:
    """The density of a band's pixels, of each component, and of the mixture."""
    model = data.mixture
    assert model is not None, "FIGURES has this one for EM only"
    band = data.drawing.bands[0] if data.drawing.bands else data.widest(1)[0]
    column = data.columns((band,))[0]
    values = data.values((band,))[:, 0]
    cuts = edges(data, band, values)
    pixels = np.histogram(values, cuts, weights=data.counts)[0]
    heights = pixels / pixels.sum() / np.diff(cuts)
    axes = figure.add_subplot()
    axes.stairs(heights, cuts, fill=True, color=canvas.PALE, label="pixels")
    at = curve_points(model, column, *canvas.limits(cuts, 0))
    densities = component_densities(model, column, at)
    rows = _draw_components(axes, data, column, at, densities)
    mixture = densities.sum(axis=0)
    few = len(densities) <= FEW
    axes.plot(at, mixture, color=canvas.INK, lw=1.3, ls=(0, (5, 1.5)) if few else "-", label="mixture")
    axes.set(xlim=canvas.limits(cuts, 0), xlabel=axis_words(data, band), ylabel="density")
    top = ceiling(heights, mixture)
    axes.set_ylim(0, top)
    _name_cut_bars(axes, heights, cuts, top)
    stairs, *_, whole = axes.get_legend_handles_labels()[0]
    if len(densities) <= LABELLED:
        general = [canvas.KeyRow(artist, None, (str(artist.get_label()), "", "", "")) for artist in (stairs, whole)]
        canvas.key(axes, ("component", "π", "μ", "σ"), [*general, *rows])
    else:
        canvas.legend_right(axes, [stairs, whole], f"{len(densities)} components")
    return f"Gaussians over the histogram: {data.words}"


def _draw_components(
    axes: Axes, data: FigureData, column: int, at: FloatArray, densities: FloatArray
) -> list[canvas.KeyRow]:
    """A curve for each component, and the legend's row for it."""
    model, few, rows = data.mixture, len(densities) <= FEW, []
    assert model is not None
    colors = canvas.distinct_colors(model.means[:, [column]])
    deviations = np.sqrt(model.covariances[:, column, column])
    for number, density in enumerate(densities[:SHOWN]):
        dash = canvas.DASHES[number // len(canvas.DISTINCT) % len(canvas.DASHES)]
        line = axes.plot(at, density, dash, color=colors[number], lw=1.6 if few else 0.9)[0]
        line.set_label(f"component {number}")
        true = data.colors_of_labels[number] if number < len(data.colors_of_labels) else None
        mean, deviation = model.means[number, column], deviations[number]
        cells = (str(number), f"{model.weights[number]:.3f}", f"{mean:.4g}", f"{deviation:.3g}")
        rows.append(canvas.KeyRow(line, true, cells))
    return rows


def _name_cut_bars(axes: Axes, heights: FloatArray, cuts: FloatArray, top: float) -> None:
    """Write the share of the pixels beside each of the highest bars that the axis cuts."""
    cut = np.flatnonzero(heights > top)
    for place in cut[np.argsort(-heights[cut], kind="stable")][:NAMED]:
        share = 100 * heights[place] * (cuts[place + 1] - cuts[place])
        left = place > len(heights) / 2
        axes.annotate(
            f"{share:.1f} % of the pixels",
            ((cuts[place] + cuts[place + 1]) / 2, top),
            (-5 if left else 5, -3),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top",
            fontsize=canvas.KEY,
            color=canvas.FAINT,
        )
