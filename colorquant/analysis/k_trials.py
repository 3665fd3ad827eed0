"""The trials of ``-k auto``: numbers of colours are tried until the target or the bend is found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from colorquant.analysis import k_search, measures
from colorquant.analysis.auto_k import AutoK, ChosenK, CurvePoint
from colorquant.color.counted import CountedImage
from colorquant.errors import TargetError
from colorquant.fitting import engines
from colorquant.fitting.features import counted_for
from colorquant.fitting.options import FitOptions
from colorquant.quantization import Quantized

T = TypeVar("T")
BITS = (3, 5, 17, 257)  # numbers of colours at which a pixel of the PNG takes more bits, and the file may be smaller


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
