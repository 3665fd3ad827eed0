"""The sample clip: its frames as they are drawn, and the classes of their pixels."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES = Path(__file__).resolve().parents[2] / "sample_images"
_SCRIPT: dict[str, Any] = {}


def script() -> dict[str, Any]:
    """The names of sample_images/make_clip.py, which is run once."""
    if not _SCRIPT:
        _SCRIPT.update(runpy.run_path(str(SAMPLES / "make_clip.py")))
    return _SCRIPT


def draw_frames(**settings: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each frame (h, w, 3) uint8 and the class (h, w) uint8 of its pixels: see make_clip.py."""
    frames: Iterator[tuple[np.ndarray, np.ndarray]] = script()["draw_frames"](**settings)
    return frames
