import cv2
import numpy as np
import pytest
from support.pictures import random_picture, space_names

from colorquant.color.spaces import SPACES, Projection
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
