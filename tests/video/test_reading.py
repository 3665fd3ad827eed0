"""Videos: pixels, colours, sizes, times, and the part and the rate that are chosen."""

import sys
from fractions import Fraction

import numpy as np
import pytest
from support import encoded_clips as clips

from colorquant.errors import EngineError, ImageReadError, OptionError
from colorquant.video.frames import ClipReading
from colorquant.video.opening import open_clip

pytest.importorskip("av")

CODECS = [("mp4", "libx264"), ("mkv", "ffv1"), ("webm", "libvpx-vp9"), ("webm", "libvpx"), ("avi", "mpeg4")]
LOSSLESS = {"kind": "mkv", "codec": "ffv1", "pixels": "bgr0"}


def error(rgb, expected):
    return np.abs(rgb.astype(int) - expected).mean()


def times(clip):
    return [frame.time for frame in clip.frames()]


@pytest.mark.parametrize(("kind", "codec"), CODECS)
def test_frames_are_those_that_were_written(kind, codec):
    pictures = clips.pictures(6)
    clip = open_clip(clips.video(pictures, kind, codec))
    frames = list(clip.frames())
    assert [frame.time for frame in frames] == [Fraction(number, 25) for number in range(6)]
    assert all(frame.duration == Fraction(1, 25) for frame in frames)
    assert max(error(frame.rgb, picture) for frame, picture in zip(frames, pictures, strict=True)) < 8
    assert (clip.info.width, clip.info.height, clip.info.frames, clip.info.rate) == (32, 24, 6, 25)
    assert (clip.info.format, clip.info.duration) == (kind, Fraction(6, 25))
    assert [frame.rgb.tobytes() for frame in clip.frames()] == [frame.rgb.tobytes() for frame in frames]


def test_a_file_and_its_bytes_are_the_same_clip(tmp_path):
    data = clips.video(clips.pictures(3), audio=True)
    path = tmp_path / "clip %d: ü.mp4"
    path.write_bytes(data)
    one, other = open_clip(path), open_clip(data)
    assert one.info == other.info
    assert one.info.has_audio
    assert [frame.rgb.tobytes() for frame in one.frames()] == [frame.rgb.tobytes() for frame in other.frames()]


@pytest.mark.parametrize("shape", [(1, 2), (1, 31), (23, 3), (23, 31), (17, 200)])
def test_odd_sizes(shape):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    frame = next(open_clip(clips.video([picture], **LOSSLESS)).frames())
    assert np.array_equal(frame.rgb, picture)
    assert frame.alpha is None
    assert frame.duration == Fraction(1, 25)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_frames_are_upright(rotation, flip):
    picture = clips.pictures(1)[0]
    clip = open_clip(clips.video([picture] * 2, rotation=rotation, flip=flip))
    expected = np.rot90(picture, rotation // 90)  # both count counterclockwise
    expected = expected[:, ::-1] if flip else expected
    assert (clip.info.height, clip.info.width) == expected.shape[:2]
    assert error(next(clip.frames()).rgb, expected) < 8


BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)  # the weights of red and blue in luma (ITU-R BT.601 and BT.709)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("matrix", "weights"), [(1, BT709), (5, BT601), (6, BT601), (2, BT601)])
def test_matrix_and_range_are_honoured(matrix, weights, full):
    planes = np.random.default_rng(1).integers(70, 170, (3, 8, 16), np.uint8)
    attributes = {"colorspace": matrix, "color_range": 2 if full else 1}
    data = clips.video([planes], "mkv", "ffv1", pixels="yuv444p", attributes=attributes)
    expected = colors_of(planes, weights, full=full)
    assert np.max(np.abs(next(open_clip(data).frames()).rgb - expected)) < 0.6


def colors_of(planes, weights, *, full):
    """The colours (h, w, 3), not rounded, of the planes Y, U and V (3, h, w), by the formulas of H.273, 8.3."""
    red, blue = weights
    luma, u, v = planes.astype(float)
    y = luma / 255 if full else (luma - 16) / 219
    u, v = ((plane - 128) / (255 if full else 224) for plane in (u, v))
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return np.clip(255 * np.dstack([r, (y - red * r - blue * b) / (1 - red - blue), b]), 0, 255)


@pytest.mark.parametrize(("kind", "codec"), [("mp4", "libx264"), ("mkv", "ffv1")])
def test_halved_chroma_stays_where_it_is(kind, codec):
    rng = np.random.default_rng(2)
    planes = rng.integers(70, 170, (3, 16, 32), np.uint8)
    planes[1:] = planes[1:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)
    data = clips.video(
        [planes] * 2, kind, codec, attributes={"color_range": 1}, **({"qp": "0"} if kind == "mp4" else {})
    )
    for frame in open_clip(data).frames():
        assert np.max(np.abs(frame.rgb - colors_of(planes, BT601, full=False))) < 0.6


