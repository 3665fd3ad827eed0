"""What a run of the benchmarks was asked for."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT.parent / "shared" / "images"
CACHE = Path(tempfile.gettempdir()) / "colorquant-benchmarks"
RESULTS = ROOT / "benchmarks" / "results"
START = time.monotonic()


@dataclass(frozen=True)
class Settings:
    """The options of the command.

    ``large`` is how the large picture's name starts; ``images`` None takes every picture; ``slow`` also runs what takes
    minutes a row; ``rounds`` is how often rows repeat.
    """

    folder: Path = PICTURES
    cache: Path = CACHE
    out: Path = RESULTS
    large: str = ""
    images: int | None = 6
    rounds: int = 3
    slow: bool = False
    instructions: bool = False


def say(text: str) -> None:
    """A line of progress, with the seconds since the start."""
    print(f"[{time.monotonic() - START:6.0f} s] {text}", flush=True)
