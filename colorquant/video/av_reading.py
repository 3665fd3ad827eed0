"""Read videos with PyAV, whose wheels contain FFmpeg: frames upright, in sRGB, with exact times."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from colorquant.errors import ImageReadError
from colorquant.images.decoding import MAX_PIXELS
from colorquant.images.file_bytes import open_file
from colorquant.images.videos import SAMPLE, SIGNATURE, is_transport_stream, why_unknown
from colorquant.video.av_pixels import Converter, has_alpha, notes, orientation
from colorquant.video.completeness import CUT_OFF, MissingFrames, damage
from colorquant.video.extra import require_pyav
from colorquant.video.frames import ClipInfo, ClipReading, Frame
from colorquant.video.selection import TimedPixels, scaled_size, select

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# FFmpeg's names of the containers that are opened. Others run over playlists, devices, or still images.
CONTAINERS = (
    *("mov", "matroska", "avi", "mpeg", "mpegts", "mpegvideo", "asf", "flv", "ogg", "mxf", "nut", "yuv4mpegpipe"),
    *("ivf", "dv", "h264", "hevc", "m4v", "obu", "av1", "swf", "rm", "gxf", "wtv"),
    *("mp3", "wav", "flac", "aac", "aiff", "ac3", "eac3", "amr", "ape", "au", "caf", "w64", "wv", "tta"),  # audio
)
SEEKABLE = ("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "mkv", "webm")  # with an index of key frames and exact times
WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # decoders of alpha, by FFmpeg's own decoders of the same codec
FASTEST = 1000  # frames per second; what is above is a unit of time
NOMINAL = Fraction(1, 25)  # the duration of a frame of which nothing is known, in seconds


def open_video(source: Path | bytes, reading: ClipReading) -> Video:
    """Open a video and decode its first frame. Raises ImageReadError and EngineError as ``open_clip`` does."""
    require_pyav("reading a video")
    return Video(source, reading)


class Video:
    """A video as a :class:`colorquant.video.frames.Clip`."""

    def __init__(self, source: Path | bytes, reading: ClipReading) -> None:
        self._source = source
        self._reading = reading
        self._damage: str | None = None
        with self._opened() as run:
            if not run.stream.width or not run.stream.height:  # FFmpeg withdraws a size that it does not allow
                raise ImageReadError(
                    f"has frames of no size, or of more than {reading.max_pixels:,} pixels: "
                    "give another clip, or allow more with --max-pixels"
                )
            scaled_size(run.stream.width, run.stream.height, replace(reading, scale=None))
            first = next(self._decoded(run))
            self._first_time = _time(first, run.stream) or Fraction(0)
            self._rate = _rate(run.stream)
            self._orientation = orientation(first)
            with self._file() as file:
                self._damage = damage(file, run.container.format.name)
                file.seek(0)
                kind = _format(run.container, source, file.read(SIGNATURE))
            self._info = self._described(run, first, kind)

    @property
    def info(self) -> ClipInfo:
        """What is known of the video."""
        return self._info

    def frames(self) -> Iterator[Frame]:
        """Decode the frames. Raises ImageReadError where one is broken, or the file ends too early."""
        return select(self._timed(), self._reading)

    def beginning(self) -> Fraction:
        """The time in the file, in seconds, of the first frame that is read. Only packets are read for it."""
        start = self._first_time + (self._reading.start or 0)
        if start == self._first_time:
            return start
        found: Fraction | None = None
        with self._opened() as run:
            self.seek(run.container, start)
            for packet in run.container.demux(run.stream):
                if packet.pts is None or packet.is_discard:
                    continue
                time = packet.pts * packet.time_base
                if time >= start and (found is None or time < found):
                    found = time
                if found is not None and packet.dts is not None and packet.dts * packet.time_base > found:
                    break  # frames are shown no earlier than they are decoded
        return start if found is None else found

    def seek(self, container: InputContainer, time: Fraction) -> None:
        """Go to a key frame at or before ``time`` in the file, in seconds, where its format allows that."""
        import av

        if self._info.format in SEEKABLE:
            container.seek(max(0, int(time * av.time_base)))

    def _file(self) -> BinaryIO:
        return io.BytesIO(self._source) if isinstance(self._source, bytes) else open_file(self._source)

    @contextmanager
    def _opened(self) -> Iterator[_Run]:
        with self._file() as file, open_container(file, max(MAX_PIXELS, self._reading.max_pixels)) as container:
            stream = _video_stream(container)
            yield _Run(container, stream, _decoder(stream, self._reading.max_pixels))

    def _timed(self) -> Iterator[TimedPixels]:
        """The frames with their times, from the beginning or from a key frame before ``reading.start``."""
        start = self._reading.start
        if start and self._info.format in SEEKABLE:
            with self._opened() as run:
                frames = self._timed_from(run, start)
                try:
                    first = next(frames)
                except (ImageReadError, StopIteration):  # whatever is wrong is found from the beginning on
                    first = None
                if first is not None and first.time <= start:
                    yield first
                    yield from frames
                    return
        with self._opened() as run:
            yield from self._timed_from(run, None)

    def _timed_from(self, run: _Run, start: Fraction | None) -> Iterator[TimedPixels]:
        """All frames, or those from a key frame before ``start``; each lasts until the next one begins."""
        import av

        convert = Converter((self._width, self._height), self._reading, self._orientation)
        base = run.stream.time_base or Fraction(1, av.time_base)
        if start is not None:
            try:
                run.container.seek(int((self._first_time + start) / base), stream=run.stream)
            except av.FFmpegError as error:
                raise ImageReadError("has a damaged index: give a whole file") from error
        nominal = lasts = 1 / self._rate if self._rate else NOMINAL
        waiting: VideoFrame | None = None
        time = Fraction(0)
        try:
            for frame in self._decoded(run, start):
                stamp = _time(frame, run.stream)
                if waiting is None:
                    time = stamp - self._first_time if start is not None and stamp is not None else time
                else:
                    before, time = time, stamp - self._first_time if stamp is not None else time
                    if time <= before:  # it has no time, or a wrong one
                        time = before + nominal
                    lasts = time - before
                    yield TimedPixels(before, lasts, partial(convert, waiting))
                waiting = frame
        except ImageReadError:
            if waiting is not None:  # it is whole
                yield TimedPixels(time, lasts, partial(convert, waiting))
            raise
        if waiting is not None:
            yield TimedPixels(time, waiting.duration * base or lasts, partial(convert, waiting))

    def _decoded(self, run: _Run, start: Fraction | None = None) -> Iterator[VideoFrame]:
        """The frames from where the container stands to its end: at ``start``, or its beginning.

        Raises ImageReadError where one is broken or missing, and at the end of a file that was cut off.
        """
        import av

        number = 0
        interlaced = False  # then each field may be a packet
        missing = MissingFrames()
        try:
            for packet in run.container.demux(run.stream):
                if not packet.size and packet.dts is not None:
                    continue  # the frame before is repeated, and a decoder would take this for the end
                if packet.is_corrupt:
                    raise _broken(number + 1, start)
                if packet.pts is not None and _is_shown(packet, run.stream):
                    missing.add_packet(packet.pts)
                for frame in run.decoder.decode(packet):
                    number += 1
                    interlaced |= frame.interlaced_frame
                    lost = frame.pts is not None and missing.add_frame(frame.pts) and not interlaced
                    if frame.is_corrupt or lost:
                        raise _broken(number, start)
                    yield frame
        except av.FFmpegError as error:
            raise _broken(number + 1, start, error.strerror) from error
        if number == 0:
            raise ImageReadError("has no frame, or ends before its first one: give a whole file")
        wrong = CUT_OFF if missing.at_end() and not interlaced else self._damage
        if wrong is not None:
            raise ImageReadError(f"{wrong} ({number} frames can be read): give a whole file")

    def _described(self, run: _Run, first: VideoFrame, kind: str) -> ClipInfo:
        stream, reading = run.stream, self._reading
        self._width, self._height = first.width, first.height
        width, height = Converter((first.width, first.height), reading, self._orientation).upright_size
        duration = _duration(run.container, stream)
        rate = reading.fps or self._rate
        frames = stream.frames or None
        if duration is not None and (reading.start or reading.end is not None):
            end = duration if reading.end is None else min(reading.end, duration)
            duration = max(Fraction(0), end - (reading.start or 0))
            frames = None
        if frames is None or reading.fps:
            frames = None if duration is None or rate is None else round(duration * rate)
        return ClipInfo(
            width=width,
            height=height,
            frames=frames,
            duration=duration,
            rate=rate,
            format=kind,
            codec=stream.codec_context.codec.canonical_name,
            variable=reading.fps is None and _is_variable(stream),
            tick=stream.time_base if reading.fps is None else 1 / reading.fps,
            pixel_aspect=_aspect(stream, turned=self._orientation[0]),
            has_alpha=has_alpha(first) and (reading.alpha == "keep" or "threshold" in reading.alpha),
            has_audio=bool(run.container.streams.audio),
            bytes_in=len(self._source) if isinstance(self._source, bytes) else self._source.stat().st_size,
            notes=(*_notes(run.container, stream, first), *notes(first)),
        )


@dataclass(frozen=True)
class _Run:
    """An open container, its video stream, and what decodes it."""

    container: InputContainer
    stream: VideoStream
    decoder: VideoCodecContext


@contextmanager
def open_container(stream: BinaryIO, max_pixels: int = MAX_PIXELS) -> Iterator[InputContainer]:
    """Open the container; only local data are read, whatever it refers to.

    FFmpeg decodes some frames in order to know their format, but none of more than ``max_pixels``.
    """
    import av

    options = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "none"}
    kind = "mpegts" if is_transport_stream(stream.read(SIGNATURE)) else None  # FFmpeg does not recognize short ones
    stream.seek(0)
    try:
        container = av.open(
            stream,
            "r",
            format=kind,
            options={"max_pixels": str(max_pixels)},
            container_options=options,
            metadata_errors="replace",
        )
    except (av.FFmpegError, UnicodeError) as error:
        stream.seek(0)
        raise ImageReadError(why_unknown(stream.read(SAMPLE))) from error
    try:
        yield container
    finally:
        container.close()


def _video_stream(container: InputContainer) -> VideoStream:
    """The first video stream that is no cover picture, ready to be decoded."""
    from av.stream import Disposition

    streams = [video for video in container.streams.video if not video.disposition & Disposition.attached_pic]
    if not streams:
        if container.streams.audio:
            raise ImageReadError("is an audio file, without a video: give a video or an animation")
        raise ImageReadError("has no video: give a video or an animation")
    if streams[0].codec_context is None:
        raise ImageReadError("its codec is not known to this PyAV: convert it, for example to H.264")
    return streams[0]


def _decoder(stream: VideoStream, max_pixels: int) -> VideoCodecContext:
    """What decodes the stream: it does not conceal errors, as FFmpeg does by default.

    A frame of far more than ``max_pixels`` in the middle of the stream is an error to it; it counts whole blocks.
    """
    import av

    decoder = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and decoder.name in WITH_ALPHA:  # FFmpeg's own decoder ignores alpha
        with suppress(av.FFmpegError, ValueError):
            decoder = cast("VideoCodecContext", av.CodecContext.create(WITH_ALPHA[decoder.name], "r"))
    decoder.options = {"err_detect": "crccheck+bitstream+buffer+explode", "max_pixels": str(2 * max_pixels)}
    decoder.thread_count = 1
    return decoder


def _broken(number: int, start: Fraction | None, reason: str | None = None) -> ImageReadError:
    place = "" if start is None else " from the key frame before --start on"
    return ImageReadError(f"frame {number}{place} is broken ({reason or 'its data are damaged'}): give a whole file")


def _is_shown(packet: Packet[VideoStream], stream: VideoStream) -> bool:
    """Whether a packet gives a frame. Those of VP8 have a bit for that (RFC 6386, 9.1)."""
    if packet.is_discard or not packet.size:
        return False
    return stream.codec_context.codec.canonical_name != "vp8" or bool(bytes(packet)[0] & 0x10)


def _time(frame: VideoFrame, stream: VideoStream) -> Fraction | None:
    """The time of a frame as the file has it, in seconds; None where it has none."""
    stamp = frame.pts if frame.pts is not None else frame.dts
    return None if stamp is None or stream.time_base is None else stamp * stream.time_base


def _duration(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """The length in seconds that the file declares."""
    import av

    if stream.duration is not None and stream.time_base is not None:
        return stream.duration * stream.time_base
    parts = stream.metadata.get("DURATION", "").split(":")  # of a Matroska file: 00:00:10.400000000
    try:
        return Fraction(parts[0]) * 3600 + Fraction(parts[1]) * 60 + Fraction(parts[2])
    except (ValueError, IndexError, ZeroDivisionError):
        return None if container.duration is None else Fraction(container.duration, av.time_base)


def _format(container: InputContainer, source: Path | bytes, first: bytes) -> str:
    """The format of the file that begins with ``first``; its ending tells FFmpeg's names of relatives apart."""
    suffix = "" if isinstance(source, bytes) else source.suffix.lower()[1:]
    names = container.format.name.split(",")
    if "matroska" in names:
        return "webm" if b"webm" in first else "mkv"
    if "mov" in names and suffix not in names:
        return "mov" if container.metadata.get("major_brand", "qt").strip() == "qt" else "mp4"
    return suffix if suffix in names else names[0]


