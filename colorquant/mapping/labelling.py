"""Colours or pixels with their labels, and sums over the members of each label."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from colorquant.blocks import blocks, taken
from colorquant.color.counted import CountedImage
from colorquant.color.difference import mse
from colorquant.color.histogram import count_labelled
from colorquant.color.rgba import RgbaProjection
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.models import BLOCK_ROWS as SUM_ROWS
from colorquant.fitting.models import Centroids, Fit, sums_by_label, totals_by_label
from colorquant.types import AnyArray, BoolArray, FloatArray, IntArray, UInt8Array


@dataclass(frozen=True, eq=False)
class Labelling:
    """Rows with their labels, (n,) integers from 0 to k - 1.

    A row is a distinct colour of the histogram behind ``weighted``; where the engine labels pixels itself, a row is a
    visible pixel of ``image``, in picture order. ``image`` is None where rows are colours. The first labels are those
    of the ``locked`` colours (l, 3) uint8, whether they have rows or not.
    """

    weighted: WeightedFeatures
    labels: AnyArray
    k: int
    image: CountedImage | None = None
    locked: UInt8Array = field(default_factory=lambda: np.empty((0, 3), np.uint8))

    @classmethod
    def of(cls, weighted: WeightedFeatures, fit: Fit, image: CountedImage | None = None) -> Labelling:
        """The rows that ``fit`` labelled; ``image`` is needed where the engine labels pixels."""
        k = len(fit.model.points)
        if fit.pixel_labels is not None:
            return cls(weighted, fit.pixel_labels, k, image)
        labels = weighted.per_color(fit.labels)
        return cls(weighted, labels, k) if fit.locked is None else cls(weighted, labels, k, locked=fit.locked)

    @cached_property
    def colors(self) -> UInt8Array:
        """The colour of each row, (n, 3) uint8."""
        return self.weighted.histogram.colors if self.image is None else self.image.visible.rgb.reshape(-1, 3)

    @property
    def counts(self) -> AnyArray:
        """How many pixels each row stands for, (n,) of any integer type, so that products need a wider one."""
        return self.weighted.histogram.stored if self.image is None else np.ones(len(self.labels), np.int64)

    @property
    def integer_weights(self) -> AnyArray:
        """The exact weight of each row, (n,) of any integer type, in 1 / ``weight_scale`` of an opaque pixel."""
        histogram = self.weighted.histogram
        if self.image is None:
            return histogram.stored if histogram.alpha is None else histogram.alpha
        alpha = self.image.visible.alpha
        return self.counts if alpha is None else alpha.astype(np.int64)

    @property
    def weights(self) -> FloatArray:
        """The weight of each row, (n,) float64; an opaque pixel weighs 1."""
        weights: FloatArray = self.integer_weights / self.weighted.histogram.weight_scale
        return weights

    @property
    def features(self) -> FloatArray:
        """The features of each row, (n, d) float64."""
        if self.image is None:
            return self.weighted.per_color(self.weighted.features)
        return self.weighted.per_pixel(self.image, np.float64)

    def inertia(self, model: Centroids) -> float:
        """The squared distance of all rows to the centres of their labels, each by its weight; rows are colours."""
        weighted, scale, total = self.weighted, self.weighted.histogram.weight_scale, 0.0
        for rows in weighted.color_pieces(SUM_ROWS):
            weights = weighted.histogram.integer_weights_of(rows) / scale
            total += model.inertia(weighted.features_of(weighted.rows_of_colors(rows)), weights, self.labels[rows])
        return total

    @cached_property
    def sizes(self) -> IntArray:
        """Pixels per label, (k,) int64."""
        return self._totals(self.counts)

    def _totals(self, weights: AnyArray) -> IntArray:
        """The sum of the rows' ``weights`` (n,) per label, (k,) int64, exact."""
        return totals_by_label(self.labels, weights, self.k).astype(np.int64)

    @property
    def _votes_alike(self) -> bool:
        """Whether every row has the same weight in the fit as in all measures."""
        return self.image is not None or self.weighted.histogram.importance is None

    @property
    def fit_weights(self) -> AnyArray:
        """The exact weight of each row in the colour of its label, (n,) integers; those of a label share a unit.

        It is the weight that the row had in the fit. Where all rows of a label had none, each counts its pixels.
        """
        if self._votes_alike:
            return self.integer_weights
        weights = self.weighted.histogram.stored_weights
        without = (self._totals(weights) == 0)[self.labels]
        return np.where(without, self.integer_weights, weights) if without.any() else weights

    @cached_property
    def fit_totals(self) -> IntArray:
        """Fit weight per label, (k,) int64."""
        return self.label_weights if self._votes_alike else self._totals(self.fit_weights)

    @property
    def in_palette(self) -> BoolArray:
        """Which labels the palette has, (k,): those with pixels, and the locked ones."""
        wanted: BoolArray = self.sizes > 0
        wanted[: len(self.locked)] = True
        return wanted

    @cached_property
    def label_weights(self) -> IntArray:
        """Integer weight per label, (k,) int64: the sizes where all pixels are opaque."""
        if self.weighted.histogram.alpha is None:
            return self.sizes
        return self._totals(self.integer_weights)

    @cached_property
    def color_sums(self) -> IntArray:
        """The sum of the colours per label by integer weights, (k, 3) int64: exact, the same on every machine."""
        return sums_by_label(self.labels, self.integer_weights, self.colors.T, self.k).T.astype(np.int64)

    @cached_property
    def fit_color_sums(self) -> IntArray:
        """The sum of the colours per label by fit weights, (k, 3) int64, exact as well."""
        return self.color_sums if self._votes_alike else self.fit_sums(self.colors).astype(np.int64)

    def fit_sums(self, values: FloatArray | UInt8Array) -> FloatArray:
        """The sum of the rows ``values`` (n, c) per label by fit weights, (k, c)."""
        return sums_by_label(self.labels, self.fit_weights, values.T, self.k).T

    @property
    def fit_feature_sums(self) -> FloatArray:
        """The sum of the features per label by fit weights, (k, d); they are computed block by block if not held."""
        weighted, weights = self.weighted, self.fit_weights
        if self.image is not None:
            return self.fit_sums(self.features)
        sums = np.zeros((weighted.bands, self.k))
        for rows in weighted.color_pieces(max(SUM_ROWS, 4 * self.k)):
            values = weighted.features_of(weighted.rows_of_colors(rows))
            sums += sums_by_label(self.labels[rows], weights[rows], values.T, self.k)
        return sums.T

    @property
    def mean_colors(self) -> UInt8Array:
        """The mean colour per label, rounded half up, (k, 3) uint8; black where a label has no members.

        With alpha it is (k, 4) and the nearest to the mean composited colours; see :meth:`RgbaProjection.means`.
        """
        if not self.weighted.histogram.has_alpha:
            return _rounded_means(self.fit_color_sums, self.fit_totals)
        weights, sums, alpha_sums = self.fit_weights, np.zeros((3, self.k)), np.zeros(self.k)
        for rows in blocks(len(weights), max(SUM_ROWS, 4 * self.k)):
            alpha = self.colors[rows, 3] * weights[rows].astype(np.int64)
            sums += sums_by_label(self.labels[rows], alpha, self.colors[rows, :3].T, self.k)
            alpha_sums += np.bincount(self.labels[rows], alpha, minlength=self.k)
        return RgbaProjection.in_space("rgb").means(
            sums.T.astype(np.int64), alpha_sums.astype(np.int64), self.fit_totals
        )

    def mse(self, colors: UInt8Array) -> float:
        """The :func:`colorquant.color.difference.mse` where each label is painted in its row of ``colors`` (k, c)."""
        if self.weighted.histogram.has_alpha:
            return mse(self.colors, taken(colors, self.labels), self.counts)
        return self._squared_error(colors) / max(int(self.label_weights.sum()), 1)

    def _squared_error(self, colors: UInt8Array) -> int:
        """The squared difference of each row's colour and its label's in ``colors`` (k, 3) uint8, a weighted sum.

        It is exact: an integer, from the expanded square, which needs sums per label only.
        """
        weights, squares = self.integer_weights, 0
        for rows in blocks(len(weights)):
            levels = self.colors[rows].astype(np.int64)
            squares += int(np.einsum("ij,ij->i", levels, levels) @ weights[rows])
        painted = colors.astype(np.int64)
        cross, own = int((painted * self.color_sums).sum()), int((painted**2).sum(axis=1) @ self.label_weights)
        return squares - 2 * cross + own

    def member_colors(self) -> tuple[UInt8Array, AnyArray, AnyArray]:
        """The distinct pairs of a colour and its label: colours (m, 3) uint8, labels (m,), fit weights (m,)."""
        if self.image is None:
            return self.colors, self.labels, self.fit_weights
        if self.image.visible.alpha is None:
            return count_labelled(self.colors, self.labels)
        pairs, row = np.unique(np.column_stack([self.colors, self.labels]), axis=0, return_inverse=True)
        weights = np.bincount(row.reshape(-1), self.integer_weights).astype(np.int64)
        return pairs[:, :3].astype(np.uint8), pairs[:, 3], weights

    def member_features(self) -> tuple[IntArray | None, AnyArray, AnyArray]:
        """The distinct pairs of a row of the features and its label: rows (m,), labels (m,), fit weights (m,).

        The rows are None where they are all rows, in their order.
        """
        weighted = self.weighted
        if self.image is None:  # colours that share a row share its label
            if weighted.index is None:
                return None, self.labels, self.fit_weights
            labels = np.zeros(len(weighted), self.labels.dtype)
            for part in blocks(len(self.labels)):
                labels[weighted.index[part]] = self.labels[part]
            if self._votes_alike and weighted.own_weights is not None and weighted.own_weights.dtype != np.float64:
                return None, labels, weighted.own_weights
            weights, summed = self.fit_weights, np.zeros(len(weighted), np.int64)
            for part in blocks(len(self.labels)):
                np.add.at(summed, weighted.index[part], weights[part])
            return None, labels, summed
        per_color = np.arange(len(weighted.histogram)) if weighted.index is None else weighted.index
        rows: IntArray = self.image.of_visible(self.image.spread(per_color)).astype(np.int64)
        pairs, inverse = np.unique(rows * self.k + self.labels, return_inverse=True)
        return pairs // self.k, pairs % self.k, np.bincount(inverse, self.fit_weights).astype(np.int64)


