"""Contact sheets: an original and its quantized versions as a grid of titled thumbnails."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from colorquant.images.encoding import encode_rgb
from colorquant.report.records import printable
from colorquant.types import UInt8Array

COLUMN = 400  # pixels across
TALLEST = 600  # pixels down
GAP = 24
MOST_ACROSS = 5  # most tiles side by side that fit a screen well
TITLE, WORDS = 20, 16  # sizes of the font
LEADING = 1.35
PAPER, INK, FAINT, FRAME = (255, 255, 255), (26, 26, 26), (85, 85, 85), (190, 190, 190)
MISSING = "\U0010ffff"  # a character that no font has

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Line = tuple[str, int, tuple[int, int, int]]  # text, size, colour


@dataclass(frozen=True)
class Tile:
    """A picture of a contact sheet under its ``title`` and ``words``, each of which is a paragraph.

    ``pixels`` (h, w, 3) uint8 are those of :func:`thumbnail`; None where there is no result.
    """

    title: str
    words: Sequence[str]
    pixels: UInt8Array | None


def filled_rows(tiles: Sequence[Tile]) -> list[list[Tile | None]]:
    """Arrange tiles in rows: with as few empty places as possible, and about as many rows as columns."""
    root = math.ceil(math.sqrt(len(tiles)))
    widths = range(max(2, root - 1), max(2, min(root + 2, MOST_ACROSS)) + 1)
    across = min(widths, key=lambda width: (-len(tiles) % width, abs(width - root)))
    padded = [*tiles, *[None] * (-len(tiles) % across)]
    return [padded[start : start + across] for start in range(0, len(padded), across)]


def thumbnail(rgb: UInt8Array, alpha: UInt8Array | None) -> UInt8Array:
    """Scale pixels (h, w, 3) uint8, with alpha (h, w) uint8 on white, to a column's width: (h', w', 3) uint8.

    A larger picture is averaged down; a much smaller one is enlarged, each pixel to a square.
    """
    image = Image.fromarray(rgb)
    if alpha is not None:
        image = Image.composite(image, Image.new("RGB", image.size, PAPER), Image.fromarray(alpha))
    scale = min(COLUMN / image.width, TALLEST / image.height)
    if scale >= 2:
        size = (image.width * int(scale), image.height * int(scale))
        return np.array(image.resize(size, Image.Resampling.NEAREST))
    if scale >= 1:
        return np.array(image)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.array(image.resize(size, Image.Resampling.BOX, reducing_gap=2.0))


def contact_sheet(head: Tile, rows: Sequence[Sequence[Tile | None]]) -> bytes:
    """Encode a sheet as PNG: ``head`` with its words beside it, then the ``rows``; None leaves a place empty."""
    columns = max(2, *(len(row) for row in rows))
    width = columns * (COLUMN + GAP) + GAP
    beside = _set(head, width - COLUMN - 3 * GAP)
    assert head.pixels is not None
    heights = [max(len(head.pixels), _height(beside))]
    captions = [[_set(tile, COLUMN) if tile else [] for tile in row] for row in rows]
    for row, texts in zip(rows, captions, strict=True):
        heights.append(
            max(map(_height, texts)) + max(len(tile.pixels) if tile and tile.pixels is not None else 0 for tile in row)
        )
    sheet = Image.new("RGB", (width, sum(heights) + (len(heights) + 1) * GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    _show(sheet, head.pixels, GAP, GAP)
    _write(draw, beside, 2 * GAP + COLUMN, GAP)
    top = 2 * GAP + heights[0]
    for row, texts, height in zip(rows, captions, heights[1:], strict=True):
        caption = max(map(_height, texts))
        for number, (tile, lines) in enumerate(zip(row, texts, strict=True)):
            left = GAP + number * (COLUMN + GAP)
            _write(draw, lines, left, top)
            if tile and tile.pixels is not None:
                _show(sheet, tile.pixels, left, top + caption)
        top += height + GAP
    return encode_rgb(np.array(sheet), None)


def _show(sheet: Image.Image, pixels: UInt8Array, left: int, top: int) -> None:
    """Paste a thumbnail in a frame, which sets a white picture off from the paper."""
    height, width = pixels.shape[:2]
    sheet.paste(Image.fromarray(pixels), (left, top))
    ImageDraw.Draw(sheet).rectangle((left - 1, top - 1, left + width, top + height), outline=FRAME)


def _set(tile: Tile, width: int) -> list[Line]:
    """Break a tile's text into lines that are at most ``width`` pixels wide."""
    lines: list[Line] = [(line, TITLE, INK) for line in _broken(tile.title, TITLE, width)]
    for words in tile.words:
        lines += [(line, WORDS, FAINT) for line in _broken(words, WORDS, width)]
    return lines


def _write(draw: ImageDraw.ImageDraw, lines: Sequence[Line], left: int, top: int) -> None:
    for text, size, color in lines:
        draw.text((left, top), text, fill=color, font=ImageFont.load_default(size))
        top += round(size * LEADING)


def _height(lines: Sequence[Line]) -> int:
    return sum(round(size * LEADING) for _, size, _ in lines) + (6 if lines else 0)


def _broken(text: str, size: int, width: int) -> list[str]:
    """The text in lines of whole words; only a word that is too long for a line is broken."""
    font = ImageFont.load_default(size)
    has = _glyphs(font)
    lines = [""]
    for word in "".join(char if has(char) else "?" for char in printable(text)).split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
            continue
        lines = [line for line in lines if line]
        while font.getlength(word) > width:
            fits = next(end for end in range(len(word), 0, -1) if end == 1 or font.getlength(word[:end]) <= width)
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines


def _glyphs(font: Font) -> Callable[[str], bool]:
    """A test whether the font has a character: its picture differs from that of a missing one."""
    missing = bytes(font.getmask(MISSING))
    return lambda char: char == " " or bytes(font.getmask(char)) != missing
