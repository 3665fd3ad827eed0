"""The shares of the labels over the time of a clip, in a bounded number of rows."""

from __future__ import annotations

import numpy as np

from colorquant.clips.results import Timeline
from colorquant.types import FloatArray, IntArray

MOST_ROWS = 2000


class TimelineSum:
    """Collects the shares of labels frame by frame; where there are more than MOST_ROWS rows, pairs of them merge."""

    def __init__(self, k: int) -> None:
        self._per_row = 1  # frames in a full row
        self._times = np.zeros(MOST_ROWS)
        self._sums = np.zeros((MOST_ROWS, k))  # of the shares of each row's frames
        self._frames = np.zeros(MOST_ROWS, np.int64)
        self._rows = 0

    def add(self, time: float, counts: IntArray) -> None:
        """Add a frame at ``time``, in seconds, with ``counts`` (k,) pixels of each label."""
        last = self._rows - 1
        if last >= 0 and self._frames[last] < self._per_row:
            row = last
        else:
            if self._rows == MOST_ROWS:
                self._halve()
            row, self._rows = self._rows, self._rows + 1
            self._times[row] = time
        self._sums[row] += counts / max(int(counts.sum()), 1)
        self._frames[row] += 1

    def _halve(self) -> None:
        half = MOST_ROWS // 2
        self._times[:half] = self._times[::2]
        for column in (self._sums, self._frames):
            column[:half] = column[::2] + column[1::2]
            column[half:] = 0
        self._rows, self._per_row = half, 2 * self._per_row

    def result(self) -> Timeline:
        """The timeline so far."""
        rows = self._rows
        shares: FloatArray = self._sums[:rows] / np.maximum(self._frames[:rows], 1)[:, None]
        return Timeline(self._times[:rows].copy(), shares)
