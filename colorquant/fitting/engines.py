"""The engines that fit models, and the table of them, ``ENGINES``.

The module of an engine is loaded when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module

import numpy as np

from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.color.rgba import RGBA_SPACES
from colorquant.color.spaces import SPACES, Projection
from colorquant.color.strip_counting import smallest_type
from colorquant.errors import EngineError, OptionError
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.locking import are_enough, locked_colors, locked_rows
from colorquant.fitting.models import Centroids, Fit, GaussianMixture, Iteration, Model, SearchStep
from colorquant.fitting.options import ALPHAS, COVARIANCES, FitOptions
from colorquant.fitting.protection import PROTECTIONS
from colorquant.fitting.transparency import keep_transparent
from colorquant.threads import one_thread
from colorquant.types import BoolArray

Progress = Callable[[Iteration | SearchStep], None]  # called in a search, with the start, and after each iteration


def no_progress(event: Iteration | SearchStep) -> None:
    """Default for ``progress``: does nothing."""


@dataclass(frozen=True)
class Engine:
    """One row of :data:`ENGINES`.

    ``module`` of this package holds ``function(weighted, options, progress)``. ``defaults`` maps each option that the
    engine supports, in addition to k, space and seed, to its default value. ``choices`` limits the values of some.
    ``reports_iterations`` says whether the engine reports each iteration, ``per_pixel`` whether it fits every visible
    pixel, each with the same weight; the fourth argument of its function is then the image, and else the model to start
    from, or None. ``alpha`` says whether it fits palettes over RGBA. ``library`` is what the module imports when it is
    first used.
    """

    module: str
    function: str
    defaults: Mapping[str, object]
    choices: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    reports_iterations: bool = False
    per_pixel: bool = False
    alpha: bool = False
    library: str | None = None


EFFORTS = ("fast", "balanced", "best")
_KMEANS = {"init": "pp", "attempts": 1, "max_iter": 100, "tol": 0.01}
_KMEANS_CHOICES = {"init": ("pp", "random")}
_NUMPY_KMEANS = {
    "init": "split",
    "attempts": 1,
    "max_iter": None,
    "tol": None,
    "effort": "balanced",
    "lock": (),
    "protect": None,
}
_NUMPY_KMEANS_CHOICES = {"init": ("split", "pp", "random"), "effort": EFFORTS, "protect": PROTECTIONS}
_EM = {
    "init": "kmeans",
    "attempts": 1,
    "max_iter": 100,
    "tol": 1e-3,
    "covariance": "diagonal",
    "reg_covar": None,  # depends on the space: see default_reg_covar
    "standardize": False,
}
_EM_CHOICES = {"init": ("kmeans", "random"), "covariance": COVARIANCES}

ENGINES: dict[str, dict[str, Engine]] = {
    "numpy": {
        "kmeans": Engine(
            "kmeans.fit", "fit", _NUMPY_KMEANS, _NUMPY_KMEANS_CHOICES, reports_iterations=True, alpha=True
        ),
        "em": Engine(
            "em.fit",
            "fit",
            {**_EM, "max_iter": None, "tol": None, "effort": "balanced", "protect": None},
            {**_EM_CHOICES, "init": ("kmeans", "random", "search"), "effort": EFFORTS, "protect": PROTECTIONS},
            reports_iterations=True,
        ),
    },
    "opencv": {
        "kmeans": Engine("opencv", "fit_kmeans", _KMEANS, _KMEANS_CHOICES, per_pixel=True, library="cv2"),
        "em": Engine(
            "opencv",
            "fit_em",
            {option: _EM[option] for option in ("init", "max_iter", "tol", "covariance", "standardize")},
            {"init": ("kmeans",), "covariance": ("spherical", "diagonal", "full")},
            per_pixel=True,
            library="cv2",
        ),
    },
    "sklearn": {
        "kmeans": Engine(
            "sklearn",
            "fit_kmeans",
            {**_KMEANS, "protect": None},
            {**_KMEANS_CHOICES, "protect": PROTECTIONS},
            alpha=True,
            library="sklearn.cluster",
        ),
        "em": Engine(
            "sklearn",
            "fit_em",
            _EM,
            {**_EM_CHOICES, "covariance": ("spherical", "diagonal", "full", "tied")},
            per_pixel=True,
            library="sklearn.mixture",
        ),
    },
}
METHODS = ("kmeans", "em")
FIT_OPTIONS = (
    "init",
    "attempts",
    "max_iter",
    "tol",
    "effort",
    "covariance",
    "reg_covar",
    "standardize",
    "lock",
    "protect",
)


def resolve(options: FitOptions) -> FitOptions:
    """Fill in the engine's defaults. Raises OptionError for an option that the engine does not support."""
    if options.method not in METHODS or options.engine not in ENGINES:
        raise OptionError(f"no engine {options.engine!r} for {options.method!r}: use one of {', '.join(ENGINES)}")
    engine = ENGINES[options.engine][options.method]
    for name in FIT_OPTIONS:
        value = getattr(options, name)
        allowed = engine.choices.get(name, (value,))
        if value in (None, ()) or (name in engine.defaults and value in allowed):
            continue
        able = [str(choice) for choice in engine.choices.get(name, ())] if name in engine.defaults else []
        remedy = f"use {' or '.join(able)}" if able else "leave it out, or use another engine"
        given = _given(name, value)
        raise OptionError(f"{given} cannot be honoured by --engine {options.engine} in {options.method}: {remedy}")
    if options.alpha not in (None, *ALPHAS):
        raise OptionError(f"alpha is {options.alpha!r}: use {' or '.join(ALPHAS)}")
    if options.alpha == "palette" and not fits_alpha(options):
        raise OptionError(f"--alpha palette cannot be honoured {_obstacle(options)}: use --alpha keep")
    if options.covariance == "identity" and options.standardize:
        raise OptionError("--covariance identity is fixed in 8-bit units, which --standardize changes: leave one out")
    if options.lock and not Projection.of(options.space, options.keep_luma).injective:
        space = f"--space {options.space}{' --keep-luma' if options.keep_luma else ''}"
        exact = ", ".join(name for name in SPACES if Projection.of(name, None).injective)
        raise OptionError(f"--lock needs a space in which all colours differ, not {space}: use one of {exact}")
    return options.replace(
        **{name: default for name, default in engine.defaults.items() if getattr(options, name) is None}
    )


