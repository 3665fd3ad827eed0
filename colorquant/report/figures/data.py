"""The data from which the figures of one fit are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from colorquant.color.histogram import count_labelled
from colorquant.color.rgba import on_gray
from colorquant.color.spaces import SPACES, Projection
from colorquant.fitting.models import GaussianMixture, Model
from colorquant.quantization import Quantized
from colorquant.report.figure_kinds import Drawing
from colorquant.report.quantized_file import QuantizedFile
from colorquant.report.words import METHOD_NAMES, base_name, counted
from colorquant.types import FloatArray, IntArray, UInt8Array

GRAY_LEVEL = "gray level"  # used in place of a lightness where the space has none


@dataclass(frozen=True, eq=False)
class FigureData:
    """A quantized ``file``, and the ``drawing`` that is made of it."""

    file: QuantizedFile
    drawing: Drawing

    @property
    def quantized(self) -> Quantized:
        """The quantized picture."""
        return self.file.quantized

    @property
    def k(self) -> int:
        """The number of colours that the options request."""
        return self.quantized.options.k

    @cached_property
    def projection(self) -> Projection:
        """The bands that were clustered."""
        return self.file.projection

    @cached_property
    def _labelled(self) -> tuple[UInt8Array, IntArray, IntArray]:
        image, labels = self.file.counted, self.quantized.labels
        return count_labelled(image.visible.rgb, image.of_visible(labels))

    @cached_property
    def colors(self) -> UInt8Array:
        """The distinct colours (n, 3) uint8; a colour that has several labels is repeated for each of them.

        Pairs of colour and alpha are shown on mid-gray.
        """
        rows = self._labelled[0]
        return on_gray(rows) if rows.shape[1] == 4 else rows

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
        """Whether every pixel is fully transparent."""
        return not len(self.file.image.histogram)

    @property
    def model(self) -> Model:
        """The fitted model, its clusters in the order of the labels."""
        return self.quantized.model

    @property
    def mixture(self) -> GaussianMixture | None:
        """The fitted model of EM; None for k-means."""
        return self.model if isinstance(self.model, GaussianMixture) else None

    @property
    def colors_of_labels(self) -> tuple[str, ...]:
        """The colour of each label of the palette, as hex, (p,)."""
        return self.quantized.palette.hex

    @property
    def shown_palette(self) -> UInt8Array:
        """The colour (p, 3) uint8 of each label that is used; with alpha on mid-gray, as ``colors`` are."""
        palette = self.quantized.palette
        return palette.colors if palette.alpha is None else on_gray(palette.rows)

    @property
    def shares(self) -> FloatArray:
        """The share of the pixels of each label of the palette, (p,)."""
        shares = self.quantized.palette.shares
        assert shares is not None, "a quantized image knows how many pixels each colour stands for"
        return shares

    def columns(self, bands: Sequence[str]) -> list[int]:
        """The columns of these clustered bands in the model."""
        return [self.projection.bands.index(band) for band in bands]

    def values(self, bands: Sequence[str]) -> FloatArray:
        """These bands, or GRAY_LEVEL, of each of ``colors``, (n, len(bands)) in the space's units."""
        if tuple(bands) == (GRAY_LEVEL,):
            return SPACES["gray"].forward(self.colors)
        if self.quantized.palette.alpha is not None:
            return self.projection.features(self._labelled[0])[:, self.columns(bands)]
        space = self.projection.space
        return space.forward(self.colors)[:, [space.bands.index(band) for band in bands]]

    def widest(self, bands: int) -> tuple[str, ...]:
        """The ``bands`` clustered bands in which the pixels differ most."""
        values = self.values(self.projection.bands)
        mean = np.average(values, axis=0, weights=self.counts)
        variance = np.average((values - mean) ** 2, axis=0, weights=self.counts)
        largest = sorted(np.argsort(-variance, kind="stable")[:bands])
        return tuple(self.projection.bands[band] for band in largest)

    @property
    def words(self) -> str:
        """The options of the run in words: EM, k = 4, ycrcb, full covariance."""
        options = self.quantized.options
        words = [METHOD_NAMES[options.method], f"k = {options.k}", options.space]
        if options.covariance is not None:
            words.append(f"{options.covariance} covariance")
        if self.quantized.shared is not None:
            words.append(f"one palette for {counted(self.quantized.shared, 'image')}")
        if options.alpha == "palette":
            words.append("colour and alpha")
        return ", ".join(words)

    @property
    def name(self) -> str:
        """The picture's name without its folder."""
        return base_name(self.file.name)
