"""The pixels of a picture that are not fully transparent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colorquant.blocks import picked
from colorquant.color.rgba import OPAQUE
from colorquant.types import BoolArray, UInt8Array


def visible_mask(alpha: UInt8Array | None) -> BoolArray | None:
    """Which pixels are not fully transparent, by their ``alpha`` (h, w) uint8; None if all are visible."""
    return None if alpha is None or alpha.all() else alpha > 0


@dataclass(frozen=True, eq=False)
class VisiblePixels:
    """The pixels of a picture that are not fully transparent.

    ``rgb`` (…, 3) uint8 holds them in picture order. ``alpha`` (n,) uint8 weighs each, in 255ths of an opaque pixel;
    None where all are opaque. ``mask`` (h, w) bool marks them in the picture; None if all are visible.
    """

    rgb: UInt8Array
    alpha: UInt8Array | None
    mask: BoolArray | None

    @classmethod
    def of(cls, rgb: UInt8Array, alpha: UInt8Array | None) -> VisiblePixels:
        """The visible pixels of ``rgb`` (h, w, 3) uint8; ``alpha`` (h, w) uint8 is None where all are opaque."""
        if alpha is None:
            return cls(rgb, None, None)
        mask = visible_mask(alpha)
        if mask is None:
            return cls(rgb, None if np.min(alpha, initial=OPAQUE) == OPAQUE else alpha.reshape(-1), None)
        partly = bool(np.any(mask & (alpha < OPAQUE)))
        marks = mask.reshape(-1)
        return cls(picked(rgb.reshape(-1, 3), marks), picked(alpha.reshape(-1), marks) if partly else None, mask)
