"""The options of a fit, for a command of one method and for a command with ``--method``."""

from __future__ import annotations

from functools import wraps
from typing import Any

import click

from colorquant.cli import choices
from colorquant.cli.colors import number_options, pop_auto
from colorquant.cli.given import GIVEN_PALETTE
from colorquant.cli.groups import COLOUR, FIT, PALETTE, Decorator, Function, option
from colorquant.cli.options import ANY_PLACE, attempts_option, seed_option, stack

OWN = {"kmeans": ("lock",), "em": ("covariance", "reg_covar", "standardize", "assign", "posteriors")}
INIT_WORDS = {
    "kmeans": "by splitting clusters (numpy only), by k-means++ (pp), or from random colours.  "
    "[default: split; pp with other engines]",
    "em": "k-means (with numpy the best of several starts on coarse cells, unless --max-iter or --tol is given), "
    "random colours, or a long search for the most likely mixture (numpy only).  [default: kmeans]",
}
TOL_WORDS = {
    "kmeans": "no centre moves further, in units of the space; with opencv, its epsilon.  [default: 0.01]",
    "em": "the log-likelihood per pixel gains less; with opencv, its epsilon.  "
    "[default: 0.001; 0.003 for numpy in three bands; 0.0005 with --init search]",
}


def fit_options(method: str) -> Decorator:
    """The options of a fit with ``method``.

    The command gets a :class:`colorquant.fitting.options.FitOptions` as ``options``, and as ``auto`` a
    :class:`colorquant.analysis.auto_k.AutoK`, or None where the user gave a number of colours.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def command(**settings: Any) -> None:
            function(**_with_fit_options(method, settings))

        return stack(*number_options(method), *_fit_stack(method, weights=True))(command)

    return decorate


def fit_options_of_methods(default: str) -> Decorator:
    """The options of fits, as for :func:`fit_options`, and ``--method``, which is ``default`` unless it is given.

    An option that only the other method has is refused.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def command(*, method: str, **settings: Any) -> None:
            if settings.get("background") is None:  # beside it no option of a fit is allowed, which it says
                _check_own(method, settings)
            function(**_with_fit_options(method, settings))

        return stack(
            *number_options(None),
            option(
                FIT,
                "--method",
                type=click.Choice(choices.METHODS),
                default=default,
                show_default=True,
                help="Model to fit: k-means, or EM (a Gaussian mixture).",
            ),
            *_fit_stack(None, weights=False),
        )(command)

    return decorate


assign_option = option(
    COLOUR,
    "--assign",
    type=click.Choice(choices.ASSIGNMENTS),
    help="How a pixel gets its label: the most probable component, or the nearest mean by Euclidean or city-block "
    "distance."
    "  [default: posterior]",
)


