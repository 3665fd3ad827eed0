"""``compare`` from the command line: what is written, what is said, and what is refused."""

import csv
import io
import json
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support.pictures import random_picture

from colorquant.analysis import compare as comparison
from colorquant.analysis import measures
from colorquant.errors import EngineError
from colorquant.images import read_image


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def rows_of(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_pictures_and_a_sheet_are_written(run, photo, tmp_path):
    out = tmp_path / "out"
    result = run("compare", photo, "-k", "4,6", "--engine", "numpy,pillow-median", "-o", out)
    assert result.exit_code == 0, result.output
    assert names_in(out) == [
        "photo-compare.png",
        *("photo-em4-numpy-rgb-diagonal.png", "photo-em6-numpy-rgb-diagonal.png"),
        *("photo-kmeans4-numpy-rgb.png", "photo-kmeans6-numpy-rgb.png"),
        *("photo-quantizer4-pillow-median-rgb.png", "photo-quantizer6-pillow-median-rgb.png"),
    ]
    for word in ("photo.png: 80 × 54", "MSE", "pillow-median", "adjusted Rand index"):
        assert word in result.stdout
    assert result.stderr == f"contact sheet: {out / 'photo-compare.png'}\n"
    assert "\x1b" not in result.output


def test_without_a_folder_there_are_only_numbers(run, photo, tmp_path):
    before = names_in(tmp_path)
    result = run("compare", photo, "-k", 4, "--method", "kmeans")
    assert result.exit_code == 0, result.output
    assert "kmeans" in result.stdout
    assert result.stderr == ""
    assert names_in(tmp_path) == before


def test_json_is_a_line_for_each_cell(run, photo, tmp_path):
    rows = rows_of(run("compare", photo, "-k", "4,8", "--json", "-q", "-o", tmp_path / "out"))
    assert [row["cell"] for row in rows] == [
        *("kmeans4-numpy-rgb", "kmeans8-numpy-rgb", "em4-numpy-rgb-diagonal", "em8-numpy-rgb-diagonal")
    ]
    for row in rows:
        before, after = read_image(photo).rgb.astype(int), read_image(row["output"]).rgb.astype(int)
        assert row["mse"] == pytest.approx(((before - after) ** 2).sum(axis=2).mean())
        assert (row["input"], row["width"], row["height"], row["error"]) == (str(photo), 80, 54, None)
        assert [other["cell"] for other in row["agreement"]] == [
            other["cell"] for other in rows if other["cell"] != row["cell"]
        ]
        assert (row["log_likelihood"] is None) == (row["method"] == "kmeans")


def test_quiet_says_nothing_but_errors(run, photo):
    result = run("compare", photo, "-k", 4, "--engine", "numpy,pillow-octree", "--space", "rgb,lab", "-q")
    assert (result.exit_code, result.output) == (0, "")


def test_csv_holds_all_images(run, photo, thumbnail, tmp_path):
    Image.fromarray(thumbnail[::-1]).save(tmp_path / "=other.png")
    table = tmp_path / "cells.csv"
    result = run("compare", photo, tmp_path / "=other.png", "-k", 4, "--csv", table)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [row["cell"] for row in rows] == ["kmeans4-numpy-rgb", "em4-numpy-rgb-diagonal"] * 2
    again = run("compare", photo, "-k", 4, "--csv", table)
    assert (again.exit_code, "--force" in again.stderr) == (1, True)
    assert run("compare", photo, "-k", 4, "--method", "kmeans", "--csv", table, "-f").exit_code == 0
    assert len(table.read_text().splitlines()) == 2


def test_the_impossible_is_named(run, photo):
    result = run("compare", photo, "-k", 4, "--engine", "numpy,pillow-octree", "--space", "rgb,oklab")
    assert result.exit_code == 0, result.output
    assert "left out: quantizer-pillow-octree-oklab" in result.stderr


def test_the_lack_of_scikit_image_is_said_once(run, photo, monkeypatch):
    monkeypatch.setattr(measures, "find_spec", lambda name: None)
    result = run("compare", photo, "-k", "4,8", "--method", "kmeans", "--json")
    assert result.stderr.count("scikit-image") == 1
    assert [row["ssim"] for row in rows_of(result)] == [None, None]


def test_a_failed_combination_is_a_row_and_the_rest_is_kept(run, photo, tmp_path, monkeypatch):
    working = comparison.quantize

    def broken(rgb, options, **rest):
        if options.method == "em":
            raise EngineError("it gave up: take fewer colours")
        return working(rgb, options, **rest)

    monkeypatch.setattr(comparison, "quantize", broken)
    table = tmp_path / "cells.csv"
    result = run("compare", photo, "-k", 4, "--json", "--csv", table, "-o", tmp_path / "out")
    assert result.exit_code == 1
    good, bad = rows_of(result)
    assert (good["error"], bad["error"], bad["mse"]) == (None, "it gave up: take fewer colours", None)
    assert re.search(r"Error: .*photo\.png, em4-numpy-rgb-diagonal: it gave up", result.stderr)
    assert "Traceback" not in result.stderr
    assert len(table.read_text().splitlines()) == 3
    assert names_in(tmp_path / "out") == ["photo-compare.png", "photo-kmeans4-numpy-rgb.png"]
    assert "Traceback" in run("compare", photo, "-k", 4, "-v").stderr


def test_a_bad_image_does_not_end_the_run(run, photo, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    result = run("compare", tmp_path / "bad.png", photo, "-k", 4, "--method", "kmeans", "--json")
    assert result.exit_code == 1
    bad, good = rows_of(result)
    assert set(bad) == {"input", "error"}
    assert good["cell"] == "kmeans4-numpy-rgb"
    assert "Error: " in result.stderr


def test_ctrl_c_keeps_what_was_finished(photo, china, tmp_path):
    Image.fromarray(china).save(tmp_path / "china.png")
    words = ["-k", "16", "--method", "em", "--engine", "numpy,opencv", "--csv", "cells.csv", "--html", "page.html"]
    running = subprocess.Popen(
        [sys.executable, "-m", "colorquant", "compare", str(photo), "china.png", *words, "-o", "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert running.stdout.readline().startswith(str(photo)), "the first image is done; the second takes a minute"
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=100)
    assert running.returncode == 130
    assert re.search(r"china\.png: not run: .*em16-opencv-rgb-diagonal", stderr)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "cells.csv").read_text())))
    assert [row["cell"] for row in rows][:2] == ["em16-numpy-rgb-diagonal", "em16-opencv-rgb-diagonal"]
    assert "em16-opencv-rgb-diagonal" not in [row["cell"] for row in rows[2:]]
    assert (tmp_path / "page.html").read_text().startswith("<!")
    assert {"photo-compare.png", "photo-em16-opencv-rgb-diagonal.png"} <= set(names_in(tmp_path / "out"))


