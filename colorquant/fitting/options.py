"""The options of a fit."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

from colorquant.errors import OptionError

MAX_COLORS = 65536
LARGEST = 1e9  # of a tolerance or a variance: OpenCV squares it, and crashes on infinity
MAX_SEED = 2**31 - 1  # OpenCV's generator takes a C int
COLOR = re.compile("#[0-9a-fA-F]{6}")
ALPHAS = {
    "palette": "the entries of the palette have a colour and an alpha, and both are fitted",
    "keep": "only colours are fitted, and every pixel keeps its alpha",
}
COVARIANCES = ("spherical", "diagonal", "full", "tied", "identity")


@dataclass(frozen=True)
class FitOptions:
    """All options of a fit; each field is named like its flag.

    None means that the user gave no value: :func:`colorquant.fitting.engines.resolve` fills in the engine's default.
    ``tol`` is the largest shift of a centre in the space's units (kmeans) or the gain of log-likelihood per pixel (em)
    at which to stop; ``reg_covar`` is a variance in squared units of the space or, with ``standardize``, of
    the z-scores. ``lock`` has the colours that the palette must have, as ``#rrggbb``, each once;
    ``protect`` small lets weights grow less than the number of pixels. ``alpha``, one of ALPHAS, says whether the
    palette has alpha of its own; see :func:`colorquant.fitting.engines.resolve_alpha`.
    """

    method: str = "kmeans"
    k: int = 16
    space: str = "rgb"
    keep_luma: bool | None = None
    engine: str = "numpy"
    init: str | None = None
    attempts: int | None = None
    max_iter: int | None = None
    tol: float | None = None
    seed: int = 0
    effort: str | None = None
    covariance: str | None = None
    reg_covar: float | None = None
    standardize: bool | None = None
    lock: tuple[str, ...] = ()
    protect: str | None = None
    alpha: str | None = None

    def __post_init__(self) -> None:
        check_range("-k", self.k, 1, MAX_COLORS)
        check_range("--seed", self.seed, 0, MAX_SEED)
        if self.attempts is not None:
            check_range("--attempts", self.attempts, 1, 10_000)
        if self.max_iter is not None:
            check_range("--max-iter", self.max_iter, 1, 1_000_000)
        for flag, number in (("--tol", self.tol), ("--reg-covar", self.reg_covar)):
            if number is not None and not isinstance(number, Real):
                raise OptionError(f"{flag} {number!r} is not a number: give one")
        if self.tol is not None and not 0 <= self.tol <= LARGEST:
            raise OptionError(f"--tol {self.tol:g} is out of range: use a number from 0 to {LARGEST:g}")
        if self.reg_covar is not None and not 0 < self.reg_covar <= LARGEST:
            raise OptionError(f"--reg-covar {self.reg_covar:g} is out of range: use one above 0, up to {LARGEST:g}")
        object.__setattr__(self, "lock", _distinct_colors(self.lock))
        if len(self.lock) > self.k:
            raise OptionError(
                f"--lock has {len(self.lock)} colours, more than -k {self.k}: lock fewer, or raise -k (--max-k with "
                "-k auto)"
            )

    def replace(self, **changes: object) -> FitOptions:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


def _distinct_colors(lock: object) -> tuple[str, ...]:
    """The colours in lower case, each once, in their order. Raises OptionError for anything but ``#rrggbb``."""
    if isinstance(lock, str) or not isinstance(lock, Sequence):
        raise OptionError(f"--lock {lock!r} is not a list of colours: give one, such as ['#ff0000', '#ffffff']")
    for color in lock:
        if not isinstance(color, str) or not COLOR.fullmatch(color):
            raise OptionError(f"--lock: {color!r} is not a colour: write it like #3366cc")
    return tuple(dict.fromkeys(color.lower() for color in lock))


def check_range(flag: str, value: int, least: int, most: int) -> None:
    """Raises OptionError if the value of an option is not a whole number from ``least`` to ``most``."""
    # A caller in Python may pass anything, such as "16", 16.0 or a list.
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise OptionError(f"{flag} {value!r} is not a whole number: use one from {least} to {most}")
    if not least <= value <= most:
        raise OptionError(f"{flag} {value} is out of range: use a whole number from {least} to {most}")
