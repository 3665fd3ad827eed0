"""Palettes: making, reading and writing, and mapping images onto them."""

import numpy as np
import pytest
from support.pictures import random_picture

import colorquant as cq
from colorquant.errors import OptionError, PaletteReadError
from colorquant.palette.palette import Palette


def test_odd_palettes_are_refused(tmp_path):
    for colors in (np.zeros((3, 4), np.uint8), np.zeros((3, 3)), np.zeros(3, np.uint8)):
        with pytest.raises(OptionError, match="give colours as uint8"):
            Palette(colors)
    with pytest.raises(OptionError, match="give one for each"):
        Palette(np.zeros((3, 3), np.uint8), np.ones(2, np.int64))
    for colors in ([], "#ffffff", np.zeros((0, 3), np.uint8)):
        with pytest.raises(OptionError, match="needs at least one colour"):
            Palette.of(colors)
    for colors in (["#fff01"], [(1, 2, 3)], np.zeros((2, 3), np.uint8)):
        with pytest.raises(OptionError, match="is not a colour: write it like #3366cc"):
            Palette.of(colors)
    with pytest.raises(OptionError, match="unknown ending"):
        Palette.read(tmp_path / "a.xyz")
    with pytest.raises(PaletteReadError, match="cannot be read"):
        Palette.read(tmp_path / "missing.hex")


def test_applying_takes_the_nearest_entry(thumbnail):
    palette = Palette.of(["#ffffff", "#000000", "#808080", "#ff00ff"])
    mapped = cq.apply(palette, thumbnail, space="rgb")
    distances = ((thumbnail[:, :, None].astype(int) - palette.colors.astype(int)) ** 2).sum(axis=3)
    assert np.array_equal(mapped.labels, distances.argmin(axis=2))
    assert mapped.palette == palette, "order and unused entries are kept"
    assert mapped.palette.counts.sum() == thumbnail.shape[0] * thumbnail.shape[1]
    assert mapped.mse == pytest.approx(distances.min(axis=2).mean())


def test_applying_a_fitted_palette_is_quantizing(thumbnail):
    quantized = cq.quantize(thumbnail, k=8, paint="mean")
    mapped = cq.apply(quantized.palette, thumbnail, space="rgb")
    assert mapped.mse <= quantized.mse + 1e-9


def test_transparent_pixels_stay_transparent():
    rgb = random_picture(4)
    alpha = np.where(rgb[:, :, 0] > 99, 255, 0).astype(np.uint8)
    mapped = cq.apply(Palette.of(["#000000", "#ffffff"]), rgb, alpha=alpha)
    assert (mapped.labels[alpha == 0] == 2).all()
    assert mapped.palette.counts.sum() == (alpha > 0).sum()


def test_an_empty_palette_and_an_unknown_space_are_refused(thumbnail):
    with pytest.raises(OptionError, match="the palette is empty"):
        cq.apply(Palette(np.zeros((0, 3), np.uint8)), thumbnail)
    with pytest.raises(OptionError, match="--space xyz is unknown"):
        cq.apply(Palette.of(["#000000"]), thumbnail, space="xyz")


@pytest.mark.parametrize("method", ["kmeans", "em"])
def test_one_palette_for_several_images(method, thumbnail, flower):
    other = np.ascontiguousarray(flower[::8, ::8])
    both = cq.histogram(thumbnail) + cq.histogram(other)
    palette = cq.fit(both, k=6, method=method)
    assert palette == cq.fit(cq.histogram(other) + cq.histogram(thumbnail), k=6, method=method)
    stacked = cq.quantize(np.concatenate([thumbnail, other]), k=6, method=method)
    assert palette == stacked.palette
    assert np.array_equal(palette.predict(other), stacked.labels[len(thumbnail) :])
    with pytest.raises(OptionError, match="fits every pixel"):
        cq.fit(both, k=6, engine="opencv")
