"""Read videos with PyAV, whose wheels contain FFmpeg: frames upright, in sRGB, with exact times."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from colorquant.errors import EngineError, ImageReadError
from colorquant.images.alpha import apply_alpha
from colorquant.types import UInt8Array
from colorquant.video.frames import ClipInfo, ClipReading, Frame
from colorquant.video.selection import TimedPixels, scaled_size, select

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter
    from av.video.stream import VideoStream

REMEDY = "pip install 'colorquant[video]'"
# FFmpeg's names of the containers that are opened. Others run over playlists, devices, or still images.
CONTAINERS = (
    *("mov", "matroska", "avi", "mpeg", "mpegts", "mpegvideo", "asf", "flv", "ogg", "mxf", "nut", "yuv4mpegpipe"),
    *("ivf", "dv", "h264", "hevc", "m4v", "obu", "av1", "swf", "rm", "gxf", "wtv"),
    *("mp3", "wav", "flac", "aac", "aiff", "ac3", "eac3", "amr", "ape", "au", "caf", "w64", "wv", "tta"),  # audio
)
SEEKABLE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")  # with an index of key frames and exact times
BT709, BT601 = 1, 5  # swscale's numbers of the matrices
MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # of the frame's (H.273) by swscale's
LIMITED, FULL = 1, 2
HD = (1280, 576)  # a width from here on, or a height above it, is BT.709 where the file does not say
HDR = {16: "PQ", 18: "HLG"}
WIDE = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
NOMINAL = Fraction(1, 25)  # the duration of a frame of which nothing is known, in seconds


def open_video(source: Path | bytes, reading: ClipReading) -> Video:
    """Open a video and decode its first frame. Raises ImageReadError and EngineError as ``open_clip`` does."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise EngineError(f"videos are read by PyAV, which is not installed: {REMEDY}") from error
    return Video(source, reading)


class Video:
    """A video as a :class:`colorquant.video.frames.Clip`."""

    def __init__(self, source: Path | bytes, reading: ClipReading) -> None:
        self._source = source
        self._reading = reading
        with self._opened() as (container, stream):
            first = next(self._decoded(container, stream), None)
            if first is None:
                raise ImageReadError("a video without a frame: give another file")
            self._first_time = _time(first, stream) or Fraction(0)
            self._rate = stream.average_rate or stream.guessed_rate or None
            self._orientation = _orientation(first)
            self._converter = _Converter(first, reading, self._orientation)
            self._info = self._described(container, stream, first)

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
        with self._opened() as (container, stream):
            for packet in container.demux(stream):
                if packet.pts is None or packet.is_discard:
                    continue
                time = packet.pts * packet.time_base
                if time >= start and (found is None or time < found):
                    found = time
                if found is not None and packet.dts is not None and packet.dts * packet.time_base > found:
                    break  # frames are shown no earlier than they are decoded
        return start if found is None else found

    @contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        """The open container and its video stream."""
        stream = io.BytesIO(self._source) if isinstance(self._source, bytes) else self._source.open("rb")
        with stream, open_container(stream) as container:
            yield container, _video_stream(container)

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """The frames from where the container stands to its end. Raises ImageReadError where one is broken."""
        import av

        number = 0
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    raise ImageReadError(f"frame {number + 1} is broken (its data are damaged): give a whole file")
                for frame in packet.decode():
                    number += 1
                    if frame.is_corrupt:
                        raise ImageReadError(f"frame {number} is broken (its data are damaged): give a whole file")
                    yield frame
        except av.FFmpegError as error:
            raise ImageReadError(f"frame {number + 1} is broken ({error.strerror}): give a whole file") from error

    def _timed(self) -> Iterator[TimedPixels]:
        """All frames with their times; each lasts until the next one begins."""
        with self._opened() as (container, stream):
            nominal = 1 / self._rate if self._rate else NOMINAL
            waiting: tuple[VideoFrame, Fraction] | None = None
            lasts = nominal
            for frame in self._decoded(container, stream):
                time = _time(frame, stream)
                if waiting is None:
                    time = Fraction(0)
                else:
                    time = None if time is None else time - self._first_time
                    if time is None or time <= waiting[1]:  # no time, or one that is wrong
                        time = waiting[1] + nominal
                    lasts = time - waiting[1]
                    yield TimedPixels(waiting[1], lasts, self._converting(waiting[0]))
                waiting = frame, time
            if waiting is not None:
                frame, time = waiting
                own = frame.duration * stream.time_base if frame.duration and stream.time_base else None
                yield TimedPixels(time, own or lasts, self._converting(frame))

    def _converting(self, frame: VideoFrame) -> Callable[[], tuple[UInt8Array, UInt8Array | None]]:
        return lambda: self._converter(frame)

    def _described(self, container: InputContainer, stream: VideoStream, first: VideoFrame) -> ClipInfo:
        width, height = self._converter.upright_size
        duration = _duration(container, stream)
        frames = stream.frames or (round(duration * self._rate) if duration and self._rate else None)
        start, end = self._reading.start or Fraction(0), self._reading.end
        if duration is not None:
            duration = max(Fraction(0), (duration if end is None else min(end, duration)) - start)
            rate = self._reading.fps or self._rate
            if frames is not None and rate and (self._reading.fps or start or end is not None):
                frames = round(duration * rate)
        elif start or end is not None or self._reading.fps:
            frames = None
        suffix = "" if isinstance(self._source, bytes) else self._source.suffix.lower()[1:]
        names = ["mkv", "webm"] if "matroska" in container.format.name else container.format.name.split(",")
        return ClipInfo(
            width=width,
            height=height,
            frames=frames,
            duration=duration,
            rate=self._reading.fps or self._rate,
            format=suffix if suffix in names else names[0],
            codec=stream.codec_context.codec.canonical_name,
            variable=self._reading.fps is None and _is_variable(stream),
            tick=stream.time_base if self._reading.fps is None else 1 / self._reading.fps,
            pixel_aspect=_aspect(stream, turned=self._orientation[0]),
            has_alpha=_has_alpha(first) and (self._reading.alpha == "keep" or "threshold" in self._reading.alpha),
            has_audio=bool(container.streams.audio),
            bytes_in=len(self._source) if isinstance(self._source, bytes) else self._source.stat().st_size,
            notes=_notes(container, stream, first),
        )