def _given(name: str, value: object) -> str:
    """An option as the user wrote it, or would have."""
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, tuple):
        return f"{flag} {','.join(value)}" if len(value) < 3 else f"{flag} with {len(value)} colours"
    return flag if value is True else f"{flag} {value:g}" if isinstance(value, float) else f"{flag} {value}"


def fits_alpha(options: FitOptions) -> bool:
    """Whether the engine can fit palettes over RGBA in this space."""
    engine = ENGINES[options.engine][options.method]
    return engine.alpha and options.space in RGBA_SPACES and not options.keep_luma


def _obstacle(options: FitOptions) -> str:
    """What keeps ``options`` from palettes over RGBA, as the end of a clause."""
    if not ENGINES[options.engine][options.method].alpha:
        engine = "" if options.engine == "numpy" else f" with --engine {options.engine}"
        return f"by {options.method}{engine}"
    if options.space in RGBA_SPACES:
        return "with --keep-luma"
    return f"in --space {options.space}, only in {', '.join(RGBA_SPACES)}"


def resolve_alpha(options: FitOptions, image: CountedImage, *, dithers: bool = False) -> FitOptions:
    """Decide how the alpha of an image is treated; ``options`` are as :func:`resolve` returns them.

    Without a choice of the user an image with partly transparent pixels gets a palette over RGBA where the engine and
    the space can do that, unless it is dithered in a way that takes no alpha (``dithers``). ``alpha`` becomes None for
    an opaque image, which has nothing to decide.
    """
    if image.opaque:
        return options.replace(alpha=None)
    if options.alpha is not None:
        return options
    together = image.partly_transparent and fits_alpha(options) and not dithers
    return options.replace(alpha="palette" if together else "keep")


def histogram_for(options: FitOptions, histogram: ColorHistogram) -> ColorHistogram:
    """The histogram that a fit with ``options`` needs, as :func:`resolve_alpha` decides: with alpha, or without it.

    Raises OptionError where a palette over RGBA is demanded of a histogram that has lost its alpha.
    """
    if not histogram.has_alpha:
        if options.alpha == "palette" and histogram.alpha is not None:
            raise OptionError("a palette over RGBA needs a histogram with alpha: count the images with alpha")
        return histogram
    wanted = options.alpha or ("palette" if histogram.partly_transparent and fits_alpha(options) else "keep")
    return histogram if wanted == "palette" else histogram.without_alpha()


def load(options: FitOptions) -> None:
    """Import the engine of ``options`` and all the libraries that it and its colour space need.

    It is for measurements, so that no import is timed. Raises ImportError if a library does not load.
    """
    engine = ENGINES[options.engine][options.method]
    import_module(f"colorquant.fitting.{engine.module}")
    if engine.library is not None:
        import_module(engine.library)
    SPACES[options.space].forward(np.zeros((1, 3), np.uint8))


def fit(
    weighted: WeightedFeatures,
    options: FitOptions,
    progress: Progress | None = None,
    image: CountedImage | None = None,
    *,
    start: Model | None = None,
) -> Fit:
    """Fit the model that ``options`` describe (see :func:`resolve`) to ``weighted``, on one BLAS thread.

    ``image`` is the image that the colours come from; engines that fit every pixel need it, and raise OptionError
    without it. If there are no more distinct features than k, each becomes a cluster of its own, without a fit; so do
    the locked colours that are not among them.

    The fit starts from the model ``start``, which needs k clusters in the same features, and from nothing else: it is
    for colours that resemble those of another fit. Raises OptionError for another model, and where the engine fits
    pixels.
    """
    options = resolve(options)
    if start is not None:
        _check_start(start, weighted, options)
    if len(weighted) <= options.k and (not options.lock or are_enough(options.k, weighted.histogram, options.lock)):
        return _one_cluster_each(weighted, options)
    if (weighty := weighted.weighty).all():
        result = _fit_all(weighted, options, progress, image, start)
    else:
        result = _fit_weighty(weighted, weighty, options, progress, start)
    if not weighted.histogram.has_alpha:
        return result
    rest = None if start is None else _without_transparent(start, weighted)
    return keep_transparent(weighted, result, options, lambda rows, fewer: fit(rows, fewer, start=rest))


