"""``-k auto``: the number of colours that a target or the bend of a curve asks for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar

from colorquant.analysis import k_search, measures
from colorquant.color.counted import CountedImage
from colorquant.errors import OptionError, TargetError
from colorquant.fitting import engines
from colorquant.fitting.engines import METHODS
from colorquant.fitting.features import counted_for
from colorquant.fitting.options import MAX_COLORS, FitOptions, check_range
from colorquant.quantization import Quantized

T = TypeVar("T")
MIN_K, MAX_K = 2, 256  # the range that is searched by default
DEFAULTS = {"kmeans": "elbow", "em": "bic"}  # the criterion of ``-k auto`` without a target
BITS = (3, 5, 17, 257)  # numbers of colours at which a pixel of the PNG takes more bits, and the file may be smaller
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
            raise OptionError(f"--best-effort is for a target that may be missed, and {self.criterion} has none")
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


@dataclass(frozen=True, eq=False)
class AutoResult:
    """The result of :func:`choose_k`: the choice, and the picture with that many colours.

    ``png`` is the encoded picture where the criterion needed it. ``runs`` has the pictures of the curve by rising k;
    only the chosen one unless all were to be kept.
    """

    chosen: ChosenK
    quantized: Quantized
    png: bytes | None
    runs: tuple[Quantized, ...]


@dataclass(frozen=True, eq=False)
class Trial(Generic[T]):
    """What a number of colours gave: the ``result``, its ``mse``, the criterion's ``value``, a PNG if it needed one."""

    result: T
    mse: float
    value: float | None
    png: bytes | None = None


@dataclass
class Trials(Generic[T]):
    """Tries numbers of colours by ``attempt``, each once; unless ``keep_all``, only the best result is kept."""

    auto: AutoK
    attempt: Callable[[int], Trial[T]]
    keep_all: bool = False
    points: dict[int, CurvePoint] = field(default_factory=dict)
    kept: dict[int, Trial[T]] = field(default_factory=dict)

    def choose(self, colors: int) -> ChosenK:
        """Choose a number for an image, or several, of so many distinct ``colors``.

        Raises TargetError where no number reaches the target, unless the nearest is good enough.
        """
        auto, low = self.auto, self.auto.min_k
        if low >= colors:
            self.value(low)
        else:  # with as many colours as the image has, nothing is lost
            self.search(low, min(auto.max_k, colors))
        k = self.best()
        curve = tuple(self.points[other] for other in sorted(self.points))
        reached = not auto.row.has_target or auto.reaches(self.points[k].value)
        chosen = ChosenK(auto, k, curve, reached)
        if not reached and not auto.best_effort:
            raise TargetError(f"{chosen.words}; {_remedy(auto)}, or add --best-effort")
        return chosen

    def value(self, k: int) -> float | None:
        """The value of the criterion with ``k`` colours."""
        if k not in self.points:
            trial = self.attempt(k)
            self.kept[k] = trial
            self.points[k] = CurvePoint(k, trial.value, trial.mse)
            if not self.keep_all:
                best = self.best()  # no later trial makes an earlier one the best again
                self.kept = {best: self.kept[best]}
        return self.points[k].value

    def values(self) -> Mapping[int, float]:
        """The values so far, without the missing ones."""
        return {k: point.value for k, point in self.points.items() if point.value is not None}

    def best(self) -> int:
        """The best number of colours so far: one that meets the target, or the nearest."""
        goal, values = self.auto.row.goal, self.values()
        if not values:
            return max(self.points)
        if goal == "minimum":
            return min(values, key=lambda k: (values[k], k))
        if goal == "knee":
            return k_search.knee(values)
        reached = [k for k, value in values.items() if self.auto.reaches(value)]
        if reached:
            return max(reached) if goal == "fit" else min(reached)
        return min(values, key=lambda k: (-values[k] if goal == "least" else values[k], k))

    def search(self, low: int, high: int) -> None:
        """Try the numbers of colours from ``low`` to ``high`` that the goal asks for."""
        goal = self.auto.row.goal
        if goal == "knee":
            k_search.find_knee(self._score, low, high)
        elif goal == "minimum":
            k_search.find_minimum(self._score, low, high)
        elif goal == "fit":
            # Where a pixel takes more bits the file may be smaller: each range in between is searched by itself.
            starts = [low, *(bits for bits in BITS if low < bits <= high)]
            ends = [*(start - 1 for start in starts[1:]), high]
            for start, end in zip(reversed(starts), reversed(ends), strict=True):
                if self.auto.reaches(self.value(start)):
                    k_search.first(self._exceeds, self._position, start, end)
                    return
        else:
            k_search.first(lambda k: self.auto.reaches(self.value(k)), self._position, low, high)

    def _exceeds(self, k: int) -> bool:
        return not self.auto.reaches(self.value(k))

    def _score(self, k: int) -> float:
        value = self.value(k)
        return math.inf if value is None else value

    def _position(self, k: int) -> float:
        """How far above the target ``k`` colours are, on a scale that is about linear in log k; below it negative."""
        value, target = self.value(k), self.auto.value
        assert value is not None and target is not None, "a target has a number"
        if self.auto.row.goal == "least" and self.auto.criterion != "ssim":
            return value - target
        pair = (1 - value, 1 - target) if self.auto.criterion == "ssim" else (value, target)
        if min(pair) <= 0:
            return math.nan
        step = math.log(pair[0] / pair[1])
        return step if self.auto.row.goal == "fit" else -step