class _Converter:
    """Converts decoded frames to upright sRGB pixels of the size of the first one, scaled."""

    def __init__(self, first: VideoFrame, reading: ClipReading, orientation: _Orientation) -> None:
        self._reading = reading
        self._orientation = orientation
        scaled_size(first.width, first.height, ClipReading(max_pixels=reading.max_pixels))
        self._size = scaled_size(first.width, first.height, reading)
        self._reformatter: VideoReformatter | None = None

    @property
    def upright_size(self) -> tuple[int, int]:
        """The width and the height of converted frames."""
        width, height = self._size
        return (height, width) if self._orientation[0] else (width, height)

    def __call__(self, frame: VideoFrame) -> tuple[UInt8Array, UInt8Array | None]:
        """The pixels (h, w, 3) uint8 of a frame, and their alpha (h, w) uint8 or None."""
        from av.video.reformatter import Interpolation, VideoReformatter

        if self._reformatter is None:
            self._reformatter = VideoReformatter()
        width, height = self._size
        smaller = width * height < frame.width * frame.height
        matrix, levels = _matrix(frame)
        converted = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgba" if _has_alpha(frame) else "rgb24",
            src_colorspace=matrix,
            src_color_range=levels,
            dst_color_range=FULL,
            interpolation=Interpolation.AREA if smaller else Interpolation.BICUBIC,
        )
        pixels: UInt8Array = np.asarray(converted.to_ndarray(), np.uint8)
        if converted is frame:  # nothing was converted, and the decoder may use its memory again
            pixels = pixels.copy()
        pixels = _turned(pixels, self._orientation)
        if pixels.shape[2] == 3:
            return np.ascontiguousarray(pixels), None
        alpha = np.ascontiguousarray(pixels[:, :, 3])
        rgb = np.ascontiguousarray(pixels[:, :, :3])
        return apply_alpha(rgb, None if alpha.min() == 255 else alpha, self._reading.alpha)


@contextmanager
def open_container(stream: BinaryIO) -> Iterator[InputContainer]:
    """Open the container; only local data are read, whatever it refers to."""
    import av

    options = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "none"}
    try:
        container = av.open(stream, "r", container_options=options, metadata_errors="replace")
    except (av.FFmpegError, UnicodeError) as error:
        stream.seek(0)
        raise ImageReadError(_why_not(stream.read(4096))) from error
    try:
        yield container
    finally:
        container.close()


