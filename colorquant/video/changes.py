"""What changes from one frame of an animation to the next: which pixels, and in which rectangle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from colorquant.types import AnyArray, BoolArray, UInt8Array
from colorquant.video.frames import IndexedFrame

OPAQUE_FROM = 128  # of alpha, where a pixel is either opaque or fully transparent


class Box(NamedTuple):
    """A rectangle of pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def rows(self) -> tuple[slice, slice]:
        """The index of its pixels in an array (h, w)."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def around(self, other: Box) -> Box:
        """The smallest rectangle that contains both."""
        left, top = min(self.left, other.left), min(self.top, other.top)
        right = max(self.left + self.width, other.left + other.width)
        return Box(left, top, right - left, max(self.top + self.height, other.top + other.height) - top)


ONE_PIXEL = Box(0, 0, 1, 1)  # for a frame that changes nothing


def bounding_box(pixels: BoolArray) -> Box:
    """The smallest rectangle that contains all true ``pixels`` (h, w), of which there is at least one."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return Box(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)


@dataclass(frozen=True, eq=False)
class Shown:
    """Pixels of a frame whose alpha is 0 or 255.

    ``labels`` (h, w) uint8 or uint16 are rows of ``colors`` (p, 3) uint8; p stands for a fully transparent pixel.
    """

    labels: AnyArray
    colors: UInt8Array

    @cached_property
    def clear(self) -> BoolArray:
        """Which pixels are fully transparent, (h, w)."""
        mask: BoolArray = self.labels == len(self.colors)
        return mask

    def part(self, box: Box) -> Shown:
        """The pixels in a rectangle."""
        return Shown(self.labels[box.rows], self.colors)

    def erased(self, box: Box) -> Shown:
        """The same pixels, but those in a rectangle are fully transparent."""
        labels = self.labels.astype(np.uint16 if len(self.colors) > 255 else np.uint8)
        labels[box.rows] = len(self.colors)
        return Shown(labels, self.colors)

    def changed(self, before: Shown) -> BoolArray:
        """Which pixels (h, w) differ from those of ``before`` in their colour or their transparency."""
        if self.colors is before.colors or np.array_equal(self.colors, before.colors):
            differ: BoolArray = self.labels != before.labels
        else:
            differ = self._packed != before._packed
        return differ

    @property
    def _packed(self) -> AnyArray:
        table = np.append(self.colors.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32), np.int32(-1))
        return table[self.labels]


def shown(frame: IndexedFrame) -> tuple[Shown, bool]:
    """The pixels of a frame, opaque from an alpha of 128 on, and whether any alpha was neither 0 nor 255."""
    p = len(frame.colors)
    partly = False
    clear = None
    if frame.alpha is not None:
        clear = (frame.alpha < OPAQUE_FROM) | (frame.labels == p)
        partly = bool(((frame.alpha != 0) & (frame.alpha != 255)).any())
    if frame.entry_alpha is not None:
        hidden = np.append(frame.entry_alpha < OPAQUE_FROM, True)[frame.labels]
        clear = hidden if clear is None else clear | hidden
        partly = partly or bool(((frame.entry_alpha != 0) & (frame.entry_alpha != 255)).any())
    if clear is None or not clear.any():
        return Shown(frame.labels.astype(np.uint8, copy=False), frame.colors), partly
    labels = frame.labels.astype(np.uint16 if p > 255 else np.uint8)
    labels[clear] = p
    return Shown(labels, frame.colors), partly


def rgba_of(frame: IndexedFrame) -> UInt8Array:
    """The pixels (h, w, 4) uint8 of a frame; fully transparent ones are 0."""
    alpha = np.full(frame.labels.shape, 255, np.uint8) if frame.alpha is None else frame.alpha
    rgba = np.dstack([frame.rgb, alpha])
    rgba[alpha == 0] = 0
    return rgba
