"""Palettes as pictures: a PNG with a square for each colour, and the colours of any image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from colorquant.images import read_colors
from colorquant.images.png import encode_indexed
from colorquant.palette.entries import Codec, Entries
from colorquant.types import UInt8Array

MOST_COLORS = 256  # of an image that is taken as a palette
COLUMNS = 16
LONGEST_ROW = 32  # squares; a longer row gets smaller ones
SQUARE, SMALL_SQUARE = 32, 8  # pixels


def write_swatch(entries: Entries) -> bytes:
    """An indexed PNG with a square for each colour; its table has the palette in its order, with alpha.

    All squares have one size and fill the picture, so the number of columns divides that of the colours.
    """
    number = len(entries.colors)
    columns = _columns(number)
    side = SQUARE if columns <= LONGEST_ROW else SMALL_SQUARE
    indices: UInt8Array = np.arange(number, dtype=np.uint8).reshape(-1, columns)
    squares = indices.repeat(side, axis=0).repeat(side, axis=1)
    return encode_indexed(squares, entries.colors, entries.alpha, keep_order=True)


def _columns(number: int) -> int:
    """One row for few colours, else the divisor that is nearest to 16, or again one row."""
    divisors = [columns for columns in range(COLUMNS // 2, LONGEST_ROW + 1) if number % columns == 0]
    if number <= COLUMNS or not divisors:
        return number
    return min(divisors, key=lambda columns: abs(columns - COLUMNS))


def read_image(source: Path | bytes, name: str = "IMAGE") -> Entries:
    """The table of an indexed image, or else its distinct colours, with the numbers of their pixels.

    Where all have equally many pixels, it is a swatch, and the counts say nothing. ``name`` is that of the file in
    messages. Raises ImageReadError, and ValueError for more than MOST_COLORS colours.
    """
    found = read_colors(source, MOST_COLORS)
    if found is None:
        raise ValueError(
            f"the image has more than {MOST_COLORS} distinct colours; reduce them first, with "
            f"colorquant kmeans {name} -k {MOST_COLORS} --palette-out palette.gpl"
        )
    entries = Entries(found.colors, found.counts, found.alpha)
    return replace(entries, counts=None) if np.ptp(found.counts) == 0 else entries


CODECS = {".png": Codec(write_swatch, read_image)}
