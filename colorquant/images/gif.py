"""The image data of a GIF: Pillow compresses it, and nothing else of the file is made here."""

from __future__ import annotations

from PIL import Image

from colorquant.types import UInt8Array


def encode_gif_pixels(indices: UInt8Array) -> bytes:
    """Compress the rows of ``indices`` (h, w) uint8 as the image data of a GIF (GIF89a, section 22).

    These are the smallest size of a code that holds the indices, the blocks of the compressed pixels, and the empty
    block that ends them.
    """
    bits = max(2, int(indices.max()).bit_length())
    return bytes([bits]) + Image.fromarray(indices).tobytes("gif", "L", bits, 0) + b"\0"
