"""The foreground of a clip, frame by frame, and what is measured of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colorquant.clips.results import Timeline
from colorquant.clips.timeline import TimelineSum
from colorquant.types import IntArray
from colorquant.video.background import BackgroundOptions, BackgroundSubtractor
from colorquant.video.frames import Frame, IndexedFrame


@dataclass(frozen=True, eq=False)
class ForegroundLabels:
    """What was measured while background and foreground were told apart.

    Labels are positions in :data:`colorquant.video.background.LABELS`. ``counts`` (k,) are the pixels of each in all
    ``frames``, and ``transparent`` those of none. ``timeline`` has the share of each over time.
    """

    frames: int
    counts: IntArray
    transparent: int
    timeline: Timeline


class ForegroundLabeller:
    """Labels the frames of a clip, in their order and in one pass, as background, foreground and shadow."""

    def __init__(self, options: BackgroundOptions) -> None:
        self.options = options
        self._subtractor = BackgroundSubtractor(options)
        self._timeline = TimelineSum(options.k)
        self._counts = np.zeros(options.k + 1, np.int64)
        self._frames = 0

    def label(self, frame: Frame) -> IndexedFrame:
        """The next frame in black, white and gray; fully transparent pixels have the label ``options.k``."""
        indexed = self._subtractor.indexed(frame)
        counts = np.bincount(indexed.labels.ravel(), minlength=self.options.k + 1).astype(np.int64)
        self._counts += counts
        self._timeline.add(float(frame.time), counts[: self.options.k])
        self._frames += 1
        return indexed

    def result(self) -> ForegroundLabels:
        """What was measured on all frames so far."""
        k = self.options.k
        return ForegroundLabels(
            frames=self._frames,
            counts=self._counts[:k].copy(),
            transparent=int(self._counts[k]),
            timeline=self._timeline.result(),
        )
