"""Palettes as pictures: a PNG with a square for each colour."""

from __future__ import annotations

import numpy as np

from colorquant.images.png import encode_indexed
from colorquant.palette.entries import Entries
from colorquant.types import UInt8Array

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
