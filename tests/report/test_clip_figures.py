"""The figure of a clip: the share of each label over time."""

import dataclasses
import io
from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from support.clip_files import background_clip, moving_frames, quantized_clip

from colorquant.clips.results import Timeline
from colorquant.report.timelines import share_timeline, stacked, time_label, time_ticks, time_words
from colorquant.video.background import BackgroundOptions


def clip_with(rows, frames=None, k=2, **changes):
    """A clip whose timeline has so many rows, in which the share of label 0 grows from 0 to 1."""
    clip, frames = quantized_clip(moving_frames(4), k, "kmeans"), frames or rows
    grows = np.linspace(0, 1, rows)
    shares = np.stack([grows, *[(1 - grows) / (k - 1)] * (k - 1)], axis=1)
    timeline = Timeline(np.arange(rows) * (frames / rows) / 10, shares)
    labels = dataclasses.replace(clip.labels, frames=frames, timeline=timeline)
    segment = dataclasses.replace(clip.fit.segments[0], end=frames)
    fit = dataclasses.replace(clip.fit, segments=(segment,))
    duration = Fraction(frames, 10)
    return dataclasses.replace(clip, frames=frames, duration=duration, labels=labels, fit=fit, **changes)


def test_every_frame_holds_until_the_next_one():
    clip = quantized_clip(moving_frames())
    (stretch,) = share_timeline(clip, 100).stretches
    assert stretch.edges == pytest.approx(np.arange(9) / 10)
    assert np.array_equal(stretch.shares, clip.labels.timeline.shares)
    assert stretch.colors == clip.fit.segments[0].palette.hex


@pytest.mark.parametrize("columns", [1, 7, 50, 99])
def test_the_means_of_many_frames_keep_the_total(columns):
    clip = clip_with(99)
    (stretch,) = share_timeline(clip, columns).stretches
    assert len(stretch.shares) <= columns
    assert (stretch.edges[0], stretch.edges[-1]) == (0, pytest.approx(9.9))
    assert np.diff(stretch.edges) @ stretch.shares == pytest.approx(9.9 * clip.labels.timeline.shares.mean(axis=0))
    assert stacked(stretch.shares)[:, -1] == pytest.approx(1)


def test_segments_begin_where_their_frames_do():
    frames = moving_frames()
    frames[4:] = [255 - frame for frame in frames[4:]]
    timeline = share_timeline(quantized_clip(frames, segments=2), 100)
    assert [len(stretch.shares) for stretch in timeline.stretches] == [4, 4]
    assert timeline.turns == timeline.cuts == (pytest.approx(0.4),)
    assert timeline.stretches[0].colors != timeline.stretches[1].colors
    clip = clip_with(100, 400)  # a row is four frames
    segments = [
        dataclasses.replace(clip.fit.segments[0], first=first, end=first + 200, time=Fraction(first, 10))
        for first in (0, 200)
    ]
    fit = dataclasses.replace(clip.fit, segments=tuple(segments))
    assert share_timeline(dataclasses.replace(clip, fit=fit), 1000).turns == (pytest.approx(20),)


def test_a_clip_of_one_frame_has_an_end():
    clip = quantized_clip(moving_frames(1))
    assert share_timeline(clip, 10).end == pytest.approx(0.1)
    assert share_timeline(dataclasses.replace(clip, duration=None), 10).end == 1
    assert share_timeline(dataclasses.replace(quantized_clip(moving_frames()), duration=None), 9).end == pytest.approx(
        0.8
    )


@pytest.mark.parametrize(
    ("span", "most", "words"),
    [
        (0.1, 4, ["0.00", "0.05", "0.10"]),
        (10, 5, ["0", "2", "4", "6", "8", "10"]),
        (150, 5, ["0:00", "0:30", "1:00", "1:30", "2:00", "2:30"]),
        (7200, 4, ["0:00:00", "0:30:00", "1:00:00", "1:30:00", "2:00:00"]),
    ],
)
def test_times_are_round(span, most, words):
    ticks = time_ticks(span, most)
    assert [text for _, text in ticks] == words
    assert ticks[0][0] == 0
    assert all(time <= span * 1.001 for time, _ in ticks)
    assert time_words(0, span).count(":") == time_label(span).count(":")


SHAPES = {".png": (20,), ".svg": (1,), ".pdf": (300, 2400, 40)}  # rows, frames and k


@pytest.mark.parametrize("suffix", SHAPES)
def test_the_figure_is_drawn_and_the_same_each_time(suffix, monkeypatch):
    pytest.importorskip("matplotlib", reason="needs matplotlib: the extra plot")
    from colorquant.report import figures
    from colorquant.report.figures import canvas

    monkeypatch.setitem(canvas.STYLE, "savefig.dpi", 75)
    clip = clip_with(*SHAPES[suffix])
    data = figures.encode_clip(clip, suffix)
    assert data == figures.encode_clip(clip, suffix)
    if suffix == ".png":
        colors = {color for _, color in Image.open(io.BytesIO(data)).convert("RGB").getcolors(10**6)}
        assert {tuple(bytes.fromhex(clip.color_of(label)[1:])) for label in (0, 1)} <= colors
    elif suffix == ".svg":
        assert ElementTree.fromstring(data).tag.endswith("svg")
    else:
        assert data.startswith(b"%PDF-")
    assert len(data) < 2_000_000


def test_the_title_can_be_chosen():
    pytest.importorskip("matplotlib", reason="needs matplotlib: the extra plot")
    from colorquant.report import figures
    from colorquant.report.figure_kinds import Drawing

    titled = clip_with(3, drawing=Drawing("shares", title="Figure 3"))
    assert b"<!-- Figure 3 -->" in figures.encode_clip(titled, ".svg")
    assert b"clip.mp4" not in figures.encode_clip(titled, ".svg")


@pytest.mark.parametrize("shadows", [True, False])
def test_of_background_subtraction_the_foreground_is_drawn(shadows):
    clip, indexed = background_clip(moving_frames(12), BackgroundOptions(shadows=shadows))
    timeline = share_timeline(clip, 100)
    (stretch,) = timeline.stretches
    assert stretch.names == ("foreground", "shadow")[: 1 + shadows]
    foreground = [float((one.labels == 1).mean()) for one in indexed]
    assert stretch.shares[:, 0] == pytest.approx(foreground)
    assert max(foreground) > 0
    assert stretch.shares.sum(axis=1).max() <= timeline.top <= 0.5
    pytest.importorskip("matplotlib", reason="needs matplotlib: the extra plot")
    from colorquant.report import figures

    drawn = figures.encode_clip(clip, ".svg")
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert b"Foreground over time: MOG2, history 500" in drawn