def test_several_images_have_a_summary(run, photo, thumbnail, tmp_path):
    Image.fromarray(255 - thumbnail).save(tmp_path / "other.png")
    words = (photo, tmp_path / "other.png", "-k", "4,8", "--method", "kmeans", "--engine", "numpy,pillow-median")
    files = ("--summary", tmp_path / "s.tex", "--markdown", tmp_path / "c.md", "--html", tmp_path / "c.html")
    figure = ("--figure", tmp_path / "rate.png", "--figure-kind", "rate", "--figure-title", "none")
    result = run("compare", *words, *files, *figure)
    assert result.exit_code == 0, result.output
    head, table = result.stdout.split("\n2 images\n")
    assert head.count("PSNR dB") == 2
    assert " ± " in table
    assert table.splitlines()[-1].startswith("Mean ± standard deviation over the images. Wins: ")
    assert (tmp_path / "s.tex").read_text().startswith("\\begin{tabular}")
    assert "## 2 images" in (tmp_path / "c.md").read_text()
    assert "All images</h2>" in (tmp_path / "c.html").read_text()
    with Image.open(tmp_path / "rate.png") as drawn:
        assert drawn.size == (1200, 750)
    rows = rows_of(run("compare", *words, "--json"))
    cells, summaries = rows[:8], rows[8:]
    assert [row["cell"] for row in summaries] == [row["cell"] for row in cells[:4]]
    for row in summaries:
        errors = [cell["mse"] for cell in cells if cell["cell"] == row["cell"]]
        assert row["statistics"]["mse"]["mean"] == pytest.approx(np.mean(errors))
        assert row["images"] == 2


