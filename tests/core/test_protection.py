"""``--protect small``: weights grow with the square root of the pixels that are alike."""

import numpy as np
import pytest

import colorquant
from colorquant.color.counted import CountedImage
from colorquant.color.spaces import Projection
from colorquant.errors import OptionError
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.protection import protected
from colorquant.quantization import Quantized

RED = (220, 30, 40)


@pytest.fixture(scope="module")
def sky() -> np.ndarray:
    """A gradient with a little noise, and a red dot of 1 % of its side in it."""
    height, width = 150, 200
    share = np.linspace(0, 1, height)[:, None, None]
    rgb = np.array([90, 150, 220]) * (1 - share) + np.array([240, 220, 200]) * share
    rgb = rgb + np.random.default_rng(0).normal(0, 3, (height, width, 1))
    rgb = np.clip(rgb, 0, 255).astype(np.uint8)
    rgb[100:104, 50:54] = RED
    return rgb


def distance_to_red(result: Quantized) -> float:
    return float(np.abs(result.palette.colors.astype(int) - RED).sum(axis=1).min())


WAYS = {
    "kmeans": {"k": 4},
    "oklab": {"k": 4, "space": "oklab"},
    "sklearn": {"k": 4, "engine": "sklearn", "attempts": 3},
    "em": {"k": 4, "method": "em"},
    "locked": {"k": 5, "lock": ["#000000"]},
    "chroma": {"k": 3, "space": "lab", "keep_luma": True},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_small_dot_keeps_its_color(sky, way):
    protected_, plain = (colorquant.quantize(sky, protect=protect, **WAYS[way]) for protect in ("small", None))
    dot, was = (np.abs(each.rgb[101, 51].astype(int) - RED).sum() for each in (protected_, plain))
    assert dot < 40
    assert dot <= was
    again = colorquant.quantize(sky, protect="small", **WAYS[way])
    assert np.array_equal(again.labels, protected_.labels), "the same bytes"
    assert protected_.palette.counts.sum() == sky.shape[0] * sky.shape[1], "the palette counts pixels"


def test_without_it_the_dot_is_lost(sky):
    assert distance_to_red(colorquant.quantize(sky, k=4)) > 200


@pytest.mark.parametrize("size", [100, 10_000])
def test_weights_grow_with_the_square_root(size):
    """Two colours far from each other: their weights have the ratio of the square roots of their pixels."""
    colors = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)
    weights = protected(colors, np.array([1.0, size]))
    assert weights[1] / weights[0] == pytest.approx(size**0.5, rel=1e-6)
    assert weights.sum() == pytest.approx(1 + size), "the total stays"


def test_similar_colors_count_together(thumbnail):
    """Whether an area has one colour or many near ones makes little difference, and equal colours none."""
    rng = np.random.default_rng(0)
    near = np.clip(120 + rng.normal(0, 4, (1000, 3)), 0, 255).astype(np.uint8)
    one = protected(np.array([[120, 120, 120], [255, 0, 0]], np.uint8), np.array([1000.0, 10.0]))
    many = protected(np.vstack([near, [[255, 0, 0]]]).astype(np.uint8), np.append(np.ones(1000), 10.0))
    assert many[:-1].sum() / many[-1] == pytest.approx(one[0] / one[1], rel=0.1)


def test_pixels_without_importance_stay_without_weight(sky):
    importance = np.full(sky.shape[:2], 255, np.uint8)
    importance[:80] = 0
    histogram = CountedImage(sky, None, importance).histogram
    plain, small = (WeightedFeatures.of(histogram, Projection.of("rgb", None), protect=how) for how in (None, "small"))
    assert np.array_equal(plain.weights > 0, small.weights > 0)
    assert np.isfinite(small.weights).all()
    assert small.weights.sum() == pytest.approx(plain.weights.sum())


def test_engines_that_take_no_weights_refuse(thumbnail):
    for options in ({"engine": "opencv"}, {"engine": "sklearn", "method": "em"}):
        with pytest.raises(OptionError, match="--protect small cannot be honoured by --engine"):
            colorquant.quantize(thumbnail, k=4, protect="small", **options)
    with pytest.raises(OptionError, match=r"--protect large cannot be honoured .*: use small"):
        colorquant.quantize(thumbnail, k=4, protect="large")


def test_the_command(run, photo, tmp_path, thumbnail):
    result = run("em", photo, "-k", 4, "--protect", "small", "--json", "-v", "-o", tmp_path / "out.png")
    assert '"protect": "small"' in result.stdout
    assert "--protect small" in result.stderr, "the command that repeats it"
    expected = colorquant.quantize(thumbnail, k=4, method="em", protect="small")
    assert np.array_equal(colorquant.read(tmp_path / "out.png").rgb, expected.rgb)
