"""What quantizing costs: rows of engines, methods and spaces that take turns on an image; seconds beside quality."""

from __future__ import annotations

import dataclasses
import gc
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from colorquant import images
from colorquant import quantization as pipeline
from colorquant.batch import naming
from colorquant.batch import run as batch
from colorquant.color.counted import CountedImage
from colorquant.color.spaces import SPACES, Projection
from colorquant.errors import EngineError, OptionError
from colorquant.fitting import engines
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.options import FitOptions
from colorquant.images import Picture
from colorquant.mapping import painting
from colorquant.mapping.labelling import Labelling
from colorquant.threads import one_thread

R = TypeVar("R")
Clock = Callable[[], float]
Progress = Callable[[str], None]  # called before each run with the words for its row

CLOCKS: dict[str, Clock] = {"cpu": time.process_time, "wall": time.perf_counter}
MAX_ITER = 10
TOL = {"kmeans": 0.2, "em": 1e-3}  # 8-bit levels that a centre moves; gain of log-likelihood per pixel
MOST_ROUNDS = 10_000
LARGEST_SCALE = 10_000.0


def unheard(row: str) -> None:
    """Progress that nobody follows."""


@dataclass(frozen=True)
class Grid:
    """The combinations that are timed.

    All stop by the same criteria: after ``max_iter`` iterations (None: 10) or by ``tol`` (None: 0.2 levels of 8 bits
    for kmeans, a gain of 0.001 for em). With ``own_criteria`` each engine stops as it does when nothing is said.
    ``covariances`` concern em alone; none means the default. ``attempts`` None means one.
    """

    methods: tuple[str, ...] = ("kmeans",)
    engines: tuple[str, ...] = ("opencv", "numpy")
    spaces: tuple[str, ...] = ("rgb", "gray")
    ks: tuple[int, ...] = (2,)
    covariances: tuple[str, ...] = ()
    max_iter: int | None = None
    tol: float | None = None
    attempts: int | None = None
    own_criteria: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.covariances and "em" not in self.methods:
            raise OptionError("--covariance is for em alone: add --method em, or leave it out")
        if self.own_criteria and not (self.max_iter is None and self.tol is None):
            raise OptionError("--own-criteria leaves no room for --max-iter and --tol: take one or the other")

    def cells(self) -> tuple[list[FitOptions], list[str]]:
        """The combinations that can be, and why each of the others is left out.

        Raises OptionError for a number out of range, and where nothing is left.
        """
        possible, left_out = [], []
        for method, k in itertools.product(self.methods, self.ks):
            covariances = self.covariances if method == "em" and self.covariances else (None,)
            for covariance, engine, space in itertools.product(covariances, self.engines, self.spaces):
                options = FitOptions(method, k, space, engine=engine, covariance=covariance, seed=self.seed)
                options = options.replace(attempts=self.attempts, **self._criteria(method, space))
                try:
                    possible.append(engines.resolve(options))
                except OptionError as error:
                    left_out.append(f"{_words(options)}: {error}")
        if not possible:
            raise OptionError(f"no combination is left: {left_out[0]}" if left_out else "the grid is empty")
        return possible, left_out

    def _criteria(self, method: str, space: str) -> dict[str, object]:
        if self.own_criteria:
            return {}
        level = SPACES[space].level if method == "kmeans" else 1.0
        return {
            "max_iter": MAX_ITER if self.max_iter is None else self.max_iter,
            "tol": TOL[method] * level if self.tol is None else self.tol,
        }

    @property
    def criteria(self) -> str:
        """When the fits stop, in words."""
        attempts = "" if self.attempts is None else f", attempts {self.attempts}"
        if self.own_criteria:
            return f"each engine stops by its own criteria{attempts}"
        units = {"kmeans": " levels", "em": " of log-likelihood"}
        tols = [f"{TOL[method]:g}{units[method]}" for method in self.methods]
        tol = " and ".join(tols) if self.tol is None else f"{self.tol:g}"
        return f"at most {MAX_ITER if self.max_iter is None else self.max_iter} iterations, tolerance {tol}{attempts}"


