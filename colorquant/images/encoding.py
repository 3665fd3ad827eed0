"""Encode pixels and labels as PNG, with their density and metadata, and as JPEG and .npy."""

from __future__ import annotations

import io
from collections.abc import Callable
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from colorquant.blocks import blocks, taken
from colorquant.errors import OutputError
from colorquant.images.filtering import FilteredRows
from colorquant.images.metadata import Density, Metadata
from colorquant.images.png import (
    MANY_PIXELS,
    MOST_ENTRIES,
    SIGNATURE,
    SRGB,
    TRUECOLOUR,
    TRUECOLOUR_ALPHA,
    PixelChunks,
    chunk,
    encode_grayscale,
    encode_indexed,
    header,
)
from colorquant.types import AnyArray, IntArray, UInt8Array

INCHES_PER_METRE = 1 / 0.0254
LARGEST_DENSITY = 2**31 - 1  # the largest integer of a PNG
XMP_KEYWORD = "XML:com.adobe.xmp"
HEADER_SIZE = 33  # bytes of the signature and the first chunk
STRIP_PIXELS = 1 << 20  # of a large truecolour picture that are encoded at a time


def picture_chunks(density: Density | None = None, metadata: Metadata | None = None) -> bytes:
    """Encode the chunks of a PNG that mark its colours as sRGB and hold its density and its metadata."""
    chunks = [SRGB]
    if density is not None:
        chunks.append(_density_chunk(density))
    if metadata is not None:
        chunks += [] if metadata.exif is None else [chunk(b"eXIf", metadata.exif)]
        xmp = "" if metadata.xmp is None else metadata.xmp.decode("utf-8", "replace")
        texts = [*metadata.texts, (XMP_KEYWORD, xmp)] if xmp else metadata.texts
        chunks += [_text_chunk(keyword, text) for keyword, text in texts]
    return b"".join(chunks)


def _density_chunk(density: Density) -> bytes:
    """The chunk pHYs, pixels per metre or their ratio; empty where no integer of a PNG can hold them."""
    if density.per_inch:
        x, y = (round(value * INCHES_PER_METRE) for value in (density.x, density.y))
    else:
        x, y = (round(value * 1000) for value in (density.x, density.y))
        x, y = x // max(gcd(x, y), 1), y // max(gcd(x, y), 1)
    if not (0 < x <= LARGEST_DENSITY and 0 < y <= LARGEST_DENSITY):
        return b""
    return chunk(b"pHYs", x.to_bytes(4, "big") + y.to_bytes(4, "big") + bytes([density.per_inch]))


