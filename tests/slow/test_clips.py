"""Clips that are interrupted or killed while they are written, and the memory that a long one takes."""

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
from support.peaks import peak_memory

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture
def long_clip(tmp_path):
    """An APNG of 300 noisy frames: a second or more of work."""
    path = tmp_path / "clip.png"
    make_clip(path, 300)
    return path


def make_clip(path, frames):
    random = np.random.default_rng(0)
    noise = random.integers(0, 40, (8, 90, 160, 3), dtype=np.uint8)
    images = [Image.fromarray(np.roll(noise[number % 8], number, axis=1)) for number in range(frames)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=40)


def folder_of(path):
    return sorted(entry.name for entry in path.iterdir())


@pytest.mark.parametrize("extra", [[], ["-j", "2"], ["--isolate"]])
def test_an_interrupted_clip_leaves_nothing(long_clip, tmp_path, extra):
    """Interrupted once temporary files are there: the second pass is writing."""
    out = tmp_path / "out"
    words = ["video", long_clip, "-k", "8", "-o", out, "--write", "mp4,frames,gif", "--labels", "npy", *extra]
    running = subprocess.Popen([sys.executable, "-m", "colorquant", *words], stderr=subprocess.PIPE, text=True)
    while running.poll() is None and not (out.exists() and folder_of(out)):
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    assert running.returncode == 130, said
    lines = [line for line in said.splitlines() if "not done" not in line]
    assert lines == ["Interrupted: every file that was written is complete."]
    assert folder_of(out) == []


def test_runs_killed_at_random_moments(tmp_path):
    path = os.pathsep.join([str(TESTS), str(ROOT)])
    result = subprocess.run(
        [sys.executable, TESTS / "support" / "killing.py", tmp_path, "16", "1", "clip"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["killed"] > 2


@pytest.mark.parametrize("kinds", ["gif,webp", "mp4"])
def test_memory_does_not_grow_with_the_number_of_frames(tmp_path, kinds):
    """Four times the frames, uncompressed 13 MB more, take no more memory; an animation is read whole, compressed."""
    peaks = []
    for frames in (100, 400):
        clip = tmp_path / f"{frames}.mkv"
        write_video(clip, frames)
        words = ("video", clip, "-k", "16", "--method", "kmeans", "--write", kinds, "--labels", "npy", "-q")
        peaks.append(peak_memory(*words))
    assert peaks[1] < peaks[0] + 6_000_000, peaks


def write_video(path, frames):
    from fractions import Fraction

    import av

    random = np.random.default_rng(0)
    noise = random.integers(0, 40, (8, 96, 160, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(noise[number % 8], number, axis=1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
