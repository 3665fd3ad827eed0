"""Image files to arrays: the only door through which they come in. Pillow decodes, whole or not at all."""

from __future__ import annotations

import io
import logging
import math
import stat
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from colorquant.errors import ImageReadError

UInt8Array = npt.NDArray[np.uint8]
Decoded = TypeVar("Decoded")

# MPO comes with JPEG. No format that runs a program (EPS, PDF) or that Pillow reads in part (PSD, WMF).
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF", "JPEG2000", "TGA", "ICO", "QOI")
SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("png", "jpg", "jpeg", "jpe", "jfif", "webp", "tif", "tiff", "bmp", "dib", "gif", "ppm", "pgm", "pbm", "pnm"),
        *("avif", "jp2", "j2k", "jpx", "tga", "ico", "qoi"),
    )
)
MAX_PIXELS = 178_000_000
PNG_BIT_DEPTH = 24  # its place in a PNG file
STRIP = 1 << 20  # pixels copied out of Pillow at a time: the whole picture is in memory twice, not three times

# Our own limit stands before any decoding; Pillow's warning at half of it says nothing more.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Damaged metadata is dropped anyway, damaged pixels are an error.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())  # what Pillow logs of damaged files is in our error


@dataclass(frozen=True)
class Picture:
    """A decoded image: ``rgb`` (h, w, 3) uint8 in sRGB, ``alpha`` (h, w) uint8 or None, ``bytes_in`` of its file."""

    rgb: UInt8Array
    alpha: UInt8Array | None
    bytes_in: int


def read_image(source: Path | str | bytes) -> Picture:
    """Decode a file, or its bytes; EXIF orientation is applied. Raises ImageReadError where it is not a whole image."""
    return _decoded(source, FORMATS, _to_picture)


def read_label_map(path: Path | str) -> npt.NDArray[np.int64]:
    """The labels (h, w) of an indexed or gray PNG: its indices or levels. Raises ImageReadError for another file."""
    return _decoded(path, ("PNG",), _to_labels)


def _decoded(
    source: Path | str | bytes, formats: tuple[str, ...], take: Callable[[Image.Image, bytes], Decoded]
) -> Decoded:
    data = source if isinstance(source, bytes) else _read_bytes(Path(source))
    if not data:
        raise ImageReadError("the file is empty: give an image")
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            _check_size(image)
            if image.format == "PNG":  # load() alone passes over a wrong checksum
                with Image.open(io.BytesIO(data), formats=("PNG",)) as checked:
                    checked.verify()
            image.load()
            return take(image, data)
    except ImageReadError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageReadError(f"claims more than {MAX_PIXELS:,} pixels: give a smaller picture") from error
    except UnidentifiedImageError as error:
        raise ImageReadError(f"not an image of a known format, or damaged: give one of {', '.join(formats)}") from error
    except MemoryError as error:
        raise ImageReadError("too large for the memory of this machine: give a smaller picture") from error
    except Exception as error:
        reason = f" ({' '.join(str(error).split())})" if isinstance(error, (OSError, SyntaxError)) else ""
        raise ImageReadError(f"damaged or truncated image{reason}: give a whole file") from error


def _read_bytes(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) or stat.S_ISFIFO(mode):
            return path.read_bytes()
        raise ImageReadError("not a file: give an image file")  # a device may never end
    except ImageReadError:
        raise
    except FileNotFoundError as error:
        raise ImageReadError("cannot be read, there is no such file: check the name") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageReadError(f"cannot be read: {reason}; check the name and its permissions") from error


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageReadError(f"claims {width} × {height}, more than {MAX_PIXELS:,} pixels: give a smaller picture")


def _to_picture(image: Image.Image, data: bytes) -> Picture:
    bytes_in, key = len(data), image.info.get("transparency")
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        alpha = np.where(values == key, 0, 255).astype(np.uint8) if isinstance(key, int) else None
        return Picture(np.repeat(_reduced_to_8_bits(values, image.mode)[:, :, None], 3, axis=2), alpha, bytes_in)
    if image.format == "PNG" and image.mode == "L" and isinstance(key, int):
        gray = np.asarray(image)
        levels = 2 ** data[PNG_BIT_DEPTH] - 1  # Pillow scales the pixels to 8 bits, but not the key
        alpha = np.where(gray == key * 255 // levels, 0, 255).astype(np.uint8)
        return Picture(np.repeat(gray[:, :, None], 3, axis=2), alpha, bytes_in)
    if image.has_transparency_data:
        rgba = _pixels(image if image.mode == "RGBA" else image.convert("RGBA"), 4)
        alpha = np.ascontiguousarray(rgba[:, :, 3])
        return Picture(np.ascontiguousarray(rgba[:, :, :3]), None if np.min(alpha) == 255 else alpha, bytes_in)
    return Picture(_pixels(image if image.mode == "RGB" else image.convert("RGB"), 3), None, bytes_in)


def _to_labels(image: Image.Image, data: bytes) -> npt.NDArray[np.int64]:
    if image.mode not in ("1", "L", "P") and not image.mode.startswith("I"):
        raise ImageReadError(f"is a picture (mode {image.mode}), not a label map: give an indexed or a gray PNG")
    return np.asarray(image).astype(np.int64)


def _reduced_to_8_bits(values: npt.NDArray[Any], mode: str) -> UInt8Array:
    """Gray of 16 bits, rounded to 8; Pillow's own conversion would clip at 255."""
    if mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ImageReadError(f"has pixels of 32 bits (mode {mode}): convert it to 8 or 16 bits first")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _pixels(image: Image.Image, bands: int) -> UInt8Array:
    width, height = image.size
    out = np.empty((height, width, bands), np.uint8)
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        out[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return out


PILLOW_QUANTIZERS = {"pillow-median": Image.Quantize.MEDIANCUT, "pillow-octree": Image.Quantize.FASTOCTREE}


def pillow_quantize(rgb: UInt8Array, k: int, name: str) -> tuple[UInt8Array, UInt8Array]:
    """Labels (h, w) uint8 and palette (p, 3) uint8 by Pillow's own quantizer, a key of PILLOW_QUANTIZERS, not dithered.

    ``rgb`` is (h, w, 3) uint8, ``k`` 1 to 256. A row of the palette need not have pixels.
    """
    image = Image.fromarray(rgb).quantize(k, method=PILLOW_QUANTIZERS[name], dither=Image.Dither.NONE)
    return np.array(image), np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)


def resize(picture: Picture, scale: float) -> Picture:
    """The picture with about ``scale`` times its pixels, its sides in proportion, at least one pixel each way.

    By Pillow's Lanczos filter, in which transparent pixels have no weight: new colours come up. Raises ImageReadError
    where more than ``MAX_PIXELS`` would result.
    """
    if scale == 1:
        return picture
    height, width = (max(1, round(side * math.sqrt(scale))) for side in picture.rgb.shape[:2])
    if width * height > MAX_PIXELS:
        raise ImageReadError(
            f"would be {width} × {height} at {scale:g} times its pixels, more than {MAX_PIXELS:,}: take a smaller scale"
        )
    image = Image.fromarray(picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha]))
    bands = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    alpha = None if picture.alpha is None else np.ascontiguousarray(bands[:, :, 3])
    return Picture(np.ascontiguousarray(bands[:, :, :3]), alpha, picture.bytes_in)
