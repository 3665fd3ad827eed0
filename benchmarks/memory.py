"""Peak memory and CPU of whole runs at 24 MP: a photograph, and noise that has 12.8 million colours."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import pictures
from benchmarks.report import Section, Table
from benchmarks.settings import Settings, say
from benchmarks.timing import run_child

TIMES, BESIDE = 5, 100_000_000  # the law: at most so many decoded pictures, and bytes beside them
NOTE = (
    "Whole processes, one each; the peak is that of the operating system. The law is five times the decoded picture"
    " and 100 MB: 460 MB at 24 MP. The noise is uniform, the photograph an enlargement."
)
CASES: dict[str, tuple[str, ...]] = {
    "kmeans, K = 16": ("kmeans", "-k", "16"),
    "em, K = 4": ("em", "-k", "4"),
    "kmeans, K = 16, gray": ("kmeans", "-k", "16", "--space", "gray"),
    "kmeans, K = 16, ycrcb": ("kmeans", "-k", "16", "--space", "ycrcb"),
    "kmeans, K = 16, lab": ("kmeans", "-k", "16", "--space", "lab"),
    "em, K = 4, lab": ("em", "-k", "4", "--space", "lab"),
    "kmeans, K = 16, lab, kept luma": ("kmeans", "-k", "16", "--space", "lab", "--keep-luma"),
    "em, K = 4, oklab, kept luma": ("em", "-k", "4", "--space", "oklab", "--keep-luma"),
}


@dataclass(frozen=True)
class Measured:
    """One run: its peak in bytes, its CPU seconds, and its peak relative to the law."""

    picture: str
    case: str
    peak: int
    cpu: float
    of_law: float


def noise(size: tuple[int, int]) -> pictures.RGB:
    """Uniform noise of (across, down) pixels, always the same."""
    return np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def measured(name: str, path: Path, case: str, folder: Path) -> Measured:
    """Run one case on the picture at ``path``."""
    height, width = pictures.read_rgb(path).shape[:2]
    words = [sys.executable, "-m", "colorquant", *CASES[case], path, "-o", folder / "out.png", "--force", "--quiet"]
    used = run_child([str(word) for word in words])
    peak = used.peak or 0
    say(f"{name}, {case}: {peak / 1e6:.0f} MB, {used.cpu:.1f} CPU s")
    return Measured(name, case, peak, used.cpu, peak / (TIMES * 3 * width * height + BESIDE))


def run(settings: Settings) -> Section:
    """Measure every case on both pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photograph = pictures.big_png(settings.folder, settings.cache, settings.large)
        sources = {
            "photograph": photograph,
            "noise": pictures.write_png(folder / "noise.png", noise(pictures.BIG)),
        }
        records = [measured(name, path, case, folder) for name, path in sources.items() for case in CASES]
    rows = [(each.picture, each.case, each.peak / 1e6, each.of_law, each.cpu) for each in records]
    headers = ("picture", "run", "peak MB", "of the law", "CPU s")
    return Section("Memory", [Table("Peak memory at 24 MP", headers, rows, NOTE)], records)
