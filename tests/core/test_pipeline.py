"""The laws that every engine and every space obey."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pictures import engine_names, method_names, random_picture, space_names

from colorquant import FitOptions, GaussianMixture, quantize
from colorquant.color import difference
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.color.spaces import SPACES
from colorquant.errors import OptionError
from colorquant.fitting import criteria, engines
from colorquant.quantization import Quantized

PICTURES = {
    "constant": np.full((5, 7, 3), 90, np.uint8),
    "pixel": np.array([[[200, 10, 60]]], np.uint8),
    "column": random_picture(5, 9, 1),
    "two colours": np.repeat(np.array([[[255, 255, 255]], [[0, 0, 0]]], np.uint8), 4, axis=1),
    "gray in three channels": np.repeat(random_picture(6, 12, 12)[:, :, :1], 3, axis=2),
    "constant channel": random_picture(7, 12, 12) * np.array([1, 0, 1], np.uint8),
    "saturated": np.where(random_picture(8, 16, 16) > 127, 255, 0).astype(np.uint8),
}

SPACES_AND_PICTURES = [  # every other pair is a slow test
    pytest.param(space, picture, marks=() if (row + column) % 2 == 0 else pytest.mark.slow)
    for row, space in enumerate(SPACES)
    for column, picture in enumerate(PICTURES)
]


def options(method: str, **changes: object) -> FitOptions:
    return FitOptions(method=method, **{"k": 4, "max_iter": 10, **changes})


def check_laws(rgb: np.ndarray, quantized: Quantized) -> None:
    """What holds for every quantized picture without transparency."""
    k, palette, labels = quantized.options.k, quantized.palette.colors, quantized.labels
    assert labels.shape == rgb.shape[:2]
    assert 1 <= len(palette) <= max(k, 1)
    assert np.array_equal(np.unique(labels), np.arange(len(palette))), "every label is used, and in range"
    assert np.array_equal(np.bincount(labels.ravel()), quantized.palette.counts)
    assert (np.diff(quantized.palette.counts) <= 0).all(), "labels are ordered by falling count"
    assert quantized.colors_in == len(np.unique(rgb.reshape(-1, 3), axis=0))
    assert quantized.colors_out == len(np.unique(quantized.rgb.reshape(-1, 3), axis=0))
    assert math.isclose(quantized.mse, difference.mse(rgb, quantized.rgb)), "the error is that of all pixels"
    assert np.isfinite(quantized.model.points).all()
    if isinstance(quantized.model, GaussianMixture):
        assert np.isfinite(quantized.model.covariances).all()
        assert (np.linalg.eigvalsh(quantized.model.covariances) > 0).all()
        assert math.isclose(quantized.model.weights.sum(), 1)


@engine_names
@space_names
@method_names
def test_laws_on_a_photograph(engine, space, method, thumbnail):
    """Also: the same options and seed give the same labels, palette and model, to the bit."""
    quantized, again = (quantize(thumbnail, options(method, engine=engine, space=space, seed=7)) for _ in range(2))
    assert np.array_equal(quantized.labels, again.labels)
    assert quantized.palette == again.palette
    assert np.array_equal(quantized.model.points, again.model.points)
    check_laws(thumbnail, quantized)
    assert len(quantized.palette) == 4
    if space == "gray":
        assert (quantized.rgb == quantized.rgb[:, :, :1]).all()
    if not SPACES[space].keeps_luma:
        assert quantized.painted is None
        assert quantized.colors_out == 4


@engine_names
@method_names
@pytest.mark.parametrize(("space", "picture"), SPACES_AND_PICTURES)
def test_pictures_that_leave_little_to_fit(engine, space, method, picture):
    rgb = PICTURES[picture]
    for k in (1, 4, 300):
        quantized = quantize(rgb, options(method, engine=engine, space=space, k=k, max_iter=3))
        check_laws(rgb, quantized)
        lossless = space != "gray" and not SPACES[space].keeps_luma
        if lossless and quantized.colors_in <= k:
            assert quantized.untouched
            assert np.array_equal(quantized.rgb, rgb)


def both_paints(ks: Sequence[int]) -> list[object]:
    """Each k with each paint, every other pair a slow test."""
    pairs = [(k, paint) for k in ks for paint in ("members", "centers")]
    return [pytest.param(*pair, marks=[pytest.mark.slow] * (number % 4 in (1, 2))) for number, pair in enumerate(pairs)]


@pytest.mark.parametrize("space", ["rgb", "lab", "oklab"])
@pytest.mark.parametrize(("k", "paint"), both_paints([1, 2, 16, 100, 256, 1000, 3000]))
def test_numpy_kmeans_gives_exactly_k_colours(space, paint, k, thumbnail):
    quantized = quantize(thumbnail, FitOptions("kmeans", k, space), paint=paint)
    check_laws(thumbnail, quantized)
    assert quantized.colors_out == k


@given(
    seed=st.integers(0, 2**31),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    levels=st.sampled_from([2, 3, 5, 256]),
    k=st.integers(1, 40),
    space=st.sampled_from(["rgb", "lab", "oklab"]),
    paint=st.sampled_from(["members", "centers"]),
)
@settings(max_examples=100, deadline=None)
def test_exactly_k_or_untouched_on_small_random_pictures(seed, size, levels, k, space, paint):
    rgb = random_picture(seed, *size, levels=levels)
    quantized = quantize(rgb, FitOptions("kmeans", k, space), paint=paint)
    check_laws(rgb, quantized)
    assert quantized.colors_out == min(k, quantized.colors_in)


@given(seed=st.integers(0, 2**31), levels=st.sampled_from([2, 4, 256]), k=st.integers(1, 12), data=st.data())
@settings(max_examples=60, deadline=None)
def test_laws_on_small_random_pictures(seed, levels, k, data):
    method = data.draw(st.sampled_from(engines.METHODS))
    space = data.draw(st.sampled_from(list(SPACES)))
    rgb = random_picture(seed, 9, 7, levels)
    check_laws(rgb, quantize(rgb, FitOptions(method, k, space)))


def test_members_paint_with_the_mean_of_the_pixels(thumbnail):
    quantized = quantize(thumbnail, FitOptions("kmeans", 8, "lab"))
    means = [thumbnail[quantized.labels == label].mean(axis=0) for label in range(8)]
    assert np.abs(quantized.palette.colors - np.array(means)).max() <= 0.5


def test_members_never_err_more_than_centers(thumbnail):
    for method in ("kmeans", "em"):
        members, centers = (quantize(thumbnail, options(method, k=8), paint=paint) for paint in ("members", "centers"))
        assert members.mse <= centers.mse


def test_labels_are_those_of_the_model(thumbnail):
    for method in ("kmeans", "em"):
        quantized = quantize(thumbnail, options(method, k=8))
        predicted = quantized.model.predict(thumbnail.reshape(-1, 3).astype(np.float64))
        assert np.array_equal(predicted, quantized.labels.ravel())


def test_reported_objectives_are_those_of_all_pixels(thumbnail):
    pixels = thumbnail.reshape(-1, 3).astype(np.float64)
    kmeans = quantize(thumbnail, FitOptions("kmeans", 6))
    nearest = ((pixels[:, None] - kmeans.model.points) ** 2).sum(axis=2).min(axis=1)
    assert math.isclose(kmeans.inertia, nearest.sum(), rel_tol=1e-9)
    em = quantize(thumbnail, FitOptions("em", 3))
    density = np.zeros(len(pixels))
    for weight, mean, covariance in zip(em.model.weights, em.model.means, em.model.covariances, strict=True):
        offset = pixels - mean
        exponent = -0.5 * np.einsum("ij,jk,ik->i", offset, np.linalg.inv(covariance), offset)
        density += weight * np.exp(exponent) / np.sqrt((2 * np.pi) ** 3 * np.linalg.det(covariance))
    assert math.isclose(em.log_likelihood, np.log(density).mean(), abs_tol=1e-9)
    assert math.isclose(em.bic, criteria.bic(em.log_likelihood, len(pixels), 3 - 1 + 3 * 3 + 3 * 3))


def test_transparent_pixels_have_no_vote(thumbnail):
    alpha = np.full(thumbnail.shape[:2], 255, np.uint8)
    alpha[10:30, 20:50] = 0
    noisy = thumbnail.copy()
    noisy[alpha == 0] = random_picture(9, 20, 30).reshape(-1, 3)
    clean, other = (quantize(rgb, FitOptions("kmeans", 5), alpha=alpha) for rgb in (thumbnail, noisy))
    assert np.array_equal(clean.palette.colors, other.palette.colors)
    assert np.array_equal(clean.labels, other.labels)
    assert (clean.labels[alpha == 0] == 5).all()
    assert (clean.labels[alpha > 0] < 5).all()


@engine_names
@space_names
def test_a_picture_of_nothing_but_transparency(engine, space):
    rgb = random_picture(3)
    quantized = quantize(rgb, FitOptions(engine=engine, space=space), alpha=np.zeros(rgb.shape[:2], np.uint8))
    assert len(quantized.palette) == 0
    assert quantized.mse == 0


def test_gray_levels_are_opencvs_and_painted_with_their_mean(thumbnail):
    import cv2

    quantized = quantize(thumbnail, FitOptions("kmeans", 5, "gray"))
    gray = cv2.cvtColor(thumbnail, cv2.COLOR_RGB2GRAY)
    for label in range(5):
        assert abs(gray[quantized.labels == label].mean() - quantized.palette.colors[label, 0]) <= 0.5


def test_kept_luma_changes_only_the_chroma(thumbnail):
    import cv2

    quantized = quantize(thumbnail, FitOptions("kmeans", 4, "ycrcb"))
    before, after = (cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb).astype(int) for rgb in (thumbnail, quantized.rgb))
    assert np.abs(before[:, :, 0] - after[:, :, 0]).max() <= 2
    assert quantized.colors_out > 4


@pytest.mark.parametrize(
    "rgb",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 4), np.uint8)],
)
def test_arrays_that_are_no_pictures_are_refused(rgb):
    with pytest.raises(OptionError, match="give pixels as uint8"):
        CountedImage(rgb)


def flat_picture() -> np.ndarray:
    """Black text on white: (40, 60, 3) uint8, its strokes black with gray edges."""
    rgb = np.full((40, 60, 3), 255, np.uint8)
    rgb[10:30, 20:40] = 0
    rgb[10:30, 19] = rgb[10:30, 40] = 80
    return rgb


@pytest.mark.parametrize("engine", ["numpy", "opencv", "sklearn"])
@pytest.mark.parametrize("space", ["rgb", "gray", "lab", "ycrcb"])
def test_a_colour_that_most_pixels_of_a_label_have_stays_what_it_is(engine, space):
    options = FitOptions("kmeans", 2, space, engine=engine, keep_luma=False if space == "ycrcb" else None)
    members, mean = (quantize(flat_picture(), options, paint=paint).palette.hex for paint in ("members", "mean"))
    assert members == ("#ffffff", "#000000")
    assert mean[0] == "#ffffff"
    assert mean[1] != "#000000"


def test_the_dominant_colour_need_not_hold_a_majority():
    rgb = np.repeat(np.array([[10, 0, 0]] * 4 + [[30, 0, 0]] * 3 + [[50, 0, 0]] * 3, np.uint8)[None], 2, axis=0)
    options = FitOptions("kmeans", 1)
    palettes = {paint: quantize(rgb, options, paint=paint).palette.hex for paint in ("members", "mean", "dominant")}
    assert palettes == {"members": ("#1c0000",), "mean": ("#1c0000",), "dominant": ("#0a0000",)}


def test_gray_stays_gray_where_the_chroma_is_clustered():
    rgb = np.full((20, 20, 3), 128, np.uint8)
    rgb[:4] = (140, 120, 128)
    rgb[16:] = (10, 200, 30)
    quantized = quantize(rgb, FitOptions("kmeans", 2, "ycrcb"))
    assert np.array_equal(quantized.rgb[5:15], rgb[5:15])


def test_most_pixels_are_counted_by_their_alpha():
    rgb = np.array([[[10, 0, 0]] * 3 + [[30, 0, 0]] * 2], np.uint8)
    alpha = np.array([[100, 100, 100, 255, 255]], np.uint8)
    assert quantize(rgb, FitOptions("kmeans", 1, alpha="keep"), alpha=alpha).palette.hex == ("#1e0000",)


def test_an_image_is_counted_once(monkeypatch, thumbnail):
    calls = []
    count = ColorHistogram.count
    monkeypatch.setattr(ColorHistogram, "count", lambda *args: calls.append(1) or count(*args))
    image = CountedImage(thumbnail)
    for method, engine in (("kmeans", "numpy"), ("kmeans", "opencv"), ("em", "numpy")):
        quantize(image, FitOptions(method, 3, engine=engine, max_iter=2))
    assert len(calls) == 1


def test_a_model_labels_another_picture(thumbnail, flower):
    options = FitOptions("em", 4, max_iter=20)
    quantized = quantize(thumbnail, options)
    assert np.array_equal(quantized.predict(thumbnail), quantized.labels)
    other = quantized.predict(flower[::8, ::8])
    assert other.shape == flower[::8, ::8].shape[:2]
    features = quantized.model.predict(flower[::8, ::8].reshape(-1, 3).astype(np.float64))
    assert np.array_equal(other.reshape(-1), features)
