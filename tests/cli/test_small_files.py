"""``--optimize`` and ``--skip-if-larger``."""

import importlib.util
import io
import json

import numpy as np
import pytest
from PIL import Image
from support.builders import chunks_of
from support.pictures import random_picture

import colorquant as cq
from colorquant.images import read_image


@pytest.fixture
def smooth(tmp_path):
    """A photo-like picture with a comment, as a PNG that Pillow has hardly compressed."""
    y, x = np.mgrid[:90, :120]
    waves = [np.sin(x / 17 + y / 31), np.cos(x / 41), np.sin(y / 13 - x / 57)]
    rgb = (127 + 100 * np.dstack(waves)).astype(np.uint8)
    path = tmp_path / "smooth.png"
    Image.fromarray(rgb).save(path, compress_level=1, dpi=(300, 300))
    return path


@pytest.fixture
def tiny(tmp_path):
    """A picture of two colours, in a file that no PNG of ours undercuts."""
    path = tmp_path / "tiny.png"
    Image.fromarray(np.zeros((2, 2), np.bool_)).save(path, optimize=True)
    return path


def record_of(result):
    return json.loads(result.stdout.splitlines()[0])


@pytest.mark.parametrize("options", [[], ["--space", "ycrcb"], ["--space", "gray"], ["-k", 300], ["-k", 40]])
def test_optimizing_changes_no_pixel_and_makes_the_file_smaller(run, smooth, tmp_path, options):
    plain, small = tmp_path / "plain.png", tmp_path / "small.png"
    assert run("kmeans", smooth, *options, "-o", plain).exit_code == 0
    result = run("kmeans", smooth, *options, "-o", small, "--optimize", "--json", "--keep-metadata")
    assert result.exit_code == 0, result.output
    assert small.stat().st_size < plain.stat().st_size
    assert record_of(result)["bytes_out"] == small.stat().st_size
    assert np.array_equal(read_image(small).rgb, read_image(plain).rgb)


def test_optimizing_keeps_alpha_density_and_metadata(run, tmp_path):
    rgba = np.dstack([random_picture(1, 30, 40), np.full((30, 40), 255, np.uint8)])
    rgba[:9, :, 3], rgba[9:15, :, 3] = 0, 100
    source, plain, small = (tmp_path / name for name in ("in.png", "plain.png", "small.png"))
    exif = Image.Exif()
    exif[0x010E] = "a description"
    Image.fromarray(rgba).save(source, dpi=(300, 300), exif=exif)
    for path, more in ((plain, []), (small, ["--optimize"])):
        assert run("em", source, "-k", 20, "--keep-metadata", "-o", path, *more).exit_code == 0
    first, second = read_image(plain), read_image(small)
    assert np.array_equal(first.alpha, second.alpha)
    assert np.array_equal(first.rgb[first.alpha > 0], second.rgb[first.alpha > 0])
    assert (first.density, first.metadata) == (second.density, second.metadata)
    assert {b"sRGB", b"pHYs", b"eXIf"} <= {name for name, _ in chunks_of(small.read_bytes())}


def test_labels_do_not_depend_on_the_order_in_the_optimized_file(run, smooth, tmp_path):
    for name, more in (("plain", []), ("small", ["--optimize"])):
        words = ("kmeans", smooth, "-k", 40, "-o", tmp_path / f"{name}.png", "--labels", "npy", *more)
        assert run(*words).exit_code == 0
    assert (tmp_path / "plain-labels.npy").read_bytes() == (tmp_path / "small-labels.npy").read_bytes()


def test_without_its_package_optimizing_is_refused_before_any_work(run, smooth, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "colorquant.images.optimizing.find_spec", lambda name: None if name == "oxipng" else found(name)
    )
    result = run("kmeans", smooth, "no-such-file.png", "--optimize")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].endswith("is not installed: pip install 'colorquant[optimize]'")
    with pytest.raises(cq.OptionError, match="pip install"):
        cq.quantize(smooth, k=3).save(smooth.with_name("x.png"), optimize=True)


def test_the_api_saves_optimized(smooth, tmp_path):
    picture = cq.quantize(smooth, k=40)
    picture.save(tmp_path / "plain.png")
    picture.save(tmp_path / "small.png", optimize=True)
    assert (tmp_path / "small.png").stat().st_size < (tmp_path / "plain.png").stat().st_size
    assert np.array_equal(read_image(tmp_path / "small.png").rgb, picture.rgb)


