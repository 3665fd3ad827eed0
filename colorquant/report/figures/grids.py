"""Figures of pictures side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from colorquant.report import contact_sheet as sheets
from colorquant.report.figures import canvas
from colorquant.report.figures.subject import Subject

ACROSS = 2.6  # inches of a tile
WORDS = ACROSS - 0.3  # and of its words
TITLE, SMALL = 10.5, 8.5  # points of its title, and of the lines below
LINE = SMALL * 1.35 / 72  # inches of a line
HEAD = 0.85  # inches above the tiles
GAP = 0.35  # inches between rows


def result_tiles(subject: Subject) -> list[sheets.Tile]:
    """The original, and the picture in each number of colours of the sweep."""
    picture = subject.picture
    height, width = picture.rgb.shape[:2]
    colors = f"{subject.quantized.colors_in:,} colours"
    tiles = [sheets.Tile("original", [f"{width:,} × {height:,}", colors], sheets.thumbnail(picture.rgb, picture.alpha))]
    for one in subject.sweep():
        asked = " (asked)" if one.options.k == subject.quantized.options.k else ""
        loss = f"PSNR {one.psnr:.1f} dB" if math.isfinite(one.psnr) else "no loss"
        pixels = sheets.thumbnail(one.rgb, one.alpha)
        tiles.append(sheets.Tile(f"k = {one.options.k}{asked}", [loss, f"{one.colors_out:,} colours"], pixels))
    return tiles


def grid(figure: Any, subject: Subject) -> None:
    """The original beside the picture in several numbers of colours."""
    tiles = result_tiles(subject)
    across = max(2, min(4, math.ceil(math.sqrt(len(tiles)))))
    lay(figure, [tiles[start : start + across] for start in range(0, len(tiles), across)])
    canvas.title(figure, subject.called, f"Quantized: {subject.words}")


def _height(tile: sheets.Tile) -> float:
    height, width = (1, 2) if tile.pixels is None else tile.pixels.shape[:2]
    return float(min(1.6, max(0.12, height / width))) * WORDS + len(tile.words) * LINE + TITLE / 72 + GAP


def _set(tile: sheets.Tile) -> sheets.Tile:
    """The tile with its words in lines that fit."""
    words = [line for words in tile.words for line in canvas.broken(words, SMALL, WORDS)]
    return sheets.Tile(canvas.elided(tile.title, TITLE, WORDS), words, tile.pixels)


def lay(figure: Any, rows: Sequence[Sequence[sheets.Tile | None]]) -> None:
    """The tiles with their words above them; None leaves a place empty. The figure becomes as large as they are."""
    rows = [[tile and _set(tile) for tile in row] for row in rows]
    across = max(len(row) for row in rows)
    heights = [max(_height(tile) for tile in row if tile) for row in rows]
    figure.set_size_inches(across * ACROSS + 0.2, sum(heights) + HEAD)
    places = figure.subplots(len(rows), across, squeeze=False, height_ratios=heights)
    for row, line in zip(rows, places, strict=True):
        for axes in line:
            axes.set_axis_off()
        for tile, axes in zip(row, line, strict=False):
            if tile is not None:
                _show(axes, tile)


def _show(axes: Any, tile: sheets.Tile) -> None:
    lines = len(tile.words)
    axes.set_title(tile.title, loc="left", fontsize=TITLE, pad=72 * LINE * lines + 5)
    words = axes.annotate("\n".join(tile.words), (0, 1), (0, 3), xycoords="axes fraction", textcoords="offset points")
    words.set(fontsize=SMALL, color=canvas.FAINT, in_layout=False)  # the title above keeps its room
    if tile.pixels is None:
        return
    axes.imshow(tile.pixels, interpolation="nearest" if max(tile.pixels.shape) < 100 else "antialiased")
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=canvas.PALE)
