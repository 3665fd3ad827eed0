import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pictures import random_picture, space_names

from colorquant.color.spaces import SPACES, Projection, to_uint8
from colorquant.errors import OptionError

GRID = np.stack(np.meshgrid(*[np.arange(0, 256, 15, dtype=np.uint8)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


@pytest.mark.parametrize(
    ("space", "code"), [("gray", cv2.COLOR_RGB2GRAY), ("ycrcb", cv2.COLOR_RGB2YCrCb)], ids=["gray", "ycrcb"]
)
def test_8_bit_spaces_are_opencvs_to_the_bit(space, code):
    picture = random_picture(1, 64, 64)
    expected = cv2.cvtColor(picture, code).reshape(64 * 64, -1)
    assert np.array_equal(SPACES[space].forward(picture.reshape(-1, 3)), expected)


def test_lab_agrees_with_opencvs_float_conversion():
    expected = cv2.cvtColor((GRID / 255).astype(np.float32).reshape(-1, 1, 3), cv2.COLOR_RGB2Lab).reshape(-1, 3)
    assert np.abs(SPACES["lab"].forward(GRID) - expected).max() < 0.4  # OpenCV interpolates in tables


def test_known_values():
    red, white, gray = np.array([[255, 0, 0]], np.uint8), np.full((1, 3), 255, np.uint8), np.full((1, 3), 119, np.uint8)
    assert np.allclose(SPACES["lab"].forward(red), [[53.24, 80.09, 67.20]], atol=0.02)
    assert np.allclose(SPACES["lab"].forward(white), [[100, 0, 0]], atol=1e-9)
    assert np.allclose(SPACES["oklab"].forward(red), [[0.62796, 0.22486, 0.12585]], atol=1e-4)
    assert np.allclose(SPACES["oklab"].forward(gray)[:, 1:], 0, atol=1e-6)


@pytest.mark.parametrize("space", ["rgb", "lab", "oklab"])
def test_colours_come_back(space):
    projection = Projection.of(space, None)
    assert np.array_equal(projection.to_rgb(projection.features(GRID)), GRID)


@pytest.mark.parametrize("space", ["ycrcb", "lab", "oklab"])
def test_keep_luma_keeps_the_lightness(space):
    """Also where the chroma does not fit into the gamut at that lightness."""
    projection = Projection.of(space, True)
    band = SPACES[space].luma
    before = SPACES[space].forward(GRID)[:, band]
    painted = projection.to_rgb(np.repeat(projection.features(np.array([[255, 40, 0]], np.uint8)), len(GRID), 0), GRID)
    change = np.abs(SPACES[space].forward(painted)[:, band] - before) / SPACES[space].level
    assert change.max() <= 2


@space_names
def test_keep_luma_is_refused_where_there_is_none(space):
    if SPACES[space].luma is None:
        with pytest.raises(OptionError, match="--keep-luma cannot be used with --space"):
            Projection.of(space, True)
    else:
        assert len(Projection.of(space, True).bands) == 2


@space_names
def test_forward_and_backward_take_no_colours_and_one(space):
    for colors in (np.empty((0, 3), np.uint8), np.array([[200, 10, 60]], np.uint8)):
        features = SPACES[space].forward(colors)
        assert features.shape == (len(colors), len(SPACES[space].bands))
        assert features.dtype == np.float64
        assert SPACES[space].backward(features).shape == colors.shape


@given(st.integers(0, 2**31), st.sampled_from(list(SPACES)))
@settings(max_examples=50)
def test_each_row_is_converted_for_itself(seed, space):
    colors = random_picture(seed, 1, 40).reshape(-1, 3)
    whole = SPACES[space].forward(colors)
    order = np.random.default_rng(seed).permutation(len(colors))
    np.testing.assert_allclose(SPACES[space].forward(colors[order]), whole[order], rtol=0, atol=1e-12)
    np.testing.assert_allclose(SPACES[space].forward(colors[:1]), whole[:1], rtol=0, atol=1e-12)


@given(st.integers(0, 2**31), st.sampled_from(["rgb", "lab", "oklab"]))
@settings(max_examples=50)
def test_random_colours_come_back_exactly(seed, space):
    """Not only after rounding: the inverse is one to a thousandth of a level."""
    colors = random_picture(seed, 16, 16).reshape(-1, 3)
    back = SPACES[space].backward(SPACES[space].forward(colors))
    assert np.abs(back - colors).max() < 1e-3
    assert SPACES[space].in_gamut(SPACES[space].forward(colors)).all()


def test_ycrcb_comes_back_to_within_two_levels():
    back = SPACES["ycrcb"].backward(SPACES["ycrcb"].forward(GRID))
    assert np.abs(back - GRID).max() <= 2  # OpenCV rounds on both ways


@space_names
def test_grays_have_no_chroma(space):
    """And their lightness rises with their level."""
    grays = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    features = SPACES[space].forward(grays)
    luma = 0 if SPACES[space].luma is None else SPACES[space].luma
    assert (np.diff(features[:, luma]) > 0).all()
    if SPACES[space].luma is not None:
        chroma = np.delete(features, luma, axis=1)
        assert np.abs(chroma - SPACES[space].neutral).max() < 1e-4 * 100 * SPACES[space].level


# CIELAB of the sRGB primaries and secondaries under D65, to two decimals (Lindbloom, "CIE color calculator").
LAB = {
    (255, 0, 0): (53.24, 80.09, 67.20),
    (0, 255, 0): (87.73, -86.18, 83.18),
    (0, 0, 255): (32.30, 79.19, -107.86),
    (0, 255, 255): (91.11, -48.09, -14.13),
    (255, 0, 255): (60.32, 98.23, -60.82),
    (255, 255, 0): (97.14, -21.55, 94.48),
    (0, 0, 0): (0, 0, 0),
    (128, 128, 128): (53.59, 0, 0),
}
# Ottosson's own conversion of the sRGB primaries (2020), to three decimals.
OKLAB = {
    (255, 0, 0): (0.628, 0.225, 0.126),
    (0, 255, 0): (0.866, -0.234, 0.179),
    (0, 0, 255): (0.452, -0.032, -0.312),
    (255, 255, 255): (1, 0, 0),
    (0, 0, 0): (0, 0, 0),
}


@pytest.mark.parametrize(("space", "table", "tolerance"), [("lab", LAB, 0.02), ("oklab", OKLAB, 6e-4)])
def test_published_values(space, table, tolerance):
    features = SPACES[space].forward(np.array(list(table), np.uint8))
    assert np.abs(features - np.array(list(table.values()))).max() < tolerance


def test_lab_is_scikit_images():
    color = pytest.importorskip("skimage.color")
    expected = color.rgb2lab(GRID[None], illuminant="D65", observer="2")[0]
    assert np.abs(SPACES["lab"].forward(GRID) - expected).max() < 0.02  # its white point has five digits


@pytest.mark.parametrize("space", ["ycrcb", "lab", "oklab"])
def test_features_far_outside_the_gamut_become_colours_of_their_lightness(space):
    """Chroma beyond any colour is scaled towards gray; black and white have no chroma at all."""
    projection = Projection.of(space, True)
    grays = np.repeat(np.array([[0], [60], [128], [200], [255]], np.uint8), 3, axis=1)
    far = np.full((5, 2), SPACES[space].neutral) + np.array([[1000.0, -700.0]]) * SPACES[space].level
    painted = projection.to_rgb(far, grays)
    before, after = (SPACES[space].forward(colors)[:, SPACES[space].luma] for colors in (grays, painted))
    assert np.abs(after - before)[1:].max() / SPACES[space].level <= 2
    assert painted[0].max() <= 2  # in OKLab, beside black, one level of blue is ten of lightness
    assert painted[4].min() >= 254
    assert np.ptp(painted[2].astype(int)) > 20
    assert not SPACES[space].in_gamut(np.column_stack([SPACES[space].forward(grays)[:, :1], far])).any()


def test_values_outside_the_gamut_are_clipped_and_halves_are_rounded_up():
    values = np.array([[-3.0, -0.5, 0.49], [0.5, 254.5, 254.49], [255.5, 300.0, 127.5]])
    assert to_uint8(values).tolist() == [[0, 0, 0], [1, 255, 254], [255, 255, 128]]
