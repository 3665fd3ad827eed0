"""Small previews of a clip for its page, before and after, which are made while the clip is labelled."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from colorquant.files import StagedFiles
from colorquant.images import encoding
from colorquant.types import AnyArray, IntArray, UInt8Array
from colorquant.video.extra import has_pyav
from colorquant.video.frames import ClipInfo, Destination, Frame, FrameWriter, IndexedFrame
from colorquant.video.writing import open_writer

SIDE = 640  # longest side of a preview
STILLS = 120  # most pictures, where the preview is not a video
STILL_PIXELS = 10_000_000  # most pixels of all of them
FRAMES = 900  # most frames of a video
VIDEO_PIXELS = 60_000_000  # most pixels of all of them: at CRF some 2 MB, and 15 MB if they are nothing but noise
CRF = 28


@dataclass(frozen=True)
class Still:
    """A shown frame ``before`` and ``after``, as files of pictures."""

    before: bytes
    after: bytes


@dataclass(frozen=True)
class ClipPreview:
    """What the page of a clip plays: frames of ``width`` by ``height`` pixels, one in ``every`` frames of the clip.

    They are shown from their ``times`` on, the last one until ``end``, in seconds. There is either a picture of each
    in ``stills``, or a ``video`` (MP4), whose frames have the clip before at the top, and after below it. ``poster`` is
    the frame in the middle. With ``cut`` later frames of the clip are left out.
    """

    width: int
    height: int
    every: int
    times: tuple[Fraction, ...]
    end: Fraction
    poster: Still
    stills: tuple[Still, ...] = ()
    video: bytes = b""
    cut: bool = False


class _Recorder(Protocol):
    """Keeps the frames of a preview."""

    width: int
    height: int

    def add(self, before: Frame, after: IndexedFrame) -> None:
        """Add the next frame, ``width`` by ``height`` pixels."""
        ...

    def preview(self, end: Fraction) -> ClipPreview:
        """The preview of the frames so far."""
        ...


class PreviewWriter:
    """Makes the :class:`ClipPreview` of a clip; a context manager.

    Its size is limited however long the clip is. ``info`` is that of the clip as it is read, and ``frames`` the number
    of its frames, None where it is unknown. A video needs PyAV, and does not keep alpha; else there are pictures. While
    it is made, a video is a temporary file beside the ``page``, which the next run removes if this one is killed.
    """

    def __init__(self, info: ClipInfo, frames: int | None = None, *, page: Path) -> None:
        self._closing = ExitStack()
        self._recorder: _Recorder
        if frames is None or info.has_alpha or not has_pyav() or _are_few(info, frames):
            self._recorder, self._every = _Stills(info, frames), 1
        else:
            self._every = math.ceil(frames / FRAMES)
            self._recorder = _Video(info, frames, self._every, page, self._closing)
        self._seen, self._end = 0, Fraction(0)

    def __enter__(self) -> PreviewWriter:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove temporary files."""
        self._closing.close()

    def write(self, frame: Frame, indexed: IndexedFrame) -> None:
        """Add a frame as it was read, and as it is written. Both have the size of the clip. Raises OutputError."""
        self._end = indexed.time + indexed.duration
        if self._seen % self._every == 0:
            chosen = _chosen(frame.rgb.shape[:2], (self._recorder.height, self._recorder.width))
            self._recorder.add(_thinned_frame(frame, chosen), _thinned(indexed, chosen))
        self._seen += 1

    def finish(self) -> ClipPreview:
        """The preview of all frames, of which there must be at least one. Raises OutputError."""
        return self._recorder.preview(self._end)