def _text_chunk(keyword: str, text: str) -> bytes:
    """A chunk tEXt, or iTXt for XMP and for texts outside Latin-1; the keyword is cut to 79 characters of Latin-1."""
    printable = "".join(char for char in keyword if char.isprintable()).encode("latin-1", "replace")
    name = b" ".join(printable.split())[:79].rstrip() or b"Comment"
    text = text.replace("\0", " ")
    try:
        if keyword != XMP_KEYWORD:
            return chunk(b"tEXt", name + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        pass
    return chunk(b"iTXt", name + b"\0\0\0\0\0" + text.encode("utf-8", "replace"))


def encode_labels(
    labels: npt.NDArray[Any],
    palette: UInt8Array,
    alpha: UInt8Array | None,
    *,
    gray: bool,
    chunks: bytes = SRGB,
    keep_order: bool = False,
    fast: bool = False,
) -> bytes:
    """Encode the image ``palette[labels]`` as PNG, indexed with as few bits as possible (1, 2, 4 or 8).

    ``labels`` (h, w) are rows of ``palette`` (p, 3) uint8, or p for a fully transparent pixel. More than 256 colours
    become a truecolour PNG. ``alpha`` (h, w) uint8 goes into tRNS where there are at most 256 pairs of colour and
    alpha; with more, the PNG is RGBA. With ``gray`` the PNG is grayscale where that is smaller. ``chunks`` are those of
    :func:`picture_chunks`. With ``keep_order`` entry i of the PNG's palette is row i of ``palette``, used or not, where
    the palette has room for the entries that are not opaque behind it. ``fast`` is that of :func:`encode_indexed`.
    Raises OutputError for a label outside the palette.
    """
    if alpha is not None:
        return _encode_with_alpha(labels, palette, alpha, chunks, keep_order=keep_order, fast=fast)
    if len(palette) > MOST_ENTRIES:
        return _encode_truecolour(lambda rows: palette[labels[rows]], (*labels.shape, 3), chunks)
    indexed = encode_indexed(labels, palette, None, chunks, fast=fast)
    if not gray or keep_order:
        return indexed
    levels = taken(palette[:, 0], labels)
    bilevel = set(palette[:, 0].tolist()) <= {0, 255}
    plain = encode_grayscale(levels > 0, chunks) if bilevel else _png(Image.fromarray(levels), chunks)
    return min(indexed, plain, key=len)


def encode_entries(
    labels: npt.NDArray[Any],
    palette: UInt8Array,
    alpha: UInt8Array,
    *,
    chunks: bytes = SRGB,
    keep_order: bool = False,
    fast: bool = False,
) -> bytes:
    """Encode ``labels`` (h, w) of entries with colours ``palette`` (p, 3) and ``alpha`` (p,), both uint8, as PNG.

    It is indexed up to 256 entries, else RGBA; the other arguments are those of :func:`encode_labels`.
    """
    if len(palette) > MOST_ENTRIES:
        entries = np.column_stack([palette, alpha])
        return _encode_truecolour(lambda rows: entries[labels[rows]], (*labels.shape, 4), chunks)
    return encode_indexed(labels, palette, alpha, chunks, keep_order=keep_order, fast=fast)


def encode_rgb(rgb: UInt8Array, alpha: UInt8Array | None, chunks: bytes = SRGB) -> bytes:
    """Encode pixels (h, w, 3) uint8, with ``alpha`` (h, w) uint8 or None, as a truecolour PNG with these ``chunks``."""
    if alpha is None:
        return _encode_truecolour(lambda rows: rgb[rows], rgb.shape, chunks)
    return _encode_truecolour(lambda rows: np.dstack([rgb[rows], alpha[rows]]), (*alpha.shape, 4), chunks)


def _encode_truecolour(pixels_of: Callable[[slice], UInt8Array], shape: tuple[int, ...], chunks: bytes) -> bytes:
    """Encode pixels of this ``shape`` (h, w, 3 or 4) as a truecolour PNG; ``pixels_of`` gives those of some rows.

    A picture of more than MANY_PIXELS is encoded strip by strip, so that no copy of it is in memory.
    """
    height, width, channels = shape
    if height * width <= MANY_PIXELS:
        return _png(Image.fromarray(pixels_of(slice(0, height))), chunks)
    stream, encoder = io.BytesIO(), FilteredRows(height, width, channels)
    color_type = TRUECOLOUR if channels == 3 else TRUECOLOUR_ALPHA
    stream.write(SIGNATURE + header(width, height, 8, color_type) + chunks)
    pixels = PixelChunks(stream)
    for rows in blocks(height, max(1, STRIP_PIXELS // width)):
        pixels.write(encoder.add(pixels_of(rows)))
    pixels.finish()
    return stream.getvalue()


def encode_jpeg(rgb: UInt8Array) -> bytes:
    """Encode pixels (h, w, 3) uint8 as a JPEG of quality 85, for viewing."""
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def _encode_with_alpha(
    labels: npt.NDArray[Any],
    palette: UInt8Array,
    alpha: UInt8Array,
    chunks: bytes,
    *,
    keep_order: bool,
    fast: bool,
) -> bytes:
    """Encode ``palette[labels]`` with alpha; arguments as for :func:`encode_labels`."""
    colors = np.concatenate([palette, np.zeros((1, 3), np.uint8)])  # the last row is for fully transparent pixels
    flat_labels, flat_alpha = labels.reshape(-1), alpha.reshape(-1)
    occurs = np.zeros(len(colors) << 8, np.bool_)  # for each pair label << 8 | alpha
    for rows in blocks(len(flat_labels)):
        occurs[pairs_of(flat_labels[rows], flat_alpha[rows])] = True
    pairs = np.flatnonzero(occurs)
    if keep_order:
        pairs = pairs_in_order(pairs, len(palette))
    if len(pairs) > MOST_ENTRIES:
        return _encode_truecolour(
            lambda rows: np.dstack([colors[labels[rows]], alpha[rows]]), (*alpha.shape, 4), chunks
        )
    index_of_pair = np.zeros(len(occurs), np.uint8)
    index_of_pair[pairs] = np.arange(len(pairs))
    indices = np.empty(len(flat_labels), np.uint8)
    for rows in blocks(len(flat_labels)):
        indices[rows] = index_of_pair[pairs_of(flat_labels[rows], flat_alpha[rows])]
    entry_alpha = (pairs & 255).astype(np.uint8)
    return encode_indexed(
        indices.reshape(labels.shape), colors[pairs >> 8], entry_alpha, chunks, keep_order=keep_order, fast=fast
    )


def pairs_of(labels: AnyArray, alpha: UInt8Array | int) -> AnyArray:
    """The pairs ``label << 8 | alpha`` of pixels with these ``labels`` and ``alpha`` (…), which may be one for all."""
    return labels.astype(np.int32) << 8 | alpha


def pairs_in_order(pairs: IntArray, k: int) -> IntArray:
    """The :func:`pairs_of` an image, before them an opaque one for each of ``k`` entries, where there is room for all.

    Where there is not, they stay as they are. Pixels that are fully transparent have the label ``k``.
    """
    given = pairs_of(np.arange(k), 255)
    others = pairs[(pairs & 255 < 255) | (pairs >> 8 == k)]
    return np.concatenate([given, others]) if len(given) + len(others) <= MOST_ENTRIES else pairs


def _png(image: Image.Image, chunks: bytes = b"") -> bytes:
    """Encode the image as PNG with Pillow, which filters its rows, with ``chunks`` behind its header."""
    stream = io.BytesIO()
    many = image.width * image.height > MANY_PIXELS
    image.save(stream, "PNG", compress_level=4 if many else 6)
    data = stream.getbuffer()
    return b"".join([data[:HEADER_SIZE], chunks, data[HEADER_SIZE:]]) if chunks else stream.getvalue()


def encode_label_map(labels: npt.NDArray[Any], k: int, kind: str) -> bytes:
    """Encode labels (h, w), where ``k`` stands for a fully transparent pixel, as a file for other programs.

    ``kind`` ``png`` and ``tiff`` are gray, of 8 bits where ``k`` labels fit, else of 16; fully transparent pixels have
    the highest value of the type, which a TIFF says to be no data. ``npy`` is int32, in which they have -1. Raises
    OutputError where 16 bits are too few.
    """
    transparent = labels == k
    if kind == "npy":
        return encode_npy(np.where(transparent, np.int32(-1), labels.astype(np.int32)))
    hidden = bool(transparent.any())
    dtype = label_levels(k, transparent=hidden)
    highest = int(np.iinfo(dtype).max)
    levels: npt.NDArray[np.uint8 | np.uint16] = np.where(transparent, highest, labels).astype(dtype)
    if kind == "png":
        return encode_grayscale(levels)
    from colorquant.images.tiff import encode_tiled  # a plain run does not need it

    return encode_tiled(levels, highest if hidden else None)


def label_levels(k: int, *, transparent: bool) -> type[np.uint8 | np.uint16]:
    """The type that holds ``k`` labels, and one more value where some pixels are ``transparent``.

    Raises OutputError where 16 bits are too few.
    """
    values = k + transparent
    if values > 65536:
        raise OutputError(f"16 bits have no room for {k} labels beside transparency: use --labels npy")
    return np.uint8 if values <= 256 else np.uint16


def encode_gray(levels: npt.NDArray[Any]) -> bytes:
    """Encode levels (h, w), uint8 or bool, as a grayscale PNG; bool as one of 1 bit, black and white."""
    return encode_grayscale(levels) if levels.dtype == np.bool_ else _png(Image.fromarray(levels))


def encode_share(shares: npt.NDArray[Any]) -> bytes:
    """Encode shares (h, w), 0 to 1, as a grayscale PNG with 255 for 1."""
    return encode_gray(np.rint(shares.astype(np.float32) * 255).astype(np.uint8))


def encode_npy(values: npt.NDArray[Any]) -> bytes:
    """Encode an array as an .npy file."""
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()
