"""Background subtraction: what moves in front of a scene that stands still. This module calls OpenCV.

``em`` fits one mixture of Gaussians to the colours of all pixels. Here each pixel has a model of its own: of the
colours that it had in the frames before. A colour that its pixel seldom had is in the foreground. ``mog2`` models them
by a mixture of Gaussians whose number of components varies (Zivkovic, ICPR 2004), ``knn`` by the nearest of a sample of
them (Zivkovic and van der Heijden, Pattern Recognition Letters 2006).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from colorquant.errors import OptionError
from colorquant.types import UInt8Array
from colorquant.video.frames import Frame, IndexedFrame

if TYPE_CHECKING:
    import cv2

THRESHOLDS: Final = {"mog2": 16.0, "knn": 400.0}  # of each method, by default
LEARNING: Final = {"mog2": 1, "knn": 4}  # frames that OpenCV needs before it takes any pixel for background
LABELS: Final = ("background", "foreground", "shadow")  # what the labels 0, 1 and 2 mean
LEVELS: Final = (0, 255, 127)  # the gray level with which each is painted, and which OpenCV gives it
MOST_HISTORY: Final = 2**31 - 1


@dataclass(frozen=True)
class BackgroundOptions:
    """How the background is modelled.

    ``method`` is a key of THRESHOLDS. About ``history`` frames, 1 or more, are remembered: the shorter, the sooner does
    something that stopped become background. ``var_threshold`` above 0 is the squared distance from which on a colour
    does not belong to the background; None is that of THRESHOLDS. For ``mog2`` it is in units of the variance of a
    component, for ``knn`` in squared levels. With ``shadows`` a pixel that is a darker shade of its background is a
    shadow, else it is foreground. Raises OptionError for values that are out of range.
    """

    method: str = "mog2"
    history: int = 500
    var_threshold: float | None = None
    shadows: bool = True

    def __post_init__(self) -> None:
        if self.method not in THRESHOLDS:
            raise OptionError(f"--background {self.method} is unknown: use {' or '.join(THRESHOLDS)}")
        if not 1 <= self.history <= MOST_HISTORY:
            raise OptionError(f"--history {self.history} is out of range: use a number of frames from 1 on")
        if not (self.threshold > 0 and math.isfinite(self.threshold)):
            raise OptionError(f"--var-threshold {self.threshold:g} is out of range: use a number above 0")

    @property
    def threshold(self) -> float:
        """The squared distance in use."""
        return THRESHOLDS[self.method] if self.var_threshold is None else self.var_threshold

    @property
    def words(self) -> str:
        """The options in words: MOG2, history 500, threshold 16."""
        shadows = "" if self.shadows else ", shadows are foreground"
        return f"{self.method.upper()}, history {self.history}, threshold {self.threshold:g}{shadows}"

    @property
    def k(self) -> int:
        """The number of labels: 3, or 2 without shadows."""
        return len(LABELS) if self.shadows else len(LABELS) - 1

    @property
    def colors(self) -> UInt8Array:
        """The gray levels of the labels as colours (k, 3): black, white, and gray for shadows."""
        return np.repeat(np.array(LEVELS[: self.k], np.uint8)[:, None], 3, axis=1)


class BackgroundSubtractor:
    """Tells what moves from what stays, frame by frame in their order, in one pass.

    The same frames give the same labels. Memory is that of a model per pixel, whatever the number of frames.
    """

    def __init__(self, options: BackgroundOptions) -> None:
        self._options = options
        self._number = 0
        self._model = _model(options)
        self._labels = np.zeros(256, np.uint8)
        self._labels[list(LEVELS)] = np.arange(len(LEVELS))

    def foreground(self, frame: Frame) -> UInt8Array:
        """The labels (h, w) of the next frame, positions in LABELS; fully transparent pixels have ``options.k``.

        The first frames, as many as LEARNING says, are all background: there is nothing yet from which they could
        differ.
        """
        import cv2

        cv2.setRNGSeed(self._number)  # knn keeps random ones of the earlier colours
        mask = self._model.apply(np.ascontiguousarray(frame.rgb))
        labels: UInt8Array = self._labels[mask]
        if self._number < LEARNING[self._options.method]:
            labels[:] = 0
        self._number += 1
        if frame.alpha is not None:
            labels[frame.alpha == 0] = self._options.k
        return labels

    def indexed(self, frame: Frame) -> IndexedFrame:
        """The next frame in black, white and gray, as writers take it; it has the ``foreground`` as labels."""
        labels, alpha = self.foreground(frame), frame.alpha
        return IndexedFrame(labels, self._options.colors, frame.time, frame.duration, alpha=alpha)


def _model(options: BackgroundOptions) -> cv2.BackgroundSubtractor:
    import cv2

    if options.method == "mog2":
        return cv2.createBackgroundSubtractorMOG2(options.history, options.threshold, options.shadows)
    return cv2.createBackgroundSubtractorKNN(options.history, options.threshold, options.shadows)
