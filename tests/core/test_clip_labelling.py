"""The labels of a clip are those that its palette gives to each frame by itself; what is measured adds up."""

from fractions import Fraction

import numpy as np
import pytest

from colorquant.clips.fitting import fit_clip
from colorquant.clips.labelling import ClipLabeller
from colorquant.color.counted import CountedImage
from colorquant.fitting.options import FitOptions
from colorquant.mapping.dithering import Dithering
from colorquant.shared_palette import quantize_with
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
