"""Palette files: what is written is read again, by its published layout, and damage is one line."""

import json
import struct
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from colorquant.errors import OptionError, OutputError, PaletteReadError
from colorquant.palette.entries import Codec
from colorquant.palette.files import PALETTE_FORMATS, RIFF, RIFF_ENDING, format_of
from colorquant.palette.palette import Palette

FORMATS = {**PALETTE_FORMATS, RIFF_ENDING: RIFF}
ENDINGS = pytest.mark.parametrize("ending", list(FORMATS))
NAMES = ("night sky", "Pâquerette", 'a, "b" & <c>', "ink", "ink", "#112233")


def random_palette(k: int, **more: object) -> Palette:
    return Palette(np.random.default_rng(k).integers(0, 256, (k, 3), dtype=np.uint8), **more)


def written(palette: Palette, folder, ending: str):
    palette.write(folder / f"palette{ending}")
    return folder / f"palette{ending}"


@ENDINGS
@pytest.mark.parametrize("k", [1, 17, 256, 300])
def test_what_is_written_is_read(ending, k, tmp_path):
    palette = random_palette(k, counts=np.arange(1, k + 1))
    if k > (FORMATS[ending].most or k):
        with pytest.raises(OptionError, match=r"holds 256 colours, and there are 300: use \.json"):
            palette.write(tmp_path / f"palette{ending}")
        return
    path = written(palette, tmp_path, ending)
    again = Palette.read(path)
    assert again == palette
    assert again.alpha is None
    assert again.names is None
    assert (again.counts is not None) == (ending in (".json", ".csv"))
    assert again.counts is None or np.array_equal(again.counts, palette.counts)
    with pytest.raises(OutputError, match="exists already"):
        palette.write(path)
    palette.write(path, force=True)
    written_once = path.read_bytes()
    again.write(path, force=True)
    assert ending in (".json", ".csv") or path.read_bytes() == written_once


@ENDINGS
def test_names_are_kept_where_the_format_has_them(ending, tmp_path):
    palette = random_palette(6, names=NAMES)
    again = Palette.read(written(palette, tmp_path, ending))
    assert again == palette
    assert again.names == (NAMES if FORMATS[ending].names else None)


@ENDINGS
def test_alpha_is_kept_where_the_format_has_it(ending, tmp_path):
    palette = random_palette(5, alpha=np.array([255, 0, 128, 255, 1], np.uint8))
    again = Palette.read(written(palette, tmp_path, ending))
    assert np.array_equal(again.colors, palette.colors)
    if ending == ".act":
        assert again.alpha.tolist() == [255, 0, 255, 255, 255], "a color table has one transparent colour"
    else:
        assert np.array_equal(again.alpha, palette.alpha) if FORMATS[ending].alpha else again.alpha is None


@ENDINGS
def test_repeated_colours_and_their_order_are_kept(ending, tmp_path):
    palette = Palette.of(["#0969da", "000000", "#0969da", "ffffff", "ffffff"])
    assert Palette.read(written(palette, tmp_path, ending)).hex == palette.hex


@ENDINGS
def test_a_name_with_control_characters_does_not_break_the_file(ending, tmp_path):
    palette = random_palette(2, names=("two\nlines */ ;} \0", "\r\x1b[31m"))
    assert Palette.read(written(palette, tmp_path, ending)) == palette


@ENDINGS
@given(data=st.binary(max_size=80))
@settings(max_examples=20)
def test_random_bytes_are_one_line(ending, data, tmp_path_factory):
    path = tmp_path_factory.mktemp("damaged") / f"palette{ending}"
    path.write_bytes(data)
    assert_read_or_refused(path)


@ENDINGS
def test_a_changed_or_cut_file_is_read_or_refused_in_one_line(ending, tmp_path):
    """Bytes are changed, and the end is cut off, at 40 places drawn by a fixed seed."""
    random = np.random.default_rng(3)
    most = min(40, FORMATS[ending].most or 40)
    path = written(random_palette(most, names=tuple(f"name {n}" for n in range(most))), tmp_path, ending)
    whole = path.read_bytes()
    for place, value in zip(random.integers(0, len(whole), 40), random.integers(0, 256, 40), strict=True):
        damaged = bytearray(whole)
        damaged[place] = value
        path.write_bytes(damaged)
        assert_read_or_refused(path)
        path.write_bytes(whole[:place])
        assert_read_or_refused(path)


