"""Figures of a comparison: the error and the criteria against k, and the contact sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from colorquant.errors import OptionError
from colorquant.report import contact_sheet as sheets
from colorquant.report.figures import canvas, curves, grids
from colorquant.report.figures.subject import called


@dataclass(frozen=True)
class Compared:
    """A compared image: ``comparison`` is a Comparison, ``original`` a tile, ``rows``
    those of :func:`colorquant.report.comparison_records.tile_rows`.
    """

    name: str
    comparison: Any
    original: sheets.Tile
    rows: Sequence[Sequence[sheets.Tile | None]]


def choose(kind: str | None, combinations: Sequence[tuple[str, int]]) -> str:
    """The figure of a grid of ``combinations``, a variant and a k each; ``kind`` None takes the one that suits it.

    Raises OptionError where the grid cannot have the figure.
    """
    ks, variants = {k for _, k in combinations}, {variant for variant, _ in combinations}
    if kind is None:
        return "elbow" if len(ks) > 1 and len(variants) == 1 else "grid"
    if kind == "elbow" and len(ks) == 1:
        raise OptionError(f"--figure-kind elbow needs several numbers of colours: give -k {min(ks)},{2 * min(ks)}")
    return kind


def elbow(figure: Any, compared: Compared) -> None:
    """The MSE of each variant against k, and below it BIC and AIC of those that are mixtures."""
    cells = [cell for cell in compared.comparison.cells if cell.measures is not None]
    mixtures = [cell for cell in cells if cell.measures.bic is not None]
    several = len({cell.options.space for cell in mixtures}) > 1
    words = "Measures against the number of colours" + ("; BIC and AIC only within a space" if several else "")
    canvas.title(figure, called(compared.name), words)
    if not cells:
        canvas.note(figure, "Every combination failed.")
        return
    variants = list(dict.fromkeys(cell.variant for cell in cells))
    panels = figure.subplots(2 if mixtures else 1, sharex=True, squeeze=False)[:, 0]
    for axes in panels:
        curves.ticks_of_k(axes, [cell.options.k for cell in cells])
        axes.set_xlabel("")
    for number, variant in enumerate(variants):
        style = {
            "color": canvas.DISTINCT[number % len(canvas.DISTINCT)],
            "ls": canvas.DASHES[number // len(canvas.DISTINCT) % len(canvas.DASHES)],
            "marker": canvas.MARKERS[number % len(canvas.MARKERS)],
            "ms": 5,
        }
        _line(panels[0], cells, variant, "mse", {**style, "label": canvas.elided(variant, 9, 2.2)})
        if mixtures:
            _line(panels[1], mixtures, variant, "bic", {**style, "ms": 9})
            _line(panels[1], mixtures, variant, "aic", {**style, "ls": ":", "mfc": "white", "ms": 4})
    panels[0].set_ylabel("MSE")
    if mixtures:
        panels[1].set_ylabel("BIC, and AIC (hollow)")
        canvas.thousands(panels[1].yaxis)
        panels[1].margins(y=0.1)
    panels[-1].set_xlabel("k")
    panels[0].set_ylim(bottom=0)
    canvas.legend_right(panels[0], panels[0].get_legend_handles_labels()[0])


def _line(axes: Any, cells: Sequence[Any], variant: str, measure: str, style: dict[str, Any]) -> None:
    told = sorted((cell.options.k, getattr(cell.measures, measure)) for cell in cells if cell.variant == variant)
    if told:
        axes.plot(*zip(*told, strict=True), **style)


def grid(figure: Any, compared: Compared) -> None:
    """The original, and the pictures of all cells."""
    across = max(2, *(len(row) for row in compared.rows))
    rows = [[compared.original], *compared.rows]
    grids.lay(figure, [[*row, *[None] * (across - len(row))] for row in rows])
    canvas.title(figure, called(compared.name), "Compared")


COMPARED: dict[str, Callable[[Any, Compared], None]] = {"elbow": elbow, "grid": grid}


def encode(compared: Compared, kind: str, suffix: str) -> bytes:
    """The file of a comparison's figure: ``kind`` a key of COMPARED, ``suffix`` one of SUFFIXES."""
    return canvas.encode(lambda figure: COMPARED[kind](figure, compared), suffix)
