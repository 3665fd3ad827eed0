"""Small previews of a clip for its page, before and after, which are made while the clip is labelled."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from colorquant.images import encoding
from colorquant.types import AnyArray, IntArray, UInt8Array
from colorquant.video.frames import ClipInfo, Frame, IndexedFrame

SIDE = 640  # longest side
STILLS = 120  # most pictures, where the preview is not a video
STILL_PIXELS = 10_000_000  # most pixels of all of them


@dataclass(frozen=True)
class Still:
    """A shown frame ``before`` and ``after``, as files of pictures; it is shown from ``time`` (seconds) on."""

    time: Fraction
    before: bytes
    after: bytes


@dataclass(frozen=True)
class ClipPreview:
    """What the page of a clip plays: ``stills`` of ``width`` by ``height`` pixels, one in ``every`` frames.

    The last one ends at ``end``, in seconds.
    """

    width: int
    height: int
    end: Fraction
    every: int
    stills: tuple[Still, ...]

    @property
    def poster(self) -> Still:
        """The frame in the middle, which stands for the clip where nothing moves."""
        return self.stills[len(self.stills) // 2]


class PreviewWriter:
    """Makes the :class:`ClipPreview` of a clip; a context manager.

    Its size is limited however long the clip is. ``info`` is that of the clip as it is read.
    """

    def __init__(self, info: ClipInfo) -> None:
        self._width, self._height = _size(info)
        self._stills: list[Still] = []
        self._every, self._seen, self._end = 1, 0, Fraction(0)
        self._info = info

    def __enter__(self) -> PreviewWriter:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was written."""
        self._stills.clear()

    def write(self, frame: Frame, indexed: IndexedFrame) -> None:
        """Add a frame as it was read, and as it is written. Both have the size of the clip."""
        self._end = indexed.time + indexed.duration
        if self._seen % self._every == 0:
            if len(self._stills) == STILLS:
                self._stills = self._stills[::2]
                self._every *= 2
            if self._seen % self._every == 0:
                self._stills.append(self._still(frame, indexed))
        self._seen += 1

    def finish(self) -> ClipPreview:
        """The preview of all frames, of which there must be at least one."""
        assert self._stills, "a clip has a frame"
        return ClipPreview(self._width, self._height, self._end, self._every, tuple(self._stills))

    def _still(self, frame: Frame, indexed: IndexedFrame) -> Still:
        chosen = _chosen(frame.rgb.shape[:2], (self._height, self._width))
        alpha = None if frame.alpha is None else _take(frame.alpha, chosen)
        rgb = _take(frame.rgb, chosen)
        before = encoding.encode_jpeg(rgb) if alpha is None else encoding.encode_rgb(rgb, alpha)
        return Still(indexed.time, before, _encoded(_thinned(indexed, chosen)))


def _size(info: ClipInfo) -> tuple[int, int]:
    """The width and height of the stills of a clip."""
    scale = min(1.0, SIDE / max(info.width, info.height), math.sqrt(STILL_PIXELS / STILLS / info.width / info.height))
    return max(1, round(info.width * scale)), max(1, round(info.height * scale))


def _chosen(shape: tuple[int, ...], smaller: tuple[int, int]) -> tuple[IntArray, IntArray]:
    """The rows and columns that stand for a picture of ``shape`` in a ``smaller`` one, heights first."""
    rows, columns = (
        ((np.arange(few) + 0.5) * (many / few)).astype(np.int64) for many, few in zip(shape, smaller, strict=True)
    )
    return rows[:, None], columns[None, :]


def _take(values: AnyArray, chosen: tuple[IntArray, IntArray]) -> AnyArray:
    taken: AnyArray = np.ascontiguousarray(values[chosen])
    return taken


def _thinned(indexed: IndexedFrame, chosen: tuple[IntArray, IntArray]) -> IndexedFrame:
    """The chosen pixels of a frame."""
    alpha, painted = (None if pixels is None else _take(pixels, chosen) for pixels in (indexed.alpha, indexed.painted))
    return replace(indexed, labels=_take(indexed.labels, chosen), alpha=alpha, painted=painted)


def _encoded(indexed: IndexedFrame) -> bytes:
    """A frame in the colours of its palette as a picture: as it is, but a JPEG where it has more colours."""
    if indexed.painted is None and len(indexed.colors) <= 256:
        return encoding.encode_labels(indexed.labels, indexed.colors, indexed.alpha, gray=False, fast=True)
    rgb: UInt8Array = indexed.rgb
    return encoding.encode_jpeg(rgb) if indexed.alpha is None else encoding.encode_rgb(rgb, indexed.alpha)
