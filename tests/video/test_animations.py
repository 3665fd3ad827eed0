"""Animations: composed frame by frame as the formats say, delays, loops; stills; damaged files are refused."""

import io
import struct
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from support import encoded_clips as clips
from support.random_animations import SIZE, apng, gif

from colorquant.errors import ImageReadError
from colorquant.images.animation import open_animation
from colorquant.video.frames import ClipReading
from colorquant.video.opening import open_clip

LIMIT = 1 << 20


def assert_shows(data: bytes, frames) -> None:
    decoded = list(open_clip(data).frames())
    assert len(decoded) == len(frames)
    for frame, expected in zip(decoded, frames, strict=True):
        alpha = np.full(SIZE, 255) if frame.alpha is None else frame.alpha.astype(float)
        assert np.max(np.abs(alpha - expected[..., 3])) <= 1
        shown, wanted = (
            colors * (opacity[..., None] / 255)
            for colors, opacity in ((frame.rgb, alpha), (expected[..., :3], expected[..., 3]))
        )
        assert np.max(np.abs(shown - wanted)) <= 2


@pytest.mark.parametrize("seed", range(12))
def test_gifs_are_composed_as_specified(seed):
    assert_shows(*gif(np.random.default_rng(seed), 6))


@pytest.mark.parametrize("seed", range(12))
def test_apngs_are_composed_as_specified(seed):
    assert_shows(*apng(np.random.default_rng(seed), 6, color=(6, 2)[seed % 2], hidden=seed % 3 == 0))


def test_webps_are_composed():
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (*SIZE, 4), np.uint8) for _ in range(4)]
    assert_shows(clips.animation(frames, "WEBP", lossless=True, exact=True, duration=50), frames)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_delays_and_loops(kind):
    data = clips.animation(clips.pictures(5), kind, duration=[40, 0, 10, 20, 250], loop=3, lossless=True)
    clip = open_clip(data)
    assert [frame.duration for frame in clip.frames()] == [Fraction(n, 100) for n in (4, 10, 10, 2, 25)]
    assert [frame.time for frame in clip.frames()] == [Fraction(n, 100) for n in (0, 4, 14, 24, 26)]
    assert any("100 ms, as browsers show them" in note for note in clip.info.notes)
    assert clip.info.loops == (4 if kind == "GIF" else 3)  # a GIF says how often it is repeated
    assert (clip.info.frames, clip.info.duration, clip.info.variable) == (5, Fraction(51, 100), True)


def test_a_gif_without_a_loop_count_is_played_once():
    rng = np.random.default_rng(0)
    assert [open_clip(gif(rng, 2, repeats)[0]).info.loops for repeats in (None, 0, 1)] == [1, 0, 2]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_a_part_resampled_and_scaled(kind):
    data = clips.animation(clips.pictures(6), kind, duration=[100, 200, 300, 100, 100, 100], lossless=True)
    reading = ClipReading(start=Fraction(1, 10), end=Fraction(7, 10), fps=Fraction(10), scale=0.5)
    clip = open_clip(data, reading)
    whole = [frame.rgb for frame in open_clip(data, ClipReading(scale=0.5)).frames()]
    frames = list(clip.frames())
    assert (clip.info.frames, clip.info.width, clip.info.height) == (6, 16, 12)
    assert clip.info.duration == Fraction(6, 10)
    for number, (frame, shown) in enumerate(zip(frames, (1, 1, 2, 2, 2, 3), strict=False)):
        assert (frame.time, frame.duration) == (Fraction(number, 10), Fraction(1, 10))
        assert np.array_equal(frame.rgb, whole[shown])


def test_a_frame_is_not_repeated_without_end():
    data = clips.animation(clips.pictures(3), "PNG", duration=[100, 200_000, 100])
    assert len(list(open_clip(data, ClipReading(fps=Fraction(10))).frames())) == 2002
    with pytest.raises(ImageReadError, match=r"a frame at 0\.1 s lasts 200 s, which is more than 100,000 frames"):
        list(open_clip(data, ClipReading(fps=Fraction(1000))).frames())


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_a_still_image_is_a_clip_of_one_frame(kind):
    picture = clips.pictures(1)[0]
    clip = open_clip(clips.animation([picture], kind, lossless=True))
    (frame,) = clip.frames()
    assert np.array_equal(frame.rgb, picture)
    assert (clip.info.frames, frame.duration, clip.info.loops) == (1, Fraction(1, 10), 1)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "BMP", "AVIF"])
