"""A map of importance: pixels count in the fit in proportion to it, exactly."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.pictures import random_picture

import colorquant
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.color.spaces import Projection
from colorquant.errors import EngineError, ImageReadError, OptionError
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.models import Centroids
from colorquant.mapping.labelling import Labelling
from colorquant.palette.making import PAINTS, paint_palette

WAYS = {
    "kmeans": {"k": 6},
    "oklab": {"k": 6, "space": "oklab"},
    "gray": {"k": 4, "space": "gray"},
    "chroma": {"k": 4, "space": "ycrcb"},
    "locked": {"k": 6, "lock": ["#ff0000", "#ffffff"]},
    "em": {"k": 4, "method": "em"},
    "sklearn": {"k": 5, "engine": "sklearn"},
}


@given(
    seed=st.integers(0, 2**31 - 1),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    levels=st.sampled_from([2, 3, 256]),
    transparent=st.booleans(),
)
@settings(max_examples=60)
def test_the_weight_of_a_color_is_the_exact_sum_over_its_pixels(seed, size, levels, transparent):
    rgb, other = random_picture(seed, *size, levels=levels), random_picture(seed + 1, *size)
    alpha, importance = other[:, :, 0] if transparent else None, other[:, :, 1]
    histogram = CountedImage(rgb, alpha, importance).histogram
    opacity = np.full(size, 255) if alpha is None else alpha.astype(np.int64)
    weights = importance.astype(np.int64) * opacity
    for color, weight in zip(histogram.colors, histogram.fit_weights * (255**2 // histogram.fit_scale), strict=True):
        assert weight == weights[(rgb == color).all(axis=2)].sum()
    plain = CountedImage(rgb, alpha).histogram
    assert np.array_equal(histogram.counts, plain.counts)
    assert histogram.total_weight == plain.total_weight
    both = histogram + plain
    assert both.fit_weights.sum() * (255**2 // both.fit_scale) == weights.sum() + (255 * opacity).sum()
    assert both.integer_weights.sum() == 2 * plain.integer_weights.sum()
    assert np.array_equal((plain + histogram).fit_weights, both.fit_weights)


@pytest.mark.parametrize("way", WAYS)
def test_a_white_map_changes_nothing(thumbnail, way):
    white = np.full(thumbnail.shape[:2], 255, np.uint8)
    weighted, plain = (colorquant.quantize(thumbnail, weights=map_, **WAYS[way]) for map_ in (white, None))
    assert np.array_equal(weighted.labels, plain.labels)
    assert np.array_equal(weighted.rgb, plain.rgb)
    assert (weighted.inertia, weighted.log_likelihood) == (plain.inertia, plain.log_likelihood)


@pytest.mark.parametrize("way", WAYS)
def test_black_and_white_fits_only_the_white(thumbnail, way):
    rng = np.random.default_rng(1)
    part = np.zeros(thumbnail.shape[:2], np.uint8)
    part[10:40, 5:30] = 255
    part[rng.random(part.shape) < 0.02] = 255
    weighted = colorquant.quantize(thumbnail, weights=part, **WAYS[way])
    alone = colorquant.quantize(thumbnail[part > 0][None], **WAYS[way])
    assert sorted(weighted.palette.hex) == sorted(alone.palette.hex)
    assert np.array_equal(weighted.rgb[part > 0], alone.rgb[0])
    if weighted.inertia is not None:
        assert np.isclose(weighted.inertia, alone.inertia)
    if weighted.log_likelihood is not None:
        assert np.isclose(weighted.log_likelihood, alone.log_likelihood)
    assert weighted.palette.counts.sum() == part.size, "the palette counts all pixels"
    error = ((weighted.rgb.astype(int) - thumbnail) ** 2).sum(axis=2).mean()
    assert np.isclose(weighted.mse, error), "and so does the error"


def test_what_matters_more_gets_the_smaller_error(thumbnail):
    ramp = np.zeros(thumbnail.shape[:2], np.uint8)
    ramp[:, :40], ramp[:, 40:] = 255, 10
    weighted, plain = colorquant.quantize(thumbnail, k=8, weights=ramp), colorquant.quantize(thumbnail, k=8)
    left, right = ((each.rgb.astype(int) - thumbnail) ** 2 for each in (weighted, plain))
    assert left[:, :40].sum() < right[:, :40].sum()
    assert left[:, 40:].sum() > right[:, 40:].sum()


@pytest.mark.parametrize("paint", PAINTS)
def test_a_label_without_weight_has_the_color_of_its_pixels(paint):
    """A mixture may label pixels that do not count with a component that has no others."""
    rgb = np.array([[[0, 0, 0], [8, 8, 8], [200, 200, 200], [220, 220, 220], [220, 220, 220]]], np.uint8)
    image = CountedImage(rgb, None, np.array([[1, 255, 0, 0, 0]], np.uint8))
    weighted = WeightedFeatures.of(image.histogram, Projection.of("rgb", None))
    model = Centroids(np.array([[4.0] * 3, [210.0] * 3]))
    labelling = Labelling(weighted, model.predict(weighted.features).astype(np.int64), 2)
    levels = paint_palette(labelling, model, weighted.projection, paint)[:, 0].tolist()
    assert levels == {"members": [8, 220], "mean": [8, 213], "dominant": [8, 220], "centers": [4, 210]}[paint]


REFUSED = {
    "black": ({"weights": np.zeros((54, 80), np.uint8)}, "nothing is left to fit"),
    "another size": ({"weights": np.zeros((5, 80), np.uint8)}, "map of weights"),
    "another type": ({"weights": np.zeros((54, 80))}, "map of weights"),
    "opencv": ({"weights": np.eye(54, 80, dtype=np.uint8), "engine": "opencv"}, "use --engine numpy or sklearn"),
    "sklearn em": (
        {"weights": np.eye(54, 80, dtype=np.uint8), "engine": "sklearn", "method": "em"},
        "use --engine numpy$",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(thumbnail, name):
    settings, words = REFUSED[name]
    with pytest.raises((OptionError, EngineError), match=words):
        colorquant.quantize(thumbnail, k=4, **settings)


def test_files_of_maps(thumbnail, tmp_path, run):
    levels = np.tile(np.linspace(0, 255, 80).astype(np.uint8), (54, 1))
    for stem in ("a", "b"):
        Image.fromarray(thumbnail).save(tmp_path / f"{stem}.png")
        Image.fromarray(levels).save(tmp_path / f"{stem}-map.png")
    inputs = (tmp_path / "a.png", tmp_path / "b.png")
    result = run("kmeans", *inputs, "-k", 4, "--weights", tmp_path / "{stem}-map.png", "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["weights"] for row in rows] == [str(tmp_path / "a-map.png"), str(tmp_path / "b-map.png")]
    expected = colorquant.quantize(thumbnail, k=4, weights=levels)
    assert rows[0]["palette"] == [
        [color, count] for color, count in zip(expected.palette.hex, expected.palette.counts, strict=True)
    ]
    with Image.open(tmp_path / "a-map.png") as image:
        assert colorquant.quantize(tmp_path / "a.png", k=4, weights=image).palette == expected.palette
    assert colorquant.fit(colorquant.histogram(inputs[0], weights=tmp_path / "a-map.png"), k=4) == expected.palette


def test_files_that_are_no_maps(thumbnail, photo, tmp_path):
    Image.fromarray(thumbnail[:9]).save(tmp_path / "colour.png")
    Image.fromarray(thumbnail[:9, :, 0]).save(tmp_path / "small.png")
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    for name, words in (
        ("colour.png", "is in colour: give a gray image"),
        ("small.png", "is 80 × 9 and the image 80 × 54"),
        ("broken.png", "--weights .*broken.png: "),
        ("missing.png", "--weights .*missing.png: "),
    ):
        with pytest.raises(ImageReadError, match=words):
            colorquant.quantize(photo, k=4, weights=tmp_path / name)


def test_a_map_that_cannot_be_used_fails_its_own_image_only(run, photo, tmp_path):
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "other.png")
    Image.fromarray(np.full((54, 80), 9, np.uint8)).save(tmp_path / "map.png")
    out = tmp_path / "out"
    result = run("kmeans", tmp_path / "other.png", photo, "-k", 4, "--weights", tmp_path / "map.png", "-o", out)
    assert result.exit_code == 1
    assert [path.name for path in out.iterdir()] == ["photo-kmeans4.png"]
    assert "is 80 × 54 and the image 9 × 9" in result.stderr


def test_transparent_pixels_of_a_map_do_not_count(thumbnail, tmp_path):
    levels = np.full((*thumbnail.shape[:2], 4), 255, np.uint8)
    levels[:, :40, 3] = 0
    Image.fromarray(levels).save(tmp_path / "map.png")
    result = colorquant.quantize(thumbnail, k=4, weights=tmp_path / "map.png")
    assert result.palette == colorquant.quantize(thumbnail, k=4, weights=levels[:, :, 3]).palette


def test_an_empty_histogram_adds_nothing():
    empty = ColorHistogram.count(np.empty((0, 3), np.uint8))
    some = CountedImage(np.zeros((1, 2, 3), np.uint8), None, np.array([[0, 7]], np.uint8)).histogram
    assert (some + empty).fit_weights.tolist() == [7]
