"""How far apart the colours of a palette are, sorting, merging and joining."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colorquant.color.difference import ciede2000
from colorquant.color.spaces import SPACES
from colorquant.errors import OptionError
from colorquant.palette.arranging import ORDERS
from colorquant.palette.palette import Palette


def random_palette(seed: int, k: int, *, alpha: bool = False) -> Palette:
    random = np.random.default_rng(seed)
    colors = random.integers(0, 256, (k, 3), dtype=np.uint8)
    opacities = random.choice([0, 128, 255], k).astype(np.uint8) if alpha else None
    return Palette(colors, random.integers(0, 1000, k), opacities, tuple(f"name {n}" for n in range(k)))


def differences(palette: Palette) -> np.ndarray:
    """All pairs, one by one; infinite for a colour and itself, and between unequal alpha."""
    number = len(palette)
    lab = SPACES["lab"].forward(palette.colors)
    lab[palette.opacities == 0] = 0
    table = np.array([ciede2000(np.repeat(lab[row : row + 1], number, axis=0), lab) for row in range(number)])
    table[palette.opacities[:, None] != palette.opacities] = np.inf
    np.fill_diagonal(table, np.inf)
    return table


@pytest.mark.parametrize("alpha", [False, True])
def test_the_nearest_other_is_the_least_of_all_pairs(alpha):
    for seed, k in ((0, 1), (1, 2), (2, 60), (3, 200)):
        palette = random_palette(seed, k, alpha=alpha)
        nearest = palette.nearest_others()
        table = differences(palette)
        assert np.allclose(nearest.differences, table.min(axis=1))
        alone = np.isinf(nearest.differences)
        assert np.array_equal(nearest.rows == -1, alone)
        assert np.allclose(table[np.flatnonzero(~alone), nearest.rows[~alone]], nearest.differences[~alone])


@given(seed=st.integers(0, 99), below=st.floats(0.1, 60), alpha=st.booleans())
@settings(max_examples=25, deadline=None)
def test_merging_leaves_no_near_colours_and_loses_no_pixel(seed, below, alpha):
    palette = random_palette(seed, 30, alpha=alpha)
    merged = palette.merged(below)
    assert merged.nearest_others().differences.min() >= below - 1e-3, "differences are kept in 32 bits"
    assert merged.counts.sum() == palette.counts.sum()
    assert set(merged.names) <= set(palette.names)
    assert merged.merged(below / 2) == merged


def test_a_merged_colour_is_the_mean_by_the_counts():
    palette = Palette(
        np.array([[0, 0, 0], [200, 0, 0], [204, 0, 0], [0, 0, 255]], np.uint8),
        np.array([5, 1, 3, 2]),
        names=("ink", "red", "fire", "sky"),
    )
    merged = palette.merged(3)
    assert merged.hex == ("#000000", "#cb0000", "#0000ff")
    assert merged.counts.tolist() == [5, 4, 2]
    assert merged.names == ("ink", "fire", "sky")
    without = Palette(palette.colors).merged(3)
    assert without.hex == ("#000000", "#ca0000", "#0000ff")
    assert without.counts is None


def test_repeated_colours_are_merged_below_any_difference():
    palette = Palette(np.array([[9, 9, 9], [1, 2, 3], [9, 9, 9]], np.uint8), np.array([0, 4, 0]))
    assert palette.merged(0.001).hex == ("#090909", "#010203")
    clear = Palette(palette.colors, None, np.array([255, 0, 0], np.uint8))
    assert clear.merged(0.001).alpha.tolist() == [255, 0], "what is not visible does not differ"
    for below in (0, -1, float("nan")):
        with pytest.raises(OptionError, match="merges nothing"):
            palette.merged(below)


@pytest.mark.parametrize("by", ORDERS)
def test_sorting_moves_entries_as_a_whole(by):
    palette = random_palette(5, 40, alpha=True)
    entries = list(zip(palette.hex, palette.counts.tolist(), palette.names, strict=True))
    found = palette.sorted(by)
    assert sorted(zip(found.hex, found.counts.tolist(), found.names, strict=True)) == sorted(entries)
    assert found.sorted(by) == found


def test_orders():
    palette = Palette.of(["#ff0000", "#888888", "#0000ff", "#ffff00", "#00ff00", "#000000", "#ffffff"])
    assert palette.sorted("as-is") == palette
    assert palette.sorted("hue").hex == ("#000000", "#888888", "#ffffff", "#ff0000", "#ffff00", "#00ff00", "#0000ff")
    assert palette.sorted("luma").hex == ("#000000", "#0000ff", "#ff0000", "#888888", "#00ff00", "#ffff00", "#ffffff")
    counted = Palette(palette.colors, np.array([1, 5, 2, 5, 0, 9, 3]))
    assert counted.sorted("share").counts.tolist() == [9, 5, 5, 3, 2, 1, 0]
    with pytest.raises(OptionError, match="--sort share needs numbers of pixels"):
        palette.sorted("share")
    with pytest.raises(OptionError, match="there is no order 'size'"):
        palette.sorted("size")


def test_joined_palettes_keep_what_all_know():
    counted, named = random_palette(1, 3), Palette.named("gameboy")
    both = Palette.joined([counted, named])
    assert both.hex == (*counted.hex, *named.hex)
    assert both.counts is None
    assert both.names == (*counted.names, "", "", "", "")
    assert Palette.joined([counted, counted]).counts.tolist() == counted.counts.tolist() * 2
    assert Palette.joined([named, Palette.of(["#11223344"])]).alpha.tolist() == [255] * 4 + [68]
    assert Palette.joined([named]) == named


def test_too_many_colours_are_not_compared():
    palette = random_palette(0, 5000)
    for compare in (palette.nearest_others, lambda: palette.merged(3)):
        with pytest.raises(OptionError, match="5,000 colours are too many"):
            compare()
