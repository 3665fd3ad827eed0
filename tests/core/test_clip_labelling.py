"""The labels of a clip are those that its palette gives to each frame by itself; what is measured adds up."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from colorquant.analysis.blurring import blurred_mse
from colorquant.applying import quantize_with
from colorquant.clips import smoothing, timeline
from colorquant.clips.fitting import fit_clip
from colorquant.clips.labelling import ClipLabeller
from colorquant.clips.results import ClipFit, Segment, Steadiness
from colorquant.color.counted import CountedImage
from colorquant.color.difference import mse
from colorquant.errors import OptionError
from colorquant.fitting.models import GaussianMixture
from colorquant.fitting.options import FitOptions
from colorquant.mapping.dithering import Dithering
from colorquant.video.frames import Frame

N, H, W = 3, 14, 18


def clip(kind="opaque", seed=0, frames=N):
    rng = np.random.default_rng(seed)
    still = rng.integers(0, 256, (H, W, 3))
    for number in range(frames):
        rgb = np.clip(still + rng.integers(-6, 7, still.shape), 0, 255).astype(np.uint8)
        rgb[:, number : number + 5] = (250, 30 + 10 * number, 20)
        levels = {"opaque": [255], "holes": [0, 255, 255], "soft": [0, 90, 255]}[kind]
        alpha = None if number == 1 else rng.choice(np.array(levels, np.uint8), (H, W))
        if kind == "holes" and number == 2:
            alpha = np.zeros((H, W), np.uint8)
        yield Frame(rgb, alpha, Fraction(number, 25), Fraction(1, 25))


FITS = {
    "kmeans": ({"method": "kmeans", "k": 6}, {}),
    "kmeans in oklab": ({"method": "kmeans", "k": 5, "space": "oklab"}, {"paint": "mean"}),
    "gray": ({"method": "kmeans", "k": 4, "space": "gray"}, {}),
    "chroma": ({"method": "kmeans", "k": 4, "space": "ycrcb"}, {}),
    "no keep-luma": ({"method": "kmeans", "k": 4, "space": "ycrcb", "keep_luma": False}, {}),
    "locked": ({"method": "kmeans", "k": 5, "lock": ("#ff00ff", "#808080")}, {}),
    "many": ({"method": "kmeans", "k": 300}, {}),
    "all colours": ({"method": "kmeans", "k": 2000}, {}),
    "em": ({"method": "em", "k": 4}, {}),
    "em of chroma": ({"method": "em", "k": 3, "space": "ycrcb", "covariance": "full"}, {"paint": "centers"}),
    "em by the nearest mean": ({"method": "em", "k": 4}, {"assign": "nearest"}),
    "em by city blocks": ({"method": "em", "k": 4}, {"assign": "nearest-l1"}),
    "alpha kept": ({"method": "kmeans", "k": 4, "alpha": "keep"}, {}),
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "opaque") for name in FITS),
        *((name, "soft") for name in FITS),
        ("kmeans", "holes"),
        ("chroma", "holes"),
    ],
)
def test_labels_colours_and_errors_are_those_of_each_frame_by_itself(name, kind):
    options, how = FITS[name]
    check(list(clip(kind)), FitOptions(**options), how, None)


@pytest.mark.parametrize("kind", ["opaque", "soft"])
@pytest.mark.parametrize("method", ["floyd-steinberg", "bayer4"])
def test_dithered_frames_are_those_of_each_frame_by_itself(method, kind):
    check(list(clip(kind)), FitOptions("kmeans", 4), {}, Dithering(method))


def check(frames, options, how, dithering):
    fit = fit_clip(frames, options, dithering=dithering, **how)
    palette = fit.segments[0].palette
    labeller = ClipLabeller(fit, dithering=dithering)
    squared = weight = hidden = 0
    counts = np.zeros(fit.k, np.int64)
    for frame in frames:
        found = labeller.label(frame)
        expected = quantize_with(palette, CountedImage(frame.rgb, frame.alpha), dithering=dithering)
        assert found.labels.dtype == expected.labels.dtype
        assert np.array_equal(found.labels, expected.labels)
        assert np.array_equal(found.rgb, expected.rgb)
        opaque = expected.alpha is None or expected.alpha.min() == 255
        assert found.alpha is None if opaque and palette.alpha is None else np.array_equal(found.alpha, expected.alpha)
        assert (found.time, found.duration) == (frame.time, frame.duration)
        squared, weight = squared + expected.mse * expected.weight, weight + expected.weight
        by_label = np.bincount(expected.labels.reshape(-1), minlength=fit.k + 1)
        counts, hidden = counts + by_label[: fit.k], hidden + by_label[fit.k]
    result = labeller.result()
    assert result.frames == len(frames)
    assert np.array_equal(result.counts, counts)
    assert result.transparent == hidden
    assert result.mse == pytest.approx(squared / weight, rel=1e-12)
    assert result.unsmoothed is None and result.unsmoothed_mse is None
    assert result.timeline.shares.shape == (len(frames), fit.k)
    visible = [frame.alpha is None or bool(frame.alpha.any()) or palette.alpha is not None for frame in frames]
    assert np.allclose(result.timeline.shares.sum(axis=1), visible)


SMOOTHED = ("kmeans in oklab", "chroma", "em", "em by the nearest mean", "em by city blocks")


def advantage(palette, colors, new, old):
    """How much better the new label suits, computed from the definition: (p_new - p_old) / (p_new + p_old)."""
    projection = palette.features_of(CountedImage(colors[None]).histogram).projection
    features, model = projection.features(colors), palette.model
    if isinstance(model, GaussianMixture) and palette.assign is None:
        suits = model.posteriors(features).astype(np.float64)
    else:
        difference = np.abs(features[:, None] - model.points)
        squares = difference.sum(2) ** 2 if palette.assign == "nearest-l1" else (difference**2).sum(2)
        suits = np.exp((squares.min(axis=1, keepdims=True) - squares) / (2 * palette.variance))
    rows = np.arange(len(colors))
    return (suits[rows, new] - suits[rows, old]) / (suits[rows, new] + suits[rows, old])


@pytest.mark.parametrize("kind", ["opaque", "soft"])
@pytest.mark.parametrize("name", SMOOTHED)
def test_a_pixel_keeps_its_label_unless_another_is_better_by_the_margin(name, kind, monkeypatch):
    if kind == "soft":  # computed for each pixel, as for many labels
        monkeypatch.setattr(smoothing, "MOST_MASKED", 0)
    options, how = FITS[name]
    frames = list(clip(kind, frames=5))
    fit = fit_clip(frames, FitOptions(**{**options, "alpha": "keep"}), **how)
    palette, margin = fit.segments[0].palette, 0.4
    plain, smooth = ClipLabeller(fit), ClipLabeller(fit, smooth=margin)
    kept = squared = weight = 0
    before = None
    for frame in frames:
        raw, found = plain.label(frame), smooth.label(frame)
        if before is not None:
            changed = (raw.labels != before) & (raw.labels < fit.k) & (before < fit.k)
            new, old, colors = raw.labels[changed], before[changed], frame.rgb[changed]
            better = advantage(palette, colors, new, old)
            sure = np.abs(better - margin) > 1e-3
            assert np.array_equal(found.labels[changed][sure], np.where(better <= margin, old, new)[sure])
            assert np.array_equal(found.labels[~changed], raw.labels[~changed])
            kept += int(np.count_nonzero(found.labels != raw.labels))
        before = found.labels
        visible = np.full((H, W), 255) if frame.alpha is None else frame.alpha.astype(int)
        assert np.array_equal(found.labels == fit.k, visible == 0)
        squared += int((((found.rgb.astype(int) - frame.rgb) ** 2).sum(axis=2) * visible).sum())
        weight += int(visible.sum())
    assert kept > 0
    result = smooth.result()
    assert result.mse == pytest.approx(squared / weight, rel=1e-9)
    assert result.unsmoothed == plain.result().steadiness
    assert result.unsmoothed_mse == plain.result().mse
    assert result.steadiness.changed < result.unsmoothed.changed


def test_the_variance_of_a_palette_is_that_of_the_pixels_around_their_centres():
    frames = list(clip())
    palette = fit_clip(frames, FitOptions("kmeans", 5)).segments[0].palette
    colors = np.concatenate([frame.rgb.reshape(-1, 3) for frame in frames]).astype(float)
    nearest = ((colors[:, None] - palette.model.points) ** 2).sum(axis=2).min(axis=1)
    assert palette.variance == pytest.approx(nearest.mean() / 3)
    mixture = fit_clip(frames, FitOptions("em", 1)).segments[0].palette
    assert mixture.variance == pytest.approx(colors.var(axis=0).mean(), rel=1e-3)


def test_a_palette_over_rgba_is_smoothed_too():
    frames = list(clip("soft", frames=5))
    fit = fit_clip(frames, FitOptions("kmeans", 4))
    assert fit.segments[0].palette.alpha is not None
    smooth = ClipLabeller(fit, smooth=0.5)
    squared = []
    for frame in frames:
        found = smooth.label(frame)
        assert found.labels.max() < fit.k and np.array_equal(found.alpha, found.entry_alpha[found.labels])
        image = CountedImage(frame.rgb, frame.alpha).with_alpha
        squared.append(mse(image.visible.rgb, fit.segments[0].palette.rows[found.labels]))
    result = smooth.result()
    assert result.mse == pytest.approx(np.mean(squared), rel=1e-9)
    assert result.mse > result.unsmoothed_mse
    assert result.steadiness.changed < result.unsmoothed.changed


def noisy_ramp(frames):
    rng = np.random.default_rng(7)
    ramp = np.linspace(40, 200, 40)[:, None, None] + np.linspace(0, 40, 40)[:, None] * np.array([0.2, 0.5, 1.0])
    for number in range(frames):
        noise = rng.integers(-3, 4, (40, 40, 3))
        yield Frame((ramp + noise).round().astype(np.uint8), None, Fraction(number, 25), Fraction(1, 25))


@pytest.mark.parametrize("space", ["rgb", "oklab"])
def test_a_dithered_clip_is_steadier_with_smoothing_and_keeps_its_mean_colours(space):
    frames, dithering = list(noisy_ramp(5)), Dithering("floyd-steinberg")
    fit = fit_clip(frames, FitOptions("kmeans", 8, space=space), dithering=dithering)
    plain, smooth = ClipLabeller(fit, dithering=dithering), ClipLabeller(fit, dithering=dithering, smooth=0.8)
    blurred = {}
    for frame in frames:
        for labeller in (plain, smooth):
            found = labeller.label(frame)
            blurred.setdefault(labeller, []).append(blurred_mse(frame.rgb, found.rgb))
    assert smooth.result().steadiness.changed < 0.7 * plain.result().steadiness.changed
    assert np.mean(blurred[smooth]) < 1.3 * np.mean(blurred[plain])
    assert smooth.result().unsmoothed is None


def test_a_dithered_picture_that_stands_still_does_not_change_with_smoothing():
    frame, dithering = next(iter(clip())), Dithering("jarvis")
    frames = [Frame(frame.rgb, None, Fraction(number, 25), Fraction(1, 25)) for number in range(3)]
    labeller = ClipLabeller(
        fit_clip(frames, FitOptions("kmeans", 4), dithering=dithering), dithering=dithering, smooth=0.5
    )
    first = labeller.label(frames[0]).labels
    assert all(np.array_equal(labeller.label(frame).labels, first) for frame in frames[1:])


def test_a_margin_of_zero_changes_nothing_and_a_picture_that_stands_still_does_not_flicker():
    frames = [next(iter(clip()))] * 3
    labeller = ClipLabeller(fit_clip(frames, FitOptions("em", 4)), smooth=0.0)
    first, *_ = (labeller.label(frame) for frame in frames)
    result = labeller.result()
    assert (result.steadiness.flickering, result.steadiness.changed) == (0, 0)
    assert result.unsmoothed is None
    assert np.array_equal(result.counts, 3 * np.bincount(first.labels.reshape(-1), minlength=4))


@pytest.mark.parametrize("alpha", [False, True])
def test_the_steadiness_is_that_of_a_comparison_of_all_pixels(alpha):
    frames = list(clip("soft" if alpha else "opaque", frames=5))
    fit = fit_clip(frames, FitOptions("kmeans", 6, alpha="keep" if alpha else None))
    labeller = ClipLabeller(fit, still=9.5)
    labelled = [labeller.label(frame).labels for frame in frames]
    flickering = changed = compared = 0
    for number in range(1, len(frames)):
        here, there = (
            np.dstack([frame.rgb, np.full((H, W), 255) if frame.alpha is None else frame.alpha]).astype(int)
            for frame in (frames[number], frames[number - 1])
        )
        visible = (here[:, :, 3] > 0) & (there[:, :, 3] > 0)
        differs = visible & (labelled[number] != labelled[number - 1])
        still = np.abs(here - there).max(axis=2) < 9.5
        compared += np.count_nonzero(visible)
        changed += np.count_nonzero(differs)
        flickering += np.count_nonzero(differs & still)
    assert 0 < flickering < changed
    assert labeller.result().steadiness == Steadiness(flickering / compared, changed / compared, 9.5)


def in_segments(frames, options, borders, cuts=None):
    """The fit of a clip whose segments begin at ``borders``; each has labels in its own order."""
    edges = [*borders, len(frames)]
    segments = [
        Segment(first, end, fit_clip(frames[first:end], options).segments[0].palette) for first, end in pairwise(edges)
    ]
    return ClipFit(tuple(segments), len(frames), len(frames), 1, cuts)


def test_each_segment_has_its_palette():
    frames = list(clip(frames=6))
    fit = in_segments(frames, FitOptions("kmeans", 5), [0, 2, 3])
    labeller = ClipLabeller(fit)
    for number, frame in enumerate(frames):
        palette = fit.segments[0 if number < 2 else 1 if number < 3 else 2].palette
        expected = quantize_with(palette, CountedImage(frame.rgb))
        found = labeller.label(frame)
        assert np.array_equal(found.labels, expected.labels) and np.array_equal(found.colors, palette.colors)


def test_a_label_has_one_meaning_where_segments_have_different_numbers_of_entries():
    few = Frame(np.full((H, W, 3), 9, np.uint8), np.eye(H, W, dtype=np.uint8) * 255, Fraction(0), Fraction(1))
    frames = [next(iter(clip())), few]
    fit = in_segments(frames, FitOptions("kmeans", 5), [0, 1])
    labeller = ClipLabeller(fit, smooth=0.3)
    first, second = (labeller.label(frame) for frame in frames)
    assert set(np.unique(second.labels)) == {0, 5}
    assert second.colors.shape == (5, 3) and np.array_equal(second.colors[1:], first.colors[1:])
    assert np.array_equal(second.rgb[few.alpha > 0], few.rgb[few.alpha > 0])
    assert labeller.result().transparent == np.count_nonzero(few.alpha == 0)


@pytest.mark.parametrize("cuts", [None, (2,)])
def test_smoothing_and_steadiness_begin_anew_at_a_cut_only(cuts):
    frames = list(clip(frames=4))
    one = in_segments(frames, FitOptions("kmeans", 5), [0, 2], cuts)
    labeller, alone = ClipLabeller(one, smooth=0.6), ClipLabeller(one)
    found, raw = ([each.label(frame).labels for frame in frames] for each in (labeller, alone))
    assert np.array_equal(found[2], raw[2]) == (cuts is not None)
    pairs = [number for number in (1, 2, 3) if number not in (cuts or ())]
    changed = [np.mean(raw[number] != raw[number - 1]) for number in pairs]
    assert alone.result().steadiness.changed == pytest.approx(np.mean(changed))
    assert labeller.result().unsmoothed == alone.result().steadiness


def test_a_clip_of_one_frame_has_no_steadiness():
    frames = list(clip(frames=1))
    labeller = ClipLabeller(fit_clip(frames, FitOptions("kmeans", 3)))
    labeller.label(frames[0])
    assert labeller.result().steadiness is None


def test_a_timeline_has_a_bounded_number_of_rows(monkeypatch):
    monkeypatch.setattr(timeline, "MOST_ROWS", 6)
    shares = timeline.TimelineSum(2)
    counts = np.random.default_rng(0).integers(1, 9, (21, 2))
    for number, row in enumerate(counts):
        shares.add(number / 4, row)
        assert len(shares.result().times) <= 6
    result = shares.result()
    expected = counts / counts.sum(axis=1, keepdims=True)
    assert np.array_equal(result.times, [0, 1, 2, 3, 4, 5])
    assert np.allclose(result.shares[:5], expected[:20].reshape(5, 4, 2).mean(axis=1))
    assert np.allclose(result.shares[5], expected[20])


@pytest.mark.parametrize("name", ["em", "em of chroma"])
def test_posteriors_belong_to_the_labels(name):
    options, how = FITS[name]
    frames = list(clip("holes"))
    labeller = ClipLabeller(fit_clip(frames, FitOptions(**options), **how))
    for frame in frames:
        labels = labeller.label(frame).labels
        posteriors = labeller.posteriors(frame)
        assert posteriors.dtype == np.float32 and posteriors.shape == (H, W, options["k"])
        visible = np.ones((H, W), bool) if frame.alpha is None else frame.alpha > 0
        assert np.allclose(posteriors.sum(axis=2), visible, atol=1e-5)
        assert np.array_equal(posteriors.argmax(axis=2)[visible], labels[visible])


def test_what_cannot_be_honoured_is_refused():
    frames = list(clip())
    fit = fit_clip(frames, FitOptions("kmeans", 3))
    for margin in (-0.1, 1.0, float("nan")):
        with pytest.raises(OptionError, match="--smooth"):
            ClipLabeller(fit, smooth=margin)
    for still in (-1, 257, float("nan")):
        with pytest.raises(OptionError, match="--still"):
            ClipLabeller(fit, still=still)
    with pytest.raises(OptionError, match="only error diffusion without --serpentine"):
        ClipLabeller(fit, smooth=0.1, dithering=Dithering("bayer4"))
    labeller = ClipLabeller(fit)
    labeller.label(frames[0])
    with pytest.raises(OptionError, match="no posteriors"):
        labeller.posteriors(frames[0])
