"""The second pass of ``--strips``: strips are labelled by a fitted palette, painted and written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.difference import mse
from colorquant.color.histogram import count_distinct
from colorquant.color.packing import pack
from colorquant.color.rgba import OPAQUE
from colorquant.images.strip_writing import StripWriter, indexed_png, truecolour_png
from colorquant.images.strips import StripImage
from colorquant.mapping.label_table import LabelTable
from colorquant.shared_palette import FittedPalette, LabelledColors, label_colors
from colorquant.types import AnyArray, IntArray, UInt8Array
from colorquant.urls import Place

MOST_ENTRIES = 256  # of the palette of a PNG
BLOCK = 1 << 18  # colours that are labelled at a time


@dataclass(frozen=True)
class Transparency:
    """Whether a picture has pixels that are fully transparent (``full``), and ones that are partly so."""

    full: bool
    partial: bool

    @property
    def any(self) -> bool:
        """Whether some pixel is not opaque."""
        return self.full or self.partial


@dataclass(frozen=True, eq=False)
class Measures:
    """The error of the painted picture, as in :class:`Quantized`, and its number of distinct colours."""

    mse: float
    colors_out: int


@dataclass(frozen=True, eq=False)
class Layout:
    """How the pixels of the PNG are stored: indices of ``colors`` (p, 3) and ``alpha`` (p,), or truecolour.

    In a truecolour PNG ``colors`` are None. ``index`` gives the entry of each pair ``label << 8 | alpha``; it is None
    where entries are labels. ``has_alpha`` says whether truecolour pixels have alpha.
    """

    colors: UInt8Array | None
    alpha: UInt8Array | None = None
    index: UInt8Array | None = None
    has_alpha: bool = False

    def writer(self, path: Place, temporary: Path, shape: tuple[int, int], chunks: bytes) -> StripWriter:
        """The writer of a PNG of this ``shape`` (h, w); the arguments are those of :func:`indexed_png`."""
        if self.colors is None:
            return truecolour_png(path, temporary, shape, has_alpha=self.has_alpha, chunks=chunks)
        return indexed_png(path, temporary, shape, self.colors, self.alpha, chunks)


@dataclass(frozen=True, eq=False)
class StripPainter:
    """Labels strips with a ``palette`` and writes them.

    ``table`` has the labels of colours, ``rgba`` those of pairs of colour and alpha for a palette over RGBA; the other
    one is None.
    """

    palette: FittedPalette
    rgba: LabelledColors | None
    table: LabelTable | None
    transparency: Transparency
    measures: Measures

    @classmethod
    def of(cls, palette: FittedPalette, found: LabelledColors, transparency: Transparency) -> StripPainter:
        """The painter of a picture with the colours ``found``, which the fit labelled."""
        histogram = found.histogram
        error = mse(histogram.colors, found.painted, histogram.integer_weights)
        measures = Measures(error, count_distinct(found.painted))
        if histogram.has_alpha:
            return cls(palette, found, None, transparency, measures)
        table = LabelTable(partial(label_colors, palette), len(palette) + 1, painted=palette.chroma is not None)
        for rows in blocks(len(histogram), BLOCK):
            colors = histogram.colors[rows]
            table.fill(pack(colors), colors, found.labels[rows], found.painted[rows])
        return cls(palette, None, table, transparency, measures)

    def layout(self, picture: StripImage) -> Layout:
        """How the PNG of the picture is stored, as :func:`colorquant.quantization.encode_png` decides it.

        Where pixels keep their partial alpha, the picture is read for this until it has too many pairs of colour and
        alpha for an indexed PNG.
        """
        palette = self.palette
        truecolour = Layout(None, has_alpha=self.transparency.any)
        if palette.chroma is not None:
            return truecolour
        if palette.alpha is not None or not self.transparency.any:
            return truecolour if len(palette) > MOST_ENTRIES else Layout(palette.colors, palette.alpha)
        pairs = self._pairs(picture)
        if len(pairs) > MOST_ENTRIES:
            return truecolour
        index = np.zeros((len(palette) + 1) << 8, np.uint8)
        index[pairs] = np.arange(len(pairs))
        return Layout(self._rows[pairs >> 8, :3], (pairs & 255).astype(np.uint8), index)

    def _pairs(self, picture: StripImage) -> IntArray:
        """The pairs ``label << 8 | alpha`` that occur, ascending; where they are more than MOST_ENTRIES, some of them.

        Pixels that are fully transparent have the label ``len(palette)``.
        """
        palette = self.palette
        assert palette.counts is not None, "a fit counts its pixels"
        occurs = np.zeros((len(palette) + 1) << 8, np.bool_)
        if not self.transparency.partial:
            occurs[np.flatnonzero(palette.counts) << 8 | OPAQUE] = True
            occurs[len(palette) << 8] = True
            return np.flatnonzero(occurs)
        for rgb, alpha in picture.strips():
            occurs[_pair_codes(self._labels(rgb, alpha), alpha)] = True
            if np.count_nonzero(occurs) > MOST_ENTRIES:
                break
        return np.flatnonzero(occurs)

    @cached_property
    def _rows(self) -> UInt8Array:
        """The colour and alpha (p + 1, 4) of each label, and of pixels that are transparent and have no entry."""
        palette = self.palette
        alpha = np.full(len(palette), OPAQUE, np.uint8) if palette.alpha is None else palette.alpha
        return np.concatenate([np.column_stack([palette.colors, alpha]), np.zeros((1, 4), np.uint8)])

    def paint(self, picture: StripImage, layout: Layout, written: StripWriter, labelled: StripWriter | None) -> None:
        """Read the picture again, and write its painted strips, and its labels where they are wanted."""
        for rgb, alpha in picture.strips():
            labels = self._labels(rgb, alpha)
            if layout.colors is None:
                written.write(self._pixels(rgb, alpha, labels))
            else:
                written.write(labels if layout.index is None else layout.index[_pair_codes(labels, alpha)])
            if labelled is not None:
                labelled.write(labels)
        written.finish()
        if labelled is not None:
            labelled.finish()

    def _labels(self, rgb: UInt8Array, alpha: UInt8Array | None) -> AnyArray:
        """The labels (n, w) of a strip; ``len(palette)`` where a pixel is transparent and has no entry."""
        if self.rgba is not None:
            opacity = np.full(rgb.shape[:2], OPAQUE, np.uint8) if alpha is None else alpha
            return self.rgba.histogram.spread_rgba(self.rgba.labels, rgb, opacity)
        assert self.table is not None, "one of the two is there"
        labels = self.table.look_up(pack(rgb)).labels.reshape(rgb.shape[:2])
        if alpha is not None:
            labels[alpha == 0] = len(self.palette)
        return labels

    def _pixels(self, rgb: UInt8Array, alpha: UInt8Array | None, labels: AnyArray) -> UInt8Array:
        """The painted pixels (n, w, 3) of a labelled strip, or (n, w, 4) where the picture has alpha."""
        palette = self.palette
        if palette.chroma is None:
            painted = self._rows[labels] if self.transparency.any else palette.colors[labels]
        else:
            assert self.table is not None, "palettes over RGBA have a colour for each label"
            painted = self.table.painted(pack(rgb)).reshape(rgb.shape)
            if self.transparency.any:
                painted[labels == len(palette)] = 0
                painted = np.dstack([painted, np.full(rgb.shape[:2], OPAQUE, np.uint8)])
        if alpha is not None and palette.alpha is None:
            painted[:, :, 3] = alpha
        return painted


def _pair_codes(labels: AnyArray, alpha: UInt8Array | None) -> AnyArray:
    """The pairs ``label << 8 | alpha`` of pixels with ``labels`` and ``alpha`` (n, w), which is None for opaque."""
    return labels.astype(np.int32) << 8 | (OPAQUE if alpha is None else alpha)
