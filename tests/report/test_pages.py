"""The pages of ``--html``: what is in them, and how they behave in a real browser."""

import base64
import io
import json
import math
import re
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image
from support.html import Reader, check_self_contained
from support.pages import COMMANDS
from support.pictures import random_picture

from colorquant import quantization, quantize
from colorquant.analysis import compare as comparison
from colorquant.analysis import sweep as sweeps
from colorquant.errors import EngineError
from colorquant.fitting.options import FitOptions
from colorquant.images import read_image
from colorquant.images.downsampling import Downsampling
from colorquant.report.html import embedded_json
from colorquant.report.html.charts import Axis, line_chart, tick_words
from colorquant.report.html.scatter import Scatter
from colorquant.report.plots import Plot, Series

HOSTILE = "script><img src=x onerror=alert(1)>&'\"\u2028\u202e.png"


def page_of(run, tmp_path, command, *words):
    page = tmp_path / f"{command}.html"
    output = ("-o", tmp_path / "out.png") if command in ("kmeans", "em") else ()
    result = run(command, *words, *output, "--html", page, "-f", "-q")
    assert result.exit_code == 0, result.output
    return page


def decoded(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_is_self_contained(command, pages):
    text = (pages / f"{command}.html").read_text()
    assert text.startswith("<!DOCTYPE html>")
    reader = check_self_contained(text)
    assert isinstance(reader.json, dict)
    assert "photo.png" in reader.words


@pytest.mark.usefixtures("few_ks")
@pytest.mark.parametrize("command", ["kmeans", "em"])
def test_the_same_command_makes_the_same_page(command, run, photo, tmp_path):
    pages = [page_of(run, tmp_path, command, photo, *COMMANDS[command]).read_text() for _ in range(2)]
    assert pages[0] == pages[1]


@pytest.mark.usefixtures("few_ks")
@pytest.mark.parametrize("command", COMMANDS)
def test_names_are_text(command, run, photo, tmp_path):
    (tmp_path / "a<").mkdir()
    hostile = tmp_path / "a<" / HOSTILE
    shutil.copy(photo, hostile)
    reader = check_self_contained(page_of(run, tmp_path, command, hostile, *COMMANDS[command]).read_text())
    assert [attributes for _, attributes in reader.elements if attributes.get("src") == "x"] == []
    assert len([tag for tag, _ in reader.elements if tag == "script"]) == 2
    assert "<img src=x onerror=alert(1)>&'\"\\u2028\\u202e.png" in reader.words
    assert not {"\u2028", "\u202e"} & set(reader.words)


def test_json_inside_a_script_cannot_end_it():
    nasty = {"</script><!--": "\u2028\u2029 & < > \" ' \\ é", "numbers": [math.inf, -math.inf, math.nan, 1.5, 7]}
    text = embedded_json(nasty)
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == {**nasty, "numbers": [None, None, None, 1.5, 7]}


@pytest.mark.usefixtures("few_ks")
@pytest.mark.parametrize(
    "words",
    [
        ("kmeans", "-k", 3, "--keep-metadata", "--strict", "--figure", "it's.svg", "--figure-title", "A $title"),
        ("kmeans", "-k", "auto", "--target", "size:1.2k", "--min-k", 3, "--max-k", 90, "--best-effort"),
        (
            *(
                "em",
                "-k",
                3,
                "--space",
                "lab",
                "--no-keep-luma",
                "--covariance",
                "tied",
                "--tol",
                0.05,
                "--standardize",
            ),
            *("--standardize", "--assign", "nearest", "--paint", "centers", "--alpha", "white", "--seed", 5),
            *("--labels", "png"),
        ),
    ],
    ids=["kmeans", "auto", "em"],
)
def test_the_command_on_the_page_repeats_the_job(words, run, photo, tmp_path, monkeypatch):
    if "--figure" in words:
        pytest.importorskip("matplotlib", reason="needs matplotlib: the extra plot")
    monkeypatch.chdir(tmp_path)
    photo.rename("-a $b 'c'.png")
    first = run(*words, "-o", "out.png", "--html", "page.html", "--", "-a $b 'c'.png")
    assert first.exit_code == 0, first.output
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    reader = Reader(files["page.html"].decode())
    command = next(attributes["data-copy-line"] for _, attributes in reader.elements if "data-copy-line" in attributes)
    assert command in reader.words
    program, *line = shlex.split(command)
    assert program == "colorquant"
    assert run(*line).exit_code == 1, "the files are there"
    again = run(*line, "--force")
    assert again.exit_code == 0, again.output
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written.keys() == files.keys()
    assert written["out.png"] == files["out.png"]
    assert written["page.html"].replace(b"./-a", b"-a") == files["page.html"].replace(b"./-a", b"-a")


def test_the_command_on_a_comparisons_page_repeats_it(run, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo.rename("a 'b'.png")
    words = ("-k", "2,3", "--method", "kmeans", "--space", "rgb,lab", "--seed", 4, "--alpha", "drop")
    assert run("compare", "a 'b'.png", *words, "--html", "page.html", "-q").exit_code == 0
    pages = [Reader((tmp_path / "page.html").read_text())]
    command = next(one["data-copy-line"] for _, one in pages[0].elements if "data-copy-line" in one)
    program, *line = shlex.split(command)
    assert program == "colorquant"
    assert run(*line, "-q", "--force").exit_code == 0
    pages.append(Reader((tmp_path / "page.html").read_text()))
    tiles = [[one["data-tile"] for _, one in page.elements if "data-tile" in one] for page in pages]
    assert tiles[0] == tiles[1]
    assert len(tiles[0]) == 5
    text = (tmp_path / "page.html").read_text()
    assert "\u00a0kB" in text and not re.search(r"PSNR [0-9.]+ dB ·", text), "a unit stays with its number"
    assert next(one["data-copy-line"] for _, one in pages[1].elements if "data-copy-line" in one) == command


def test_a_column_of_words_stands_on_the_left_where_the_first_is_missing(run, photo, tmp_path):
    words = ("--method", "kmeans,em", "--engine", "numpy", "--space", "rgb", "--repeat", 1, "--warmup", 0)
    assert run("timing", photo, *words, "--html", tmp_path / "page.html", "-q").exit_code == 0
    table = (tmp_path / "page.html").read_text().split('<table class="sortable')[1].split("</table>")[0]
    heads = re.findall(r"<button type=\"button\">([^<]*)", table)
    rows = [re.findall(r"<td( class=\"word\")?", row) for row in table.split("<tbody>")[1].split("</tr>")[:2]]
    for row in rows:
        on_the_left = {head for head, word in zip(heads, row, strict=True) if word}
        assert on_the_left == {"engine", "method", "covariance", "space"}


def gray_ramp():
    return np.repeat(np.tile(np.arange(0, 200, 2, dtype=np.uint8), (9, 1))[:, :, None], 3, axis=2)


def half_clear():
    alpha = np.full((20, 30, 1), 128, np.uint8)
    alpha[:5] = 0
    return np.concatenate([random_picture(3, levels=4), alpha], axis=2)


ODD = {
    "one pixel": np.full((1, 1, 3), 9, np.uint8),
    "one column": random_picture(1, 300, 1, levels=4),
    "one row": random_picture(2, 1, 1500, levels=4),
    "constant": np.full((30, 40, 3), 77, np.uint8),
    "gray": gray_ramp(),
    "nothing visible": np.zeros((12, 9, 4), np.uint8),
    "half visible": half_clear(),
}
ODD_OPTIONS = [("-k", 4), ("-k", 1), ("-k", 300), ("-k", 3, "--space", "ycrcb"), ("-k", 2, "--space", "gray")]
ODD_PAGES = [  # every other pair is a slow test
    pytest.param(name, words, marks=() if (row + column) % 2 == 0 else pytest.mark.slow)
    for row, name in enumerate(ODD)
    for column, words in enumerate(ODD_OPTIONS)
]


@pytest.mark.usefixtures("few_ks")
@pytest.mark.parametrize("method", ["kmeans", "em"])
@pytest.mark.parametrize(("name", "words"), ODD_PAGES)
def test_odd_pictures_have_a_page(name, words, method, run, tmp_path):
    Image.fromarray(ODD[name]).save(tmp_path / "odd.png")
    quick = ("--effort", "fast") if method == "em" else ()
    text = page_of(run, tmp_path, method, tmp_path / "odd.png", *words, *quick).read_text()
    data = check_self_contained(text).json
    assert "NaN" not in re.sub(r"base64,[^\"']*", "", text.partition("<script>")[0])
    assert len(data["sweep"]) != 1
    assert len(data["iterations"]) != 1
    height, width = ODD[name].shape[:2]
    longest = max(height, width)
    shown = decoded(data["inspector"]["labels"])
    assert shown.shape[:2] == (height, width) if longest <= 960 else max(shown.shape[:2]) == 960


def test_many_colours_are_listed_and_drawn_in_part(run, photo, tmp_path):
    reader = Reader(page_of(run, tmp_path, "kmeans", photo, "-k", 300).read_text())
    copies = [attributes for _, attributes in reader.elements if "data-copy" in attributes]
    assert len(copies) == 256
    assert "The first 256 of 300 are listed" in reader.words
    assert len(reader.json["iterations"][-1]["centers"]) == 64
    assert "The first 64 centres are drawn" in reader.words
    assert reader.json["sweep"][-1]["picture"].startswith("data:image/jpeg;")
    labels = decoded(reader.json["inspector"]["labels"]).astype(int) @ [1, 256, 65536]
    assert np.array_equal(labels, quantize(read_image(photo).rgb, FitOptions("kmeans", 300)).labels)


def test_the_sliders_of_k_and_of_iterations_tell_the_truth(run, photo, tmp_path):
    reader = Reader(page_of(run, tmp_path, "kmeans", photo, "-k", 6, "--init", "random").read_text())
    rgb = read_image(photo).rgb
    options = FitOptions("kmeans", 6, init="random")
    trials = {int(trial["name"]): trial for trial in reader.json["sweep"]}
    assert list(trials) == [2, 3, 4, 5, 6, 8, 10, 16]
    for k, trial in trials.items():
        own = quantize(rgb, options.replace(k=k))
        facts = dict(trial["facts"])
        assert (facts["PSNR"], facts["MSE"]) == (f"{own.psnr:.2f} dB", f"{own.mse:,.2f}")
        picture = Image.open(io.BytesIO(base64.b64decode(trial["picture"].partition(",")[2])))
        assert np.array_equal(np.asarray(picture.convert("RGB")), own.rgb)
        assert trial["first"] == (k == 6)
    history = quantize(rgb, options, record=True).history
    steps = reader.json["iterations"]
    numbers = [0 if step["name"] == "start" else int(step["name"]) for step in steps]
    assert (numbers[0], numbers[-1]) == (0, len(history) - 1)
    assert len(numbers) == min(24, len(history))
    assert "The iterations of this run" in reader.words
    centers = np.concatenate([history[number].model.centers for number in numbers])
    places = np.concatenate([step["centers"] for step in steps])
    for axis in (0, 1):  # each axis is one of the bands, scaled
        assert max(abs(np.corrcoef(places[:, axis], band)[0, 1]) for band in centers.T) > 0.99999


def test_the_slider_of_k_has_what_auto_tried(run, photo, tmp_path):
    reader = Reader(page_of(run, tmp_path, "kmeans", photo, "-k", "auto", "--target", "psnr:26").read_text())
    trials = {int(trial["name"]): float(dict(trial["facts"])["PSNR"].split()[0]) for trial in reader.json["sweep"]}
    k = next(int(trial["name"]) for trial in reader.json["sweep"] if trial["first"])
    assert trials[k] >= 26 > trials[k - 1]
    assert f"k = {k} was chosen from 2 to 256: the fewest colours with a PSNR of at least 26 dB." in reader.words
    assert "target: 26 dB" in reader.words


@pytest.mark.parametrize(
    ("words", "reason"),
    [((), "has nearly converged before its first iteration"), (("--engine", "sklearn"), "sklearn does not report")],
)
def test_a_run_without_iterations_shows_the_textbooks(words, reason, run, photo, tmp_path):
    reader = Reader(page_of(run, tmp_path, "kmeans", photo, "-k", 4, *words).read_text())
    assert reason in reader.words
    assert "textbook's algorithm from random colours" in reader.words
    textbook = quantize(read_image(photo).rgb, FitOptions("kmeans", 4, init="random"), record=True)
    assert dict(reader.json["iterations"][-1]["facts"])["inertia per pixel"] == f"{textbook.inertia / 80 / 54:.6g}"


def test_a_k_that_fails_is_named_and_the_others_stay(run, photo, tmp_path, monkeypatch):
    again = sweeps.quantize_again

    def broken(picture, options, k, **rest):
        if k == 8:
            raise EngineError("it gave up: take fewer colours")
        return again(picture, options, k, **rest)

    monkeypatch.setattr(sweeps, "quantize_again", broken)
    reader = Reader(page_of(run, tmp_path, "kmeans", photo, "-k", 4).read_text())
    assert [trial["name"] for trial in reader.json["sweep"]] == ["2", "3", "4", "5", "10", "16"]
    assert "8 colours failed: it gave up" in reader.words


@pytest.mark.usefixtures("few_ks")
def test_a_large_picture_makes_a_page_of_its_real_pixels(run, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "LARGEST", 700_000)
    rgb = random_picture(5, 75, 100, levels=8).repeat(10, axis=0).repeat(10, axis=1)
    Image.fromarray(rgb).save(tmp_path / "large.png", compress_level=1)
    page = page_of(run, tmp_path, "kmeans", tmp_path / "large.png", "-k", 4)
    reader = Reader(page.read_text())
    data = reader.json
    assert page.stat().st_size < 10_000_000
    assert (data["inspector"]["width"], data["inspector"]["height"]) == (960, 720)
    assert "The picture is shown with 960 × 720 of its pixels" in reader.words
    assert "these fits use a sample of 960 × 720 pixels" in reader.words
    labels = decoded(data["inspector"]["labels"])[:, :, 0]
    own = quantize(rgb, FitOptions("kmeans", 4))
    assert np.array_equal(labels, Downsampling.of(rgb, 960).take(own.labels))


def test_a_sample_is_of_pixels_near_their_place():
    rgb = np.zeros((300, 500, 3), np.uint8)
    rgb[:, :, 0], rgb[:, :, 1] = np.arange(500) // 2, np.arange(300)[:, None] * 255 // 300
    sample = Downsampling.of(rgb, 100)
    assert sample.index.shape == (60, 100)
    rows, columns = np.divmod(sample.index, 500)
    assert np.array_equal(rows // 5, np.repeat(np.arange(60)[:, None], 100, axis=1))
    assert np.array_equal(columns // 5, np.repeat(np.arange(100)[None], 60, axis=0))
    assert np.array_equal(sample.take(rgb), rgb[rows, columns])
    whole = Downsampling.of(rgb, 500)
    assert np.array_equal(whole.take(rgb), rgb)


def test_noise_counts_less_in_a_sample_than_in_every_nth_pixel():
    rgb = np.clip(np.random.default_rng(0).normal(128, 30, (240, 240, 3)), 0, 255).astype(np.uint8)
    assert Downsampling.of(rgb, 60).take(rgb).std() < 0.7 * rgb[::4, ::4].std()


def test_axes_hold_their_values_and_ticks():
    for low, high in ((0, 1), (-13.4512, -13.4498), (6.1e6, 6.2e6), (5, 5), (0, 0)):
        axis = Axis.over([low, high], 60, 400)
        ticks = axis.ticks()
        assert 60 <= axis.place(low) <= axis.place(high) <= 400
        assert all(60 <= place <= 400 for place, _ in ticks)
        assert 2 <= len(ticks) <= 7
        assert len({words for _, words in ticks}) == len(ticks)
    chart = line_chart(Plot("k", "MSE", (Series("one", ((2, 10.0), (4, 5.0), (256, 1.0))),), log_x=True))
    assert [words for _, words in chart.x_ticks] == ["2", "4", "256"]
    assert tick_words(12_350_000, 50_000) == "12.35M"


def test_an_ellipse_is_two_deviations_wide():
    rng = np.random.default_rng(1)
    features = rng.normal(128, [40, 5, 20], (4000, 3))
    counts = np.ones(4000, np.int64)
    scatter = Scatter.of(features, np.clip(features, 0, 255).astype(np.uint8), counts, ("R", "G", "B"))
    assert scatter.bands == (0, 2)
    (rx, ry, angle), *_ = scatter.ellipses(np.diag([40.0**2, 5.0**2, 20.0**2])[None])
    x, y = scatter.axes
    assert sorted([rx, ry]) == pytest.approx(sorted([80 * x.unit, 40 * abs(y.unit)]), rel=1e-3)
    assert angle % 90 == pytest.approx(0, abs=0.2)
    corner = scatter.places(np.array([[128.0, 0, 128], [168, 0, 128]]))
    assert corner[1][0] - corner[0][0] == pytest.approx(40 * x.unit, abs=0.02)


def test_a_failed_cell_and_a_failed_image_are_on_the_page(run, photo, tmp_path, monkeypatch):
    def broken(rgb, options, **rest):
        if options.method == "em":
            raise EngineError("it gave up: take fewer colours")
        return quantization.quantize(rgb, options, **rest)

    monkeypatch.setattr(comparison, "quantize", broken)
    (tmp_path / "bad.png").write_bytes(b"no image")
    page = tmp_path / "page.html"
    result = run("compare", photo, tmp_path / "bad.png", "-k", 4, "--html", page, "-q")
    assert result.exit_code == 1
    reader = check_self_contained(page.read_text())
    assert "it gave up: take fewer colours" in reader.words
    assert "bad.png failed: not an image" in reader.words
    assert [
        attributes["data-tile"].replace("\u00a0", " ") for _, attributes in reader.elements if "data-tile" in attributes
    ] == [
        "original",
        "k-means, k = 4 · numpy · rgb",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unwritable_page_is_one_line_before_the_work(command, run, photo, tmp_path):
    (tmp_path / "page.html").write_text("mine")
    outputs = ("-o", tmp_path / "out") if command != "timing" else ("--csv", tmp_path / "out")
    for name, reason in (("page.html", "--force"), ("page.txt", "unknown ending"), ("x" * 300 + ".html", "too long")):
        result = run(command, photo, *COMMANDS[command], *outputs, "--html", tmp_path / name)
        assert result.exit_code in (1, 2), name
        assert result.stderr.count("Error: ") == 1
        assert reason in result.stderr
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "page.html").read_text() == "mine"
    assert run(command, photo, *COMMANDS[command], "--html", "").exit_code == 2


@pytest.mark.usefixtures("few_ks")
def test_several_inputs_have_a_page_each(run, photo, thumbnail, tmp_path):
    Image.fromarray(thumbnail[::-1]).save(tmp_path / "other.png")
    both = (photo, tmp_path / "other.png", "-k", 2, "-o", tmp_path / "out")
    refused = run("kmeans", *both, "--html", tmp_path / "page.html")
    assert (refused.exit_code, "{stem}" in refused.stderr) == (2, True)
    assert run("kmeans", *both, "--html", tmp_path / "{stem}.html").exit_code == 0
    for name in ("photo", "other"):
        assert f"<h1>{name}.png</h1>" in (tmp_path / f"{name}.html").read_text()
