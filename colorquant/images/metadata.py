"""What an image file holds beside its pixels: orientation, density, EXIF, XMP, texts."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")

ORIENTATION = 274
QUARTER_TURNS = (5, 6, 7, 8)  # the orientations that exchange rows and columns
EXIF_IFD, GPS_IFD = 34665, 34853
TECHNICAL = frozenset(  # tags of the first directory that describe how the image is stored, or little of use
    (254, 255, *range(256, 267), 273, *range(277, 285), 296, 297, 301, 317, 318, 319, 320, *range(322, 326))
) | frozenset((330, 332, 338, 339, 340, 341, 347, *range(512, 522), *range(529, 533), 700, 34675, EXIF_IFD, GPS_IFD))
TECHNICAL_EXIF = frozenset((36864, 37121, 40960, 40961, 40962, 40963, 40965))  # versions, colour space, sizes
XMP_ORIENTATION = re.compile(rb"""tiff:Orientation=["'][0-9]["']|<tiff:Orientation>[0-9]</tiff:Orientation>""")
IPTC_BLOCK = 0x0404  # its number among Photoshop's blocks
XMP_KEYS = ("xmp", "XML:com.adobe.xmp")
# What Pillow raises over damaged metadata. They do not make an image unreadable.
DAMAGED = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError),
    *(ArithmeticError, RuntimeError, EOFError, struct.error),
)


@dataclass(frozen=True)
class Density:
    """Pixels per inch along x and y; with ``per_inch`` False only their ratio counts."""

    x: float
    y: float
    per_inch: bool

    def turned(self) -> Density:
        """The density after the image was turned by 90 degrees."""
        return Density(self.y, self.x, self.per_inch)


@dataclass(frozen=True)
class Metadata:
    """The metadata of a file, except for the orientation.

    ``exif`` begins with its byte order mark. ``texts`` are pairs of keyword and text: all those of a PNG, and the
    comment of another file as ("Comment", …). ``iptc`` says whether there are IPTC data; a PNG has no place for them.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    iptc: bool = False

    @property
    def dropped(self) -> tuple[str, ...]:
        """The note on an image that is written without its metadata; empty where there are none."""
        present = (("EXIF", self.exif), ("XMP", self.xmp), ("texts", self.texts), ("IPTC", self.iptc))
        names = [name for name, value in present if value]
        return (f"metadata dropped: {', '.join(names)}",) if names else ()

    @property
    def without_place(self) -> tuple[str, ...]:
        """The note on an image that is written with all metadata that a PNG can hold; empty where nothing is lost."""
        return ("metadata dropped: IPTC, for which a PNG has no place",) if self.iptc else ()


def orientation(image: Image.Image) -> int:
    """The EXIF orientation of a loaded image, 1 to 8; 1, which is upright, where the file has none."""
    value = _unless_damaged(lambda: image.getexif().get(ORIENTATION, 1), 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def density(image: Image.Image) -> Density | None:
    """The density of the image's pixels, or their ratio; None where the file has none that is of use."""
    names = (("dpi", True), ("aspect", False), ("jfif_density", False), ("resolution", False))
    key, per_inch = next((name for name in names if name[0] in image.info), ("", False))
    return _unless_damaged(lambda: _density(image.info[key], per_inch), None) if key else None


def _density(pair: Any, per_inch: bool) -> Density | None:
    x, y = (float(value) for value in pair)  # they may be fractions
    useful = all(math.isfinite(value) and 0 < value < 1e6 for value in (x, y))
    default = (x, y) == (1, 1) if per_inch else x == y  # Pillow's default for a TIFF, or square pixels
    return Density(x, y, per_inch) if useful and not default else None


def metadata(image: Image.Image) -> Metadata:
    """EXIF, XMP, texts and whether there are IPTC data, of a loaded image; damaged parts are left out."""
    return Metadata(_unless_damaged(lambda: _exif(image), None), _xmp(image), _texts(image), _has_iptc(image))


def _exif(image: Image.Image) -> bytes | None:
    """The EXIF tags that describe the image, encoded; None where there are none."""
    from PIL import Image

    exif, kept = image.getexif(), Image.Exif()
    for tag, value in exif.items():
        if tag not in TECHNICAL and tag != ORIENTATION:
            kept[tag] = value
    for directory, technical in ((EXIF_IFD, TECHNICAL_EXIF), (GPS_IFD, frozenset[int]())):
        details = dict(exif.get_ifd(directory))
        if set(details) - technical:
            kept[directory] = details
    if not len(kept):
        return None
    return kept.tobytes().removeprefix(b"Exif\0\0")


def _xmp(image: Image.Image) -> bytes | None:
    value: Any = next((image.info[key] for key in XMP_KEYS if key in image.info), None)
    if isinstance(value, str):
        value = value.encode("utf-8", "replace")
    if not isinstance(value, bytes):
        return None
    return XMP_ORIENTATION.sub(b"", value) if value.strip(b"\0 ") else None


def _has_iptc(image: Image.Image) -> bool:
    """Whether a JPEG has IPTC data; those of a TIFF are among its tags and are kept with EXIF."""
    blocks = image.info.get("photoshop")
    return isinstance(blocks, dict) and bool(blocks.get(IPTC_BLOCK))


def _texts(image: Image.Image) -> tuple[tuple[str, str], ...]:
    if image.format == "PNG":
        hidden = (*XMP_KEYS, "Raw profile type exif")
        pairs = [(key, value) for key, value in image.info.items() if isinstance(value, str) and key not in hidden]
        return tuple((str(key), str(value)) for key, value in pairs)
    comment = image.info.get("comment")
    if isinstance(comment, bytes):
        comment = comment.decode("utf-8", "replace")
    return (("Comment", comment),) if isinstance(comment, str) and comment.strip("\0 ") else ()


def _unless_damaged(take: Callable[[], T], otherwise: T) -> T:
    try:
        return take()
    except DAMAGED:
        return otherwise
