"""The grid of methods, engines, spaces, covariances and numbers of colours that ``compare`` and ``timing`` run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product

from colorquant.analysis.baselines import BASELINES, BaselineOptions
from colorquant.color.spaces import SPACES
from colorquant.errors import OptionError
from colorquant.fitting import engines
from colorquant.fitting.engines import ENGINES, METHODS
from colorquant.fitting.options import COVARIANCES, FitOptions
from colorquant.mapping.dithering import DITHERS, Dithering
from colorquant.quantization import check_dithering

Criteria = Callable[[str, str], Mapping[str, object]]  # method and space -> the FitOptions by which fits stop
NONE = "none"  # the method of dithering of a picture that is not dithered
ORDER = ("method", "engine", "space", "covariance", "dither", "k")  # the last axis changes fastest


@dataclass(frozen=True)
class Axes:
    """The values that are combined, and the options that all fits share; each field is named like its flag.

    ``engine`` holds keys of ENGINES and of BASELINES; ``method`` and ``covariance`` concern the former only. An empty
    ``covariance`` means the engine's default, and so does None. ``dither`` holds ``none`` and keys of DITHERS; the
    options of dithering apply to all of them but ``none``.
    """

    k: tuple[int, ...]
    method: tuple[str, ...] = ("kmeans", "em")
    engine: tuple[str, ...] = ("numpy",)
    space: tuple[str, ...] = ("rgb",)
    covariance: tuple[str, ...] = ()
    init: str | None = None
    attempts: int | None = None
    max_iter: int | None = None
    tol: float | None = None
    seed: int | None = None
    seeds: int = 1
    alpha: str | None = None
    dither: tuple[str, ...] = (NONE,)
    dither_strength: float | None = None
    serpentine: bool = False
    dither_space: str | None = None
    dither_adaptive: bool = False

    def dithering(self, method: str) -> Dithering | None:
        """The dithering by ``method``, None for ``none``. Raises OptionError where the method lacks an option."""
        if method == NONE:
            return None
        return Dithering.requested(
            method,
            strength=self.dither_strength,
            serpentine=self.serpentine,
            space=self.dither_space,
            adaptive=self.dither_adaptive,
        )


@dataclass(frozen=True)
class DitheredFit(FitOptions):
    """A fit whose picture is dithered."""

    dithering: Dithering | None = None


Combination = FitOptions | DitheredFit | BaselineOptions


@dataclass(frozen=True)
class Grid:
    """The ``combinations`` that are possible, and in ``left_out`` a line for each that is not, with the reason.

    Each fit runs once for each of the ``seeds`` seeds, from its own seed up; a baseline has no seed and runs once.
    """

    combinations: tuple[Combination, ...]
    left_out: tuple[str, ...] = ()
    seeds: int = 1

    @classmethod
    def of(cls, axes: Axes, *, order: Sequence[str] = ORDER, criteria: Criteria | None = None) -> Grid:
        """All combinations of the axes, in the ``order`` of their names; ``criteria`` replace ``max_iter`` and ``tol``.

        Raises OptionError where no combination is possible, or where an option applies to none of them.
        """
        _check(axes)
        combinations: dict[Combination, None] = {}
        left_out: dict[str, None] = {}
        for choice in _choices(axes, order):
            possible = _baseline(axes, choice) if choice.engine in BASELINES else _fit(axes, choice, criteria)
            if isinstance(possible, str):
                left_out[possible] = None
            else:
                combinations[possible] = None
        if not combinations:
            raise OptionError(f"no combination is left: {'; '.join(left_out)}" if left_out else "the grid is empty")
        return cls(tuple(combinations), tuple(left_out), axes.seeds)


@dataclass(frozen=True)
class _Choice:
    """One value of each axis, possible together or not; ``method`` is ``quantizer`` for a baseline."""

    method: str
    engine: str
    space: str
    covariance: str | None
    k: int
    dither: str = NONE


def cell_name(options: Combination) -> str:
    """The name of a combination, such as ``em16-numpy-rgb-full``."""
    return _joined(options, f"{options.method}{options.k}")


def variant(options: Combination) -> str:
    """A combination without its k, such as ``em-numpy-rgb-full``."""
    return _joined(options, options.method)


def combination_words(options: Combination) -> str:
    """A combination in words, such as ``numpy em full, rgb, k = 16``."""
    covariance = covariance_of(options)
    shape = "" if covariance is None else f" {covariance}"
    name = dither_name(options)
    dither = "" if name is None else f", {name}"
    return f"{options.engine} {options.method}{shape}, {options.space}{dither}, k = {options.k}"


def covariance_of(options: Combination) -> str | None:
    """The covariance of a mixture's fit; None for everything else."""
    return options.covariance if isinstance(options, FitOptions) else None


def dithering_of(options: Combination) -> Dithering | None:
    """The dithering of a combination; None where its picture is not dithered."""
    return options.dithering if isinstance(options, (DitheredFit, BaselineOptions)) else None


