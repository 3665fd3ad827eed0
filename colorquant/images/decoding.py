"""Decode files to Pillow images: their header is checked first, then one frame is decoded whole, or refused."""

from __future__ import annotations

import io
import math
import re
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from colorquant.errors import ImageReadError
from colorquant.images import integrity
from colorquant.images.alpha import check_alpha
from colorquant.images.file_bytes import image_bytes
from colorquant.images.metadata import DAMAGED, ORIENTATION, QUARTER_TURNS
from colorquant.images.pillow import quiet_pillow
from colorquant.images.pixels import STRIP, is_tiff
from colorquant.images.videos import USE_VIDEO, has_video_suffix, is_video
from colorquant.urls import Place, place_of

Result = TypeVar("Result")

MAX_PIXELS = 178_000_000
ICO_SIGNATURE = b"\0\0\1\0"
BITMAP_CORE_HEADER = b"\x0c\0\0\0"  # the length of the old header of a bitmap, whose sizes have 16 bits
JPEG_END = b"\xff\xd9"
JPEG_FILLER = bytes(range(1, 65))  # entropy-coded data of all kinds, without a marker
PNG_BIT_DEPTH_OFFSET = 24
TIFF_BITS, TIFF_PLANES = 258, 284
COLOR_OF_16_BITS = re.compile(r"(?:RGBA?|RGBX|CMYK|LA|[RGBA]);16[LBN]")  # raw modes that Pillow cuts to 8 bits
# Unpacked in the other byte order, the low byte of each channel comes out instead of the high one.
OTHER_BYTE_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


@dataclass(frozen=True)
class Reading:
    """How files are read.

    ``frame`` is counted from 0. None takes the first, with a warning where the file has more. ``max_pixels`` is the
    largest number of pixels that is decoded. With ``strict`` the data of every PNG and JPEG are followed to their end,
    not only where the image ends in black or gray. ``alpha`` is ``keep``, ``drop``, ``threshold:N``, or a colour to
    composite onto (see :mod:`colorquant.images.alpha`); OptionError is raised for any other word.
    """

    frame: int | None = None
    max_pixels: int = MAX_PIXELS
    strict: bool = False
    alpha: str = "keep"

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    @property
    def frame_number(self) -> int:
        """The frame to read, counted from 0."""
        return self.frame or 0


@dataclass(frozen=True)
class Loaded:
    """A decoded frame: Pillow's ``image`` of the file with the bytes ``data``, which has ``bits`` per channel.

    ``low`` holds the low bytes of 16-bit colour where ``image`` holds the high ones; it is None for other images.
    ``frames`` is the number of frames in the file, None where it cannot be known. ``turned`` says that Pillow has
    already made the image upright by a quarter turn, which it does with TIFFs only.
    """

    image: Image.Image
    data: bytes
    low: Image.Image | None
    bits: int
    frames: int | None
    turned: bool = False

    @property
    def rounded(self) -> bool:
        """Whether more than 8 bits can be rounded to 8. Pillow drops low bytes only of colour in PNG and TIFF."""
        return self.low is not None or self.image.mode[0] in "IF" or self.image.format not in ("PNG", "TIFF")


def decode(
    source: Place | str | bytes, formats: tuple[str, ...], reading: Reading, convert: Callable[[Loaded], Result]
) -> tuple[Result, int]:
    """Decode a file, or its bytes, and return what ``convert`` makes of the frame, and the size of the file in bytes.

    ``formats`` are Pillow's names of those allowed. Raises ImageReadError where the file is not a whole image of them.
    """
    place = place_of(source) if isinstance(source, str) else source
    data = place if isinstance(place, bytes) else image_bytes(place)
    if is_video(data):
        raise ImageReadError(USE_VIDEO)
    if not data:
        raise ImageReadError("the file is empty: give an image")
    try:
        with pillow_errors(formats, reading), _loaded(data, formats, reading) as loaded:
            return convert(loaded), len(data)
    except ImageReadError as error:
        unknown = isinstance(error.__cause__, UnidentifiedImageError)
        if unknown and not isinstance(place, bytes) and has_video_suffix(place):
            raise ImageReadError("not an image of a known format: if it is a video, use colorquant video") from error
        raise


