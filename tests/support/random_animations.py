"""Animations of random parts, with the frames that they show according to the specifications of GIF and PNG."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from support.damage import chunk

SIZE = 9, 11  # height and width
Area = tuple[int, int, int, int]  # top, left, height, width
Part = tuple[int, int, np.ndarray]  # top, left, pixels (h, w, 4)


def over(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Pixels (h, w, 4) composited over others: the formula of the PNG specification, in floating point."""
    a, b = above[..., 3:] / 255, below[..., 3:] / 255
    alpha = a + b * (1 - a)
    colors = (above[..., :3] * a + below[..., :3] * b * (1 - a)) / np.maximum(alpha, 1e-9)
    return np.dstack([colors, 255 * alpha])


def composed(parts: Sequence[Part], disposals: Sequence[int], blends: Sequence[bool]) -> list[np.ndarray]:
    """The canvas after each part, as the specifications of GIF and APNG say.

    A disposal of 0 keeps the part, 1 clears its area, 2 restores what was there.
    """
    canvas, frames = np.zeros((*SIZE, 4)), []
    for (top, left, pixels), disposal, blend in zip(parts, disposals, blends, strict=True):
        area = slice(top, top + pixels.shape[0]), slice(left, left + pixels.shape[1])
        before = canvas.copy()
        canvas[area] = over(canvas[area], pixels.astype(float)) if blend else pixels
        frames.append(canvas.copy())
        if disposal == 1:
            canvas[area] = 0
        elif disposal == 2:
            canvas = before
    return frames


def areas(rng: np.random.Generator, count: int, *, whole_first: bool) -> Iterator[Area]:
    for number in range(count):
        top, left = rng.integers(SIZE[0]), rng.integers(SIZE[1])
        height, width = rng.integers(1, SIZE[0] - top + 1), rng.integers(1, SIZE[1] - left + 1)
        yield (0, 0, *SIZE) if number == 0 and whole_first else (top, left, height, width)


def gif(rng: np.random.Generator, count: int, repeats: int | None = 0) -> tuple[bytes, list[np.ndarray]]:
    """A GIF of random parts with every disposal, transparency and local colour tables, and its frames."""
    shared = rng.integers(0, 256, (256, 3), np.uint8)
    data = [b"GIF89a", struct.pack("<HHBBB", *SIZE[::-1], 0xF7, 3, 0), shared.tobytes()]
    if repeats is not None:
        data.append(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", repeats) + b"\0")
    parts, disposals = [], []
    for top, left, height, width in areas(rng, count, whole_first=rng.random() < 0.5):
        disposal, local = rng.integers(4), rng.random() < 0.5
        table = rng.integers(0, 256, (256, 3), np.uint8) if local else shared
        transparent = int(rng.integers(256)) if rng.random() < 0.6 else None
        indices = rng.integers(0, 256, (height, width)).astype(np.uint8)
        if transparent is not None:
            indices[rng.random(indices.shape) < 0.4] = transparent
        flags = int(disposal) << 2 | (transparent is not None)
        data.append(struct.pack("<BBBBHBB", 0x21, 0xF9, 4, flags, 7, transparent or 0, 0))
        data.append(struct.pack("<BHHHHB", 0x2C, left, top, width, height, 0x87 if local else 0))
        data += [table.tobytes() if local else b"", image_data(indices)]
        alpha = np.where(indices == transparent, 0, 255) if transparent is not None else np.full(indices.shape, 255)
        parts.append((top, left, np.dstack([table[indices], alpha])))
        disposals.append({2: 1, 3: 2}.get(int(disposal), 0))
    return b"".join([*data, b"\x3b"]), composed(parts, disposals, [True] * count)


def image_data(indices: np.ndarray) -> bytes:
    """The compressed data of one frame, taken out of a GIF that Pillow writes."""
    image = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    image.putpalette(list(range(256)) * 3)
    stream = io.BytesIO()
    image.save(stream, "GIF", interlace=0, optimize=False)
    data = stream.getvalue()
    at = 13 + 768
    assert data[at] == 0x2C
    return data[at + 10 + (768 if data[at + 9] & 0x80 else 0) : -1]


def apng(
    rng: np.random.Generator, count: int, color: int = 6, plays: int = 0, *, hidden: bool = False
) -> tuple[bytes, list[np.ndarray]]:
    """An APNG of random parts with every disposal and blending, and its frames; ``hidden``: a default image before."""
    channels = {2: 3, 6: 4}[color]
    header = struct.pack(">IIBBBBB", *SIZE[::-1], 8, color, 0, 0, 0)
    data = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"acTL", struct.pack(">II", count, plays))]
    if hidden:
        data.append(chunk(b"IDAT", rows(np.zeros((*SIZE, channels), np.uint8))))
    parts, disposals, blends, sequence = [], [], [], 0
    for number, (top, left, height, width) in enumerate(areas(rng, count, whole_first=not hidden)):
        pixels = rng.integers(0, 256, (height, width, channels), np.uint8)
        if channels == 4:
            pixels[..., 3] = rng.choice(np.array([0, 80, 255], np.uint8), (height, width))
        disposal, blend = int(rng.integers(3)), int(rng.integers(2))
        control = struct.pack(">IIIIIHHBB", sequence, width, height, left, top, 7, 100, disposal, blend)
        data.append(chunk(b"fcTL", control))
        if number == 0 and not hidden:
            data.append(chunk(b"IDAT", rows(pixels)))
        else:
            sequence += 1
            data.append(chunk(b"fdAT", struct.pack(">I", sequence) + rows(pixels)))
        sequence += 1
        opaque = np.full((height, width), 255, np.uint8)
        parts.append((top, left, pixels if channels == 4 else np.dstack([pixels, opaque])))
        disposals.append(disposal)
        blends.append(bool(blend))
    return b"".join([*data, chunk(b"IEND", b"")]), composed(parts, disposals, blends)


def rows(pixels: np.ndarray) -> bytes:
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