def assert_read_or_refused(path) -> None:
    try:
        assert len(Palette.read(path)) > 0
    except PaletteReadError as error:
        assert len(str(error).splitlines()) == 1
        assert str(path) in str(error)


@ENDINGS
def test_a_file_cut_in_half_is_refused_where_it_says_how_long_it_is(ending, tmp_path):
    path = written(random_palette(40), tmp_path, ending)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    if ending in (".gpl", ".hex", ".txt", ".csv", ".scss"):
        assert_read_or_refused(path)
    else:
        with pytest.raises(PaletteReadError):
            Palette.read(path)


@ENDINGS
def test_an_empty_file_and_one_without_colours_are_refused(ending, tmp_path):
    path = tmp_path / f"palette{ending}"
    empty = {
        ".json": b"[]",
        ".gpl": b"GIMP Palette\n",
        ".csv": b"hex,r,g,b\n",
        ".act": bytes(768) + b"\0\0\xff\xff",
        ".ase": b"ASEF\0\1\0\0\0\0\0\0",
        ".aco": b"\0\1\0\0",
        ".pal": b"JASC-PAL\r\n0100\r\n0\r\n",
        RIFF_ENDING: b"RIFF\x10\0\0\0PAL data\4\0\0\0\0\3\0\0",
        ".soc": b"<a/>",
    }
    for data in (b"", empty.get(ending, b"\n")):
        path.write_bytes(data)
        with pytest.raises(PaletteReadError):
            Palette.read(path)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.pal", b"JASC-PAL\n0100\n99999999999999999999\n1 2 3\n", "it says 999999999 colours and has 1"),
        ("a.pal", b"RIFF\0\0\0\0PAL data\xff\xff\xff\xff\0\3\xff\xff" + bytes(40), "it says 65535 colours"),
        ("a.pal", b"RIFF\0\0\0\0WAVEdata", "another form than PAL"),
        ("a.pal", b"hello", "neither with JASC-PAL nor with RIFF"),
        ("a.ase", b"ASEF\0\1\0\0\xff\xff\xff\xff" + bytes(9), "ends before its colours do"),
        ("a.ase", b"ASEF\0\1\0\0\0\0\0\1\0\1\xff\xff\xff\xff", "ends before its colours do"),
        ("a.aco", b"\0\1\xff\xff" + bytes(99), "ends before its colours do"),
        ("a.aco", b"\0\1\0\1\0\3" + bytes(8), "colour space 3, which is not read"),
        ("a.act", bytes(768) + b"\xff\xff\0\0", "it says 65535 colours"),
        ("a.act", bytes(300), "it has 300 bytes"),
        ("a.soc", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "entities"),
        ("a.soc", b'<a><color color="red"/></a>', "is not a colour"),
        ("a.soc", b'<?xml version="1.0" encoding="UTF28"?><a/>', "unknown encoding"),
        ("a.css", b":root { --a: #12345; }", "is not a colour"),
        ("a.css", b":root { --a: #123456", "braces are not closed"),
        ("a.css", b":root { --a: hsl(1 2% 3%); }", "notation that is not read"),
        ("a.css", b":root { --a: rgb(1, 2); }", "is not a colour"),
        ("a.css", b"a { color: #123456; }", "no variable for a colour"),
        ("a.txt", b"hello", "'hello' is not a colour"),
        ("a.txt", b"FF112233\nFF11\n", "is not a colour"),
        ("a.hex", b"12345g", "is not a colour"),
        ("a.gpl", b"GIMP Palette\n300 0 0\n", "three levels"),
        ("a.gpl", b"0 0 0\n", "first line"),
        ("a.json", b"{}", "not a list"),
        ("a.json", b"[[1, 2, 3]]", "neither"),
        ("a.json", b'[{"color": [1, 2]}]', "three levels"),
        ("a.json", b'[{"color": [1, 2, 3], "alpha": 256}]', "alpha"),
        ("a.json", b"[" * 100_000, "is not a whole .json file"),
        ("a.csv", b"hex,r,g,b\n,1,2,x\n", "is not a whole"),
        ("a.csv", b"name\nred\n", "is not a whole"),
    ],
)
def test_wrong_contents_are_refused(name, data, words, tmp_path):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(PaletteReadError, match=f"is not a whole.*{words}|{words}") as caught:
        Palette.read(tmp_path / name)
    assert len(str(caught.value).splitlines()) == 1


