"""Read image files into arrays, whole or not at all. This is the only room that knows Pillow, which decodes them."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import numpy.typing as npt
from PIL import Image

from colorquant.blocks import blocks
from colorquant.errors import ImageReadError
from colorquant.images import integrity, metadata, pixels, profiles
from colorquant.images.alpha import apply_alpha
from colorquant.images.decoding import MAX_PIXELS, Loaded, Reading, decode
from colorquant.images.metadata import Density, Metadata
from colorquant.types import UInt8Array
from colorquant.urls import Place

if TYPE_CHECKING:
    from colorquant.images.colorimetry import ColorDescription, ColorEncoding

# MPO comes with JPEG. Left out are formats that run a program (EPS, PDF), or that Pillow reads only in part (PSD, WMF).
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF", "JPEG2000", "TGA", "ICO", "QOI")
SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("png", "jpg", "jpeg", "jpe", "jfif", "webp", "tif", "tiff", "bmp", "dib", "gif", "ppm", "pgm", "pbm", "pnm"),
        *("avif", "jp2", "j2k", "jpx", "tga", "ico", "qoi"),
    )
)
# Formats whose frames are an animation, or pages. Those of an icon are sizes, those of an MPO previews: no great loss.
ANIMATED = ("GIF", "PNG", "WEBP")  # what colorquant video reads
ANIMATIONS_AND_PAGES = ("GIF", "PNG", "WEBP", "AVIF", "TIFF")


@dataclass(frozen=True)
class Picture:
    """A decoded image: ``rgb`` (h, w, 3) uint8 in sRGB, ``alpha`` (h, w) uint8, None where all pixels are opaque.

    ``bytes_in`` is the size of its file. ``notes`` say what was lost or changed when it was read; ``warnings`` are the
    notes that a user should see without asking. ``frames`` is the number of frames in the file, None where it cannot be
    known.
    """

    rgb: UInt8Array
    alpha: UInt8Array | None
    bytes_in: int
    notes: tuple[str, ...] = ()
    density: Density | None = None
    metadata: Metadata = field(default_factory=Metadata)
    warnings: tuple[str, ...] = ()
    frames: int | None = 1


def read_image(source: Place | str | bytes, reading: Reading = Reading()) -> Picture:  # noqa: B008  it is frozen
    """Decode a file, or its bytes, into upright pixels in sRGB. Raises ImageReadError where it is not a whole image."""
    picture, bytes_in = decode(source, FORMATS, reading, lambda loaded: picture_of(loaded, reading))
    rgb, alpha = apply_alpha(picture.rgb, picture.alpha, reading.alpha)
    return replace(picture, rgb=rgb, alpha=alpha, bytes_in=bytes_in)


def is_pil(value: object) -> TypeGuard[Image.Image]:
    """Whether a value is a PIL image."""
    return isinstance(value, Image.Image)


def from_pil(image: Image.Image, reading: Reading = Reading()) -> Picture:  # noqa: B008  it is frozen
    """A PIL image as a picture; its profile, orientation and transparency are honoured as a file's are.

    Raises ImageReadError where Pillow cannot decode it, or for a mode that no PNG or TIFF can hold.
    """
    stream = io.BytesIO()
    kind = "TIFF" if image.mode in ("CMYK", "YCbCr", "LAB", "F", "I;16B", "I;16L") else "PNG"
    try:
        extra = {key: image.info[key] for key in ("icc_profile", "transparency") if key in image.info}
        image.save(stream, kind, exif=image.getexif(), **extra)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ImageReadError(f"the PIL image of mode {image.mode} cannot be taken: {error}; convert it") from error
    return read_image(stream.getvalue(), reading)


def to_pil(data: bytes) -> Image.Image:
    """The bytes of an image file as a loaded PIL image."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def read_label_map(path: Place | str, reading: Reading = Reading()) -> npt.NDArray[np.int64]:  # noqa: B008  it is frozen
    """Read an indexed or gray PNG or TIFF as labels (h, w), its indices or levels. Raises ImageReadError for others."""
    labels, _ = decode(path, ("PNG", "TIFF"), reading, _to_labels)
    return labels


