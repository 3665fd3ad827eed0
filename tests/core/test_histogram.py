import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pictures import random_picture

from colorquant.color.histogram import ColorHistogram
from colorquant.color.packing import morton_codes, pack, unpack


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
