import operator
from collections import Counter
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pictures import random_picture

from colorquant.color import strip_counting
from colorquant.color.histogram import ColorHistogram, count_distinct, count_labelled, count_pairs
from colorquant.color.packing import distinct_keys, morton_codes, morton_colors, pack, unpack

CORNERS = [(r, g, b) for r in (0, 255) for g in (0, 255) for b in (0, 255)]
EDGES = [*CORNERS, (0, 0, 1), (1, 0, 0), (127, 127, 127), (128, 128, 128), (255, 255, 254), (254, 255, 255)]


def test_packing_is_undone_and_keeps_the_order():
    colors = random_picture(0).reshape(-1, 3)
    keys = pack(colors)
    assert np.array_equal(unpack(keys), colors)
    by_key, by_color = colors[np.argsort(keys, kind="stable")], sorted(map(tuple, colors.tolist()))
    assert [tuple(color) for color in by_key.tolist()] == by_color


def test_counts_equal_numpy_unique(china):
    histogram = ColorHistogram.count(china)
    colors, counts = np.unique(china.reshape(-1, 3), axis=0, return_counts=True)
    order = np.argsort(pack(histogram.colors))
    assert np.array_equal(histogram.colors[order], colors)
    assert np.array_equal(histogram.counts[order], counts)
    assert histogram.pixels == china.shape[0] * china.shape[1]


def test_colours_stand_in_morton_order(china):
    colors = ColorHistogram.count(china).colors
    codes = [
        int("".join(f"{r >> bit & 1}{g >> bit & 1}{b >> bit & 1}" for bit in range(7, -1, -1)), 2)
        for r, g, b in colors.tolist()
    ]
    assert codes == sorted(codes)
    assert morton_codes(colors).tolist() == codes


@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(1, 40), st.integers(1, 256), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_chunks_sum_to_the_whole(seed, height, width, levels, cut):
    picture = random_picture(seed, height, width, levels)
    whole = ColorHistogram.count(picture)
    parts = ColorHistogram.count(picture[:cut]) + ColorHistogram.count(picture[cut:])
    assert np.array_equal(whole.colors, parts.colors)
    assert np.array_equal(whole.counts, parts.counts)


def test_spread_gives_each_pixel_its_colours_value(china):
    histogram = ColorHistogram.count(china)
    index = histogram.spread(np.arange(len(histogram), dtype=np.int32), china)
    assert np.array_equal(histogram.colors[index], china)


