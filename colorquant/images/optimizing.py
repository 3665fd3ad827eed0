"""Make PNG files smaller with oxipng, without changing a pixel: the option --optimize."""

from __future__ import annotations

from importlib.util import find_spec

from colorquant.errors import OptionError, OutputError
from colorquant.images.png import INDEXED

LEVEL = 2  # of oxipng


def check_optimizer() -> None:
    """Raises OptionError where pyoxipng is missing."""
    if find_spec("oxipng") is None:
        raise OptionError("--optimize needs pyoxipng, which is not installed: pip install 'colorquant[optimize]'")


def optimized(png: bytes, *, keep_palette: bool = False) -> bytes:
    """The PNG with the same pixels and metadata in fewer bytes, or itself where it cannot be made smaller.

    Its colour type, its depth and the order of its palette may change. oxipng tries several orders of the palette; with
    8 bits per pixel, where filters depend on the order, it compresses each of them fully to compare them, which takes
    two to three times as long and saves 3 % more. With ``keep_palette`` an indexed PNG keeps all its entries, in their
    order, and its depth. Raises OptionError where pyoxipng is missing, OutputError where
    oxipng fails.
    """
    check_optimizer()
    import oxipng

    bits, color_type = png[24:26]
    kept = keep_palette and color_type == INDEXED
    fast = kept or not (bits == 8 and color_type == INDEXED)
    try:
        smaller = oxipng.optimize_from_memory(
            png,
            level=LEVEL,
            fast_evaluation=fast,
            strip=oxipng.StripChunks.none(),
            palette_reduction=not kept,
            color_type_reduction=not kept,
            bit_depth_reduction=not kept,
            grayscale_reduction=not kept,
        )
    except oxipng.PngError as error:
        raise OutputError(f"oxipng cannot optimize the picture: {error}; leave --optimize out") from error
    return min(png, smaller, key=len)
