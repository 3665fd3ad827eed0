"""``kmeans`` and ``em`` from the command line: what is written, what is said, and what is refused."""

import csv
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.pictures import method_names, random_picture

from colorquant.images import read_image

KEYS = [
    *(
        "input",
        "output",
        "status",
        "command",
        "engine",
        "space",
        "alpha",
        "k",
        "colors_in",
        "colors_out",
        "width",
        "height",
    ),
    *(
        "alpha",
        "n_iter",
        "converged",
        "searched",
        "mse",
        "psnr",
        "palette",
        "seconds",
        "bytes_in",
        "bytes_out",
        "seed",
        "notes",
        "warnings",
    ),
]


def colors_of(path: Path) -> list[list[int]]:
    return np.unique(read_image(path).rgb.reshape(-1, 3), axis=0).tolist()


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode_of(path: Path) -> str:
    with Image.open(path) as image:
        return image.mode


@method_names
def test_the_default_output_stands_beside_the_input(run, photo, method):
    result = run(method, photo, "-k", 4)
    assert result.exit_code == 0, result.output
    output = photo.with_name(f"photo-{method}4.png")
    assert len(colors_of(output)) == 4
    assert str(output) in result.stderr
    assert "4 colours" in result.stderr
    assert result.stdout == ""


@method_names
def test_json_says_what_was_done(run, photo, method):
    result = run(method, photo, "-k", 5, "--json", "-q", "--seed", 3)
    row = json.loads(result.stdout)
    objective = ["inertia"] if method == "kmeans" else ["log_likelihood", "bic"]
    assert set(row) == {*KEYS, *objective, "untouched"}
    assert list(row["seconds"]) == ["read", "count", "fit", "paint", "write"]
    assert (row["command"], row["k"], row["seed"], row["input"]) == (method, 5, 3, str(photo))
    output = Path(row["output"])
    assert row["bytes_out"] == output.stat().st_size
    assert row["bytes_in"] == photo.stat().st_size
    assert sorted(color for color, _ in row["palette"]) == ["#" + bytes(color).hex() for color in colors_of(output)]
    before, after = read_image(photo).rgb.astype(int), read_image(output).rgb.astype(int)
    assert row["mse"] == pytest.approx(((before - after) ** 2).sum(axis=2).mean())
    assert sum(pixels for _, pixels in row["palette"]) == row["width"] * row["height"] == before[:, :, 0].size
    assert result.stderr == ""


@method_names
def test_a_short_line_a_file_and_the_fit_under_verbose(run, photo, method):
    result = run(method, photo, "-k", 5, "--json", "-v")
    (row,), lines = map(json.loads, result.stdout.splitlines()), result.stderr.splitlines()
    assert f"{photo.stem}-{method}5.png: 3,421 → 5 colours · {row['psnr']:.2f} dB · " in lines[0]
    objective = f"log-likelihood {row['log_likelihood']:.4f} per pixel" if method == "em" else "inertia "
    assert lines[1].startswith(f"  {objective}")
    assert f"{row['n_iter']} iteration" in lines[1]
    assert lines[2].startswith("  read 0.")
    words = ("-k", "5", "-o", str(photo.with_name(f"{photo.stem}-{method}5.png")))
    assert lines[-1] == f"  {shlex.join(['colorquant', method, str(photo), *words])}"
    colors = " ".join(lines[3:-1]).split()
    assert colors[::3] == [color for color, _ in row["palette"]]
    shares = [float(share) for share in colors[1::3]]
    assert shares == [round(100 * pixels / 4320, 1) for _, pixels in row["palette"]]
    assert run(method, photo, "-k", 5, "-f").stderr.splitlines() == lines[:1]


def test_the_command_of_verbose_can_be_pasted(run, photo, tmp_path):
    odd = photo.rename(tmp_path / "it's $HOME.png")
    outputs = ("-o", tmp_path / "a b.png", "--labels", "npy", "--palette-out", tmp_path / "p.gpl", "--paint", "mean")
    first = run("em", odd, "-k", 3, "--space", "ycrcb", "--max-iter", 5, "--init", "random", *outputs, "-v")
    assert first.exit_code == 0, first.stderr
    command = first.stderr.splitlines()[-1].strip()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    script = f"{shlex.quote(sys.executable)} -m {command} -f"
    again = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert len(before) == 4
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_empty_components_are_said(run, tmp_path):
    """32 Gaussians from random colours for sixty gray levels: some end without a pixel."""
    path = tmp_path / "shades.png"
    levels = np.repeat(np.arange(100, 160, dtype=np.uint8), 10).reshape(20, 30)
    Image.fromarray(levels).save(path)
    result = run("em", path, "-k", 32, "--covariance", "full", "--init", "random", "--json")
    (row,) = map(json.loads, result.stdout.splitlines())
    empty = 32 - len(row["palette"])
    assert empty > 1
    assert row["warnings"] == [f"{empty} of 32 components are empty: no pixel belongs to them"]
    assert f"  note: {row['warnings'][0]}" in result.stderr
    assert "note" not in run("kmeans", path, "-k", 32).stderr


