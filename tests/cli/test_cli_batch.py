"""Folders from the command line: what is said at the end, continuing, replacing, crashes, interruptions, names."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import jobs
from support.pictures import random_picture

from colorquant.errors import OutputError
from colorquant.files import LineFile
from colorquant.images import read_image

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: /proc, RLIMIT_AS")


@pytest.fixture
def folder(tmp_path):
    """a.png, b.png, c.png and d.png, which is none."""
    place = tmp_path / "in"
    place.mkdir()
    for number, name in enumerate("abc"):
        Image.fromarray(random_picture(number, 12, 16)).save(place / f"{name}.png")
    (place / "d.png").write_text("no picture")
    return place


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def rows_of(text):
    return [json.loads(line) for line in text.splitlines()]


def statuses(rows):
    return {Path(row["input"]).name: row["status"] for row in rows}


def test_a_run_is_continued_where_it_ended(run, folder, tmp_path):
    words = (
        "kmeans",
        folder,
        "-k",
        4,
        "-o",
        tmp_path / "out",
        "--labels",
        "png",
        "--masks",
        tmp_path / "masks",
        "--json",
    )
    assert run(*words).exit_code == 1
    kept = (tmp_path / "out" / "a-kmeans4.png").stat().st_mtime_ns
    (tmp_path / "out" / "b-kmeans4.png").unlink()
    (tmp_path / "out" / "c-kmeans4-labels.png").unlink()
    report = tmp_path / "run.jsonl"
    again = run(*words, "--skip-existing", "--report", report)
    assert again.exit_code == 1
    expected = {"a.png": "skipped", "b.png": "written", "c.png": "written", "d.png": "failed"}
    assert statuses(rows_of(again.stdout)) == expected
    assert statuses(rows_of(report.read_text())) == expected
    assert "2 written, 1 skipped, 1 failed" in again.stderr
    assert (tmp_path / "out" / "a-kmeans4.png").stat().st_mtime_ns == kept
    assert len(names_in(tmp_path / "out")) == 6
    assert len(names_in(tmp_path / "masks")) == 12
    (folder / "d.png").unlink()
    final = run(*words, "--skip-existing", "--report", report)
    assert final.exit_code == 0
    assert set(statuses(rows_of(report.read_text())).values()) == {"skipped"}
    assert rows_of(report.read_text()) == rows_of(final.stdout)


def test_a_folder_of_outputs_among_the_inputs_is_passed_over(run, folder):
    words = ("kmeans", folder, "-r", "-k", 2, "-o", folder / "out", "--masks", folder / "masks")
    for extra in ([], ["--skip-existing"]):
        assert run(*words, *extra).exit_code == 1
        assert len(names_in(folder / "out")) == 3
        assert len(names_in(folder / "masks")) == 6


def test_a_dry_run_says_it_and_writes_nothing(run, folder, tmp_path):
    (folder / "e\x1b[2J\n.png").write_bytes((folder / "a.png").read_bytes())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b-kmeans16.png").write_bytes(b"mine")
    words = ("kmeans", folder, tmp_path / "missing.png", "-o", tmp_path / "out", "--dry-run")
    result = run(*words, "--masks", tmp_path / "masks")
    assert result.exit_code == 1
    a, c, d, e = result.stdout.splitlines()
    out, masks = tmp_path / "out", tmp_path / "masks"
    assert (
        a
        == f"{folder / 'a.png'} → {out / 'a-kmeans16.png'}, {masks / 'a-kmeans16-mask-00.png'} … a-kmeans16-mask-15.png"
    )
    assert c.startswith(f"{folder / 'c.png'} → ")
    assert d.startswith(f"{folder / 'd.png'} → ")
    assert "e\\x1b[2J\\n.png → " in e
    exists, missing = result.stderr.splitlines()
    assert "b-kmeans16.png exists already" in exists
    assert "missing.png: cannot be read" in missing
    assert names_in(tmp_path) == ["in", "out"]
    assert names_in(out) == ["b-kmeans16.png"]
    (tmp_path / "missing.png").write_bytes(b"")
    continued = run(*words, "--skip-existing", "--json")
    assert continued.exit_code == 0
    found = rows_of(continued.stdout)
    assert [row["status"] for row in found] == ["planned", "skipped", "planned", "planned", "planned", "planned"]
    assert found[0]["output"] == str(out / "a-kmeans16.png")
    assert found[0]["others"] == []


def test_fail_fast_begins_nothing_more(run, folder, tmp_path):
    (folder / "d.png").rename(folder / "B.png")
    result = run("kmeans", folder, "-o", tmp_path / "out", "--fail-fast")
    assert result.exit_code == 1
    counted = result.stderr.splitlines()[-2]
    written = len(names_in(tmp_path / "out")) if (tmp_path / "out").exists() else 0
    assert counted == f"{written} written, 0 skipped, 1 failed, {3 - written} not done"
    assert written <= 1


def test_a_report_has_a_line_for_each_input(run, folder, tmp_path):
    report = tmp_path / "run.jsonl"
    words = ("kmeans", folder, "-o", tmp_path / "out", "--report", report)
    assert run(*words, "-j", 2).exit_code == 1
    found = rows_of(report.read_text())
    assert statuses(found) == {"a.png": "written", "b.png": "written", "c.png": "written", "d.png": "failed"}
    assert found[0]["output"] == str(tmp_path / "out" / "a-kmeans16.png")
    assert "not an image" in found[3]["error"]
    assert "exists already" in run(*words).stderr
    assert "1 failed" not in run(*words, "--force").stderr.replace("3 written, 0 skipped, 1 failed", "")


def test_what_is_passed_over_is_counted(run, folder, tmp_path):
    """A file of the user's own may be named like an output of an earlier run."""
    (folder / "d.png").unlink()
    (folder / "a-em4.png").write_bytes((folder / "a.png").read_bytes())
    result = run("kmeans", folder, "-k", 2, "-o", tmp_path / "out")
    assert result.exit_code == 0
    name = folder / "a-em4.png"
    words = f"3 written, 0 skipped, 0 failed; 1 passed over: outputs of earlier runs ({name})"
    assert result.stderr.splitlines()[-1] == words
    (folder / "b-em4.png").write_bytes((folder / "a.png").read_bytes())
    assert f"; 2 passed over: outputs of earlier runs ({name}, …)" in run("kmeans", folder, "-k", 3).stderr
    assert "passed over" not in run("kmeans", folder / "a.png", "-k", 4).stderr


