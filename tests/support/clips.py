"""Small clips for the tests of writers: random frames, and the frames of a file as Pillow decodes them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from colorquant.files import StagedFiles
from colorquant.video.frames import ClipInfo, IndexedFrame


def clip_info(width, height, *, loops=None, has_alpha=False) -> ClipInfo:
    return ClipInfo(
        width=width,
        height=height,
        frames=None,
        duration=None,
        rate=None,
        format="test",
        codec="test",
        has_alpha=has_alpha,
        loops=loops,
    )


def random_colors(rng, p) -> np.ndarray:
    """p distinct colours (p, 3) uint8, none of them black."""
    packed = rng.choice(np.arange(1, 1 << 24), p, replace=False)
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1).astype(np.uint8)


def random_labels(rng, *, frames, size, p, transparent) -> list[np.ndarray]:
    """Label maps of which some equal the one before, some differ in a rectangle, some in scattered pixels or wholly."""
    height, width = size
    top = p + transparent
    dtype = np.uint16 if top > 256 else np.uint8
    maps = [rng.integers(0, top, size).astype(dtype)]
    for _ in range(frames - 1):
        labels = maps[-1].copy()
        kind = rng.integers(5)
        if kind == 1:
            y, x = rng.integers(height), rng.integers(width)
            box = slice(y, y + rng.integers(1, height + 1)), slice(x, x + rng.integers(1, width + 1))
            labels[box] = rng.integers(0, top, labels[box].shape)
        elif kind == 2:
            labels = np.where(rng.random(size) < 0.2, rng.integers(0, top, size), labels).astype(dtype)
        elif kind == 3:
            labels = rng.integers(0, top, size).astype(dtype)
        elif kind == 4:
            labels[:] = rng.integers(0, top)
        maps.append(labels)
    return maps


def indexed(labels, colors, *, time, duration) -> IndexedFrame:
    alpha = np.where(labels == len(colors), 0, 255).astype(np.uint8) if (labels == len(colors)).any() else None
    return IndexedFrame(labels, colors, time=Fraction(time), duration=Fraction(duration), alpha=alpha)


def written(writer_class, path: Path, frames: Sequence[IndexedFrame], *, loops=None) -> tuple[str, ...]:
    """Write the frames to ``path``, and return the notes of the writer."""
    height, width = frames[0].labels.shape
    info = clip_info(width, height, loops=loops, has_alpha=any(frame.alpha is not None for frame in frames))
    with StagedFiles(force=True) as staged, writer_class(path, staged, info) as writer:
        for frame in frames:
            writer.write(frame)
        writer.finish()
        staged.commit()
        return writer.notes


def rgba(frame: IndexedFrame) -> np.ndarray:
    """The pixels (h, w, 4) of a frame, black where they are fully transparent."""
    alpha = np.full(frame.labels.shape, 255, np.uint8) if frame.alpha is None else frame.alpha
    return np.dstack([np.where(alpha[..., None] == 0, 0, frame.rgb), alpha]).astype(np.uint8)


def decoded(path: Path) -> tuple[list[np.ndarray], list[float]]:
    """The frames (h, w, 4) of an animation, black where they are fully transparent, and their milliseconds."""
    with Image.open(path) as image:
        frames, times = [], []
        for page in ImageSequence.Iterator(image):
            pixels = np.array(page.convert("RGBA"))
            pixels[pixels[..., 3] == 0] = 0
            frames.append(pixels)
            times.append(page.info.get("duration", 0))
    return frames, times


def merged(frames: Sequence[IndexedFrame]) -> tuple[list[np.ndarray], list[Fraction]]:
    """The distinct pixels of consecutive frames, and their summed durations in milliseconds."""
    pixels, times = [], []
    for frame in frames:
        now = rgba(frame)
        if pixels and np.array_equal(pixels[-1], now):
            times[-1] += 1000 * frame.duration
        else:
            pixels.append(now)
            times.append(1000 * frame.duration)
    return pixels, times


def sequence(seed, *, p, transparent=False, refits=False, size=None) -> list[IndexedFrame]:
    """Six random frames in p colours, which change at times with ``refits``."""
    rng = np.random.default_rng([seed, p, transparent, refits])
    size = size or tuple(rng.integers(1, [24, 32]))
    colors, frames, time = random_colors(rng, p), [], Fraction(0)
    for labels in random_labels(rng, frames=6, size=size, p=p, transparent=transparent):
        if refits and rng.integers(2):
            colors = random_colors(rng, p)
        duration = Fraction(int(rng.integers(2, 9)), 100)
        frames.append(indexed(labels, colors, time=time, duration=duration))
        time += duration
    return frames


def still(labels, colors=((10, 20, 30), (200, 100, 0)), *, time=0, duration=Fraction(1, 10)) -> IndexedFrame:
    return indexed(np.array(labels, np.uint8), np.array(colors, np.uint8), time=time, duration=duration)


def assert_same(frames, path) -> None:
    """The file holds exactly these frames and delays, where equal frames are one."""
    pixels, times = merged(frames)
    pixels_out, times_out = decoded(path)
    assert len(pixels_out) == len(pixels)
    for before, after in zip(pixels, pixels_out, strict=True):
        np.testing.assert_array_equal(after, before)
    if len(pixels) > 1:
        np.testing.assert_allclose(times_out, [float(time) for time in times], rtol=1e-12)
