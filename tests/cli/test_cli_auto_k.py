"""``kmeans`` and ``em`` with ``-k auto``: names, records, and what is refused."""

import json
import shlex

import numpy as np
import pytest
from PIL import Image


def test_names_say_auto_and_the_record_the_number(run, photo):
    result = run("kmeans", photo, "-k", "auto", "--target", "psnr:25", "--json", "-v")
    row = json.loads(result.stdout)
    assert row["output"] == str(photo.with_name(f"{photo.stem}-kmeansauto.png"))
    auto = row["auto"]
    assert (auto["criterion"], auto["target"], auto["reached"]) == ("psnr", 25.0, True)
    values = {point["k"]: point["value"] for point in auto["curve"]}
    assert values[row["k"]] == row["psnr"] >= 25 > values[row["k"] - 1]
    assert len(row["palette"]) == row["k"]
    assert f"k = {row['k']} by psnr:25, after trying" in result.stderr


def test_the_command_repeats_the_choice(run, photo, tmp_path):
    words = ["-k", "auto", "--target", "size:1k", "--max-k", 40, "--best-effort"]
    result = run("kmeans", photo, *words, "-v", "-o", tmp_path / "one.png")
    command = next(line for line in result.stderr.splitlines() if line.startswith("  colorquant"))
    again = shlex.split(command)[1:-1]
    assert again[2:] == ["-k", "auto", "--target", "size:1000", "--max-k", "40", "--best-effort", "-o"]
    run(*again, tmp_path / "two.png")
    assert (tmp_path / "two.png").read_bytes() == (tmp_path / "one.png").read_bytes()


def test_an_earlier_output_is_passed_over_and_skipped(run, photo):
    words = ("kmeans", photo.parent, "-k", "auto", "--target", "psnr:22")
    run(*words)
    result = run(*words, "--skip-existing")
    assert "1 skipped" in result.stderr
    assert "1 passed over" in result.stderr


def test_masks_are_numbered_to_the_width_of_the_most_colours(run, photo, tmp_path):
    words = ("kmeans", photo, "-k", "auto", "--target", "psnr:20", "--max-k", 200, "--masks", tmp_path / "m")
    planned = run(*words, "--dry-run")
    assert f"{photo.stem}-kmeansauto-mask-000.png … {photo.stem}-kmeansauto-mask-199.png" in planned.stdout
    row = json.loads(run(*words, "--json").stdout)
    assert len(list((tmp_path / "m").iterdir())) == row["k"]
    assert (tmp_path / "m" / f"{photo.stem}-kmeansauto-mask-{row['k'] - 1:03d}.png").exists()


def test_an_input_that_misses_the_target_fails_alone(run, photo, tmp_path):
    flat = tmp_path / "flat.png"
    Image.new("RGB", (9, 9), "red").save(flat)
    words = ("kmeans", photo, flat, "-k", "auto", "--target", "psnr:50", "--max-k", 8, "-o", tmp_path / "out")
    result = run(*words)
    assert result.exit_code == 1
    assert "psnr:50 is not reached with 2 to 8 colours: the nearest is" in result.stderr
    assert "1 written, 0 skipped, 1 failed" in result.stderr
    best = run(*words, "--best-effort", "-f", "--json")
    rows = [json.loads(line) for line in best.stdout.splitlines()]
    assert [row["auto"]["reached"] for row in rows] == [False, True]
    assert "psnr:50 is not reached" in rows[0]["warnings"][0]


@pytest.mark.parametrize("target", ["psnr:28", "de:5"])
def test_the_target_is_measured_on_what_is_written(run, photo, tmp_path, target):
    """Dithered, and over RGBA, where the measures are means over backgrounds."""
    with Image.open(photo) as image:
        picture = image.convert("RGB")
    width, height = picture.size
    alpha = np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))
    picture.putalpha(Image.fromarray(alpha))
    soft = tmp_path / "soft.png"
    picture.save(soft)
    for name, words in ((photo, ("--dither", "floyd-steinberg")), (soft, ())):
        row = json.loads(run("kmeans", name, "-k", "auto", "--target", target, "--json", *words).stdout)
        values = {point["k"]: point["value"] for point in row["auto"]["curve"]}
        k, number = row["k"], row["auto"]["target"]
        if target.startswith("psnr"):
            assert values[k] == row["psnr"] >= number > values[k - 1]
        else:
            assert values[k] <= number < values[k - 1]


def test_the_size_is_that_of_the_optimized_file(run, photo, tmp_path):
    pytest.importorskip("oxipng", reason="needs pyoxipng: the extra optimize")
    out = tmp_path / "out.png"
    words = ("-k", "auto", "--target", "size:1500", "--optimize", "-o", out, "--json")
    row = json.loads(run("kmeans", photo, *words).stdout)
    values = {point["k"]: point["value"] for point in row["auto"]["curve"]}
    assert values[row["k"]] == out.stat().st_size <= 1500 < values[row["k"] + 1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("kmeans", "-k", 4, "--target", "psnr:30"), "--target chooses the number of colours: add -k auto"),
        (("em", "--max-k", 9), "--max-k chooses the number of colours: add -k auto"),
        (("kmeans", "-k", "auto", "--max-k", "8", "--lock", "pico8"), "raise -k (--max-k with -k auto)"),
        (("kmeans", "--best-effort"), "--best-effort chooses the number of colours: add -k auto"),
        (("kmeans", "-k", "auto", "--target", "psnr:30", "--target", "de:2"), "give one target"),
        (("kmeans", "-k", "auto", "--target", "aic"), "--target aic is not for kmeans"),
        (("kmeans", "-k", "auto", "--min-k", 20, "--max-k", 10), "--min-k 20 is more than --max-k 10"),
        (("compare", "-k", "4,auto"), "compare takes numbers of colours"),
        (("timing", "-k", "auto"), "timing takes numbers of colours"),
    ],
)
def test_what_contradicts_itself_is_refused_in_one_line(run, photo, words, message):
    command, *rest = words
    result = run(command, photo, *rest)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "Traceback" not in result.stderr