@pytest.mark.parametrize("shape", [(0, 3), (1, 1, 3), (1, 7, 3)])
def test_tiny_pictures(shape):
    histogram = ColorHistogram.count(np.full(shape, 7, np.uint8))
    assert histogram.counts.tolist() == ([np.prod(shape) // 3] if np.prod(shape) else [])


# --- laws of counting, against a dictionary ---

pixels_with_alpha = st.lists(
    st.tuples(st.sampled_from(EDGES), st.integers(1, 255)),
    min_size=1,
    max_size=60,
)


def counted(pixels: list[tuple[tuple[int, int, int], int]], with_alpha: bool) -> ColorHistogram:
    colors, alpha = zip(*pixels, strict=True)
    return ColorHistogram.count(np.array(colors, np.uint8), np.array(alpha, np.uint8) if with_alpha else None)


def as_dictionary(histogram: ColorHistogram) -> dict[tuple[int, ...], tuple[int, int | None]]:
    """Count and sum of alpha by colour; fails where a colour occurs twice."""
    sums = [None] * len(histogram) if histogram.alpha is None else histogram.alpha.tolist()
    rows = zip(map(tuple, histogram.colors.tolist()), zip(histogram.counts.tolist(), sums, strict=True), strict=True)
    entries = list(rows)
    assert len({color for color, _ in entries}) == len(entries)
    return dict(entries)


@given(pixels_with_alpha, st.booleans())
@settings(max_examples=60)
def test_counts_and_alpha_sums_are_those_of_a_dictionary(pixels, with_alpha):
    counts, sums = Counter(color for color, _ in pixels), Counter()
    for color, alpha in pixels:
        sums[color] += alpha
    expected = {color: (count, sums[color] if with_alpha else None) for color, count in counts.items()}
    assert as_dictionary(counted(pixels, with_alpha)) == expected


@given(pixels_with_alpha, st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_the_pixels_changes_nothing(pixels, with_alpha, random):
    shuffled = random.sample(pixels, len(pixels))
    one, other = counted(pixels, with_alpha), counted(shuffled, with_alpha)
    assert np.array_equal(one.colors, other.colors)
    assert np.array_equal(one.counts, other.counts)
    assert as_dictionary(one) == as_dictionary(other)


@given(st.lists(st.tuples(pixels_with_alpha, st.booleans()), min_size=2, max_size=5), st.data())
@settings(max_examples=40)
def test_a_sum_is_the_same_in_any_order_and_with_any_grouping(parts, data):
    """Also of opaque pictures and transparent ones: an opaque pixel weighs 255."""
    histograms = [counted(pixels, with_alpha) for pixels, with_alpha in parts]
    total = reduce(operator.add, histograms)
    assert total.pixels == sum(histogram.pixels for histogram in histograms)
    shuffled = data.draw(st.permutations(histograms))
    middle = data.draw(st.integers(1, len(shuffled) - 1))
    grouped = reduce(operator.add, shuffled[:middle]) + reduce(operator.add, shuffled[middle:])
    assert np.array_equal(total.colors, grouped.colors)
    assert as_dictionary(total) == as_dictionary(grouped)
    if any(with_alpha for _, with_alpha in parts):
        weights = sum((255 if not with_alpha else alpha) for pixels, with_alpha in parts for _, alpha in pixels)
        assert int(total.alpha.sum()) == weights
    else:
        assert total.alpha is None


@pytest.mark.parametrize("with_alpha", [False, True])
def test_counting_by_strips_changes_nothing(with_alpha, monkeypatch):
    rgb, noise = random_picture(1, 50, 40, levels=6).reshape(-1, 3), random_picture(2, 50, 40)[:, :, 0].reshape(-1)
    alpha = np.maximum(noise, 1) if with_alpha else None
    whole = ColorHistogram.count(rgb, alpha)
    monkeypatch.setattr(strip_counting, "STRIP", 7)
    monkeypatch.setattr(strip_counting, "TABLE_STRIP", 7)
    strips = ColorHistogram.count(rgb, alpha)
    assert np.array_equal(whole.colors, strips.colors)
    assert as_dictionary(whole) == as_dictionary(strips)


def test_the_sum_with_an_empty_histogram_is_the_histogram():
    empty, some = ColorHistogram.count(np.empty((0, 3), np.uint8)), ColorHistogram.count(random_picture(1))
    for total in (empty + some, some + empty):
        assert as_dictionary(total) == as_dictionary(some)
    assert len(empty + empty) == 0


def test_counts_add_beyond_32_bits():
    """A histogram of many pictures may stand for more pixels than four thousand million."""
    colors = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)
    large = ColorHistogram(colors, np.array([2**40, 1], np.int64))
    assert (large + large + large).counts.tolist() == [3 * 2**40, 3]
    assert (large + large).pixels == 2**41 + 2


def test_the_keys_at_the_edges():
    """Black and white have the first and the last of the 2²⁴ keys, in both orders of colours."""
    colors = np.array(EDGES, np.uint8)
    assert pack(colors).tolist() == [r << 16 | g << 8 | b for r, g, b in EDGES]
    codes = morton_codes(colors)
    assert np.array_equal(morton_colors(codes), colors)
    assert (codes.min(), codes.max()) == (0, 2**24 - 1)
    histogram = ColorHistogram.count(colors[:, None])
    assert histogram.counts.tolist() == [1] * len(EDGES)
    assert histogram.colors[[0, -1]].tolist() == [[0, 0, 0], [255, 255, 255]]
    index = histogram.spread(np.arange(len(EDGES), dtype=np.int32), colors[:, None])
    assert np.array_equal(histogram.colors[index[:, 0]], colors)


def test_distinct_colours_labelled_colours_and_pairs_are_those_of_a_dictionary():
    before, after = random_picture(1, 30, 30, levels=3), random_picture(2, 30, 30, levels=2)
    alpha = np.maximum(random_picture(3, 30, 30)[:, :, 0].reshape(-1), 1)
    labels = random_picture(4, 30, 30, levels=5)[:, :, 0].astype(np.int64) * (2**24 - 1) // 4
    rows, painted = list(map(tuple, before.reshape(-1, 3).tolist())), map(tuple, after.reshape(-1, 3).tolist())
    pairs = list(zip(rows, painted, strict=True))
    assert count_distinct(before) == len(set(rows))
    colors, found, counts = count_labelled(before, labels)
    entries = list(zip(map(tuple, colors.tolist()), found.tolist(), strict=True))
    assert dict(zip(entries, counts.tolist(), strict=True)) == Counter(zip(rows, labels.ravel().tolist(), strict=True))
    for weights in (None, alpha):
        expected = Counter()
        for pair, weight in zip(pairs, [1] * len(pairs) if weights is None else weights.tolist(), strict=True):
            expected[pair] += weight
        first, second, counts = count_pairs(before.reshape(-1, 3), after.reshape(-1, 3), weights)
        entries = list(zip(map(tuple, first.tolist()), map(tuple, second.tolist()), strict=True))
        assert len(set(entries)) == len(entries)
        assert dict(zip(entries, counts.tolist(), strict=True)) == expected


@pytest.mark.parametrize("alpha", [None, np.empty(0, np.uint8)], ids=["opaque", "with alpha"])
def test_no_pixels_have_no_colours(alpha):
    histogram = ColorHistogram.count(np.empty((0, 3), np.uint8), alpha)
    assert len(histogram) == 0
    assert histogram.pixels == 0
    assert histogram.colors.shape == (0, 3)
    assert histogram.alpha is None


def test_distinct_keys_are_those_of_numpy_unique():
    keys = [np.random.default_rng(seed).integers(0, 40, 30).astype(np.uint32) for seed in (1, 2)]
    assert np.array_equal(distinct_keys(*keys), np.unique(np.concatenate(keys)))
    assert len(distinct_keys(np.empty(0, np.uint32))) == 0