def test_halved_chroma_has_no_bias():
    flat = np.full((16, 16, 3), (200, 90, 60), np.uint8)
    data = clips.video([flat], "mkv", "ffv1", attributes={"color_range": 1})
    assert np.max(np.abs(next(open_clip(data).frames()).rgb.astype(int) - flat)) <= 1


def test_ten_bits_are_rounded_and_said():
    planes = np.full((3, 8, 16), 512, np.uint16)
    planes[0] = np.arange(64, 64 + 16 * 50, 50)
    clip = open_clip(clips.video([planes], "mkv", "ffv1", pixels="yuv444p10le", attributes={"color_range": 1}))
    expected = (planes[0] - 64.0) * 255 / (4 * 219)
    assert np.max(np.abs(next(clip.frames()).rgb - expected[:, :, None])) < 1.1
    assert "10 bits a channel reduced to 8" in clip.info.notes


def test_hdr_and_wide_primaries_are_said():
    attributes = {"color_trc": 16, "color_primaries": 9, "colorspace": 9}
    clip = open_clip(clips.video(clips.pictures(1), "mkv", "ffv1", attributes=attributes))
    notes = " ".join(clip.info.notes)
    assert "HDR curve (PQ)" in notes
    assert "primaries (BT.2020)" in notes


def test_pixels_that_are_not_square_are_said():
    attributes = {"sample_aspect_ratio": Fraction(4, 3)}
    clip = open_clip(clips.video(clips.pictures(1), attributes=attributes))
    assert clip.info.pixel_aspect == Fraction(4, 3)
    assert any("not square (4:3)" in note for note in clip.info.notes)


@pytest.mark.parametrize(
    ("kind", "codec", "pixels"), [("mkv", "ffv1", "bgra"), ("mov", "qtrle", "argb"), ("webm", "libvpx-vp9", "yuva420p")]
)
def test_alpha_is_read(kind, codec, pixels):
    alpha = np.repeat(np.repeat(np.array([[0, 100, 180, 255]], np.uint8), 24, axis=0), 8, axis=1)
    pictures = [np.dstack([picture, alpha]) for picture in clips.pictures(3)]
    data = clips.video(pictures, kind, codec, pixels=pixels)
    clip = open_clip(data)
    assert clip.info.has_alpha
    for frame, picture in zip(clip.frames(), pictures, strict=True):
        assert np.max(np.abs(frame.alpha.astype(int) - alpha)) <= 2
        assert error(frame.rgb[:, 8:], picture[:, 8:, :3]) < 12
    white = open_clip(data, ClipReading(alpha="white"))
    assert not white.info.has_alpha
    frame = next(white.frames())
    assert frame.alpha is None
    assert np.all(frame.rgb[:, :8] == 255)


def test_alpha_that_is_not_read_is_said(monkeypatch):
    monkeypatch.setattr("colorquant.video.av_reading.WITH_ALPHA", {})
    pictures = [np.dstack([picture, picture[:, :, 0]]) for picture in clips.pictures(2)]
    clip = open_clip(clips.video(pictures, "webm", "libvpx-vp9", pixels="yuva420p"))
    assert not clip.info.has_alpha
    assert any("alpha is not read" in note for note in clip.info.notes)


def test_opaque_frames_of_a_video_with_alpha():
    pictures = [np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]) for picture in clips.pictures(2)]
    assert all(frame.alpha is None for frame in open_clip(clips.video(pictures, "mkv", "ffv1", pixels="bgra")).frames())


def test_times_of_a_variable_rate_are_exact():
    stamps = [0, 40, 41, 200, 1000, 1013]
    clip = open_clip(clips.video(clips.pictures(6), "mkv", "ffv1", times=stamps))
    frames = list(clip.frames())
    assert [frame.time for frame in frames] == [Fraction(stamp, 1000) for stamp in stamps]
    assert [frame.duration for frame in frames[:-1]] == [Fraction(n, 1000) for n in (40, 1, 159, 800, 13)]
    assert frames[-1].duration > 0


@pytest.mark.parametrize("kind", ["mp4", "mkv", "mpegts"])
def test_a_clip_that_does_not_begin_at_0(kind):
    data = clips.video(clips.pictures(5), kind, times=[5000, 5040, 5080, 5120, 5160])
    assert times(open_clip(data)) == [Fraction(number, 25) for number in range(5)]
    assert times(open_clip(data, ClipReading(start=Fraction(1, 25), end=Fraction(3, 25)))) == [0, Fraction(1, 25)]


PREDICTED = [("mp4", "libx264"), ("mkv", "libx264"), ("webm", "libvpx-vp9"), ("mpegts", "libx264")]


