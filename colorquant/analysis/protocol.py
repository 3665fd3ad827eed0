"""How combinations are timed: the stopping criteria, the rounds, and the result of each row."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from colorquant.analysis.grid import Axes, Grid, combination_words
from colorquant.color.spaces import SPACES
from colorquant.errors import OptionError
from colorquant.fitting.options import FitOptions

Clock = Callable[[], float]

CLOCKS: dict[str, Clock] = {"cpu": time.process_time, "wall": time.perf_counter}
ORDER = ("method", "k", "covariance", "engine", "space")  # of the rows; the last axis changes fastest
MAX_ITER = 10
TOL = {"kmeans": 0.2, "em": 1e-3}  # 8-bit levels that a centre moves; gain of log-likelihood per pixel
MOST_ROUNDS = 10_000
LARGEST_SCALE = 10_000.0


@dataclass(frozen=True)
class Criteria:
    """The stopping criteria of the fits that are timed.

    All stop after ``max_iter`` iterations (None: 10), or by the tolerance ``tol`` (None: 0.2 8-bit levels for kmeans, a
    gain of 0.001 in log-likelihood per pixel for em). With ``own`` each engine stops by its own defaults. Raises
    OptionError for both at once.
    """

    max_iter: int | None = None
    tol: float | None = None
    own: bool = False

    def __post_init__(self) -> None:
        if self.own and not (self.max_iter is None and self.tol is None):
            raise OptionError("--own-criteria excludes --max-iter and --tol: use one or the other")

    def of(self, method: str, space: str) -> Mapping[str, object]:
        """The options of a fit that define when it stops."""
        if self.own:
            return {}
        level = SPACES[space].level if method == "kmeans" else 1.0
        return {
            "max_iter": MAX_ITER if self.max_iter is None else self.max_iter,
            "tol": TOL[method] * level if self.tol is None else self.tol,
        }

    def grid(self, axes: Axes) -> Grid:
        """The grid whose fits stop by these criteria, in the order of the rows. Raises OptionError as Grid.of does."""
        if axes.covariance and "em" not in axes.method:
            raise OptionError("--covariance is for em alone: add --method em, or leave it out")
        return Grid.of(axes, order=ORDER, criteria=self.of)

    def words(self, axes: Axes) -> str:
        """A phrase that says when the fits of the axes stop."""
        attempts = "" if axes.attempts is None else f", attempts {axes.attempts}"
        if self.own:
            return f"each engine stops by its own criteria{attempts}"
        units = {"kmeans": " levels", "em": " of log-likelihood"}
        tols = [f"{TOL[method]:g}{units[method]}" for method in axes.method]
        tol = " and ".join(tols) if self.tol is None else f"{self.tol:g}"
        return f"at most {MAX_ITER if self.max_iter is None else self.max_iter} iterations, tolerance {tol}{attempts}"


@dataclass(frozen=True)
class Protocol:
    """How combinations are timed.

    ``warmup`` rounds that are not counted are followed by ``repeat`` rounds that are. ``clock`` is a key of CLOCKS,
    ``stage`` a key of STAGES. Each image is timed at each of ``scales``, factors of its number of pixels. ``budget`` is
    a wall time in seconds: a round that would not end within it is not begun; None runs all rounds. Raises
    OptionError for a value out of range.
    """

    repeat: int = 5
    warmup: int = 1
    clock: str = "cpu"
    stage: str = "quantize"
    scales: tuple[float, ...] = (1.0,)
    budget: float | None = None

    def __post_init__(self) -> None:
        for flag, value, least in (("--repeat", self.repeat, 1), ("--warmup", self.warmup, 0)):
            if not least <= value <= MOST_ROUNDS:
                raise OptionError(f"{flag} {value} is out of range: use a whole number from {least} to {MOST_ROUNDS}")
        for scale in self.scales:
            if not 0 < scale <= LARGEST_SCALE:
                raise OptionError(f"--scale {scale:g} is out of range: use one above 0, up to {LARGEST_SCALE:g}")
        if self.budget is not None and not 0 < self.budget < float("inf"):
            raise OptionError(f"--budget {self.budget:g} is out of range: use a number of seconds above 0")

    @property
    def rounds(self) -> int:
        """The number of rounds, warm-up included."""
        return self.warmup + self.repeat


def ratio_of_rounds(own: Sequence[float], others: Sequence[float]) -> float | None:
    """The median of the ratios of the seconds in the same rounds, of those that both ran; None where there are none."""
    ratios = [one / other for one, other in zip(own, others, strict=False) if other > 0]
    return statistics.median(ratios) if ratios else None


@dataclass(frozen=True)
class Timing:
    """One row: the image ``input`` at a ``scale`` with ``options`` (None where the image could not be read).

    ``seconds`` has the time of each round that is counted, ``first`` those of the image's first row that was timed.
    ``counting`` is the time in seconds that it took to count the image's colours, once; it is part of each round of the
    stage ``quantize``. ``colors`` are distinct; ``mse`` sums over the channels and is that of the quantized picture. A
    row that failed has an ``error`` with its ``details`` (the traceback), one that did not run has the reason in
    ``not_run``; neither has seconds.
    """

    input: str
    scale: float
    options: FitOptions | None
    protocol: Protocol
    width: int = 0
    height: int = 0
    colors: int = 0
    mse: float | None = None
    counting: float = 0.0
    seconds: tuple[float, ...] = ()
    first: tuple[float, ...] = ()
    error: str | None = None
    details: str = ""
    not_run: str | None = None

    @property
    def timed(self) -> bool:
        """Whether the row was timed."""
        return bool(self.seconds)

    @property
    def pixels(self) -> int:
        """Pixels of the image at this scale."""
        return self.width * self.height

    @property
    def median(self) -> float:
        """Median of the rounds, in seconds."""
        return statistics.median(self.seconds)

    @property
    def iqr(self) -> float | None:
        """Interquartile range of the rounds, in seconds; quartiles are interpolated linearly. None for one round."""
        if len(self.seconds) < 2:
            return None
        low, high = np.percentile(self.seconds, [25, 75])
        return float(high - low)

    @property
    def minimum(self) -> float:
        """The fastest round, in seconds."""
        return min(self.seconds)

    @property
    def per_megapixel(self) -> float:
        """Seconds (the median) per million pixels."""
        return self.median / self.pixels * 1e6

    @property
    def ratio(self) -> float | None:
        """Median over the rounds of the time divided by that of the first row in the same round."""
        return ratio_of_rounds(self.seconds, self.first)

    @property
    def words(self) -> str:
        """The row in words: image, scale and combination."""
        if self.options is None:
            return image_words(self.input, self.scale)
        return f"{image_words(self.input, self.scale)}: {self.combination}"

    @property
    def combination(self) -> str:
        """The combination in words; empty where the image could not be read."""
        return "" if self.options is None else combination_words(self.options)


def image_words(name: str, scale: float) -> str:
    """An image at a scale, in words."""
    return name if scale == 1 else f"{name} × {scale:g}"


@dataclass(frozen=True)
class Estimate:
    """How long a run will still take, estimated from the first round of an image.

    ``seconds`` is the wall time of one round, ``rounds`` the number of rounds of this image that are left, ``total``
    the expected seconds for all of them and for the images that follow, but at most the rest of the budget.
    """

    input: str
    seconds: float
    rounds: int
    total: float
