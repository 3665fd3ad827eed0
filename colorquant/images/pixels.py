"""Convert Pillow's decoded images of every mode to 8 bits per channel: colour in the file's own space, and alpha."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from colorquant.errors import ImageReadError
from colorquant.images.metadata import QUARTER_TURNS
from colorquant.images.profiles import MODES
from colorquant.types import UInt8Array

if TYPE_CHECKING:
    from PIL import TiffImagePlugin

    from colorquant.images.colorimetry import ColorEncoding

T = TypeVar("T", bound=np.generic)

STRIP = 1 << 20  # pixels copied out of Pillow at a time: the whole image is in memory twice, not three times
BANDS = {"GRAY": 1, "RGB": 3, "CMYK": 4, "LAB": 3}  # the number of channels of each space in profiles.MODES
GRAYS = ("1", "L", "LA", "La")
TIFF_PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
ROWS_REVERSED, COLUMNS_REVERSED = (3, 4, 7, 8), (2, 3, 6, 7)  # orientations, after rows and columns were exchanged


@dataclass(frozen=True)
class NativePixels:
    """Pixels in their file's colour space: ``values`` (h, w, bands) uint8 in ``space``, a key of profiles.MODES.

    Where they were converted by a ColorEncoding, ``values`` are sRGB, or gray with the curve of sRGB.
    ``alpha`` is (h, w) uint8, None where all pixels are opaque.
    """

    values: UInt8Array
    space: str
    alpha: UInt8Array | None


def is_tiff(image: Image.Image) -> TypeGuard[TiffImagePlugin.TiffImageFile]:
    """Whether Pillow read the image as a TIFF."""
    return image.format == "TIFF"


def native_pixels(
    image: Image.Image, low: Image.Image | None, bits: int, encoding: ColorEncoding | None = None
) -> NativePixels:
    """The pixels of a loaded image with ``bits`` per channel; ``low`` as in :class:`colorquant.images.decoding.Loaded`.

    With an ``encoding``, which is for RGB and gray images, they are converted to sRGB, 16 bits before they are rounded.
    Raises ImageReadError for pixels of more than 16 bits.
    """
    if low is not None:
        native = _from_16_bit_colors(image, low, encoding)
    elif image.mode[0] in "IF":
        native = _from_16_bit_gray(image, bits, encoding)
    else:
        native = _from_8_bits(image, bits, encoding)
    if native.alpha is not None and np.min(native.alpha) == 255:
        return replace(native, alpha=None)
    return native


def _from_8_bits(image: Image.Image, bits: int, encoding: ColorEncoding | None) -> NativePixels:
    """The pixels of an image that Pillow holds in 8 bits per channel or fewer."""
    gray = image.mode in GRAYS
    space = "GRAY" if gray else image.mode if image.mode in ("CMYK", "LAB") else "RGB"
    key = image.info.get("transparency")
    keyed = image.mode in ("1", "L", "RGB") and key is not None
    translucent = not keyed and space in ("GRAY", "RGB") and image.has_transparency_data
    mode = "RGBA" if translucent else MODES[space]
    bands = BANDS[space]
    values = np.empty((image.height, image.width, bands), np.uint8)
    alpha = np.empty((image.height, image.width), np.uint8) if translucent or keyed else None
    transparent = _key(image, key, bits) if keyed else None
    for rows, pixels in _strips(image, mode):
        values[rows] = pixels[:, :, :bands]
        if alpha is not None:
            opaque = pixels[:, :, 3] if translucent else np.where((values[rows] == transparent).all(axis=2), 0, 255)
            alpha[rows] = opaque
        if encoding is not None:
            values[rows] = encoding.to_srgb(values[rows])
    return NativePixels(values, space, alpha)


def _key(image: Image.Image, key: Any, bits: int) -> npt.NDArray[np.int64]:
    """The transparent colour ``key``, scaled like the pixels: Pillow scales gray to 8 bits, but not the key."""
    levels = 2**bits - 1 if image.format == "PNG" and image.mode != "1" else 255
    return np.atleast_1d(np.asarray(key, np.int64)) * 255 // levels


def _strips(image: Image.Image, mode: str) -> Iterator[tuple[slice, UInt8Array]]:
    """Yield the image, converted to ``mode``, in strips (rows, width, bands) uint8."""
    width, height = image.size
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        if strip.mode == "La":
            strip = strip.convert("LA")  # the only mode to which Pillow converts La
        pixels = np.asarray(strip if strip.mode == mode else strip.convert(mode))
        yield slice(top, top + rows), pixels.reshape(*pixels.shape[:2], -1)


def _from_16_bit_gray(image: Image.Image, bits: int, encoding: ColorEncoding | None) -> NativePixels:
    """Gray of 9 to 16 bits, rounded to 8; Pillow's own conversion would clip at 255."""
    values = np.asarray(image)
    full = 2**bits - 1 if image.format == "TIFF" else 65535  # the other decoders scale to 16 bits
    if bits > 16 or image.mode == "F" or np.min(values) < 0 or np.max(values) > full:
        raise ImageReadError(f"has pixels of 32 bits (mode {image.mode}): convert it to 8 or 16 bits first")
    if is_tiff(image) and image.tag_v2.get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO:
        values = full - values  # Pillow inverts 8-bit gray, but not 16-bit gray
    key = image.info.get("transparency")
    alpha = np.where(values == key, np.uint8(0), np.uint8(255)) if isinstance(key, int) else None
    gray = np.empty((*values.shape, 1), np.uint8)
    rows = max(1, STRIP // values.shape[1])
    for top in range(0, len(values), rows):
        if encoding is not None:
            gray[top : top + rows] = encoding.to_srgb(values[top : top + rows, :, None].astype(np.uint16))
            continue
        strip = values[top : top + rows].astype(np.uint32)
        gray[top : top + rows, :, 0] = (strip * 255 + full // 2) // full  # of 16 bits (v + 128) // 257
    return NativePixels(gray, "GRAY", alpha)


def _from_16_bit_colors(image: Image.Image, low: Image.Image, encoding: ColorEncoding | None) -> NativePixels:
    """Colour of 16 bits: ``image`` holds the high bytes and ``low`` the low ones."""
    key = image.info.get("transparency")
    space = {"LA": "GRAY", "CMYK": "CMYK"}.get(low.mode, "RGB")
    bands = BANDS[space]
    values = np.empty((image.height, image.width, bands), np.uint8)
    alpha = None if low.mode not in ("LA", "RGBA") and key is None else np.empty(values.shape[:2], np.uint8)
    for (rows, high), (_, lower) in zip(_strips(image, low.mode), _strips(low, low.mode), strict=True):
        reduced = _rounded(high, lower)
        if encoding is None:
            values[rows] = reduced[:, :, :bands]
        else:
            values[rows] = encoding.to_srgb(_joined(high, lower)[:, :, :bands])
        if alpha is not None and key is None:
            alpha[rows] = reduced[:, :, -1]
        elif alpha is not None:
            alpha[rows] = np.where((_joined(high, lower) == np.asarray(key, np.int64)).all(axis=2), 0, 255)
    return NativePixels(values, space, alpha)


def _joined(high: UInt8Array, low: UInt8Array) -> npt.NDArray[np.uint16]:
    """The 16-bit values with these high and low bytes."""
    return high.astype(np.uint16) << np.uint16(8) | low


def _rounded(high: UInt8Array, low: UInt8Array) -> UInt8Array:
    """(v + 128) // 257 for v = 256 · high + low, computed in 16 bits: v is 257 · high + (low - high)."""
    difference = low.astype(np.int16) - high
    rounded: UInt8Array = (high + (difference >= 129).astype(np.int8) - (difference < -128)).astype(np.uint8)
    return rounded


def upright(pixels: npt.NDArray[T], orientation: int) -> npt.NDArray[T]:
    """Turn and mirror pixels (h, w, …) so that an image with this EXIF ``orientation``, 1 to 8, is upright."""
    if orientation in QUARTER_TURNS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in ROWS_REVERSED:
        pixels = pixels[::-1]
    if orientation in COLUMNS_REVERSED:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
