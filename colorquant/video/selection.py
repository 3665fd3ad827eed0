"""Choose the frames of a clip by time: the part between two times, at its own or another number of frames a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from colorquant.errors import ImageReadError, OptionError
from colorquant.types import UInt8Array
from colorquant.video.frames import ClipReading, Frame

MOST_FPS = 1000  # beyond what is filmed: a clip would be mostly repeated frames
MOST_REPEATS = 100_000  # of a frame, where a clip is resampled


@dataclass(frozen=True, eq=False)
class TimedPixels:
    """A decoded frame with its ``time`` and ``duration`` in the file, in seconds.

    ``convert`` returns its pixels, (h, w, 3) uint8 in sRGB, and their alpha (h, w) uint8 or None; it is called for
    frames that are chosen, once each.
    """

    time: Fraction
    duration: Fraction
    convert: Callable[[], tuple[UInt8Array, UInt8Array | None]]


def check_selection(reading: ClipReading) -> None:
    """Raises OptionError for times, a rate or a scale that no clip can have."""
    if reading.start is not None and reading.start < 0:
        raise OptionError(f"--start {float(reading.start):g} lies before the clip: use 0 or more seconds")
    if reading.end is not None and reading.end <= (reading.start or 0):
        raise OptionError(f"--end {float(reading.end):g} must be later than --start")
    if reading.fps is not None and not 0 < reading.fps <= MOST_FPS:
        raise OptionError(f"--fps {float(reading.fps):g} must be above 0, at most {MOST_FPS}")
    if reading.scale is not None and not 0 < reading.scale <= 100:
        raise OptionError(f"--scale {reading.scale:g} must be above 0, at most 100")


def select(frames: Iterable[TimedPixels], reading: ClipReading) -> Iterator[Frame]:
    """The frames that begin from ``reading.start`` until before ``reading.end``; times count from the first of them.

    With ``reading.fps`` the clip is resampled: the frame at the time i / fps is the one that is on the screen then, and
    the last one lasts as long as the others. The same arrays are yielded again where a frame is repeated. Raises
    ImageReadError where no frame begins in that time.
    """
    chosen = _between(frames, reading)
    empty = True
    for frame in _converted(chosen) if reading.fps is None else _resampled(chosen, reading.fps):
        empty = False
        yield frame
    if empty:
        raise ImageReadError(_none_left(reading))


def selected_duration(durations: Iterable[Fraction], reading: ClipReading) -> tuple[int, Fraction]:
    """The number and the length in seconds of the frames that :func:`select` yields from frames so long."""
    time = total = Fraction(0)
    count = 0
    for duration in durations:
        if time >= (reading.start or 0) and (reading.end is None or time < reading.end):
            count, total = count + 1, total + duration
        time += duration
    if reading.fps and count:
        count = -(-total * reading.fps // 1)
        total = count / reading.fps
    return int(count), total


def _none_left(reading: ClipReading) -> str:
    if reading.start is None and reading.end is None:
        return "has no frames: give another clip"
    start, end = float(reading.start or 0), "its end" if reading.end is None else f"{float(reading.end):g} s"
    return f"has no frame that begins between {start:g} s and {end}: choose another --start or --end"


def _between(frames: Iterable[TimedPixels], reading: ClipReading) -> Iterator[TimedPixels]:
    """The frames that begin between the two times, which then count from the first of them."""
    origin: Fraction | None = None
    for frame in frames:
        if reading.end is not None and frame.time >= reading.end:
            return
        if frame.time >= (reading.start or 0):
            origin = frame.time if origin is None else origin
            yield replace(frame, time=frame.time - origin)


def _converted(frames: Iterable[TimedPixels]) -> Iterator[Frame]:
    for frame in frames:
        yield Frame(*frame.convert(), frame.time, frame.duration)


def _resampled(frames: Iterable[TimedPixels], fps: Fraction) -> Iterator[Frame]:
    number = 0
    for frame in frames:
        if frame.duration * fps > MOST_REPEATS:  # a damaged time; or a still that nobody wants so often
            lasts = f"a frame at {float(frame.time):g} s lasts {float(frame.duration):g} s"
            raise ImageReadError(f"{lasts}, which is more than {MOST_REPEATS:,} frames: use a smaller --fps, or --end")
        pixels: tuple[UInt8Array, UInt8Array | None] | None = None
        while number / fps < frame.time + frame.duration:
            pixels = frame.convert() if pixels is None else pixels
            yield Frame(*pixels, number / fps, 1 / fps)
            number += 1


def scaled_size(width: int, height: int, reading: ClipReading) -> tuple[int, int]:
    """The width and the height of the frames as they are read. Raises ImageReadError where that is too large."""
    if reading.scale is None:
        scaled = (width, height)
    else:
        scaled = (max(1, round(width * reading.scale)), max(1, round(height * reading.scale)))
    if scaled[0] * scaled[1] > reading.max_pixels:
        raise ImageReadError(
            f"has frames of {scaled[0]} × {scaled[1]}, more than {reading.max_pixels:,} pixels: "
            "give a smaller clip or --scale, or allow more with --max-pixels"
        )
    return scaled
