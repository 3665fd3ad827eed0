"""The sum of many colour histograms."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce

import numpy as np

from colorquant.color.histogram import ColorHistogram

PENDING = 1 << 21  # colours of histograms that wait to be added, in one step, to the sum


class HistogramSum:
    """Adds histograms, many in one step, so that the work and the memory grow with the colours and not with the images.

    Counts are integers, so the sum is the same in any order.
    """

    def __init__(self) -> None:
        self.images = 0
        self._total: ColorHistogram | None = None
        self._pending: list[ColorHistogram] = []

    def add(self, histogram: ColorHistogram) -> None:
        """Add the histogram of an image."""
        self.images += 1
        self._pending.append(histogram)
        summed = 0 if self._total is None else len(self._total)
        if sum(map(len, self._pending)) > max(PENDING, summed):
            self._merge()

    def total(self) -> ColorHistogram:
        """The sum of all histograms so far."""
        self._merge()
        return self._total or sum_histograms([])

    def _merge(self) -> None:
        parts = [*self._pending, *([] if self._total is None else [self._total])]
        self._total, self._pending = (sum_histograms(parts) if parts else None), []


def sum_histograms(parts: Sequence[ColorHistogram]) -> ColorHistogram:
    """The sum of histograms, of any number and in any order: it is exact, as counts are integers."""
    while len(parts) > 1:  # in pairs, so that each colour is copied a few times only
        parts = [reduce(operator.add, parts[place : place + 2]) for place in range(0, len(parts), 2)]
    return parts[0] if parts else ColorHistogram(np.empty((0, 3), np.uint8), np.empty(0, np.int64))