@dataclass(frozen=True)
class Protocol:
    """How it is timed.

    ``warmup`` rounds that do not count, then ``repeat`` that do; ``clock`` is a key of CLOCKS, ``stage`` of STAGES.
    Each picture is timed at each of ``scales``, factors of its pixels.
    """

    repeat: int = 5
    warmup: int = 1
    clock: str = "cpu"
    stage: str = "quantize"
    scales: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        for flag, value, least in (("--repeat", self.repeat, 1), ("--warmup", self.warmup, 0)):
            if not least <= value <= MOST_ROUNDS:
                raise OptionError(f"{flag} {value} is out of range: take a whole number from {least} to {MOST_ROUNDS}")
        for scale in self.scales:
            if not 0 < scale <= LARGEST_SCALE:
                raise OptionError(f"--scale {scale:g} is out of range: take one above 0, up to {LARGEST_SCALE:g}")

    @property
    def rounds(self) -> int:
        """All rounds, counted or not."""
        return self.warmup + self.repeat


@dataclass(frozen=True)
class Timing:
    """One row: an ``input`` at a ``scale`` with ``options`` (None where the image could not be read).

    ``seconds`` has a number for each counted round, ``first`` those of the image's first row that did not fail.
    ``colors`` are distinct; ``mse`` sums over the channels and is that of the whole quantized picture. A row that
    failed has an ``error`` with its ``details`` (the traceback), and no seconds.
    """

    input: str
    scale: float
    options: FitOptions | None
    protocol: Protocol
    width: int = 0
    height: int = 0
    colors: int = 0
    mse: float | None = None
    seconds: tuple[float, ...] = ()
    first: tuple[float, ...] = ()
    error: str | None = None
    details: str = ""

    @property
    def pixels(self) -> int:
        """Pixels of the picture at this scale."""
        return self.width * self.height

    @property
    def median(self) -> float:
        """Median of the rounds, seconds."""
        return statistics.median(self.seconds)

    @property
    def iqr(self) -> float | None:
        """Interquartile range of the rounds, seconds; quartiles are interpolated linearly. None for a single round."""
        if len(self.seconds) < 2:
            return None
        low, high = np.percentile(self.seconds, [25, 75])
        return float(high - low)

    @property
    def minimum(self) -> float:
        """The fastest round, seconds."""
        return min(self.seconds)

    @property
    def per_megapixel(self) -> float:
        """Seconds (the median) per million pixels."""
        return self.median / self.pixels * 1e6

    @property
    def ratio(self) -> float | None:
        """Median over the rounds of the time against that of the first row in the same round."""
        ratios = [own / first for own, first in zip(self.seconds, self.first, strict=True) if first > 0]
        return statistics.median(ratios) if ratios else None

    @property
    def words(self) -> str:
        """What the row is about."""
        return _words(self.options, self.input, self.scale)

    @property
    def combination(self) -> str:
        """The same without the image."""
        return _words(self.options)


def _words(options: FitOptions | None, name: str = "", scale: float = 1.0) -> str:
    scaled = name if scale == 1 else f"{name} × {scale:g}"
    if options is None:
        return scaled
    shape = "" if options.covariance is None else f" {options.covariance}"
    row = f"{options.engine} {options.method}{shape}, {options.space}, k = {options.k}"
    return f"{scaled}: {row}" if scaled else row


@dataclass(frozen=True)
class Subject:
    """An input's ``picture`` at one ``scale``, and what is prepared before the clock runs."""

    name: str
    scale: float
    picture: Picture

    @cached_property
    def image(self) -> CountedImage:
        """The picture, counted once for all rows."""
        return CountedImage(self.picture.rgb, self.picture.alpha)


@dataclass(frozen=True)
class Work:
    """``run`` is what the clock sees; ``quality`` takes what it gave and returns the MSE, outside the clock."""

    run: Callable[[], Any]
    quality: Callable[[Any], float]


def _whole(subject: Subject, options: FitOptions) -> Work:
    rgb, alpha = subject.picture.rgb, subject.picture.alpha
    return Work(
        lambda: pipeline.quantize(CountedImage(rgb, alpha), options),  # counting is part of what is timed
        lambda quantized: float(quantized.mse),
    )


def _fit_alone(subject: Subject, options: FitOptions) -> Work:
    image = subject.image
    weighted = WeightedFeatures.of(image.histogram, Projection.of(options.space, options.keep_luma))

    def quality(fit: Any) -> float:
        return painting.paint(image, Labelling.of(weighted, fit, image), fit.model, "members").mse

    return Work(lambda: engines.fit(weighted, options, image=image), quality)


STAGES: dict[str, Callable[[Subject, FitOptions], Work]] = {"quantize": _whole, "fit": _fit_alone}


