"""Runs on a cluster of this machine that lose a worker, or are interrupted."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
COUNT = 24


@pytest.fixture
def pictures(tmp_path):
    chance = np.random.default_rng(5)
    (tmp_path / "in").mkdir()
    for number in range(COUNT):
        Image.fromarray(chance.integers(0, 256, (300, 300, 3), np.uint8)).save(tmp_path / "in" / f"{number}.png")
    return tmp_path


def started(folder, output, *extra):
    words = [sys.executable, "-m", "colorquant", "kmeans", "in", "-k", "8", "-o", output, *extra]
    return subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_files(folder, count, process):
    while process.poll() is None and (not folder.exists() or len(list(folder.glob("*.png"))) < count):
        time.sleep(0.02)
    assert process.poll() is None


def worker_processes(process):
    """The worker processes of a run; the first child of a cluster tracks resources."""
    children = Path(f"/proc/{process.pid}/task").glob("*/children")
    pids = [int(word) for path in children for word in path.read_text().split()]
    return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_killed_worker_costs_nothing(pictures):
    here = started(pictures, "here", "-q")
    here.communicate(timeout=120)
    assert here.returncode == 0
    run = started(pictures, "there", "--cluster", "local:2")
    wait_for_files(pictures / "there", 4, run)
    victim, _ = worker_processes(run)
    os.kill(victim, signal.SIGKILL)
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    assert f"{COUNT} written, 0 skipped, 0 failed" in errors
    assert contents(pictures / "there") == contents(pictures / "here")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_the_run(pictures, number):
    run = started(pictures, "out", "--cluster", "local:2")
    wait_for_files(pictures / "out", 2, run)
    workers = worker_processes(run)
    assert len(workers) == 2
    os.killpg(run.pid, number) if number == signal.SIGINT else run.kill()
    _, errors = run.communicate(timeout=60)
    if number == signal.SIGINT:
        assert run.returncode == 130
        assert errors.splitlines()[-1] == "Interrupted: every file that was written is complete."
        assert "not done" in errors
        assert "Traceback" not in errors
        assert not any(path.name.startswith(".") for path in (pictures / "out").iterdir())
    end = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(alive, workers))
