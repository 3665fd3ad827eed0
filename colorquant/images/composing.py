"""Compose the frames of an animation on its canvas, from parts that are drawn one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from PIL import Image

from colorquant.types import UInt8Array

KEEP, CLEAR, RESTORE = 0, 1, 2  # what happens to the area of a part before the next one is drawn
TRUNCATED = "truncated animation: its data end too early"


@dataclass(frozen=True)
class Part:
    """A part of the canvas: ``decode`` returns its pixels, RGB or RGBA, with notes on them.

    ``left`` and ``top`` are its place. ``disposal`` is KEEP, CLEAR or RESTORE. With ``over`` it is composited over what
    is there, else it replaces it.
    """

    decode: Callable[[], tuple[Image.Image, tuple[str, ...]]]
    left: int
    top: int
    width: int
    height: int
    disposal: int
    over: bool
    duration: Fraction


def composed(parts: list[Part], size: tuple[int, int]) -> Iterator[tuple[UInt8Array, UInt8Array | None]]:
    """Draw the parts one after the other onto a canvas of ``size`` (width, height), and yield it after each."""
    width, height = size
    canvas = Image.new("RGBA", size)
    for part in parts:
        pixels, _ = part.decode()
        before = canvas.copy() if part.disposal == RESTORE else None
        if pixels.mode == "RGB" or not part.over:
            canvas.paste(pixels, (part.left, part.top))
        elif part.left < width and part.top < height:
            visible = (0, 0, min(part.width, width - part.left), min(part.height, height - part.top))
            canvas.alpha_composite(pixels.crop(visible), (part.left, part.top))
        alpha = canvas.getchannel("A")
        opaque = alpha.getextrema() == (255, 255)
        yield np.array(canvas.convert("RGB")), None if opaque else np.array(alpha)
        if before is not None:
            canvas = before
        elif part.disposal == CLEAR:
            canvas.paste((0, 0, 0, 0), (part.left, part.top, part.left + part.width, part.top + part.height))
