"""Pixels and labels to the bytes of a PNG; Pillow encodes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from colorquant.errors import OutputError

UInt8Array = npt.NDArray[np.uint8]

MANY_PIXELS = 4_000_000  # above, half the time of writing is worth 2 to 4 % of the file


def encode_labels(labels: npt.NDArray[Any], palette: UInt8Array, alpha: UInt8Array | None, *, gray: bool) -> bytes:
    """The picture ``palette[labels]`` as PNG, indexed at the least of 1, 2, 4 or 8 bits where that is possible.

    ``labels`` (h, w) name rows of ``palette`` (p, 3) uint8, or p for a fully transparent pixel. ``alpha`` (h, w) uint8
    goes into tRNS where at most 256 pairs of colour and alpha result, else the PNG is RGBA. With ``gray`` a grayscale
    PNG is taken where it is smaller.
    """
    if alpha is not None:
        return _encode_with_alpha(labels, palette, alpha)
    if len(palette) > 256:
        return _png(Image.fromarray(palette[labels]))
    if labels.max(initial=0) >= len(palette):
        raise OutputError("a label lies outside the palette: please report this")
    indexed = _png(_indexed(labels, palette))
    if not gray:
        return indexed
    levels = palette[:, 0][labels]
    bilevel = set(palette[:, 0].tolist()) <= {0, 255}
    plain = _png(Image.fromarray(levels > 0) if bilevel else Image.fromarray(levels))
    return min(indexed, plain, key=len)


def encode_rgb(rgb: UInt8Array, alpha: UInt8Array | None) -> bytes:
    """Pixels (h, w, 3) uint8, with alpha (h, w) uint8 where there is one, as a truecolour PNG."""
    return _png(Image.fromarray(rgb if alpha is None else np.dstack([rgb, alpha])))


def _encode_with_alpha(labels: npt.NDArray[Any], palette: UInt8Array, alpha: UInt8Array) -> bytes:
    table = np.concatenate([palette, np.zeros((1, 3), np.uint8)])  # the last row is that of transparent pixels
    pairs, index = np.unique(labels.astype(np.int64) << 8 | alpha, return_inverse=True)
    if len(pairs) > 256:
        return encode_rgb(table[labels], alpha)
    order = np.argsort((pairs & 255) == 255, kind="stable")  # opaque entries last: tRNS need not list them
    rank = np.empty(len(order), np.uint8)
    rank[order] = np.arange(len(order))
    pairs = pairs[order]
    image = _indexed(rank[index].reshape(labels.shape), table[pairs >> 8])
    opacity = (pairs & 255).astype(np.uint8)
    return _png(image, transparency=opacity[opacity < 255].tobytes())


def _indexed(labels: npt.NDArray[Any], palette: UInt8Array) -> Image.Image:
    image = Image.fromarray(labels.astype(np.uint8, copy=False))
    image.putpalette(palette.tobytes())  # turns L into P
    return image


def _png(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    many = image.width * image.height > MANY_PIXELS
    image.save(stream, "PNG", compress_level=4 if many else 6, **options)
    return stream.getvalue()


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
