"""What the Python API takes as an image: paths, bytes, PIL images, arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from colorquant import images
from colorquant.color.counted import CountedImage
from colorquant.errors import ImageReadError, OptionError
from colorquant.fitting.options import ALPHAS
from colorquant.images import Picture
from colorquant.images.alpha import apply_alpha
from colorquant.images.decoding import Reading
from colorquant.images.importance import ON_BLACK, gray_levels, read_importance
from colorquant.types import AnyArray, UInt8Array
from colorquant.urls import masked

if TYPE_CHECKING:
    from PIL import Image

    Source = Path | str | bytes | Image.Image | AnyArray | Picture | CountedImage


def read(source: Source, *, reading: Reading = Reading()) -> Picture:  # noqa: B008  it is frozen
    """An image as upright 8-bit sRGB pixels: ``rgb`` (h, w, 3) uint8, ``alpha`` (h, w) uint8 or None, and notes.

    ``source`` is a path, the bytes of an image file, or a PIL image. Raises ImageReadError where it is not a whole
    image.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, bytes):
        return images.read_image(source, reading)
    if isinstance(source, (str, Path)):
        try:
            return images.read_image(source, reading)
        except ImageReadError as error:
            raise ImageReadError(f"{masked(str(source))}: {error}") from error
    if isinstance(source, (np.ndarray, CountedImage)) or not images.is_pil(source):
        raise OptionError(f"{type(source).__name__} cannot be read: give a path, bytes, or a PIL image")
    return images.from_pil(source, reading)


def counted(
    source: Source,
    alpha: UInt8Array | str | None = None,
    reading: Reading = Reading(),  # noqa: B008  it is frozen
    weights: Source | None = None,
) -> CountedImage:
    """The pixels of ``source`` as an image whose colours are counted at most once.

    ``alpha`` and ``weights``, a map of the pixels' importance, are as :func:`colorquant.api.quantize` takes them. An
    array is (h, w, 3) uint8, (h, w, 4) uint8 with alpha, or (h, w) uint8 of gray levels. Raises OptionError for another
    shape or dtype, ImageReadError for a file that is not a whole image.
    """
    if weights is not None:
        image = counted(source, alpha, reading)
        return CountedImage(image.rgb, image.alpha, _importance(weights, image.rgb.shape[:2]))
    if isinstance(alpha, str):
        image = counted(source, None, reading)
        if fitted_alpha(alpha) is not None:
            return image
        rgb, opacities = apply_alpha(image.rgb, image.alpha, alpha)
        return CountedImage(rgb, opacities, image.importance)
    if isinstance(source, CountedImage):
        if alpha is not None:
            raise OptionError("alpha is part of a counted image: leave it out")
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source, alpha)
    if alpha is not None:
        raise OptionError(f"alpha goes with an array of pixels, not with {type(source).__name__}: leave it out")
    picture = read(source, reading=reading)
    return CountedImage(picture.rgb, picture.alpha)


def fitted_alpha(alpha: UInt8Array | str | None) -> str | None:
    """``alpha`` where it is an option of the fit, one of ALPHAS; else None."""
    return alpha if isinstance(alpha, str) and alpha in ALPHAS else None


def _importance(weights: Source, size: tuple[int, int]) -> UInt8Array:
    """A map of importance (h, w) uint8 for an image of this ``size``."""
    if isinstance(weights, (str, Path)):
        return read_importance(weights, size)
    if isinstance(weights, np.ndarray):
        return weights
    levels = counted(weights, reading=ON_BLACK).rgb
    return gray_levels(levels, size, "the map of weights")


def _from_array(array: AnyArray, alpha: UInt8Array | None) -> CountedImage:
    if array.dtype == np.uint8 and array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 4:
        if alpha is not None:
            raise OptionError("the array has a fourth channel, and alpha is given as well: leave one out")
        array, alpha = np.ascontiguousarray(array[:, :, :3]), np.ascontiguousarray(array[:, :, 3])
    return CountedImage(np.ascontiguousarray(array), alpha)
