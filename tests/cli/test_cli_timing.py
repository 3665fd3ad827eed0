"""``timing`` from the command line: what is said, what is written, and what is refused. No test looks at a time."""

import csv
import json
import math
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from colorquant.analysis import timing
from colorquant.errors import EngineError
from colorquant.report import timing_records

FAST = ("--repeat", 2, "--warmup", 0)
KEYS = {
    *("input", "scale", "engine", "method", "covariance", "space", "k", "init", "attempts", "max_iter", "tol", "seed"),
    *("stage", "clock", "warmup", "repeat", "pixels", "colors", "median", "iqr", "minimum", "per_megapixel", "ratio"),
    *("counting", "mse", "seconds", "machine"),
}


def rows_of(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def broken(monkeypatch):
    """Engine numpy fails, or raises what the test sets."""
    errors = [EngineError("gave up: take another")]
    whole = timing.STAGES["quantize"]

    def prepare(image, options):
        if options.engine == "numpy":
            raise errors[-1]
        return whole(image, options)

    monkeypatch.setitem(timing.STAGES, "quantize", prepare)
    return errors


def test_the_labs_question_is_the_default(run, photo, monkeypatch):
    monkeypatch.setattr(timing_records, "WORTH_SAYING", math.inf)  # a busy machine may need long for a round
    result = run("timing", photo)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    shared, protocol, machine, _, header, *rows, _, note = result.stdout.splitlines()
    assert shared.startswith(f"{photo}, scale 1, kmeans, k = 2, pixels 4,320, ")
    assert "CPU seconds" in protocol
    assert "at most 10 iterations, tolerance 0.2 levels" in protocol
    assert "OpenCV 4" in machine
    assert header.split()[:2] == ["engine", "space"]
    assert [tuple(row.split()[:2]) for row in rows] == [
        ("opencv", "rgb"),
        ("opencv", "gray"),
        ("numpy", "rgb"),
        ("numpy", "gray"),
    ]
    assert rows[0].split()[-2] == "1.000"
    assert note.startswith("Ratio: ")


def test_json_has_a_row_a_line(run, photo):
    words = ("--method", "kmeans,em", "--engine", "numpy,sklearn", "-k", "2,3,2", "--wall", "--seed", 7)
    rows = rows_of(run("timing", photo, *words, *FAST, "--space", "rgb", "--json", "--max-iter", 3))
    assert [(row["method"], row["k"], row["engine"]) for row in rows] == [
        (method, k, engine) for method in ("kmeans", "em") for k in (2, 3) for engine in ("numpy", "sklearn")
    ]
    for row in rows:
        assert set(row) == KEYS
        assert (row["clock"], row["seed"], row["max_iter"], row["repeat"]) == ("wall", 7, 3, 2)
        assert len(row["seconds"]) == 2
        assert row["minimum"] <= row["median"]
    assert rows[0]["ratio"] == 1


def test_the_mse_is_that_of_the_command(run, photo):
    (row,) = rows_of(run("timing", photo, "--engine", "numpy", "--space", "rgb", "-k", 5, *FAST, "--json"))
    expected = run("kmeans", photo, "-k", 5, "--max-iter", 10, "--tol", 0.2, "--json").stdout
    assert row["mse"] == json.loads(expected)["mse"]


def test_csv_and_markdown_are_written_whole(run, photo, tmp_path):
    table, page = tmp_path / "rows.csv", tmp_path / "new" / "page.md"
    words = ("--engine", "numpy", "--space", "rgb,gray", *FAST, "--csv", table, "--markdown", page)
    assert run("timing", photo, *words).exit_code == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["space"] for row in rows] == ["rgb", "gray"]
    assert set(rows[0]) == KEYS | {"error", "not_run"}
    assert len(rows[0]["seconds"].split()) == 2
    lines = page.read_text().splitlines()
    assert lines[0] == "# Timing"
    assert sum(line.startswith("| numpy ") for line in lines) == 2
    again = run("timing", photo, *words)
    assert again.exit_code == 1
    assert again.stdout == "", "nothing is timed for a file that cannot be written"
    assert "use --force" in again.stderr
    assert run("timing", photo, *words, "-f").exit_code == 0


def test_what_cannot_be_is_left_out_and_named(run, photo, tmp_path):
    words = ("--method", "em", "--engine", "opencv,numpy", "--space", "rgb", "--covariance", "tied", *FAST)
    result = run("timing", photo, *words, "--markdown", tmp_path / "page.md")
    assert result.exit_code == 0
    assert "Left out: em-opencv-rgb-tied: --covariance tied cannot be honoured" in result.stderr
    assert "Left out: em-opencv-rgb-tied" in (tmp_path / "page.md").read_text()
    assert len(result.stdout.splitlines()) == 8
    quiet = run("timing", photo, *words, "-q")
    assert (quiet.stdout, quiet.stderr) == ("", ""), "as in compare"


def test_a_failed_row_says_so_and_the_rest_is_kept(run, photo, broken, tmp_path):
    words = ("--space", "rgb", *FAST, "--csv", tmp_path / "rows.csv", "--markdown", tmp_path / "page.md")
    assert "failed" in run("timing", photo, *words).stdout
    result = run("timing", photo, *words, "-q", "-f")
    assert result.exit_code == 1
    assert result.stderr == f"Error: {photo}: numpy kmeans, rgb, k = 2: gave up: take another\n"
    assert result.stdout == ""
    rows = list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))
    assert [row["error"] for row in rows] == ["", "gave up: take another"]
    assert "Failed: " in (tmp_path / "page.md").read_text()
    assert "Traceback" in run("timing", photo, "--space", "rgb", *FAST, "-v").stderr


