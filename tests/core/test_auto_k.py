"""``-k auto``: the number of colours that is found meets the target, and the one before it does not."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pictures import random_picture

import colorquant as cq
from colorquant.analysis import k_search
from colorquant.analysis.auto_k import AutoK
from colorquant.analysis.k_trials import choose_k, distinct_colors
from colorquant.color.counted import CountedImage
from colorquant.errors import OptionError, TargetError
from colorquant.fitting.options import FitOptions
from colorquant.quantization import Quantized, encode_png, quantize


def chosen(image: CountedImage, target: str | None, method: str = "kmeans", **settings):
    """The result of choosing, and the numbers of colours in the order in which they were tried."""
    tried = []

    def run(k: int) -> Quantized:
        tried.append(k)
        return quantize(image, FitOptions(method, k=k))

    colors = distinct_colors(image, FitOptions(method))
    return choose_k(image, AutoK.of(method, target, **settings), run, encode_png, colors=colors), tried


@given(low=st.integers(1, 300), span=st.integers(0, 700), share=st.floats(0, 1.1))
def test_a_threshold_is_found_exactly_and_with_few_trials(low, span, share):
    high, threshold = low + span, low + round(share * span)
    tried = set()

    def holds(k):
        assert low <= k <= high
        tried.add(k)
        return k >= threshold

    found = k_search.first(holds, lambda k: math.log(k / (threshold - 0.5)), low, high)
    assert found == (threshold if threshold <= high else None)
    assert len(tried) <= 3 * math.log2(span + 2) + 3


@given(bits=st.lists(st.booleans(), min_size=1, max_size=200))
def test_where_a_condition_comes_and_goes_a_step_into_it_is_found(bits):
    found = k_search.first(lambda k: bits[k - 1], lambda k: math.nan, 1, len(bits))
    if found is None:
        assert not bits[-1]
    else:
        assert bits[found - 1]
        assert found == 1 or not bits[found - 2]


@given(high=st.integers(3, 300), power=st.floats(0.3, 3))
def test_the_knee_of_a_smooth_curve_is_that_of_all_its_points(high, power):
    values = {k: k**-power for k in range(1, high + 1)}
    tried = []
    found = k_search.find_knee(lambda k: tried.append(k) or values[k], 1, high)
    assert abs(found - k_search.knee(values)) <= max(1, k_search.NEAR * found)
    assert len(tried) == len(set(tried))


def test_the_knee_of_a_line_that_breaks_is_where_it_breaks():
    values = {k: 100.0 - 10 * k if k <= 8 else 20 - (k - 8) / 10 for k in range(1, 65)}
    assert k_search.knee(values) == 8


@given(low=st.integers(1, 20), span=st.integers(0, 400), share=st.floats(0, 1))
def test_a_minimum_of_a_curve_with_one_valley_is_found(low, span, share):
    high, bottom = low + span, low + round(share * span)
    found = k_search.find_minimum(lambda k: abs(math.log(k / bottom)), low, high)
    assert abs(found - bottom) <= max(1, k_search.NEAR * bottom)


@pytest.mark.parametrize("target", ["psnr:24", "psnr:28.5", "de:6", "ssim:0.8"])
def test_the_target_is_reached_and_not_with_a_colour_less(thumbnail, target):
    if target.startswith("ssim"):
        pytest.importorskip("skimage")
    image = CountedImage(thumbnail)
    result, tried = chosen(image, target)
    curve = {point.k: point for point in result.chosen.curve}
    k, auto = result.chosen.k, result.chosen.auto
    assert auto.reaches(curve[k].value)
    assert not auto.reaches(curve[k - 1].value)
    assert sorted(tried) == list(curve)  # each number once, by rising k
    assert result.quantized.options.k == k
    assert result.quantized.mse == curve[k].mse
    again, _ = chosen(image, target)
    assert again.chosen == result.chosen
    assert np.array_equal(again.quantized.labels, result.quantized.labels)


@pytest.mark.parametrize("size", [600, 1500, 2300])
def test_a_size_is_the_most_colours_that_fit(thumbnail, size):
    image = CountedImage(thumbnail)
    result, _ = chosen(image, f"size:{size}")
    values = {point.k: point.value for point in result.chosen.curve}
    k = result.chosen.k
    assert result.png is not None
    assert len(result.png) == values[k] <= size
    assert values[k + 1] > size
    assert encode_png(result.quantized) == result.png
    assert all(values[start] > size for start in (3, 5, 17) if start > k)  # where a pixel takes more bits


def test_a_file_that_is_smaller_with_more_bits_a_pixel_is_found(thumbnail):
    """Sizes as oxipng may give them: 16 colours need more bytes than 17."""
    image = CountedImage(thumbnail)
    sizes = {k: bytes(10 * k if k <= 16 else 10 * k - 40) for k in range(1, 40)}
    auto = AutoK("size", 150, 2, 39)
    result = choose_k(image, auto, lambda k: quantize(image, FitOptions(k=k)), lambda q: sizes[q.options.k], colors=40)
    assert result.chosen.k == 19


def test_the_elbow_is_the_knee_of_the_curve(thumbnail):
    result, tried = chosen(CountedImage(thumbnail), None)
    values = {point.k: point.value for point in result.chosen.curve}
    assert result.chosen.auto.criterion == "elbow"
    assert result.chosen.k == k_search.knee(values)
    assert {min(values), max(values)} == {2, 256}
    assert len(tried) == len(set(tried))


@pytest.mark.parametrize(("target", "criterion"), [(None, "bic"), ("aic", "aic")])
def test_the_lowest_criterion_of_a_mixture_is_chosen(thumbnail, target, criterion):
    result, _ = chosen(CountedImage(thumbnail), target, "em", max_k=12)
    values = {point.k: point.value for point in result.chosen.curve}
    assert result.chosen.auto.criterion == criterion
    assert values[result.chosen.k] == min(values.values()) == getattr(result.quantized, criterion)


def test_a_target_that_is_missed_fails_or_gives_the_nearest(thumbnail):
    image = CountedImage(thumbnail)
    with pytest.raises(TargetError, match=r"psnr:60 is not reached with 2 to 20 colours: .* at k = 20; raise --max-k"):
        chosen(image, "psnr:60", max_k=20)
    result, _ = chosen(image, "psnr:60", max_k=20, best_effort=True)
    assert not result.chosen.reached
    assert result.quantized.options.k == 20
    with pytest.raises(TargetError, match=r"size:80 .* at k = 2; lower --min-k"):
        chosen(image, "size:80")


def test_a_picture_of_few_colours_is_left_as_it_is():
    rgb = random_picture(3, levels=2)  # at most 8 colours
    colors = len(np.unique(rgb.reshape(-1, 3), axis=0))
    result, tried = chosen(CountedImage(rgb), "psnr:20", min_k=12)
    assert tried == [12]
    assert result.quantized.untouched
    assert chosen(CountedImage(rgb), "psnr:99")[0].chosen.k == colors
    for method in ("kmeans", "em"):
        one, _ = chosen(CountedImage(np.full((4, 4, 3), 7, np.uint8)), None, method)
        assert one.quantized.untouched


def test_a_picture_smaller_than_the_window_has_no_ssim():
    pytest.importorskip("skimage")
    with pytest.raises(TargetError, match="smaller than 7 × 7"):
        chosen(CountedImage(random_picture(1, 6, 40)), "ssim:0.9")


def test_only_the_chosen_picture_is_kept_unless_all_are_wanted(thumbnail):
    image = CountedImage(thumbnail)
    auto = AutoK.of("kmeans", "psnr:25")

    def run(k):
        return quantize(image, FitOptions(k=k))

    assert [q.options.k for q in choose_k(image, auto, run, encode_png, colors=4000).runs] == [
        choose_k(image, auto, run, encode_png, colors=4000).chosen.k
    ]
    kept = choose_k(image, auto, run, encode_png, colors=4000, keep_all=True)
    assert [q.options.k for q in kept.runs] == [point.k for point in kept.chosen.curve]


@pytest.mark.parametrize(
    ("method", "target", "settings", "words"),
    [
        ("kmeans", "psnr", {}, "write it like psnr:35"),
        ("kmeans", "elbow:3", {}, "write it like elbow"),
        ("kmeans", "psnr:high", {}, "no usable number"),
        ("kmeans", "psnr:nan", {}, "no usable number"),
        ("kmeans", "psnr:-3", {}, "from 0 to 200"),
        ("kmeans", "ssim:1.5", {}, "from 0 to 1"),
        ("kmeans", "size:50q", {}, "such as 50k"),
        ("kmeans", "size:0", {}, "such as 50k"),
        ("kmeans", "psnr:30,de:2", {}, "no usable number"),
        ("kmeans", "mse:3", {}, "unknown: use one of psnr:35, de:2, ssim:0.95, size:50k, elbow"),
        ("kmeans", "bic", {}, "bic is not for kmeans"),
        ("em", "elbow", {}, "elbow is not for em"),
        ("kmeans", None, {"min_k": 9, "max_k": 8}, "--min-k 9 is more than --max-k 8"),
        ("kmeans", None, {"min_k": 0}, "--min-k 0 is out of range"),
        ("kmeans", None, {"max_k": 65537}, "--max-k 65537 is out of range"),
        ("kmeans", None, {"best_effort": True}, "not for elbow: leave it out"),
    ],
)
def test_what_contradicts_itself_is_one_line(method, target, settings, words):
    with pytest.raises(OptionError, match=words) as caught:
        AutoK.of(method, target, **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "size"), [("50k", 50_000), ("50 kB", 50_000), ("1.5M", 1_500_000), ("640", 640), ("640b", 640)]
)
def test_sizes_have_units(text, size):
    assert AutoK.of("kmeans", f"size:{text}").value == size


def test_ssim_without_its_library_is_one_line(monkeypatch):
    monkeypatch.setattr("colorquant.analysis.measures.find_spec", lambda name: None)
    with pytest.raises(OptionError, match="pip install"):
        AutoK.of("kmeans", "ssim:0.9")


def test_the_api_has_the_curve(thumbnail):
    result = cq.quantize(thumbnail, k="auto", target="psnr:26", max_k=100)
    assert result.chosen is not None
    assert result.psnr >= 26
    assert result.chosen.k == result.options.k == len(result.palette)
    assert cq.quantize(thumbnail, k=4).chosen is None
    with pytest.raises(OptionError, match='k="auto"'):
        cq.quantize(thumbnail, k=4, target="psnr:26")
    with pytest.raises(OptionError, match="psnr:35"):
        cq.quantize(thumbnail, k="auto", target=35)
