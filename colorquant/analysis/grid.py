"""The grid of methods, engines, spaces, covariances and k that are compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from colorquant.analysis.baselines import RIVALS
from colorquant.errors import OptionError
from colorquant.fitting import engines
from colorquant.fitting.options import FitOptions

QUANTIZER = "quantizer"  # the method of a rival


@dataclass(frozen=True)
class Axes:
    """What is combined, and what holds for all: each field is named like its flag, None or empty if not said.

    ``method`` and ``covariance`` are those of our engines; a rival is a method of its own.
    """

    k: tuple[int, ...]
    method: tuple[str, ...] = ("kmeans", "em")
    engine: tuple[str, ...] = ("numpy",)
    space: tuple[str, ...] = ("rgb",)
    covariance: tuple[str, ...] = ()
    init: str | None = None
    max_iter: int | None = None
    tol: float | None = None
    seed: int | None = None
    seeds: int = 1


@dataclass(frozen=True)
class Grid:
    """``combinations`` as options of :func:`colorquant.quantize`, k running fastest.

    A rival stands in ``engine``, with the method ``quantizer``. ``left_out`` names, a line each, what is impossible.
    Each combination runs from the seeds seed to seed + ``seeds`` - 1; a rival has none, and runs once.
    """

    combinations: tuple[FitOptions, ...]
    left_out: tuple[str, ...]
    seeds: int = 1

    @classmethod
    def of(cls, axes: Axes) -> Grid:
        """All combinations. Raises OptionError where none is possible, or where an option holds for none of them."""
        _check(axes)
        combinations: dict[FitOptions, None] = {}
        left_out: list[str] = []
        for first in _variants(axes):
            for k in axes.k:
                options = first.replace(k=k)
                reason = _impossible(options)
                if reason is None:
                    combinations[options if options.engine in RIVALS else engines.resolve(options)] = None
                elif reason not in left_out:
                    left_out.append(reason)
        if not combinations:
            raise OptionError(f"nothing is left to compare: {'; '.join(left_out)}")
        return cls(tuple(combinations), tuple(left_out), axes.seeds)


def variant(options: FitOptions) -> str:
    """A combination without its k, such as ``em-numpy-rgb-full``."""
    words = (options.method, options.engine, options.space, options.covariance)
    return "-".join(word for word in words if word is not None)


def tag(options: FitOptions) -> str:
    """The name of a combination, such as ``em16-numpy-rgb-full``."""
    words = (f"{options.method}{options.k}", options.engine, options.space, options.covariance)
    return "-".join(word for word in words if word is not None)


def _check(axes: Axes) -> None:
    """Raises OptionError for an option that none of the engines can honour, or whose value is out of range."""
    FitOptions(max_iter=axes.max_iter, tol=axes.tol, seed=(axes.seed or 0) + axes.seeds - 1)
    ours = [name for name in axes.engine if name not in RIVALS]
    if axes.covariance and not (ours and "em" in axes.method):
        raise OptionError("--covariance is that of a mixture: take --method em and one of our engines, or leave it out")
    seeds = axes.seeds if axes.seeds > 1 else None
    given = {"--init": axes.init, "--max-iter": axes.max_iter, "--tol": axes.tol, "--seed": axes.seed, "--seeds": seeds}
    for flag, value in given.items():
        if value is not None and not ours:
            engines_said = ", ".join(axes.engine)
            raise OptionError(f"{flag} cannot be honoured by {engines_said}: leave it out, or add --engine numpy")


def _variants(axes: Axes) -> Iterator[FitOptions]:
    """Each method, engine, space and covariance, with the first k; an impossible one too."""
    ours = [name for name in axes.engine if name not in RIVALS]
    shared = FitOptions(k=axes.k[0], init=axes.init, max_iter=axes.max_iter, tol=axes.tol, seed=axes.seed or 0)
    for method, engine, space in product(axes.method, ours, axes.space):
        for covariance in (axes.covariance or (None,)) if method == "em" else (None,):
            yield shared.replace(method=method, engine=engine, space=space, covariance=covariance)
    for engine, space in product((name for name in axes.engine if name in RIVALS), axes.space):
        yield FitOptions(QUANTIZER, axes.k[0], space, engine=engine)


def _impossible(options: FitOptions) -> str | None:
    """Why a combination cannot be, in one line; None where it can."""
    if options.engine not in RIVALS:
        try:
            engines.resolve(options)
        except OptionError as error:
            return f"{variant(options)}: {error}"
        return None
    rival = RIVALS[options.engine]
    if options.space != "rgb":
        return f"{variant(options)}: {options.engine} works in rgb only"
    if rival.missing:
        return f"{variant(options)}: needs the Python package {rival.package}, which is not installed: install it"
    if not rival.least <= options.k <= rival.most:
        return f"{tag(options)}: {options.engine} makes {rival.least} to {rival.most} colours"
    return None