def test_a_picture_with_few_colours_is_untouched(run, tmp_path):
    rgb = random_picture(1, levels=2)
    path = tmp_path / "few.png"
    Image.fromarray(rgb).save(path)
    result = run("kmeans", path, "-k", 8, "--json")
    row = json.loads(result.stdout)
    assert row["untouched"]
    assert row["mse"] == 0
    assert row["psnr"] is None
    assert "few-kmeans8.png: 8 colours, all kept · " in result.stderr
    assert np.array_equal(read_image(Path(row["output"])).rgb, rgb)


def test_labels_and_palettes_agree_with_the_picture(run, photo, tmp_path):
    out = tmp_path / "out"
    assert run("kmeans", photo, "-k", 6, "-o", out, "--labels", "npy", "--palette-out", out / "p.json").exit_code == 0
    assert (
        run("kmeans", photo, "-k", 6, "-o", out, "--labels", "png", "-f", "--palette-out", out / "p.csv").exit_code == 0
    )
    labels = np.load(out / "photo-kmeans6-labels.npy")
    rows = json.loads((out / "p.json").read_text())
    palette = np.array([row["color"] for row in rows], np.uint8)
    assert np.array_equal(palette[labels], read_image(out / "photo-kmeans6.png").rgb)
    assert np.array_equal(pixels_of(out / "photo-kmeans6-labels.png"), labels)
    table = csv.DictReader((out / "p.csv").read_text().splitlines())
    assert [int(row["pixels"]) for row in table] == [row["pixels"] for row in rows]
    assert sum(row["share"] for row in rows) == pytest.approx(1)


def test_palette_files_are_what_their_programs_read(run, photo, tmp_path):
    for ending in ("gpl", "hex"):
        run("kmeans", photo, "-k", 3, "-f", "--palette-out", tmp_path / f"p.{ending}")
    lines = (tmp_path / "p.gpl").read_text().splitlines()
    assert lines[0] == "GIMP Palette"
    colors = (tmp_path / "p.hex").read_text().split()
    assert [line.split("\t")[1] for line in lines[4:]] == ["#" + color for color in colors]
    assert [bytes(int(level) for level in line.split("\t")[0].split()).hex() for line in lines[4:]] == colors


def test_gray_and_kept_luma(run, photo, tmp_path):
    assert run("kmeans", photo, "-k", 200, "--space", "gray", "-o", tmp_path / "gray.png").exit_code == 0
    assert mode_of(tmp_path / "gray.png") == "L"
    result = run("em", photo, "-k", 3, "--space", "ycrcb", "-o", tmp_path / "chroma.png", "--json")
    assert mode_of(tmp_path / "chroma.png") == "RGB"
    row = json.loads(result.stdout)
    assert row["colors_out"] == len(colors_of(tmp_path / "chroma.png")) > 3
    assert len(row["palette"]) == 3


def test_transparency_comes_back(run, tmp_path):
    rgba = np.dstack([random_picture(2, 40, 40), random_picture(3, 40, 40, 2)[:, :, 0] * 255])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert run("kmeans", tmp_path / "a.png", "-k", 9, "--labels", "npy").exit_code == 0
    picture = read_image(tmp_path / "a-kmeans9.png")
    assert np.array_equal(picture.alpha, rgba[:, :, 3])
    assert mode_of(tmp_path / "a-kmeans9.png") == "P"
    assert np.array_equal(np.load(tmp_path / "a-kmeans9-labels.npy") == -1, rgba[:, :, 3] == 0)


def test_a_folder_goes_on_after_bad_files(run, tmp_path):
    for name in ("a", "c"):
        Image.fromarray(random_picture(4)).save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_text("no picture")
    result = run("kmeans", tmp_path, "-o", tmp_path / "out", "--json", "-j", 2)
    assert result.exit_code == 1
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(row["input"]).name for row in rows] == ["a.png", "b.png", "c.png"]
    assert set(rows[1]) == {"input", "status", "error"}
    assert names_in(tmp_path / "out") == ["a-kmeans16.png", "c-kmeans16.png"]
    assert "2 written, 0 skipped, 1 failed" in result.stderr
    assert result.stderr.splitlines()[-1].startswith(f"Error: {tmp_path / 'b.png'}: not an image")
    assert "Traceback" not in result.stderr
    assert "Traceback" in run("kmeans", tmp_path, "-o", tmp_path / "out", "-f", "-v").stderr


