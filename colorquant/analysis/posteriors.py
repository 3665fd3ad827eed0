"""The posterior probabilities of each pixel under a mixture, and their uncertainty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from colorquant.blocks import row_blocks
from colorquant.color.counted import CountedImage
from colorquant.errors import OptionError, OutputError
from colorquant.fitting.features import projection_of
from colorquant.fitting.models import GaussianMixture
from colorquant.quantization import Quantized
from colorquant.types import AnyArray, Float16Array, Float32Array, FloatArray, Int32Array, IntArray, UInt8Array

LARGEST = 2 << 30  # bytes, at most, of the posteriors of all pixels
KEPT = 1 << 28  # bytes: if the posteriors of all colours take no more, they are kept, else computed anew each time


@dataclass(frozen=True, eq=False)
class Posteriors:
    """The posteriors of ``model`` at the distinct colours of a picture, in the order of the labels.

    ``features`` (n, d) are those of the colours, in the units in which the model was fitted. ``index`` (h, w) int32 is
    the row of each pixel's colour, n where the pixel is fully transparent. Posteriors are computed when they are first
    needed, and kept if they take no more than KEPT bytes.
    """

    model: GaussianMixture
    features: FloatArray
    index: Int32Array

    @classmethod
    def of(cls, image: CountedImage, quantized: Quantized) -> Posteriors:
        """The posteriors of an image that EM quantized. Raises OptionError for k-means, which has none."""
        if not isinstance(quantized.model, GaussianMixture):
            raise OptionError("k-means has no posteriors: use colorquant em")
        projection = projection_of(quantized.options)
        return cls(quantized.model, projection.features(image.histogram.colors), image.index)

    @property
    def k(self) -> int:
        """The number of components."""
        return len(self.model.weights)

    @cached_property
    def _all(self) -> Float32Array | None:
        """The posteriors of all colours (n, k); None where they take too much memory."""
        if len(self.features) * self.k * np.dtype(np.float32).itemsize > KEPT:
            return None
        return self.model.posteriors(self.features)

    def of_colors(self, rows: slice | IntArray) -> Float32Array:
        """The posteriors of the colours at ``rows``, (m, k) float32; each row sums to 1."""
        return self.model.posteriors(self.features[rows]) if self._all is None else self._all[rows]

    def blocks(self) -> Iterator[tuple[slice, Float32Array]]:
        """All colours in blocks: the rows of each, and their posteriors."""
        for rows in row_blocks(len(self.features), self.k):
            yield rows, self.of_colors(rows)

    def at_pixels(self) -> Float16Array:
        """The probability of each component at each pixel, (h, w, k) float16; 0 where a pixel is fully transparent.

        Raises OutputError where they would take more than LARGEST bytes.
        """
        height, width = self.index.shape
        if height * width * self.k * 2 > LARGEST:
            raise OutputError(
                f"--posteriors of {self.k} components at {width} × {height} would take "
                f"{height * width * self.k / 5e8:.1f} GB: use fewer components or a smaller picture"
            )
        return self._painted(self._halves)

    def components(self) -> Iterator[Float16Array]:
        """For each component in turn, its probability at each pixel, (h, w) float16."""
        halves = self._halves
        for component in range(self.k):
            yield self._painted(halves[:, component])

    def uncertainty(self) -> UInt8Array:
        """How uncertain the component of each pixel is, (h, w) uint8; 0 where a pixel is fully transparent.

        It is the entropy of the posterior, scaled from 0 (one component is certain) to 255 (log k: all are equal).
        """
        levels = np.empty(len(self.features), np.uint8)
        for rows, posteriors in self.blocks():
            levels[rows] = entropy_levels(posteriors)
        return self._painted(levels)

    @property
    def _halves(self) -> Float16Array:
        """The posteriors of all colours, (n, k) float16."""
        halves = np.empty((len(self.features), self.k), np.float16)
        for rows, posteriors in self.blocks():
            halves[rows] = posteriors
        return halves

    def _painted(self, values: AnyArray) -> AnyArray:
        """For each pixel the entry of ``values`` (n, …) of its colour, (h, w, …); 0 where it is fully transparent."""
        return np.concatenate([values, np.zeros((1, *values.shape[1:]), values.dtype)])[self.index]


def entropy_levels(posteriors: Float32Array) -> UInt8Array:
    """The entropy of each row of ``posteriors`` (n, k), scaled so that log k is 255, (n,) uint8."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(posteriors > 0, posteriors * np.log(posteriors), 0.0)
    entropy = -terms.sum(axis=1) / max(np.log(max(posteriors.shape[1], 1)), 1e-9)
    levels: UInt8Array = np.rint(255 * np.clip(entropy, 0, 1)).astype(np.uint8)
    return levels
