"""The colour histogram of many frames, counted in a table."""

from __future__ import annotations

import numpy as np

from colorquant.color.histogram import ColorHistogram
from colorquant.color.packing import morton_codes, morton_order, pack, unpack
from colorquant.color.rgba import OPAQUE
from colorquant.color.summing import HistogramSum
from colorquant.color.visible import VisiblePixels
from colorquant.types import IntArray, UInt8Array, UInt32Array

COLORS = 1 << 24
LARGEST = (1 << 32) - 1  # of a count in the table
SORTED = 1 << 18  # pixels that are sorted before there is a table: to read all of it takes longer


class FrameCounter:
    """Adds up the colour histograms of frames: opaque pixels in a table of all 2²⁴ colours, if there are many.

    Few pixels, and those that are not opaque, are counted by sorting. With ``with_alpha``, frames that are not opaque
    are counted by pairs of colour and alpha, as palettes over RGBA need it, and then so is the sum. Otherwise each
    colour is weighted by alpha, and fully transparent pixels do not count. The sum is exactly that of the frames'
    :class:`ColorHistogram`. The table takes 64 MB, and 128 MB more once it has counted 2³² pixels, whatever the number
    of frames.
    """

    def __init__(self, *, with_alpha: bool = False) -> None:
        self.frames = 0
        self.with_alpha = with_alpha
        self._table: UInt32Array | None = None
        self._few = HistogramSum()  # opaque pixels, before there is a table
        self._sorted = 0  # pixels that were not counted in the table
        self._in_table = 0  # pixels, a bound for each count of the table
        self._carried: IntArray | None = None  # counts that were moved out of the table before it overflowed
        self._others = HistogramSum()

    def add(self, rgb: UInt8Array, alpha: UInt8Array | None = None) -> None:
        """Count a frame: pixels (h, w, 3) uint8, with ``alpha`` (h, w) uint8 where some are not opaque."""
        self.frames += 1
        if alpha is not None and self.with_alpha and not bool(np.all(alpha == OPAQUE)):
            self._others.add(ColorHistogram.count_rgba(rgb, alpha))
            return
        visible = VisiblePixels.of(rgb, alpha)
        few = self._table is None and self._sorted + visible.rgb.size // 3 <= SORTED
        if visible.alpha is not None or few:
            sums = self._few if visible.alpha is None else self._others
            sums.add(ColorHistogram.count(visible.rgb, visible.alpha))
            self._sorted += visible.rgb.size // 3
        else:
            self._count(pack(visible.rgb))

    def _count(self, keys: UInt32Array) -> None:
        if self._table is None:
            few = self._few.total()
            self._table = np.zeros(COLORS, np.uint32)
            self._table[pack(few.colors)] = few.counts
            self._in_table = few.pixels
        if self._in_table + len(keys) > LARGEST:
            carried = self._table.astype(np.int64)
            self._carried = carried if self._carried is None else self._carried + carried
            self._table[:] = 0
            self._in_table = 0
        np.add.at(self._table, keys, np.uint32(1))  # faster than a bincount per frame, and than sorting without AVX-512
        self._in_table += len(keys)

    def total(self) -> ColorHistogram:
        """The histogram of all frames so far."""
        parts = [self._counted(), self._others.total()]
        return sum(part for part in parts if len(part)) or parts[0]

    def _counted(self) -> ColorHistogram:
        """The histogram of the opaque pixels."""
        if self._table is None:
            return self._few.total()
        counts = self._table if self._carried is None else self._table + self._carried
        keys = np.flatnonzero(counts != 0)
        colors, counts = unpack(keys.astype(np.uint32)), counts[keys].astype(np.int64)
        order = morton_order(morton_codes(colors))
        return ColorHistogram(colors[order], counts[order])
