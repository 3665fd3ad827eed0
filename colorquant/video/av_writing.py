"""Write frames as a video with PyAV: painted frames as H.264, VP9 or FFV1, and labels as gray FFV1."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, cast

import numpy as np

from colorquant.errors import ColorquantError, OutputError
from colorquant.temporary_files import unwritable
from colorquant.video.av_audio import AudioCopy, AudioSource
from colorquant.video.encodings import DEFAULT_CRF, Encoding, h264, labels, lossless, vp9
from colorquant.video.frame_files import NO_FRAME, LabelType
from colorquant.video.frames import IndexedFrame

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import OutputContainer
    from av.packet import Packet

    from colorquant.video.frames import Destination

THREADS = 4  # a constant: with another number an encoder writes other bytes
SRGB, BT_709, BT_601, LIMITED = 13, 1, 6, 1  # of ITU-T H.273: a transfer, primaries, a matrix; and FFmpeg's range
BITEXACT = 1 << 23  # AV_CODEC_FLAG_BITEXACT: no version of the encoder in the file
DEFAULT_RATE = Fraction(25)  # frames per second
FINEST = Fraction(1, 90_000)  # seconds: the unit of time where that of the clip is not known


class _Sink:
    """The file that FFmpeg writes to. It keeps the first error, and then takes what comes without writing it.

    An error that is raised inside FFmpeg's callbacks would reach standard error, too.
    """

    def __init__(self, temporary: Path) -> None:
        self._path = temporary
        self._stream = temporary.open("w+b", buffering=0)
        self._position = 0
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write at the position, if nothing failed so far."""
        if self.error is None:
            try:
                view = memoryview(data)
                while view:
                    view = view[self._stream.write(view) :]
            except OSError as error:
                self.error = error
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Change the position; also beyond what could be written."""
        base = (0, self._position, os.fstat(self._stream.fileno()).st_size)[whence]  # its name may be gone
        self._position = base + offset
        return self._stream.seek(self._position)

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def reopened(self, _url: str, _flags: int, _options: dict[str, str]) -> BinaryIO:
        """The file once more, to be read while it is written; empty where an interrupted run has removed it."""
        try:
            return self._path.open("rb")
        except OSError as error:
            self.error = error
            return io.BytesIO()

    def check(self) -> None:
        """Raises the OSError of a write that failed."""
        if self.error is not None:
            raise self.error

    def empty(self) -> None:
        """Remove what was written."""
        self._stream.truncate(self.seek(0))

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


class VideoFile:
    """A video of frames, which is written to a temporary file; a ``FrameWriter``.

    With ``painted`` it also gets the audio of the source, and a note says if its pixels have another shape.
    """

    def __init__(
        self, destination: Destination, encoding: Encoding, notes: Sequence[str] = (), *, painted: bool = False
    ) -> None:
        self._path, self._encoding, self._info = destination.path, encoding, destination.info
        self._has_end, self._ends_early = destination.reading.end is not None, destination.ends_early
        self._tick = _tick(destination)
        self._last: int | None = None  # the time of the last frame, in ticks
        self._end = Fraction(0)  # of the last frame, in seconds
        self._durations: dict[int, int] = {}  # of the frames that the encoder has not yet returned, by their times
        self._width, self._height = destination.info.width, destination.info.height
        self._notes = list(notes)
        if encoding.even:
            self._make_even()
        if painted and destination.info.pixel_aspect != 1 and not encoding.keeps_aspect:
            self._notes.append(
                f"{self._path.suffix} is written with square pixels, unlike the clip: only H.264 keeps those"
            )
        if max(self._width, self._height) > encoding.largest:
            size, most = f"{self._width}×{self._height}", f"{encoding.largest} pixels wide and high"
            raise OutputError(f"{self._path} is at most {most}, not {size}: use --scale")
        with ExitStack() as closing:
            source = None
            if painted and destination.info.has_audio and destination.source is not None:
                source = closing.enter_context(AudioSource(destination.source, destination.reading))
            temporary = destination.staged.reserve(self._path)
            with self._reported():
                self._file = _Sink(temporary)
                closing.callback(self._file.close)
                self._begin(source)
                closing.callback(self._container.close)
            self._closing = closing.pop_all()

    def _begin(self, source: AudioSource | None) -> None:
        """Open the container with its streams; without audio if the container refuses that."""
        from av import FFmpegError

        try:
            self._open(source)
        except FFmpegError:
            if source is None:
                raise
            self._notes.append(f"audio is left out: {self._path.suffix} cannot hold it")
            self._file.empty()
            self._open(None)

    def _open(self, source: AudioSource | None) -> None:
        self._container = _container(self._file, self._encoding.container)
        self._stream = self._added_stream()
        self._audio = None if source is None else AudioCopy(source, self._container, self._notes)
        self._container.start_encoding()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed when the frames were written."""
        return tuple(self._notes)

    def write(self, frame: IndexedFrame) -> None:
        """Write the next frame. Raises OutputError."""
        picture = self._picture(frame)
        self._end = frame.time + frame.duration
        with self._reported():
            self._mux(self._stream.encode(picture))
            if self._audio is not None:
                self._audio.copy(until=self._end)

    def finish(self) -> None:
        """Complete the file. Raises OutputError, also where no frame was written."""
        if self._last is None:
            raise OutputError(f"{self._path} is not written: {NO_FRAME}")
        with self._reported():
            self._mux(self._stream.encode(None))
            if self._audio is not None:
                cut = self._has_end or self._ends_early()
                self._audio.copy(until=self._end if cut else None)
            self._container.close()
            self._file.check()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with self._reported():
                self._closing.close()
        except OutputError:
            pass  # without finish() the file is removed

    def _make_even(self) -> None:
        before = f"{self._width}×{self._height}"
        self._width += self._width % 2
        self._height += self._height % 2
        after = f"{self._width}×{self._height}"
        if after != before:
            self._notes.append(
                f"{before} pixels became {after}: "
                "MP4 is written with even sizes, and the last column or row is repeated"
            )

    def _added_stream(self) -> VideoStream:
        info, encoding = self._info, self._encoding
        rate = _rational(info.rate or DEFAULT_RATE) or DEFAULT_RATE
        stream = cast("VideoStream", self._container.add_stream(encoding.codec, rate, encoding.options))
        stream.width, stream.height = self._width, self._height
        stream.pix_fmt = encoding.layout
        context = stream.codec_context
        stream.time_base = context.time_base = self._tick
        context.thread_count = THREADS
        context.flags |= BITEXACT
        if encoding.keeps_aspect:  # PyAV tells the encoder only, and the others do not write it
            context.sample_aspect_ratio = _rational(info.pixel_aspect) or Fraction(1)
        context.color_primaries, context.color_trc = BT_709, SRGB
        if encoding.yuv:
            context.colorspace, context.color_range = BT_601, LIMITED
        return stream

    def _picture(self, frame: IndexedFrame) -> VideoFrame:
        from av import VideoFrame

        picture = VideoFrame(self._width, self._height, self._encoding.layout)
        for plane, values in zip(picture.planes, self._encoding.planes(frame), strict=True):
            rows = values.reshape(len(values), -1).view(np.uint8)
            padded = np.zeros((plane.height, plane.line_size), np.uint8)
            padded[:, : rows.shape[1]] = rows
            plane.update(padded.tobytes())
        ticks = round(frame.time / self._tick)
        picture.pts = ticks if self._last is None else max(ticks, self._last + 1)
        picture.time_base = self._tick
        self._last = picture.pts
        self._durations[picture.pts] = max(1, round((frame.time + frame.duration) / self._tick) - picture.pts)
        return picture

    def _mux(self, packets: Sequence[Packet[VideoStream]]) -> None:
        for packet in packets:
            assert packet.pts is not None, "each frame has a time"
            packet.duration = self._durations.pop(packet.pts)
            self._container.mux(packet)
        self._file.check()

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Turns the errors of PyAV and of the operating system into an OutputError."""
        from av.error import FFmpegError

        try:
            yield
        except ColorquantError:
            raise
        except OSError as error:
            raise unwritable(self._path, error) from error
        except FFmpegError as error:
            if self._file.error is not None:
                raise unwritable(self._path, self._file.error) from error
            raise OutputError(f"{self._path} cannot be written ({error.strerror}): write another kind") from error


def _container(file: _Sink, kind: str) -> OutputContainer:
    """The container, written to an open file; an MP4 is read again so that its index can be moved to the front."""
    import av

    options = {"fflags": "+bitexact", "avoid_negative_ts": "disabled"}
    if kind == "mp4":
        options["movflags"] = "+faststart"
    return av.open(file, "w", format=kind, container_options=options, io_open=file.reopened)


def _tick(destination: Destination) -> Fraction:
    """The unit of time, in seconds, of which the times of all frames are multiples."""
    tick = destination.info.tick
    return FINEST if tick is None else _rational(tick) or FINEST


def _rational(value: Fraction) -> Fraction | None:
    """``value`` if FFmpeg can hold it, whose fractions have 32 bits, else None."""
    return value if value > 0 and max(value.numerator, value.denominator) < 1 << 31 else None


def video_writer(kind: str, destination: Destination) -> VideoFile:
    """The writer of painted frames as a video: ``kind`` is mp4, mkv or webm. Raises OutputError."""
    info = destination.info
    crf = DEFAULT_CRF[kind] if destination.crf is None else destination.crf
    if kind == "webm":
        return VideoFile(destination, vp9(info, crf), painted=True)
    if crf == 0:
        return VideoFile(destination, lossless(info), painted=True)
    notes = ["H.264 has no transparency: the frames are laid over black"] if info.has_alpha else []
    return VideoFile(destination, h264("mp4" if kind == "mp4" else "matroska", info, crf), notes, painted=True)


def label_video_writer(destination: Destination, *, dtype: LabelType) -> VideoFile:
    """The writer of labels as a gray video that is lossless; see :func:`colorquant.video.frame_files.label_values`."""
    return VideoFile(destination, labels(destination.info, dtype))
