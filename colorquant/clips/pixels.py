"""The labels of the pixels of one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colorquant.mapping.label_table import TableLabels
from colorquant.types import AnyArray, BoolArray, IntArray, UInt8Array, UInt32Array


@dataclass(frozen=True, eq=False)
class LabelledPixels:
    """The labels of a frame, its pixels as rows (n, …).

    ``keys`` (n,) are the packed colours, ``labels`` (n,) the labels, ``hidden`` (n,) marks the pixels without one,
    None where there are none. ``alpha`` (n,) is that of the pixels, None where all are opaque. ``squared`` is the sum
    of the squared errors times the weights of the pixels, ``weight`` the sum of the weights. ``painted`` (n, 3) are the
    colours where pixels keep their own lightness, else None. ``found`` has what a table gave for all pixels, else it is
    None.
    """

    keys: UInt32Array
    labels: AnyArray
    hidden: BoolArray | None
    alpha: UInt8Array | None
    squared: float
    weight: float
    painted: UInt8Array | None
    found: TableLabels | None = None

    def changed(self, before: LabelledPixels | None) -> IntArray | None:
        """The rows (m,) whose labels differ from those of the frame before; None where there is none of this size."""
        if before is None or len(before.labels) != len(self.labels):
            return None
        return np.flatnonzero(self.labels != before.labels)

    def label_counts(
        self, k: int, before: IntArray | None, last: LabelledPixels | None, rows: IntArray | None
    ) -> IntArray:
        """The number of pixels (``k``,) of each label.

        It is computed from the counts of the frame before, those of ``last``, at the ``rows`` whose labels differ.
        """
        if before is None or last is None or rows is None:
            return np.bincount(self.labels, minlength=k).astype(np.int64)
        come, gone = (np.bincount(part.labels[rows], minlength=k) for part in (self, last))
        return before + come - gone