def _with_fit_options(method: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The ``settings`` of a command with those of the fit replaced by ``options`` and ``auto``."""
    from colorquant.fitting.options import FitOptions

    auto = pop_auto(method, settings)
    settings["k"] = settings["k"] if auto is None else auto.max_k
    names = [name for name in FitOptions.__match_args__ if name != "alpha"]  # which the options of reading take
    given = {name: settings.pop(name) for name in names if name in settings}
    return {"options": FitOptions(method=method, **given), "auto": auto, **settings}


def _check_own(method: str, settings: dict[str, Any]) -> None:
    """Raises OptionError for an option, or a start, that only the other method has."""
    from colorquant.errors import OptionError

    other = next(name for name in choices.METHODS if name != method)
    for name in OWN[other]:
        if settings.get(name) not in (None, ()):
            raise OptionError(f"--{name.replace('_', '-')} is for --method {other}: leave it out, or add that")
    init = settings.get("init")
    if init is not None and init not in choices.INITS[method]:
        able = " or ".join(choices.INITS[method])
        raise OptionError(f"--init {init} is for --method {other}: use {able}, or add that")


def _locked(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    from colorquant.palette.given import lockable_colors

    return lockable_colors(text)


_lock_option = option(
    PALETTE,
    "--lock",
    type=GIVEN_PALETTE,
    metavar="COLORS|FILE|NAME",
    callback=_locked,
    help="Colours that the palette must have, the others are fitted around them: '#ff0000,white', a palette file, "
    "an image or a built-in palette (numpy only).",
)
_covariance_option = option(
    FIT, "--covariance", type=click.Choice(choices.COVARIANCES), help="Shape of the Gaussians.  [default: diagonal]"
)
_reg_covar_option = option(
    FIT,
    "--reg-covar",
    type=float,
    metavar="VARIANCE",
    help="Variance added to each band, in squared units of the space, or of the z-scores with --standardize.  "
    "[default: that of rounding to 8 bits, 1/12 of a squared level]",
)
_standardize_option = option(FIT, "--standardize", is_flag=True, default=None, help="Fit the z-scores of the bands.")
_weights_option = option(
    PALETTE,
    "--weights",
    type=ANY_PLACE,
    metavar="FILE.png",
    help="A gray image of the same size: pixels count in the fit in proportion to it, black ones not at all. "
    "One for all inputs, or with {stem} in its name one for each.",
)


def _own(method: str | None) -> tuple[Decorator, ...]:
    """The options that one of the methods has, or whose values depend on it; None stands for ``--method``."""
    inits = dict.fromkeys([*choices.INITS["em"], *choices.INITS["kmeans"]]) if method is None else choices.INITS[method]
    if method is None:
        start = f"em starts from {INIT_WORDS['em']} kmeans starts {INIT_WORDS['kmeans']}"
        stop = f"em stops when {TOL_WORDS['em']} kmeans stops when {TOL_WORDS['kmeans']}"
    else:
        start, stop = f"Start: {INIT_WORDS[method]}", f"Stop when {TOL_WORDS[method]}"
    metavar = {"em": "GAIN", "kmeans": "DISTANCE"}.get(method or "", "GAIN|DISTANCE")
    init = option(FIT, "--init", type=click.Choice(list(inits)), help=start)
    tol = option(FIT, "--tol", type=float, metavar=metavar, help=stop)
    if method == "kmeans":
        return _lock_option, init, tol
    of_em = (_covariance_option, init, tol, _reg_covar_option, _standardize_option)
    return of_em if method == "em" else (_lock_option, *of_em)


def _fit_stack(method: str | None, *, weights: bool) -> tuple[Decorator, ...]:
    """The options of fits with one method, or with either; with ``weights`` also the map of weights."""
    return (
        option(
            FIT,
            "--engine",
            type=click.Choice(choices.ENGINES),
            default="numpy",
            show_default=True,
            help="Implementation to use: numpy fits the colour histogram, opencv and sklearn call those libraries.",
        ),
        option(
            FIT,
            "--effort",
            type=click.Choice(choices.EFFORTS),
            help="How thoroughly the numpy engine searches; best takes about ten times as long.  [default: balanced]",
        ),
        *_own(method),
        option(FIT, "--max-iter", type=int, metavar="N", help="Maximum number of iterations.  [default: 100]"),
        attempts_option,
        seed_option,
        option(
            PALETTE,
            "--protect",
            type=click.Choice(choices.PROTECTIONS),
            help="Keep the colours of small objects: the weight of a colour grows with the square root of the pixels "
            "that are like it. The error of the whole picture grows by about a tenth.",
        ),
        *((_weights_option,) if weights else ()),
        option(
            COLOUR,
            "--space",
            type=click.Choice(choices.SPACES),
            default="rgb",
            show_default=True,
            help="Colour space in which the colours are clustered; gray makes a gray picture.",
        ),
        option(
            COLOUR,
            "--keep-luma/--no-keep-luma",
            default=None,
            help="Cluster only the chroma and keep the lightness of every pixel.  "
            "[default: on for ycrcb, off for other spaces]",
        ),
        option(
            PALETTE,
            "--paint",
            type=click.Choice(choices.PAINTS),
            default="members",
            show_default=True,
            help="Colour of a label: the colour of more than half of its pixels, or else their mean (members); their "
            "mean (mean); their most frequent colour (dominant); the centre of the model (centers).",
        ),
    )