def dither_name(options: Combination) -> str | None:
    """The method of dithering of a combination; None where its picture is not dithered."""
    dithering = dithering_of(options)
    return None if dithering is None else dithering.method


def _joined(options: Combination | _Choice, first: str) -> str:
    covariance = None if isinstance(options, BaselineOptions) else options.covariance
    if isinstance(options, _Choice):
        dither = None if options.dither == NONE else options.dither
    else:
        dither = dither_name(options)
    return "-".join(word for word in (first, options.engine, options.space, covariance, dither) if word is not None)


def _check(axes: Axes) -> None:
    """Raises OptionError for an unknown name, an option that no engine of the axes takes, or a value out of range."""
    known = {"method": METHODS, "engine": (*ENGINES, *BASELINES), "space": tuple(SPACES), "covariance": COVARIANCES}
    known["dither"] = (NONE, *DITHERS)
    for axis, names in known.items():
        for name in getattr(axes, axis):
            if name not in names:
                raise OptionError(f"--{axis} {name} is unknown: use {', '.join(names)}")
    FitOptions(
        attempts=axes.attempts, max_iter=axes.max_iter, tol=axes.tol, seed=(axes.seed or 0) + max(axes.seeds, 1) - 1
    )
    if set(axes.dither) <= {NONE}:
        Dithering.requested(
            NONE,
            strength=axes.dither_strength,
            serpentine=axes.serpentine,
            space=axes.dither_space,
            adaptive=axes.dither_adaptive,
        )
    fits = [engine for engine in axes.engine if engine not in BASELINES]
    if axes.covariance and not (fits and "em" in axes.method):
        raise OptionError("--covariance is for em only: add --method em with an engine that has it, or leave it out")
    seeds = axes.seeds if axes.seeds > 1 else None
    given = {"--init": axes.init, "--max-iter": axes.max_iter, "--tol": axes.tol, "--seed": axes.seed, "--seeds": seeds}
    for flag, value in given.items():
        if value is not None and not fits:
            baselines = ", ".join(axes.engine)
            raise OptionError(f"{flag} does not apply to {baselines}: leave it out, or add --engine numpy")


def _choices(axes: Axes, order: Sequence[str]) -> Iterator[_Choice]:
    """Every combination of one value per axis.

    Baselines have a method of their own; only mixtures have a covariance.
    """
    baselines = [engine for engine in axes.engine if engine in BASELINES]
    values: dict[str, Sequence[object]] = {
        "method": [*axes.method, *(["quantizer"] if baselines else [])],
        "engine": axes.engine,
        "space": axes.space,
        "covariance": axes.covariance or (None,),
        "dither": axes.dither or (NONE,),
        "k": axes.k,
    }
    first = values["covariance"][0]
    for chosen in product(*(values[axis] for axis in order)):
        choice = _Choice(**dict(zip(order, chosen, strict=True)))  # type: ignore[arg-type]
        if (choice.method == "quantizer") != (choice.engine in BASELINES):
            continue
        if choice.method == "em":
            yield choice
        elif choice.covariance == first:
            yield replace(choice, covariance=None)


def _fit(axes: Axes, choice: _Choice, criteria: Criteria | None) -> FitOptions | str:
    """The options of a fit with the engine's defaults filled in, or a line that says why it is not possible."""
    options = FitOptions(
        method=choice.method,
        k=choice.k,
        space=choice.space,
        engine=choice.engine,
        covariance=choice.covariance,
        init=axes.init,
        attempts=axes.attempts,
        max_iter=axes.max_iter,
        tol=axes.tol,
        seed=axes.seed or 0,
        alpha=axes.alpha,
    )
    if criteria is not None:
        options = options.replace(**criteria(choice.method, choice.space))
    try:
        options = engines.resolve(options)
        dithering = axes.dithering(choice.dither)
        check_dithering(options, dithering)
    except OptionError as error:
        return f"{_joined(choice, choice.method)}: {error}"
    if dithering is None:
        return options
    return DitheredFit(**{field.name: getattr(options, field.name) for field in fields(options)}, dithering=dithering)


def _baseline(axes: Axes, choice: _Choice) -> BaselineOptions | str:
    """The options of a baseline, or a line that says why it is not possible."""
    FitOptions(k=choice.k)  # a k that no method takes is wrong usage
    name, baseline = _joined(choice, choice.method), BASELINES[choice.engine]
    if choice.space != "rgb":
        return f"{name}: {choice.engine} works in rgb only"
    if baseline.missing:
        return f"{name}: needs {baseline.package}, which is not installed: pip install {baseline.package}"
    try:
        return BaselineOptions(choice.engine, choice.k, axes.dithering(choice.dither), axes.alpha)
    except OptionError as error:
        return f"{_joined(choice, f'{choice.method}{choice.k}')}: {error}"