def test_a_large_file_without_sense_is_read_or_refused(tmp_path):
    """Time that grows with the square of the length would be hours here."""
    for name, row in (
        ("a.css", b"/*"),
        ("b.css", b"--a:"),
        ("c.css", b"--a:#fff;/*"),
        ("d.scss", b"$"),
        ("a.soc", b"<a>"),
    ):
        (tmp_path / name).write_bytes(row * 200_000)
        assert_read_or_refused(tmp_path / name)


def test_a_color_table_is_256_colours_and_their_number(tmp_path):
    data = written(Palette.of(["#010203", "#fffefd"]), tmp_path, ".act").read_bytes()
    assert data == bytes([1, 2, 3, 255, 254, 253]) + bytes(762) + b"\0\2\xff\xff"
    (tmp_path / "short.act").write_bytes(bytes(768))
    assert len(Palette.read(tmp_path / "short.act")) == 256


def test_swatches_of_photoshop_in_every_colour_space(tmp_path):
    rows = [
        (0, 65535, 0, 32896, 0),
        (1, 21845, 65535, 65535, 0),  # 120 degrees
        (2, 0, 65535, 65535, 65535),
        (7, 10000, 0, 0, 0),
        (7, 5323, 8011, 6720, 0),  # pure red of sRGB in Lab of D50 is 54.29, 80.81, 69.89
        (8, 10000, 0, 0, 0),
        (8, 0, 0, 0, 0),
    ]
    section = struct.pack(">H", len(rows)) + b"".join(struct.pack(">5H", *row) for row in rows)
    (tmp_path / "a.aco").write_bytes(b"\0\1" + section)
    hexes = Palette.read(tmp_path / "a.aco").hex
    assert hexes[:4] == ("#ff0080", "#00ff00", "#00ffff", "#ffffff")
    assert abs(int(hexes[4][1:3], 16) - 250) < 8
    assert hexes[5:] == ("#000000", "#ffffff")
    data = written(Palette.of(["#010203"]), tmp_path, ".aco").read_bytes()
    assert data[:14] == bytes([0, 1, 0, 1, 0, 0, 1, 1, 2, 2, 3, 3, 0, 0])
    assert data[14:32] == bytes([0, 2, 0, 1, 0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 0, 0, 0, 8])
    assert data[32:] == "#010203\0".encode("utf-16-be")


def test_swatches_of_illustrator_in_every_model_and_group(tmp_path):
    def block(kind: int, body: bytes) -> bytes:
        return struct.pack(">HI", kind, len(body)) + body

    name = struct.pack(">H", 2) + "x\0".encode("utf-16-be")
    bodies = [
        struct.pack(">4s3fH", b"RGB ", 1.0, 0.5, 0.0, 2),
        struct.pack(">4s4fH", b"CMYK", 0.0, 1.0, 1.0, 0.0, 0),
        struct.pack(">4s3fH", b"LAB ", 1.0, 0.0, 0.0, 0),
        struct.pack(">4sfH", b"Gray", 0.2, 0),
    ]
    blocks = [block(0xC001, name), *(block(1, name + body) for body in bodies), block(0xC002, b"")]
    (tmp_path / "a.ase").write_bytes(b"ASEF\0\1\0\0" + struct.pack(">I", len(blocks)) + b"".join(blocks))
    palette = Palette.read(tmp_path / "a.ase")
    assert palette.hex == ("#ff8000", "#ff0000", "#ffffff", "#333333")
    assert palette.names == ("x",) * 4


def test_pal_is_jasc_unless_riff_is_asked_for(tmp_path):
    palette = Palette.of(["#010203", "#fffefd"])
    assert written(palette, tmp_path, ".pal").read_bytes() == b"JASC-PAL\r\n0100\r\n2\r\n1 2 3\r\n255 254 253\r\n"
    data = written(palette, tmp_path, ".riff.pal").read_bytes()
    assert data[:20] == b"RIFF" + struct.pack("<I", 24) + b"PAL data" + struct.pack("<I", 12)
    assert data[20:] == b"\0\3\2\0\1\2\3\0\xff\xfe\xfd\0"
    (tmp_path / "other.pal").write_bytes(data)
    assert Palette.read(tmp_path / "other.pal") == palette
    assert format_of("A.PAL") is PALETTE_FORMATS[".pal"]


