"""The weighted features that engines fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from colorquant.color.histogram import ColorHistogram, Voters
from colorquant.color.packing import morton_codes, morton_order
from colorquant.color.spaces import Projection
from colorquant.types import AnyArray, FloatArray, IntArray, UInt8Array, UInt32Array

Real = TypeVar("Real", np.float32, np.float64)


@dataclass(frozen=True)
class Samples:
    """What an engine fits: the histogram's colours as features.

    ``features`` (m, d) float64 are distinct, ``weights`` (m,) float64 their pixels, a partly transparent one counting
    as its alpha / 255. ``index`` (n,) gives each colour of ``histogram`` its row where several share one (gray,
    chroma); None where each has its own. Rows stand in Morton order: near rows are near in space. ``rgb`` (…, 3) uint8
    are the pixels in picture order, ``alpha`` (pixels,) uint8 theirs, None where all are opaque.
    """

    histogram: ColorHistogram
    projection: Projection
    features: FloatArray
    weights: FloatArray
    index: IntArray | None
    rgb: UInt8Array
    alpha: UInt8Array | None = None

    @classmethod
    def of(cls, histogram: ColorHistogram, projection: Projection, voters: Voters, *, merge: bool = True) -> Samples:
        """The samples of ``voters`` whose colours are counted in ``histogram``.

        Without ``merge`` colours that share their features stay apart.
        """
        features = projection.features(histogram.colors)
        votes, whole = histogram.votes.astype(np.float64), histogram.whole
        if projection.injective or not merge:
            return cls(histogram, projection, features, votes / whole, None, voters.rgb, voters.alpha)
        _, first, index = np.unique(_feature_keys(features, projection), return_index=True, return_inverse=True)
        features = features[first]
        order = morton_order(morton_codes(_grid(features)))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        index = rank[index]
        weights = np.bincount(index, votes).astype(np.float64) / whole
        return cls(histogram, projection, features[order], weights, index, voters.rgb, voters.alpha)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def codes(self) -> UInt32Array:
        """The Morton codes (m,) of the rows, ascending."""
        return morton_codes(self.histogram.colors if self.index is None else _grid(self.features))

    @property
    def columns(self) -> FloatArray:
        """The features by band, (d, m), contiguous: no copy, as the features lie in memory so."""
        return np.ascontiguousarray(self.features.T)

    def per_pixel(self, dtype: type[Real]) -> npt.NDArray[Real]:
        """The features of every pixel in picture order, (pixels, d), for engines that take no weights."""
        rows = np.arange(len(self), dtype=np.int32) if self.index is None else self.index.astype(np.int32)
        return self.features.astype(dtype)[self.histogram.spread(rows, self.rgb.reshape(1, -1, 3)).reshape(-1)]

    def per_color(self, values: AnyArray) -> AnyArray:
        """``values`` (m, …) of the rows as values of the histogram's colours, (n, …)."""
        return values if self.index is None else values[self.index]


def _grid(features: FloatArray) -> UInt8Array:
    """The place of each row of features (m, d) on a grid of 256 steps along the widest band, (m, d) uint8."""
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