def test_jobs_do_not_change_a_byte(run, tmp_path):
    for number in range(6):
        Image.fromarray(random_picture(number, 30, 40, 64)).save(tmp_path / f"{number}.png")
    for jobs in (1, 4):
        assert run("kmeans", tmp_path, "-k", 20, "-o", tmp_path / f"out{jobs}", "-j", jobs).exit_code == 0
    for path in (tmp_path / "out1").iterdir():
        assert path.read_bytes() == (tmp_path / "out4" / path.name).read_bytes()


def test_an_existing_file_stays(run, photo):
    output = photo.with_name("photo-kmeans16.png")
    output.write_bytes(b"mine")
    result = run("kmeans", photo)
    assert result.exit_code == 1
    assert "--force" in result.stderr
    assert output.read_bytes() == b"mine"
    assert run("kmeans", photo, "--force").exit_code == 0
    assert output.read_bytes() != b"mine"


USAGE = {
    "k 0": (["-k", 0], "-k 0 is out of range"),
    "k above": (["-k", 65537], "-k 65537 is out of range"),
    "k word": (["-k", "many"], "not a valid integer"),
    "space": (["--space", "cmyk"], "cmyk"),
    "engine": (["--engine", "tensorflow"], "tensorflow"),
    "keep luma": (["--keep-luma"], "--keep-luma cannot be used with --space rgb"),
    "keep luma gray": (["--space", "gray", "--keep-luma"], "--space gray"),
    "palette": (["--palette-out", "p.doc"], "--palette-out p.doc: unknown ending"),
    "tol": (["--tol", -1], "--tol -1 is out of range"),
    "tol huge": (["--tol", 1e300], "--tol 1e+300 is out of range"),
    "tol nan": (["--tol", "nan"], "--tol nan is out of range"),
    "iterations": (["--max-iter", 0], "--max-iter 0"),
    "seed": (["--seed", -1], "--seed -1"),
    "attempts": (["--attempts", 0], "--attempts 0"),
    "stdout json": (["-o", "-", "--json"], "standard output"),
}
EM_USAGE = {
    "tied": (["--engine", "opencv", "--covariance", "tied"], "--covariance tied cannot be honoured by --engine opencv"),
    "identity": (["--engine", "sklearn", "--covariance", "identity"], "--engine sklearn"),
    "reg": (["--engine", "opencv", "--reg-covar", 1], "--reg-covar 1 cannot be honoured by --engine opencv"),
    "random": (["--engine", "opencv", "--init", "random"], "--init random cannot be honoured by --engine opencv"),
    "attempts": (["--engine", "opencv", "--attempts", 3], "--attempts 3 cannot be honoured by --engine opencv"),
    "reg 0": (["--reg-covar", 0], "--reg-covar 0 is out of range"),
    "both": (["--covariance", "identity", "--standardize"], "leave one out"),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage_exits_2_with_a_reason(run, photo, case):
    args, words = USAGE[case]
    result = run("kmeans", photo, *args)
    assert result.exit_code == 2
    assert words in result.stderr
    assert names_in(photo.parent) == ["photo.png"]


@pytest.mark.parametrize("case", EM_USAGE)
def test_what_an_engine_cannot_honour_is_wrong_usage(run, photo, case):
    args, words = EM_USAGE[case]
    result = run("em", photo, *args)
    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"", "empty"), (b"GIF89a", "not an image"), (b"text", "not an image")],
)
def test_bad_input_is_one_line_and_exit_1(run, tmp_path, content, words):
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    result = run("kmeans", path)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {path}: ")
    assert words in line


def test_an_output_folder_that_is_a_file(run, photo, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("kmeans", photo, "-o", tmp_path / "file")
    assert result.exit_code == 1
    assert "cannot be" in result.stderr


def test_engines_report_the_options_that_count(run, photo):
    for engine in ("opencv", "sklearn"):
        row = json.loads(run("kmeans", photo, "-k", 4, "--engine", engine, "-f", "--json").stdout)
        assert row["engine"] == engine
        assert (row["n_iter"] is None) == (engine == "opencv")


def process(*args: object, **extra: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "colorquant", *map(str, args)], capture_output=True, timeout=60, check=False, **extra
    )


