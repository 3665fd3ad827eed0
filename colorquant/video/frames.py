"""The types of this room: a clip, its frames as they are read, and its frames in the colours of a palette."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from colorquant.files import StagedFiles
from colorquant.images.decoding import MAX_PIXELS
from colorquant.types import AnyArray, UInt8Array

DIGITS = 6  # of the number of a frame in the name of its file, where the clip has no more frames


@dataclass(frozen=True)
class ClipReading:
    """How a clip is read.

    Frames before ``start`` and from ``end`` on, in seconds from the beginning of the clip, are left out. ``fps`` is the
    number of frames per second to which the clip is resampled, by repeating and dropping frames; None keeps its own
    frames and their times. ``scale`` multiplies width and height. A clip whose frames have more than ``max_pixels``
    pixels is refused. ``alpha`` is that of :class:`colorquant.images.decoding.Reading`.
    """

    start: Fraction | None = None
    end: Fraction | None = None
    fps: Fraction | None = None
    scale: float | None = None
    max_pixels: int = MAX_PIXELS
    alpha: str = "keep"


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame: ``rgb`` (h, w, 3) uint8 in sRGB, and ``alpha`` (h, w) uint8, None where all pixels are opaque.

    ``time`` and ``duration`` are in seconds; ``time`` counts from the first frame that is read.
    """

    rgb: UInt8Array
    alpha: UInt8Array | None
    time: Fraction
    duration: Fraction


@dataclass(frozen=True, eq=False)
class IndexedFrame:
    """A frame in the colours of a palette, as it is written.

    ``labels`` (h, w) uint8 or uint16 are rows of ``colors`` (p, 3) uint8; p stands for a fully transparent pixel.
    ``entry_alpha`` (p,) uint8 is the alpha of each entry, None where all are opaque. ``alpha`` (h, w) uint8 is the
    alpha of each pixel, None where all are opaque. ``painted`` (h, w, 3) uint8 has the colours of the pixels where they
    keep their own lightness, else it is None. ``time`` and ``duration`` are in seconds.
    """

    labels: AnyArray
    colors: UInt8Array
    time: Fraction
    duration: Fraction
    entry_alpha: UInt8Array | None = None
    alpha: UInt8Array | None = None
    painted: UInt8Array | None = None

    @property
    def rgb(self) -> UInt8Array:
        """The colours (h, w, 3) uint8 of the pixels; fully transparent ones are black."""
        if self.painted is not None:
            return self.painted
        if self.alpha is None:
            return self.colors[self.labels]
        rows: UInt8Array = np.concatenate([self.colors, np.zeros((1, 3), np.uint8)])
        return rows[self.labels]


@dataclass(frozen=True)
class ClipInfo:
    """What is known of a clip before its frames are decoded, as it will be read.

    ``width`` and ``height`` are those of its frames, upright and scaled. ``frames`` is their number and ``duration``
    their length in seconds, both None where they cannot be known, and otherwise what the file says, which need not be
    right. ``rate`` is the average number of frames per second, None where it is unknown. With ``variable`` the frames
    have different durations. ``tick`` is the unit, in seconds, of which all times and durations are multiples, None
    where it is unknown. ``pixel_aspect`` is the width of a pixel by its height. ``loops`` says how often an animation
    is played, 0 for ever; None for a video. ``format`` is that of the file, such as ``mp4`` or ``GIF``, and ``codec``
    that of its frames. ``notes`` say what is changed when it is read.
    """

    width: int
    height: int
    frames: int | None
    duration: Fraction | None
    rate: Fraction | None
    format: str
    codec: str
    variable: bool = False
    tick: Fraction | None = None
    pixel_aspect: Fraction = Fraction(1)
    has_alpha: bool = False
    has_audio: bool = False
    loops: int | None = None
    bytes_in: int = 0
    notes: tuple[str, ...] = ()


class Clip(Protocol):
    """A video or an animation that can be read as often as needed, frame by frame."""

    @property
    def info(self) -> ClipInfo:
        """What is known of the clip."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Decode the frames, from the first one. All have the size of ``info``.

        Raises ImageReadError where a frame is broken or the file ends too early, and where there is no frame.
        """
        ...


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Destination:
    """What a writer is given: where the frames go, and what they come from.

    ``path`` is the file to write; for numbered files it is what their names begin with, see
    :func:`colorquant.files.frame_path`. ``info`` describes the clip as it is read. ``source`` is the clip itself, whose
    audio is copied, and ``reading`` how its frames were read; with None there is no audio. ``crf`` is the quality of a
    video, within the range of its kind: the smaller, the better and the larger, and 0 is lossless; None is the default.
    ``digits`` is the length of the numbers of frames. ``ends_early`` is asked at the end, whether frames at the end of
    the clip are missing; then the audio ends with the last one that was written.
    """

    path: Path
    staged: StagedFiles
    info: ClipInfo
    source: Path | bytes | None = None
    reading: ClipReading = field(default_factory=ClipReading)
    crf: int | None = None
    digits: int = DIGITS
    ends_early: Callable[[], bool] = _never


class FrameWriter(Protocol):
    """Writes frames, in the order of their times, to a file or files; a context manager.

    The files are temporary ones of a :class:`colorquant.files.StagedFiles`, which the caller commits.
    """

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed when the frames were written, such as a row added for an even size."""
        ...

    def write(self, frame: IndexedFrame) -> None:
        """Write the next frame. Raises OutputError."""
        ...

    def finish(self) -> None:
        """Complete the files. Raises OutputError, also where no frame was written."""
        ...

    def __enter__(self) -> FrameWriter: ...

    def __exit__(self, *_: object) -> None:
        """Close what is open; without :meth:`finish` the files are not complete."""
        ...


def frames_words(number: int, one: str, many: str) -> str:
    """A number of frames with its verb, which is ``one`` or ``many``: 1 frame is, 3 frames are."""
    return f"1 frame {one}" if number == 1 else f"{number:,} frames {many}"
