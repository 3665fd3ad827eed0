"""Pixels and labels to the bytes of a PNG, with what is told of them beside; Pillow encodes."""

from __future__ import annotations

import io
import zlib
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from colorquant.blocks import blocks
from colorquant.errors import OutputError
from colorquant.images.metadata import Density, Metadata
from colorquant.types import UInt8Array

INCHES_PER_METRE = 1 / 0.0254
LARGEST_DENSITY = 2**31 - 1  # that a PNG's integers hold
XMP_KEYWORD = "XML:com.adobe.xmp"
AFTER_HEADER = 33  # bytes: the signature, and the first chunk
MANY_PIXELS = 4_000_000  # above, half the time of writing is worth 2 to 4 % of the file


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


SRGB = _chunk(b"sRGB", b"\0")  # perceptual intent


def picture_chunks(density: Density | None = None, metadata: Metadata | None = None) -> bytes:
    """The chunks of a PNG that say that its colours are sRGB, how dense its pixels are, and its metadata."""
    chunks = [SRGB]
    if density is not None:
        chunks.append(_density_chunk(density))
    if metadata is not None:
        chunks += [] if metadata.exif is None else [_chunk(b"eXIf", metadata.exif)]
        xmp = "" if metadata.xmp is None else metadata.xmp.decode("utf-8", "replace")
        texts = [*metadata.texts, (XMP_KEYWORD, xmp)] if xmp else metadata.texts
        chunks += [_text_chunk(keyword, text) for keyword, text in texts]
    return b"".join(chunks)


def _density_chunk(density: Density) -> bytes:
    """pHYs: pixels per metre, or their proportion; empty where no integer can say it."""
    if density.per_inch:
        x, y = (round(value * INCHES_PER_METRE) for value in (density.x, density.y))
    else:
        x, y = (round(value * 1000) for value in (density.x, density.y))
        x, y = x // max(gcd(x, y), 1), y // max(gcd(x, y), 1)
    if not (0 < x <= LARGEST_DENSITY and 0 < y <= LARGEST_DENSITY):
        return b""
    return _chunk(b"pHYs", x.to_bytes(4, "big") + y.to_bytes(4, "big") + bytes([density.per_inch]))


