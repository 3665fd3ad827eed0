"""The colour histogram: distinct colours with their pixel counts and weights, and the way back to the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.packing import morton_codes, morton_colors, morton_order, pack, unpack
from colorquant.color.rgba import OPAQUE, rgba_grid
from colorquant.color.rgba_counting import count_rgba, spread_rgba
from colorquant.color.strip_counting import (
    COLORS,
    STRIP,
    alpha_sums,
    compact,
    count_colors,
    count_with_alpha,
    starts_of_runs,
)
from colorquant.errors import OptionError
from colorquant.types import AnyArray, IntArray, UInt8Array, UInt32Array

FULL = 255  # the greatest importance of a pixel


def count_distinct(colors: UInt8Array) -> int:
    """The number of different colours among (…, 3) uint8, or of pairs of colour and alpha among (…, 4)."""
    if colors.shape[-1] == 3 and colors.size > 3 * STRIP:  # a table takes less memory than the keys of many colours
        flat, found = colors.reshape(-1, 3), np.zeros(COLORS, np.bool_)
        for rows in blocks(len(flat)):
            found[pack(flat[rows])] = True
        return int(np.count_nonzero(found))
    keys = pack(colors)
    keys.sort()
    return int(np.count_nonzero(keys[1:] != keys[:-1])) + min(1, len(keys))


def count_labelled(rgb: UInt8Array, labels: AnyArray) -> tuple[UInt8Array, IntArray, IntArray]:
    """Count the distinct pairs of a colour and a label among pixels (…, c) uint8 with labels (…), 0 to 2²⁴ - 1.

    ``c`` is 3, or 4 with alpha. Returns the colours (m, c) uint8, ascending by r, then g, b and alpha, their labels
    (m,), and the number of pixels (m,) of each pair.
    """
    keys = pack(rgb).astype(np.uint64) << np.uint64(24) | labels.reshape(-1).astype(np.uint32)
    keys.sort()
    starts = starts_of_runs(keys)
    pairs = keys[starts]
    colors, pair_labels = (pairs >> np.uint64(24)).astype(np.uint32), (pairs & np.uint64(0xFFFFFF)).astype(np.int64)
    return unpack(colors, rgb.shape[-1]), pair_labels, np.diff(starts, append=len(keys))


def count_pairs(
    before: UInt8Array, after: UInt8Array, alpha: UInt8Array | None = None
) -> tuple[UInt8Array, UInt8Array, IntArray]:
    """Count the distinct pairs of colours that pixels (n, 3) uint8 have before and after.

    Returns the colours before and after, (m, 3) uint8 each, and the weights (m,) of the pairs: their pixel counts or,
    with ``alpha`` (n,) uint8, the sum of alpha over the pixels of each pair.
    """
    keys = pack(before).astype(np.uint64) << np.uint64(24) | pack(after)
    if alpha is not None:
        keys = keys << np.uint64(8) | alpha
    keys.sort()
    pairs = keys if alpha is None else keys >> np.uint64(8)
    starts = starts_of_runs(pairs)
    weights = np.diff(starts, append=len(keys)) if alpha is None else alpha_sums(keys, starts)
    pairs = pairs[starts]
    first, second = (pairs >> np.uint64(24)).astype(np.uint32), (pairs & np.uint64(0xFFFFFF)).astype(np.uint32)
    return unpack(first), unpack(second), weights


@dataclass(frozen=True, eq=False)
class ColorHistogram:
    """Distinct colours, with the number and the weight of the pixels that have each.

    ``colors`` (n, 3) uint8 without repetition; ``stored`` (n,) are the pixel counts, each at least 1, which are kept in
    the smallest integer type that holds them, and read as :attr:`counts`. The colours are in Morton
    order (the bits of r, g and b interleaved): every cell of an octree over them is a run of rows. ``alpha`` (n,) is
    the sum of the alpha of each colour's pixels, each at least 1; None where all are opaque. ``importance`` (n,) is the
    sum of alpha times importance, from 0 to 255, over them (of importance where ``alpha`` is None); None where all
    matter alike. All are integers, so that a sum of histograms is the same in any order, and kept in the smallest type
    that holds them.

    Where colour and alpha are counted together, ``colors`` is (n, 4) uint8, fully transparent pixels are one row of
    zeros, ``alpha`` is None, and each pixel weighs 1.
    """

    colors: UInt8Array
    stored: AnyArray
    alpha: AnyArray | None = None
    importance: AnyArray | None = None

    def __post_init__(self) -> None:
        for name in ("stored", "alpha", "importance"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, compact(values))

    @property
    def counts(self) -> IntArray:
        """The pixel count of each colour, (n,) int64; a new array at each call."""
        return self.stored.astype(np.int64)

    @classmethod
    def count(cls, rgb: UInt8Array, alpha: UInt8Array | None = None) -> ColorHistogram:
        """Count the colours of pixels (…, 3) uint8, with ``alpha`` (…) uint8 where some are not opaque.

        Those of alpha 0 do not count.
        """
        flat = rgb.reshape(-1, 3)
        if alpha is None or not alpha.size:
            return cls(*count_colors(flat))
        return cls(*count_with_alpha(flat, alpha.reshape(-1)))

    @classmethod
    def count_rgba(cls, rgb: UInt8Array, alpha: UInt8Array) -> ColorHistogram:
        """Count the pairs of colour and alpha of pixels (…, 3) uint8 with ``alpha`` (…) uint8."""
        if not alpha.size:
            return cls(np.empty((0, 4), np.uint8), np.empty(0, np.int64))
        return cls(*count_rgba(rgb.reshape(-1, 3), alpha.reshape(-1)))

    @classmethod
    def once_each(cls, colors: UInt8Array) -> ColorHistogram:
        """The histogram of distinct colours (n, c) uint8, one pixel of each, in the order that they have."""
        return cls(colors, np.ones(len(colors), np.uint8))

    @property
    def has_alpha(self) -> bool:
        """Whether colour and alpha were counted together."""
        return int(self.colors.shape[1]) == 4

    @property
    def codes(self) -> UInt32Array:
        """The Morton codes (n,) of the rows, ascending."""
        codes = np.empty(len(self), np.uint32)
        for rows in blocks(len(self)):
            colors = self.colors[rows]
            codes[rows] = morton_codes(rgba_grid(colors) if self.has_alpha else colors)
        return codes

    @property
    def stored_weights(self) -> AnyArray:
        """The :attr:`fit_weights` as they are kept, of any integer type."""
        if self.importance is not None:
            return self.importance
        return self.stored if self.alpha is None else self.alpha

    def integer_weights_of(self, rows: slice | IntArray) -> IntArray:
        """The :attr:`integer_weights` of some ``rows``, int64."""
        return (self.stored if self.alpha is None else self.alpha)[rows].astype(np.int64)

    def __len__(self) -> int:
        return len(self.stored)

    def with_alpha(self) -> ColorHistogram:
        """The same pixels with colour and alpha counted together; all of them must be opaque. Raises OptionError."""
        if self.has_alpha:
            return self
        if self.alpha is not None:
            raise OptionError("a histogram without alpha does not add to one with alpha: count both with alpha")
        rows = np.column_stack([self.colors, np.full(len(self), OPAQUE, np.uint8)])
        return _sum_rgba([replace(self, colors=rows)])

    def without_alpha(self) -> ColorHistogram:
        """The same pixels with colours alone counted, each weighted by its alpha, without fully transparent ones."""
        if not self.has_alpha:
            return self
        seen = self.colors[:, 3] > 0
        codes, index = np.unique(morton_codes(self.colors[seen, :3]), return_inverse=True)
        counts = _sums(index, self.counts[seen], len(codes))
        if bool(np.all(self.colors[seen, 3] == OPAQUE)):
            importance = None if self.importance is None else _sums(index, self.importance[seen], len(codes))
            return ColorHistogram(morton_colors(codes), counts, None, importance)
        opacities = self.colors[seen, 3].astype(np.int64)
        alpha = _sums(index, self.counts[seen] * opacities, len(codes))
        importance = None if self.importance is None else _sums(index, self.importance[seen] * opacities, len(codes))
        return ColorHistogram(morton_colors(codes), counts, alpha, importance)

    @property
    def partly_transparent(self) -> bool:
        """Whether some pixel that was counted is neither opaque nor fully transparent."""
        if not self.has_alpha:
            return self.alpha is not None
        return bool(np.any((self.colors[:, 3] > 0) & (self.colors[:, 3] < OPAQUE)))

    def __add__(self, other: ColorHistogram) -> ColorHistogram:
        """The histogram of both pictures' pixels together.

        Where one has alpha, so has the sum; opaque pixels of the other then count with alpha 255. Raises OptionError
        where the other has partly transparent pixels whose alpha was not counted.
        """
        if not isinstance(other, ColorHistogram):
            return NotImplemented
        if self.has_alpha or other.has_alpha:
            return _sum_rgba([self.with_alpha(), other.with_alpha()])
        codes = np.concatenate([morton_codes(self.colors), morton_codes(other.colors)])
        codes, index = np.unique(codes, return_inverse=True)
        counts = np.zeros(len(codes), np.int64)
        np.add.at(counts, index, np.concatenate([self.counts, other.counts]))
        parts, columns = (self, other), dict[str, IntArray]()
        scale = max(part.weight_scale for part in parts)
        if scale > 1:
            alpha = [part.integer_weights * (scale // part.weight_scale) for part in parts]
            np.add.at(columns.setdefault("alpha", np.zeros(len(codes), np.int64)), index, np.concatenate(alpha))
        if any(part.importance is not None for part in parts):
            scale *= FULL
            importance = [part.fit_weights * (scale // part.fit_scale) for part in parts]
            np.add.at(
                columns.setdefault("importance", np.zeros(len(codes), np.int64)), index, np.concatenate(importance)
            )
        return ColorHistogram(morton_colors(codes), counts, **columns)

    def __radd__(self, other: object) -> ColorHistogram:
        """The sum with 0, from which ``sum()`` starts."""
        return self if isinstance(other, int) and other == 0 else NotImplemented

    @property
    def pixels(self) -> int:
        """The number of pixels counted."""
        return int(self.stored.sum(dtype=np.int64))

    @property
    def integer_weights(self) -> IntArray:
        """The exact weight of each colour (n,) int64, in units of 1 / :attr:`weight_scale` of an opaque pixel."""
        return self.counts if self.alpha is None else self.alpha.astype(np.int64)

    @property
    def weight_scale(self) -> int:
        """The integer weight of an opaque pixel: 255 where some pixels are partly transparent, else 1."""
        return 1 if self.alpha is None else OPAQUE

    @property
    def fit_weights(self) -> IntArray:
        """The exact weight of each colour in a fit, (n,) int64, in units of 1 / :attr:`fit_scale` of an opaque pixel.

        It is the pixels' importance times their alpha, or :attr:`integer_weights` where all matter alike.
        """
        return self.stored_weights.astype(np.int64)

    @property
    def fit_scale(self) -> int:
        """The fit weight of an opaque pixel of full importance."""
        return self.weight_scale if self.importance is None else self.weight_scale * FULL

    def weighed(self, importance: UInt8Array, rgb: UInt8Array, alpha: UInt8Array | None) -> ColorHistogram:
        """This histogram of pixels ``rgb`` (…, 3) with their ``importance`` (…) uint8, and ``alpha`` (…) uint8 or None.

        Sums of integers are exact in double precision up to 2⁵³, so for 10¹¹ pixels.
        """
        numbers, flat = np.arange(len(self), dtype=np.int32), rgb.reshape(1, -1, 3)
        if self.has_alpha and alpha is not None:
            rows = self.spread_rgba(numbers, flat, alpha.reshape(1, -1)).reshape(-1)
        else:
            rows = self.spread(numbers, flat).reshape(-1)
        sums = np.zeros(len(self))
        for part in blocks(len(rows)):
            weights = importance.reshape(-1)[part].astype(np.float64)
            if self.alpha is not None and alpha is not None:
                weights *= alpha.reshape(-1)[part]
            sums += np.bincount(rows[part], weights, len(self))
        return replace(self, importance=sums.astype(np.int64))

    @property
    def total_weight(self) -> float:
        """The weight of all pixels together; an opaque pixel weighs 1."""
        return int((self.stored if self.alpha is None else self.alpha).sum(dtype=np.int64)) / self.weight_scale

    def spread(self, values: AnyArray, rgb: UInt8Array) -> AnyArray:
        """For each pixel of ``rgb`` (h, w, 3) uint8 the entry of ``values`` (n,) or (n, 3) of its colour, (h, w, …).

        Pixels whose colour was not counted get 0. It is for histograms without alpha.
        """
        if values.ndim > 1:
            return self._spread_bands(values, rgb)
        table = np.zeros(COLORS, values.dtype)
        for rows in blocks(len(self.colors)):
            table[pack(self.colors[rows])] = values[rows]
        out = np.empty(rgb.shape[0] * rgb.shape[1], values.dtype)
        flat = rgb.reshape(-1, 3)
        for rows in blocks(len(flat)):
            np.take(table, pack(flat[rows]), out=out[rows], mode="clip")
        return out.reshape(rgb.shape[:2])

    def _spread_bands(self, values: AnyArray, rgb: UInt8Array) -> AnyArray:
        """The same for values (n, c), band after band, so that the table stays small: (h, w, c)."""
        out = np.empty((*rgb.shape[:2], values.shape[1]), values.dtype)
        flat, spread = rgb.reshape(-1, 3), out.reshape(-1, values.shape[1])
        table = np.zeros(COLORS, values.dtype)
        for band, column in enumerate(values.T):
            for rows in blocks(len(self.colors)):
                table[pack(self.colors[rows])] = column[rows]
            for rows in blocks(len(flat)):
                spread[rows, band] = table[pack(flat[rows])]
        return out

    def spread_rgba(self, values: AnyArray, rgb: UInt8Array, alpha: UInt8Array) -> AnyArray:
        """For each pixel the entry of ``values`` (n,) of its row, (h, w).

        ``rgb`` (h, w, 3) and ``alpha`` (h, w) are uint8. Every pixel must have
        been counted with its alpha.
        """
        out = spread_rgba(self.colors, values, rgb.reshape(-1, 3), alpha.reshape(-1))
        return out.reshape(alpha.shape)


def _sums(index: IntArray, values: IntArray, n: int) -> IntArray:
    """The sum (n,) int64 of the values (m,) at each place in ``index`` (m,), exact."""
    sums = np.zeros(n, np.int64)
    np.add.at(sums, index, values)
    return sums


def _sum_rgba(parts: Sequence[ColorHistogram]) -> ColorHistogram:
    """The sum of histograms with alpha, its rows in Morton order; the rows of the parts may have any order."""
    distinct, index = np.unique(np.concatenate([pack(part.colors) for part in parts]), return_inverse=True)
    rows = unpack(distinct, 4)
    order = morton_order(morton_codes(rgba_grid(rows)))
    counts = _sums(index, np.concatenate([part.counts for part in parts]), len(distinct))
    summed = ColorHistogram(rows[order], counts[order])
    if all(part.importance is None for part in parts):
        return summed
    weights = np.concatenate([part.fit_weights * (FULL // part.fit_scale) for part in parts])
    importance = _sums(index, weights, len(distinct))
    return replace(summed, importance=importance[order])