class _Stills:
    """A picture for each frame; where they become too many, every other one is dropped."""

    def __init__(self, info: ClipInfo, frames: int | None) -> None:
        number = STILLS if frames is None else min(frames, STILLS)
        self.width, self.height = _size(info, STILL_PIXELS / number)
        self._stills: list[tuple[Fraction, Still]] = []
        self._every, self._seen = 1, 0

    def add(self, before: Frame, after: IndexedFrame) -> None:
        if self._seen % self._every == 0:
            if len(self._stills) == STILLS:
                self._stills = self._stills[::2]
                self._every *= 2
            if self._seen % self._every == 0:
                self._stills.append((after.time, _still(before, after)))
        self._seen += 1

    def preview(self, end: Fraction) -> ClipPreview:
        times = tuple(time for time, _ in self._stills)
        stills = tuple(still for _, still in self._stills)
        return ClipPreview(self.width, self.height, self._every, times, end, stills[len(stills) // 2], stills)


class _Video:
    """An MP4 of all frames, before above after, in a temporary file that is removed when ``closing`` is closed."""

    def __init__(self, info: ClipInfo, frames: int, every: int, page: Path, closing: ExitStack) -> None:
        shown = math.ceil(frames / every)
        self.width, self.height = (length + length % 2 for length in _size(info, VIDEO_PIXELS / shown))
        self._page = page
        self._staged = closing.enter_context(StagedFiles(force=True))
        both = replace(
            info,
            width=self.width,
            height=2 * self.height,
            rate=None if info.rate is None else info.rate / every,
            variable=True,  # frames were left out, so their times can be any
        )
        destination = Destination(page, self._staged, both, crf=CRF)
        self._writer: FrameWriter = closing.enter_context(open_writer("mp4", destination))
        self._times: list[Fraction] = []
        self._middle, self._every, self._most = shown // 2, every, 2 * shown
        self._waiting: IndexedFrame | None = None
        self._poster: tuple[Frame, IndexedFrame] | None = None

    def add(self, before: Frame, after: IndexedFrame) -> None:
        if len(self._times) == self._most:
            return  # the clip has many more frames than it had when they were counted
        if len(self._times) <= self._middle:
            self._poster = before, after
        self._write(after.time)
        self._times.append(after.time)
        both = np.concatenate([before.rgb, after.rgb])
        labels = np.broadcast_to(np.uint8(0), both.shape[:2])
        self._waiting = IndexedFrame(labels, after.colors, after.time, after.duration, painted=both)

    def _write(self, end: Fraction) -> None:
        """Write the last frame, which is shown until ``end``."""
        if self._waiting is not None:
            self._writer.write(replace(self._waiting, duration=end - self._waiting.time))

    def preview(self, end: Fraction) -> ClipPreview:
        assert self._poster is not None, "a clip has a frame"
        self._write(end)
        self._writer.finish()
        video, cut, poster = self._staged.read(self._page), len(self._times) == self._most, _still(*self._poster)
        return ClipPreview(self.width, self.height, self._every, tuple(self._times), end, poster, video=video, cut=cut)


def _are_few(info: ClipInfo, frames: int) -> bool:
    """Whether there is room for a picture of every frame."""
    width, height = _size(info, math.inf)
    return frames <= STILLS and frames * width * height <= STILL_PIXELS


def _size(info: ClipInfo, pixels: float) -> tuple[int, int]:
    """The width and height of a preview, of at most so many ``pixels``."""
    scale = min(1.0, SIDE / max(info.width, info.height), math.sqrt(pixels / info.width / info.height))
    return max(1, round(info.width * scale)), max(1, round(info.height * scale))


def _chosen(shape: tuple[int, ...], smaller: tuple[int, int]) -> tuple[IntArray, IntArray]:
    """The rows and columns that stand for a picture of ``shape`` in another size, heights first."""
    rows, columns = (
        ((np.arange(few) + 0.5) * (many / few)).astype(np.int64) for many, few in zip(shape, smaller, strict=True)
    )
    return rows[:, None], columns[None, :]


def _take(values: AnyArray, chosen: tuple[IntArray, IntArray]) -> AnyArray:
    taken: AnyArray = np.ascontiguousarray(values[chosen])
    return taken


def _thinned_frame(frame: Frame, chosen: tuple[IntArray, IntArray]) -> Frame:
    """The chosen pixels of a frame."""
    alpha = None if frame.alpha is None else _take(frame.alpha, chosen)
    return replace(frame, rgb=_take(frame.rgb, chosen), alpha=alpha)


def _thinned(indexed: IndexedFrame, chosen: tuple[IntArray, IntArray]) -> IndexedFrame:
    """The chosen pixels of a frame in the colours of its palette."""
    alpha, painted = (None if pixels is None else _take(pixels, chosen) for pixels in (indexed.alpha, indexed.painted))
    return replace(indexed, labels=_take(indexed.labels, chosen), alpha=alpha, painted=painted)


def _still(before: Frame, after: IndexedFrame) -> Still:
    return Still(_encoded_pixels(before.rgb, before.alpha), _encoded(after))


def _encoded_pixels(rgb: UInt8Array, alpha: UInt8Array | None) -> bytes:
    return encoding.encode_jpeg(rgb) if alpha is None else encoding.encode_rgb(rgb, alpha)


def _encoded(indexed: IndexedFrame) -> bytes:
    """A frame in the colours of its palette as a picture: as it is, but a JPEG where it has more colours."""
    if indexed.painted is None and len(indexed.colors) <= 256:
        return encoding.encode_labels(indexed.labels, indexed.colors, indexed.alpha, gray=False, fast=True)
    return _encoded_pixels(indexed.rgb, indexed.alpha)
