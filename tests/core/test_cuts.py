"""Cuts between scenes are found; flashes, fades, noise, motion and other changes are none."""

from fractions import Fraction

import numpy as np
import pytest

from colorquant.clips.cuts import REACH, coarse_histogram, find_cuts
from colorquant.errors import ImageReadError
from colorquant.video.frames import Frame


def frames_of(pictures, alpha=None):
    return [Frame(rgb, alpha, Fraction(i, 25), Fraction(1, 25)) for i, rgb in enumerate(pictures)]


def cuts_of(pictures, alpha=None):
    return [number for number, (_, cut) in enumerate(find_cuts(frames_of(pictures, alpha))) if cut]


@pytest.fixture(scope="module")
def scenes(china, flower):
    """Two photographs, (107, 160, 3)."""
    return [np.ascontiguousarray(photo[::4, ::4]) for photo in (china, flower)]


def mixed(one, other, share):
    return np.rint(one * (1 - share) + other.astype(float) * share).astype(np.uint8)


def test_a_cut_is_found_where_it_is(scenes):
    one, other = scenes
    assert cuts_of([one] * 7 + [other] * 5 + [one] * REACH) == [7, 12]
    assert cuts_of([one] * 10) == []
    assert cuts_of([one] * 5 + [other]) == [5]
    assert cuts_of([one]) == cuts_of([]) == []


def test_the_frames_come_back_in_their_order(scenes):
    frames = frames_of([scenes[0]] * 3 + [scenes[1]] * 4)
    assert [frame for frame, _ in find_cuts(iter(frames))] == frames
    assert [frame for frame, _ in find_cuts(iter(frames[:2]))] == frames[:2]


def test_a_cut_between_moving_noisy_scenes_is_found(scenes):
    rng = np.random.default_rng(0)
    pans = [scenes[0][:, i : i + 100] for i in range(0, 60, 3)] + [scenes[1][i : i + 87, :100] for i in range(0, 20)]
    assert cuts_of([np.clip(rgb + rng.normal(0, 6, rgb.shape), 0, 255).astype(np.uint8) for rgb in pans]) == [20]


def pan(scenes):
    return [scenes[0][:, i : i + 80] for i in range(0, 80, 4)]


def zoom(scenes):
    return [scenes[1][i : 107 - i : 2, i : 160 - i : 2][:40, :60] for i in range(0, 13)]


def flash(scenes):
    light = np.minimum(scenes[0].astype(int) + 140, 255).astype(np.uint8)
    return [scenes[0]] * 9 + [light] * (REACH - 1) + [scenes[0]] * 9


def one_other_frame(scenes):
    return [scenes[0]] * 9 + [scenes[1]] + [scenes[0]] * 9


def fade_to_black(scenes):
    black = np.zeros_like(scenes[0])
    return [*[scenes[0]] * 8, *(mixed(scenes[0], black, i / 12) for i in range(13)), *[black] * 8]


def dissolve(scenes):
    return [*[scenes[0]] * 8, *(mixed(*scenes, i / 12) for i in range(13)), *[scenes[1]] * 8]


def flicker(scenes):
    rng = np.random.default_rng(1)
    return [np.clip(scenes[0] * rng.normal(1, 0.03), 0, 255).astype(np.uint8) for _ in range(20)]


def noise(scenes):
    rng = np.random.default_rng(2)
    return [np.clip(scenes[1] + rng.normal(0, 15, scenes[1].shape), 0, 255).astype(np.uint8) for _ in range(20)]


def object_comes(scenes):
    pictures = [scenes[0].copy() for _ in range(16)]
    for i, rgb in enumerate(pictures):
        rgb[30:80, : 8 * i] = [200, 30, 40]
    return pictures


def flat_brightness(scenes):
    return [np.full((30, 40, 3), 28 + i, np.uint8) for i in range(30)]


@pytest.mark.parametrize(
    "change",
    [pan, zoom, flash, one_other_frame, fade_to_black, dissolve, flicker, noise, object_comes, flat_brightness],
    ids=lambda change: change.__name__,
)
def test_other_changes_are_no_cuts(scenes, change):
    assert cuts_of(change(scenes)) == []


def test_what_is_transparent_counts_as_well(scenes):
    hidden = np.zeros(scenes[0].shape[:2], np.uint8)
    half = np.where(np.arange(160) < 80, 255, 0).astype(np.uint8) * np.ones((107, 1), np.uint8)
    alphas = [hidden] * 5 + [half] * 5
    frames = [
        Frame(frame.rgb, alpha, frame.time, frame.duration)
        for frame, alpha in zip(frames_of([scenes[0]] * 10), alphas, strict=True)
    ]
    assert [number for number, (_, cut) in enumerate(find_cuts(frames)) if cut] == [5]
    other = [Frame(scenes[i % 2], hidden, Fraction(i), Fraction(1)) for i in range(10)]
    assert not any(cut for _, cut in find_cuts(other))


def test_shares_of_cells_add_up(scenes):
    alpha = np.full(scenes[0].shape[:2], 51, np.uint8)
    for frame in frames_of(scenes) + frames_of(scenes, alpha):
        histogram = coarse_histogram(frame)
        assert histogram.min() >= 0
        assert histogram.sum() == pytest.approx(1)
        assert histogram[-1] == pytest.approx(0 if frame.alpha is None else 0.8)


def test_frames_before_a_broken_one_are_passed_on(scenes):
    def broken():
        yield from frames_of([scenes[0]] * 6)
        raise ImageReadError("frame 7 is broken")

    passed = []
    with pytest.raises(ImageReadError, match="frame 7"):
        for frame, _ in find_cuts(broken()):
            passed.append(frame)
    assert len(passed) == 6 - REACH + 1
