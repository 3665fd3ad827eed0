"""How well two label maps agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from colorquant.types import FloatArray, IntArray, LabelArray

DENSE = 1 << 22  # a table of all pairs of labels up to this size is counted without sorting
MATCHED = 1024  # labels of a map: matching more would take minutes


@dataclass(frozen=True)
class Contingency:
    """How many pixels carry each pair of labels of two label maps.

    ``counts`` (m,) int64, all above 0, belong to the pairs (``ones``, ``others``), (m,) int64 each, that occur.
    """

    ones: IntArray
    others: IntArray
    counts: IntArray

    @classmethod
    def of(cls, one: LabelArray, other: LabelArray) -> Contingency:
        """The pairs of the labels of the same pixels, (n,) each, from 0 up."""
        width = int(np.max(other, initial=0)) + 1
        pairs = one.astype(np.int64) * width + other
        if (int(np.max(one, initial=0)) + 1) * width <= DENSE:
            table = np.bincount(pairs)
            found = np.flatnonzero(table)
            counts = table[found]
        else:
            found, counts = np.unique(pairs, return_counts=True)
        return cls(found // width, found % width, counts.astype(np.int64))

    @cached_property
    def table(self) -> IntArray:
        """The counts (a, b) of the a labels of the one that occur, against the b labels of the other."""
        ones, row = np.unique(self.ones, return_inverse=True)
        others, column = np.unique(self.others, return_inverse=True)
        table = np.zeros((len(ones), len(others)), np.int64)
        table[row, column] = self.counts
        return table

    @property
    def adjusted_rand_index(self) -> float:
        """1 where the partitions are the same, 0 as by chance (Hubert and Arabie 1985, equation 5)."""
        n = int(self.counts.sum())
        together = _pairs(self.counts)
        one, other = (_pairs(np.bincount(labels, self.counts).astype(np.int64)) for labels in (self.ones, self.others))
        expected = one * other / max(_pairs(np.array([n])), 1)
        most = (one + other) / 2
        return 1.0 if most == expected else (together - expected) / (most - expected)

    @property
    def matched_share(self) -> float | None:
        """The share of pixels whose labels agree once those of the one are matched to the other's one to one, so that
        most pixels agree (Kuhn 1955, "Hungarian"). None above MATCHED labels.
        """
        best = _best_matching(self, lambda table: table.astype(np.float64))
        return None if best is None else best / max(int(self.counts.sum()), 1)

    @property
    def mean_iou(self) -> float | None:
        """Mean over the labels of the other, the truth, of the intersection over union with its matched label.

        Labels are matched one to one so that this is highest; a label without a match counts 0. None above MATCHED.
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
    """The greatest sum of ``gain`` over a one-to-one matching of the rows and columns of the table."""
    if max(len(np.unique(contingency.ones)), len(np.unique(contingency.others))) > MATCHED:
        return None
    from scipy.optimize import linear_sum_assignment

    gains = gain(contingency.table)
    return float(gains[linear_sum_assignment(gains, maximize=True)].sum())
