"""``--dither`` on ``kmeans``, ``em`` and ``apply``, and in the Python API."""

import json
import re
import shlex

import numpy as np
import pytest
from PIL import Image

import colorquant as cq
from colorquant.images import read_image

RAMP = np.repeat(np.add.outer(np.arange(40) * 2, np.arange(60) * 2)[:, :, None], 3, axis=2).astype(np.uint8)
RAMP[:, :, 1] = np.arange(40)[:, None] * 4


@pytest.fixture
def ramp(tmp_path):
    path = tmp_path / "ramp.png"
    Image.fromarray(RAMP).save(path)
    return path


@pytest.mark.parametrize("command", [["kmeans"], ["em"], ["em", "--space", "lab"], ["kmeans", "--space", "gray"]])
def test_the_record_the_label_map_and_the_palette_are_those_of_the_dithered_picture(run, ramp, tmp_path, command):
    name, *more = command
    out = tmp_path / "out.png"
    options = ["-k", 4, "--dither", "floyd-steinberg", "--labels", "npy", "--json", "-o", out]
    result = run(name, ramp, *more, *options)
    assert result.exit_code == 0, result.output
    row, picture = json.loads(result.stdout), read_image(out).rgb
    assert row["dither"] == {
        "method": "floyd-steinberg",
        "strength": 1.0,
        "serpentine": False,
        "space": "linear",
        "adaptive": False,
    }
    labels = np.load(tmp_path / "out-labels.npy")
    counts = [count for _, count in row["palette"]]
    assert counts == sorted(counts, reverse=True) == np.bincount(labels.reshape(-1)).tolist()
    colors = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color, _ in row["palette"]])
    assert np.array_equal(colors[labels], picture)
    assert row["mse"] == pytest.approx(((picture.astype(int) - RAMP) ** 2).sum(axis=2).mean())
    plain = json.loads(run(name, ramp, *more, "-k", 4, "--json", "-o", tmp_path / "plain.png").stdout)
    assert "dither" not in plain
    assert name == "em" or plain["mse"] < row["mse"]
    assert plain.get("inertia") == row.get("inertia")
    again = cq.quantize(ramp, method=name, k=4, space="rgb" if not more else more[1], dither="floyd-steinberg")
    assert np.array_equal(again.rgb, picture) and np.array_equal(again.labels, labels)
    assert again.dithering == cq.Dithering("floyd-steinberg")


def test_the_page_repeats_the_options_and_the_summary_names_the_method(run, ramp, tmp_path):
    details = ["--dither-strength", "0.5", "--serpentine", "--dither-space", "srgb", "--dither-adaptive"]
    page, first = tmp_path / "page.html", tmp_path / "first.png"
    result = run("kmeans", ramp, "-k", 3, "--dither", "sierra-lite", *details, "-o", first, "--html", page)
    assert result.exit_code == 0 and " · sierra-lite · " in result.output
    command = re.search(r"colorquant kmeans [^<\"]+", page.read_text()).group()
    words = shlex.split(command.replace("&#39;", "'"))
    assert words[words.index("--dither") :][:8] == ["--dither", "sierra-lite", *details]
    bytes_before = first.read_bytes()
    assert run(*words[1:], "-f").exit_code == 0
    assert first.read_bytes() == bytes_before


def test_compare_in_python_takes_several_ways_of_dithering(ramp):
    table = cq.compare(ramp, k=4, method="kmeans", dither=["none", "burkes"], dither_strength=0.5)
    assert [row["dither"] for row in table] == [None, "burkes"]
    assert table[1]["mse"] == cq.quantize(ramp, k=4, dither=cq.Dithering("burkes", 0.5)).mse
    with pytest.raises(cq.OptionError, match="--serpentine describes how a picture is dithered"):
        cq.compare(ramp, k=4, serpentine=True)


def test_apply_dithers_onto_the_palette_as_given(run, ramp, tmp_path):
    words = ["apply", ramp, "--palette", "#000000,#808080,#ff00ff", "--dither", "blue-noise"]
    result = run(*words, "--json", "-o", tmp_path / "a.png")
    row = json.loads(result.stdout)
    assert [color for color, _ in row["palette"]] == ["#000000", "#808080", "#ff00ff"]
    assert row["dither"]["method"] == "blue-noise"
    palette = cq.Palette.of(["#000000", "#808080", "#ff00ff"])
    mapped = cq.apply(palette, ramp, dither="blue-noise")
    assert np.array_equal(mapped.rgb, read_image(tmp_path / "a.png").rgb)
    assert mapped.mse == pytest.approx(((mapped.rgb.astype(int) - RAMP) ** 2).sum(axis=2).mean())
    result = run(*words, "--distance", "ciede2000", "-o", tmp_path / "b.png")
    assert result.exit_code == 0, result.output


def test_locked_colours_stay_and_untouched_pictures_are_not_dithered(run, ramp, tmp_path):
    locked = cq.quantize(ramp, k=4, lock="#ff0000,#00ff00", dither="atkinson")
    assert {"#ff0000", "#00ff00"} <= set(locked.palette.hex)
    few = np.array([[[1, 2, 3], [200, 100, 50]]], np.uint8)
    untouched = cq.quantize(few, k=2, dither="jarvis")
    assert np.array_equal(untouched.rgb, few)
    assert untouched.dithering is None
    alone = cq.fit(cq.histogram(few), k=2, dither="jarvis")
    assert cq.quantize_with(alone, few, dither="jarvis").dithering is None


