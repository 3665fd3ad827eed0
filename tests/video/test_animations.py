"""Animations: composed frame by frame as the formats say, delays, loops; stills; damaged files are refused."""

import io
import struct
import zlib
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from support import encoded_clips as clips
from support.damage import chunk

from colorquant.errors import ImageReadError
from colorquant.images.animation import open_animation
from colorquant.video.frames import ClipReading
from colorquant.video.opening import open_clip

SIZE = 9, 11
LIMIT = 1 << 20


def over(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Pixels (h, w, 4) composited over others: the formula of the PNG specification, in floating point."""
    a, b = above[..., 3:] / 255, below[..., 3:] / 255
    alpha = a + b * (1 - a)
    colors = (above[..., :3] * a + below[..., :3] * b * (1 - a)) / np.maximum(alpha, 1e-9)
    return np.dstack([colors, 255 * alpha])


def composed(parts, disposals, blends):
    """The canvas after each part, as the specifications of GIF and APNG say; parts are (top, left, pixels)."""
    canvas, frames = np.zeros((*SIZE, 4)), []
    for (top, left, pixels), disposal, blend in zip(parts, disposals, blends, strict=True):
        area = slice(top, top + pixels.shape[0]), slice(left, left + pixels.shape[1])
        before = canvas.copy()
        canvas[area] = over(canvas[area], pixels.astype(float)) if blend else pixels
        frames.append(canvas.copy())
        if disposal == 1:
            canvas[area] = 0
        elif disposal == 2:
            canvas = before
    return frames


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


def areas(rng, count, *, whole_first):
    for number in range(count):
        top, left = rng.integers(SIZE[0]), rng.integers(SIZE[1])
        height, width = rng.integers(1, SIZE[0] - top + 1), rng.integers(1, SIZE[1] - left + 1)
        yield (0, 0, *SIZE) if number == 0 and whole_first else (top, left, height, width)


def gif(rng, count: int, repeats: int | None = 0) -> tuple[bytes, list[np.ndarray]]:
    """A GIF of random parts with every disposal, transparency and local colour tables, and its frames."""
    shared = rng.integers(0, 256, (256, 3), np.uint8)
    data = [b"GIF89a", struct.pack("<HHBBB", *SIZE[::-1], 0xF7, 3, 0), shared.tobytes()]
    if repeats is not None:
        data.append(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", repeats) + b"\0")
    parts, disposals = [], []
    for top, left, height, width in areas(rng, count, whole_first=rng.random() < 0.5):
        disposal, local = rng.integers(4), rng.random() < 0.5
        table = rng.integers(0, 256, (256, 3), np.uint8) if local else shared
        transparent = int(rng.integers(256)) if rng.random() < 0.6 else None
        indices = rng.integers(0, 256, (height, width)).astype(np.uint8)
        if transparent is not None:
            indices[rng.random(indices.shape) < 0.4] = transparent
        flags = int(disposal) << 2 | (transparent is not None)
        data.append(struct.pack("<BBBBHBB", 0x21, 0xF9, 4, flags, 7, transparent or 0, 0))
        data.append(struct.pack("<BHHHHB", 0x2C, left, top, width, height, 0x87 if local else 0))
        data += [table.tobytes() if local else b"", image_data(indices)]
        alpha = np.where(indices == transparent, 0, 255) if transparent is not None else np.full(indices.shape, 255)
        parts.append((top, left, np.dstack([table[indices], alpha])))
        disposals.append({2: 1, 3: 2}.get(int(disposal), 0))
    return b"".join([*data, b"\x3b"]), composed(parts, disposals, [True] * count)


def image_data(indices: np.ndarray) -> bytes:
    """The compressed data of one frame, taken out of a GIF that Pillow writes."""
    image = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    image.putpalette(list(range(256)) * 3)
    stream = io.BytesIO()
    image.save(stream, "GIF", interlace=0, optimize=False)
    data = stream.getvalue()
    at = 13 + 768
    assert data[at] == 0x2C
    return data[at + 10 + (768 if data[at + 9] & 0x80 else 0) : -1]


def apng(rng, count: int, color: int = 6, plays: int = 0, *, hidden: bool = False) -> tuple[bytes, list[np.ndarray]]:
    """An APNG of random parts with every disposal and blending, and its frames; ``hidden``: a default image before."""
    channels = {2: 3, 6: 4}[color]
    header = struct.pack(">IIBBBBB", *SIZE[::-1], 8, color, 0, 0, 0)
    data = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"acTL", struct.pack(">II", count, plays))]
    if hidden:
        data.append(chunk(b"IDAT", rows(np.zeros((*SIZE, channels), np.uint8))))
    parts, disposals, blends, sequence = [], [], [], 0
    for number, (top, left, height, width) in enumerate(areas(rng, count, whole_first=not hidden)):
        pixels = rng.integers(0, 256, (height, width, channels), np.uint8)
        if channels == 4:
            pixels[..., 3] = rng.choice(np.array([0, 80, 255], np.uint8), (height, width))
        disposal, blend = int(rng.integers(3)), int(rng.integers(2))
        control = struct.pack(">IIIIIHHBB", sequence, width, height, left, top, 7, 100, disposal, blend)
        data.append(chunk(b"fcTL", control))
        if number == 0 and not hidden:
            data.append(chunk(b"IDAT", rows(pixels)))
        else:
            sequence += 1
            data.append(chunk(b"fdAT", struct.pack(">I", sequence) + rows(pixels)))
        sequence += 1
        opaque = np.full((height, width), 255, np.uint8)
        parts.append((top, left, pixels if channels == 4 else np.dstack([pixels, opaque])))
        disposals.append(disposal)
        blends.append(bool(blend))
    return b"".join([*data, chunk(b"IEND", b"")]), composed(parts, disposals, blends)


def rows(pixels: np.ndarray) -> bytes:
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))


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
