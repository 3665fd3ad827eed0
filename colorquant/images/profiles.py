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


@dataclass(frozen=True, eq=False)
class Conversion:
    """The conversion to sRGB of pixels in ``space``, a key of MODES, as often as it is called.

    ``transform`` is None where RGB and gray stay as they are, and CMYK has no profile. ``notes`` and
    ``profile_ignored`` are those of :class:`Converted`.
    """

    space: str
    transform: ImageCms.ImageCmsTransform | None = None
    notes: tuple[str, ...] = ()
    profile_ignored: bool = False

    @classmethod
    def of(cls, space: str, profile: bytes | None) -> Conversion:
        """The conversion of pixels that have this ICC ``profile``.

        RGB and gray stay as they are without a profile, and with one that means sRGB.
        """
        naive = ("CMYK without a colour profile converted naively",) if space == "CMYK" else ()
        if space == "LAB":
            return cls(space, _lab(), ("converted from CIELAB to sRGB",))
        if profile is None:
            return cls(space, None, naive)
        from PIL import ImageCms

        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            own = source.profile.xcolor_space.strip()
            taken = "RGB" if (space, own) == ("GRAY", "RGB") else space
            if own != taken:
                raise ValueError(f"of {own}, not {taken}")
            transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), MODES[taken], "RGB")
            name = " ".join((ImageCms.getProfileDescription(source) or "without a name").split())
        except (ImageCms.PyCMSError, ValueError, OSError, TypeError, AttributeError):
            notes = ("its colour profile ignored: damaged, or not of these pixels", *naive)
            return cls(space, None, notes, profile_ignored=True)
        if taken != "CMYK" and _means_srgb(transform, taken):
            return cls(space)
        return cls(space, transform, (f"converted from its colour profile ({name}) to sRGB",))

    def __call__(self, values: UInt8Array) -> UInt8Array:
        """The colours (h, w, 3) uint8 of ``values`` (h, w, bands) uint8, whose memory may be reused."""
        if self.transform is None:
            return _plain(values, self.space)
        if self.space == "GRAY" and self.transform.input_mode == "RGB":
            values = _plain(values, self.space)
        return _applied(values, self.transform)


def to_srgb(values: UInt8Array, space: str, profile: bytes | None) -> Converted:
    """Convert ``values`` (h, w, bands) uint8 in ``space``, a key of MODES, to sRGB; their memory may be reused."""
    conversion = Conversion.of(space, profile)
    return Converted(conversion(values), conversion.notes, conversion.profile_ignored)


def _plain(values: UInt8Array, space: str) -> UInt8Array:
    """The colours of pixels that are not converted by a profile."""
    if space == "CMYK":
        rgb = np.empty((*values.shape[:2], 3), np.uint8)
        for rows in _strips(values):
            rgb[rows] = np.asarray(_image(values[rows], "CMYK").convert("RGB"))
        return rgb
    return np.repeat(values, 3, axis=2) if space == "GRAY" else values


def _lab() -> ImageCms.ImageCmsTransform:
    from PIL import ImageCms

    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")


def _means_srgb(transform: ImageCms.ImageCmsTransform, space: str) -> bool:
    """Whether the transform leaves a grid of colours, or all grays, as they are."""
    levels = np.arange(256, dtype=np.uint8) if space == "GRAY" else np.arange(0, 256, 15, dtype=np.uint8)
    colors = np.stack(np.meshgrid(*[levels] * (1 if space == "GRAY" else 3), indexing="ij"), axis=-1)
    colors = colors.reshape(1, -1, colors.shape[-1])
    differences = _applied(colors.copy(), transform).astype(int) - _plain(colors, space)
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