def test_other_still_images_are_refused(kind):
    stream = io.BytesIO()
    Image.fromarray(clips.pictures(1)[0]).save(stream, kind)
    with pytest.raises(ImageReadError, match=f"is a still image \\({kind}\\): use colorquant kmeans or colorquant em"):
        open_clip(stream.getvalue())


@pytest.mark.parametrize("treatment", ["drop", "threshold:90", "white"])
def test_alpha_is_treated(treatment):
    alpha = np.repeat(np.array([[0, 80, 100, 255]], np.uint8), 24, axis=0).repeat(8, axis=1)
    data = clips.animation([np.dstack([picture, alpha]) for picture in clips.pictures(2)], "PNG")
    clip = open_clip(data, ClipReading(alpha=treatment))
    frame = next(clip.frames())
    assert clip.info.has_alpha == (frame.alpha is not None) == (treatment == "threshold:90")
    if frame.alpha is not None:
        assert np.array_equal(frame.alpha, np.where(alpha >= 90, 255, 0))
    if treatment == "white":
        assert np.all(frame.rgb[:, :8] == 255)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_limit_of_pixels(kind):
    data = clips.animation(clips.pictures(2), kind)
    with pytest.raises(ImageReadError, match=r"32 × 24, more than 767 pixels"):
        open_clip(data, ClipReading(max_pixels=767))


ANIMATIONS = {
    "gif": gif(np.random.default_rng(5), 4)[0],
    "png": apng(np.random.default_rng(5), 4)[0],
    "webp": clips.animation(clips.pictures(4), "WEBP", lossless=True),
}


def frames_of(data: bytes) -> list[bytes] | None:
    """The frames; None where the file is refused, which is in one line."""
    try:
        animation = open_animation(data, LIMIT)
        return [frame.rgb.tobytes() + repr(frame.duration).encode() for frame in animation.frames()]
    except ImageReadError as error:
        assert len(str(error).splitlines()) == 1
        assert ": " in str(error)
        return None


@pytest.mark.parametrize("kind", ANIMATIONS)
def test_truncated_anywhere_they_are_refused(kind):
    data = ANIMATIONS[kind]
    whole = frames_of(data)
    assert len(whole) == 4
    for length in range(6, len(data), 7):
        assert frames_of(data[:length]) in ([None, whole] if kind == "png" and length > len(data) - 12 else [None])


@pytest.mark.parametrize("kind", ["gif", "png"])
def test_frames_of_a_truncated_animation_are_read(kind):
    data = ANIMATIONS[kind]
    whole = [frame.rgb.tobytes() for frame in open_clip(data).frames()]
    frames = []
    with pytest.raises(ImageReadError, match=r"truncated|broken"):
        frames.extend(frame.rgb.tobytes() for frame in open_clip(data[:-30]).frames())
    assert 1 < len(frames) < 4
    assert frames == whole[: len(frames)]


def changed(data: bytes, rng) -> bytes:
    damaged = bytearray(data)
    damaged[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return bytes(damaged)


def test_an_apng_with_a_changed_byte_is_refused():
    rng, whole = np.random.default_rng(6), frames_of(ANIMATIONS["png"])
    assert all(frames_of(changed(ANIMATIONS["png"], rng)) in (None, whole) for _ in range(80))


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_a_changed_byte_is_refused_or_changes_frames(kind):
    rng = np.random.default_rng(6)  # these formats have no checksums
    ends = [frames_of(changed(ANIMATIONS[kind], rng)) for _ in range(150)]
    assert 0 < sum(frames is None for frames in ends) < len(ends)
    assert all(frames is None or 0 < len(frames) <= 4 for frames in ends)


def test_frames_before_a_broken_one_are_read():
    data = bytearray(ANIMATIONS["gif"])
    descriptor = data.find(b"\x2c", data.rfind(b"\x21\xf9\x04") + 8)  # of the last frame
    start = descriptor + 10 + (768 if data[descriptor + 9] & 0x80 else 0) + 1
    data[start + 1 : start + 1 + data[start]] = b"\xff" * data[start]
    frames = []
    with pytest.raises(ImageReadError, match="frame 4 is broken"):
        frames.extend(open_clip(bytes(data)).frames())
    assert len(frames) == 3


def test_a_frame_of_a_gif_outside_its_canvas_shows_nothing():
    data = bytearray(gif(np.random.default_rng(1), 2)[0])
    descriptor = data.find(b"\x2c", data.rfind(b"\x21\xf9\x04") + 8)
    data[descriptor + 1 : descriptor + 5] = struct.pack("<HH", 200, 300)
    first, second = open_clip(bytes(data)).frames()
    assert np.array_equal(first.rgb, second.rgb)
