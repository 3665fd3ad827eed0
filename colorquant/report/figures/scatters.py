"""Figures of colours as points: two bands with the components' ellipses, three with their ellipsoids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from colorquant.report.figures import canvas
from colorquant.report.figures.data import FigureData
from colorquant.report.figures.labels import number_points
from colorquant.types import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d import Axes3D  # type: ignore[import-untyped]

SIGMAS = 2.0  # Mahalanobis distance of the outlines: 86 % of a Gaussian in two bands, 74 % in three
POINTS = 20_000  # most colours of the picture that are drawn
LABELLED = 16  # most clusters that the legend names
NUMBERED = 16  # most clusters that have their number beside them
DETAILED = 8  # most ellipsoids that are drawn with many lines each
SHOWN = 256  # most clusters whose centre and outline are drawn
REGION = 400  # points across, each tinted by its nearest centre


def ellipse(mean: FloatArray, covariance: FloatArray, radius: float = SIGMAS, points: int = 121) -> FloatArray:
    """A closed line (points, 2) at the Mahalanobis distance ``radius`` from ``mean`` (2,) under ``covariance`` (2, 2).

    Its half axes are the eigenvectors, each as long as ``radius`` times the root of its eigenvalue.
    """
    return mean + radius * _circle(points, 2, (0, 1)) @ _axes(covariance).T


def ellipsoid(
    mean: FloatArray, covariance: FloatArray, radius: float = SIGMAS, *, detailed: bool = True, points: int = 61
) -> list[FloatArray]:
    """Closed lines (points, 3) on the surface at the Mahalanobis distance ``radius`` from ``mean`` (3,).

    They are the sections through each pair of axes and, if ``detailed``, also meridians between them and parallels.
    """
    circles = [_circle(points, 3, plane) for plane in ((0, 1), (0, 2), (1, 2))]
    if detailed:
        turn = np.sqrt(0.5)
        about = np.array([[turn, turn, 0], [-turn, turn, 0], [0, 0, 1]])
        circles += [circles[1] @ about, circles[1] @ about.T]
        circles += [circles[0] * np.cos(angle) + [0, 0, np.sin(angle)] for angle in (-np.pi / 4, np.pi / 4)]
    return [mean + radius * circle @ _axes(covariance).T for circle in circles]


def _circle(points: int, dimensions: int, plane: tuple[int, int]) -> FloatArray:
    """The unit circle in a coordinate plane, closed, (points, dimensions)."""
    angle = np.linspace(0, 2 * np.pi, points)
    circle = np.zeros((points, dimensions))
    circle[:, plane[0]], circle[:, plane[1]] = np.cos(angle), np.sin(angle)
    return circle


def _axes(covariance: FloatArray) -> FloatArray:
    """The half axes (d, d) at distance 1, as columns; of length 0 where rounding made a variance negative."""
    variances, directions = np.linalg.eigh(covariance)
    axes: FloatArray = directions * np.sqrt(np.maximum(variances, 0))
    return axes


def plane(data: FigureData) -> tuple[str, ...]:
    """The two bands that are shown: the chosen ones, else the chroma, else the two in which the pixels differ most."""
    if data.drawing.bands:
        return data.drawing.bands
    space = data.projection.space
    if space.luma is None:
        return data.widest(2)
    return tuple(name for band, name in enumerate(space.bands) if band != space.luma)


def thinned(values: FloatArray, labels: IntArray, counts: IntArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Merge points of the same label and place, and keep at most POINTS of them, the largest first.

    ``values`` (n, 2), with ``labels`` (n,) and ``counts`` (n,). The choice of points is the same each time.
    """
    rows, index = np.unique(np.column_stack([values, labels]), axis=0, return_inverse=True)
    sizes = np.bincount(index.reshape(-1), counts).astype(np.int64)
    if len(rows) > POINTS:
        kept = np.sort(np.random.default_rng(0).choice(len(rows), POINTS, replace=False))
        rows, sizes = rows[kept], sizes[kept]
    order = np.argsort(-sizes, kind="stable")
    return rows[order, :-1], rows[order, -1].astype(np.int64), sizes[order]


def areas(counts: IntArray, least: float, most: float) -> FloatArray:
    """The areas (n,) of the points, in squared points of print, which grow with the logarithm of their pixel counts."""
    scale = np.log1p(counts) / np.log1p(np.max(counts))
    return np.asarray(least + (most - least) * scale**2, np.float64)