@dataclass(frozen=True)
class ImageColors:
    """The colours of an image: ``colors`` (p, 3) uint8 in sRGB, with the number of pixels of each, ``counts`` (p,).

    ``alpha`` (p,) uint8 is None where all are opaque.
    """

    colors: UInt8Array
    counts: npt.NDArray[np.int64]
    alpha: UInt8Array | None


def read_colors(source: Path | str | bytes, most: int, reading: Reading = Reading()) -> ImageColors | None:  # noqa: B008
    """The colours of an image: all entries of the table of an indexed image, else its distinct colours.

    The table keeps its order. Of a GIF, whose table has a power of two entries, those at the end that only fill it up
    are left out. Distinct colours are in the order in which they first occur in the picture; pixels that differ only in
    alpha differ, and all fully transparent ones are one. Returns None for more than ``most`` distinct colours. Raises
    ImageReadError where the file is not a whole image.
    """
    found, _ = decode(source, FORMATS, reading, lambda loaded: _colors(loaded, most))
    return found


def _colors(loaded: Loaded, most: int) -> ImageColors | None:
    if loaded.image.mode == "P":
        return _table(loaded)
    native, rgb, _ = _to_srgb(loaded)
    return _distinct(rgb, native.alpha, most)


def _table(loaded: Loaded) -> ImageColors:
    """The table of an indexed image; its entries are converted as pixels are."""
    image = loaded.image
    size = len(image.getpalette("RGB") or []) // 3
    counts = np.bincount(np.asarray(image).ravel(), minlength=size)[:size].astype(np.int64)
    strip = image.resize((size, 1), Image.Resampling.NEAREST)
    strip.putdata(range(size))
    strip.format = image.format
    native, rgb, _ = _to_srgb(replace(loaded, image=strip))
    colors = rgb.reshape(-1, 3)
    if image.format == "GIF":
        while size > 1 and counts[size - 1] == 0 and _fills_up(colors[:size]):
            size -= 1
    alpha = None if native.alpha is None else native.alpha.reshape(-1)[:size]
    return ImageColors(colors[:size], counts[:size], alpha)


def _fills_up(colors: UInt8Array) -> bool:
    """Whether the last of ``colors`` is black, or is there before."""
    return bool(not colors[-1].any() or (colors[:-1] == colors[-1]).all(axis=1).any())


def _distinct(rgb: UInt8Array, alpha: UInt8Array | None, most: int) -> ImageColors | None:
    """The distinct colours of pixels, in the order in which they first occur; None for more than ``most``."""
    found: dict[int, int] = {}
    flat = rgb.reshape(-1, 3)
    opacity = np.full(len(flat), 255, np.uint8) if alpha is None else alpha.reshape(-1)
    for rows in blocks(len(flat)):
        pixels = np.column_stack([np.where(opacity[rows, None] > 0, flat[rows], 0), opacity[rows]])
        packed = pixels.astype(np.uint8).view(">u4").ravel()
        values, first, counts = np.unique(packed, return_index=True, return_counts=True)
        for place in np.argsort(first)[: most + 1]:
            found[int(values[place])] = found.get(int(values[place]), 0) + int(counts[place])
        if len(found) > most:
            return None
    bands = np.array(list(found), ">u4").view(np.uint8).reshape(-1, 4)
    counted = np.array(list(found.values()), np.int64)
    return ImageColors(bands[:, :3].copy(), counted, None if alpha is None else bands[:, 3].copy())


def picture_of(loaded: Loaded, reading: Reading) -> Picture:
    """The pixels of a frame, upright and in sRGB, and the notes on it; their alpha is as in the file."""
    image = loaded.image
    native, rgb, conversions = _to_srgb(loaded)
    dropped = _dropped_frames(loaded, reading)
    orientation = metadata.orientation(image)
    density = metadata.density(image)
    sides_exchanged = loaded.turned or orientation in metadata.QUARTER_TURNS
    return Picture(
        pixels.upright(rgb, orientation),
        None if native.alpha is None else pixels.upright(native.alpha, orientation),
        bytes_in=0,
        notes=(*_reduced_depth(loaded), *dropped, *conversions),
        density=density.turned() if density is not None and sides_exchanged else density,
        metadata=metadata.metadata(image),
        warnings=dropped if reading.frame is None and image.format in ANIMATIONS_AND_PAGES else (),
        frames=loaded.frames,
    )


