import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score
from support.pictures import random_picture

from colorquant.analysis import agreement, blurring, measures
from colorquant.analysis.agreement import Contingency
from colorquant.analysis.blurring import blurred_mse
from colorquant.color import difference
from colorquant.color.spaces import SPACES
from colorquant.fitting import criteria

# Sharma, Wu and Dalal (2005), table 1: two CIELAB colours and their CIEDE2000 difference.
SHARMA = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0010 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""
label_maps = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=2, max_size=60)


def test_mse_sums_over_channels_and_averages_over_pixels():
    before, after = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 10, np.uint8)
    assert difference.mse(before, after) == 300
    assert math.isclose(difference.psnr(300), 20 * math.log10(255 / 10))
    assert difference.psnr(0) == math.inf


def test_mse_of_rows_with_counts_equals_that_of_pixels():
    before, after = random_picture(1).reshape(-1, 3), random_picture(2).reshape(-1, 3)
    counts = np.random.default_rng(3).integers(1, 9, len(before))
    expected = ((np.repeat(before, counts, 0).astype(float) - np.repeat(after, counts, 0)) ** 2).sum(1).mean()
    assert math.isclose(difference.mse(before, after, counts), expected)


def test_bic_is_schwarzs():
    assert math.isclose(criteria.bic(-12.5, 1000, 39), 39 * math.log(1000) + 25_000)


def test_ciede2000_gives_the_published_differences():
    table = np.array([line.split() for line in SHARMA.split("\n")[1:-1]], float)
    assert len(table) == 34
    one, other, expected = table[:, :3], table[:, 3:6], table[:, 6]
    assert np.abs(difference.ciede2000(one, other) - expected).max() < 5.1e-5, "the table is rounded to four digits"
    assert np.allclose(difference.ciede2000(other, one), difference.ciede2000(one, other)), "it is symmetric"
    assert (difference.ciede2000(one, one) == 0).all()


def test_the_percentile_counts_pixels():
    values, counts = np.array([3.0, 1.0, 2.0]), np.array([5, 90, 5])
    assert measures.mean_and_percentile(values, counts, 95) == pytest.approx((1.15, 2))
    assert measures.mean_and_percentile(values, counts, 96) == pytest.approx((1.15, 3))
    assert measures.mean_and_percentile(np.empty(0), np.empty(0, np.int64), 95) == (0, 0)


def test_ssim_is_that_of_scikit_image():
    skimage_metrics = pytest.importorskip("skimage.metrics")
    before, after = random_picture(1), random_picture(2)
    expected = skimage_metrics.structural_similarity(before, after, channel_axis=2)
    assert measures.ssim(before, after) == pytest.approx(expected)
    assert measures.ssim(before, before) == pytest.approx(1)
    assert measures.ssim(before[:6], after[:6]) is None, "smaller than a window"


@pytest.mark.parametrize("block", [1, 90, 300, 700])
def test_ssim_in_strips_is_that_of_the_whole(block, monkeypatch):
    skimage_metrics = pytest.importorskip("skimage.metrics")
    before, after = random_picture(1, 37, 30), random_picture(2, 37, 30)
    monkeypatch.setattr(measures, "BLOCK", block)
    expected = skimage_metrics.structural_similarity(before, after, channel_axis=2)
    assert measures.ssim(before, after) == pytest.approx(expected, rel=1e-12)


def test_without_scikit_image_there_is_no_ssim(monkeypatch):
    monkeypatch.setattr(measures, "find_spec", lambda name: None)
    assert not measures.has_ssim()
    assert measures.ssim(random_picture(1), random_picture(2)) is None


@given(label_maps)
@settings(max_examples=60, deadline=None)
def test_the_adjusted_rand_index_is_that_of_scikit_learn(pairs):
    one, other = np.array(pairs).T
    ari = Contingency.of(one, other).adjusted_rand_index
    assert ari == pytest.approx(adjusted_rand_score(one, other))
    assert ari == pytest.approx(Contingency.of(other, one).adjusted_rand_index)


