"""Clips in the Python API."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

import colorquant as cq
from colorquant.applying import quantize_with
from colorquant.color.counted import CountedImage

ARRAYS = [np.random.default_rng(seed).integers(0, 4, (12, 17, 3)).astype(np.uint8) * 80 for seed in range(4)]


@pytest.fixture
def gif(tmp_path):
    images = [Image.fromarray(array) for array in ARRAYS]
    images[0].save(tmp_path / "clip.gif", save_all=True, append_images=images[1:], duration=100, loop=0)
    return tmp_path / "clip.gif"


def test_a_clip_is_read_fitted_labelled_and_written(gif, tmp_path):
    clip = cq.open_clip(str(gif))
    assert (clip.info.width, clip.info.height, clip.info.frames) == (17, 12, 4)
    fit = cq.fit_clip(clip, k=5, method="em")
    labeller = cq.ClipLabeller(fit)
    labelled = [labeller.label(frame) for frame in clip.frames()]
    for frame, found in zip(clip.frames(), labelled, strict=True):
        expected = quantize_with(fit.segments[0].palette, CountedImage(frame.rgb))
        assert np.array_equal(found.labels, expected.labels)
    assert cq.write_clip(tmp_path / "out.gif", labelled, clip) == ()
    again = list(cq.open_clip(tmp_path / "out.gif").frames())
    assert [frame.duration for frame in again] == [Fraction(1, 10)] * 4
    for frame, found in zip(again, labelled, strict=True):
        assert np.array_equal(frame.rgb, found.rgb)


def test_every_source_of_frames_gives_the_same_fit(gif):
    frames = list(cq.frames_of(ARRAYS, fps=10))
    assert [frame.time for frame in frames] == [Fraction(number, 10) for number in range(4)]
    expected = cq.fit_clip(frames, k=6).segments[0].palette.colors
    for source in (gif, str(gif), gif.read_bytes(), cq.open_clip(gif), iter(frames)):
        assert np.array_equal(cq.fit_clip(source, k=6).segments[0].palette.colors, expected)


def test_times_rates_and_sizes_are_chosen(gif):
    clip = cq.open_clip(gif, start=0.1, end=0.3, scale=2.0)
    assert [frame.rgb.shape for frame in clip.frames()] == [(24, 34, 3)] * 2
    assert len(list(cq.open_clip(gif, fps=5).frames())) == 2


def test_fits_per_segment(gif):
    fit = cq.fit_clip(gif, k=3, refit=2)
    assert [(segment.first, segment.end) for segment in fit.segments] == [(0, 2), (2, 4)]
    assert cq.fit_clip(gif, k=3, refit="cuts").cuts is not None
    with pytest.raises(cq.OptionError, match="refit"):
        cq.fit_clip(gif, k=3, refit="often")


def test_frames_with_alpha_are_written(tmp_path):
    arrays = [
        np.dstack([array, np.where(np.indices(array.shape[:2]).sum(0) % 3, 255, 0).astype(np.uint8)])
        for array in ARRAYS
    ]
    frames = list(cq.frames_of(arrays))
    labeller = cq.ClipLabeller(cq.fit_clip(frames, k=4))
    cq.write_clip(tmp_path / "out.png", map(labeller.label, frames))
    again = list(cq.open_clip(tmp_path / "out.png").frames())
    assert all(np.array_equal(frame.alpha, array[:, :, 3]) for frame, array in zip(again, arrays, strict=True))


def test_mistakes_are_one_line_and_leave_no_file(gif, tmp_path):
    frames = list(cq.frames_of(ARRAYS))
    labeller = cq.ClipLabeller(cq.fit_clip(frames, k=4))

    def broken():
        yield labeller.label(frames[0])
        raise cq.ImageReadError("frame 2 is broken")

    before = sorted(tmp_path.iterdir())
    for refused, words in (
        (lambda: cq.open_clip(tmp_path / "none.gif"), "none.gif"),
        (lambda: cq.open_clip(gif, start="soon"), "'soon' is not a number"),
        (lambda: cq.open_clip(ARRAYS[0]), "ndarray is no clip"),
        (lambda: cq.fit_clip(ARRAYS, k=3), "frames_of"),
        (lambda: cq.fit_clip(gif, colors=3), "no option 'colors'"),
        (lambda: list(cq.frames_of([ARRAYS[0], ARRAYS[1][1:]])), "frames of one size"),
        (lambda: list(cq.frames_of([ARRAYS[0][:, :, 0]])), "give uint8"),
        (lambda: list(cq.frames_of(ARRAYS, fps=0)), "above 0"),
        (lambda: cq.write_clip(tmp_path / "out.xyz", broken()), "is not written"),
        (lambda: cq.write_clip(tmp_path / "out.gif", iter(())), "no frames"),
        (lambda: cq.write_clip(tmp_path / "out.gif", broken()), "frame 2 is broken"),
        (lambda: cq.write_clip(gif, broken()), "exists"),
    ):
        with pytest.raises(cq.ColorquantError, match=words):
            refused()
    assert sorted(tmp_path.iterdir()) == before