def _to_srgb(loaded: Loaded) -> tuple[pixels.NativePixels, UInt8Array, tuple[str, ...]]:
    """The pixels in the file's colour space, their colours (h, w, 3) uint8 in sRGB, and notes on the conversion."""
    image = loaded.image
    profile = image.info.get("icc_profile")
    profile = profile if isinstance(profile, bytes) else None
    description = _description(loaded)
    if description is None:
        native = pixels.native_pixels(image, loaded.low, loaded.bits)
        converted = profiles.to_srgb(native.values, native.space, profile)
        return native, converted.rgb, converted.notes
    if description.overriding is not None:
        profile = None
    encoding = description.overriding or (description.fallback if profile is None else None)
    native, notes = _converted(loaded, encoding)
    converted = profiles.to_srgb(native.values, native.space, profile)
    rgb = converted.rgb
    if converted.profile_ignored and description.fallback is not None:
        native, notes = _converted(loaded, description.fallback)
        rgb = profiles.to_srgb(native.values, native.space, None).rgb
    return native, rgb, (*description.notes, *converted.notes, *notes)


def _description(loaded: Loaded) -> ColorDescription | None:
    """What the file says about its colours beside a profile; None for most files, which do not load that module."""
    if not integrity.may_describe_colors(loaded.data, loaded.image.format):
        return None
    from colorquant.images.colorimetry import describe_colors

    return describe_colors(loaded.data, loaded.image.format)


def _converted(loaded: Loaded, encoding: ColorEncoding | None) -> tuple[pixels.NativePixels, tuple[str, ...]]:
    """The pixels, converted from ``encoding`` to sRGB unless it is None or sRGB, and the note on that."""
    if encoding is None or encoding.is_srgb:
        return pixels.native_pixels(loaded.image, loaded.low, loaded.bits), ()
    native = pixels.native_pixels(loaded.image, loaded.low, loaded.bits, encoding)
    return native, (f"converted from {encoding.name} to sRGB",)


def _reduced_depth(loaded: Loaded) -> tuple[str, ...]:
    """The note on an image of more than 8 bits per channel; empty for others."""
    if loaded.bits <= 8:
        return ()
    return (f"{loaded.bits} bits a channel {'reduced' if loaded.rounded else 'cut, not rounded,'} to 8",)


def _dropped_frames(loaded: Loaded, reading: Reading) -> tuple[str, ...]:
    """The note on frames that are not read; empty where there is one only."""
    if loaded.frames == 1:
        return ()
    count = "several frames" if loaded.frames is None else f"{loaded.frames} frames"
    others = "; colorquant video takes all" if loaded.image.format in ANIMATED else ""
    return (f"of {count} only number {reading.frame_number} is taken (--frame){others}",)


def _to_labels(loaded: Loaded) -> npt.NDArray[np.int64]:
    image = loaded.image
    if image.mode not in ("1", "L", "P") and not image.mode.startswith("I"):
        raise ImageReadError(f"has colours (mode {image.mode}), so it is no label map: give an indexed or a gray PNG")
    labels = np.asarray(image).astype(np.int64)
    if image.mode == "L":
        labels //= 255 // (2**loaded.bits - 1)  # Pillow scales 2- and 4-bit gray to 255
    return pixels.upright(labels, metadata.orientation(image))


def resize(picture: Picture, scale: float) -> Picture:
    """Resize an image to about ``scale`` times its pixels, with the same proportions and at least one pixel each way.

    Pillow's Lanczos filter makes new colours; transparent pixels have no weight in it. Raises ImageReadError where the
    result would have more than ``MAX_PIXELS``.
    """
    if scale == 1:
        return picture
    height, width = (max(1, round(side * math.sqrt(scale))) for side in picture.rgb.shape[:2])
    if width * height > MAX_PIXELS:
        raise ImageReadError(
            f"would be {width} × {height} at {scale:g} times its pixels, more than {MAX_PIXELS:,}: use a smaller scale"
        )
    image = Image.fromarray(picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha]))
    bands = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    alpha = None if picture.alpha is None else np.ascontiguousarray(bands[:, :, 3])
    return replace(picture, rgb=np.ascontiguousarray(bands[:, :, :3]), alpha=alpha)
