"""The size of an image, read from the header of its file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from colorquant.errors import ImageReadError
from colorquant.images import FORMATS
from colorquant.images.decoding import ICO_SIGNATURE, Reading, check_size, pillow_errors
from colorquant.images.pixels import is_tiff


@dataclass(frozen=True)
class Header:
    """The ``width`` and ``height`` of an image in pixels, and whether its pixels have alpha."""

    width: int
    height: int
    has_alpha: bool

    @property
    def decoded(self) -> int:
        """The bytes of the decoded picture: three or four a pixel."""
        return (3 + self.has_alpha) * self.width * self.height


def _opened(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def read_header(source: Path | bytes, reading: Reading = Reading()) -> Header | None:  # noqa: B008  it is frozen
    """Read the size of an image, not its pixels.

    Returns None where the header does not give it: for pipes, icons, and files that are damaged or no images. Raises
    ImageReadError for more pixels than ``reading`` allows.
    """
    if isinstance(source, Path) and not source.is_file():  # a pipe can be read only once
        return None
    try:
        with pillow_errors(FORMATS, reading), _opened(source) as stream:
            if stream.read(len(ICO_SIGNATURE)) == ICO_SIGNATURE:  # Pillow decodes an icon to open it
                return None
            stream.seek(0)
            with Image.open(stream, formats=FORMATS) as image:
                check_size(image.size, reading)
                if is_tiff(image) and reading.frame_number:
                    image.seek(reading.frame_number)
                    check_size(image.size, reading)
                return Header(image.width, image.height, image.has_transparency_data)
    except ImageReadError as error:
        if error.__cause__ is None or isinstance(error.__cause__, Image.DecompressionBombError):  # too many pixels
            raise
        return None
