"""How well two label maps of the same pixels agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from colorquant.types import FloatArray, IntArray, LabelArray

DENSE = 1 << 22  # entries: a table of all pairs of labels up to this size is counted without sorting
MATCHED = 1024  # labels per map: matching more would take minutes


@dataclass(frozen=True)
class Contingency:
    """How many pixels have each pair of labels of two label maps.

    ``ones`` and ``others`` (m,) int64 are the labels of each pair that occurs, ``counts`` (m,) int64 the number of its
    pixels, at least 1.
    """

    ones: IntArray
    others: IntArray
    counts: IntArray

    @classmethod
    def of(cls, one: LabelArray, other: LabelArray) -> Contingency:
        """The pairs of labels of the same pixels, (n,) of any integer type each, from 0 up."""
        width = int(np.max(other, initial=0)) + 1
        pairs = one.astype(np.int64) * width + other
        if (int(np.max(one, initial=0)) + 1) * width <= DENSE:
            table = np.bincount(pairs)
            present = np.flatnonzero(table)
            counts = table[present]
        else:
            present, counts = np.unique(pairs, return_counts=True)
        return cls(present // width, present % width, counts.astype(np.int64))

    @cached_property
    def table(self) -> IntArray:
        """The counts as a table (a, b): a row per label that the first map has, a column per label of the second."""
        ones, row = np.unique(self.ones, return_inverse=True)
        others, column = np.unique(self.others, return_inverse=True)
        table = np.zeros((len(ones), len(others)), np.int64)
        table[row, column] = self.counts
        return table

    @property
    def adjusted_rand_index(self) -> float:
        """1 where both divide the pixels alike, about 0 where they agree by chance (Hubert and Arabie 1985, eq. 5)."""
        n = int(self.counts.sum())
        together = _pairs(self.counts)
        one, other = (_pairs(np.bincount(labels, self.counts).astype(np.int64)) for labels in (self.ones, self.others))
        expected = one * other / max(_pairs(np.array([n])), 1)
        most = (one + other) / 2
        return 1.0 if most == expected else (together - expected) / (most - expected)

    @property
    def matched_share(self) -> float | None:
        """The share of pixels whose labels agree once the labels of both maps are matched one to one.

        The matching is the one for which most pixels agree (Kuhn 1955, "Hungarian method"). None above MATCHED labels.
        """
        best = _best_matching(self, lambda table: table.astype(np.float64))
        return None if best is None else best / max(int(self.counts.sum()), 1)

    @property
    def mean_iou(self) -> float | None:
        """The mean over the labels of the second map, the truth, of the intersection over union with the matched label.

        Labels are matched one to one so that the mean is highest; a label without a match counts as 0. None above
        MATCHED labels.
        """
        best = _best_matching(self, _intersection_over_union)
        return None if best is None else best / max(len(np.unique(self.others)), 1)


def _pairs(sizes: IntArray) -> int:
    """The number of pairs within groups of these sizes."""
    return int((sizes * (sizes - 1) // 2).sum())


def _intersection_over_union(table: IntArray) -> FloatArray:
    union = table.sum(axis=1, keepdims=True) + table.sum(axis=0, keepdims=True) - table
    shares: FloatArray = table / union
    return shares


def _best_matching(contingency: Contingency, gain: Callable[[IntArray], FloatArray]) -> float | None:
    """The greatest sum of ``gain`` (a, b) over the one-to-one matchings of the table's rows and columns."""
    if max(len(np.unique(contingency.ones)), len(np.unique(contingency.others))) > MATCHED:
        return None
    from scipy.optimize import linear_sum_assignment

    gains = gain(contingency.table)
    return float(gains[linear_sum_assignment(gains, maximize=True)].sum())