def _text_chunk(keyword: str, text: str) -> bytes:
    """tEXt, or where Latin-1 does not hold the text (and for XMP) iTXt; a keyword is 1 to 79 characters of Latin-1."""
    printed = "".join(char for char in keyword if char.isprintable()).encode("latin-1", "replace")
    name = b" ".join(printed.split())[:79].rstrip() or b"Comment"
    text = text.replace("\0", " ")
    try:
        if keyword != XMP_KEYWORD:
            return _chunk(b"tEXt", name + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        pass
    return _chunk(b"iTXt", name + b"\0\0\0\0\0" + text.encode("utf-8", "replace"))


def encode_labels(
    labels: npt.NDArray[Any], palette: UInt8Array, alpha: UInt8Array | None, *, gray: bool, chunks: bytes = SRGB
) -> bytes:
    """The picture ``palette[labels]`` as PNG, indexed at the least of 1, 2, 4 or 8 bits where that is possible.

    ``labels`` (h, w) name rows of ``palette`` (p, 3) uint8, or p for a fully transparent pixel. ``alpha`` (h, w) uint8
    goes into tRNS where at most 256 pairs of colour and alpha result, else the PNG is RGBA. With ``gray`` a grayscale
    PNG is taken where it is smaller. ``chunks`` are those of :func:`picture_chunks`.
    """
    if alpha is not None:
        return _encode_with_alpha(labels, palette, alpha, chunks)
    if len(palette) > 256:
        return encode_rgb(palette[labels], None, chunks)
    if labels.max(initial=0) >= len(palette):
        raise OutputError("a label lies outside the palette: please report this")
    indexed = _png(_indexed(labels, palette), chunks)
    if not gray:
        return indexed
    levels = palette[:, 0][labels]
    bilevel = set(palette[:, 0].tolist()) <= {0, 255}
    plain = _png(Image.fromarray(levels > 0) if bilevel else Image.fromarray(levels), chunks)
    return min(indexed, plain, key=len)


def encode_rgb(rgb: UInt8Array, alpha: UInt8Array | None, chunks: bytes = SRGB) -> bytes:
    """Pixels (h, w, 3) uint8, with alpha (h, w) uint8 where there is one, as a truecolour PNG with these ``chunks``."""
    return _png(Image.fromarray(rgb if alpha is None else np.dstack([rgb, alpha])), chunks)


def encode_jpeg(rgb: UInt8Array) -> bytes:
    """Pixels (h, w, 3) uint8 as a JPEG that looks the same: to be seen, not to be computed with."""
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def _encode_with_alpha(labels: npt.NDArray[Any], palette: UInt8Array, alpha: UInt8Array, chunks: bytes) -> bytes:
    table = np.concatenate([palette, np.zeros((1, 3), np.uint8)])  # the last row is that of transparent pixels
    flat, opacities = labels.reshape(-1), alpha.reshape(-1)
    occurring = np.zeros(len(table) << 8, np.bool_)  # of the pairs label << 8 | alpha
    for rows in blocks(len(flat)):
        occurring[flat[rows].astype(np.int32) << 8 | opacities[rows]] = True
    found = np.flatnonzero(occurring)
    if len(found) > 256:
        return encode_rgb(table[labels], alpha, chunks)
    found = found[np.argsort((found & 255) == 255, kind="stable")]  # opaque entries last: tRNS need not list them
    place = np.zeros(len(occurring), np.uint8)
    place[found] = np.arange(len(found))
    index = np.empty(len(flat), np.uint8)
    for rows in blocks(len(flat)):
        index[rows] = place[flat[rows].astype(np.int32) << 8 | opacities[rows]]
    image = _indexed(index.reshape(labels.shape), table[found >> 8])
    opacity = (found & 255).astype(np.uint8)
    return _png(image, chunks, transparency=opacity[opacity < 255].tobytes())


def _indexed(labels: npt.NDArray[Any], palette: UInt8Array) -> Image.Image:
    image = Image.fromarray(labels.astype(np.uint8, copy=False))
    image.putpalette(palette.tobytes())  # turns L into P
    return image


def _png(image: Image.Image, chunks: bytes = b"", **options: Any) -> bytes:
    """The image as PNG, with ``chunks`` before its palette."""
    stream = io.BytesIO()
    many = image.width * image.height > MANY_PIXELS
    image.save(stream, "PNG", compress_level=4 if many else 6, **options)
    data = stream.getbuffer()
    return b"".join([data[:AFTER_HEADER], chunks, data[AFTER_HEADER:]]) if chunks else stream.getvalue()


def encode_label_map(labels: npt.NDArray[Any], k: int, kind: str) -> bytes:
    """Label numbers (h, w) for other programs.

    ``png``: gray, 8 bits where ``k`` labels fit, else 16; fully transparent pixels have the highest value of the type.
    ``npy``: int32, where they have -1. Raises OutputError where a PNG has too few values.
    """
    hidden = labels == k
    if kind == "npy":
        return encode_npy(np.where(hidden, np.int32(-1), labels.astype(np.int32)))
    values = k + bool(hidden.any())
    if values > 65536:
        raise OutputError(f"a label PNG has no room for {k} labels beside transparency: take --labels npy")
    dtype = np.uint8 if values <= 256 else np.uint16
    return _png(Image.fromarray(np.where(hidden, np.iinfo(dtype).max, labels).astype(dtype)))


def encode_gray(levels: npt.NDArray[Any]) -> bytes:
    """Levels (h, w) uint8, or bool for black and white at one bit, as a grayscale PNG."""
    return _png(Image.fromarray(levels))


def encode_share(shares: npt.NDArray[Any]) -> bytes:
    """Shares (h, w) from 0 to 1 as a grayscale PNG, 255 for 1."""
    return encode_gray(np.rint(shares.astype(np.float32) * 255).astype(np.uint8))


def encode_npy(values: npt.NDArray[Any]) -> bytes:
    """An array as an .npy file."""
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()