def test_style_sheets_of_others_are_read(tmp_path):
    (tmp_path / "a.css").write_text(
        ":root{--gap: 4px; /* --old: #000; */ --ink:#123;\n --sky : rgb(1, 2, 3); --air: rgba(4 5 6 / 50%);"
        "--😀:rgba(89.99, 20%, 250, 1); --plum: Plum; --glass: #abcd}\n"
    )
    palette = Palette.read(tmp_path / "a.css")
    assert palette.hex == ("#112233", "#010203", "#04050680", "#5a33fa", "#dda0dd", "#aabbccdd")
    assert palette.names == ("ink", "sky", "air", "😀", "plum", "glass")
    (tmp_path / "a.scss").write_text("// $no: #000;\n$red: #ff0000; // fire\n$w: 4px;\n$color-2: #00ff00;\n")
    palette = Palette.read(tmp_path / "a.scss")
    assert palette.hex == ("#ff0000", "#00ff00")
    assert palette.names == ("fire", "")


def test_colour_tables_of_old_and_new_offices_are_read(tmp_path):
    for prefix, space in (("office", "http://openoffice.org/2000/drawing"), ("ooo", "urn:oasis:names:tc:x")):
        (tmp_path / "a.soc").write_text(
            f'<?xml version="1.0"?>\n<!-- a comment -->\n<{prefix}:color-table xmlns:{prefix}="a" xmlns:draw="{space}">'
            f'<draw:color draw:name="Black &amp; more" draw:color="#010203"/></{prefix}:color-table>'
        )
        palette = Palette.read(tmp_path / "a.soc")
        assert palette.hex == ("#010203",)
        assert palette.names == ("Black & more",)


def test_a_swatch_has_squares_of_one_size(tmp_path):
    for k, size in ((1, (32, 32)), (5, (160, 32)), (16, (512, 32)), (48, (512, 96)), (17, (544, 32)), (251, (2008, 8))):
        path = tmp_path / f"{k}.png"
        random_palette(k).write(path)
        with Image.open(path) as image:
            assert image.size == size
            assert image.mode == "P"
        assert Palette.read(path).counts is None


def test_every_format_has_a_codec():
    for ending, form in FORMATS.items():
        assert isinstance(import_module(f"colorquant.palette.{form.module}").CODECS[ending], Codec)


def test_bytes_of_earlier_versions_are_kept(tmp_path):
    palette = Palette(np.array([[1, 2, 3], [255, 0, 16]], np.uint8), np.array([3, 1]))
    assert (
        palette.encode("a.gpl")
        == b"GIMP Palette\nName: colorquant\nColumns: 16\n#\n  1   2   3\t#010203\n255   0  16\t#ff0010\n"
    )
    assert palette.encode("a.hex") == b"010203\nff0010\n"
    assert palette.encode("a.csv") == b"hex,r,g,b,pixels,share\n#010203,1,2,3,3,0.75\n#ff0010,255,0,16,1,0.25\n"
    assert json.loads(palette.encode("a.json")) == [
        {"color": [1, 2, 3], "hex": "#010203", "pixels": 3, "share": 0.75},
        {"color": [255, 0, 16], "hex": "#ff0010", "pixels": 1, "share": 0.25},
    ]
    assert replace(palette, counts=None).encode("a.csv").splitlines()[1] == b"#010203,1,2,3,,"


def test_gimp_names_are_kept(tmp_path):
    (tmp_path / "a.gpl").write_text("GIMP Palette\nName: mine\n#\n  1   2   3\tnight sky\n255 255 255 paper\n")
    palette = Palette.read(tmp_path / "a.gpl")
    assert palette.names == ("night sky", "paper")
    (tmp_path / "latin.gpl").write_bytes(b"GIMP Palette\n1 2 3 caf\xe9\n")
    assert Palette.read(tmp_path / "latin.gpl").names == ("café",)


def test_aseprites_palettes_with_alpha_are_read(tmp_path):
    (tmp_path / "a.gpl").write_text("GIMP Palette\nChannels: RGBA\n#\n0 0 0 0 Untitled\n255 0 16 255\tred\n")
    palette = Palette.read(tmp_path / "a.gpl")
    assert palette.hex == ("#00000000", "#ff0010")
    assert palette.names == ("Untitled", "red")
