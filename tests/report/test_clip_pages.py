"""The page of a clip, and the previews on it."""

import io
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from support.clip_files import indexed_frames, moving_frames, quantized_clip

from colorquant.report.html import clip_previews
from colorquant.report.html.clip_previews import PreviewWriter
from colorquant.video.frames import ClipInfo, Frame, IndexedFrame


def preview_of(frames, clip):
    with PreviewWriter(clip.info, len(frames)) as writer:
        for frame, indexed in zip(frames, indexed_frames(clip.fit, frames), strict=True):
            writer.write(Frame(frame, None, indexed.time, indexed.duration), indexed)
        return writer.finish()


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_the_stills_are_the_frames():
    frames = moving_frames()
    clip = quantized_clip(frames)
    preview = preview_of(frames, clip)
    assert (preview.width, preview.height, preview.every, preview.end) == (16, 12, 1, Fraction(8, 10))
    assert preview.times == tuple(Fraction(number, 10) for number in range(8))
    for still, frame, indexed in zip(preview.stills, frames, indexed_frames(clip.fit, frames), strict=True):
        assert np.array_equal(pixels(still.after), indexed.rgb)
        assert np.abs(pixels(still.before).astype(int) - frame).mean() < 20
    assert preview.poster is preview.stills[4]


@pytest.mark.parametrize(("count", "kept", "every"), [(1, 1, 1), (6, 6, 1), (7, 4, 2), (13, 4, 4), (25, 4, 8)])
def test_a_long_clip_has_no_more_stills(count, kept, every, monkeypatch):
    monkeypatch.setattr(clip_previews, "STILLS", 6)
    monkeypatch.setattr(clip_previews, "has_pyav", lambda: False)
    frames = moving_frames(count)
    preview = preview_of(frames, quantized_clip(frames))
    assert (len(preview.stills), preview.every) == (kept, every)
    assert preview.times == tuple(Fraction(every * number, 10) for number in range(kept))
    assert preview.end == Fraction(count, 10)


def test_a_large_clip_has_small_stills(monkeypatch):
    monkeypatch.setattr(clip_previews, "SIDE", 8)
    frames = moving_frames(2)
    preview = preview_of(frames, quantized_clip(frames))
    assert (preview.width, preview.height) == (8, 6)
    assert pixels(preview.stills[0].after).shape == (6, 8, 3)
    for width, height in ((1920, 1080), (1, 4000), (5000, 3)):
        info = ClipInfo(width, height, None, None, None, "mp4", "h264")
        size = clip_previews._size(info, 90_000)
        assert size[0] * size[1] <= 91_000
        assert min(size) >= 1


@pytest.mark.parametrize(("most", "every"), [(100, 1), (5, 2), (3, 4)])
def test_a_longer_clip_has_a_video(most, every, monkeypatch):
    av = pytest.importorskip("av", reason="needs PyAV: the extra video")
    monkeypatch.setattr(clip_previews, "STILLS", 6)
    monkeypatch.setattr(clip_previews, "FRAMES", most)
    frames = moving_frames(10)
    clip = quantized_clip(frames)
    preview = preview_of(frames, clip)
    assert (preview.width, preview.height, preview.every, preview.cut) == (16, 12, every, False)
    assert preview.times == tuple(Fraction(number, 10) for number in range(0, 10, every))
    with av.open(io.BytesIO(preview.video)) as container:
        shown = list(container.decode(video=0))
        assert float(container.streams.video[0].duration * container.streams.video[0].time_base) == pytest.approx(1)
    assert [float(one.pts * one.time_base) for one in shown] == pytest.approx([float(time) for time in preview.times])
    for one, number in zip(shown, range(0, 10, every), strict=True):
        both = one.to_ndarray(format="rgb24").astype(int)
        assert np.abs(both[:12] - frames[number]).mean() < 20
        assert np.abs(both[12:] - indexed_frames(clip.fit, frames)[number].rgb).mean() < 20
    assert pixels(preview.poster.after).shape == (12, 16, 3)


def test_a_clip_that_has_grown_is_cut(monkeypatch):
    pytest.importorskip("av", reason="needs PyAV: the extra video")
    monkeypatch.setattr(clip_previews, "STILLS", 2)
    frames = moving_frames(8)
    clip = quantized_clip(frames)
    with PreviewWriter(clip.info, 3) as writer:
        for frame, indexed in zip(frames, indexed_frames(clip.fit, frames), strict=True):
            writer.write(Frame(frame, None, indexed.time, indexed.duration), indexed)
        preview = writer.finish()
    assert preview.cut
    assert len(preview.times) == 6


def test_stills_keep_alpha_and_the_lightness_of_pixels():
    info = ClipInfo(4, 4, 1, None, None, "GIF", "gif", has_alpha=True)
    rgb, alpha = np.full((4, 4, 3), 200, np.uint8), np.full((4, 4), 255, np.uint8)
    alpha[0] = 0
    labels = np.where(alpha == 0, 1, 0).astype(np.uint8)
    time = {"time": Fraction(0), "duration": Fraction(1)}
    for painted in (None, rgb - 7):
        with PreviewWriter(info) as writer:
            indexed = IndexedFrame(labels, np.array([[190, 200, 210]], np.uint8), alpha=alpha, painted=painted, **time)
            writer.write(Frame(rgb, alpha, **time), indexed)
            still = writer.finish().stills[0]
        for data, color in (
            (still.before, (200,) * 3),
            (still.after, (190, 200, 210) if painted is None else (193,) * 3),
        ):
            rgba = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
            assert (rgba[0, :, 3] == 0).all()
            assert (rgba[1:] == (*color, 255)).all()