def _why_not(first: bytes) -> str:
    """Why a file that begins with these bytes cannot be opened."""
    if first[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "its index (moov) is missing or damaged, as in a file that was cut off: give a whole file"
    if first.isascii() and not any(byte < 9 or 13 < byte < 32 for byte in first):
        return "is text, neither a video nor an animation: give another file"
    return "neither a video nor an animation of a known format, or damaged: give another file"


def _video_stream(container: InputContainer) -> VideoStream:
    """The first video stream that is no cover picture, ready to be decoded."""
    from av.stream import Disposition

    streams = [video for video in container.streams.video if not video.disposition & Disposition.attached_pic]
    if not streams:
        if container.streams.audio:
            raise ImageReadError("is an audio file, without a video: give a video or an animation")
        raise ImageReadError("has no video: give a video or an animation")
    stream = streams[0]
    if stream.codec_context is None:
        raise ImageReadError("its codec is not known to this PyAV: convert it, for example to H.264")
    stream.codec_context.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
    stream.codec_context.thread_count = 1
    return stream


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


def _is_variable(stream: VideoStream) -> bool:
    """Whether the smallest distance of frames differs from the average one."""
    if not stream.average_rate or not stream.base_rate:
        return False
    return abs(stream.base_rate / stream.average_rate - 1) > Fraction(1, 100)


_Orientation = tuple[bool, bool, bool]


def _orientation(frame: VideoFrame) -> _Orientation:
    """How pixels are turned: whether rows and columns change places, and then whether rows and columns are reversed.

    It is the frame's display matrix (ISO/IEC 14496-12, 8.3.2), to the next quarter turn.
    """
    from av.sidedata.sidedata import Type

    side_data = cast("Mapping[Type, bytes]", frame.side_data)  # PyAV declares the type of one kind only
    try:
        matrix = bytes(side_data[Type.DISPLAYMATRIX])
    except KeyError:
        return False, False, False
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    if abs(b) + abs(c) > abs(a) + abs(d):
        return True, b < 0, c < 0
    return False, d < 0, a < 0


def _aspect(stream: VideoStream, *, turned: bool) -> Fraction:
    """The width of a pixel by its height, when the frames are upright."""
    ratio = stream.sample_aspect_ratio
    if not ratio or ratio < 0:
        return Fraction(1)
    return 1 / ratio if turned else ratio


def _turned(pixels: UInt8Array, orientation: _Orientation) -> UInt8Array:
    exchanged, rows, columns = orientation
    if exchanged:
        pixels = pixels.swapaxes(0, 1)
    return pixels[:: -1 if rows else 1, :: -1 if columns else 1]


def _matrix(frame: VideoFrame) -> tuple[int | None, int | None]:
    """Swscale's numbers of the colour matrix and the range of a frame; None for RGB."""
    if frame.format.is_rgb or frame.format.name.startswith(("gray", "pal", "mono", "ya")):
        return None, None
    unknown = BT709 if frame.width >= HD[0] or frame.height > HD[1] else BT601
    full = frame.color_range == FULL or frame.format.name.startswith("yuvj")
    return MATRICES.get(frame.colorspace, unknown), FULL if full else LIMITED


def _has_alpha(frame: VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def _notes(container: InputContainer, stream: VideoStream, first: VideoFrame) -> tuple[str, ...]:
    """What is changed or lost when the frames are read."""
    notes: list[str] = []
    if len(container.streams.video) > 1:
        notes.append(f"of {len(container.streams.video)} video streams only number {stream.index} is read")
    bits = max(component.bits for component in first.format.components)
    if bits > 8:
        notes.append(f"{bits} bits a channel reduced to 8")
    if first.color_trc in HDR:
        notes.append(f"its HDR curve ({HDR[first.color_trc]}) is read as if it were sRGB: no tone mapping")
    if first.color_primaries in WIDE:
        notes.append(f"its primaries ({WIDE[first.color_primaries]}) are read as those of sRGB")
    ratio = stream.sample_aspect_ratio
    if ratio and ratio != 1:
        shape = f"{ratio.numerator}:{ratio.denominator}"
        notes.append(f"its pixels are not square ({shape}): videos keep that, other files show them as square ones")
    if first.interlaced_frame:
        notes.append("its frames are interlaced, and stay so")
    return tuple(notes)
