"""Figures of pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from colorquant.report import contact_sheet as sheets
from colorquant.report.contact_sheet import Tile
from colorquant.report.figures import canvas
from colorquant.report.figures.data import FigureData
from colorquant.report.words import counted, quality_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TILE = 2.6  # inches across a tile
WORDS = TILE - 0.3  # inches across its words
LARGE = 1.6  # how many times wider the original is when it stands beside several rows
TITLE, SMALL = 10.5, 8.5  # points of its title, and of the lines below
LINE = SMALL * 1.35 / 72  # inches of a line
HEAD, HEADLESS = 0.85, 0.15  # inches above the tiles, with a title and without
GAP = 0.35  # inches between rows


def result_tiles(data: FigureData) -> list[Tile]:
    """The original, and the picture in each number of colours of the sweep."""
    image = data.file.image
    height, width = image.rgb.shape[:2]
    colors = counted(data.quantized.colors_in, "colour")
    tiles = [Tile("original", [f"{width:,} × {height:,}", colors], sheets.thumbnail(image.rgb, image.alpha))]
    for run in data.file.sweep.runs:
        own = ", this run" if run.options.k == data.k else ""
        pixels = sheets.thumbnail(run.rgb, run.alpha)
        words = [quality_words(run.psnr), counted(run.colors_out, "colour")]
        tiles.append(Tile(f"k = {run.options.k}{own}", words, pixels))
    return tiles


def grid(figure: Figure, data: FigureData) -> str:
    """The original beside the picture in several numbers of colours."""
    lay_out(figure, sheets.filled_rows(result_tiles(data)), titled=data.drawing.title != "")
    return f"Quantized: {data.words}"


def _height(tile: Tile) -> float:
    height, width = (1, 2) if tile.pixels is None else tile.pixels.shape[:2]
    return float(min(1.6, max(0.12, height / width))) * WORDS + len(tile.words) * LINE + TITLE / 72 + GAP


def _set(tile: Tile) -> Tile:
    """The tile with its words broken into lines that fit."""
    words = [line for words in tile.words for line in canvas.broken(words, SMALL, WORDS)]
    return Tile(canvas.elided(tile.title, TITLE, WORDS), words, tile.pixels)


def lay_out(
    figure: Figure, rows: Sequence[Sequence[Tile | None]], *, beside: Tile | None = None, titled: bool = True
) -> None:
    """Lay out tiles with their words above them; None leaves a place empty. The figure becomes as large as they are.

    ``beside`` stands on the left of all rows, larger where there are several. Without ``titled`` no room is left for
    a title.
    """
    rows = [[tile and _set(tile) for tile in row] for row in rows]
    across = max(len(row) for row in rows)
    heights = [max(_height(tile) for tile in row if tile) for row in rows]
    left = 0.0 if beside is None else LARGE if len(rows) > 1 else 1.0
    figure.set_size_inches((across + left) * TILE + 0.2, sum(heights) + (HEAD if titled else HEADLESS))
    widths = [*([left] if beside else []), *[1.0] * across]
    places = figure.add_gridspec(len(rows), len(widths), height_ratios=heights, width_ratios=widths)
    if beside is not None:
        axes = figure.add_subplot(places[:, 0])
        axes.set_axis_off()
        axes.set_anchor("N")
        _show(axes, _set(beside))
    for number, row in enumerate(rows):
        for column, tile in enumerate(row, start=len(widths) - across):
            axes = figure.add_subplot(places[number, column])
            axes.set_axis_off()
            if tile is not None:
                _show(axes, tile)


def _show(axes: Axes, tile: Tile) -> None:
    lines = len(tile.words)
    axes.set_title(tile.title, loc="left", fontsize=TITLE, pad=72 * LINE * lines + 5)
    words = axes.annotate("\n".join(tile.words), (0, 1), (0, 3), xycoords="axes fraction", textcoords="offset points")
    words.set(fontsize=SMALL, color=canvas.FAINT, in_layout=False)  # so that the layout leaves room for the title only
    if tile.pixels is None:
        return
    axes.imshow(tile.pixels, interpolation="nearest" if max(tile.pixels.shape) < 100 else "antialiased")
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=canvas.PALE)
