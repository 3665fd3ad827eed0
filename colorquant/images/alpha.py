"""What to do with an image's alpha channel: keep it, drop it, threshold it, or composite the image onto a colour."""

from __future__ import annotations

import re
from contextlib import suppress

import numpy as np
import numpy.typing as npt
from PIL import ImageColor

from colorquant.blocks import blocks
from colorquant.errors import OptionError
from colorquant.types import UInt8Array

KEYWORDS = ("keep", "drop")  # or threshold[:N], or a colour
THRESHOLD = re.compile(r"threshold(?::(.*))?", re.DOTALL)
HALF = 128  # the default of N
HEX_DIGITS = re.compile(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}")  # a colour without #, which a shell takes for a comment


def check_alpha(alpha: str) -> None:
    """Raises OptionError for what is neither one of KEYWORDS, nor a threshold, nor a colour."""
    if alpha not in KEYWORDS and _threshold(alpha) is None:
        _color(alpha)


def apply_alpha(rgb: UInt8Array, alpha: UInt8Array | None, treatment: str) -> tuple[UInt8Array, UInt8Array | None]:
    """Treat ``alpha`` (h, w) uint8 of the pixels ``rgb`` (h, w, 3) uint8 as ``treatment`` says; returns both again.

    ``keep`` changes nothing. ``drop`` makes every pixel opaque, with the colour that it has. ``threshold:N`` makes
    alpha 255 where it is N or more, and 0 elsewhere. A colour is the background that the pixels are composited onto.
    Raises OptionError for another word, for an opaque image too.
    """
    check_alpha(treatment)
    if alpha is None or treatment == "keep":
        return rgb, alpha
    threshold = _threshold(treatment)
    if threshold is not None:
        return rgb, np.where(alpha >= threshold, np.uint8(255), np.uint8(0))
    return (rgb if treatment == "drop" else composite(rgb, alpha, _color(treatment))), None


def _threshold(text: str) -> int | None:
    """The N of ``threshold:N``; None for another word. Raises OptionError where it is not a number from 1 to 255."""
    match = THRESHOLD.fullmatch(text)
    if match is None:
        return None
    number = match[1]
    if number is None:
        return HALF
    if not (number.isascii() and number.isdecimal() and 1 <= int(number[:9]) <= 255):
        raise OptionError(f"--alpha {text!r} has no level of alpha: use threshold, or threshold:N with N from 1 to 255")
    return int(number)


def _color(text: str) -> npt.NDArray[np.uint16]:
    """The colour (3,), 0 to 255, of a CSS name, or of #rrggbb, #rgb, or the same digits without #."""
    color: tuple[int, ...] = ()
    with suppress(ValueError):
        color = ImageColor.getrgb(f"#{text}" if HEX_DIGITS.fullmatch(text) else text)
    if len(color) != 3 or max(color) > 255 or text != text.strip():
        words = "palette, keep, drop, threshold, or a colour, such as white, fff or ffcc00"
        raise OptionError(f"--alpha {text!r} is unknown: use {words}")
    return np.array(color, np.uint16)


def composite(rgb: UInt8Array, alpha: UInt8Array, background: npt.NDArray[np.uint16]) -> UInt8Array:
    """Composite pixels (h, w, 3) with alpha (h, w), both uint8, onto the colour ``background`` (3,): (h, w, 3) uint8.

    The operator "over" (Porter and Duff 1984), as browsers apply it: on the gamma-encoded sRGB levels, rounded.
    """
    out = np.empty_like(rgb)
    over, under, weights = out.reshape(-1, 3), rgb.reshape(-1, 3), alpha.reshape(-1, 1)
    for rows in blocks(len(over)):
        weight = weights[rows].astype(np.uint16)
        over[rows] = (weight * under[rows] + (255 - weight) * background + 127) // 255  # below 65536, never half
    return out
