"""The kinds of figures of a fit and of a clip. Options, tests and docs read the tables."""

from __future__ import annotations

from dataclasses import dataclass

from colorquant.fitting.engines import METHODS


@dataclass(frozen=True)
class Drawing:
    """Which figure is drawn: ``kind`` is a key of FIGURES or CLIP_FIGURES, ``bands`` are those that the user chose.

    ``title`` replaces the default title; None keeps that one, and an empty text leaves the figure without a title.
    """

    kind: str
    bands: tuple[str, ...] = ()
    title: str | None = None


@dataclass(frozen=True)
class FigureKind:
    """One row of :data:`FIGURES`, or of :data:`CLIP_FIGURES`.

    ``module`` has a function, named like the kind, that fills a matplotlib figure and returns a phrase on what it
    shows; it is loaded when it is used. ``words`` describes the figure. It is possible for ``methods``, in a space of
    at least ``least_bands`` bands. The user can choose ``chosen`` bands, with ``clustered`` only clustered ones.
    ``history`` says that the figure needs the fit's iterations, ``sweep`` that it needs fits with other numbers of
    colours, ``pictures`` that it shows their pictures, ``of_nothing`` that it can be drawn for a picture without any
    visible pixel.
    """

    module: str
    words: str
    methods: tuple[str, ...] = METHODS
    least_bands: int = 1
    chosen: int = 0
    clustered: bool = False
    history: bool = False
    sweep: bool = False
    pictures: bool = False
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
    "elbow": FigureKind("curves", "inertia per pixel, or BIC and AIC, of several k", sweep=True),
    "grid": FigureKind("grids", "the picture in several k, side by side", sweep=True, pictures=True, of_nothing=True),
}

CLIP_FIGURES: dict[str, FigureKind] = {
    "shares": FigureKind("timelines", "the share of each label over time"),
}
