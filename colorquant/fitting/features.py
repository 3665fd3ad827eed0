"""The weighted features that engines fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.color.packing import morton_codes, morton_order
from colorquant.color.rgba import RgbaProjection, on_gray
from colorquant.color.spaces import Projection
from colorquant.fitting.options import FitOptions
from colorquant.fitting.protection import protected
from colorquant.types import AnyArray, BoolArray, FloatArray, IntArray, UInt8Array, UInt32Array

Real = TypeVar("Real", np.float32, np.float64)


def projection_of(options: FitOptions) -> Projection:
    """The features that a fit with ``options`` clusters; ``options.alpha`` must be resolved for the image.

    Raises OptionError for a space that is unknown, or whose lightness cannot be kept.
    """
    if options.alpha == "palette":
        return RgbaProjection.in_space(options.space)
    return Projection.of(options.space, options.keep_luma)


def counted_for(image: CountedImage, options: FitOptions) -> CountedImage:
    """The image with the histogram that a fit with ``options`` needs: with alpha for a palette over RGBA."""
    return image.with_alpha if options.alpha == "palette" else image


@dataclass(frozen=True, eq=False)
class WeightedFeatures:
    """The input of an engine: the colours of a histogram as features, without any pixels.

    ``features`` (m, d) float64 are distinct, in the units of the space; ``weights`` (m,) float64 are their pixel
    counts, in which a partly transparent pixel counts as its alpha / 255, and its importance / 255 likewise. ``index``
    (n,) gives the row of each colour of ``histogram`` where several colours share one (gray, chroma); None where each
    has its own. The rows are in Morton order, so that near rows are near in space.
    """

    histogram: ColorHistogram
    projection: Projection
    features: FloatArray
    weights: FloatArray
    index: IntArray | None

    @classmethod
    def of(
        cls, histogram: ColorHistogram, projection: Projection, *, merge: bool = True, protect: str | None = None
    ) -> WeightedFeatures:
        """The features of the histogram's colours; without ``merge`` colours that share their features stay apart.

        With ``protect``, one of PROTECTIONS, the weights are those of :func:`protected`.
        """
        features = projection.features(histogram.colors)
        weights, scale = histogram.fit_weights.astype(np.float64), histogram.fit_scale
        if protect is not None:
            colors = on_gray(histogram.colors) if histogram.has_alpha else histogram.colors
            weights = protected(colors, weights)
        if projection.injective or not merge:
            return cls(histogram, projection, features, weights / scale, None)
        _, first, index = np.unique(_feature_keys(features, projection), return_index=True, return_inverse=True)
        features = features[first]
        order = morton_order(morton_codes(_grid(features)))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        index = rank[index]
        merged = np.bincount(index, weights).astype(np.float64) / scale
        return cls(histogram, projection, features[order], merged, index)

    def in_cells(self, most: int) -> WeightedFeatures:
        """The same colours with one row for each cell of 2 × 2 × 2 levels that has any: the mean of their features.

        Where these are more than ``most`` cells, they are of 4 × 4 × 4 levels, and so on. Rows that are not more than
        ``most`` stay as they are, and so do those of colours with alpha, and rows that colours share already.
        """
        if len(self) <= most or self.index is not None or self.histogram.has_alpha:
            return self
        codes, shift = self.histogram.codes, np.uint32(0)
        first = np.ones(len(codes), np.bool_)
        while np.count_nonzero(first) > most:
            shift += np.uint32(3)
            cells = codes >> shift
            np.not_equal(cells[1:], cells[:-1], out=first[1:])
        index, starts = np.cumsum(first) - 1, np.flatnonzero(first)
        weights = np.add.reduceat(self.weights, starts)
        heavy = np.maximum(weights, np.finfo(np.float64).tiny)
        bands = [np.add.reduceat(band * self.weights, starts) / heavy for band in self.features.T]
        features = np.stack(bands).T
        order = morton_order(morton_codes(_grid(features)))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return WeightedFeatures(self.histogram, self.projection, features[order], weights[order], rank[index])

    def __len__(self) -> int:
        return len(self.features)

    @property
    def codes(self) -> UInt32Array:
        """The Morton codes (m,) of the rows, ascending."""
        return self.histogram.codes if self.index is None else morton_codes(_grid(self.features))

    @property
    def code_bands(self) -> int:
        """The number of bands that :attr:`codes` interleave."""
        return 4 if self.histogram.has_alpha else 3

    @property
    def columns(self) -> FloatArray:
        """The features by band, (d, m), contiguous; usually not a copy, since features are stored band by band."""
        return np.ascontiguousarray(self.features.T)

    @property
    def weighty(self) -> BoolArray:
        """Which rows (m,) have any weight: not those of pixels without importance."""
        weighty: BoolArray = self.weights > 0
        return weighty

    def rows(self, chosen: BoolArray) -> WeightedFeatures:
        """The features of the ``chosen`` rows (m,), with the histogram of their colours."""
        whole, index = self.histogram, self.index
        colors = chosen if index is None else chosen[index]
        alpha, importance = (None if part is None else part[colors] for part in (whole.alpha, whole.importance))
        histogram = ColorHistogram(whole.colors[colors], whole.counts[colors], alpha, importance)
        renumbered = None if index is None else (np.cumsum(chosen) - 1)[index[colors]]
        return WeightedFeatures(histogram, self.projection, self.features[chosen], self.weights[chosen], renumbered)

    def per_pixel(self, image: CountedImage, dtype: type[Real]) -> npt.NDArray[Real]:
        """The features of every visible pixel of ``image`` in picture order, (pixels, d).

        This is for engines that take no weights. ``histogram`` must be that of the image.
        """
        rows = np.arange(len(self), dtype=np.int32) if self.index is None else self.index.astype(np.int32)
        spread = self.histogram.spread(rows, image.visible.rgb.reshape(1, -1, 3))
        return self.features.astype(dtype)[spread.reshape(-1)]

    def per_color(self, values: AnyArray) -> AnyArray:
        """``values`` (m, …) of the rows as values of the histogram's colours, (n, …)."""
        return values if self.index is None else values[self.index]


def _grid(features: FloatArray) -> UInt8Array:
    """The cell of each row of features (m, d) in a grid of 256 steps along the widest band, (m, d) uint8."""
    low = features.min(axis=0, initial=np.inf)
    width = float(np.max(features.max(axis=0, initial=-np.inf) - low)) or 1.0
    return np.asarray((features - low) * (255 / width)).astype(np.uint8)


def _feature_keys(features: FloatArray, projection: Projection) -> IntArray:
    """One int64 (n,) per row of ``features`` (n, d), equal where the rows are: to 2^-20 of a level for float spaces."""
    scale = 1.0 if projection.space.level == 1 else 2**20 / projection.space.level
    shift = 62 // features.shape[1]
    keys = np.zeros(len(features), np.int64)
    for band in np.rint(features * scale).astype(np.int64).T:
        keys = (keys << shift) + band
    return keys
