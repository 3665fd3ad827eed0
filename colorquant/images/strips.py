"""Read large image files strip by strip with libvips, so that they are never whole in memory.

The pixels are those of :func:`colorquant.images.read_image`, to the value: the header is read by Pillow, strips are
decoded by libvips, and converted by the same functions. What libvips decodes in another way is refused. This is the
only module that knows pyvips.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from colorquant.errors import EngineError, ImageReadError
from colorquant.images import integrity, metadata
from colorquant.images.alpha import apply_alpha
from colorquant.images.decoding import JPEG_END, JPEG_FILLER, Reading, check_size, pillow_errors
from colorquant.images.file_bytes import check_readable
from colorquant.images.metadata import Density, Metadata
from colorquant.images.pixels import BANDS, is_tiff
from colorquant.images.profiles import Conversion
from colorquant.images.strip_headers import NotInStripsError, check_tiff, single_pixel
from colorquant.images.turning import upright_strips
from colorquant.types import UInt8Array

if TYPE_CHECKING:
    from colorquant.images.colorimetry import ColorDescription, ColorEncoding

FORMATS = ("PNG", "JPEG", "TIFF")  # libvips decodes others whole, and a damaged WebP without an error
SIGNATURES = (b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # of JPEG, TIFF and BigTIFF
REMEDY = "pip install 'colorquant[large]'"
ROWS, STRIP_PIXELS = 256, 1 << 21  # a strip has at most so many rows, and about so many pixels
TAIL = 1 << 16  # bytes at the end of a JPEG among which is its end mark
SPACES = {  # of libvips's interpretations
    **{"b-w": "GRAY", "grey16": "GRAY", "srgb": "RGB", "rgb": "RGB", "rgb16": "RGB", "cmyk": "CMYK"}
}


@dataclass(frozen=True)
class StripImage:
    """An image file that is read in strips; the fields are those of :class:`colorquant.images.Picture`.

    ``width`` and ``height`` are in pixels, of the upright picture; ``orientation`` is that of EXIF.
    """

    source: Path
    reading: Reading
    width: int
    height: int
    bytes_in: int
    bits: int
    has_alpha: bool
    space: str
    profile: bytes | None = None
    encoding: ColorEncoding | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    density: Density | None = None
    metadata: Metadata = Metadata()  # noqa: RUF009  it is frozen
    image_format: str = ""
    orientation: int = 1

    def strips(self) -> Iterator[tuple[UInt8Array, UInt8Array | None]]:
        """Yield strips from top to bottom: pixels (n, w, 3) uint8 in sRGB, and alpha (n, w) uint8 or None.

        It may be called again. Raises ImageReadError where the data are damaged.
        """
        if self.orientation == 1:
            yield from self._stored()
            return
        joined = (self._joined(*strip) for strip in self._stored())
        for pixels in upright_strips(joined, self._stored_size, self.orientation, _rows(self.width)):
            opaque = not self.has_alpha or int(pixels[:, :, 3].min()) == 255
            yield np.ascontiguousarray(pixels[:, :, :3]), None if opaque else np.ascontiguousarray(pixels[:, :, 3])

    @property
    def _stored_size(self) -> tuple[int, int]:
        """The width and the height of the picture as it is stored."""
        exchanged = self.orientation in metadata.QUARTER_TURNS
        return (self.height, self.width) if exchanged else (self.width, self.height)

    def _stored(self) -> Iterator[tuple[UInt8Array, UInt8Array | None]]:
        """Yield the strips of the picture as it is stored, which may be turned or mirrored."""
        size = self._stored_size
        rows = _rows(size[0])
        with _vips_errors():
            for last in _decoded(self.source, rows, size):
                yield self._converted(last.copy())
            if self.image_format in ("JPEG", "MPO"):
                _check_jpeg_end(self.source, last, rows, size, strict=self.reading.strict)

    def _joined(self, rgb: UInt8Array, alpha: UInt8Array | None) -> UInt8Array:
        """Pixels (n, w, 3) with their alpha (n, w, 4) if there can be any."""
        if not self.has_alpha:
            return rgb
        return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8) if alpha is None else alpha])

    @cached_property
    def _conversion(self) -> Conversion:
        return Conversion.of(self.space, self.profile)

    def _converted(self, strip: npt.NDArray[np.unsignedinteger]) -> tuple[UInt8Array, UInt8Array | None]:
        colors, alpha = (strip[:, :, :-1], _eight_bits(strip[:, :, -1])) if self.has_alpha else (strip, None)
        colors = np.ascontiguousarray(colors)
        values = _eight_bits(colors) if self.encoding is None else self.encoding.to_srgb(colors)
        rgb = self._conversion(values)
        if alpha is not None and int(alpha.min()) == 255:
            alpha = None
        return apply_alpha(rgb, alpha, self.reading.alpha)


def _rows(width: int) -> int:
    """The rows of a strip of a picture of this ``width``."""
    return max(1, min(ROWS, STRIP_PIXELS // width))


def has_pyvips() -> bool:
    """Whether pyvips is installed."""
    return find_spec("pyvips") is not None


def require_pyvips(what: str) -> None:
    """Raises EngineError, which says how to install pyvips, where it is missing; ``what`` begins the message."""
    if not has_pyvips():
        raise EngineError(f"{what} needs pyvips: {REMEDY}")


def open_strips(source: Path, reading: Reading = Reading()) -> StripImage:  # noqa: B008  it is frozen
    """Open a file to be read in strips. Raises ImageReadError where it is damaged, NotInStripsError if it is whole.

    Raises EngineError where pyvips is missing, or cannot be loaded.
    """
    require_pyvips("reading by strips")
    check_readable(source)
    if not source.is_file():
        raise NotInStripsError("a pipe", "save it as a file")
    if reading.frame_number:
        raise NotInStripsError(f"frame {reading.frame} of the file", "save it as a file")
    with pillow_errors(FORMATS, reading), source.open("rb") as stream:
        signature = stream.read(len(integrity.PNG_SIGNATURE))
    if signature == integrity.PNG_SIGNATURE:
        return _open_png(source, reading)
    if not signature.startswith(SIGNATURES):
        raise NotInStripsError("a format other than PNG, JPEG and TIFF", "convert it to one of them")
    with pillow_errors(FORMATS, reading), Image.open(source, formats=FORMATS) as image:
        check_size(image.size, reading)
        bits = check_tiff(image, source) if is_tiff(image) else 8
        frames: int = getattr(image, "n_frames", 1)
        notes = (f"of {frames} frames only number 0 is taken (--frame)",) if frames > 1 else ()
        opened = _opened(image, source, reading, bits)
        warnings = notes if reading.frame is None and is_tiff(image) else ()
    return replace(opened, notes=(*_reduced(bits), *notes, *opened.notes), warnings=warnings)


def _open_png(source: Path, reading: Reading) -> StripImage:
    """Open a PNG: its checksums are verified, and Pillow reads its header from a copy that has only one pixel."""
    from colorquant.images.colorimetry import ColorDescription, describe_colors

    with pillow_errors(("PNG",), reading):
        data, size, bits = single_pixel(source)
        check_size(size, reading)
        description = ColorDescription()
        if integrity.may_describe_colors(data, "PNG"):
            description = describe_colors(data, "PNG")
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.load()
            opened = _opened(image, source, reading, bits, size=size)
    return _with_description(opened, description, bits)


def _with_description(opened: StripImage, description: ColorDescription, bits: int) -> StripImage:
    """The image with the colours that its chunks describe, as :func:`colorquant.images.read_image` takes them."""
    profile = None if description.overriding is not None else opened.profile
    converted = Conversion.of(opened.space, profile)
    encoding = description.overriding or (description.fallback if profile is None else None)
    if converted.profile_ignored and description.fallback is not None:
        encoding, profile = description.fallback, None
    noted: tuple[str, ...] = ()
    if encoding is not None and encoding.is_srgb:
        encoding = None
    if encoding is not None:
        noted = (f"converted from {encoding.name} to sRGB",)
    notes = (*_reduced(bits), *description.notes, *converted.notes, *noted)
    return replace(opened, profile=profile, encoding=encoding, notes=notes)


def _opened(
    image: Image.Image, source: Path, reading: Reading, bits: int, *, size: tuple[int, int] | None = None
) -> StripImage:
    """What Pillow's ``image`` and libvips's header say about the file."""
    orientation = metadata.orientation(image)
    turned = orientation in metadata.QUARTER_TURNS
    profile = image.info.get("icc_profile")
    profile = profile if isinstance(profile, bytes) else None
    with _vips_errors():
        vips = _load(source)
        space = SPACES.get(str(vips.interpretation))
        has_alpha = bool(vips.hasalpha())
    width, height = size or image.size
    if turned and not is_tiff(image):  # the size of a TIFF is that of the upright picture
        width, height = height, width
    stored = (height, width) if turned else (width, height)
    known = (vips.width, vips.height) == stored and vips.format in ("uchar", "ushort")
    if not known or space is None or vips.bands - has_alpha != BANDS[space]:
        raise NotInStripsError("pixels of an unusual kind", "convert it to 8-bit RGB")
    density = metadata.density(image)
    return StripImage(
        source=source,
        reading=reading,
        width=width,
        height=height,
        bytes_in=source.stat().st_size,
        bits=bits,
        has_alpha=has_alpha,
        space=space,
        profile=profile,
        notes=Conversion.of(space, profile).notes,
        density=density.turned() if density is not None and turned else density,
        metadata=metadata.metadata(image),
        image_format=str(image.format),
        orientation=orientation,
    )


def _reduced(bits: int) -> tuple[str, ...]:
    return (f"{bits} bits a channel reduced to 8",) if bits > 8 else ()


def _eight_bits(values: npt.NDArray[np.unsignedinteger]) -> UInt8Array:
    """Levels of 8 or 16 bits as levels of 8, rounded."""
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _check_jpeg_end(
    source: Path, last: npt.NDArray[np.unsignedinteger], rows: int, size: tuple[int, int], *, strict: bool
) -> None:
    """Raises ImageReadError where more data before the end mark change the ``last`` strip: then the data were too few.

    As in :func:`colorquant.images.read_image` only images that end in gray are examined, or all if ``strict``.
    """
    corner = last[-8:, -8:]
    if not (strict or bool(np.all((corner == 127) | (corner == 128)))):
        return
    with NamedTemporaryFile(suffix=".jpg") as longer:
        with source.open("rb") as stream:
            copyfileobj(stream, longer)
        position = longer.tell() - TAIL
        longer.seek(max(0, position))
        tail = longer.read()
        end = tail.rfind(JPEG_END)
        longer.seek(max(0, position))
        longer.write(tail[:end] + JPEG_FILLER + tail[end:])
        longer.flush()
        for strip in _decoded(Path(longer.name), rows, size):
            other = strip
    if not np.array_equal(other, last):
        raise ImageReadError("truncated image: its data end before its rows do: give a whole file")


@contextmanager
def _vips_errors() -> Iterator[None]:
    """Turns the errors of libvips into ImageReadError. Raises EngineError where pyvips cannot be loaded."""
    try:
        import pyvips
    except (ImportError, OSError) as error:
        raise EngineError(f"pyvips cannot be loaded ({error}): {REMEDY}") from error
    log, silent = logging.getLogger("pyvips"), logging.NullHandler()
    log.addHandler(silent)  # without one, messages go to standard error
    try:
        yield
    except pyvips.Error as error:
        reason = " ".join((error.detail or error.message).split())
        raise ImageReadError(f"damaged or truncated image ({reason}): give a whole file") from error
    finally:
        log.removeHandler(silent)


def _load(source: Path) -> Any:
    """The image of libvips, of which only the header is read; libvips takes tiles that are damaged for warnings.

    With ``revalidate`` libvips opens the file again: it would keep the pixels of tiles that another file of this name
    had.
    """
    import pyvips

    return pyvips.Image.new_from_file(str(source), access="sequential", fail_on="warning", revalidate=True)


def _decoded(source: Path, rows: int, size: tuple[int, int]) -> Iterator[npt.NDArray[np.unsignedinteger]]:
    """Yield strips of at most so many ``rows``, (n, w, bands) uint8 or uint16, of a picture of this ``size``."""
    import pyvips

    image = _load(source)
    if (image.width, image.height) != size:
        raise ImageReadError("it changed while it was read: run again")
    dtype = np.uint8 if image.format == "uchar" else np.uint16
    region = pyvips.Region.new(image)
    for top in range(0, image.height, rows):
        count = min(rows, image.height - top)
        data = region.fetch(0, top, image.width, count)
        strip: npt.NDArray[np.unsignedinteger] = np.frombuffer(data, dtype)
        yield strip.reshape(count, image.width, image.bands)