def test_a_picture_that_is_not_smaller_is_not_written(run, smooth, tiny, tmp_path):
    out, report = tmp_path / "out", tmp_path / "run.jsonl"
    words = ("kmeans", smooth, tiny, "-k", 4, "-o", out, "--labels", "png", "--skip-if-larger")
    result = run(*words, "--report", report)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == ["smooth-kmeans4-labels.png", "smooth-kmeans4.png"]
    assert "tiny.png: kept, would not be smaller: " in result.stderr
    assert "1 written, 1 larger, 0 skipped, 0 failed" in result.stderr
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert [row["status"] for row in rows] == ["written", "larger"]
    assert rows[1]["bytes_out"] >= rows[1]["bytes_in"] == tiny.stat().st_size
    again = run(*words, "--skip-existing", "--json")
    assert [json.loads(line)["status"] for line in again.stdout.splitlines()] == ["skipped", "larger"]


def test_a_file_of_the_same_size_is_not_smaller(run, smooth, tmp_path):
    first = tmp_path / "first.png"
    assert run("kmeans", smooth, "-k", 5, "-o", first).exit_code == 0
    result = run("kmeans", first, "-k", 5, "-o", tmp_path / "second.png", "--skip-if-larger", "--json")
    row = record_of(result)
    assert (row["status"], row["bytes_out"]) == ("larger", first.stat().st_size)
    assert not (tmp_path / "second.png").exists()


def test_in_place_leaves_a_smaller_file_alone(run, tiny):
    before = tiny.read_bytes(), tiny.stat().st_mtime_ns, tiny.stat().st_ino
    assert run("kmeans", tiny, "-k", 4, "--in-place", "--skip-if-larger").exit_code == 0
    assert (tiny.read_bytes(), tiny.stat().st_mtime_ns, tiny.stat().st_ino) == before


def test_a_pipe_gets_the_smaller_file(run, smooth, tiny):
    passed = run("kmeans", tiny, "-k", 4, "-o", "-", "--skip-if-larger")
    assert passed.stdout_bytes == tiny.read_bytes()
    from_pipe = run("kmeans", "-", "-k", 4, "--skip-if-larger", input=tiny.read_bytes())
    assert from_pipe.stdout_bytes == tiny.read_bytes()
    quantized = run("kmeans", smooth, "-k", 4, "-o", "-", "--skip-if-larger")
    assert Image.open(io.BytesIO(quantized.stdout_bytes)).mode == "P"


def test_an_older_output_stays(run, tiny, tmp_path):
    out = tmp_path / "out.png"
    out.write_bytes(b"an older file")
    assert run("kmeans", tiny, "-k", 4, "-o", out, "--force", "--skip-if-larger").exit_code == 0
    assert out.read_bytes() == b"an older file"


def test_the_command_that_is_shown_repeats_both(run, smooth, tmp_path):
    result = run("kmeans", smooth, "-o", tmp_path / "x.png", "--optimize", "--skip-if-larger", "-v")
    assert " --optimize --skip-if-larger -o " in result.stderr


def test_apply_can_do_both(run, smooth, tiny, tmp_path):
    out = tmp_path / "out"
    words = ("apply", smooth, tiny, "--palette", "web216", "-o", out, "--optimize", "--skip-if-larger", "--json", "-v")
    result = run(*words)
    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == ["written", "larger"]
    assert " --optimize --skip-if-larger -o " in result.stderr
    assert sorted(path.name for path in out.iterdir()) == ["smooth-apply.png"]


def test_compare_measures_the_optimized_files(run, smooth, tmp_path):
    words = ("compare", smooth, "-k", "40", "--method", "kmeans", "--engine", "numpy,pillow-median", "--json")
    plain = [json.loads(line) for line in run(*words).stdout.splitlines()]
    html = tmp_path / "page.html"
    result = run(*words, "--optimize", "-o", tmp_path / "out", "--html", html)
    small = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(plain) == len(small) == 2
    for before, after in zip(plain, small, strict=True):
        assert after["bytes"] < before["bytes"]
        assert after["mse"] == before["mse"]
    assert {path.stat().st_size for path in (tmp_path / "out").glob("smooth-*40-*.png")} == {r["bytes"] for r in small}
    assert " --optimize " in html.read_text()
