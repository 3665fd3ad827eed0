"""The memory that a batch of large pictures takes."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support.peaks import peak_memory


def under(limit, *args):
    def shrink():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    command = [sys.executable, "-m", "colorquant", "kmeans", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, preexec_fn=shrink)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_memory_is_bounded_by_the_jobs(tmp_path, china):
    """N times (5 times the largest decoded picture, and 100 MB), everything counted that is mapped."""
    size = (6000, 4000)
    decoded = 3 * size[0] * size[1]
    Image.fromarray(china).resize(size, Image.Resampling.BICUBIC).save(tmp_path / "0.jpg", quality=90)
    for number in (1, 2):
        os.link(tmp_path / "0.jpg", tmp_path / f"{number}.jpg")
    for jobs in (1, 2):
        words = (tmp_path, "-o", tmp_path / f"out{jobs}", "-j", jobs)
        done = under(jobs * (5 * decoded + 100_000_000), *words)
        assert done.returncode == 0, done.stderr
        assert len(list((tmp_path / f"out{jobs}").iterdir())) == 3
    small = under(5 * decoded // 2, tmp_path / "0.jpg", "-o", tmp_path / "small")
    assert small.returncode == 1
    assert small.stderr.startswith("Error: ")
    assert len(small.stderr.splitlines()) == 1
    assert "memory" in small.stderr


NOISE = {
    "kmeans": ("kmeans", "-k", "16"),
    "em": ("em", "-k", "4"),
    "lab": ("kmeans", "-k", "16", "--space", "lab"),
    "gray": ("kmeans", "-k", "16", "--space", "gray"),
    "em in lab": ("em", "-k", "4", "--space", "lab"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
@pytest.mark.parametrize("case", NOISE)
def test_memory_is_bounded_for_pictures_of_noise(case, tmp_path):
    """Noise of 24 megapixels has 12.8 million colours, and takes 5 times the decoded picture, and 100 MB."""
    rgb = np.random.default_rng(0).integers(0, 256, (4000, 6000, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "noise.tif")
    peak = peak_memory(*NOISE[case], tmp_path / "noise.tif", "-o", tmp_path / "o.png")
    assert peak <= 5 * rgb.nbytes + 100_000_000
