"""The labels of many pixels, by a table of all 2²⁴ colours that is filled when a colour first appears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from colorquant.color.packing import distinct_keys, pack, unpack
from colorquant.palette.making import label_type
from colorquant.types import AnyArray, UInt8Array, UInt32Array

# Returns the labels (n,) of colours (n, 3) uint8, and the colours (n, 3) uint8 in which they are painted.
LabelColors = Callable[[UInt8Array], tuple[AnyArray, UInt8Array]]

MOST_LABELS = (
    1 << 14
)  # beside a squared error of up to 3·255², which takes 18 bits, an entry of 32 bits has room for 14
ADDED = 256  # errors that are added as 32-bit integers, which could take 22 thousand
_NEW = np.uint32(0xFFFFFFFF)  # no entry: its error would be too large


@dataclass(frozen=True, eq=False)
class TableLabels:
    """The ``labels`` (n,) uint8 or uint16 of pixels, and the ``entries`` (n,) uint32 that hold them."""

    labels: AnyArray
    entries: UInt32Array
    bits: int

    @property
    def squared_errors(self) -> UInt32Array:
        """The squared difference (n,) of each pixel's colour and the one it is painted in, summed over the channels."""
        return self.entries >> np.uint32(self.bits)

    @property
    def squared_error(self) -> int:
        """The sum of :attr:`squared_errors`."""
        errors = self.squared_errors
        whole = len(errors) - len(errors) % ADDED
        columns = errors[:whole].reshape(ADDED, -1).sum(axis=0, dtype=np.uint32)  # numpy adds rows fastest
        return int(columns.sum(dtype=np.int64)) + int(errors[whole:].sum(dtype=np.int64))


class LabelTable:
    """Looks up the label and the squared error of pixels by their colour.

    ``label_colors`` is called once for each colour, when it first appears. There are up to ``labels`` labels, at most
    MOST_LABELS. The table takes 64 MB; with ``painted`` it has the colours that are painted too, and takes 128 MB.
    """

    def __init__(self, label_colors: LabelColors, labels: int, *, painted: bool = False) -> None:
        assert labels <= MOST_LABELS, "an entry has no room for more"
        self._label_colors = label_colors
        self._bits = 8 if labels <= 256 else 14
        self._type = label_type(labels)
        self._table = np.full(1 << 24, _NEW, np.uint32)
        self._painted = np.zeros(1 << 24, np.uint32) if painted else None

    def look_up(self, keys: UInt32Array, before: tuple[UInt32Array, TableLabels] | None = None) -> TableLabels:
        """The labels of pixels with the ``keys`` (n,) of :func:`colorquant.color.packing.pack`.

        ``before`` may be the keys (n,) of other pixels, and what was found for them; what has the same key there is
        not looked up again.
        """
        if before is not None and len(before[0]) == len(keys):
            differ = keys != before[0]
            if np.count_nonzero(differ) < len(keys) // 4:
                entries, rows = before[1].entries.copy(), np.flatnonzero(differ)
                entries[rows] = self._entries(keys[rows])
                return self._found(entries)
        return self._found(self._entries(keys))

    def _entries(self, keys: UInt32Array) -> UInt32Array:
        entries: UInt32Array = np.take(self._table, keys, mode="clip")
        if len(entries) and entries.max() == _NEW:
            new = np.flatnonzero(entries == _NEW)
            self._fill_new(keys[new])
            entries[new] = self._table[keys[new]]
        return entries

    def _found(self, entries: UInt32Array) -> TableLabels:
        if self._bits == 8:
            return TableLabels(entries.astype(np.uint8), entries, self._bits)  # the lowest eight bits
        return TableLabels((entries & np.uint32(MOST_LABELS - 1)).astype(self._type), entries, self._bits)

    def painted(self, keys: UInt32Array) -> UInt8Array:
        """The colours (n, 3) uint8 in which pixels that were looked up are painted; with ``painted`` only."""
        assert self._painted is not None
        return unpack(np.take(self._painted, keys, mode="clip"))

    def _fill_new(self, keys: UInt32Array) -> None:
        keys = distinct_keys(keys)
        colors = unpack(keys)
        self.fill(keys, colors, *self._label_colors(colors))

    def fill(self, keys: UInt32Array, colors: UInt8Array, labels: AnyArray, painted: UInt8Array) -> None:
        """Enter the ``labels`` (n,) of ``colors`` (n, 3) uint8 with these ``keys`` (n,), and how they are ``painted``.

        ``label_colors`` is not asked for them any more.
        """
        difference = colors.astype(np.int32) - painted
        errors = np.einsum("ij,ij->i", difference, difference).astype(np.uint32)
        self._table[keys] = errors << np.uint32(self._bits) | labels.astype(np.uint32)
        if self._painted is not None:
            self._painted[keys] = pack(painted)