def test_one_image_needs_no_summary_but_may_have_its_file(run, photo, tmp_path):
    result = run("compare", photo, "-k", 4, "--method", "kmeans", "--summary", tmp_path / "s.csv")
    assert "1 image" not in result.stdout
    (row,) = csv.DictReader(io.StringIO((tmp_path / "s.csv").read_text()))
    assert (row["images"], row["mse_std"]) == ("1", "")


def test_folders_and_jobs(run, photo, thumbnail, tmp_path):
    (tmp_path / "sub").mkdir()
    Image.fromarray(thumbnail[::-1]).save(tmp_path / "sub" / "other.png")
    words = (tmp_path, "-k", 4, "--method", "kmeans", "--json")
    flat, deep = (rows_of(run("compare", *words, *more)) for more in ((), ("-r", "-j", 2)))
    deep = deep[:-1]  # without the summary
    assert [row["input"] for row in flat] == [str(photo)]
    assert [row["input"] for row in deep] == [str(photo), str(tmp_path / "sub" / "other.png")]
    assert [row["mse"] for row in deep] == pytest.approx([flat[0]["mse"]] * 2)


def test_what_was_written_is_no_input_later(run, photo, tmp_path):
    run("compare", photo, "-k", 4, "--engine", "numpy,pillow-octree", "-o", tmp_path)
    rows = rows_of(run("compare", tmp_path, "-k", 3, "--method", "kmeans", "--json"))
    assert [row["input"] for row in rows] == [str(photo)]


def test_a_truth_must_have_the_size_of_its_image(run, photo, tmp_path):
    truth = tmp_path / "photo-truth.png"
    Image.fromarray(random_picture(1, 54, 80, 3)[:, :, 0]).save(truth)
    result = run("compare", photo, "-k", 4, "--json", "--truth", tmp_path / "{stem}-truth.png")
    assert result.exit_code == 0, result.output
    assert all(abs(row["truth_ari"]) < 0.05 and 0 < row["truth_mean_iou"] < 1 for row in rows_of(result))
    assert "ARI to truth" in run("compare", photo, "-k", 4, "--truth", truth).stdout
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(truth)
    result = run("compare", photo, "-k", 4, "--truth", truth)
    assert result.exit_code == 1
    assert "6 × 5" in result.stderr
    assert "80 × 54" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_seeds_tell_their_spread(run, photo, tmp_path):
    words = ("-k", 8, "--method", "em", "--max-iter", 2, "--seeds", 3)
    (row,) = rows_of(run("compare", photo, *words, "--json"))
    assert (row["seeds"], row["seed"]) == (3, 0)
    assert row["mse_min"] <= row["mse_mean"] <= row["mse_max"]
    assert row["log_likelihood_std"] > 0
    assert 0 < row["seeds_ari"] < 1
    table = tmp_path / "seeds.csv"
    result = run("compare", photo, *words, "--csv", table)
    assert "ARI of seeds" in result.stdout
    assert " ± " in result.stdout
    lines = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [line["seed"] for line in lines] == ["0", "1", "2"]
    assert np.mean([float(line["psnr"]) for line in lines]) == pytest.approx(row["statistics"]["psnr"]["mean"])
    assert len({line["mse_mean"] for line in lines}) == 1