def _without_transparent(start: Model, weighted: WeightedFeatures) -> Model:
    """The clusters of ``start`` but that which is nearest to fully transparent pixels."""
    transparent = weighted.projection.features(np.zeros((1, 4), np.uint8))
    nearest = int(np.square(start.points - transparent).sum(axis=1).argmin())
    return start.reordered(np.delete(np.arange(len(start.points)), nearest))


def _check_start(start: Model, weighted: WeightedFeatures, options: FitOptions) -> None:
    """Raises OptionError if the fit cannot start from this model."""
    if ENGINES[options.engine][options.method].per_pixel:
        raise OptionError(f"--engine {options.engine} in {options.method} has a start of its own: use --engine numpy")
    wanted = (options.k, weighted.bands)
    if start.points.shape != wanted or isinstance(start, GaussianMixture) != (options.method == "em"):
        raise OptionError(f"the start is not a model of {options.method} with (clusters, bands) {wanted}")


def _fit_all(
    weighted: WeightedFeatures,
    options: FitOptions,
    progress: Progress | None,
    image: CountedImage | None,
    start: Model | None,
) -> Fit:
    """Fit rows that all have weight, and are more than k, by the engine of ``options``."""
    engine = ENGINES[options.engine][options.method]
    module = import_module(f"colorquant.fitting.{engine.module}")
    if engine.per_pixel and image is None:
        raise OptionError(f"--engine {options.engine} fits every pixel, not a histogram: use --engine numpy")
    with one_thread():
        result: Fit = getattr(module, engine.function)(
            weighted, options, progress or no_progress, image if engine.per_pixel else start
        )
    if options.lock:
        return replace(result, locked=locked_colors(options.lock, alpha=weighted.histogram.has_alpha))
    return result


def check_weights(options: FitOptions, histogram: ColorHistogram | None = None) -> None:
    """Raises OptionError if the engine takes no weights, EngineError if no colour of the histogram has any.

    A ``histogram`` without importance passes; None stands for one that will have it.
    """
    if histogram is not None and histogram.importance is None:
        return
    if ENGINES[options.engine][options.method].per_pixel:
        able = [name for name, methods in ENGINES.items() if not methods[options.method].per_pixel]
        words = f"--weights cannot be honoured by --engine {options.engine} in {options.method}"
        raise OptionError(f"{words}, where every pixel counts alike: use --engine {' or '.join(able)}")
    if histogram is not None and not histogram.fit_weights.any():
        raise EngineError("the map of weights is black wherever the image is visible: nothing is left to fit")


def _fit_weighty(
    weighted: WeightedFeatures,
    weighty: BoolArray,
    options: FitOptions,
    progress: Progress | None,
    start: Model | None,
) -> Fit:
    """Fit the rows that have weight; the others only get a label."""
    result = fit(weighted.rows(weighty), options, progress, start=start)
    labels = np.empty(len(weighted), smallest_type(len(result.model.points) - 1))
    labels[weighty] = result.labels
    labels[~weighty] = weighted.rows(~weighty).label(result.model.predict)
    return replace(result, labels=labels)


def _one_cluster_each(weighted: WeightedFeatures, options: FitOptions) -> Fit:
    labels = np.arange(len(weighted), dtype=np.int32)
    if options.lock:
        return _locked_and_others(weighted, options.lock)
    if options.method == "kmeans":
        return Fit(Centroids(weighted.features), labels, 0, True, (0.0,), 0.0, fitted=False)
    m, d = len(weighted), weighted.bands
    variance = weighted.projection.space.level**2 / 12  # of rounding to 8 bits: a single colour has no variance
    covariances = np.repeat(np.eye(d)[None] * variance, m, axis=0)
    model = GaussianMixture(weighted.weights / weighted.weights.sum(), weighted.features, covariances)
    return Fit(model, labels, n_iter=0, converged=True, fitted=False)


def _locked_and_others(weighted: WeightedFeatures, lock: tuple[str, ...]) -> Fit:
    """The locked colours as the first clusters, then each other row as a cluster of its own."""
    rows, owners = locked_rows(weighted.histogram, lock)
    others = np.delete(np.arange(len(weighted)), rows)
    labels = np.empty(len(weighted), np.int32)
    labels[rows], labels[others] = owners, len(lock) + np.arange(len(others))
    locked = locked_colors(lock, alpha=weighted.histogram.has_alpha)
    centers = np.vstack([weighted.projection.features(locked), weighted.features_of(others)])
    return Fit(Centroids(centers), labels, 0, True, (0.0,), 0.0, fitted=False, locked=locked)