def ellipses(figure: Figure, data: FigureData) -> str:
    """Colours in two bands, drawn in the colour of their cluster, with an ellipse or a centre for each cluster."""
    bands = plane(data)
    columns = data.columns(bands)
    values, labels, counts = thinned(data.values(bands), data.labels, data.counts)
    centers = data.model.points[:SHOWN][:, columns]
    colors = canvas.distinct_colors(data.model.points[:, columns])
    outlines = _outlines(data, columns)
    everything = np.concatenate([values, centers, *outlines])
    spans = _spans(everything, 8 * data.projection.space.level)
    axes = figure.add_subplot()
    axes.set_aspect("equal")
    axes.set(xlim=spans[0], ylim=spans[1], xlabel=bands[0], ylabel=bands[1])
    if not data.mixture and len(data.model.points) > 1 and bands == data.projection.bands:
        _regions(axes, data, spans, colors)
    axes.scatter(
        values[:, 0],
        values[:, 1],
        s=areas(counts, 1.5, 30),
        c=[colors[label] for label in labels],
        alpha=0.7,
        linewidths=0,
        rasterized=True,
    )
    thin = 1.0 if len(outlines) <= NUMBERED else 0.5
    for number, outline in enumerate(outlines):
        dash = canvas.DASHES[number // len(canvas.DISTINCT) % len(canvas.DASHES)]
        axes.plot(*outline.T, color="white", lw=3.2 * thin)
        axes.plot(*outline.T, color=canvas.INK, lw=2.2 * thin)
        axes.plot(*outline.T, dash, color=colors[number], lw=1.4 * thin)
    _mark_centers(axes, data, centers)
    _name_clusters(axes, data, colors)
    if len(centers) <= NUMBERED:
        number_points(axes, centers)
    shown = "Ellipses at 2σ" if data.mixture else "Centres"
    return f"{shown}: {data.words}"


def _spans(points: FloatArray, least: float) -> list[tuple[float, float]]:
    """The limits of both axes about ``points`` (n, 2), such that at the same scale they fill a landscape figure."""
    x, y = (canvas.limits(column, least) for column in points.T)
    across, down = x[1] - x[0], y[1] - y[0]
    return [canvas.limits(np.array(x), max(across, 1.6 * down)), canvas.limits(np.array(y), max(down, across / 1.6))]


def _outlines(data: FigureData, columns: Sequence[int]) -> list[FloatArray]:
    """The ellipse of each component's marginal in two bands."""
    if data.mixture is None:
        return []
    marginals = data.mixture.covariances[:, columns][:, :, columns]
    means = data.mixture.means[:, columns]
    return [ellipse(mean, marginal) for mean, marginal in zip(means[:SHOWN], marginals[:SHOWN], strict=True)]


def _regions(axes: Axes, data: FigureData, spans: Sequence[tuple[float, float]], colors: Sequence[str]) -> None:
    """Tint the plane within ``spans`` by the nearest centre."""
    from matplotlib.colors import to_rgb

    x, y = (np.linspace(*span, REGION) for span in spans)
    labels = data.model.predict(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    tints = 1 - 0.22 * (1 - np.array([to_rgb(color) for color in colors]))
    image = tints[labels].reshape(len(y), len(x), 3)
    axes.imshow(image, extent=(*spans[0], *spans[1]), origin="lower", zorder=0)


def _mark_centers(axes: Axes, data: FigureData, centers: FloatArray) -> None:
    """Mark each centre by a disc in its label's colour."""
    palette = data.shown_palette[: len(centers)] / 255
    few = len(data.model.points) <= NUMBERED
    faces = np.ones((len(centers), 3))
    faces[: len(palette)] = palette
    x, y = centers.T
    axes.scatter(x, y, s=70 if few else 28, c="white", linewidths=0, zorder=4)
    axes.scatter(x, y, s=45 if few else 16, c=faces, zorder=5, edgecolors=canvas.INK, linewidths=1.2)


def _name_clusters(axes: Axes, data: FigureData, colors: Sequence[str], gap: float = 0.02) -> None:
    """Draw the legend, labels with their colours and shares, if there are few."""
    from matplotlib.lines import Line2D

    if len(data.model.points) > LABELLED:
        return
    rows = [
        canvas.KeyRow(
            Line2D([], [], color=colors[label], marker="o", ls=""), color, (str(label), color, f"{100 * share:.1f} %")
        )
        for label, (color, share) in enumerate(zip(data.colors_of_labels, data.shares, strict=True))
    ]
    canvas.key(axes, ("label", "colour", "share"), rows, gap)


def colors3d(figure: Figure, data: FigureData) -> str:
    """Colours in the space's three bands, as they look, with a centre or an ellipsoid for each cluster."""
    from matplotlib.ticker import MaxNLocator

    bands = upright(data)
    values = data.values(bands)
    rows = np.arange(len(values))
    if len(values) > POINTS:
        rows = np.sort(np.random.default_rng(0).choice(len(values), POINTS, replace=False))
    centers = _centers_in_space(data, bands, values)
    lines = _surfaces(data, bands, centers)
    everything = np.concatenate([values, centers, *lines])
    axes = cast("Axes3D", figure.add_subplot(projection="3d", computed_zorder=False))
    spans = [canvas.limits(column, 8 * data.projection.space.level) for column in everything.T]
    axes.set(xlim=spans[0], ylim=spans[1], zlim=spans[2])
    lengths = np.array([high - low for low, high in spans])
    box = np.maximum(lengths / np.max(lengths), 0.4)
    axes.set_box_aspect(box, zoom=1.05)
    for axis, length in zip((axes.xaxis, axes.yaxis, axes.zaxis), box, strict=True):
        axis.set_major_locator(MaxNLocator(round(6 * length)))
        axis.pane.set_facecolor("white")
        axis.line.set_color(canvas.FAINT)
    axes.set(xlabel=bands[0], ylabel=bands[1], zlabel=bands[2])
    axes.scatter(
        *values[rows].T,
        s=areas(data.counts[rows], 1.5, 40),
        c=data.colors[rows] / 255,
        depthshade=False,
        linewidths=0,
        rasterized=True,
        zorder=1,
    )
    outline_colors = canvas.distinct_colors(data.model.points)
    per_cluster = len(lines) // max(1, min(len(data.model.points), SHOWN))
    width = 0.9 if len(centers) <= NUMBERED else 0.5
    for number, line in enumerate(lines):
        axes.plot(*line.T, color=outline_colors[number // per_cluster], lw=width, zorder=2)
    _mark_centers_in_space(axes, data, centers)
    if data.mixture:
        _name_clusters(axes, data, outline_colors, gap=0.15)
    shown = "ellipsoids at 2σ" if data.mixture else "centres"
    return f"Colours and {shown}: {data.words}"


def upright(data: FigureData) -> tuple[str, ...]:
    """The space's three bands, the lightness last, since the last axis is vertical."""
    space = data.projection.space
    order = sorted(range(len(space.bands)), key=lambda band: band == space.luma)
    return tuple(space.bands[band] for band in order)


def _centers_in_space(data: FigureData, bands: Sequence[str], values: FloatArray) -> FloatArray:
    """The centres (k, 3) in all bands; in a band that was not clustered, the mean of their pixels."""
    points = data.model.points[:SHOWN]
    centers = np.repeat(np.average(values, axis=0, weights=data.counts)[None], len(points), axis=0)
    weights = np.bincount(data.labels, data.counts, minlength=len(points))[: len(points)]
    for band, name in enumerate(bands):
        if name in data.projection.bands:
            centers[:, band] = points[:, data.columns((name,))[0]]
        else:
            sums = np.bincount(data.labels, data.counts * values[:, band], minlength=len(points))[: len(points)]
            centers[:, band] = np.where(weights > 0, sums / np.maximum(weights, 1), centers[:, band])
    return centers


def _surfaces(data: FigureData, bands: Sequence[str], centers: FloatArray) -> list[FloatArray]:
    """The lines (m, 3) of all ellipsoids, the same number for each; flat where a band was not clustered."""
    if data.mixture is None:
        return []
    names = [name for name in bands if name in data.projection.bands]
    clustered, columns = [bands.index(name) for name in names], data.columns(names)
    covariances = data.mixture.covariances[: len(centers)][:, columns][:, :, columns]
    detailed = len(data.model.points) <= DETAILED
    lines = []
    for center, covariance in zip(centers, covariances, strict=True):
        if len(clustered) == 3:
            lines += ellipsoid(center, covariance, detailed=detailed)
        else:
            flat = ellipse(center[clustered], covariance)
            line = np.repeat(center[None], len(flat), axis=0)
            line[:, clustered] = flat
            lines.append(line)
    return lines


def _mark_centers_in_space(axes: Axes3D, data: FigureData, centers: FloatArray) -> None:
    """Mark each centre by a disc in its label's colour, on top of all points."""
    palette = data.shown_palette[: len(centers)] / 255
    few = len(data.model.points) <= NUMBERED
    used = centers[: len(palette)]
    axes.scatter(*used.T, s=110 if few else 45, c="white", depthshade=False, linewidths=0, zorder=3)
    size = 70 if few else 25
    axes.scatter(*used.T, s=size, c=palette, edgecolors=canvas.INK, linewidths=1.2, depthshade=False, zorder=4)