def _rate(stream: VideoStream) -> Fraction | None:
    """The average number of frames per second; None where the file has no likely one."""
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    return next((rate for rate in rates if rate and 0 < rate <= FASTEST), None)


def _is_variable(stream: VideoStream) -> bool:
    """Whether the smallest distance of frames differs from the average one."""
    if not stream.average_rate or not stream.base_rate:
        return False
    return abs(stream.base_rate / stream.average_rate - 1) > Fraction(1, 100)


def _aspect(stream: VideoStream, *, turned: bool) -> Fraction:
    """The width of a pixel by its height, when the frames are upright."""
    ratio = stream.sample_aspect_ratio
    if not ratio or ratio < 0:
        return Fraction(1)
    return 1 / ratio if turned else ratio


def _notes(container: InputContainer, stream: VideoStream, first: VideoFrame) -> tuple[str, ...]:
    """What is left out when the frames are read."""
    found: list[str] = []
    if len(container.streams.video) > 1:
        found.append(f"of {len(container.streams.video)} video streams only number {stream.index} is read")
    if stream.metadata.get("alpha_mode") == "1" and not has_alpha(first):
        found.append("its alpha is not read: this PyAV has no decoder for it")
    ratio = stream.sample_aspect_ratio
    if ratio and ratio != 1:
        shape = f"{ratio.numerator}:{ratio.denominator}"
        found.append(f"its pixels are not square ({shape}): videos keep that, other files show them as square ones")
    return tuple(found)
