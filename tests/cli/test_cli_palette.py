"""``colorquant palette``."""

import json

import numpy as np
import pytest
from PIL import Image

from colorquant.palette.built_in import BUILT_IN
from colorquant.palette.files import PALETTE_FORMATS
from colorquant.palette.palette import Palette


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_palette_is_shown(run):
    result = run("palette", "pico8")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "pico8: 16 colours"
    assert lines[2].split() == ["#", "colour", "ΔE", "nearest", "name"]
    assert lines[11].split()[:2] == ["8", "#ff004d"]
    assert lines[11].split()[-1] == "red"
    assert lines[-1] == "ΔE: CIEDE2000 to the nearest other colour."
    assert run("palette", "pico8", "-q").output == ""


def test_help_names_every_built_in_palette(run):
    words = run("palette", "--help").stdout.replace(",", " ").replace(".", " ").split()
    assert set(BUILT_IN) <= set(words)


def test_an_image_is_shown_with_shares(run):
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[0, 0] = 255
    Image.fromarray(pixels).save("a.png")
    result = run("palette", "a.png", "#fff,#00000000")
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["0", "#ffffff", "12.50", "%", "100.0", "1"] in rows
    assert ["1", "#000000", "87.50", "%", "100.0", "0"] in rows
    assert ["1", "#00000000", "–", "–"] in rows


def test_json_has_every_entry(run):
    Image.fromarray(np.array([[[1, 2, 3, 255], [1, 2, 3, 9], [7, 2, 3, 9], [1, 2, 3, 9]]], np.uint8)).save("a.png")
    result = run("palette", "a.png", "bw", "--json", "--sort", "luma")
    first, second = map(json.loads, result.stdout.splitlines())
    assert first["inputs"] == ["a.png"]
    assert first["output"] is None
    assert [entry["pixels"] for entry in first["colors"]] == [1, 2, 1]
    assert first["colors"][0] == {
        "hex": "#010203",
        "color": [1, 2, 3],
        "alpha": 255,
        "name": None,
        "pixels": 1,
        "share": 0.25,
        "delta_e": None,
        "nearest": None,
    }
    assert first["colors"][1]["hex"] == "#01020309"
    assert first["colors"][1]["nearest"] == 2
    assert [entry["delta_e"] for entry in second["colors"]] == [100.0, 100.0]


@pytest.mark.parametrize("ending", ["ase", "act", "riff.pal", "png"])
def test_the_ending_of_the_output_converts(run, ending):
    result = run("palette", "cga", "-o", f"out/a.{ending}")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == f"out/a.{ending}: 16 colours\n"
    assert Palette.read(f"out/a.{ending}") == Palette.named("cga")
    again = run("palette", "cga", "-o", f"out/a.{ending}")
    assert again.exit_code == 1
    assert "use --force" in again.stderr
    assert run("palette", "cga", "-o", f"out/a.{ending}", "-f", "-q").output == ""


def test_several_palettes_are_joined_or_written_one_by_one(run):
    assert run("palette", "bw", "gameboy", "-o", "both.gpl").exit_code == 0
    assert Palette.read("both.gpl").hex == (*Palette.named("bw").hex, *Palette.named("gameboy").hex)
    assert run("palette", "bw", "both.gpl", "-o", "{stem}.ase").exit_code == 0
    assert len(Palette.read("bw.ase")) == 2
    assert len(Palette.read("both.ase")) == 6
    assert run("palette", "both.gpl", "--merge-below", 6, "--sort", "luma", "-o", "c.json").exit_code == 0
    assert len(Palette.read("c.json")) == 5


def test_lost_alpha_is_noted(run):
    Image.fromarray(np.array([[[1, 2, 3, 0], [4, 5, 6, 99], [7, 8, 9, 255]]], np.uint8)).save("a.png")
    for words in (("palette", "a.png", "-o", "a.gpl"), ("kmeans", "a.png", "--palette-out", "b.gpl")):
        assert "note: .gpl does not hold alpha" in run(*words).stderr
    assert "note: .act does not hold alpha" in run("palette", "a.png", "-o", "a.act").stderr
    assert "note" not in run("palette", "#fff,#00000000", "-o", "b.act").stderr
    assert "note" not in run("palette", "a.png", "-o", "a.css").stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "needs palettes"),
        (("pico",), 2, "did you mean pico8"),
        (("a.gpl",), 1, "no such file"),
        (("bw", "-o", "-"), 2, "-o - has no ending"),
        (("bw", "-o", "a.xyz"), 2, "unknown ending"),
        (("bw", "-o", "{name}.gpl"), 2, "unknown field {name}"),
        (("bw", "cga", "-o", "."), 2, "is a folder"),
        (("bw", "./bw", "-o", "{stem}.gpl"), 2, "bw.gpl"),
        (("ansi256", "bw", "-o", "a.act"), 2, ".act holds 256 colours, and there are 258"),
        (("bw", "--sort", "share"), 2, "needs numbers of pixels"),
        (("bw", "--merge-below", "0"), 2, "above 0"),
        (("bw", "--sort", "size"), 2, "is not one of"),
    ],
)
def test_mistakes_are_one_line(run, words, code, message):
    result = run("palette", *words)
    assert result.exit_code == code
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_one_bad_palette_of_several_fails_alone(run, photo):
    result = run("palette", "missing.gpl", photo, "bw")
    assert result.exit_code == 1
    assert result.stdout.startswith("bw: 2 colours")
    assert len(result.stderr.splitlines()) == 2
    assert "more than 256 distinct colours" in result.stderr


def test_an_input_is_not_overwritten(run):
    Palette.named("bw").write("a.gpl")
    result = run("palette", "a.gpl", "--sort", "hue", "-o", "a.gpl", "-f")
    assert result.exit_code == 2
    assert "is an input, too" in result.stderr


def test_a_format_that_is_too_small_is_refused_before_the_fit(run, photo):
    result = run("kmeans", photo, "-k", 300, "--palette-out", "a.act")
    assert result.exit_code == 2
    assert ".act holds 256 colours, and there are 300" in result.stderr


def test_palette_out_writes_every_format(run, tmp_path):
    Palette.named("pico8").write("in.png")
    for ending in [*PALETTE_FORMATS, ".riff.pal"]:
        assert run("kmeans", "in.png", "-f", "-o", "out.png", "--palette-out", f"p{ending}").exit_code == 0
        assert set(Palette.read(f"p{ending}").hex) == set(Palette.named("pico8").hex)


def test_a_large_palette_is_shown_in_part(run):
    colors = np.random.default_rng(0).integers(0, 256, (5000, 3), dtype=np.uint8)
    Palette(colors).write("a.hex")
    lines = run("palette", "a.hex").stdout.splitlines()
    assert lines[-2:] == ["and 4,744 more: --json has all", "ΔE: not computed for more than 4,096 colours."]
    assert len(json.loads(run("palette", "a.hex", "--json").stdout)["colors"]) == 5000
    assert "too many to compare" in run("palette", "a.hex", "--merge-below", 2).stderr