@dataclass
class _Row:
    """A row while it is measured."""

    item: naming.Input
    subject: Subject
    options: FitOptions
    stage: str
    work: Work | None = None
    mse: float | None = None
    seconds: list[float] = field(default_factory=list)
    failure: batch.Outcome[float] | None = None

    def once(self, clock: Clock, *, counted: bool) -> None:
        """One run, unless an earlier one failed."""
        if self.failure is None:
            outcome = _attempt(self.item, lambda: self._seconds(clock))
            if outcome.result is None:
                self.failure = outcome
            elif counted:
                self.seconds.append(outcome.result)

    def _seconds(self, clock: Clock) -> float:
        if self.work is None:
            self.work = STAGES[self.stage](self.subject, self.options)
        start = clock()
        made = self.work.run()
        seconds = clock() - start
        if self.mse is None:  # every round has the same seed, so the same result
            self.mse = self.work.quality(made)
        return seconds


def run(
    inputs: Sequence[naming.Input],
    cells: Sequence[FitOptions],
    protocol: Protocol,
    read: Callable[[naming.Input], Picture],
    *,
    clock: Clock | None = None,
    progress: Progress = unheard,
) -> Iterator[list[Timing]]:
    """The rows of each image in turn: its scales, and for each the ``cells`` (see :meth:`Grid.cells`).

    All rows of an image run once a round, in their order, so that a drift of the machine hits them alike. One that
    fails is a row that says so. ``clock`` stands in for that of ``protocol``.
    """
    for item in inputs:
        rows: list[_Row] = []
        failed: list[Timing] = []
        for found in _subjects(item, protocol, read):
            if isinstance(found, Timing):
                failed.append(found)
            else:
                rows += [_Row(item, found, options, protocol.stage) for options in cells]
        _turns(rows, protocol, clock or CLOCKS[protocol.clock], progress)
        first = next((row.seconds for row in rows if row.failure is None), [])
        yield [*(_timing(row, protocol, first) for row in rows), *failed]


def _turns(rows: Sequence[_Row], protocol: Protocol, clock: Clock, progress: Progress) -> None:
    """All rounds of the rows.

    From the second round on BLAS stays on one thread between the fits, too: where it gets its threads back after each,
    they spin for some milliseconds, which the next row would pay. Before, the engines' libraries are not loaded.
    """
    with ExitStack() as stack:
        for number in range(protocol.rounds):
            if number == 1:
                stack.enter_context(one_thread())
            gc.collect()  # of what went before: no row's cost
            for row in rows:
                progress(f"{_words(row.options)}: {_words(None, row.item.name, row.subject.scale)}")
                row.once(clock, counted=number >= protocol.warmup)


def _subjects(
    item: naming.Input, protocol: Protocol, read: Callable[[naming.Input], Picture]
) -> Iterator[Subject | Timing]:
    """The input at each scale, or the row that says why not."""
    whole = _attempt(item, lambda: read(item))
    if whole.result is None:
        yield _failed(item, 1.0, protocol, whole)
        return
    picture = whole.result
    for scale in protocol.scales:
        resized = _attempt(item, lambda scale=scale: images.resize(picture, scale))  # type: ignore[misc]
        if resized.result is None:
            yield _failed(item, scale, protocol, resized)
        else:
            yield Subject(item.name, scale, resized.result)


def _attempt(item: naming.Input, task: Callable[[], R]) -> batch.Outcome[R]:
    """What :func:`colorquant.batch.run.run` makes of one task: a failure becomes an outcome."""

    def careful(item: naming.Input, planned: None) -> R:
        try:
            return task()
        except MemoryError as error:
            raise EngineError("not enough memory: take a smaller picture or scale") from error

    return next(batch.run([(item, None)], careful))


def _failed(item: naming.Input, scale: float, protocol: Protocol, outcome: batch.Outcome[Any]) -> Timing:
    return Timing(item.name, scale, None, protocol, error=outcome.error, details=outcome.details)


def _timing(row: _Row, protocol: Protocol, first: Sequence[float]) -> Timing:
    height, width = row.subject.picture.rgb.shape[:2]
    about = Timing(row.subject.name, row.subject.scale, row.options, protocol, width, height)
    if row.failure is not None:
        return dataclasses.replace(about, error=row.failure.error, details=row.failure.details)
    colors = len(row.subject.image.histogram)
    return dataclasses.replace(about, colors=colors, mse=row.mse, seconds=tuple(row.seconds), first=tuple(first))
