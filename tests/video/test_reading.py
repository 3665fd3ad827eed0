"""Videos: pixels, sizes, times, and what is refused."""

from fractions import Fraction

import numpy as np
import pytest
from support import encoded_clips as clips

from colorquant.errors import ImageReadError, OptionError
from colorquant.video.frames import ClipReading
from colorquant.video.opening import open_clip

pytest.importorskip("av")


def error(rgb, expected):
    return np.abs(rgb.astype(int) - expected).mean()


@pytest.mark.parametrize(
    ("kind", "codec"), [("mp4", "libx264"), ("mkv", "ffv1"), ("webm", "libvpx-vp9"), ("avi", "mpeg4")]
)
def test_frames_are_those_that_were_written(kind, codec):
    pictures = clips.pictures(6)
    clip = open_clip(clips.video(pictures, kind, codec))
    frames = list(clip.frames())
    assert [frame.time for frame in frames] == [Fraction(number, 25) for number in range(6)]
    assert all(frame.duration == Fraction(1, 25) for frame in frames)
    assert max(error(frame.rgb, picture) for frame, picture in zip(frames, pictures, strict=True)) < 8
    assert (clip.info.width, clip.info.height, clip.info.frames, clip.info.rate) == (32, 24, 6, 25)
    assert [frame.rgb.tobytes() for frame in clip.frames()] == [frame.rgb.tobytes() for frame in frames]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_frames_are_upright(rotation):
    picture = clips.pictures(1)[0]
    clip = open_clip(clips.video([picture] * 2, rotation=rotation))
    expected = np.rot90(picture, rotation // 90)  # both count counterclockwise
    assert (clip.info.height, clip.info.width) == expected.shape[:2]
    assert error(next(clip.frames()).rgb, expected) < 8


@pytest.mark.parametrize(
    "reading",
    [{"start": Fraction(-1)}, {"start": Fraction(2), "end": Fraction(2)}, {"fps": Fraction(0)}, {"scale": 0.0}],
)
def test_readings_that_no_clip_can_have(reading):
    with pytest.raises(OptionError):
        open_clip(b"", ClipReading(**reading))


def test_a_part_of_a_clip_begins_at_time_0():
    clip = open_clip(clips.video(clips.pictures(8)), ClipReading(start=Fraction(1, 10), end=Fraction(6, 25)))
    assert [frame.time for frame in clip.frames()] == [0, Fraction(1, 25), Fraction(2, 25)]


def test_a_part_without_frames_is_refused():
    with pytest.raises(ImageReadError, match="no frame that begins between 9 s and its end"):
        list(open_clip(clips.video(clips.pictures(3)), ClipReading(start=Fraction(9))).frames())
