"""What becomes of a picture's alpha: it is kept, dropped, or the picture is composited onto a colour."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from colorquant.blocks import blocks
from colorquant.errors import OptionError
from colorquant.types import UInt8Array

TREATMENTS = ("keep", "drop")  # or a colour, #rrggbb
COLOR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")


def check_alpha(said: str) -> None:
    """Raises OptionError for what is neither one of TREATMENTS nor a colour."""
    if said not in TREATMENTS and COLOR.fullmatch(said) is None:
        raise OptionError(f"--alpha {said!r} is unknown: take keep, drop, or a colour in quotes, such as '#ffffff'")


def treated(rgb: UInt8Array, alpha: UInt8Array | None, said: str) -> tuple[UInt8Array, UInt8Array | None]:
    """Pixels (h, w, 3) uint8 and their alpha (h, w) uint8 as :func:`check_alpha` allows to say what becomes of it.

    ``keep`` changes nothing; else every pixel becomes opaque: without its alpha, or composited onto a colour.
    """
    color = COLOR.fullmatch(said)
    if alpha is None or said == "keep":
        return rgb, alpha
    if color is None:
        return rgb, None
    return composited(rgb, alpha, np.array([int(level, 16) for level in color.groups()], np.uint16)), None


def composited(rgb: UInt8Array, alpha: UInt8Array, backdrop: npt.NDArray[np.uint16]) -> UInt8Array:
    """Pixels (h, w, 3) with alpha (h, w), both uint8, over the colour ``backdrop`` (3,), (h, w, 3) uint8.

    As browsers do, "over" (Porter and Duff 1984) on the levels as they are stored, gamma-encoded sRGB, rounded.
    """
    out = np.empty_like(rgb)
    over, under, weights = out.reshape(-1, 3), rgb.reshape(-1, 3), alpha.reshape(-1, 1)
    for rows in blocks(len(over)):
        weight = weights[rows].astype(np.uint16)
        over[rows] = (weight * under[rows] + (255 - weight) * backdrop + 127) // 255  # below 65536, never half
    return out