def test_many_labels_are_counted_alike():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 4, 500), rng.integers(0, 3, 500)
    few, many = Contingency.of(one, other), Contingency.of(one * 1_000_000, other * 1_000)
    assert many.adjusted_rand_index == few.adjusted_rand_index
    assert np.array_equal(many.table, few.table)


def test_labels_are_matched_whatever_they_are_called():
    one = np.array([0, 0, 0, 1, 1, 2])
    renamed = np.array([5, 5, 5, 0, 0, 1])
    same = Contingency.of(one, renamed)
    assert (same.adjusted_rand_index, same.matched_share, same.mean_iou) == (1, 1, 1)
    assert Contingency.of(one, np.array([5, 5, 0, 0, 0, 1])).matched_share == pytest.approx(5 / 6)


def test_mean_iou_counts_a_missing_label_as_nothing():
    found, truth = np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1])
    assert Contingency.of(found, truth).mean_iou == pytest.approx(3 / 4 / 2)


def test_too_many_labels_are_not_matched():
    labels = np.arange(agreement.MATCHED + 1)
    assert Contingency.of(labels, labels).matched_share is None
    assert Contingency.of(labels, labels).adjusted_rand_index == 1


# --- laws ---


@given(st.integers(0, 2**31), st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=40)
def test_the_squared_error_is_exact_symmetric_and_three_times_scikit_images(seed, height, width):
    """scikit-image averages over channels as well; the ratio is 3."""
    metrics = pytest.importorskip("skimage.metrics")
    before, after = random_picture(seed, height, width), random_picture(seed + 1, height, width)
    error = difference.mse(before, after)
    squares = sum(
        (one - other) ** 2 for one, other in zip(before.ravel().tolist(), after.ravel().tolist(), strict=True)
    )
    assert error == squares / (height * width)
    assert error == difference.mse(after, before)
    assert difference.mse(before, before) == 0
    assert error == pytest.approx(3 * metrics.mean_squared_error(before, after))
    if squares:
        assert difference.psnr(error) == pytest.approx(metrics.peak_signal_noise_ratio(before, after, data_range=255))


def test_the_largest_error_is_that_of_black_and_white():
    black, white = np.zeros((3, 3), np.uint8), np.full((3, 3), 255, np.uint8)
    assert difference.mse(black, white) == 3 * 255**2
    assert difference.psnr(3 * 255**2) == 0
    assert difference.mse(black, white, np.full(3, 2**40)) == 3 * 255**2, "counts beyond 32 bits"
    assert difference.mse(black[:0], white[:0]) == 0


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_errors_by_blocks_are_those_of_the_whole(block, monkeypatch):
    before, after = random_picture(1).reshape(-1, 3), random_picture(2).reshape(-1, 3)
    one, other = SPACES["lab"].forward(before), SPACES["lab"].forward(after)
    error, apart = difference.mse(before, after), difference.ciede2000(one, other)
    monkeypatch.setattr(difference, "BLOCK", 8 * block)
    assert difference.mse(before, after) == error
    np.testing.assert_allclose(difference.ciede2000(one, other), apart, rtol=1e-12)


@given(st.integers(0, 2**31))
@settings(max_examples=30)
def test_ciede2000_is_scikit_images(seed):
    color = pytest.importorskip("skimage.color")
    rng = np.random.default_rng(seed)
    one, other = (np.column_stack([rng.uniform(0, 100, 50), rng.uniform(-110, 110, (50, 2))]) for _ in range(2))
    other[:10] = one[:10] + rng.normal(0, 0.5, (10, 3))
    one[10:15, 1:] = 0  # grays have no hue
    ours = difference.ciede2000(one, other)
    np.testing.assert_allclose(ours, color.deltaE_ciede2000(one, other), rtol=1e-6, atol=1e-6)
    assert (ours >= 0).all()
    np.testing.assert_allclose(ours, difference.ciede2000(other, one), rtol=1e-9, atol=1e-9)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), min_size=1, max_size=30), st.integers(1, 100))
