"""Convert pixels with an embedded ICC profile, and CMYK and CIELAB pixels, to sRGB, by Pillow's LittleCMS."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from colorquant.types import UInt8Array

if TYPE_CHECKING:
    from PIL import ImageCms


MODES = {
    "GRAY": "L",
    "RGB": "RGB",
    "CMYK": "CMYK",
    "LAB": "LAB",
}  # Pillow's mode of each colour space of a profile
ROWS = 1 << 20  # pixels converted at a time
SAME = 1  # level of 8 bits by which a profile for sRGB may differ from sRGB: rounding


@dataclass(frozen=True)
class Converted:
    """Pixels ``rgb`` (h, w, 3) uint8 in sRGB, and ``notes`` on how they became so.

    ``profile_ignored``: there was a profile, but it is damaged, or of another space than the pixels.
    """

    rgb: UInt8Array
    notes: tuple[str, ...] = ()
    profile_ignored: bool = False


def to_srgb(values: UInt8Array, space: str, profile: bytes | None) -> Converted:
    """Convert ``values`` (h, w, bands) uint8 in ``space``, a key of MODES, to sRGB; their memory may be reused.

    RGB and gray stay as they are without a profile, and with one that means sRGB.
    """
    if space == "LAB":
        return Converted(_applied(values, _lab()), ("converted from CIELAB to sRGB",))
    if profile is None:
        return _plain(values, space)
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if space == "GRAY" and source.profile.xcolor_space.strip() == "RGB":
            values, space = _plain(values, space).rgb, "RGB"
        if source.profile.xcolor_space.strip() != space:
            raise ValueError(f"of {source.profile.xcolor_space.strip()}, not {space}")
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), MODES[space], "RGB")
        name = " ".join((ImageCms.getProfileDescription(source) or "without a name").split())
    except (ImageCms.PyCMSError, ValueError, OSError, TypeError, AttributeError):
        plain = _plain(values, space)
        notes = ("its colour profile ignored: damaged, or not of these pixels", *plain.notes)
        return Converted(plain.rgb, notes, profile_ignored=True)
    if space != "CMYK" and _means_srgb(transform, space):
        return _plain(values, space)
    return Converted(_applied(values, transform), (f"converted from its colour profile ({name}) to sRGB",))


def _plain(values: UInt8Array, space: str) -> Converted:
    """Convert pixels that have no profile."""
    if space == "CMYK":
        rgb = np.empty((*values.shape[:2], 3), np.uint8)
        for rows in _strips(values):
            rgb[rows] = np.asarray(_image(values[rows], "CMYK").convert("RGB"))
        return Converted(rgb, ("CMYK without a colour profile converted naively",))
    return Converted(np.repeat(values, 3, axis=2) if space == "GRAY" else values)


def _lab() -> ImageCms.ImageCmsTransform:
    from PIL import ImageCms

    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")


def _means_srgb(transform: ImageCms.ImageCmsTransform, space: str) -> bool:
    """Whether the transform leaves a grid of colours, or all grays, as they are."""
    levels = np.arange(256, dtype=np.uint8) if space == "GRAY" else np.arange(0, 256, 15, dtype=np.uint8)
    colors = np.stack(np.meshgrid(*[levels] * (1 if space == "GRAY" else 3), indexing="ij"), axis=-1)
    colors = colors.reshape(1, -1, colors.shape[-1])
    differences = _applied(colors.copy(), transform).astype(int) - _plain(colors, space).rgb
    return bool(np.max(np.abs(differences)) <= SAME)


def _applied(values: UInt8Array, transform: ImageCms.ImageCmsTransform) -> UInt8Array:
    """Convert the pixels, in the memory of ``values`` where they fit."""
    rgb = values if values.shape[2] == 3 and values.flags.writeable else np.empty((*values.shape[:2], 3), np.uint8)
    for rows in _strips(values):
        strip = _image(values[rows], transform.input_mode)
        out = Image.new("RGB", strip.size)
        transform.apply(strip, out)
        rgb[rows] = np.asarray(out)
    return rgb


def _strips(values: npt.NDArray[Any]) -> list[slice]:
    rows = max(1, ROWS // values.shape[1])
    return [slice(top, top + rows) for top in range(0, values.shape[0], rows)]


def _image(values: UInt8Array, mode: str) -> Image.Image:
    height, width = values.shape[:2]
    return Image.frombytes(mode, (width, height), np.ascontiguousarray(values).tobytes())
