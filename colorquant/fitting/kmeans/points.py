"""Weighted points in Morton order, prepared for Lloyd's iterations: held in memory, or computed piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colorquant.blocks import blocks
from colorquant.fitting.features import HELD_PIECE, WeightedFeatures
from colorquant.types import FloatArray, IntArray

Real = NDArray[np.floating[Any]]  # float32 for speed, float64 where ties matter
Precision = type[np.float32] | type[np.float64]

MANY_POINTS = 1 << 16  # with more points, products with the weights are not kept


class LockedCenters(NamedTuple):
    """Centres that never move: ``centers`` (l, d) are the first l of all centres, whether they have members or not.

    The points in the ``rows`` (j,) lie on one of them, which ``owners`` (j,) numbers.
    """

    centers: FloatArray
    rows: IntArray
    owners: IntArray


class Piece(NamedTuple):
    """The points of some ``rows``: x (d, b), weights w (b,), and h (b, d+1), as in :class:`Points`."""

    rows: slice
    x: FloatArray
    w: FloatArray
    h: Real


@dataclass(frozen=True)
class PointSet:
    """Weighted points in Morton order, prepared for Lloyd iterations, which read them piece by piece.

    middle: (d,) their weighted mean;  total: sum of the weighted squared norms;  locked: centres that every step leaves
    where they are, None for none.
    """

    middle: FloatArray
    total: float
    locked: LockedCenters | None

    def __len__(self) -> int:
        raise NotImplementedError

    def pieces(self) -> Iterator[Piece]:
        """All points, in order."""
        raise NotImplementedError

    def at(self, rows: IntArray) -> FloatArray:
        """The points (d, j) in some ``rows`` (j,)."""
        raise NotImplementedError

    def columns(self, rows: slice) -> FloatArray:
        """The points (d, b) in a slice of rows."""
        raise NotImplementedError

    @property
    def precision(self) -> Precision:
        """The type of the numbers from which distances are computed."""
        raise NotImplementedError

    @property
    def weights(self) -> FloatArray:
        """The weights (m,) of all points."""
        raise NotImplementedError

    def weights_of(self, rows: slice) -> FloatArray:
        """The weights (b,) of a slice of rows."""
        raise NotImplementedError

    @property
    def fixed(self) -> int:
        """How many of the centres are locked."""
        return 0 if self.locked is None else len(self.locked.centers)


@dataclass(frozen=True)
class Points(PointSet):
    """Points that are held in memory.

    x: (d, m) the points by column;  w: (m,) weights;  h: (m, d+1) float32 or float64, the points about the middle and a
    column of ones;  wx: (d, m) weights times points, None where they are so many that memory costs more than the
    products.
    """

    x: FloatArray
    w: FloatArray
    h: Real
    wx: FloatArray | None

    def __len__(self) -> int:
        return len(self.w)

    @property
    def precision(self) -> Precision:
        """See :class:`PointSet`."""
        return np.float64 if self.h.dtype == np.float64 else np.float32

    def pieces(self) -> Iterator[Piece]:
        """See :class:`PointSet`."""
        for rows in blocks(len(self.w), HELD_PIECE):
            yield Piece(rows, self.x[:, rows], self.w[rows], self.h[rows])

    def at(self, rows: IntArray) -> FloatArray:
        """See :class:`PointSet`."""
        return self.x[:, rows]

    def columns(self, rows: slice) -> FloatArray:
        """See :class:`PointSet`."""
        return self.x[:, rows]

    @property
    def weights(self) -> FloatArray:
        """See :class:`PointSet`."""
        return self.w

    def weights_of(self, rows: slice) -> FloatArray:
        """See :class:`PointSet`."""
        return self.w[rows]


@dataclass(frozen=True)
class ComputedPoints(PointSet):
    """Points that are computed whenever they are read, since there are too many to hold; ``real`` is the type of h."""

    weighted: WeightedFeatures
    real: Precision

    def __len__(self) -> int:
        return len(self.weighted)

    @property
    def precision(self) -> Precision:
        """See :class:`PointSet`."""
        return self.real

    def pieces(self) -> Iterator[Piece]:
        """See :class:`PointSet`."""
        for rows in self.weighted.pieces():
            x = np.ascontiguousarray(self.weighted.features_of(rows).T)
            yield Piece(rows, x, self.weighted.weights_of(rows), _homogeneous(x, self.middle, self.real))

    def at(self, rows: IntArray) -> FloatArray:
        """See :class:`PointSet`."""
        return self.weighted.features_of(rows).T

    def columns(self, rows: slice) -> FloatArray:
        """See :class:`PointSet`."""
        return np.concatenate([self.weighted.features_of(part).T for part in _parts(rows)], axis=1)

    @property
    def weights(self) -> FloatArray:
        """See :class:`PointSet`."""
        return self.weighted.weights

    def weights_of(self, rows: slice) -> FloatArray:
        """See :class:`PointSet`."""
        return self.weighted.weights_of(rows)


def _parts(rows: slice) -> Iterator[slice]:
    return (slice(rows.start + part.start, rows.start + part.stop) for part in blocks(rows.stop - rows.start))


def _homogeneous(x: FloatArray, middle: FloatArray, real: Precision) -> Real:
    """The points x (d, b) about the middle, and a column of ones: (b, d+1)."""
    h = np.ones((x.shape[1], len(x) + 1), real)
    for j, column in enumerate(x):
        np.subtract(column, middle[j], out=h[:, j], casting="same_kind")
    return h


def _total(x: FloatArray, w: FloatArray) -> float:
    """The sum of the weighted squared norms of points x (d, b)."""
    return sum(float(np.einsum("i,i,i->", w, column, column)) for column in x)


def make_points(x: FloatArray, w: FloatArray, *, exact: bool = False, locked: LockedCenters | None = None) -> Points:
    """Points from columns x (d, m) and weights w (m,); with ``exact`` distances have double precision, else float32.

    In float32 a point can get the second nearest centre if the two differ by about 1e-6 of its squared length.
    """
    middle = x @ w / w.sum()
    h = _homogeneous(x, middle, np.float64 if exact else np.float32)
    return Points(middle, _total(x, w), locked, x, w, h, x * w if x.shape[1] <= MANY_POINTS else None)


def points_of(weighted: WeightedFeatures, *, exact: bool = False, locked: LockedCenters | None = None) -> PointSet:
    """The rows of ``weighted`` as points, as :func:`make_points` makes them; computed where they are not held."""
    if weighted.held is not None:
        return make_points(weighted.columns, weighted.weights, exact=exact, locked=locked)
    sums, total = np.zeros(weighted.bands), 0.0
    for rows in weighted.pieces():
        x, w = weighted.features_of(rows).T, weighted.weights_of(rows)
        sums += x @ w
        total += _total(x, w)
    real = np.float64 if exact else np.float32
    return ComputedPoints(sums / weighted.total, total, locked, weighted, real)