@contextmanager
def pillow_errors(formats: tuple[str, ...], reading: Reading) -> Iterator[None]:
    """Let Pillow decode without warnings; what it raises over files that are damaged becomes ImageReadError."""
    try:
        with quiet_pillow(reading.max_pixels):
            yield
    except ImageReadError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageReadError(f"claims {_too_many(reading.max_pixels)}") from error
    except UnidentifiedImageError as error:
        raise ImageReadError(f"not an image of a known format, or damaged: give one of {', '.join(formats)}") from error
    except MemoryError as error:
        raise ImageReadError(
            "too large for the memory of this machine: give a smaller image, or use --strips of kmeans and em"
        ) from error
    except Exception as error:  # Pillow raises many classes over damaged files
        reason = f" ({' '.join(str(error).split())})" if isinstance(error, (OSError, SyntaxError)) else ""
        raise ImageReadError(f"damaged or truncated image{reason}: give a whole file") from error


def _too_many(max_pixels: int) -> str:
    return f"more than {max_pixels:,} pixels: give a smaller image, or allow more with --max-pixels"


def check_size(size: tuple[int, int], reading: Reading) -> None:
    """Raises ImageReadError where an image of ``size`` (width, height) has more pixels than the limit."""
    width, height = size
    if width * height > reading.max_pixels:
        raise ImageReadError(f"claims {width} × {height}, {_too_many(reading.max_pixels)}")


@contextmanager
def _loaded(data: bytes, formats: tuple[str, ...], reading: Reading) -> Iterator[Loaded]:
    """Decode the frame, and close Pillow's image at the end."""
    if data.startswith(ICO_SIGNATURE) and "ICO" in formats:
        with _icon(data, reading) as loaded:
            yield loaded
        return
    with Image.open(io.BytesIO(data), formats=formats) as image:
        check_size(image.size, reading)
        frames = _seek(image, reading.frame_number)
        check_size(image.size, reading)
        bits = _bits(image, data)
        _check_before(image, data, bits)
        low = None
        if bits == 16:
            _set_raw_modes_of_planes(image)
            complete = reading.frame_number == 0 or is_tiff(image)  # later frames of a PNG are drawn onto earlier ones
            low = _low_bytes(image, data, reading.frame_number) if complete else None
        if image.format == "PPM" and image.tile[0].codec_name == "ppm":
            yield Loaded(_scaled_ppm(image, data), data, None, bits, frames)
            return
        image.decodermaxblock = max(image.decodermaxblock, 8 * image.width)  # a row in pieces takes quadratic time
        turned = is_tiff(image) and image.tag_v2.get(ORIENTATION) in QUARTER_TURNS  # load() removes the tag
        image.load()
        _check_after(image, data, reading)
        yield Loaded(image, data, low, bits, frames, turned)


def _seek(image: Image.Image, frame: int) -> int | None:
    """Go to the frame. Returns the number of frames, None where it cannot be known."""
    try:
        frames: int | None = getattr(image, "n_frames", 1)
    except DAMAGED:
        frames = None  # a later frame is damaged
    if frames is not None and frame >= frames:
        has = "only one frame" if frames == 1 else f"{frames} frames"
        raise ImageReadError(f"has {has}, there is no --frame {frame}: give 0{f' to {frames - 1}' * (frames > 1)}")
    image.seek(frame)
    return frames