def test_a_report_that_cannot_be_written_any_more_is_a_failure_and_the_run_goes_on(run, folder, tmp_path, monkeypatch):
    (folder / "d.png").unlink()

    def full(self, line):
        raise OutputError("run.jsonl cannot be written: No space left on device; choose another place")

    monkeypatch.setattr(LineFile, "add", full)
    result = run("kmeans", folder, "-k", 2, "-o", tmp_path / "out", "--report", tmp_path / "run.jsonl")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-2:] == [
        "3 written, 0 skipped, 0 failed",
        "Error: --report run.jsonl cannot be written: No space left on device; choose another place",
    ]
    assert len(names_in(tmp_path / "out")) == 3


def test_a_library_that_a_command_lacks_is_a_line(run, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "colorquant.cli.kmeans", None)
    result = run("kmeans", folder / "a.png")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: a library does not load (")
    assert result.stderr.endswith("): run colorquant doctor to see what is wrong\n")


@pytest.mark.parametrize("words", [["kmeans", "--report"], ["compare", "--csv"], ["timing", "--csv"]], ids=str)
def test_a_list_that_could_not_be_written_is_refused_before_the_work(words, run, folder, tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and Path(path).name != "closed")
    result = run(words[0], folder / "a.png", "-k", 2, words[1], tmp_path / "closed" / "list")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [result.stderr.strip()]
    assert "closed is not writable; choose another place" in result.stderr
    assert not (folder / "a-kmeans2.png").exists()


def test_in_place_the_picture_replaces_its_input(run, folder):
    (folder / "d.png").unlink()
    (folder / "j.jpg").write_bytes((folder / "a.png").read_bytes())
    (folder / "link.PNG").symlink_to("b.png")
    before = (folder / "a.png").read_bytes()
    result = run("kmeans", folder, "-k", 3, "--in-place", "--labels", "png", "-j", 2)
    assert result.exit_code == 1
    assert names_in(folder) == [
        *("a-kmeans3-labels.png", "a.png", "b-kmeans3-labels.png", "b.png", "c-kmeans3-labels.png", "c.png"),
        *("j.jpg", "link.PNG"),
    ]
    for name in "abc":
        assert len(np.unique(read_image(folder / f"{name}.png").rgb.reshape(-1, 3), axis=0)) == 3
    assert (folder / "link.PNG").is_symlink()
    assert (folder / "j.jpg").read_bytes() == before
    assert "j.jpg: --in-place writes PNG" in result.stderr
    replaced = (folder / "a.png").read_bytes()
    again = run("kmeans", folder / "a.png", "-k", 2, "--in-place", "--palette-out", folder / "j.jpg.hex")
    assert again.exit_code == 0
    assert (folder / "a.png").read_bytes() != replaced


def test_in_place_a_link_stays_a_link(run, folder):
    (folder / "elsewhere").mkdir()
    (folder / "a.png").rename(folder / "elsewhere" / "real.dat")
    (folder / "a.png").symlink_to("elsewhere/real.dat")
    assert run("kmeans", folder / "a.png", "-k", 2, "--in-place").exit_code == 0
    assert (folder / "a.png").is_symlink()
    assert len(np.unique(read_image(folder / "elsewhere" / "real.dat").rgb.reshape(-1, 3), axis=0)) == 2
    assert names_in(folder / "elsewhere") == ["real.dat"]


def test_in_place_no_png_is_written_into_a_file_of_another_ending(run, folder):
    (folder / "elsewhere").mkdir()
    real = folder / "elsewhere" / "real.jpg"
    (folder / "a.png").rename(real)
    (folder / "a.png").symlink_to(real)
    before = real.read_bytes()
    result = run("kmeans", folder / "a.png", "-k", 2, "--in-place")
    assert result.exit_code == 1
    assert "a.png: --in-place writes PNG: this link leads to real.jpg" in result.stderr
    assert real.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permissions of this kind")
def test_in_place_permissions_are_kept(run, folder):
    (folder / "a.png").chmod(0o600)
    assert run("kmeans", folder / "a.png", "-k", 2, "--in-place").exit_code == 0
    assert (folder / "a.png").stat().st_mode & 0o777 == 0o600


def test_in_place_other_files_are_still_not_overwritten(run, folder):
    before = (folder / "a.png").read_bytes()
    (folder / "a-kmeans2-labels.png").write_bytes(b"mine")
    result = run("kmeans", folder / "a.png", "-k", 2, "--in-place", "--labels", "png")
    assert result.exit_code == 1
    assert "a-kmeans2-labels.png exists already" in result.stderr
    assert (folder / "a.png").read_bytes() == before
    assert (folder / "a-kmeans2-labels.png").read_bytes() == b"mine"


EXCLUDED = {
    "in place and output": (["--in-place", "-o", "out"], "--in-place and -o exclude each other"),
    "in place and skip": (["--in-place", "--skip-existing"], "--in-place and --skip-existing exclude each other"),
    "force and skip": (["--force", "--skip-existing"], "--force writes what --skip-existing skips"),
    "skip on stdout": (["--skip-existing", "-o", "-"], "--skip-existing looks for files"),
    "report dry": (["--dry-run", "--report", "r"], "--dry-run writes no --report"),
    "report empty": (["--report", ""], "--report has an empty name"),
    "report on an input": (["--report", "{input}"], "is an input, too"),
    "report on an output": (["--report", "{folder}/a-kmeans16.png"], "is an output of"),
}


@pytest.mark.parametrize("case", EXCLUDED)
def test_what_excludes_each_other(run, folder, case):
    args, words = EXCLUDED[case]
    before = names_in(folder)
    source = folder / "a.png"
    result = run("kmeans", source, *(arg.format(input=source, folder=folder) for arg in args))
    assert result.exit_code == 2
    assert words in result.stderr
    assert names_in(folder) == before


@pytest.mark.parametrize("args", [["--in-place"], ["--skip-existing"]])
def test_standard_input_is_no_file(run, folder, args):
    result = run("kmeans", "-", *args, input=(folder / "a.png").read_bytes())
    assert result.exit_code == 2
    assert "standard input" in result.stderr or "looks for files" in result.stderr


def test_standard_input_is_read_by_the_program_and_quantized_by_a_worker(run, folder, tmp_path):
    picture = (folder / "a.png").read_bytes()
    words = ("kmeans", "-", folder / "b.png", "-k", 3, "--labels", "png", "--isolate", "-o")
    assert run(*words, tmp_path / "out", input=picture).exit_code == 0
    assert run("kmeans", folder / "a.png", "-k", 3, "-o", tmp_path / "a.png").exit_code == 0
    assert (tmp_path / "out" / "stdin-kmeans3.png").read_bytes() == (tmp_path / "a.png").read_bytes()


def test_a_time_limit_is_for_worker_processes(run, folder):
    result = run("kmeans", folder, "--timeout", 5)
    assert result.exit_code == 2
    assert "--timeout ends a worker process: add --isolate" in result.stderr


def test_two_inputs_for_one_output_are_found_before_anything_runs(run, folder):
    (folder / "a.jpg").write_bytes((folder / "a.png").read_bytes())
    before = names_in(folder)
    result = run("kmeans", folder)
    assert result.exit_code == 2
    assert f"{folder / 'a.jpg'} and {folder / 'a.png'} would both write" in result.stderr
    assert names_in(folder) == before


def test_messages_of_usage_are_printable_too(run, folder):
    for name in ("a.jpg", "a.png"):
        (folder / f"\x1b[2J\n{name}").write_bytes(b"")
    clash = run("kmeans", folder)
    assert "both write" in clash.stderr
    unknown = run("kmeans", folder, "--\x1b[2J\x07")
    assert unknown.exit_code == 2
    assert "\x1b" not in clash.stderr + unknown.stderr
    assert "\\x1b[2J" in clash.stderr
    assert "\\x07" in unknown.stderr


def test_a_file_that_crashes_its_worker_is_named_and_all_else_is_written(run, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("colorquant.batch.quantize_request.QuantizeJob", jobs.CrashingJob)
    result = run("kmeans", folder, "-o", tmp_path / "out", "--isolate", "-j", 2, "--json")
    assert result.exit_code == 1
    assert names_in(tmp_path / "out") == ["a-kmeans16.png", "c-kmeans16.png"]
    assert "2 written, 0 skipped, 2 failed" in result.stderr
    assert "b.png: its worker process was killed by signal 11 (SIGSEGV)" in result.stderr
    assert statuses(rows_of(result.stdout))["c.png"] == "written"


def test_workers_write_the_same_bytes(run, folder, tmp_path):
    for extra in (["-j", 1], ["-j", 3], ["--isolate", "-j", 2]):
        out = tmp_path / "-".join(map(str, extra))
        assert run("kmeans", folder, "-k", 20, "-o", out, "--labels", "npy", *extra).exit_code == 1
    first, *others = (path for path in tmp_path.iterdir() if path != folder)
    for other in others:
        assert names_in(other) == names_in(first)
        for path in first.iterdir():
            assert path.read_bytes() == (other / path.name).read_bytes()


def started(folder, *args, **extra):
    command = [sys.executable, "-m", "colorquant", "kmeans", *map(str, args)]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, **extra)


def processes_in(folder):
    """Those whose working folder it is."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if (process / "cwd").resolve() == folder and (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def waited_for(condition):
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.fixture
def pictures(tmp_path):
    """Sixteen pictures that take a moment each."""
    for number in range(16):
        Image.fromarray(random_picture(number, 130, 130)).save(tmp_path / f"{number:02}.png")
    return tmp_path


@linux
@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(["-j", "1"], marks=pytest.mark.slow),
        ["-j", "2"],
        pytest.param(["-j", "2", "--isolate"], marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_says_how_far_it_came(extra, pictures):
    running = started(pictures, ".", "-k", "64", "-o", "out", "--report", "run.jsonl", *extra)
    running.stderr.readline()
    running.send_signal(signal.SIGINT)
    lines = running.communicate(timeout=60)[1].splitlines()
    assert running.returncode == 130, lines
    assert lines[-1] == "Interrupted: every file that was written is complete."
    written = names_in(pictures / "out")
    assert lines[-2] == f"{len(written)} written, 0 skipped, 0 failed, {16 - len(written)} not done"
    found = rows_of((pictures / "run.jsonl").read_text())
    assert sorted(Path(row["output"]).name for row in found if row["status"] == "written") == written
    for path in (pictures / "out").iterdir():
        read_image(path)
    assert waited_for(lambda: not processes_in(pictures))
    fast = ("--effort", "fast", "--skip-existing", "-j", "2")
    rest = started(pictures, ".", "-k", "64", "-o", "out", "--report", "run.jsonl", *fast)
    words = rest.communicate(timeout=120)[1]
    assert rest.returncode == 0, words
    assert f"{16 - len(written)} written, {len(written)} skipped, 0 failed" in words
    assert len(rows_of((pictures / "run.jsonl").read_text())) == 16


@linux
@pytest.mark.parametrize("extra", [["-j", "1"], ["-j", "2", "--isolate"]])
def test_a_killed_run_leaves_the_report_of_what_it_finished(extra, pictures):
    report = pictures / "run.jsonl"
    running = started(pictures, ".", "-k", "64", "-o", "out", "--report", "run.jsonl", *extra)
    assert waited_for(lambda: report.exists() and report.read_bytes().count(b"\n") >= 2)
    running.kill()
    running.communicate(timeout=60)
    rows = rows_of(report.read_text())
    assert 2 <= len(rows) <= 16
    assert [row["input"] for row in rows] == [f"{number:02}.png" for number in range(len(rows))]
    assert {row["status"] for row in rows} == {"written"}
    for row in rows:
        read_image(pictures / row["output"])


@linux
def test_no_worker_outlives_a_program_that_is_killed(pictures):
    running = started(pictures, ".", "-k", "64", "-o", "out", "--isolate", "-j", "2")
    running.stderr.readline()
    assert len(processes_in(pictures)) == 3
    running.kill()
    running.communicate(timeout=60)
    assert waited_for(lambda: not processes_in(pictures))
    assert [path.suffix for path in (pictures / "out").iterdir() if path.suffix != ".png"] == []


ODD = [
    b"a b.png",
    b"two\nlines.png",
    b"caf\xe9.png",
    b"--force.png",
    b"-.png",
    b"\x1b[31mred.png",
    b"=1+1.png",
    b"%s{0}.png",
]


def test_odd_names_are_read_and_written(photo):
    place = os.fsencode(photo.parent) + b"/odd"
    os.mkdir(place)  # noqa: PTH102  bytes
    for name in ODD:
        with open(place + b"/" + name, "wb") as stream:  # noqa: PTH123
            stream.write(photo.read_bytes())
    command = [
        sys.executable,
        "-m",
        "colorquant",
        "kmeans",
        "-k",
        "3",
        "--json",
        "--report",
        "../r.jsonl",
        "-o",
        "out",
        "--",
    ]
    done = subprocess.run([*command, *ODD], cwd=place, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    written = os.listdir(place + b"/out")  # noqa: PTH208  bytes
    assert sorted(written) == sorted(name[:-4] + b"-kmeans3.png" for name in ODD)
    assert not any(byte < 32 and byte != 10 for byte in done.stderr)
    assert len(done.stderr.splitlines()) == len(ODD) + 1
    found = rows_of((photo.parent / "r.jsonl").read_text())
    assert [os.fsencode(row["input"]) for row in found] == ODD
    assert (photo.parent / "r.jsonl").read_bytes() == done.stdout


def test_a_name_too_long_for_its_output_is_one_line(run, photo):
    path = photo.with_name("x" * 251 + ".png")
    photo.rename(path)
    result = run("kmeans", path)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "File name too long" in line
    assert run("kmeans", path, "-o", photo).exit_code == 0
    assert run("kmeans", path, "-k", 2, "--in-place").exit_code == 0


def test_200_levels_and_links_in_a_circle(run, photo, tmp_path):
    place = deep = tmp_path / "tree"
    for _ in range(200):
        deep = deep / "folder"
    deep.mkdir(parents=True)
    photo.rename(deep / "photo.png")
    (deep / "circle").symlink_to(place)
    (deep / "self.png").symlink_to("self.png")
    result = run("kmeans", place, "-r", "-k", 2, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out" / deep.relative_to(place) / "photo-kmeans2.png").exists()


def test_a_folder_that_cannot_be_listed_is_a_failure(run, folder, monkeypatch):
    (folder / "closed").mkdir()
    scandir = os.scandir

    def closed(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    result = run("kmeans", folder, "-r", "-k", 2)
    assert result.exit_code == 1
    assert "closed: this folder cannot be listed: Permission denied" in result.stderr
    assert "3 written, 0 skipped, 2 failed" in result.stderr
