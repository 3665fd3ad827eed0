"""The second pass of ``--strips``: strips are labelled by a fitted palette, painted and written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from colorquant.batch.strip_results import LabelledPicture, Transparency
from colorquant.blocks import blocks
from colorquant.color.packing import pack
from colorquant.color.rgba import OPAQUE
from colorquant.fitted_palette import LabelledColors
from colorquant.images.encoding import pairs_in_order, pairs_of
from colorquant.images.png import MANY_PIXELS, MOST_ENTRIES
from colorquant.images.strip_writing import StripWriter, gray_png, indexed_png, truecolour_png
from colorquant.images.strips import StripImage
from colorquant.mapping.label_table import LabelTable
from colorquant.palette.making import label_type
from colorquant.palette.palette import Palette
from colorquant.quantization import IndexedImage
from colorquant.types import AnyArray, IntArray, UInt8Array
from colorquant.urls import Place

BLOCK = 1 << 18  # colours that are labelled at a time


@dataclass(frozen=True, eq=False)
class Layout:
    """How the pixels of the PNG are stored: indices of ``colors`` (p, 3) and ``alpha`` (p,), or truecolour.

    A picture that is not large may be stored in levels of gray instead, with ``gray``, where that is smaller.
    In a truecolour PNG ``colors`` are None. ``index`` gives the entry of each pair ``label << 8 | alpha``; it is None
    where entries are labels. With ``keep_order`` they keep their order. ``has_alpha`` says whether truecolour pixels
    have alpha.
    """

    colors: UInt8Array | None
    alpha: UInt8Array | None = None
    index: UInt8Array | None = None
    keep_order: bool = False
    has_alpha: bool = False
    gray: bool = False

    def writer(self, path: Place, temporary: Path, shape: tuple[int, int], chunks: bytes) -> StripWriter:
        """The writer of a PNG of this ``shape`` (h, w); the arguments are those of :func:`indexed_png`."""
        if self.colors is None:
            return truecolour_png(path, temporary, shape, has_alpha=self.has_alpha, chunks=chunks)
        if self.gray and shape[0] * shape[1] <= MANY_PIXELS:
            return gray_png(path, temporary, self.colors, chunks)
        return indexed_png(path, temporary, shape, self.colors, self.alpha, chunks, keep_order=self.keep_order)


@dataclass(frozen=True, eq=False)
class StripPainter:
    """Labels strips with the palette of an ``image`` and writes them.

    ``table`` has the labels of colours, ``rgba`` those of pairs of colour and alpha for a palette over RGBA; the other
    one is None. With ``keeps_luma`` every pixel keeps its own lightness.
    """

    image: IndexedImage
    rgba: LabelledColors | None
    table: LabelTable | None
    transparency: Transparency
    keeps_luma: bool

    @classmethod
    def of(cls, labelled: LabelledPicture, transparency: Transparency) -> StripPainter:
        """The painter of a picture whose colours are labelled."""
        found, keeps_luma = labelled.found, labelled.keeps_luma
        histogram = found.histogram
        if histogram.has_alpha:
            found = replace(found, labels=found.labels.astype(label_type(len(labelled.image.palette))))
            return cls(labelled.image, found, None, transparency, keeps_luma)
        table = LabelTable(labelled.label_colors, len(labelled.image.palette) + 1, painted=keeps_luma)
        for rows in blocks(len(histogram), BLOCK):
            colors = histogram.colors[rows]
            table.fill(pack(colors), colors, found.labels[rows], found.painted[rows])
        return cls(labelled.image, None, table, transparency, keeps_luma)

    @property
    def palette(self) -> Palette:
        """The palette, whose counts are those of the image."""
        return self.image.palette

    def layout(self, picture: StripImage) -> Layout:
        """How the PNG of the picture is stored, as :func:`colorquant.quantization.encode_png` decides it.

        Where pixels keep their partial alpha, the picture is read for this until it has too many pairs of colour and
        alpha for an indexed PNG.
        """
        palette, keep_order = self.palette, self.image.keep_order
        truecolour = Layout(None, has_alpha=self.transparency.any or palette.alpha is not None)
        if self.keeps_luma:
            return truecolour
        if palette.alpha is not None or not self.transparency.any:
            if len(palette) > MOST_ENTRIES:
                return truecolour
            gray = self.image.gray and not keep_order
            return Layout(palette.colors, palette.alpha, keep_order=keep_order and palette.alpha is not None, gray=gray)
        pairs = self._pairs(picture)
        if keep_order:
            pairs = pairs_in_order(pairs, len(self.palette))
        if len(pairs) > MOST_ENTRIES:
            return truecolour
        index = np.zeros((len(palette) + 1) << 8, np.uint8)
        index[pairs] = np.arange(len(pairs))
        return Layout(self._rows[pairs >> 8, :3], (pairs & 255).astype(np.uint8), index, keep_order)

    def _pairs(self, picture: StripImage) -> IntArray:
        """The pairs ``label << 8 | alpha`` that occur, ascending; where they are more than MOST_ENTRIES, some of them.

        Pixels that are fully transparent have the label ``len(palette)``.
        """
        palette = self.palette
        assert palette.counts is not None, "the colours were counted"
        occurs = np.zeros((len(palette) + 1) << 8, np.bool_)
        if not self.transparency.partial:
            occurs[np.flatnonzero(palette.counts) << 8 | OPAQUE] = True
            occurs[len(palette) << 8] = True
            return np.flatnonzero(occurs)
        for rgb, alpha in picture.strips():
            occurs[_pairs_of(self._labels(rgb, alpha), alpha)] = True
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
                written.write(labels if layout.index is None else layout.index[_pairs_of(labels, alpha)])
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
        has_alpha = self.transparency.any or palette.alpha is not None
        if not self.keeps_luma:
            painted = self._rows[labels] if has_alpha else palette.colors[labels]
        else:
            assert self.table is not None, "palettes over RGBA have a colour for each label"
            painted = self.table.painted(pack(rgb)).reshape(rgb.shape)
            if self.transparency.any:
                painted[labels == len(palette)] = 0
                painted = np.dstack([painted, np.full(rgb.shape[:2], OPAQUE, np.uint8)])
        if alpha is not None and palette.alpha is None:
            painted[:, :, 3] = alpha
        return painted


def _pairs_of(labels: AnyArray, alpha: UInt8Array | None) -> AnyArray:
    """The pairs of pixels with ``labels`` and ``alpha`` (n, w), which is None for opaque."""
    return pairs_of(labels, OPAQUE if alpha is None else alpha)
