"""The page of a clip, and the previews on it."""

import base64
import dataclasses
import io
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.clip_files import background_clip, indexed_frames, moving_frames, quantized_clip
from support.html import check_self_contained

from colorquant.clips.results import Steadiness
from colorquant.report.clip_file import WrittenOutput
from colorquant.report.html import clip_previews
from colorquant.report.html.clip import clip_page
from colorquant.report.html.clip_previews import PreviewWriter
from colorquant.temporary_files import STAGED, Staging, abandon
from colorquant.video.frames import ClipInfo, Frame, IndexedFrame

PAGE = Path(tempfile.gettempdir()) / "page.html"  # it is not written


def preview_of(frames, clip):
    with PreviewWriter(clip.info, len(frames), page=PAGE) as writer:
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


def test_a_clip_that_has_grown_is_cut(monkeypatch, tmp_path):
    pytest.importorskip("av", reason="needs PyAV: the extra video")
    monkeypatch.setattr(clip_previews, "STILLS", 2)
    frames = moving_frames(8)
    clip = quantized_clip(frames)
    with PreviewWriter(clip.info, 3, page=tmp_path / "page.html") as writer:
        for frame, indexed in zip(frames, indexed_frames(clip.fit, frames), strict=True):
            writer.write(Frame(frame, None, indexed.time, indexed.duration), indexed)
        preview = writer.finish()
    assert preview.cut
    assert len(preview.times) == 6
    assert not list(tmp_path.iterdir())


def test_a_preview_in_work_is_abandoned_with_the_other_files_of_a_run(monkeypatch, tmp_path):
    pytest.importorskip("av", reason="needs PyAV: the extra video")
    monkeypatch.setattr(clip_previews, "STILLS", 2)
    monkeypatch.setattr(Staging, "abandoned", False)
    with PreviewWriter(quantized_clip(moving_frames(8)).info, 8, page=tmp_path / "page.html"):
        assert [STAGED.fullmatch(path.name) is not None for path in tmp_path.iterdir()] == [True]
        abandon()
        assert not list(tmp_path.iterdir())


def test_stills_keep_alpha_and_the_lightness_of_pixels():
    info = ClipInfo(4, 4, 1, None, None, "GIF", "gif", has_alpha=True)
    rgb, alpha = np.full((4, 4, 3), 200, np.uint8), np.full((4, 4), 255, np.uint8)
    alpha[0] = 0
    labels = np.where(alpha == 0, 1, 0).astype(np.uint8)
    time = {"time": Fraction(0), "duration": Fraction(1)}
    for painted in (None, rgb - 7):
        with PreviewWriter(info, page=PAGE) as writer:
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


def page_of(clip, frames):
    return check_self_contained(clip_page(clip, preview_of(frames, clip)).decode())


def test_the_page_of_a_clip_is_self_contained_and_the_same_each_time():
    frames = moving_frames()
    clip = quantized_clip(frames)
    page = clip_page(clip, preview_of(frames, clip))
    assert page == clip_page(clip, preview_of(frames, clip))
    reader = check_self_contained(page.decode())
    assert "2 colours by EM. 8 frames, 0.8 s, PSNR" in reader.words
    assert "The player shows the whole clip." in reader.words
    assert clip.command in reader.words
    player = reader.json["player"]
    assert (player["times"], player["end"], player["every"]) == ([number / 10 for number in range(8)], 0.8, 1)
    assert len(player["stills"]) == 8
    (stretch,) = player["shares"]["stretches"]
    assert np.allclose(stretch["shares"], clip.labels.timeline.shares, atol=1e-4)
    paths = [attributes for tag, attributes in reader.elements if tag == "path"]
    assert [one["fill"] for one in paths] == list(reversed(stretch["colors"]))
    copies = [attributes["data-copy"] for _, attributes in reader.elements if "data-copy" in attributes]
    assert copies == [clip.color_of(0), clip.color_of(1)]


def test_names_are_text():
    frames = moving_frames(2)
    hostile = "<img src=x onerror=alert(1)>&'\u2028\u202e.mp4"
    reader = page_of(quantized_clip(frames, name=hostile, notes=(hostile,), command=hostile), frames)
    assert [attributes for _, attributes in reader.elements if attributes.get("src") == "x"] == []
    assert not {"\u2028", "\u202e"} & set(reader.words)
    assert "<img src=x onerror=alert(1)>" in reader.words


