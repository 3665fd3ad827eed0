"""``-k auto``: the number of colours that a target or the bend of a curve asks for."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from colorquant.analysis import measures
from colorquant.errors import OptionError
from colorquant.fitting.engines import METHODS
from colorquant.fitting.options import MAX_COLORS, FitOptions, check_range

MIN_K, MAX_K = 2, 256  # the range that is searched by default
DEFAULTS = {"kmeans": "elbow", "em": "bic"}  # the criterion of ``-k auto`` without a target
UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
SIZE = re.compile(r"(\d+\.?\d*|\.\d+)\s*([km]?)b?", re.IGNORECASE)


@dataclass(frozen=True)
class Criterion:
    """One row of :data:`CRITERIA`: what decides on the number of colours.

    ``heading`` names the value, ``form`` is its format string with the unit. ``goal`` says what is sought: the fewest
    colours whose value is at least (``least``) or at most (``most``) a target, the most colours that fit into it
    (``fit``), the ``minimum``, or the ``knee``. ``metavar`` and ``low`` to ``high`` describe a target's number.
    ``methods`` are those for which it is possible.
    """

    heading: str
    form: str
    goal: Literal["least", "most", "fit", "minimum", "knee"]
    example: str = ""
    low: float = 0.0
    high: float = math.inf
    methods: tuple[str, ...] = METHODS

    @property
    def has_target(self) -> bool:
        """Whether the criterion is a target, with a number."""
        return bool(self.example)

    @property
    def unit(self) -> str:
        """The unit of the values, empty where they have none."""
        return self.form.partition("}")[2].strip()

    def words(self, value: float | None) -> str:
        """A value as text, with its unit."""
        if value is None:
            return "none"
        return "no loss" if value == math.inf else self.form.format(value)


CRITERIA: dict[str, Criterion] = {
    "psnr": Criterion("PSNR", "{:.2f} dB", "least", "35", high=200),
    "de": Criterion("mean CIEDE2000", "{:.3g}", "most", "2", high=200),
    "ssim": Criterion("SSIM", "{:.4f}", "least", "0.95", high=1),
    "size": Criterion("size of the PNG", "{:,.0f} bytes", "fit", "50k", low=1, high=1e15),
    "bic": Criterion("BIC", "{:,.0f}", "minimum", methods=("em",)),
    "aic": Criterion("AIC", "{:,.0f}", "minimum", methods=("em",)),
    "elbow": Criterion("inertia per pixel", "{:.6g}", "knee", methods=("kmeans",)),
}


@dataclass(frozen=True)
class AutoK:
    """How ``-k auto`` chooses the number of colours.

    ``criterion`` is a key of CRITERIA; ``value`` the number of a target, in dB, units of CIEDE2000 or bytes, else None.
    Numbers of colours from ``min_k`` to ``max_k`` are tried. With ``best_effort`` a target that none of them reaches
    gives the nearest, else a TargetError. Raises OptionError for values that do not go together.
    """

    criterion: str
    value: float | None = None
    min_k: int = MIN_K
    max_k: int = MAX_K
    best_effort: bool = False

    def __post_init__(self) -> None:
        check_range("--min-k", self.min_k, 1, MAX_COLORS)
        check_range("--max-k", self.max_k, 1, MAX_COLORS)
        if self.min_k > self.max_k:
            raise OptionError(
                f"--min-k {self.min_k} is more than --max-k {self.max_k}: lower the one, or raise the other"
            )
        if self.best_effort and not CRITERIA[self.criterion].has_target:
            raise OptionError(
                f"--best-effort is for a target that may be missed, not for {self.criterion}: leave it out, or add "
                "--target with a number, such as psnr:35"
            )
        if self.criterion == "ssim" and not measures.has_ssim():
            raise OptionError("--target ssim needs scikit-image: pip install 'colorquant[metrics]'")

    @classmethod
    def of(
        cls,
        method: str,
        target: str | None = None,
        *,
        min_k: int | None = None,
        max_k: int | None = None,
        best_effort: bool = False,
    ) -> AutoK:
        """The choice that a ``target`` such as ``psnr:35`` or ``elbow`` describes, for fits with ``method``.

        None for the target, and for an end of the range, is the default. Raises OptionError for one that is unknown,
        has no number where it needs one, or is not for the method.
        """
        if target is not None and not isinstance(target, str):
            raise OptionError(f"target is {target!r}: give a text, such as psnr:35")
        name, colon, number = (target if target is not None else DEFAULTS.get(method, "")).strip().partition(":")
        name = name.strip().lower()
        if name not in CRITERIA:
            known = ", ".join(_example(key) for key, row in CRITERIA.items() if method in row.methods)
            raise OptionError(f"--target {target!r} is unknown: use one of {known}")
        criterion = CRITERIA[name]
        if method not in criterion.methods:
            raise OptionError(
                f"--target {name} is not for {method}: use {DEFAULTS[method]}, or a target such as psnr:35"
            )
        if bool(colon) != criterion.has_target:
            raise OptionError(f"--target {target}: write it like {_example(name)}")
        value = _number(name, number) if colon else None
        low, high = MIN_K if min_k is None else min_k, MAX_K if max_k is None else max_k
        return cls(name, value, low, high, best_effort)

    def beside(self, options: FitOptions) -> AutoK:
        """The choice among the numbers of colours that are possible with ``options``: none below the locked ones.

        Raises OptionError where none is left.
        """
        locked = len(options.lock)
        if locked > self.max_k:
            raise OptionError(f"--lock has {locked} colours, more than --max-k {self.max_k}: lock fewer, or raise it")
        return replace(self, min_k=max(self.min_k, locked))

    @property
    def target(self) -> str:
        """The value of ``--target`` that describes the criterion."""
        return self.criterion if self.value is None else f"{self.criterion}:{self.value:.12g}"

    @property
    def row(self) -> Criterion:
        """The row of CRITERIA."""
        return CRITERIA[self.criterion]

    @property
    def words(self) -> str:
        """What was sought, as a phrase."""
        row = self.row
        if row.goal == "knee":
            return f"the knee of the {row.heading}"
        if row.goal == "minimum":
            return f"the lowest {row.heading}"
        if row.goal == "fit":
            return f"the most colours within {self.target_words}"
        article = "an" if self.criterion == "ssim" else "a"
        return f"the fewest colours with {article} {row.heading} of at {row.goal} {self.target_words}"

    @property
    def target_words(self) -> str:
        """The target's number with its unit, empty where there is none."""
        return "" if self.value is None else f"{self.value:,.12g} {self.row.unit}".strip()

    def reaches(self, value: float | None) -> bool:
        """Whether a value meets the target."""
        if value is None or self.value is None:
            return False
        return value >= self.value if self.row.goal == "least" else value <= self.value


