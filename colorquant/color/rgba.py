"""Colours with alpha: their error over several backgrounds, and the features in which it is a Euclidean distance.

Rows are (n, 4) uint8: red, green, blue and alpha, not premultiplied. A fully transparent row is (0, 0, 0, 0).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.spaces import SPACES, Projection, to_uint8
from colorquant.types import FloatArray, IntArray, UInt8Array

OPAQUE = 255
BACKGROUNDS = (0, 128, 255)  # black, mid-gray and white: the gray levels on which errors are measured
COMPOSITED_SCALE = len(BACKGROUNDS) * OPAQUE**2  # of a sum of squares over the columns of composited_levels()
RGBA_SPACES = ("rgb", "lab", "oklab")  # those in which no two colours share their features
_ALPHA_CELLS = np.rint(np.arange(256) * np.sqrt(3) * np.std(BACKGROUNDS) / OPAQUE).astype(np.uint8)


def composited_levels(colors: UInt8Array) -> Iterator[IntArray]:
    """Composite rows (n, 4) onto each of BACKGROUNDS: a column (n,) for each background and channel.

    The columns are 255 times the levels, and exact.
    """
    alpha = colors[:, 3].astype(np.int64)
    for background in BACKGROUNDS:
        under = (OPAQUE - alpha) * background
        for band in colors[:, :3].T:
            yield alpha * band + under


def on_gray(colors: UInt8Array) -> UInt8Array:
    """Composite rows (n, 4) onto mid-gray, (n, 3) uint8, rounded: the colour that stands for each where one must."""
    alpha = colors[:, 3:].astype(np.uint16)
    return ((alpha * colors[:, :3] + (OPAQUE - alpha) * 128 + 127) // OPAQUE).astype(np.uint8)


def rgba_grid(colors: UInt8Array) -> UInt8Array:
    """The cell of each row (n, 4) in a grid whose cells are near where rows look alike, (n, 4) uint8.

    It is about the features in RGB: the colour on mid-gray, and alpha on the same scale.
    """
    grid = np.empty((len(colors), 4), np.uint8)
    for rows in blocks(len(colors)):
        grid[rows, :3] = on_gray(colors[rows])
        grid[rows, 3] = _ALPHA_CELLS[colors[rows, 3]]
    return grid


@dataclass(frozen=True)
class RgbaProjection(Projection):
    """The features of colours with alpha: the bands of a space, and one of alpha.

    With alpha α from 0 to 1 and the coordinates b of a background, c those of a colour, the features are
    αc + (1 - α)·mean(b) in each band, and α·√(sum over the bands of var(b)); mean and variance are those of
    BACKGROUNDS. Their squared Euclidean distance is the squared difference of the composited colours, averaged over
    the backgrounds: c - b enters it linearly, and the square of a mean and a variance add up to the mean square.
    """

    @classmethod
    def in_space(cls, name: str) -> RgbaProjection:
        """The projection in the space called ``name``, one of RGBA_SPACES."""
        return cls(SPACES[name], keep_luma=False)

    @property
    def bands(self) -> tuple[str, ...]:
        """The names of the bands, those of the space and alpha."""
        return (*self.space.bands, "alpha")

    @property
    def _backgrounds(self) -> tuple[FloatArray, float]:
        """The mean (d,) of the backgrounds' coordinates, and the root of the sum of their variances."""
        grays = self.space.forward(np.repeat(np.array(BACKGROUNDS, np.uint8)[:, None], 3, axis=1))
        return grays.mean(axis=0), float(np.sqrt(grays.var(axis=0).sum()))

    def features(self, colors: UInt8Array) -> FloatArray:
        """Rows (n, 4) uint8 as features (n, d + 1) float64."""
        mean, deviation = self._backgrounds
        alpha = colors[:, 3] / OPAQUE
        bands = self.space.forward(colors[:, :3]).T
        features = np.empty((len(bands) + 1, len(colors)))
        for feature, band, background in zip(features, bands, mean, strict=False):
            feature[:] = background + alpha * (band - background)
        features[-1] = alpha * deviation
        return features.T

    def to_rgb(self, features: FloatArray, colors: UInt8Array | None = None) -> UInt8Array:
        """Features (n, d + 1) as rows (n, 4) uint8, clipped to the gamut; ``colors`` is not used.

        Alpha is rounded up or down, whichever lets a colour come nearer to the features; below half a level it is 0.
        """
        alpha = np.clip(features[:, -1] / self._backgrounds[1], 0, 1) * OPAQUE
        alpha[alpha < 0.5] = 0
        down, up = (self._with_alpha(features, rounded) for rounded in (np.floor(alpha), np.ceil(alpha)))
        errors = [np.square(self.features(rows) - features).sum(axis=1) for rows in (down, up)]
        return np.where((errors[0] <= errors[1])[:, None], down, up)

    def _with_alpha(self, features: FloatArray, alpha: FloatArray) -> UInt8Array:
        """The rows (n, 4) uint8 with ``alpha`` (n,), 0 to 255, whose colours come nearest to features (n, d + 1)."""
        mean = self._backgrounds[0]
        rows = np.zeros((len(features), 4), np.uint8)
        rows[:, 3] = alpha
        visible = alpha > 0
        bands = mean + (features[visible, :-1] - mean) * (OPAQUE / alpha[visible, None])
        rows[visible, :3] = to_uint8(self.space.backward(bands))
        return rows

    def means(self, sums: IntArray, alpha: IntArray, counts: IntArray) -> UInt8Array:
        """The rows (k, 4) uint8 that come nearest to the means of groups of rows; in RGB only.

        ``sums`` (k, 3) add up alpha times the colour, ``alpha`` (k,) the alpha, ``counts`` (k,) the rows of each group.
        """
        mean, deviation = self._backgrounds
        share = alpha / OPAQUE / np.maximum(counts, 1)
        bands = sums / OPAQUE / np.maximum(counts, 1)[:, None] + (1 - share)[:, None] * mean
        return self.to_rgb(np.column_stack([bands, share * deviation]))
