"""Figures of a comparison: the error and the information criteria against k, and the pictures of all cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorquant.analysis.compare import Cell
from colorquant.analysis.grid import variant
from colorquant.analysis.summary import summarize
from colorquant.errors import OptionError
from colorquant.report.comparison_records import ComparedImage, size_lines, tile_rows
from colorquant.report.contact_sheet import Tile
from colorquant.report.figures import canvas, curves, grids
from colorquant.report.words import base_name
from colorquant.types import UInt8Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Compared:
    """An image with its comparison, and thumbnails of the original and of the cells, by their names.

    :func:`colorquant.report.contact_sheet.thumbnail` makes the thumbnails; ``title`` is as in
    :class:`colorquant.report.figure_kinds.Drawing`.
    """

    image: ComparedImage
    original: UInt8Array
    thumbnails: Mapping[str, UInt8Array]
    title: str | None = None


def choose(kind: str | None, combinations: Sequence[tuple[str, int]]) -> str:
    """The kind of figure for a grid of ``combinations``, a variant and a k each.

    ``kind`` None selects the one that suits the grid. Raises OptionError where the figure is not possible for the grid.
    """
    ks, variants = {k for _, k in combinations}, {name for name, _ in combinations}
    if kind is None:
        return "elbow" if len(ks) > 1 and len(variants) == 1 else "grid"
    if kind == "elbow" and len(ks) == 1:
        raise OptionError(f"--figure-kind elbow needs several numbers of colours: give -k {min(ks)},{2 * min(ks)}")
    return kind


def elbow(figure: Figure, compared: Compared) -> str:
    """The MSE of each variant against k, and below it BIC and AIC of those that are mixtures."""
    cells = [cell for cell in compared.image.comparison.cells if cell.measures is not None]
    mixtures = [cell for cell in cells if cell.value("bic") is not None]
    several = len({cell.options.space for cell in mixtures}) > 1
    words = "Measures against the number of colours" + ("; BIC and AIC only within a space" if several else "")
    if not cells:
        canvas.note(figure, "Every combination failed.")
        return words
    names = list(dict.fromkeys(cell.variant for cell in cells))
    panels = figure.subplots(2 if mixtures else 1, sharex=True, squeeze=False)[:, 0]
    for axes in panels:
        curves.ticks_of_k(axes, [cell.options.k for cell in cells])
    for number, name in enumerate(names):
        style = _style(number)
        _line(panels[0], cells, name, "mse", {**style, "label": canvas.elided(name, 9, 2.2)})
        if mixtures:
            _line(panels[1], mixtures, name, "bic", {**style, "ms": 9})
            _line(panels[1], mixtures, name, "aic", {**style, "ls": ":", "mfc": "white", "ms": 4})
    panels[0].set_ylabel("MSE (RGB levels²)")
    if mixtures:
        panels[1].set_ylabel("BIC, and AIC (hollow)")
        canvas.thousands(panels[1].yaxis)
        panels[1].margins(y=0.1)
    panels[-1].set_xlabel("number of colours k")
    panels[0].set_ylim(bottom=0)
    canvas.legend_right(panels[0], panels[0].get_legend_handles_labels()[0])
    return words


def _style(number: int) -> dict[str, object]:
    """The style of a variant's line; the first 32 look different."""
    return {
        "color": canvas.DISTINCT[number % len(canvas.DISTINCT)],
        "ls": canvas.DASHES[number // len(canvas.DISTINCT) % len(canvas.DASHES)],
        "marker": canvas.MARKERS[number % len(canvas.MARKERS)],
        "ms": 5,
    }


def _line(axes: Axes, cells: Sequence[Cell], name: str, measure: str, style: dict[str, object]) -> None:
    points = sorted((cell.options.k, getattr(cell.measures, measure)) for cell in cells if cell.variant == name)
    if points:
        axes.plot(*zip(*points, strict=True), **style)  # type: ignore[arg-type]


def grid(figure: Figure, compared: Compared) -> str:
    """The original, and the pictures of all cells."""
    original = Tile("original", size_lines(compared.image), compared.original)
    rows = tile_rows(compared.image.comparison, compared.thumbnails)
    grids.lay_out(figure, rows, beside=original, titled=compared.title != "")
    return "Compared"


COMPARED: dict[str, Callable[[Figure, Compared], str]] = {"elbow": elbow, "grid": grid}


def rate(figure: Figure, images: Sequence[ComparedImage]) -> str:
    """PSNR against bits per pixel: for each variant a line over k of the means, and a pale line for each image.

    Results without loss have no PSNR and are left out.
    """
    axes = figure.add_subplot()
    words = "PSNR against bits per pixel" + (", mean of the images and each of them" if len(images) > 1 else "")
    summaries = [row for row in summarize([image.comparison for image in images]) if "psnr" in row.statistics]
    lossy = [row for row in summaries if math.isfinite(row.statistics["psnr"].mean)]
    if not lossy:
        figure.delaxes(axes)
        canvas.note(figure, "No result has a PSNR.")
        return words
    for number, name in enumerate(dict.fromkeys(variant(row.options) for row in lossy)):
        style = _style(number)
        for image in images if len(images) > 1 else ():
            cells = [cell for cell in image.comparison.cells if cell.variant == name]
            points = [(cell.options.k, cell.mean("bits_per_pixel"), cell.mean("psnr")) for cell in cells]
            _rate_line(axes, points, {"color": style["color"], "ls": style["ls"], "lw": 0.8, "alpha": 0.3})
        means = [
            (row.options.k, row.statistics["bits_per_pixel"].mean, row.statistics["psnr"].mean)
            for row in lossy
            if variant(row.options) == name
        ]
        _rate_line(axes, means, {**style, "label": canvas.elided(name, 9, 2.2)})
        for k, bits, psnr in means:
            axes.annotate(f"{k}", (bits, psnr), (0, -11), textcoords="offset points", ha="center", fontsize=7.5)
    axes.set(xlabel="bits per pixel of the PNG (numbers: k)", ylabel="PSNR (dB)")
    axes.grid(visible=True)
    canvas.legend_right(axes, axes.get_legend_handles_labels()[0])
    return words


def _rate_line(axes: Axes, points: Sequence[tuple[int, float | None, float | None]], style: dict[str, object]) -> None:
    """A line through points of k, bits per pixel and PSNR, by k; those without a finite PSNR are left out."""
    drawn = [(bits, psnr) for _, bits, psnr in sorted(points) if bits is not None and math.isfinite(psnr or math.inf)]
    axes.plot([bits for bits, _ in drawn], [psnr for _, psnr in drawn], **style)  # type: ignore[arg-type]


OVER_IMAGES: dict[str, Callable[[Figure, Sequence[ComparedImage]], str]] = {"rate": rate}


def encode_over_images(images: Sequence[ComparedImage], kind: str, suffix: str, title: str | None = None) -> bytes:
    """The file of a figure of all images; ``kind`` is a key of OVER_IMAGES, ``title`` as in Compared."""
    name = base_name(images[0].name) if len(images) == 1 else f"{len(images)} images"

    def fill(figure: Figure) -> None:
        canvas.title(figure, name, OVER_IMAGES[kind](figure, images), title)

    return canvas.encode(fill, suffix)


def encode(compared: Compared, kind: str, suffix: str) -> bytes:
    """The file of a comparison's figure: ``kind`` is a key of COMPARED, ``suffix`` one of SUFFIXES."""

    def fill(figure: Figure) -> None:
        canvas.title(figure, base_name(compared.image.name), COMPARED[kind](figure, compared), compared.title)

    return canvas.encode(fill, suffix)
