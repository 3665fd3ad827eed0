"""The pixels of a lossless WebP, which Pillow compresses."""

from __future__ import annotations

import io

from PIL import Image

from colorquant.types import UInt8Array

METHOD, QUALITY = 4, 50  # of libwebp, where quality is effort: others are larger, or take twice the time for 1 %


def encode_webp_pixels(rgba: UInt8Array) -> bytes:
    """The chunk VP8L, losslessly compressed, of pixels (h, w, 4) uint8."""
    stream = io.BytesIO()
    image = Image.fromarray(rgba if (rgba[..., 3] < 255).any() else rgba[..., :3])
    image.save(stream, "WEBP", lossless=True, quality=QUALITY, method=METHOD, exact=True)
    data = stream.getvalue()
    return data[data.index(b"VP8L") :]
