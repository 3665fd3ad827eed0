"""What the writers of animations have in common: when each frame begins and is drawn, and the file that they write."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from colorquant.errors import OutputError
from colorquant.files import StagedFiles
from colorquant.images.strip_writing import GrowingFile
from colorquant.video.frames import ClipInfo, IndexedFrame, frames_words

P = TypeVar("P")


class AnimationWriter(GrowingFile, Generic[P]):
    """Writes an animation; a :class:`colorquant.video.frames.FrameWriter`. P are the pixels of a frame.

    Two frames are in memory at any time: each is drawn once the next one is known. Frames that equal the one before
    lengthen it. Each frame begins at the nearest multiple of ``tick``, so that the times do not drift, and lasts at
    least ``shortest``, because browsers show shorter frames for longer; frames that have no time left are dropped.

    ``format`` is the name of the format, for messages; ``tick`` and ``shortest`` are in seconds. Without a ``tick``
    frames begin at any time.
    """

    format: ClassVar[str]
    tick: ClassVar[Fraction | None] = None
    shortest: ClassVar[Fraction] = Fraction(0)

    def __init__(self, path: Path, staged: StagedFiles, info: ClipInfo) -> None:
        super().__init__(path, staged.reserve(path))
        self._info = info
        self._canvas: P | None = None  # what is seen before the pending frame is drawn; None: nothing
        self._pending: P | None = None
        self._begin = self._end = Fraction(0)  # of the pending frame, and of the last one, in seconds
        self._dropped = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed when the frames were written."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        if self._dropped:
            frames = frames_words(self._dropped, "is", "are")
            limit = f"{float(self.shortest):g} seconds"
            yield f"{self.format}: {frames} left out, because browsers slow frames under {limit} down"

    def write(self, frame: IndexedFrame) -> None:
        """Write the next frame. Raises OutputError, also where the format cannot hold the frame."""
        self._check(frame)
        begin, self._end = self._on_tick(frame.time), frame.time + frame.duration
        if self._pending is not None:
            begin = max(begin, self._begin + self.shortest)
            if self.shortest and begin >= self._end:  # the frames before have used up its time
                self._dropped += 1
                return
        pixels = self._pixels(frame)
        if self._pending is None:
            self._pending, self._begin = pixels, begin
        elif self._differ(pixels, self._pending):
            self._draw(self._pending, begin - self._begin, after=pixels)
            self._pending, self._begin = pixels, begin

    def finish(self) -> None:
        """Complete the file. Raises OutputError, also where no frame was written."""
        if self._pending is None:
            raise OutputError(f"{self._path} is not written: there is no frame")
        delay = self._on_tick(self._end) - self._begin
        self._draw(self._pending, delay if self._canvas is None else max(self.shortest, delay), after=None)
        self._complete()
        with self._reported():
            self._stream.close()

    def _on_tick(self, time: Fraction) -> Fraction:
        return time if self.tick is None else round(time / self.tick) * self.tick

    def _put(self, data: bytes) -> None:
        with self._reported():
            self._stream.write(data)

    def _check(self, frame: IndexedFrame) -> None:
        """Raises OutputError where the format cannot hold the frame."""

    @abstractmethod
    def _pixels(self, frame: IndexedFrame) -> P:
        """The pixels of the next frame, which is not dropped."""

    @abstractmethod
    def _differ(self, pixels: P, before: P) -> bool:
        """Whether any pixel of a frame is not as before."""

    @abstractmethod
    def _draw(self, pixels: P, delay: Fraction, *, after: P | None) -> None:
        """Write the frame that follows the canvas, which lasts ``delay`` seconds, and make it the canvas.

        ``after`` are the pixels of the frame that follows, None after the last one.
        """

    @abstractmethod
    def _complete(self) -> None:
        """Write what stands behind the frames, and what is known of the whole file."""