@pytest.mark.parametrize(("kind", "codec"), PREDICTED)
def test_any_part_of_a_clip_has_the_frames_of_the_whole(kind, codec):
    data = clips.video(clips.pictures(16), kind, codec, g="5")
    whole = list(open_clip(data).frames())
    for first, end in ((1, 3), (4, 6), (5, 8), (9, 11), (12, 15), (15, 16)):
        reading = ClipReading(start=whole[first].time, end=whole[end].time if end < 16 else None)
        part = list(open_clip(data, reading).frames())
        assert [frame.rgb.tobytes() for frame in part] == [frame.rgb.tobytes() for frame in whole[first:end]]
        assert [frame.time for frame in part] == [frame.time - whole[first].time for frame in whole[first:end]]


def test_start_between_two_frames():
    clip = open_clip(clips.video(clips.pictures(8)), ClipReading(start=Fraction(1, 10), end=Fraction(6, 25)))
    assert times(clip) == [0, Fraction(1, 25), Fraction(2, 25)]
    assert (clip.info.frames, clip.info.duration) == (4, Fraction(7, 50))  # as the times say, not the frames


@pytest.mark.parametrize("fps", [Fraction(10), Fraction(25), Fraction(30), Fraction(100, 3)])
def test_resampling_repeats_and_drops_frames(fps):
    data = clips.video(clips.pictures(10), **LOSSLESS)
    own = list(open_clip(data).frames())
    clip = open_clip(data, ClipReading(fps=fps))
    frames = list(clip.frames())
    assert len(frames) == -(-Fraction(10, 25) * fps // 1)
    assert abs(clip.info.frames - len(frames)) <= 1
    for number, frame in enumerate(frames):
        assert (frame.time, frame.duration) == (number / fps, 1 / fps)
        assert np.array_equal(frame.rgb, own[int(frame.time * 25)].rgb)


def test_scaling():
    flat = np.full((24, 32, 3), (200, 90, 60), np.uint8)
    data = clips.video([flat], **LOSSLESS)
    for scale, shape in ((0.5, (12, 16)), (1.5, (36, 48)), (0.01, (1, 1))):
        clip = open_clip(data, ClipReading(scale=scale))
        frame = next(clip.frames())
        assert (clip.info.height, clip.info.width) == frame.rgb.shape[:2] == shape
        assert np.max(np.abs(frame.rgb.astype(int) - (200, 90, 60))) <= 1
    turned = open_clip(clips.video([flat] * 2, rotation=90), ClipReading(scale=0.5))
    assert next(turned.frames()).rgb.shape == (turned.info.height, turned.info.width, 3) == (16, 12, 3)


@pytest.mark.parametrize("scale", [None, 0.5, 2.0])
def test_frames_above_the_limit_are_refused(scale):
    limit = ClipReading(max_pixels=33 * 21)
    assert len(list(open_clip(clips.video(clips.pictures(2, 21, 33), pixels="yuv444p"), limit).frames())) == 2
    with pytest.raises(ImageReadError, match=r"has frames of \d+ × \d+, more than 767 pixels: .*--max-pixels"):
        open_clip(clips.video(clips.pictures(1)), ClipReading(max_pixels=767, scale=scale))


def test_claimed_sizes_are_refused_before_decoding():
    data = bytearray(clips.video(clips.pictures(1), "mov", "qtrle", pixels="rgb24"))
    size = data.index(b"rle ") + 28
    data[size : size + 4] = (50000).to_bytes(2, "big") * 2
    with pytest.raises(ImageReadError, match=r"of more than 178,000,000 pixels: .*--max-pixels"):
        open_clip(bytes(data))


@pytest.mark.parametrize(
    "reading",
    [{"start": Fraction(-1)}, {"start": Fraction(2), "end": Fraction(2)}, {"fps": Fraction(0)}, {"scale": 0.0}],
)
def test_readings_that_no_clip_can_have(reading):
    with pytest.raises(OptionError):
        open_clip(b"", ClipReading(**reading))


def test_a_part_without_frames_is_refused():
    for kind in ("mp4", "mpegts"):
        clip = open_clip(clips.video(clips.pictures(3), kind), ClipReading(start=Fraction(9)))
        with pytest.raises(ImageReadError, match="no frame that begins between 9 s and its end"):
            list(clip.frames())


def test_without_pyav_videos_are_refused_and_animations_are_read(monkeypatch):
    data = clips.video(clips.pictures(1))
    monkeypatch.setitem(sys.modules, "av", None)  # importing it fails
    with pytest.raises(EngineError, match=r"pip install 'colorquant\[video\]'$"):
        open_clip(data)
    for kind in ("GIF", "PNG", "WEBP"):
        assert len(list(open_clip(clips.animation(clips.pictures(3), kind)).frames())) == 3
    with pytest.raises(ImageReadError, match="is text"):
        open_clip(b"Not here.\n" * 50)


def test_an_old_pyav_is_refused(monkeypatch):
    data = clips.video(clips.pictures(1))
    monkeypatch.setattr("colorquant.video.extra.metadata.version", lambda name: "17.1.0")
    with pytest.raises(EngineError, match=r"needs PyAV 18 or later, not 17\.1\.0: pip install 'colorquant\[video\]'$"):
        open_clip(data)
