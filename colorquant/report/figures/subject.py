"""What a figure of one fit is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any

import numpy as np

from colorquant.color.histogram import count_labelled, visible_mask
from colorquant.color.spaces import SPACES, Projection
from colorquant.fitting.models import GaussianMixture
from colorquant.images import Picture
from colorquant.report.figures import Drawing
from colorquant.types import FloatArray, IntArray, UInt8Array

METHODS = {"kmeans": "k-means", "em": "EM"}
GRAY_LEVEL = "gray level"  # stands in for a lightness where the space has none


@dataclass(frozen=True)
class Subject:
    """A quantized picture. ``quantized`` is a :class:`colorquant.quantization.Quantized`; ``sweep`` quantizes the same
    picture with other numbers of colours, and has this one among its results, by rising k.
    """

    name: str
    picture: Picture
    quantized: Any
    drawing: Drawing
    sweep: Callable[[], Sequence[Any]]

    @cached_property
    def projection(self) -> Projection:
        """The bands that were clustered."""
        options = self.quantized.options
        return Projection.of(options.space, options.keep_luma)

    @cached_property
    def _labelled(self) -> tuple[UInt8Array, IntArray, IntArray]:
        visible = visible_mask(self.picture.alpha)
        rgb, labels = self.picture.rgb, self.quantized.labels
        return count_labelled(*((rgb, labels) if visible is None else (rgb[visible], labels[visible])))

    @property
    def colors(self) -> UInt8Array:
        """The distinct colours (n, 3) uint8; one that has several labels stands there once for each."""
        return self._labelled[0]

    @property
    def labels(self) -> IntArray:
        """The label of each of ``colors``, (n,)."""
        return self._labelled[1]

    @property
    def counts(self) -> IntArray:
        """How many pixels have each of ``colors``, (n,)."""
        return self._labelled[2]

    @property
    def empty(self) -> bool:
        """Whether no pixel had a vote."""
        return not len(self.quantized.palette)

    @property
    def model(self) -> Any:
        """The fitted model, its clusters in the order of the labels."""
        return self.quantized.model

    @property
    def mixture(self) -> bool:
        """Whether the model is a Gaussian mixture."""
        return isinstance(self.model, GaussianMixture)

    @property
    def shares(self) -> FloatArray:
        """The share of the pixels of each label that is used, (p,), falling."""
        counts = self.quantized.palette.counts
        shares: FloatArray = counts / max(int(counts.sum()), 1)
        return shares

    def columns(self, bands: Sequence[str]) -> list[int]:
        """Where the model has these clustered bands."""
        return [self.projection.bands.index(band) for band in bands]

    def values(self, bands: Sequence[str]) -> FloatArray:
        """These bands, or GRAY_LEVEL, of each of ``colors``, (n, len(bands)) in the space's units."""
        if tuple(bands) == (GRAY_LEVEL,):
            return SPACES["gray"].forward(self.colors)
        space = self.projection.space
        return space.forward(self.colors)[:, [space.bands.index(band) for band in bands]]

    def widest(self, bands: int) -> tuple[str, ...]:
        """As many of the clustered bands, those in which the pixels differ most."""
        values = self.values(self.projection.bands)
        mean = np.average(values, axis=0, weights=self.counts)
        variance = np.average((values - mean) ** 2, axis=0, weights=self.counts)
        largest = sorted(np.argsort(-variance, kind="stable")[:bands])
        return tuple(self.projection.bands[band] for band in largest)

    @property
    def words(self) -> str:
        """What was run: EM, k = 4, ycrcb, full covariance."""
        options = self.quantized.options
        words = [METHODS[options.method], f"k = {options.k}", options.space]
        if options.covariance is not None:
            words.append(f"{options.covariance} covariance")
        return ", ".join(words)

    @property
    def called(self) -> str:
        """The picture's name without its folder."""
        return called(self.name)


def called(name: str) -> str:
    """What an input is called above a figure: its name without its folder."""
    return "standard input" if name == "-" else PurePath(name).name