@settings(max_examples=60)
def test_the_mean_and_the_percentile_are_those_of_the_repeated_values(rows, percent):
    values, counts = np.array([value / 4 for value, _ in rows]), np.array([count for _, count in rows])
    repeated = np.sort(np.repeat(values, counts))
    mean, percentile = measures.mean_and_percentile(values, counts, percent)
    assert mean == pytest.approx(repeated.mean())
    assert percentile == repeated[math.ceil(percent * len(repeated) / 100 - 1e-9) - 1]


@given(label_maps)
@settings(max_examples=40)
def test_labels_are_matched_as_well_as_by_trying_all_ways(pairs):
    one, other = np.array([[a % 4, b % 4] for a, b in pairs]).T
    contingency = Contingency.of(one, other)
    table = np.zeros((4, 4), np.int64)
    np.add.at(table, (one, other), 1)
    union = np.maximum(table.sum(axis=1, keepdims=True) + table.sum(axis=0, keepdims=True) - table, 1)
    ways = [list(way) for way in itertools.permutations(range(4))]
    assert contingency.matched_share == pytest.approx(max(table[way, range(4)].sum() for way in ways) / len(one))
    best = max((table / union)[way, range(4)].sum() for way in ways)
    assert contingency.mean_iou == pytest.approx(best / len(set(other.tolist())))


@given(label_maps, st.permutations(range(6)))
@settings(max_examples=40)
def test_agreement_depends_on_the_partition_alone(pairs, names):
    """Not on what the labels are called, nor on whether their pairs are counted in a table or by sorting."""
    one, other = np.array(pairs).T
    contingency = Contingency.of(one, other)
    for renamed in (np.array(names)[one], np.array(names)[one] * 300_007):
        same = Contingency.of(renamed, other)
        assert int(same.counts.sum()) == len(pairs)
        assert same.adjusted_rand_index == pytest.approx(contingency.adjusted_rand_index)
        assert same.matched_share == pytest.approx(contingency.matched_share)
        assert same.mean_iou == pytest.approx(contingency.mean_iou)
    assert Contingency.of(one, one).adjusted_rand_index == 1


@given(st.integers(0, 2**31), st.integers(7, 24), st.integers(7, 24))
@settings(max_examples=20)
def test_ssim_is_symmetric_and_largest_for_the_same_picture(seed, height, width):
    pytest.importorskip("skimage.metrics")
    before, after = random_picture(seed, height, width), random_picture(seed + 1, height, width)
    value = measures.ssim(before, after)
    assert value == pytest.approx(measures.ssim(after, before))
    assert -1 <= value < measures.ssim(before, before) == pytest.approx(1)


def test_blurred_mse_is_the_error_after_a_blur_in_linear_light():
    checkers = np.where(np.add.outer(np.arange(40), np.arange(50)) % 2, 255, 0).astype(np.uint8)
    checkers = np.repeat(checkers[:, :, None], 3, axis=2)
    gray = np.full_like(checkers, 188)  # the sRGB level of half the light
    assert blurred_mse(checkers, gray) < 0.01 * difference.mse(checkers, gray)
    assert blurred_mse(gray, gray) == 0
    assert blurred_mse(gray, gray - 10) == pytest.approx(300, rel=1e-3)
    dark = np.full((1, 7, 3), 3, np.uint8)  # the straight part of the curve
    assert blurred_mse(dark, dark + 1) == pytest.approx(3, rel=1e-3)


def test_blurred_mse_does_not_depend_on_the_strips(monkeypatch):
    rng = np.random.default_rng(0)
    before, after = rng.integers(0, 256, (2, 61, 23, 3)).astype(np.uint8)
    whole = blurred_mse(before, after)
    monkeypatch.setattr(blurring, "STRIP", 23 * 7)
    assert blurred_mse(before, after) == pytest.approx(whole, rel=1e-6)
