"""What the headers of PNG and TIFF files say before they are read in strips, and whether the files are complete."""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from colorquant.errors import ImageReadError
from colorquant.images import integrity
from colorquant.images.png import chunk, header

if TYPE_CHECKING:
    from PIL import TiffImagePlugin

PIECE = 1 << 20  # bytes of a chunk whose checksum is computed at a time
LARGEST_HEADER = 1 << 26  # bytes of a chunk beside the pixels that are kept
DEFLATED_PIXEL = zlib.compress(bytes(16))  # more than one pixel of any kind needs
TIFF_BITS, TIFF_PHOTOMETRIC, TIFF_INKS, TIFF_EXTRA_SAMPLES = 258, 262, 332, 338
CMYK_INKS = 1
PLAIN, SEPARATED, YCBCR = (0, 1, 2, 3), 5, 6  # photometric interpretations; plain are gray, RGB and a palette
UNASSOCIATED = 2  # alpha that the colours were not multiplied by


class NotInStripsError(ImageReadError):
    """A file that cannot be read in strips, though it may be read whole: ``what`` it is, and the ``remedy``."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}, which --strips does not read: {remedy}, or leave out --strips")
        self.what, self.remedy = what, remedy


def single_pixel(source: Path) -> tuple[bytes, tuple[int, int], int]:
    """A PNG with one pixel and all that this one has beside its pixels; its size (width, height) and bits per sample.

    Raises ImageReadError for a wrong checksum, a file that ends too early, an animation, and an interlaced image, which
    libvips would decode whole.
    """
    parts, size, bits, has_pixels = [integrity.PNG_SIGNATURE], (0, 0), 0, False
    for name, body in _checked_chunks(source):
        if name == b"IHDR":
            width, height, bits, color_type, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            size = width, height
            if interlaced:
                raise NotInStripsError("an interlaced PNG", "save it without interlacing")
            parts.append(header(1, 1, bits, color_type))
        elif name == b"acTL":
            raise NotInStripsError("an animation", "save its first frame as a file")
        elif name != b"IDAT":
            parts.append(chunk(name, body))
        elif not has_pixels:
            has_pixels = True
            parts.append(chunk(name, DEFLATED_PIXEL))
    if not has_pixels or not parts[-1].endswith(chunk(b"IEND", b"")):
        raise ImageReadError("truncated image: it has no end: give a whole file")
    return b"".join(parts), size, bits


def _checked_chunks(source: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the body of each chunk of a PNG, b"" for those of pixels. Raises ImageReadError."""
    with source.open("rb") as stream:
        stream.seek(len(integrity.PNG_SIGNATURE))
        while len(start := stream.read(8)) == 8:
            length, name = struct.unpack(">I4s", start)
            checksum, body, left = zlib.crc32(name), bytearray(), length
            if name != b"IDAT" and length > LARGEST_HEADER:
                raise ImageReadError(f"damaged image: a chunk of {length:,} bytes: give a whole file")
            while left and (piece := stream.read(min(left, PIECE))):
                checksum, left = zlib.crc32(piece, checksum), left - len(piece)
                if name != b"IDAT":
                    body += piece
            stored = stream.read(4)
            if left or len(stored) < 4:
                raise ImageReadError("truncated image: a chunk ends too early: give a whole file")
            if int.from_bytes(stored, "big") != checksum:
                raise ImageReadError("damaged image: a checksum is wrong: give a whole file")
            yield name, bytes(body)
            if name == b"IEND":
                return


def check_tiff(image: TiffImagePlugin.TiffImageFile, source: Path) -> int:
    """The bits per sample of a TIFF. Raises ImageReadError where it is damaged, or of a kind that is not read alike."""
    tags = image.tag_v2
    bits, photometric = set(tags.get(TIFF_BITS, (1,))), tags.get(TIFF_PHOTOMETRIC)
    jpeg = image.info.get("compression") == "jpeg"
    plain = photometric in PLAIN or (photometric == YCBCR and jpeg)
    if photometric == SEPARATED:
        plain = not jpeg and TIFF_EXTRA_SAMPLES not in tags and tags.get(TIFF_INKS, CMYK_INKS) == CMYK_INKS
    if not plain or bits not in ({1}, {8}, {16}) or tags.get(TIFF_EXTRA_SAMPLES, (UNASSOCIATED,)) != (UNASSOCIATED,):
        raise NotInStripsError(
            "a TIFF of other pixels than gray, RGB, CMYK or a palette with 1, 8 or 16 bits a channel, or with "
            "premultiplied alpha",
            "convert it",
        )
    with source.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = memoryview(mapped)
        try:
            integrity.check_tiff_parts(image, view)
        finally:
            view.release()
    return int(bits.pop())
