"""The weighted features that engines fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from colorquant.blocks import BLOCK, blocks, picked, taken
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.color.packing import morton_codes, morton_order
from colorquant.color.rgba import RgbaProjection, on_gray
from colorquant.color.spaces import Projection
from colorquant.color.strip_counting import smallest_type
from colorquant.fitting.merging import Grid, merged
from colorquant.fitting.models import Centroids, GaussianMixture
from colorquant.fitting.options import FitOptions
from colorquant.fitting.protection import protected
from colorquant.types import AnyArray, BoolArray, FloatArray, Int32Array, LabelArray, UInt8Array, UInt32Array

HELD_ALWAYS, HELD_MOST = 24 << 20, 96 << 20  # bytes of features that are kept: in any case, and with many pixels
HELD_PIECE = 1 << 20  # rows at a time, where features are held

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

    The m rows are distinct features (d,) float64, in the units of the space, with the weight of each: its pixel count,
    in which a partly transparent pixel counts as its alpha / 255, and its importance / 255 likewise. ``index`` (n,)
    gives the row of each colour of ``histogram`` where several colours share one (gray, chroma); None where each has
    its own. The rows are in Morton order, so that near rows are near in space.

    Features take 24 bytes a row, and so they are kept, in ``held`` (m, d), only where that is little beside the image.
    Elsewhere ``held`` is None, and they are computed from ``colors`` (m, 3 or 4) uint8, one for each row, block by
    block, whenever they are needed. ``own_weights`` (m,) are the weights in units of 1 / ``fit_scale`` of the
    histogram; None where they are those of its colours.
    """

    histogram: ColorHistogram
    projection: Projection
    colors: UInt8Array
    held: FloatArray | None
    own_weights: AnyArray | None = None
    index: AnyArray | None = None

    @classmethod
    def of(
        cls, histogram: ColorHistogram, projection: Projection, *, merge: bool = True, protect: str | None = None
    ) -> WeightedFeatures:
        """The features of the histogram's colours; without ``merge`` colours that share their features stay apart.

        With ``protect``, one of PROTECTIONS, the weights are those of :func:`protected`.
        """
        weights = None
        if protect is not None:
            colors = on_gray(histogram.colors) if histogram.has_alpha else histogram.colors
            weights = protected(colors, histogram.fit_weights.astype(np.float64))
        colors, index = histogram.colors, None
        if not projection.injective and merge:
            rows = merged(colors, histogram.stored_weights if weights is None else weights, projection)
            colors, weights, index = rows.colors, rows.weights, rows.index
        return cls(histogram, projection, colors, _held(colors, projection, histogram.pixels), weights, index)

    @property
    def features(self) -> FloatArray:
        """The features of all rows, (m, d)."""
        return _features(self.colors, self.projection) if self.held is None else self.held

    @property
    def weights(self) -> FloatArray:
        """The weights of all rows, (m,)."""
        return self.weights_of(slice(None))

    @cached_property
    def total(self) -> float:
        """The sum of the weights."""
        weights = self._stored_weights
        total = float(weights.sum()) if weights.dtype == np.float64 else int(weights.sum(dtype=np.int64))
        return total / self.histogram.fit_scale

    @property
    def _stored_weights(self) -> AnyArray:
        return self.histogram.stored_weights if self.own_weights is None else self.own_weights

    @property
    def bands(self) -> int:
        """The number d of features."""
        return len(self.projection.bands)

    def features_of(self, rows: slice | AnyArray) -> FloatArray:
        """The features of some ``rows``, a slice or their numbers, (…, d)."""
        return self.projection.features(self.colors[rows]) if self.held is None else self.held[rows]

    def weights_of(self, rows: slice | AnyArray) -> FloatArray:
        """The weights of some ``rows``, (…,)."""
        weights: FloatArray = np.divide(self._stored_weights[rows], self.histogram.fit_scale, dtype=np.float64)
        return weights

    def pieces(self) -> Iterator[slice]:
        """Slices of rows whose features are in memory at a time: many where they are held anyway."""
        return blocks(len(self), BLOCK if self.held is None else HELD_PIECE)

    def color_pieces(self, step: int) -> Iterator[slice]:
        """Slices of at most ``step`` of the histogram's colours."""
        return blocks(len(self.histogram), step)

    def rows_of_colors(self, colors: slice) -> slice | AnyArray:
        """The rows of a slice of the histogram's colours."""
        return colors if self.index is None else self.index[colors]

    def label(self, labels_of: Callable[[FloatArray], Int32Array]) -> LabelArray:
        """The labels (m,) that ``labels_of`` gives to features (…, d), in the smallest type that holds them."""
        labels: LabelArray = np.empty(len(self), np.uint8)
        for rows in self.pieces():
            found = labels_of(self.features_of(rows))
            wanted = smallest_type(int(found.max(initial=0)))
            if wanted.itemsize > labels.itemsize:
                labels = labels.astype(wanted)
            labels[rows] = found
        return labels

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
        row_weights = self._stored_weights.astype(np.float64)
        weights = np.add.reduceat(row_weights, starts)
        heavy = np.maximum(weights, np.finfo(np.float64).tiny)
        bands = [np.add.reduceat(band * row_weights, starts) / heavy for band in self.features.T]
        features = np.stack(bands).T
        order = morton_order(morton_codes(_grid(features)))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        colors = self.colors[starts[order]]
        return WeightedFeatures(self.histogram, self.projection, colors, features[order], weights[order], rank[index])

    def __len__(self) -> int:
        return len(self.colors)

    @property
    def codes(self) -> UInt32Array:
        """The Morton codes (m,) of the rows, ascending."""
        if self.index is None:
            return self.histogram.codes
        if self.held is not None:
            return morton_codes(_grid(self.held))
        grid, codes = Grid.around(self.colors, self.projection), np.empty(len(self), np.uint32)
        for rows in self.pieces():
            codes[rows] = grid.codes(self.features_of(rows))
        return codes

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
        weighty: BoolArray = self._stored_weights > 0
        return weighty

    def rows(self, chosen: BoolArray) -> WeightedFeatures:
        """The features of the ``chosen`` rows (m,), with the histogram of their colours."""
        whole, index = self.histogram, self.index
        marks = chosen if index is None else chosen[index]
        alpha, importance = (None if part is None else picked(part, marks) for part in (whole.alpha, whole.importance))
        histogram = ColorHistogram(picked(whole.colors, marks), picked(whole.stored, marks), alpha, importance)
        held, weights = (None if part is None else part[chosen] for part in (self.held, self.own_weights))
        if index is None:
            return WeightedFeatures(histogram, self.projection, histogram.colors, held, weights)
        renumbered = (np.cumsum(chosen) - 1)[index[marks]]
        return WeightedFeatures(histogram, self.projection, self.colors[chosen], held, weights, renumbered)

    def mean(self, values_of: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """The weighted mean over all rows of the values (…, c) that ``values_of`` gives to features (…, d), (c,)."""
        parts = [
            np.multiply(values_of(self.features_of(rows)), self.weights_of(rows)[:, None]).sum(axis=0)
            for rows in self.pieces()
        ]
        mean: FloatArray = sum(parts[1:], parts[0]) / self.total
        return mean

    def inertia(self, model: Centroids, labels: AnyArray) -> float:
        """The weighted sum of squared distances of the rows to the centres that ``labels`` (m,) name."""
        pieces = self.pieces()
        return sum(model.inertia(self.features_of(rows), self.weights_of(rows), labels[rows]) for rows in pieces)

    def log_likelihood(self, model: GaussianMixture) -> float:
        """The weighted mean of log p(x) over the rows."""
        pieces = self.pieces()
        return sum(model.summed(self.features_of(rows), self.weights_of(rows)) for rows in pieces) / self.total

    def per_pixel(self, image: CountedImage, dtype: type[Real]) -> npt.NDArray[Real]:
        """The features of every visible pixel of ``image`` in picture order, (pixels, d).

        This is for engines that take no weights. ``histogram`` must be that of the image.
        """
        rows = np.arange(len(self), dtype=np.int32) if self.index is None else self.index.astype(np.int32)
        spread = self.histogram.spread(rows, image.visible.rgb.reshape(1, -1, 3))
        return self.features.astype(dtype)[spread.reshape(-1)]

    def per_color(self, values: AnyArray) -> AnyArray:
        """``values`` (m, …) of the rows as values of the histogram's colours, (n, …)."""
        return values if self.index is None else taken(values, self.index)


def _features(colors: UInt8Array, projection: Projection) -> FloatArray:
    """The features (m, d) of colours (m, c) uint8, stored band by band; the temporaries are those of a block."""
    features = np.empty((len(projection.bands), len(colors)))
    for rows in blocks(len(colors)):
        features[:, rows] = projection.features(colors[rows]).T
    return features.T


def _held(colors: UInt8Array, projection: Projection, pixels: int) -> FloatArray | None:
    """The features of colours (m, c) uint8; None where they would take too much memory beside that many ``pixels``."""
    size = len(colors) * len(projection.bands) * np.dtype(np.float64).itemsize
    return _features(colors, projection) if size <= min(HELD_ALWAYS + 3 * pixels, HELD_MOST) else None


def _grid(features: FloatArray) -> UInt8Array:
    """The cell of each row of features (m, d) in a grid of 256 steps along the widest band, (m, d) uint8."""
    low = features.min(axis=0, initial=np.inf)
    width = float(np.max(features.max(axis=0, initial=-np.inf) - low)) or 1.0
    return np.asarray((features - low) * (255 / width)).astype(np.uint8)
