"""The clips of the video benchmark, 640 × 360: the sample clip, the same in noise, and a pan over a photograph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.pictures import RGB, small
from benchmarks.settings import ROOT
from colorquant.video.frames import ClipReading
from colorquant.video.opening import open_clip

WIDTH, HEIGHT = 640, 360
SAMPLE = ROOT / "sample_images" / "clip.mp4"
NOISE = 4.0  # standard deviation in levels, of each channel of each pixel


def _sample(folder: Path, frames: int) -> Iterator[RGB]:
    """The sample clip, enlarged; ``folder`` is not used."""
    del folder
    for frame, _ in zip(open_clip(SAMPLE, ClipReading(scale=2.0)).frames(), range(frames), strict=False):
        yield frame.rgb


def _noisy(folder: Path, frames: int) -> Iterator[RGB]:
    """The sample clip with other noise in each frame."""
    rng = np.random.default_rng(1)
    for frame in _sample(folder, frames):
        noise = rng.standard_normal(frame.shape, np.float32) * np.float32(NOISE)
        yield np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)


def pan(folder: Path, frames: int = 250) -> Iterator[RGB]:
    """A view that moves over a photograph, by one pixel a frame, and by half of one down."""
    picture = Image.fromarray(small(folder)[0].rgb()).resize((WIDTH + frames, HEIGHT + frames // 2))
    rgb = np.asarray(picture)
    for number in range(frames):
        yield np.ascontiguousarray(rgb[number // 2 : number // 2 + HEIGHT, number : number + WIDTH])


CLIPS: dict[str, Callable[[Path, int], Iterator[RGB]]] = {
    "sample clip": _sample,
    "sample clip in noise": _noisy,
    "pan over a photograph": pan,
}
