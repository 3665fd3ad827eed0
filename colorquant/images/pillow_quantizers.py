"""The quantizers of Pillow, with which others are compared."""

from __future__ import annotations

import numpy as np
from PIL import Image

from colorquant.types import UInt8Array

PILLOW_QUANTIZERS = {"pillow-median": Image.Quantize.MEDIANCUT, "pillow-octree": Image.Quantize.FASTOCTREE}
PILLOW_WITH_ALPHA = ("pillow-octree",)  # those that make palettes over RGBA


def pillow_quantize(rgb: UInt8Array, k: int, name: str, *, dithered: bool = False) -> tuple[UInt8Array, UInt8Array]:
    """Quantize pixels (h, w, 3) uint8 to ``k`` colours, 1 to 256, by Pillow's own quantizer.

    ``name`` is a key of PILLOW_QUANTIZERS. The pixels are not dithered, or with ``dithered`` by Pillow's
    Floyd-Steinberg. Returns labels (h, w) uint8 and a palette (p, 3) uint8. A colour of the palette may have no pixels.
    For the names in PILLOW_WITH_ALPHA pixels may be (h, w, 4), and the palette is then (p, 4).
    """
    original = Image.fromarray(rgb)
    image = original.quantize(k, method=PILLOW_QUANTIZERS[name], dither=Image.Dither.NONE)
    if dithered:  # Pillow dithers only onto a palette that is given
        image = original.quantize(palette=image, dither=Image.Dither.FLOYDSTEINBERG)
    channels = rgb.shape[2]
    return np.array(image), np.array(image.getpalette("RGBA"[:channels]), np.uint8).reshape(-1, channels)