def _rounded_means(sums: IntArray, weights: IntArray) -> UInt8Array:
    """``sums`` (k, c) divided by ``weights`` (k,), rounded half up, (k, c) uint8; 0 where there is no weight."""
    weights = np.maximum(weights, 1)[:, None]
    means: UInt8Array = ((2 * sums + weights) // (2 * weights)).astype(np.uint8)
    return means


def _wide(weights: AnyArray) -> AnyArray:
    """The weights as numbers that may be doubled and negated: integers of 64 bits, or what else they were."""
    return weights.astype(np.int64, copy=False) if weights.dtype.kind in "iu" else weights


def majority_rows(labels: AnyArray, weights: AnyArray, totals: AnyArray) -> tuple[AnyArray, IntArray]:
    """The rows that hold more than half of their label's weight: their labels (j,), and their positions (j,).

    ``labels`` (m,) with ``weights`` (m,) are 0 to k - 1; ``totals`` (k,) is the weight of each.
    """
    positions = [
        rows.start + np.flatnonzero(2 * _wide(weights[rows]) > totals[labels[rows]]) for rows in blocks(len(labels))
    ]
    rows_found: IntArray = np.concatenate(positions) if positions else np.empty(0, np.int64)
    return labels[rows_found], rows_found


def heaviest_rows(labels: AnyArray, weights: AnyArray) -> tuple[AnyArray, IntArray]:
    """The heaviest row of each label that has one: the labels (j,), and the positions (j,) of the rows.

    ``labels`` (m,) with ``weights`` (m,). The first of equally heavy rows is taken.
    """
    positions = [np.empty(0, np.int64)]
    for rows in blocks(len(labels)):
        positions.append(rows.start + _heaviest(labels[rows], weights[rows]))
    candidates = np.concatenate(positions)
    found = candidates[_heaviest(labels[candidates], weights[candidates])]
    return labels[found], found


def _heaviest(labels: AnyArray, weights: AnyArray) -> IntArray:
    """The positions (j,) of the heaviest of the rows of each label, the first of equals, by ascending label."""
    order = np.lexsort((-_wide(weights), labels))
    _, first = np.unique(labels[order], return_index=True)
    heaviest: IntArray = order[first]
    return heaviest
