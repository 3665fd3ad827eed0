"""Maps of importance: gray images that say in which proportion the pixels of another image count."""

from __future__ import annotations

from pathlib import Path

from colorquant import images
from colorquant.errors import ImageReadError
from colorquant.images.decoding import Reading
from colorquant.types import UInt8Array
from colorquant.urls import masked

ON_BLACK = Reading(alpha="#000000")  # so that transparent pixels of a map do not count


def read_importance(path: Path | str, size: tuple[int, int]) -> UInt8Array:
    """The gray levels (h, w) uint8 of an image file: 255 where a pixel counts whole, 0 where it does not count.

    ``size`` is (h, w) of the image that it belongs to. Raises ImageReadError for a file that is not a whole image, is
    in colour, or has another size.
    """
    name = f"--weights {masked(str(path))}"
    try:
        picture = images.read_image(path, ON_BLACK)
    except ImageReadError as error:
        raise ImageReadError(f"{name}: {error}") from error
    return gray_levels(picture.rgb, size, name)


def gray_levels(rgb: UInt8Array, size: tuple[int, int], name: str) -> UInt8Array:
    """The levels (h, w) uint8 of gray pixels (h, w, 3). Raises ImageReadError for colours, and for another ``size``."""
    levels = rgb[:, :, 0]
    if (rgb != levels[:, :, None]).any():
        raise ImageReadError(f"{name} is in colour: give a gray image, white where pixels count")
    if levels.shape != size:
        (height, width), (wanted_height, wanted_width) = levels.shape, size
        found = f"is {width} × {height} and the image {wanted_width} × {wanted_height}"
        raise ImageReadError(f"{name} {found}: give a map of the image's size")
    return levels
