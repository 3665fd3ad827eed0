"""Painting: labels become a palette, and the palette goes back over the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from colorquant.blocks import blocks
from colorquant.color.difference import mse
from colorquant.color.histogram import count_distinct
from colorquant.color.packing import pack, unpack
from colorquant.color.spaces import Projection
from colorquant.fitting.features import Samples
from colorquant.fitting.models import Centroids, Fit, Model, sums_by_label
from colorquant.types import BoolArray, FloatArray, IntArray, UInt8Array

PAINTS = {
    "members": "the mean RGB of the label's pixels, rounded: the least MSE that these labels allow",
    "centers": "the model's own centre or mean, converted back to RGB",
}


@dataclass(frozen=True)
class Labelling:
    """Rows with their labels, (n,) int64 from 0 to k - 1: the distinct colours, or with ``by_pixel`` every pixel."""

    samples: Samples
    labels: IntArray
    k: int
    by_pixel: bool

    @classmethod
    def of(cls, samples: Samples, fit: Fit) -> Labelling:
        """The rows that ``fit`` labelled: pixels where the engine labels them itself."""
        k = len(fit.model.points)
        if fit.pixel_labels is not None:
            return cls(samples, fit.pixel_labels.astype(np.int64), k, by_pixel=True)
        return cls(samples, samples.per_color(fit.labels).astype(np.int64), k, by_pixel=False)

    @cached_property
    def colors(self) -> UInt8Array:
        """The colour of each row, (n, 3) uint8."""
        return self.samples.rgb.reshape(-1, 3) if self.by_pixel else self.samples.histogram.colors

    @cached_property
    def counts(self) -> IntArray:
        """How many pixels each row stands for, (n,) int64."""
        return np.ones(len(self.labels), np.int64) if self.by_pixel else self.samples.histogram.counts

    @cached_property
    def votes(self) -> IntArray:
        """What each row weighs, (n,) int64, in units of which an opaque pixel has ``samples.histogram.whole``."""
        if not self.by_pixel:
            return self.samples.histogram.votes
        return self.counts if self.samples.alpha is None else self.samples.alpha.astype(np.int64)

    @property
    def weights(self) -> FloatArray:
        """What each row weighs, (n,) float64, in pixels."""
        weights: FloatArray = self.votes / self.samples.histogram.whole
        return weights

    @cached_property
    def features(self) -> FloatArray:
        """The features of each row, (n, d) float64."""
        return self.samples.per_pixel(np.float64) if self.by_pixel else self.samples.per_color(self.samples.features)

    @cached_property
    def sizes(self) -> IntArray:
        """Pixels per label, (k,) int64."""
        return np.bincount(self.labels, self.counts, minlength=self.k).astype(np.int64)

    @cached_property
    def label_votes(self) -> IntArray:
        """Votes per label, (k,) int64: the sizes where all pixels are opaque."""
        if self.samples.alpha is None:
            return self.sizes
        return np.bincount(self.labels, self.votes, minlength=self.k).astype(np.int64)

    @cached_property
    def color_sums(self) -> IntArray:
        """The sum over votes of the colours per label, (k, 3) int64: exact, the same on every machine."""
        return self.sums(self.colors).astype(np.int64)

    def sums(self, values: FloatArray | UInt8Array) -> FloatArray:
        """The sum over votes of the rows ``values`` (n, c) per label, (k, c)."""
        return sums_by_label(self.labels, self.votes, values.T, self.k).T

    def squared_error(self, palette: UInt8Array) -> int:
        """Sum over votes and channels of (colour - its label's in ``palette`` (k, 3))², multiplied out: exact."""
        squares = sum(int((column.astype(np.int64) ** 2) @ self.votes) for column in self.colors.T)
        painted = palette.astype(np.int64)
        cross, own = int((painted * self.color_sums).sum()), int((painted**2).sum(axis=1) @ self.label_votes)
        return squares - 2 * cross + own


def mean_colors(labelling: Labelling) -> UInt8Array:
    """The mean RGB of each label's votes, rounded half up, (k, 3) uint8; black where a label has none."""
    votes = np.maximum(labelling.label_votes, 1)[:, None]
    rounded: IntArray = (2 * labelling.color_sums + votes) // (2 * votes)
    return rounded.astype(np.uint8)


def paint_points(labelling: Labelling, model: Model, paint: str) -> FloatArray:
    """The features (k, d) with which each label is painted: its members' mean, or the model's own point."""
    points = model.points
    if paint == "centers":
        return points
    votes = labelling.label_votes[:, None]
    return np.where(votes > 0, labelling.sums(labelling.features) / np.maximum(votes, 1), points)


def paint_palette(labelling: Labelling, model: Model, projection: Projection, paint: str) -> UInt8Array:
    """The colour (k, 3) uint8 of each label where one colour stands for it (that is, without ``keep_luma``)."""
    if paint == "members" and projection.lossless:
        return mean_colors(labelling)
    return projection.to_rgb(paint_points(labelling, model, paint))


def distinct_palette(palette: UInt8Array, labelling: Labelling) -> UInt8Array:
    """A palette without repetition: of labels that share a colour, all but the largest take a member's own colour.

    The member nearest to the shared colour is taken. Members of different labels differ, so this ends.
    """
    clashing = _clashing(palette, labelling.sizes, settled := np.zeros(len(palette), np.bool_))
    if not len(clashing):
        return palette
    palette = palette.copy()
    by_label = labelling.colors[np.argsort(labelling.labels, kind="stable")]
    ends = np.cumsum(np.bincount(labelling.labels, minlength=len(palette)))
    while len(clashing):
        for label in clashing:
            members = by_label[ends[label - 1] if label else 0 : ends[label]]
            distance = ((members.astype(np.int64) - palette[label]) ** 2).sum(axis=1)
            palette[label] = members[np.argmin(distance)]
        settled[clashing] = True
        clashing = _clashing(palette, labelling.sizes, settled)
    return palette


def _clashing(palette: UInt8Array, sizes: IntArray, settled: BoolArray) -> IntArray:
    """Labels with members whose colour belongs to a settled label, or else to a larger one."""
    keys = pack(palette)
    order = np.lexsort((-sizes, ~settled, keys))
    order = order[sizes[order] > 0]
    repeated: IntArray = order[1:][keys[order[1:]] == keys[order[:-1]]]
    return repeated[~settled[repeated]]


def keep_luma(labelling: Labelling, points: FloatArray, projection: Projection) -> UInt8Array:
    """Each row's own lightness with the chroma of its label in ``points`` (k, d): colours (n, 3) uint8."""
    out = np.empty_like(labelling.colors)
    for rows in blocks(len(out)):
        out[rows] = projection.to_rgb(points[labelling.labels[rows]], labelling.colors[rows])
    return out


def label_order(sizes: IntArray, colors: UInt8Array) -> IntArray:
    """The fixed order of labels: by falling pixel count, ties by colour (r, then g, then b)."""
    return np.lexsort((pack(colors), -sizes))


def label_type(labels: int) -> npt.DTypeLike:
    """The smallest type for label maps with this many different values."""
    return np.uint8 if labels <= 256 else np.uint16 if labels <= 65536 else np.int32


def ranked(sizes: IntArray, palette: UInt8Array, *, hidden: bool) -> tuple[IntArray, int, npt.NDArray[Any]]:
    """The :func:`label_order` (k,), how many of the labels are used, and the new number (k,) of each.

    Unused labels come last, and share a number. With ``hidden`` the numbers' type has room for one more label.
    """
    order = label_order(sizes, palette)
    used = int(np.count_nonzero(sizes))
    rank = np.empty(len(order), label_type(used + hidden))
    rank[order] = np.minimum(np.arange(len(order)), used)
    return order, used, rank


@dataclass(frozen=True)
class Painted:
    """A painted picture.

    ``labels`` (h, w) number the rows of ``palette`` (p, 3) uint8, which stand for ``counts`` (p,) pixels; pixels
    without a vote have the label p. ``pixels`` (h, w, 3) uint8 where every pixel keeps its own lightness, else None:
    the palette tells it. ``model`` has its clusters in the order of the labels, those without pixels last: ``order``
    (k,) names what the engine called them. ``mse`` sums over the channels, and weighs each pixel by its alpha;
    ``colors_out`` counts distinct colours.
    """

    labels: npt.NDArray[Any]
    palette: UInt8Array
    counts: IntArray
    pixels: UInt8Array | None
    model: Model
    order: IntArray
    mse: float
    colors_out: int


def paint(rgb: UInt8Array, visible: BoolArray | None, labelling: Labelling, model: Model, how: str) -> Painted:
    """Order the labels, give each its colour, and spread both over ``rgb`` (h, w, 3) uint8.

    ``visible`` (h, w) marks the pixels that have a vote, None for all; ``how`` is a key of PAINTS.
    """
    projection, pixels = labelling.samples.projection, None
    if projection.keep_luma:
        palette = mean_colors(labelling)
        colors = keep_luma(labelling, paint_points(labelling, model, how), projection)
        error, colors_out = mse(labelling.colors, colors, labelling.votes), count_distinct(colors)
        pixels = unpack(_spread(pack(colors), labelling, rgb, visible, 0).reshape(-1)).reshape(rgb.shape)
    else:
        palette = paint_palette(labelling, model, projection, how)
        if isinstance(model, Centroids) and projection.injective and not labelling.by_pixel:
            palette = distinct_palette(palette, labelling)
        error = labelling.squared_error(palette) / max(int(labelling.label_votes.sum()), 1)
        colors_out = count_distinct(palette[labelling.sizes > 0])
    order, used, rank = ranked(labelling.sizes, palette, hidden=visible is not None)
    palette, counts = palette[order[:used]], labelling.sizes[order[:used]]
    labels = _spread(rank[labelling.labels], labelling, rgb, visible, used)
    return Painted(labels, palette, counts, pixels, model.reordered(order), order, error, colors_out)


def _spread(
    values: npt.NDArray[Any], labelling: Labelling, rgb: UInt8Array, visible: BoolArray | None, hidden: int
) -> npt.NDArray[Any]:
    """One of ``values`` (n,) for each pixel, (h, w): by its colour or its place; ``hidden`` where not ``visible``."""
    if not labelling.by_pixel:
        spread = labelling.samples.histogram.spread(values, rgb)
    else:
        spread = np.empty(rgb.shape[:2], values.dtype)
        spread[np.ones(rgb.shape[:2], np.bool_) if visible is None else visible] = values
    if visible is not None:
        spread[~visible] = hidden
    return spread
