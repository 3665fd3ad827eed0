"""Figures: what was fitted, drawn by matplotlib. The table ``FIGURES`` is what options, tests and docs read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from colorquant.color.spaces import Projection
from colorquant.errors import OptionError
from colorquant.fitting.engines import ENGINES, METHODS
from colorquant.fitting.options import FitOptions

if TYPE_CHECKING:
    from colorquant.report.figures.subject import Subject

SUFFIXES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Drawing:
    """Which figure is drawn: ``kind`` a key of FIGURES, ``bands`` those that the user chose, if any."""

    kind: str
    bands: tuple[str, ...] = ()


@dataclass(frozen=True)
class FigureKind:
    """One row of :data:`FIGURES`.

    ``module`` has a function, called like the kind, that fills a matplotlib figure; it is loaded when it is used.
    ``words`` say what is shown. ``methods`` can have it, in a space of at least ``least_bands`` bands.
    ``chosen`` is how many of them the user can choose; only clustered ones where it shows the model in them.
    ``history`` says that the fit's iterations are needed, ``of_nothing`` that it can be drawn without a colour.
    """

    module: str
    words: str
    methods: tuple[str, ...] = METHODS
    least_bands: int = 1
    chosen: int = 0
    clustered: bool = False
    history: bool = False
    of_nothing: bool = False


FIGURES: dict[str, FigureKind] = {
    "segmented-histogram": FigureKind("densities", "pixels per level, coloured by cluster", chosen=1),
    "gaussians": FigureKind(
        "densities", "each Gaussian and their sum over a histogram", ("em",), chosen=1, clustered=True
    ),
    "ellipses": FigureKind(
        "scatters", "colours in two bands, an ellipse per Gaussian", least_bands=2, chosen=2, clustered=True
    ),
    "colors3d": FigureKind("scatters", "colours in the space, centres or ellipsoids", least_bands=3),
    "convergence": FigureKind("curves", "objective and shift of each iteration", history=True),
    "elbow": FigureKind("curves", "inertia, or BIC and AIC, of several k"),
    "grid": FigureKind("grids", "the picture in several k, side by side", of_nothing=True),
}


def check_installed() -> None:
    """Raises OptionError where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise OptionError("--figure needs matplotlib, which is not installed: pip install 'colorquant[plot]'")


def check_figure(name: str) -> None:
    """Raises OptionError where a figure cannot be drawn into a file of this name."""
    if PurePath(name).suffix.lower() not in SUFFIXES:
        raise OptionError(f"--figure {name}: unknown ending, take one of {', '.join(SUFFIXES)}")
    check_installed()


def choose(options: FitOptions, kind: str | None = None, bands: Sequence[str] = ()) -> Drawing:
    """The figure of a fit with ``options``, as :func:`colorquant.fitting.engines.resolve` returns them.

    ``kind`` None takes the one that suits what is run; ``bands`` are names of bands in any case, with or without
    ``*``. Raises OptionError where matplotlib is missing, or the fit cannot have the figure.
    """
    check_installed()
    projection = Projection.of(options.space, options.keep_luma)
    if kind is None:
        kind = _usual(options, projection)
    row, flag = FIGURES[kind], f"--figure-kind {kind}"
    if options.method not in row.methods:
        raise OptionError(f"{flag} is not for {options.method}: take colorquant {row.methods[0]}, or another kind")
    if len(projection.space.bands) < row.least_bands:
        raise OptionError(f"{flag} needs {row.least_bands} bands, {options.space} has fewer: take another --space")
    if row.history and not ENGINES[options.engine][options.method].tells:
        raise OptionError(f"{flag}: --engine {options.engine} does not tell its iterations, take numpy")
    return Drawing(kind, _named(bands, projection, row, flag) if bands else ())


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
                f"--figure-bands {band}: no {clustered}band of {projection.space.name}, take "
                f"{' or '.join(names.values())}"
            )
    found = tuple(names[band.lower().rstrip("*")] for band in bands)
    if len(set(found)) < len(found):
        raise OptionError(f"--figure-bands {','.join(bands)}: take different bands")
    return found


def encode(subject: Subject, suffix: str) -> bytes:
    """The file of a subject's figure; ``suffix`` is one of SUFFIXES. The same bytes each time."""
    from colorquant.report.figures import canvas

    kind = subject.drawing.kind
    draw = getattr(import_module(f"{__name__}.{FIGURES[kind].module}"), kind.replace("-", "_"))
    if subject.empty and not FIGURES[kind].of_nothing:
        draw = _nothing
    return canvas.encode(lambda figure: draw(figure, subject), suffix)


def _nothing(figure: Any, subject: Subject) -> None:
    from colorquant.report.figures import canvas

    canvas.note(figure, "Every pixel is fully transparent: there is no colour to show.")
    canvas.title(figure, subject.called, subject.words)