def test_a_bad_image_does_not_end_the_run(run, photo, tmp_path):
    (tmp_path / "bad.png").write_text("no picture")
    (tmp_path / "sub").mkdir()
    Image.new("RGB", (9, 9), "red").save(tmp_path / "sub" / "red.png")
    result = run("timing", tmp_path, "-r", "--engine", "numpy", "--space", "rgb", *FAST, "--json")
    assert result.exit_code == 1
    rows = rows_of(result)
    assert [Path(row["input"]).name for row in rows] == ["bad.png", "photo.png", "red.png"]
    assert "not an image" in rows[0]["error"]
    assert [row["mse"] > 0 for row in rows[1:]] == [True, False]
    assert len(result.stderr.splitlines()) == 1


def test_an_image_may_come_through_a_pipe(run, photo):
    result = run("timing", "-", "--engine", "numpy", "--space", "rgb", *FAST, "--json", input=photo.read_bytes())
    assert [row["input"] for row in rows_of(result)] == ["-"]


def test_scales_and_stages(run, photo):
    result = run("timing", photo, "--engine", "numpy", "--space", "gray", *FAST, "--scale", "0.25,1", "--stage", "fit")
    assert "the fit alone" in result.stdout
    assert [line.split()[0] for line in result.stdout.splitlines()[4:7]] == ["scale", "0.25", "1"]


def test_ctrl_c_exits_130(run, photo, broken, tmp_path):
    broken.append(KeyboardInterrupt())
    result = run("timing", photo, *FAST, "--csv", tmp_path / "rows.csv")
    assert result.exit_code == 130
    rows = list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))
    assert [(row["engine"], row["not_run"]) for row in rows] == [
        *(("opencv", ""), ("opencv", "")),
        *(("numpy", "interrupted"), ("numpy", "interrupted")),
    ]
    assert all(row["median"] for row in rows[:2])
    assert result.stdout.count("not run") == 2
    assert "Not run: " in result.stderr or "Fewer rounds: " in result.stderr


def test_a_long_run_says_how_long_and_an_interruption_keeps_its_rounds(photo, tmp_path):
    words = ["--engine", "numpy", "--repeat", "10000", "--csv", "rows.csv", "--html", "page.html"]
    running = subprocess.Popen(
        [sys.executable, "-m", "colorquant", "timing", str(photo), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert "left; --budget SECONDS" in running.stderr.readline()
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "median s" in stdout
    assert "Fewer rounds: " in stderr
    rows = list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))
    assert [row["space"] for row in rows if row["median"]] == ["rgb", "gray"]
    assert (tmp_path / "page.html").read_text().startswith("<!")


def test_a_budget_runs_fewer_rounds(run, photo):
    result = run("timing", photo, "--engine", "numpy", "--space", "rgb", "--repeat", 10000, "--budget", 0.2, "--json")
    assert result.exit_code == 0
    (row,) = rows_of(result)
    assert len(row.get("seconds", [])) < 10000  # on a busy machine not one round may fit
    assert "Not run: " in result.stderr or "Fewer rounds: " in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "median-cut"], "'median-cut' is not one of"),
        (["--engine", "numpy,"], "empty entry"),
        (["-k", "2,x"], "not a valid integer"),
        (["-k", "0"], "-k 0 is out of range"),
        (["--scale", "-1"], "--scale -1 is out of range"),
        (["--scale", "nan"], "--scale nan is out of range"),
        (["--repeat", "0"], "--repeat 0 is out of range"),
        (["--covariance", "full"], "--covariance is for em alone"),
        (["--own-criteria", "--tol", "1"], "--own-criteria excludes"),
        (["--method", "em", "--engine", "opencv", "--attempts", "3"], "no combination is left"),
        (["--csv", "{stem}.csv"], "--csv {stem}.csv: unknown field {stem}, this name takes none"),
        (["--html", "{date}.html"], "unknown field {date}"),
        (["--figure-title", "x"], "--figure-title describes a figure"),
        (["--csv", ""], "--csv has an empty name"),
        (["--markdown", "-"], "--markdown - is not a file"),
        (["--csv", "PHOTO", "-f"], "is an input, too"),
        (["--csv", "a", "--markdown", "./a"], "is --csv, too"),
    ],
)
def test_wrong_usage_is_exit_2(run, photo, words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("timing", photo, *(str(photo) if word == "PHOTO" else word for word in words))
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def terminal_output(command, *, stdout):
    """What ``command`` says on a terminal of 60 columns, to which standard error and perhaps output go."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "60", "TERM": "xterm"}
    piped = subprocess.PIPE if stdout == "pipe" else follower
    running = subprocess.Popen(command, stdout=piped, stderr=follower, env=environment)
    os.close(follower)
    said = b""
    while chunk := _chunk(leader):
        said += chunk
    output = running.communicate(timeout=60)[0]
    os.close(leader)
    assert running.returncode == 0, said
    return said.decode(), (output or b"").decode()


def _chunk(leader):
    try:
        return os.read(leader, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize("stdout", [pytest.param("pipe", marks=pytest.mark.slow), "terminal"])
def test_a_terminal_has_a_bar_with_the_row_in_work_and_a_whole_table(photo, stdout):
    words = ["timing", str(photo), "--engine", "numpy", "-k", "2,3", "--repeat", "3"]
    words += ["--json"] if stdout == "pipe" else []
    said, output = terminal_output([sys.executable, "-m", "colorquant", *words], stdout=stdout)
    assert "numpy kmeans, " in said
    assert "━━━" in said.split("numpy kmeans, ")[1], "there is room for the bar"
    if stdout == "pipe":
        assert [json.loads(line)["k"] for line in output.splitlines()] == [2, 2, 3, 3]
    else:
        (header,) = (line for line in said.splitlines() if "median s" in line)
        assert "MSE" in header, "a narrow terminal cuts nothing"
