"""The table that counts frames: it gives exactly the sum of the frames' histograms."""

import numpy as np
import pytest

from colorquant.color import frame_counting
from colorquant.color.counted import CountedImage
from colorquant.color.frame_counting import FrameCounter

RGB = np.random.default_rng(0).integers(0, 4, (5, 12, 18, 3)).astype(np.uint8) * 60


def alphas(kind):
    rng = np.random.default_rng(1)
    for number in range(len(RGB)):
        if kind == "opaque" or number == 0:
            yield None
        else:
            levels = {"all 255": [255], "holes": [0, 255], "soft": [0, 40, 255], "hidden": [0]}[kind]
            yield rng.choice(np.array(levels, np.uint8), RGB.shape[1:3])


def assert_equal(one, other):
    assert np.array_equal(one.colors, other.colors)
    for name in ("counts", "alpha"):
        first, second = getattr(one, name), getattr(other, name)
        assert (first is None) == (second is None)
        assert first is None or (first.dtype == second.dtype and np.array_equal(first, second))


@pytest.mark.parametrize("kind", ["opaque", "all 255", "holes", "soft", "hidden"])
@pytest.mark.parametrize("with_alpha", [False, True])
@pytest.mark.parametrize("few", [0, 500, 1 << 18])
def test_the_total_is_the_sum_of_the_histograms_of_the_frames(kind, with_alpha, few, monkeypatch):
    monkeypatch.setattr(frame_counting, "SORTED", few)
    counter, histograms = FrameCounter(with_alpha=with_alpha), []
    for rgb, alpha in zip(RGB, alphas(kind), strict=True):
        counter.add(rgb, alpha)
        image = CountedImage(rgb, alpha)
        histograms.append((image.with_alpha if with_alpha and not image.opaque else image).histogram)
        assert_equal(counter.total(), sum(histograms[1:], histograms[0]))
    assert counter.frames == len(RGB)


def test_counts_go_beyond_the_range_of_the_table(monkeypatch):
    monkeypatch.setattr(frame_counting, "LARGEST", 300)
    monkeypatch.setattr(frame_counting, "SORTED", 0)
    counter = FrameCounter()
    for _ in range(4):
        for rgb in RGB:
            counter.add(rgb)
    expected = sum((CountedImage(rgb).histogram for rgb in RGB), 0)
    assert np.array_equal(counter.total().counts, 4 * expected.counts)
    assert counter.total().pixels == 4 * RGB.size // 3


def test_nothing_counted_is_an_empty_histogram():
    assert len(FrameCounter().total()) == 0
    counter = FrameCounter()
    counter.add(RGB[0], np.zeros(RGB.shape[1:3], np.uint8))
    assert len(counter.total()) == 0


def test_frames_may_be_views():
    counter, packed = FrameCounter(), FrameCounter()
    counter.add(RGB[0][::2, 3:-1, ::-1])
    packed.add(RGB[0][::2, 3:-1, ::-1].copy())
    assert_equal(counter.total(), packed.total())
