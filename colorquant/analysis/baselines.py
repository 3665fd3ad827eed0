"""The quantizers that people use today, to compare with: ``RIVALS`` maps the name of an engine to one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from colorquant.errors import EngineError
from colorquant.images import PILLOW_QUANTIZERS, pillow_quantize
from colorquant.palette.making import ranked
from colorquant.types import LabelArray, UInt8Array

Quantize = Callable[[UInt8Array, int], tuple[LabelArray, UInt8Array]]


@dataclass(frozen=True)
class Rival:
    """One row of :data:`RIVALS`.

    ``quantize`` takes pixels (h, w, 3) uint8 and k, from ``least`` to ``most``, and gives labels (h, w) and a palette
    (p, 3) uint8. ``package`` is what has to be installed, beside what colorquant needs itself.
    """

    quantize: Quantize
    least: int = 1
    most: int = 256
    package: str | None = None

    @property
    def missing(self) -> bool:
        """Whether its package is not installed."""
        return self.package is not None and find_spec(self.package) is None


def _imagequant(rgb: UInt8Array, k: int) -> tuple[LabelArray, UInt8Array]:
    """libimagequant (the package ``imagequant``) as it comes, not dithered."""
    import imagequant

    height, width = rgb.shape[:2]
    rgba = np.dstack([rgb, np.full((height, width), 255, np.uint8)])
    try:
        indices, palette = imagequant.quantize_raw_rgba_bytes(
            rgba.tobytes(), width, height, dithering_level=0.0, max_colors=k
        )
    except RuntimeError as error:
        raise EngineError(f"--engine imagequant: it failed ({error}); take another engine") from error
    labels = np.frombuffer(indices, np.uint8).reshape(height, width)
    return labels, np.array(palette, np.uint8).reshape(-1, 4)[:, :3]


RIVALS: dict[str, Rival] = {
    **{name: Rival(partial(pillow_quantize, name=name)) for name in PILLOW_QUANTIZERS},
    "imagequant": Rival(_imagequant, least=2, package="imagequant"),
}


def quantize(
    rgb: UInt8Array, visible: npt.NDArray[np.bool_] | None, name: str, k: int
) -> tuple[LabelArray, UInt8Array]:
    """Labels (h, w) by falling pixel count, and the palette (p, 3) uint8 of those that have pixels.

    ``visible`` (h, w) marks the pixels of ``rgb`` (h, w, 3) uint8 that have a vote, None for all. The others are not
    shown to the rival, which then gets a strip of pixels, and have the label p.
    """
    voters = rgb if visible is None else rgb[visible][None]
    if not voters.size:
        return np.zeros(rgb.shape[:2], np.uint8), np.empty((0, 3), np.uint8)
    found, palette = RIVALS[name].quantize(voters, k)
    sizes = np.bincount(found.reshape(-1), minlength=len(palette))
    order, used, rank = ranked(sizes, palette, transparent=visible is not None)
    if visible is None:
        return rank[found], palette[order[:used]]
    labels = np.full(rgb.shape[:2], used, rank.dtype)
    labels[visible] = rank[found].reshape(-1)
    return labels, palette[order[:used]]
