"""Cuts between the scenes of a clip.

Frames are compared by coarse colour histograms, as Zhang, Kankanhalli and Smoliar do (Automatic partitioning of
full-motion video, 1993), against a threshold that adapts to the motion in a sliding window, as Yeo and Liu's does
(Rapid scene analysis on compressed video, 1995). The strength of a cut is the least distance of any frame shortly
before it to any frame shortly after it. It is small for a flash, after which the old picture comes back, and in a fade,
a pan or a zoom, where neighbours are alike. Colours are shared out between the cells that are nearest to them, so that
a small change of brightness is a small distance, in flat drawings as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise, product

import numpy as np

from colorquant.color.rgba import OPAQUE
from colorquant.types import FloatArray
from colorquant.video.frames import Frame

CELLS = 8  # per channel
SAMPLED = 64  # rows and columns of pixels, about, that are counted
REACH = 4  # frames on each side of a cut; also the least length of a scene but the last, and more than a flash has
WINDOW = 12  # frames before a cut whose median distance from each other tells how much moves
LEAST = 0.2  # distance, from 0 to 1, that any cut has
FACTOR = 2.0  # by which a cut exceeds that distance, and the greatest one within REACH before and after it


def find_cuts(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Each frame, and whether a new scene begins with it; the first one does not count as a cut.

    It reads REACH frames ahead. Raises what ``frames`` raises.
    """
    cuts = CutFinder()
    waiting: deque[Frame] = deque()
    for frame in frames:
        cuts.add(frame)
        waiting.append(frame)
        if len(waiting) == REACH:
            yield waiting.popleft(), cuts.next()
    while waiting:
        yield waiting.popleft(), cuts.next()


class CutFinder:
    """Decides frame by frame, in their order, whether a scene begins; memory does not grow with their number."""

    def __init__(self) -> None:
        self._before: deque[FloatArray] = deque(maxlen=REACH)
        self._after: deque[FloatArray] = deque()
        self._distances: deque[float] = deque(maxlen=WINDOW)  # of consecutive frames of this scene
        self._length = 0  # of the scene so far

    def add(self, frame: Frame) -> None:
        """Take the next frame; :meth:`next` decides best where REACH frames are waiting."""
        self._after.append(coarse_histogram(frame))

    def next(self) -> bool:
        """Whether a scene begins with the first of the frames that are waiting, which is then done with."""
        cut = self._is_cut()
        histogram = self._after.popleft()
        if cut:
            self._distances.clear()
        elif self._before:
            self._distances.append(_distance(self._before[-1], histogram))
        self._before.append(histogram)
        self._length = 1 if cut else self._length + 1
        return cut

    def _is_cut(self) -> bool:
        if not self._before or (self._length < REACH and len(self._before) == REACH):
            return False
        after = np.stack(self._after)
        strength = min(float(np.abs(after - before).sum(axis=1).min()) / 2 for before in self._before)
        if strength < LEAST:
            return False
        behind = [_distance(one, other) for one, other in pairwise(self._before)]
        ahead = [_distance(one, other) for one, other in pairwise(after)]
        usual = float(np.median(self._distances)) if self._distances else 0.0
        return strength >= FACTOR * max(usual, *behind, *ahead, 0.0)


def coarse_histogram(frame: Frame) -> FloatArray:
    """The share of the frame's pixels in each of CELLS³ cells of colours, and the transparent share, (CELLS³ + 1,).

    A pixel belongs to the eight nearest cells in proportion, as in trilinear interpolation. Some pixels on a grid
    stand for all.
    """
    rows, columns = (slice(None, None, max(1, size // SAMPLED)) for size in frame.rgb.shape[:2])
    rgb = frame.rgb[rows, columns].reshape(-1, 3)
    position = rgb.T * ((CELLS - 1) / OPAQUE)
    low = np.minimum(position.astype(np.intp), CELLS - 2)
    high_share = position - low
    shares = (1 - high_share, high_share)
    opacity = None if frame.alpha is None else frame.alpha[rows, columns].reshape(-1) / OPAQUE
    histogram = np.zeros(CELLS**3 + 1)
    base = (low[0] * CELLS + low[1]) * CELLS + low[2]
    for r, g, b in product((0, 1), repeat=3):
        share = shares[r][0] * shares[g][1] * shares[b][2]
        if opacity is not None:
            share *= opacity
        histogram[:-1] += np.bincount(base + ((r * CELLS + g) * CELLS + b), share, CELLS**3)
    histogram /= len(rgb)
    histogram[-1] = max(0.0, 1 - float(histogram.sum()))
    return histogram


def _distance(one: FloatArray, other: FloatArray) -> float:
    """Half the sum of absolute differences of two histograms: the share of pixels that change their cells, 0 to 1."""
    return float(np.abs(one - other).sum()) / 2
