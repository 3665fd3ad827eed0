"""The fit of a clip: that of the sum of its frames."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from colorquant.applying import quantize_with
from colorquant.clips.fitting import Refit, fit_clip
from colorquant.clips.matching import continued
from colorquant.color.counted import CountedImage
from colorquant.errors import EngineError, ImageReadError, OptionError
from colorquant.fitted_palette import fit_palette
from colorquant.fitting.options import FitOptions
from colorquant.mapping.dithering import Dithering
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
    with pytest.raises(OptionError, match="--refit 0 is out of range"):
        Refit(0)
    with pytest.raises(OptionError, match="--refit matches at most 2048 colours, not 4096"):
        fit_clip(clip(*photos), FitOptions("kmeans", 4096), refit=Refit(2))


def test_a_broken_frame_ends_the_fit(photos):
    def frames():
        yield from clip(*photos)
        raise ImageReadError("frame 5 is broken (…)")

    with pytest.raises(ImageReadError, match="frame 5 is broken"):
        fit_clip(frames(), OPTIONS[0])


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: f"{options.method} {options.space}")
def test_a_refit_of_one_segment_is_no_refit(photos, options):
    whole = fit_clip(clip(*photos), options)
    for refit in (Refit(4), Refit(None, cuts=False), Refit(None, cuts=True), Refit(9, cuts=True)):
        frames = clip(*photos) if not refit.cuts else clip(photos[0], photos[0], photos[1], photos[1])
        fit = fit_clip(frames, options, refit=refit)
        assert (len(fit.segments), fit.frames, fit.cuts) == (1, 4, () if refit.cuts else None)
        if not refit.cuts:
            assert_same(fit.segments[0].palette, whole.segments[0].palette)
            assert fit.colors_in == whole.colors_in


def test_segments_have_their_frames_and_their_times(photos):
    frames = clip(*photos, *photos)[:7]
    fit = fit_clip(frames, OPTIONS[0], every=2, refit=Refit(3))
    assert [(part.first, part.end, part.time) for part in fit.segments] == [
        (0, 3, 0),
        (3, 6, Fraction(3, 10)),
        (6, 7, Fraction(6, 10)),
    ]
    assert (fit.frames, fit.counted) == (7, 5)  # the first of each segment is counted
    assert fit.colors_in == len(sum(CountedImage(frames[i].rgb).histogram for i in (0, 2, 3, 5, 6)))
    last = fit.segments[-1].palette
    assert last.counts.sum() == photos[2].shape[0] * photos[2].shape[1]


def test_a_new_scene_gets_a_fit_of_its_own(photos):
    frames = clip(*[photos[0]] * 6, *[photos[2]] * 6)
    fit = fit_clip(frames, OPTIONS[0], refit=Refit(cuts=True))
    assert fit.cuts == (6,)
    assert [(part.first, part.end) for part in fit.segments] == [(0, 6), (6, 12)]
    both = fit_clip(frames, OPTIONS[0], refit=Refit(4, cuts=True))
    assert [part.first for part in both.segments] == [0, 4, 6, 10]


def test_a_segment_without_visible_pixels_belongs_to_the_one_before(photos):
    hidden = np.zeros(photos[0].shape[:2], np.uint8)
    frames = clip(*photos, *photos[:2], alphas=[hidden, None, hidden, None, hidden, hidden])
    fit = fit_clip(frames, OPTIONS[1], refit=Refit(1))
    assert [(part.first, part.end, part.time) for part in fit.segments] == [(0, 3, 0), (3, 6, Fraction(3, 10))]


def shuffled(palette, seed):
    """The same palette, its entries and clusters in another order."""
    p = len(palette)
    order = np.random.default_rng(seed).permutation(p)
    rest = np.arange(p, len(palette.model.points))
    alpha = None if palette.alpha is None else palette.alpha[order]
    model = palette.model.reordered(np.concatenate([order, rest]))
    return replace(palette, colors=palette.colors[order], counts=palette.counts[order], alpha=alpha, model=model)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: f"{options.method} {options.space}")
def test_the_order_of_the_clusters_of_a_new_fit_does_not_matter(photos, options):
    one, other = (fit_clip(clip(*part), options).segments[0].palette for part in (photos[:2], photos[1:]))
    matched = continued(other, one)
    for seed in range(3):
        again = continued(shuffled(other, seed), one)
        assert_same(again, matched)
    assert_same(continued(shuffled(one, 1), one), one)
    image = CountedImage(photos[3])
    before, after = quantize_with(other, image), quantize_with(matched, image)
    np.testing.assert_array_equal(before.rgb, after.rgb)
    assert (before.mse, sorted(before.palette.counts)) == (after.mse, sorted(after.palette.counts))


def test_labels_follow_colours_that_change_slowly():
    rng = np.random.default_rng(5)
    colors = np.array([[30, 40, 60], [200, 60, 50], [90, 180, 80], [220, 220, 210]], float)
    shares = rng.choice(4, (40, 40), p=[0.1, 0.2, 0.3, 0.4])
    frames = clip(
        *(np.clip(colors[shares] - 3 * i + rng.normal(0, 4, (40, 40, 3)), 0, 255).astype(np.uint8) for i in range(10))
    )
    for options in (FitOptions("kmeans", 4), FitOptions("em", 4)):
        fit = fit_clip(frames, options, refit=Refit(2))
        labels = [
            quantize_with(part.palette, CountedImage(frame.rgb)).labels
            for part in fit.segments
            for frame in frames[part.first : part.end]
        ]
        assert np.mean(labels == labels[0]) > 0.99
        assert len(np.unique(labels[0])) == 4


@pytest.mark.parametrize("method", ["kmeans", "em"])
def test_colours_that_are_gone_keep_their_entries(photos, method):
    flat = np.zeros_like(photos[0])
    flat[:, ::2], flat[:, 1::2] = photos[0][0, 0], photos[0][9, 9]
    options = FitOptions(method, 5)
    first, second, third = fit_clip(clip(photos[0], flat, photos[0]), options, refit=Refit(1)).segments
    assert (len(first.palette), len(second.palette), second.palette.untouched) == (5, 5, True)
    kept = np.flatnonzero(second.palette.counts == 0)
    assert len(kept) == 3
    np.testing.assert_array_equal(second.palette.colors[kept], first.palette.colors[kept])
    np.testing.assert_array_equal(quantize_with(second.palette, CountedImage(flat)).rgb, flat)
    assert len(third.palette) == 5
    assert_same(continued(third.palette, first.palette), first.palette)  # it did not start from two colours
    more = fit_clip(clip(flat, photos[0]), options, refit=Refit(1)).segments
    assert [len(part.palette) for part in more] == [2, 5]
    assert np.all(np.diff(more[1].palette.counts[2:]) <= 0)


def test_alpha_may_come_and_go(photos):
    alpha = np.full(photos[0].shape[:2], 255, np.uint8)
    alpha[:5], alpha[5:9] = 0, 100
    frames = clip(*photos, alphas=[None, alpha, alpha, None])
    segments = fit_clip(frames, OPTIONS[0], refit=Refit(1)).segments
    assert [part.palette.alpha is None for part in segments] == [True, False, False, True]
    for part, frame in zip(segments, frames, strict=True):
        result = quantize_with(part.palette, CountedImage(frame.rgb, frame.alpha))
        direct = fit_palette(frame_histogram(frame), OPTIONS[0])
        assert result.mse <= 1.05 * quantize_with(direct, CountedImage(frame.rgb, frame.alpha)).mse
    rows = [np.dstack([frame.rgb, np.full(alpha.shape, 255, np.uint8)]).reshape(-1, 4) for frame in frames]
    for part in (1, 2):
        rows[part][:, 3] = alpha.reshape(-1)
        rows[part][rows[part][:, 3] == 0] = 0
    assert fit_clip(frames, OPTIONS[0], refit=Refit(1)).colors_in == len(np.unique(np.concatenate(rows), axis=0))
    kept = fit_clip(frames, OPTIONS[1], refit=Refit(1)).segments
    assert [part.palette.options.alpha for part in kept] == [None, "keep", "keep", None]


def frame_histogram(frame):
    image = CountedImage(frame.rgb, frame.alpha)
    return image.histogram if frame.alpha is None else image.with_alpha.histogram


def test_locked_colours_keep_their_labels(photos):
    options = FitOptions("kmeans", 6, lock=("#ff0000", "#00ff00"))
    segments = fit_clip(clip(*photos), options, refit=Refit(1)).segments
    for lock in ([255, 0, 0], [0, 255, 0]):
        entries = [np.flatnonzero((part.palette.colors == lock).all(axis=1)).tolist() for part in segments]
        assert len(entries[0]) == 1
        assert entries == entries[:1] * 4


def test_the_number_of_colours_is_chosen_once(photos):
    def choose(histogram, fit):
        asked.append(len(histogram))
        return fit(3)

    asked = []
    segments = fit_clip(clip(*photos), OPTIONS[0], choose=choose, refit=Refit(1)).segments
    assert (len(asked), [len(part.palette) for part in segments]) == (1, [3] * 4)
