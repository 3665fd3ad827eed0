"""The colours of a picture in two of its bands, over which centres are drawn."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colorquant.images.encoding import encode_rgb
from colorquant.report.html.charts import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Axis, Chart
from colorquant.types import FloatArray, IntArray, UInt8Array

HEIGHT = 380  # of the view box
CELL = 2  # units of the view box that a dot of the picture covers
SIGMAS = 2  # how far an ellipse reaches
BAND_RADIUS = 8.0  # of the ellipse in the direction that a single band lacks, units of the view box


@dataclass(frozen=True)
class Scatter:
    """``chart`` has the axes, ``image`` the PNG of the colours between them; ``bands`` are the two that are drawn.

    Where there is a single band, the other axis says how many pixels have its values.
    """

    chart: Chart
    image: bytes
    bands: tuple[int, ...]
    axes: tuple[Axis, Axis]

    @classmethod
    def of(cls, features: FloatArray, colors: UInt8Array, counts: IntArray, names: Sequence[str]) -> Scatter:
        """Of ``colors`` (n, 3) uint8 with ``counts`` (n,) pixels each; ``names`` are those of the bands.

        ``features`` are (n, d), n at least 1. The bands are the pair that spreads most: of the greatest determinant
        of its covariance.
        """
        bands = _widest(features, counts)
        x, rise = Axis.over(_ends(features[:, bands[0]]), LEFT, WIDTH - RIGHT), (HEIGHT - BOTTOM, TOP)
        y = Axis(0, 1, *rise) if len(bands) == 1 else Axis.over(_ends(features[:, bands[1]]), *rise)
        y_label, y_ticks = ("pixels", ()) if len(bands) == 1 else (names[bands[1]], y.ticks())
        chart = Chart(names[bands[0]], y_label, x.ticks(), y_ticks, height=HEIGHT)
        columns, rows = (WIDTH - RIGHT - LEFT) // CELL, (HEIGHT - BOTTOM - TOP) // CELL
        column = _cells(features[:, bands[0]], x, columns)
        if len(bands) == 1:
            image = _bars(column, colors, counts, columns, rows)
        else:
            image = _dots(rows - 1 - _cells(features[:, bands[1]], y, rows), column, colors, counts, (rows, columns))
        return cls(chart, image, bands, (x, y))

    def places(self, points: FloatArray) -> list[tuple[float, float]]:
        """Where ``points`` (k, d) stand, in the view box."""
        x, y = self.axes
        if len(self.bands) == 1:
            return [(x.place(float(value)), y.place(0.5)) for value in points[:, 0]]
        return [(x.place(float(point[self.bands[0]])), y.place(float(point[self.bands[1]]))) for point in points]

    def ellipses(self, covariances: FloatArray) -> list[tuple[float, float, float]]:
        """The ellipses of ``covariances`` (k, d, d) at 2σ: two radii and an angle in degrees, in the view box."""
        x, y = self.axes
        if len(self.bands) == 1:
            return [(round(SIGMAS * float(np.sqrt(one[0, 0])) * x.unit, 2), BAND_RADIUS, 0.0) for one in covariances]
        scale = np.diag([x.unit, y.unit])
        found = []
        for covariance in covariances:
            lengths, directions = np.linalg.eigh(scale @ covariance[np.ix_(self.bands, self.bands)] @ scale)
            radii = SIGMAS * np.sqrt(np.maximum(lengths, 0))
            angle = float(np.degrees(np.arctan2(directions[1, 1], directions[0, 1])))
            found.append((round(float(radii[1]), 2), round(float(radii[0]), 2), round(angle, 1)))
        return found


def _widest(features: FloatArray, counts: IntArray) -> tuple[int, ...]:
    """The pair of bands that spreads most; the one that there is."""
    if features.shape[1] == 1:
        return (0,)
    covariance = np.atleast_2d(np.cov(features.T, fweights=counts, bias=True))
    pairs = itertools.combinations(range(features.shape[1]), 2)
    return max(pairs, key=lambda pair: float(np.linalg.det(covariance[np.ix_(pair, pair)])))


def _ends(values: FloatArray) -> list[float]:
    return [float(np.min(values)), float(np.max(values))]


def _cells(values: FloatArray, axis: Axis, cells: int) -> IntArray:
    """The cell, 0 to cells - 1, of each value."""
    share = (values - axis.low) / (axis.high - axis.low)
    return np.minimum((share * cells).astype(np.int64), cells - 1)


def _dots(row: IntArray, column: IntArray, colors: UInt8Array, counts: IntArray, shape: tuple[int, int]) -> bytes:
    """A dot of the pixels' mean colour in each cell that has some; transparent elsewhere."""
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