@contextmanager
def _icon(data: bytes, reading: Reading) -> Iterator[Loaded]:
    """Decode an image of an icon, a PNG or a bitmap within it; number 0 is the largest.

    ``Image.open`` is not used: it decodes an icon at once, whatever its size.
    """
    from PIL import IcoImagePlugin  # loaded where there is an icon: start-up time, as for other modules of Pillow below

    icon = IcoImagePlugin.IcoFile(io.BytesIO(data))
    entries = icon.entry
    if not entries:
        raise ImageReadError("an icon without an image: give another file")
    number = reading.frame_number
    if number >= len(entries):
        raise ImageReadError(f"has {len(entries)} images, there is no --frame {number}: give a smaller one")
    inner = data[entries[number].offset :]
    if inner.startswith(integrity.PNG_SIGNATURE):
        with _loaded(inner, ("PNG",), Reading(0, reading.max_pixels, reading.strict)) as loaded:
            yield Loaded(loaded.image, inner, loaded.low, loaded.bits, len(entries))
        return
    core_header = inner.startswith(BITMAP_CORE_HEADER)
    width, height = struct.unpack_from("<HH" if core_header else "<ii", inner, 4)
    check_size((abs(width), abs(height) // 2), reading)
    image = icon.frame(number)
    image.load()
    yield Loaded(image, inner, None, 8, len(entries))


def _bits(image: ImageFile.ImageFile, data: bytes) -> int:
    """The bits per channel in the file of an image that is not loaded yet; 8 for formats that have no more."""
    if image.format == "PNG":
        return data[PNG_BIT_DEPTH_OFFSET]
    if is_tiff(image):
        return int(max(image.tag_v2.get(TIFF_BITS, (1,))))
    if image.format == "PPM":
        args: Any = image.tile[0].args
        return 16 if args == "I;16B" else int(args[1]).bit_length() if isinstance(args, tuple) else 8
    if image.format == "JPEG2000":
        at = data.find(integrity.CODESTREAM) + 40
        (components,) = struct.unpack_from(">H", data, at)
        return max((value & 0x7F) + 1 for value in data[at + 2 : at + 2 + 3 * components : 3])
    if image.format == "AVIF":
        settings = data.find(b"av1C")
        high_depth, twelve = (data[settings + 6] & bit for bit in (0x40, 0x20)) if settings >= 0 else (0, 0)
        return 12 if twelve else 10 if high_depth else 8
    return 8


def _set_raw_modes_of_planes(image: ImageFile.ImageFile) -> None:
    """Let Pillow unpack 16-bit channels that an uncompressed TIFF stores apart; it would take them for 8-bit ones."""
    if is_tiff(image) and image.tile[0].codec_name == "raw" and _planes(image) == 2:
        order = "L" if image.tag_v2.prefix == b"II" else "B"
        raws = [image.mode if _raw_mode(tile) == "I" else f"{_raw_mode(tile)};16{order}" for tile in image.tile]
        image.tile = [
            tile._replace(args=_with_raw_mode(tile.args, raw)) for tile, raw in zip(image.tile, raws, strict=True)
        ]


def _planes(image: ImageFile.ImageFile) -> int:
    return image.tag_v2.get(TIFF_PLANES, 1) if is_tiff(image) else 1


def _low_bytes(image: ImageFile.ImageFile, data: bytes, frame: int) -> Image.Image | None:
    """The low byte of every 16-bit channel, as an image; ``image``, at the ``frame`` and not loaded yet, has the high.

    Returns None for images that are not 16-bit, and for layouts that Pillow cannot unpack so: premultiplied alpha, and
    compressed planes.
    """
    raw = _raw_mode(image.tile[0]) if image.tile else ""
    if not COLOR_OF_16_BITS.fullmatch(raw) or (_planes(image) == 2 and image.tile[0].codec_name != "raw"):
        return None
    pairs = raw == "LA;16B"  # two 16-bit channels are laid out like four 8-bit ones
    with Image.open(io.BytesIO(data), formats=(str(image.format),)) as twin:
        twin.seek(frame)
        twin.tile = [
            tile._replace(args=_with_raw_mode(tile.args, "RGBA" if pairs else _other_order(tile)))
            for tile in image.tile
        ]
        twin.decodermaxblock = max(twin.decodermaxblock, 8 * twin.width)
        twin.load()
        return Image.merge("LA", twin.split()[1::2]) if pairs else twin


def _other_order(tile: Any) -> str:
    raw = _raw_mode(tile)
    return raw[:-1] + OTHER_BYTE_ORDER[raw[-1]]


def _raw_mode(tile: Any) -> str:
    """Pillow's name for the layout of the pixels in the file."""
    return str(tile.args[0] if isinstance(tile.args, tuple) else tile.args)


def _with_raw_mode(args: Any, raw: str) -> Any:
    return (raw, *args[1:]) if isinstance(args, tuple) else raw


def _scaled_ppm(image: ImageFile.ImageFile, data: bytes) -> Image.Image:
    """A PPM or PGM with a highest value other than 255, scaled to 8 bits.

    Pillow's own decoder takes half a minute for a camera's image.
    """
    tile: Any = image.tile[0]
    raw, highest = tile.args
    shape = (image.height, image.width, 3) if raw == "RGB" else (image.height, image.width)
    stored = np.dtype(">u2" if highest > 255 else np.uint8)
    if len(data) < tile.offset + math.prod(shape) * stored.itemsize:
        raise ImageReadError("truncated image: its pixels lie beyond the end of the file: give a whole file")
    values = np.frombuffer(data, stored, math.prod(shape), tile.offset).reshape(shape)
    scaled = np.empty(shape, np.uint8)
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        strip = np.minimum(values[top : top + rows].astype(np.uint32), highest)
        scaled[top : top + rows] = (strip * 255 + highest // 2) // highest
    return Image.fromarray(scaled)


def _check_before(image: Image.Image, data: bytes, bits: int) -> None:
    """Raises ImageReadError for damage that decoding overlooks, and for layouts that Pillow decodes wrongly."""
    if image.format == "PNG":  # load() ignores wrong checksums
        with Image.open(io.BytesIO(data), formats=("PNG",)) as checked:
            checked.verify()
    elif is_tiff(image):
        if _planes(image) == 2 and image.mode in ("LA", "La", "PA"):  # Pillow returns a wrong alpha
            raise ImageReadError("alpha stored apart from gray or a palette: save it with its channels together")
        integrity.check_tiff_parts(image, data)
    elif image.format == "JPEG2000":
        if bits > 8 and image.mode != "I;16":  # Pillow rounds the brightest values up to black
            raise ImageReadError(
                f"JPEG 2000 of {bits} bits a channel in colour: convert it to 16-bit PNG or TIFF first"
            )
        integrity.check_codestream(data, image.size)


def _check_after(image: Image.Image, data: bytes, reading: Reading) -> None:
    """Raises ImageReadError where pixels are missing.

    Missing pixels are black in a PNG and gray in a JPEG, so only images that end so are examined, or all if ``strict``.
    """
    width, height = image.size
    if image.format == "PNG" and reading.frame_number == 0:
        blank = not np.any(np.asarray(image.crop((0, height - 1, width, height))))
        if blank or reading.strict or image.info.get("interlace"):
            integrity.check_png_rows(data, exact=reading.strict)
    elif image.format == "JPEG":
        corner = np.asarray(image.crop((max(0, width - 8), max(0, height - 8), width, height)))
        if reading.strict or np.all((corner == 127) | (corner == 128)):
            _check_jpeg_end(image, data)


def _check_jpeg_end(image: Image.Image, data: bytes) -> None:
    """Raises ImageReadError where more data before the end mark change the image: then its own data were too few."""
    from PIL import ImageChops

    end = data.rfind(JPEG_END)
    longer = data[:end] + JPEG_FILLER + data[end:]
    with Image.open(io.BytesIO(longer), formats=("JPEG",)) as other:
        other.load()
        if ImageChops.difference(image, other).getbbox(alpha_only=False) is not None:
            raise ImageReadError("truncated image: its data end before its rows do: give a whole file")
