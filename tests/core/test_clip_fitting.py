"""The fit of a clip: that of the sum of its frames."""

from fractions import Fraction

import numpy as np
import pytest

from colorquant.clips.fitting import fit_clip
from colorquant.color.counted import CountedImage
from colorquant.errors import EngineError, ImageReadError, OptionError
from colorquant.fitting.options import FitOptions
from colorquant.mapping.dithering import Dithering
from colorquant.shared_palette import fit_palette
from colorquant.video.frames import Frame

OPTIONS = [FitOptions("kmeans", 5), FitOptions("em", 3), FitOptions("kmeans", 4, space="lab", lock=("#ff0000",))]


def clip(*pictures, alphas=None):
    """Frames that last a tenth of a second each."""
    alphas = [None] * len(pictures) if alphas is None else alphas
    tenth = Fraction(1, 10)
    return [Frame(rgb, alpha, tenth * i, tenth) for i, (rgb, alpha) in enumerate(zip(pictures, alphas, strict=True))]


@pytest.fixture(scope="module")
def photos(china, flower):
    """Four small pictures of one size, two of each photograph."""
    return [np.ascontiguousarray(photo[row::16, ::16][:26]) for photo in (china, flower) for row in (0, 8)]


def assert_same(one, other):
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_array_equal(one.counts, other.counts)
    np.testing.assert_array_equal(one.model.points, other.model.points)
    assert one.options == other.options


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: f"{options.method} {options.space}")
def test_the_fit_of_a_clip_is_that_of_the_sum_of_its_frames(photos, options):
    total = sum(CountedImage(rgb).histogram for rgb in photos)
    fit = fit_clip(clip(*photos), options)
    assert_same(fit.segments[0].palette, fit_palette(total, options))
    assert (fit.segments[0].first, fit.segments[0].end, fit.frames, fit.counted) == (0, 4, 4, 4)
    assert (fit.colors_in, fit.cuts, fit.k) == (len(total), None, options.k)


def test_only_some_frames_are_counted_but_all_are_read(photos):
    read = []
    fit = fit_clip(iter(clip(*photos, photos[0])), OPTIONS[0], every=3, counted=lambda: read.append(1))
    assert_same(fit.segments[0].palette, fit_clip(clip(photos[0], photos[3]), OPTIONS[0]).segments[0].palette)
    assert (fit.frames, fit.counted, len(read), fit.segments[0].end) == (5, 2, 5, 5)


def test_alpha_is_fitted_where_that_is_possible(photos):
    alpha = np.full(photos[0].shape[:2], 255, np.uint8)
    alpha[:5], alpha[5:9] = 0, 100
    frames = clip(*photos[:2], alphas=[None, alpha])
    together = fit_clip(frames, OPTIONS[0]).segments[0].palette
    assert together.options.alpha == "palette"
    assert {0, 255} <= set(together.alpha.tolist())
    images = [CountedImage(frame.rgb, frame.alpha).with_alpha.histogram for frame in frames]
    assert_same(together, fit_palette(images[0] + images[1], OPTIONS[0]))
    dithered = fit_clip(frames, OPTIONS[0], dithering=Dithering("bayer4")).segments[0].palette
    for kept in (
        fit_clip(frames, OPTIONS[1]),
        fit_clip(frames, OPTIONS[0].replace(alpha="keep")),
    ):
        assert (kept.segments[0].palette.options.alpha, kept.segments[0].palette.alpha) == ("keep", None)
    assert (dithered.options.alpha, dithered.alpha) == ("keep", None)


def test_the_number_of_colours_is_chosen_for_all_frames_together(photos):
    asked = []

    def choose(histogram, fit):
        asked.append(len(histogram))
        return max((fit(k) for k in (2, 3)), key=len)

    fit = fit_clip(clip(*photos), OPTIONS[0], choose=choose)
    assert asked == [fit.colors_in]
    assert_same(fit.segments[0].palette, fit_clip(clip(*photos), OPTIONS[0].replace(k=3)).segments[0].palette)


def test_what_cannot_be_fitted_is_one_line(photos):
    hidden = np.zeros(photos[0].shape[:2], np.uint8)
    with pytest.raises(ImageReadError, match="no frames"):
        fit_clip([], OPTIONS[0])
    with pytest.raises(EngineError, match="no frame has a visible pixel"):
        fit_clip(clip(photos[0], alphas=[hidden]), OPTIONS[1])
    with pytest.raises(OptionError, match="a clip adds colour histograms, but em --engine sklearn fits every pixel"):
        fit_clip(clip(*photos), FitOptions("em", 3, engine="sklearn"))
    with pytest.raises(OptionError, match="--every 0 is out of range"):
        fit_clip(clip(*photos), OPTIONS[0], every=0)


def test_a_broken_frame_ends_the_fit(photos):
    def frames():
        yield from clip(*photos)
        raise ImageReadError("frame 5 is broken (…)")

    with pytest.raises(ImageReadError, match="frame 5 is broken"):
        fit_clip(frames(), OPTIONS[0])