def choose_k(
    image: CountedImage,
    auto: AutoK,
    run: Callable[[int], Quantized],
    encode: Callable[[Quantized], bytes],
    *,
    colors: int,
    keep_all: bool = False,
) -> AutoResult:
    """Choose the number of colours of an image that has so many distinct ``colors`` (:func:`distinct_colors`).

    ``run`` quantizes it with a number of colours, and is called once for each that is tried; ``encode`` makes the PNG
    that a target of size is about. With ``keep_all`` all pictures are kept, else only the best. Raises TargetError
    where no number of colours reaches the target, unless the effort is enough, and what ``run`` raises.
    """
    window = measures.SSIM_WINDOW
    if auto.criterion == "ssim" and min(image.rgb.shape[:2]) < window:
        raise TargetError(f"SSIM is not defined for a picture smaller than {window} × {window} pixels: use psnr or de")

    def attempt(k: int) -> Trial[Quantized]:
        quantized = run(k)
        png = encode(quantized) if auto.criterion == "size" else None
        return Trial(quantized, quantized.mse, _measured(auto.criterion, image, quantized, png), png)

    trials = Trials(auto, attempt, keep_all)
    chosen = trials.choose(colors)
    own = trials.kept[chosen.k]
    return AutoResult(chosen, own.result, own.png, tuple(trials.kept[k].result for k in sorted(trials.kept)))


def distinct_colors(image: CountedImage, options: FitOptions, *, dithers: bool = False) -> int:
    """The number of distinct colours of an image, or pairs of colour and alpha, that a fit with ``options`` sees."""
    resolved = engines.resolve_alpha(engines.resolve(options), image, dithers=dithers)
    return len(counted_for(image, resolved).histogram)


def _measured(criterion: str, image: CountedImage, quantized: Quantized, png: bytes | None) -> float | None:
    """The value of a criterion for a quantized image."""
    if criterion == "psnr":
        return quantized.psnr
    if criterion == "de":
        return measures.mean_ciede2000(image, quantized)
    if criterion == "ssim":
        return measures.mean_ssim(image, quantized)
    if png is not None:
        return float(len(png))
    if criterion == "elbow":
        return 0.0 if quantized.inertia is None else quantized.inertia / max(quantized.weight, 1e-9)
    return quantized.bic if criterion == "bic" else quantized.aic


def _remedy(auto: AutoK) -> str:
    if auto.row.goal == "fit":
        return "lower --min-k" if auto.min_k > 1 else "allow more bytes"
    return "raise --max-k"