def test_standard_input(run, photo):
    result = run("compare", "-", "-k", 4, "--method", "kmeans", "--json", input=photo.read_bytes())
    assert [row["input"] for row in rows_of(result)] == ["-"]
    result = run("compare", "-", "-k", 4, "--method", "kmeans", input=photo.read_bytes())
    assert "standard input: 80 × 54" in result.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["-k", "0"], "-k 0"),
        (["-k", "4,x"], "'x' is not a valid integer"),
        (["-k", ""], "has an empty entry"),
        (["-k", "4,x"], "not a valid integer"),
        (["--method", "kmeans,bad"], "'bad' is not one of"),
        (["--method", "quantizer"], "'quantizer' is not one of"),
        (["--method", "kmeans", "--covariance", "full"], "--covariance"),
        (["--engine", "pillow-median", "--space", "lab"], "no combination is left"),
        (["--engine", "pillow-median", "--seeds", "3"], "--seeds"),
        (["--seeds", "0"], "--seeds"),
        (["-o", ""], "-o has an empty name"),
        (["-o", "new.png"], "name a folder"),
        (["-o", "-"], "-o - is not a folder: name a folder"),
        (["-o", "{stem}"], "-o {stem}: unknown field {stem}, this name takes none"),
        (["--figure", "{stme}.svg"], "--figure {stme}.svg: unknown field {stme}, known is {stem}"),
        (["--truth", "{stme}.png"], "--truth {stme}.png: unknown field {stme}, known is {stem}"),
        (["--csv", "{stem}.csv"], "--csv {stem}.csv: unknown field {stem}, this name takes none"),
        (["--csv", "-"], "--csv - is not a file"),
        (["--csv", "."], "--csv . is a folder: name a file"),
        (["--csv", ""], "--csv has an empty name"),
        (["--summary", "s.txt"], "--summary s.txt: unknown ending"),
        (["--figure-title", "x"], "--figure-title describes a figure"),
        (["--truth", ""], "--truth has an empty name"),
        (["--max-iter", "0"], "--max-iter 0"),
        (["--method", "em", "--init", "pp"], "no combination is left"),
    ],
)
def test_wrong_usage(run, photo, args, said):
    result = run("compare", photo, *args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_one_figure_for_several_images_points_to_the_kind_that_shows_them_all(run, photo, thumbnail, tmp_path):
    Image.fromarray(thumbnail).save(tmp_path / "other.png")
    result = run("compare", photo, tmp_path / "other.png", "-k", 4, "--figure", "f.png")
    assert result.exit_code == 2
    assert "put {stem} into it, or draw all images with --figure-kind rate" in result.stderr.replace("\n", " ")


def test_results_never_clash(run, photo, thumbnail, tmp_path):
    (tmp_path / "sub").mkdir()
    Image.fromarray(thumbnail).save(tmp_path / "sub" / "photo.png")
    result = run("compare", photo, tmp_path / "sub" / "photo.png", "-k", 4, "-o", tmp_path / "out")
    assert (result.exit_code, "would both write" in result.stderr) == (2, True)
    result = run("compare", photo, "-k", 4, "--csv", photo, "-f")
    assert (result.exit_code, "is an input, too" in result.stderr) == (2, True)
    result = run("compare", photo, tmp_path / "sub" / "photo.png", "-k", 4, "--truth", "labels.png")
    assert (result.exit_code, "{stem}" in result.stderr) == (2, True)


def test_a_result_that_cannot_be_written_is_an_error(run, photo, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("compare", photo, "-k", 4, "--method", "kmeans", "-o", tmp_path / "file" / "out")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
    result = run("compare", photo, "-k", 4, "--method", "kmeans", "--csv", tmp_path)
    assert (result.exit_code, "is a folder" in result.stderr) == (2, True)