def test_the_page_says_what_was_left_out_and_what_was_changed(monkeypatch):
    monkeypatch.setattr(clip_previews, "STILLS", 4)
    monkeypatch.setattr(clip_previews, "has_pyav", lambda: False)
    monkeypatch.setattr(clip_previews, "SIDE", 8)
    frames = moving_frames()
    clip = quantized_clip(frames, smooth=0.2, broken="frame 8 is broken (no data)", notes=("rotated by 90°",))
    labels = dataclasses.replace(clip.labels, unsmoothed=Steadiness(0.3, 0.5, 4.0), unsmoothed_mse=80.0)
    outputs = (WrittenOutput("a.mp4", 9), WrittenOutput("a-labels-000001.png", 99, 8))
    words = page_of(dataclasses.replace(clip, labels=labels, outputs=outputs), frames).words
    for said in (
        "The player shows the clip with 8 × 6 of its pixels and one in 2 frames.",
        "The clip ends early: frame 8 is broken (no data).",
        "rotated by 90°",
        "flickering without --smooth",
        "bytes of a-labels-000001.png and 7 more",
    ):
        assert said in words


def test_each_fit_has_its_colours_and_a_place_in_time():
    frames = moving_frames()
    frames[4:] = [255 - frame for frame in frames[4:]]
    clip = quantized_clip(frames, segments=2)
    reader = page_of(clip, frames)
    assert [one["data-go"] for _, one in reader.elements if "data-go" in one] == ["0.0", "0.4"]
    assert "frames 4 to 7, from 0.4 s" in reader.words
    lines = [one for _, one in reader.elements if one.get("class") in ("cut", "turn")]
    assert [one["style"] for one in lines] == ["left:50.0%"] * 2
    assert len(reader.json["player"]["shares"]["stretches"]) == 2


def test_the_page_of_a_long_clip_is_bounded():
    frames = moving_frames(3)
    clip = quantized_clip(frames, 2)
    rows, k = 2000, 64
    shares = np.random.default_rng(0).dirichlet(np.ones(k), rows)
    timeline = dataclasses.replace(clip.labels.timeline, times=np.arange(rows) * 3.6, shares=shares)
    labels = dataclasses.replace(clip.labels, frames=rows * 4, timeline=timeline, counts=np.arange(k)[::-1] * 100)
    colors = np.random.default_rng(1).integers(0, 256, (k, 3)).astype(np.uint8)
    palette = dataclasses.replace(clip.fit.segments[0].palette, colors=colors, counts=None)
    segment = dataclasses.replace(clip.fit.segments[0], end=rows * 4, palette=palette)
    fit = dataclasses.replace(clip.fit, segments=(segment,))
    long = dataclasses.replace(clip, frames=rows * 4, duration=Fraction(7200), labels=labels, fit=fit)
    page = clip_page(long, preview_of(frames, clip)).decode()
    assert len(page) < 600_000
    assert "2:00:00" in page


def test_a_video_is_embedded_as_it_is(monkeypatch):
    pytest.importorskip("av", reason="needs PyAV: the extra video")
    monkeypatch.setattr(clip_previews, "STILLS", 2)
    frames = moving_frames()
    clip = quantized_clip(frames)
    preview = preview_of(frames, clip)
    reader = check_self_contained(clip_page(clip, preview).decode())
    assert base64.b64decode(reader.json["player"]["video"]) == preview.video
    assert reader.json["player"]["stills"] == []
    assert "compressed as a small video" in reader.words


def test_the_page_of_background_subtraction_shows_the_masks():
    frames = moving_frames(12)
    clip, indexed = background_clip(frames)
    with PreviewWriter(clip.info, 12, page=PAGE) as writer:
        for frame, one in zip(frames, indexed, strict=True):
            writer.write(Frame(frame, None, one.time, one.duration), one)
        preview = writer.finish()
    assert np.array_equal(pixels(preview.stills[7].after), indexed[7].rgb)
    reader = check_self_contained(clip_page(clip, preview).decode())
    assert "Background subtraction by MOG2. 12 frames, 1.2 s; " in reader.words
    assert "--var-threshold" in reader.words
    assert "Palette" not in reader.words
    (stretch,) = reader.json["player"]["shares"]["stretches"]
    assert stretch["names"] == ["foreground", "shadow"]