def _example(name: str) -> str:
    return f"{name}:{CRITERIA[name].example}" if CRITERIA[name].has_target else name


def _number(name: str, text: str) -> float:
    """The number of a target. Raises OptionError for a text that is none, or out of range."""
    row = CRITERIA[name]
    try:
        value = _bytes(text) if name == "size" else float(text)
    except ValueError:
        value = math.nan
    if not row.low <= value <= row.high:
        wanted = "a number of bytes, such as 50k or 1.5M" if name == "size" else f"a number from 0 to {row.high:g}"
        raise OptionError(f"--target {name}:{text} has no usable number: give {wanted}")
    return value


def _bytes(text: str) -> float:
    match = SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    return math.floor(float(match[1]) * UNITS[match[2].lower()])


@dataclass(frozen=True)
class CurvePoint:
    """A number of colours that was tried: the criterion's ``value`` (None where it has none), and the ``mse``."""

    k: int
    value: float | None
    mse: float


@dataclass(frozen=True)
class ChosenK:
    """The number of colours ``k`` that ``auto`` led to.

    ``curve`` has what was tried, by rising k, each number of colours once. ``reached`` is False where a target was
    missed and ``k`` is the nearest.
    """

    auto: AutoK
    k: int
    curve: tuple[CurvePoint, ...]
    reached: bool = True

    @property
    def value(self) -> float | None:
        """The value of the criterion at ``k``."""
        return next(point.value for point in self.curve if point.k == self.k)

    @property
    def words(self) -> str:
        """The choice as a sentence without a full stop."""
        row, auto = self.auto.row, self.auto
        if self.reached:
            return f"k = {self.k} was chosen from {auto.min_k} to {auto.max_k}: {auto.words}"
        return (
            f"{auto.target} is not reached with {auto.min_k} to {auto.max_k} colours: "
            f"the nearest is {row.words(self.value)}, at k = {self.k}"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence if the target was missed, or the end of the range decided and not the criterion."""
        if not self.reached:
            return (self.words,)
        top = self.curve[-1].k
        if self.auto.row.goal == "minimum" and self.k == top == self.auto.max_k:
            return (f"{self.auto.row.heading} still falls at --max-k {top}, which decided on the number of colours",)
        return ()
