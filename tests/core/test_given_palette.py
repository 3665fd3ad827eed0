"""A palette that the user gives: a file, an image, a built-in name, or colours."""

import numpy as np
import pytest
from PIL import Image, ImageColor

import colorquant as cq
from colorquant.errors import OptionError, PaletteReadError
from colorquant.images import read_colors, read_image
from colorquant.palette.built_in import BUILT_IN
from colorquant.palette.given import given_palette

SIZES = {"bw": 2, "gray4": 4, "gray16": 16, "web216": 216, "ansi16": 16, "ansi256": 256, "cga": 16, "gameboy": 4}
SIZES |= {"c64": 16, "pico8": 16, "tableau10": 10}


def test_the_built_in_palettes_have_their_sizes_and_a_source():
    assert {name: len(cq.Palette.named(name)) for name in BUILT_IN} == SIZES
    for name, row in BUILT_IN.items():
        palette = given_palette(name)
        assert palette == cq.Palette.named(name)
        assert row.source
        assert name == "ansi256" or len(set(palette.hex)) == len(palette)


def test_known_colours_of_the_built_in_palettes():
    assert given_palette("gray4").hex == ("#000000", "#555555", "#aaaaaa", "#ffffff")
    assert given_palette("web216").hex[:8][-1] == "#003333"
    ansi = given_palette("ansi256")
    assert ansi.hex[:16] == given_palette("ansi16").hex
    assert (ansi.hex[16], ansi.hex[196], ansi.hex[231], ansi.hex[232], ansi.hex[255]) == (
        "#000000",
        "#ff0000",
        "#ffffff",
        "#080808",
        "#eeeeee",
    )
    assert dict(zip(given_palette("cga").names, given_palette("cga").hex, strict=True))["brown"] == "#aa5500"
    assert given_palette("pico8").names[8] == "red"


@pytest.mark.parametrize(
    ("text", "hexes"),
    [
        ("#112233,#445566", ("#112233", "#445566")),
        ("#112233", ("#112233",)),
        (" 112233 , 445566 , 112233", ("#112233", "#445566", "#112233")),
        ("#fff,black,#11223380", ("#ffffff", "#000000", "#11223380")),
        ("white", ("#ffffff",)),
        ("#0000,#f80f", ("#00000000", "#ff8800")),
    ],
)
def test_colours_are_taken_as_they_are_given(text, hexes):
    assert given_palette(text).hex == hexes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pico", "did you mean pico8"),
        ("GameBoy", "did you mean gameboy"),
        ("xyzzy", "or one of bw, gray4"),
        ("", "empty name"),
        ("#112233,", "is not a colour"),
        ("#112233,#44556", "'#44556' is not a colour"),
        ("#12", "is not a colour"),
    ],
)
def test_a_word_that_stands_for_nothing_is_one_line(text, words):
    with pytest.raises(OptionError, match=words) as caught:
        given_palette(text)
    assert len(str(caught.value).splitlines()) == 1


def test_a_built_in_name_comes_before_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (2, 2), (1, 2, 3)).save("c64", "PNG")
    assert len(given_palette("c64")) == 16
    with pytest.raises(PaletteReadError, match="no such file"):
        given_palette("missing.gpl")
    with pytest.raises(PaletteReadError, match="no such file"):
        given_palette("folder/missing")


def test_a_palette_file_is_read(tmp_path):
    cq.Palette.of(["#445566", "#112233"]).write(tmp_path / "mine.hex")
    assert given_palette(str(tmp_path / "mine.hex")).hex == ("#445566", "#112233")
    (tmp_path / "folder.hex").mkdir()
    with pytest.raises(PaletteReadError, match="is a folder"):
        given_palette(str(tmp_path / "folder.hex"))


def test_the_table_of_an_indexed_image_keeps_order_and_unused_entries(tmp_path):
    image = Image.fromarray(np.array([[3, 1], [1, 1]], np.uint8))
    image.putpalette([9, 9, 9, 1, 2, 3, 9, 9, 9, 200, 100, 50, 0, 0, 0])
    for name, options in (("a.png", {}), ("a.gif", {"optimize": False}), ("b.png", {"transparency": 1})):
        image.save(tmp_path / name, **options)
        palette = given_palette(str(tmp_path / name))
        assert palette.hex[0] == "#090909"
        assert [code[:7] for code in palette.hex[1:4]] == ["#010203", "#090909", "#c86432"]
        assert palette.counts[:4].tolist() == [0, 3, 0, 1]
        assert (palette.alpha is None) == (name != "b.png")
    assert palette.alpha[1] == 0
    assert len(given_palette(str(tmp_path / "a.png"))) == 5
    assert len(given_palette(str(tmp_path / "a.gif"))) == 4, "a GIF fills its table up to a power of two"


def test_distinct_colours_come_in_the_order_of_the_picture(tmp_path):
    pixels = np.zeros((3, 70, 3), np.uint8)
    pixels[0, 5:] = (9, 8, 7)
    pixels[2, 1] = (255, 0, 0)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    palette = given_palette(str(tmp_path / "a.png"))
    assert palette.hex == ("#000000", "#090807", "#ff0000")
    assert palette.counts.tolist() == [5 + 139, 65, 1]
    assert palette.alpha is None


def test_fully_transparent_pixels_are_one_entry(tmp_path):
    pixels = np.array([[[1, 2, 3, 0], [4, 5, 6, 0], [4, 5, 6, 128], [4, 5, 6, 255]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    palette = given_palette(str(tmp_path / "a.png"))
    assert palette.hex == ("#00000000", "#04050680", "#040506")
    assert palette.counts.tolist() == [2, 1, 1]


def test_the_entries_are_the_colours_that_the_pixels_have(flower, tmp_path):
    Image.fromarray(flower[::4, ::4]).quantize(32).save(tmp_path / "a.png")
    entries = read_colors(tmp_path / "a.png", 256)
    pixels = read_image(tmp_path / "a.png").rgb.reshape(-1, 3)
    colors, counts = np.unique(pixels, axis=0, return_counts=True)
    order = np.lexsort(entries.colors.T[::-1])
    assert np.array_equal(entries.colors[order], colors)
    assert np.array_equal(entries.counts[order], counts)


def test_a_file_without_a_known_ending_is_read_as_an_image(tmp_path):
    Image.new("RGB", (2, 2), (1, 2, 3)).save(tmp_path / "logo", "PNG")
    assert given_palette(str(tmp_path / "logo")).hex == ("#010203",)
    (tmp_path / "notes.doc").write_text("no image")
    with pytest.raises(PaletteReadError, match=r"notes\.doc is no image, and its ending"):
        given_palette(str(tmp_path / "notes.doc"))


def test_a_photograph_is_no_palette(photo, tmp_path):
    with pytest.raises(PaletteReadError, match=r"more than 256 distinct colours.*colorquant kmeans .*--palette-out"):
        given_palette(str(photo))
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(PaletteReadError, match="not an image of a known format"):
        given_palette(str(tmp_path / "a.png"))


def test_a_name_stays_a_colour_after_pillow_has_looked_it_up():
    ImageColor.getrgb("white")  # as --alpha white does
    assert given_palette("white").hex == ("#ffffff",)
