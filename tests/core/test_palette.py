"""Palettes: making, reading and writing, and mapping images onto them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pictures import random_picture

import colorquant as cq
from colorquant.errors import OptionError, OutputError, PaletteReadError
from colorquant.palette.files import PALETTE_FORMATS
from colorquant.palette.palette import Palette

ENDINGS = pytest.mark.parametrize("ending", list(PALETTE_FORMATS))


@ENDINGS
@pytest.mark.parametrize("k", [1, 5, 300])
def test_what_is_written_is_read(ending, k, tmp_path):
    colors = np.random.default_rng(k).integers(0, 256, (k, 3), dtype=np.uint8)
    palette = Palette(colors, np.arange(1, k + 1))
    path = tmp_path / f"palette{ending}"
    palette.write(path)
    again = Palette.read(path)
    assert again == palette
    assert again.counts is None or np.array_equal(again.counts, palette.counts)
    with pytest.raises(OutputError, match="exists already"):
        palette.write(path)
    palette.write(path, force=True)


@ENDINGS
def test_a_palette_without_counts_can_be_written(ending, tmp_path):
    path = tmp_path / f"palette{ending}"
    Palette.of(["#0969da", "000000"]).write(path)
    assert Palette.read(path).hex == ("#0969da", "#000000")


@ENDINGS
@given(data=st.binary(max_size=80))
def test_a_damaged_file_is_one_line(ending, data, tmp_path_factory):
    path = tmp_path_factory.mktemp("damaged") / f"palette{ending}"
    path.write_bytes(data)
    try:
        assert len(Palette.read(path)) > 0
    except PaletteReadError as error:
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.hex", "12345g"),
        ("a.hex", ""),
        ("a.gpl", "GIMP Palette\n300 0 0\n"),
        ("a.gpl", "0 0 0\n"),
        ("a.json", "{}"),
        ("a.json", "[[1, 2, 3]]"),
        ("a.json", '[{"color": [1, 2]}]'),
        ("a.csv", "hex,r,g,b\n,1,2,x\n"),
        ("a.csv", "name\nred\n"),
    ],
)
def test_wrong_entries_are_refused(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(PaletteReadError, match="is not a whole"):
        Palette.read(tmp_path / name)


def test_gimp_names_are_kept(tmp_path):
    (tmp_path / "a.gpl").write_text("GIMP Palette\nName: mine\n#\n  1   2   3\tnight sky\n255 255 255 paper\n")
    palette = Palette.read(tmp_path / "a.gpl")
    assert palette.names == ("night sky", "paper")
    palette.write(tmp_path / "b.gpl")
    assert Palette.read(tmp_path / "b.gpl").names == palette.names


def test_odd_palettes_are_refused(tmp_path):
    for colors in (np.zeros((3, 4), np.uint8), np.zeros((3, 3)), np.zeros(3, np.uint8)):
        with pytest.raises(OptionError, match="give colours as uint8"):
            Palette(colors)
    with pytest.raises(OptionError, match="give one for each"):
        Palette(np.zeros((3, 3), np.uint8), np.ones(2, np.int64))
    for colors in ([], "#ffffff", np.zeros((0, 3), np.uint8)):
        with pytest.raises(OptionError, match="needs at least one colour"):
            Palette.of(colors)
    for colors in (["#fff0"], [(1, 2, 3)], np.zeros((2, 3), np.uint8)):
        with pytest.raises(OptionError, match="is not a colour: write it like #3366cc"):
            Palette.of(colors)
    with pytest.raises(OptionError, match="unknown ending"):
        Palette.read(tmp_path / "a.xyz")
    with pytest.raises(PaletteReadError, match="cannot be read"):
        Palette.read(tmp_path / "missing.hex")


def test_applying_takes_the_nearest_entry(thumbnail):
    palette = Palette.of(["#ffffff", "#000000", "#808080", "#ff00ff"])
    mapped = cq.apply(palette, thumbnail)
    distances = ((thumbnail[:, :, None].astype(int) - palette.colors.astype(int)) ** 2).sum(axis=3)
    assert np.array_equal(mapped.labels, distances.argmin(axis=2))
    assert mapped.palette == palette, "order and unused entries are kept"
    assert mapped.palette.counts.sum() == thumbnail.shape[0] * thumbnail.shape[1]
    assert mapped.mse == pytest.approx(distances.min(axis=2).mean())


def test_applying_a_fitted_palette_is_quantizing(thumbnail):
    quantized = cq.quantize(thumbnail, k=8, paint="mean")
    mapped = cq.apply(quantized.palette, thumbnail)
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
