"""Figures of a fit, and of a clip, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING

from colorquant.color.spaces import Projection
from colorquant.errors import OptionError
from colorquant.fitting.engines import ENGINES
from colorquant.fitting.options import FitOptions
from colorquant.report.figure_kinds import CLIP_FIGURES, FIGURES, Drawing, FigureKind
from colorquant.report.words import base_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from colorquant.report.clip_file import BackgroundClip, QuantizedClip
    from colorquant.report.quantized_file import QuantizedFile

SUFFIXES = (".png", ".svg", ".pdf")


def check_installed() -> None:
    """Raises OptionError where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise OptionError("--figure needs matplotlib, which is not installed: pip install 'colorquant[plot]'")


def check_figure(name: str) -> None:
    """Raises OptionError where a figure cannot be drawn into a file of this name."""
    if PurePath(name).suffix.lower() not in SUFFIXES:
        raise OptionError(f"--figure {name}: unknown ending, use one of {', '.join(SUFFIXES)}")
    check_installed()


def choose(
    options: FitOptions, kind: str | None = None, bands: Sequence[str] = (), title: str | None = None
) -> Drawing:
    """The figure of a fit with ``options``, as :func:`colorquant.fitting.engines.resolve` returns them.

    ``kind`` None selects the one that suits the method and the space; ``bands`` are names of bands in any case, with or
    without ``*``; ``title`` is as in Drawing. Raises OptionError where matplotlib is missing, or where the figure is
    not possible for the fit.
    """
    check_installed()
    projection = Projection.of(options.space, options.keep_luma)
    if kind is None:
        kind = _usual(options, projection)
    if kind not in FIGURES:
        raise OptionError(f"--figure-kind {kind} is unknown: use {', '.join(FIGURES)}")
    row, flag = FIGURES[kind], f"--figure-kind {kind}"
    if options.method not in row.methods:
        raise OptionError(f"{flag} is not for {options.method}: use colorquant {row.methods[0]}, or another kind")
    if len(projection.space.bands) < row.least_bands:
        raise OptionError(f"{flag} needs {row.least_bands} bands, {options.space} has fewer: use another --space")
    if row.history and not ENGINES[options.engine][options.method].reports_iterations:
        raise OptionError(f"{flag}: --engine {options.engine} does not report its iterations: use --engine numpy")
    return Drawing(kind, _named(bands, projection, row, flag) if bands else (), title)


def _usual(options: FitOptions, projection: Projection) -> str:
    if options.space == "gray":
        return "gaussians" if options.method == "em" else "segmented-histogram"
    return "ellipses" if projection.keep_luma else "colors3d"


def _named(bands: Sequence[str], projection: Projection, row: FigureKind, flag: str) -> tuple[str, ...]:
    """The names of the chosen bands as the space writes them."""
    if not row.chosen:
        raise OptionError(f"--figure-bands is not for {flag}: leave it out")
    if len(bands) != row.chosen:
        few = "one band" if row.chosen == 1 else f"{row.chosen} bands"
        raise OptionError(f"--figure-bands {','.join(bands)}: {flag} shows {few}")
    names = {name.lower().rstrip("*"): name for name in (projection.bands if row.clustered else projection.space.bands)}
    for band in bands:
        if band.lower().rstrip("*") not in names:
            clustered = "clustered " if row.clustered else ""
            raise OptionError(
                f"--figure-bands {band}: no {clustered}band of {projection.space.name}, use "
                f"{' or '.join(names.values())}"
            )
    chosen = tuple(names[band.lower().rstrip("*")] for band in bands)
    if len(set(chosen)) < len(chosen):
        raise OptionError(f"--figure-bands {','.join(bands)}: use different bands")
    return chosen


def encode(file: QuantizedFile, suffix: str) -> bytes:
    """The file of a quantized file's figure; ``suffix`` is one of SUFFIXES. The bytes are the same each time."""
    from colorquant.report.figures import canvas

    return canvas.encode(_drawn(file), suffix)


def figure(file: QuantizedFile) -> Figure:
    """The matplotlib figure of a quantized file, to be shown in a notebook or changed further."""
    from colorquant.report.figures import canvas

    return canvas.filled(_drawn(file))


def _drawn(file: QuantizedFile) -> Callable[[Figure], None]:
    """The function that fills a matplotlib figure."""
    from colorquant.report.figures import canvas
    from colorquant.report.figures.data import FigureData

    drawing = file.drawing or choose(file.quantized.options)
    row, data = FIGURES[drawing.kind], FigureData(file, drawing)
    draw = _function(row, drawing.kind)

    def fill(figure: Figure) -> None:
        if data.empty and not row.of_nothing:
            canvas.note(figure, "Every pixel is fully transparent: there is no colour to show.")
            words = data.words
        else:
            words = draw(figure, data)
        canvas.title(figure, data.name, words, drawing.title)

    return fill


def encode_clip(clip: QuantizedClip | BackgroundClip, suffix: str) -> bytes:
    """The file of a clip's figure, which ``clip.drawing`` selects; otherwise as :func:`encode`."""
    from colorquant.report.figures import canvas

    drawing = clip.drawing
    draw = _function(CLIP_FIGURES[drawing.kind], drawing.kind)

    def fill(figure: Figure) -> None:
        words = draw(figure, clip)
        canvas.title(figure, base_name(clip.name), words, drawing.title)

    return canvas.encode(fill, suffix)


def _function(row: FigureKind, kind: str) -> Callable[[Figure, object], str]:
    """The function that draws a kind of figure."""
    draw: Callable[[Figure, object], str] = getattr(import_module(f"{__name__}.{row.module}"), kind.replace("-", "_"))
    return draw
