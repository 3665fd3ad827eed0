"""The colours of a picture in two of its bands, over which centres are drawn."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colorquant.fitting.models import GaussianMixture, Model
from colorquant.images.encoding import encode_rgb
from colorquant.report.html.charts import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Axis, Chart
from colorquant.types import FloatArray, IntArray, UInt8Array

HEIGHT = 380  # of the view box
CELL = 2  # size of a dot, in units of the view box
SIGMAS = 2  # Mahalanobis distance of the ellipses
BAND_RADIUS = 8.0  # of an ellipse across a single band, in units of the view box
MARGIN = 0.5  # share of the colours' range by which the axes may exceed it on each side to show ellipses

Ellipse = tuple[float, float, float]  # two radii, and an angle in degrees


@dataclass(frozen=True)
class Scatter:
    """Axes with the colours between them: ``chart`` has the axes, ``image`` is a PNG, ``bands`` are the two drawn.

    Where there is a single band, the other axis shows how many pixels have its values.
    """

    chart: Chart
    image: bytes
    bands: tuple[int, ...]
    axes: tuple[Axis, Axis]

    @classmethod
    def of(
        cls,
        features: FloatArray,
        colors: UInt8Array,
        counts: IntArray,
        names: Sequence[str],
        models: Sequence[Model] = (),
    ) -> Scatter:
        """The scatter of ``colors`` (n, 3) uint8 with ``counts`` (n,) pixels each; ``names`` are those of the bands.

        ``features`` are (n, d), n at least 1. The bands drawn are the pair with the
        widest spread, that is, the greatest determinant of its covariance. The axes also include the centres and
        ellipses of ``models``, as far as MARGIN allows.
        """
        bands = _widest(features, counts)
        x = Axis.over(_ends(features, bands[0], models), LEFT, WIDTH - RIGHT)
        rise = (HEIGHT - BOTTOM, TOP)
        single = len(bands) == 1
        y = Axis(0, 1, *rise) if single else Axis.over(_ends(features, bands[1], models), *rise)
        y_label, y_ticks = ("pixels", ()) if single else (names[bands[1]], y.ticks())
        chart = Chart(names[bands[0]], y_label, x.ticks(), y_ticks, height=HEIGHT)
        columns, rows = (WIDTH - RIGHT - LEFT) // CELL, (HEIGHT - BOTTOM - TOP) // CELL
        column = _cells(features[:, bands[0]], x, columns)
        if len(bands) == 1:
            image = _bars(column, colors, counts, columns, rows)
        else:
            image = _dots(rows - 1 - _cells(features[:, bands[1]], y, rows), column, colors, counts, (rows, columns))
        return cls(chart, image, bands, (x, y))

    def places(self, points: FloatArray) -> list[tuple[float, float]]:
        """The coordinates of ``points`` (k, d) in the view box."""
        x, y = self.axes
        if len(self.bands) == 1:
            return [(x.place(float(value)), y.place(0.5)) for value in points[:, 0]]
        return [(x.place(float(point[self.bands[0]])), y.place(float(point[self.bands[1]]))) for point in points]

    def ellipses(self, covariances: FloatArray) -> list[Ellipse]:
        """The ellipses of ``covariances`` (k, d, d) at 2σ: two radii and an angle in degrees, in the view box."""
        x, y = self.axes
        if len(self.bands) == 1:
            return [(round(SIGMAS * float(np.sqrt(one[0, 0])) * x.unit, 2), BAND_RADIUS, 0.0) for one in covariances]
        scale = np.diag([x.unit, y.unit])
        ellipses = []
        for covariance in covariances:
            lengths, directions = np.linalg.eigh(scale @ covariance[np.ix_(self.bands, self.bands)] @ scale)
            radii = SIGMAS * np.sqrt(np.maximum(lengths, 0))
            angle = float(np.degrees(np.arctan2(directions[1, 1], directions[0, 1])))
            ellipses.append((round(float(radii[1]), 2), round(float(radii[0]), 2), round(angle, 1)))
        return ellipses


def _widest(features: FloatArray, counts: IntArray) -> tuple[int, ...]:
    """The pair of bands with the widest spread, or the only band."""
    if features.shape[1] == 1:
        return (0,)
    covariance = np.atleast_2d(np.cov(features.T, fweights=counts, bias=True))
    pairs = itertools.combinations(range(features.shape[1]), 2)
    return max(pairs, key=lambda pair: float(np.linalg.det(covariance[np.ix_(pair, pair)])))


def _ends(features: FloatArray, band: int, models: Sequence[Model]) -> list[float]:
    """The least and the greatest value in a band of the colours and of the models' centres and ellipses."""
    low, high = float(np.min(features[:, band])), float(np.max(features[:, band]))
    least, most = low - MARGIN * (high - low), high + MARGIN * (high - low)
    for model in models:
        centers, reach = model.points[:, band], np.zeros(len(model.points))
        if isinstance(model, GaussianMixture):
            reach = SIGMAS * np.sqrt(np.maximum(model.covariances[:, band, band], 0))
        low, high = min(low, float(np.min(centers - reach))), max(high, float(np.max(centers + reach)))
    return [max(low, least), min(high, most)]


def _cells(values: FloatArray, axis: Axis, cells: int) -> IntArray:
    """The cell, 0 to cells - 1, of each value."""
    share = (values - axis.low) / (axis.high - axis.low)
    return np.minimum((share * cells).astype(np.int64), cells - 1)


def _dots(row: IntArray, column: IntArray, colors: UInt8Array, counts: IntArray, shape: tuple[int, int]) -> bytes:
    """A picture with a dot of the pixels' mean colour in each cell that has pixels; transparent elsewhere."""
    cell, size = row * shape[1] + column, shape[0] * shape[1]
    pixels = np.bincount(cell, counts, size)
    sums = np.stack([np.bincount(cell, counts * band.astype(np.float64), size) for band in colors.T], axis=1)
    rgb = np.rint(sums / np.maximum(pixels, 1)[:, None]).astype(np.uint8)
    return encode_rgb(rgb.reshape(*shape, 3), ((pixels > 0) * 255).astype(np.uint8).reshape(shape))


def _bars(column: IntArray, colors: UInt8Array, counts: IntArray, columns: int, rows: int) -> bytes:
    """The histogram of one band, each bar in the gray of its pixels."""
    pixels = np.bincount(column, counts, columns)
    level = np.bincount(column, counts * colors.mean(axis=1), columns) / np.maximum(pixels, 1)
    height = np.ceil(pixels / max(float(np.max(pixels)), 1.0) * (rows - 1))
    inside = np.arange(rows)[::-1, None] < height
    rgb = np.repeat(np.broadcast_to(np.rint(level), (rows, columns))[:, :, None], 3, axis=2).astype(np.uint8)
    return encode_rgb(rgb, (inside * 255).astype(np.uint8))