def test_transparent_pixels_keep_their_label_and_weigh_nothing(ramp):
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[:, :20], alpha[:, 20:30] = 0, 51
    quantized = cq.quantize(RAMP, cq.FitOptions(k=4, alpha="keep"), alpha=alpha, dither="floyd-steinberg")
    assert (quantized.labels[:, :20] == len(quantized.palette)).all()
    assert quantized.palette.counts.sum() == 40 * 40
    squared = ((quantized.rgb.astype(int) - RAMP) ** 2).sum(axis=2)
    assert quantized.mse == pytest.approx((squared * alpha).sum() / alpha.sum())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--serpentine"], "--serpentine describes how a picture is dithered: add --dither floyd-steinberg"),
        (["--dither-strength", "1"], "--dither-strength describes how a picture is dithered"),
        (["--dither", "none", "--dither-space", "srgb"], "--dither-space describes how a picture is dithered"),
        (["--dither-adaptive"], "--dither-adaptive describes how a picture is dithered"),
        (["--dither", "jarvis", "--dither-strength", "2"], "--dither-strength 2.0 is out of range"),
        (["--dither", "bayer4", "--serpentine"], "--serpentine is for error diffusion, not for --dither bayer4"),
        (["--dither", "jarvis", "--space", "ycrcb"], "needs a colour for each label"),
        (["--dither", "jarvis", "--space", "lab", "--keep-luma"], "needs a colour for each label"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(run, ramp, words, message):
    result = run("kmeans", ramp, *words)
    assert result.exit_code == 2 and message in result.output
    assert result.output.count("\n") == 1
    assert not ramp.with_name("ramp-kmeans16.png").exists()


def test_shared_palettes_are_dithered_too(run, ramp, tmp_path):
    other = tmp_path / "other.png"
    Image.fromarray(RAMP[::-1, :30]).save(other)
    words = ["kmeans", ramp, other, "-k", 4, "--shared", "--dither", "floyd-steinberg"]
    result = run(*words, "-o", tmp_path, "--labels", "png", "--json", "--palette-out", tmp_path / "p.hex")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    palette = cq.Palette.read(tmp_path / "p.hex")
    for row in rows:
        assert [color for color, _ in row["palette"]] == list(palette.hex)
        assert row["dither"]["method"] == "floyd-steinberg"
        mapped = cq.apply(palette, row["input"], space="rgb", dither="floyd-steinberg")
        assert np.array_equal(read_image(row["output"]).rgb, mapped.rgb)
        assert [count for _, count in row["palette"]] == mapped.palette.counts.tolist()


def test_pages_show_dithered_pictures_pixel_by_pixel(run, ramp, tmp_path):
    page, compared = tmp_path / "page.html", tmp_path / "compared.html"
    assert run("apply", ramp, "--palette", "bw", "--dither", "atkinson", "--html", page).exit_code == 0
    shown = re.findall(r'<img class="checker" alt="(\w+)" width="60" height="40" src="data:image/png', page.read_text())
    assert shown == ["original", "atkinson"]
    assert ".details img { image-rendering: pixelated; }" in page.read_text()
    result = run("compare", ramp, "-k", 4, "--method", "kmeans", "--dither", "none,bayer4", "--html", compared)
    assert result.exit_code == 0, result.output
    names = re.findall(r'<img class="checker" alt="([\w-]+)" width="60" height="40"', compared.read_text())
    assert names == ["original", "kmeans4-numpy-rgb", "kmeans4-numpy-rgb-bayer4"]
    assert "--dither none,bayer4" in compared.read_text()
    run("compare", ramp, "-k", 4, "--method", "kmeans", "--html", compared, "-f")
    assert "Pixel by pixel" not in compared.read_text() and "--dither none" not in compared.read_text()


@pytest.mark.parametrize(("method", "truecolour"), [("bayer4", True), ("floyd-steinberg", False)])
def test_a_truecolour_file_that_kept_alpha_makes_is_explained(run, tmp_path, thumbnail, method, truecolour):
    alpha = np.tile(np.linspace(0, 255, thumbnail.shape[1]).astype(np.uint8), (thumbnail.shape[0], 1))
    Image.fromarray(np.dstack([thumbnail, alpha])).save(tmp_path / "a.png")
    result = run("kmeans", tmp_path / "a.png", "-k", 16, "--dither", method)
    with Image.open(tmp_path / "a-kmeans16.png") as image:
        assert (image.mode != "P") is truecolour
    assert ("more than 256 pairs of colour and alpha: the PNG is truecolour" in result.stderr) is truecolour


def test_a_note_names_only_some_of_many_locked_colours(run, photo):
    result = run("kmeans", photo, "-k", 256, "--lock", "web216")
    note = next(line for line in result.stderr.splitlines() if "locked colour" in line)
    assert note.count("#") == 8
    assert note.endswith(" more")
