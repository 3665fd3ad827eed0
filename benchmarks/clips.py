"""The clips of the video benchmark: drawn, or panned over a photograph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.pictures import RGB, small

WIDTH, HEIGHT, FRAMES = 640, 360, 250
NOISE = 4.0  # standard deviation in levels, of each channel of each pixel of the noisy clip


def _background() -> RGB:
    """A still background of soft colours with noise that does not change."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    bands = [110 + 60 * np.sin(columns / 110), 120 + 50 * np.cos(rows / 80), 100 + 40 * np.sin((rows + columns) / 90)]
    noise = np.random.default_rng(0).normal(0, 6, (HEIGHT, WIDTH, 3))
    return np.clip(np.dstack(bands) + noise, 0, 255).astype(np.uint8)


def shapes(folder: Path) -> Iterator[RGB]:
    """Coloured discs that move over a still background; ``folder`` is not used."""
    del folder
    background = _background()
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for number in range(FRAMES):
        frame = background.copy()
        for disc, color in enumerate([(220, 40, 40), (40, 180, 70), (50, 70, 220), (240, 210, 60)]):
            angle = 2 * np.pi * (number / FRAMES * (disc + 1) + disc / 4)
            top, left = HEIGHT / 2 + 110 * np.sin(angle), WIDTH / 2 + 230 * np.cos(angle + disc)
            frame[(rows - top) ** 2 + (columns - left) ** 2 < 45**2] = color
        yield frame


def noisy(folder: Path) -> Iterator[RGB]:
    """The clip of shapes with new noise in each frame."""
    rng = np.random.default_rng(1)
    for frame in shapes(folder):
        noise = rng.standard_normal(frame.shape, np.float32) * np.float32(NOISE)
        yield np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)


def pan(folder: Path) -> Iterator[RGB]:
    """A view that moves over a photograph, by one pixel a frame, and half a one down."""
    picture = Image.fromarray(small(folder)[0].rgb()).resize((WIDTH + FRAMES, HEIGHT + FRAMES // 2))
    rgb = np.asarray(picture)
    for number in range(FRAMES):
        yield np.ascontiguousarray(rgb[number // 2 : number // 2 + HEIGHT, number : number + WIDTH])


CLIPS: dict[str, Callable[[Path], Iterator[RGB]]] = {"shapes": shapes, "shapes in noise": noisy, "pan": pan}