@method_names
def test_a_real_process_from_pipe_to_pipe(method, photo):
    done = process(method, "-", "-k", 4, "-o", "-", input=photo.read_bytes())
    assert done.returncode == 0, done.stderr
    assert len(np.unique(read_image(done.stdout).rgb.reshape(-1, 3), axis=0)) == 4
    assert b"Traceback" not in done.stderr


def test_a_name_that_is_not_utf8_survives(tmp_path, photo):
    name = os.fsencode(tmp_path) + b"/caf\xe9\n.png"
    with open(name, "wb") as stream:  # noqa: PTH123  pathlib would do, but the point is the bytes
        stream.write(photo.read_bytes())
    done = process("kmeans", os.fsdecode(name), "--json")
    assert done.returncode == 0, done.stderr
    assert b"caf\\xe9\\n" in done.stderr
    assert os.fsencode(json.loads(done.stdout)["output"]) == os.fsencode(tmp_path) + b"/caf\xe9\n-kmeans16.png"


def test_ctrl_c_exits_130_and_leaves_nothing_half_done(tmp_path):
    for number in range(40):
        Image.fromarray(random_picture(number, 300, 300)).save(tmp_path / f"{number:02}.png")
    command = [sys.executable, "-m", "colorquant", "kmeans", str(tmp_path), "-k", "64", "-o", str(tmp_path / "out")]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    running.stderr.readline()
    running.send_signal(signal.SIGINT)
    rest = running.communicate(timeout=60)[1]
    assert running.returncode == 130, rest
    assert "Traceback" not in rest
    written = sorted((tmp_path / "out").iterdir())
    assert 0 < len(written) < 40
    for path in written:
        assert path.suffix == ".png"
        read_image(path)


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_ctrl_c_does_not_wait_for_opencv(jobs, tmp_path):
    Image.fromarray(random_picture(1, 500, 500)).save(tmp_path / "a.png")
    command = [sys.executable, "-m", "colorquant", "em", str(tmp_path / "a.png"), "-k", "16", "--engine", "opencv"]
    running = subprocess.Popen([*command, "-j", jobs, "--max-iter", "1000"], stderr=subprocess.PIPE, text=True)
    time.sleep(3)  # it fits for minutes
    running.send_signal(signal.SIGINT)
    words = running.communicate(timeout=30)[1]
    assert running.returncode == 130, words
    assert "Traceback" not in words
    assert names_in(tmp_path) == ["a.png"]


def test_help_and_version(run):
    for args in (["-h"], ["kmeans", "--help"], ["em", "-h"], ["compare", "-h"]):
        result = run(*args)
        assert result.exit_code == 0
    assert run("--version").output.startswith("colorquant, version")
    assert run("paint").exit_code == 2


def test_short_help_is_the_first_line_of_the_commands_own(run):
    from colorquant.cli import COMMANDS

    for name, words in COMMANDS.items():
        assert words in run(name, "--help").output


def test_terminal_gets_swatches_and_no_color_is_honoured():
    from rich.console import Console

    from colorquant.report.terminal import swatches

    row = {"palette": [["#ff0000", 5], ["#00ff00", 3]]}
    for no_color, codes in ((False, True), (True, False)):
        stream = io.StringIO()
        console = Console(file=stream, force_terminal=True, color_system="truecolor", no_color=no_color, width=20)
        console.print(swatches(row, 20))
        assert ("48;2;255;0;0" in stream.getvalue()) == codes


def test_unbuffered_output_is_whole_or_an_error(photo, tmp_path):
    script = f"ulimit -f 1; exec {sys.executable} -u -m colorquant kmeans {photo} -k 200 -o - > {tmp_path / 'cut.png'}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "standard output cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["kmeans", "PHOTO", "-o", "-"], ["kmeans", "PHOTO", "--json"]])
def test_a_full_device_is_one_line(words, photo):
    command = [str(photo) if word == "PHOTO" else word for word in words]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "colorquant", *command], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert done.returncode == 1
    assert b"Error: standard output cannot be written" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "2>/dev/full"])
def test_closed_streams_do_not_stop_the_work(closed, photo):
    script = f"exec {sys.executable} -m colorquant kmeans {photo} -k 3 {closed}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert len(colors_of(photo.with_name("photo-kmeans3.png"))) == 3


def test_a_tiny_variance_floor_gives_no_nan(run, photo):
    for extra in ([], ["--covariance", "tied"], ["--space", "gray"]):
        result = run("em", photo, "-k", 5, "--reg-covar", 1e-300, "-f", *extra)
        assert result.exit_code == 0, result.output
