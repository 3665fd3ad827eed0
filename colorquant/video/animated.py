"""Clips that Pillow reads: GIF, APNG, animated WebP, and still images of these formats as clips of one frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import gcd, lcm

from colorquant.images.animation import Animation, resized
from colorquant.types import UInt8Array
from colorquant.video.frames import ClipInfo, ClipReading, Frame
from colorquant.video.selection import TimedPixels, scaled_size, select, selected_duration


class AnimatedImage:
    """An animation as a :class:`colorquant.video.frames.Clip`."""

    def __init__(self, animation: Animation, reading: ClipReading) -> None:
        self._animation = animation
        self._reading = reading
        size = (animation.width, animation.height)
        self._size = scaled_size(*size, reading)
        frames, duration = selected_duration(animation.durations, reading)
        self._info = ClipInfo(
            *self._size,
            frames=frames,
            duration=duration,
            rate=frames / duration if frames else None,
            format=animation.format,
            codec=animation.format,
            variable=reading.fps is None and len(set(animation.durations)) > 1,
            tick=_tick(animation.durations) if reading.fps is None else 1 / reading.fps,
            has_alpha=animation.has_alpha and (reading.alpha == "keep" or "threshold" in reading.alpha),
            loops=animation.loops,
            bytes_in=animation.bytes_in,
            notes=animation.notes,
        )

    @property
    def info(self) -> ClipInfo:
        """What is known of the animation."""
        return self._info

    def frames(self) -> Iterator[Frame]:
        """Decode and compose the frames. Raises ImageReadError where one is broken."""
        return select(self._timed(), self._reading)

    def _timed(self) -> Iterator[TimedPixels]:
        time = Fraction(0)
        for frame in self._animation.frames(self._reading.alpha):

            def convert(
                rgb: UInt8Array = frame.rgb, alpha: UInt8Array | None = frame.alpha
            ) -> tuple[UInt8Array, UInt8Array | None]:
                return (rgb, alpha) if self._reading.scale is None else resized(rgb, alpha, self._size)

            yield TimedPixels(time, frame.duration, convert)
            time += frame.duration


def _tick(durations: Sequence[Fraction]) -> Fraction:
    """The largest unit of which all durations are multiples."""
    denominator = lcm(*(duration.denominator for duration in durations))
    return Fraction(gcd(*(int(duration * denominator) for duration in durations)), denominator)
