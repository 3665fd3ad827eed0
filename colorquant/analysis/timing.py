"""Timing: combinations take turns on an image, and their seconds and the quality of their results are measured."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from colorquant import images
from colorquant.analysis.grid import combination_words
from colorquant.analysis.protocol import CLOCKS, Clock, Estimate, Protocol, Timing, image_words
from colorquant.attempts import Failure, attempt
from colorquant.color.counted import CountedImage
from colorquant.fitting import engines
from colorquant.fitting.features import WeightedFeatures, counted_for, projection_of
from colorquant.fitting.models import Fit
from colorquant.fitting.options import FitOptions
from colorquant.images import Picture
from colorquant.mapping.labelling import Labelling
from colorquant.mapping.painting import PaintedRows
from colorquant.quantization import Quantized, quantize
from colorquant.threads import one_thread

R = TypeVar("R")
MEMORY = "use a smaller picture or scale"  # where there is not enough


@dataclass(frozen=True)
class Source:
    """An image to be timed: the name that the user gave, and a function that reads it."""

    name: str
    read: Callable[[], Picture]


@dataclass(frozen=True)
class Work(Generic[R]):
    """``run`` is timed; ``quality`` takes its result and returns the MSE, and is not timed.

    ``before`` is the time in seconds of work that was done once for all rounds; it is added to each round.
    """

    run: Callable[[], R]
    quality: Callable[[R], float]
    before: float = 0.0

    def once(self, clock: Clock, *, measure: bool) -> tuple[float, float | None]:
        """The seconds of one run, and with ``measure`` the MSE of its result."""
        start = clock()
        result = self.run()
        seconds = clock() - start + self.before
        return seconds, self.quality(result) if measure else None


@dataclass(frozen=True)
class TimedImage:
    """An image at one scale, with the seconds that it took to count its colours.

    ``counting_with_alpha`` are those for colour and alpha together, 0 where all pixels are opaque.
    """

    name: str
    scale: float
    image: CountedImage
    counting: float
    counting_with_alpha: float = 0.0

    @classmethod
    def of(cls, name: str, scale: float, picture: Picture, clock: Clock) -> TimedImage:
        """The image with its colours counted."""
        image = CountedImage(picture.rgb, picture.alpha)
        start = clock()
        len(image.histogram)  # counted here, once
        seconds = clock() - start
        if image.opaque:
            return cls(name, scale, image, seconds)
        start = clock()
        len(image.with_alpha.histogram)
        return cls(name, scale, image, seconds, clock() - start)

    def counting_seconds(self, options: FitOptions) -> float:
        """The seconds that it took to count what a fit with ``options`` needs."""
        rgba = engines.resolve_alpha(options, self.image).alpha == "palette"
        return self.counting_with_alpha if rgba else self.counting


def _whole(timed: TimedImage, options: FitOptions) -> Work[Quantized]:
    seconds = timed.counting_seconds(options)
    return Work(lambda: quantize(timed.image, options), lambda quantized: quantized.mse, seconds)


def _fit_alone(timed: TimedImage, options: FitOptions) -> Work[Fit]:
    options = engines.resolve_alpha(options, timed.image)
    image = counted_for(timed.image, options)
    weighted = WeightedFeatures.of(image.histogram, projection_of(options), protect=options.protect)

    def quality(fit: Fit) -> float:
        return PaintedRows.of(image, Labelling.of(weighted, fit, image), fit.model, "members").palette.mse

    return Work(lambda: engines.fit(weighted, options, image=image), quality)


AnyWork = Work[Quantized] | Work[Fit]
STAGES: dict[str, Callable[[TimedImage, FitOptions], AnyWork]] = {"quantize": _whole, "fit": _fit_alone}


@dataclass
class _Row:
    """A row while it is timed: the seconds of the rounds so far, with those of warm-up kept apart."""

    image: TimedImage
    options: FitOptions
    stage: str
    work: AnyWork | None = None
    mse: float | None = None
    warmup: list[float] = field(default_factory=list)
    counted: list[float] = field(default_factory=list)
    failure: Failure | None = None

    @property
    def words(self) -> str:
        """The combination, and the image that it works on."""
        return f"{combination_words(self.options)}: {image_words(self.image.name, self.image.scale)}"

    @property
    def seconds(self) -> list[float]:
        """The seconds of the counted rounds; if there was time for none, those of the last warm-up round."""
        return self.counted or self.warmup[-1:]

    def once(self, clock: Clock, *, counted: bool) -> None:
        """Run the row once, unless an earlier run failed."""
        if self.failure is None:
            seconds = attempt(lambda: self._timed(clock), memory=MEMORY)
            if isinstance(seconds, Failure):
                self.failure = seconds
            else:
                (self.counted if counted else self.warmup).append(seconds)

    def _timed(self, clock: Clock) -> float:
        if self.work is None:
            engines.load(self.options)
            self.work = STAGES[self.stage](self.image, self.options)
        seconds, mse = self.work.once(clock, measure=self.mse is None)
        if mse is not None:  # every round has the same seed, so the same result
            self.mse = mse
        return seconds


def _no_progress(row: str, left: float | None) -> None:
    """Default for ``progress``: does nothing."""


def _no_estimate(estimate: Estimate) -> None:
    """Default for ``estimated``: does nothing."""


@dataclass(frozen=True)
class Callbacks:
    """The callbacks and clocks of a run.

    ``progress`` is called before each run with the name of its row and the wall seconds that are left (None in the
    first round), ``estimated`` after the first round of each image. ``clock`` replaces that of the protocol, ``wall``
    measures the budget.
    """

    progress: Callable[[str, float | None], None] = _no_progress
    estimated: Callable[[Estimate], None] = _no_estimate
    clock: Clock | None = None
    wall: Clock = time.perf_counter


def run(
    sources: Sequence[Source],
    combinations: Sequence[FitOptions],
    protocol: Protocol,
    callbacks: Callbacks = Callbacks(),
) -> Iterator[list[Timing]]:
    """Time each image at each scale with each of the ``combinations``. Yields the rows of each image.

    All rows of an image run once per round, in their order, so that a drift of the machine affects them alike. A row
    that fails has an error. After KeyboardInterrupt the rows so far are returned before it is raised again.
    """
    clock = callbacks.clock or CLOCKS[protocol.clock]
    ends = None if protocol.budget is None else callbacks.wall() + protocol.budget
    for number, source in enumerate(sources):
        left = len(sources) - number
        rows: list[_Row] = []
        failed: list[Timing] = []
        interrupted: KeyboardInterrupt | None = None
        try:
            for image in _timed_images(source, protocol, clock):
                if isinstance(image, Timing):
                    failed.append(image)
                else:
                    rows += [_Row(image, options, protocol.stage) for options in combinations]
            now = callbacks.wall()
            deadline = None if ends is None else now + max(0.0, ends - now) / left
            _Rounds(rows, protocol, callbacks, clock=clock, deadline=deadline, images_left=left - 1).run()
        except KeyboardInterrupt as interruption:
            interrupted = interruption
        first = next((row.seconds for row in rows if row.failure is None and row.seconds), [])
        reason = "interrupted" if interrupted else f"the budget of {protocol.budget or 0:g} s was spent"
        yield [*(_timing(row, protocol, first, reason) for row in rows), *failed]
        if interrupted is not None:
            raise interrupted


@dataclass
class _Rounds:
    """The rounds of one image's rows, which end at the ``deadline`` (by the wall clock), if there is one."""

    rows: Sequence[_Row]
    protocol: Protocol
    callbacks: Callbacks
    clock: Clock
    deadline: float | None
    images_left: int
    slowest: float | None = None  # wall seconds of the slowest round so far

    def run(self) -> None:
        """Run as many rounds as the protocol and the deadline allow, and of the first as many rows.

        From the second round on BLAS stays on one thread between the fits as well: if it got its threads back after
        each fit, they would spin for some milliseconds at the cost of the next row.
        """
        if not self.rows:
            return
        with ExitStack() as stack:
            for number in range(self.protocol.rounds):
                if number == 1:
                    stack.enter_context(one_thread())
                if not self._has_time():
                    return
                start = self.callbacks.wall()
                self._round(number)
                seconds = self.callbacks.wall() - start
                if self.slowest is None:
                    self._estimate(seconds)
                self.slowest = max(seconds, self.slowest or 0.0)

    def _round(self, number: int) -> None:
        gc.collect()  # so that no row pays for earlier garbage
        started = self.callbacks.wall()
        for row in self.rows:
            if number == 0 and not self._has_time():
                return
            self.callbacks.progress(row.words, self._left(number, self.callbacks.wall() - started))
            row.once(self.clock, counted=number >= self.protocol.warmup)

    def _has_time(self) -> bool:
        return self.deadline is None or self.callbacks.wall() + (self.slowest or 0.0) < self.deadline

    def _left(self, number: int, elapsed: float) -> float | None:
        """The wall seconds that are left when a round has run for ``elapsed`` seconds; None in the first round."""
        if self.slowest is None:
            return None
        rounds = self.protocol.rounds * (1 + self.images_left) - number
        return self._within_budget(max(0.0, self.slowest * rounds - elapsed))

    def _estimate(self, seconds: float) -> None:
        rounds = self.protocol.rounds - 1
        total = seconds * (rounds + self.images_left * self.protocol.rounds)
        self.callbacks.estimated(Estimate(self.rows[0].image.name, seconds, rounds, self._within_budget(total)))

    def _within_budget(self, seconds: float) -> float:
        if self.deadline is None:
            return seconds
        left = max(0.0, self.deadline - self.callbacks.wall())
        return min(seconds, left * (1 + self.images_left))


def _timed_images(source: Source, protocol: Protocol, clock: Clock) -> Iterator[TimedImage | Timing]:
    """The image at each scale, or the row with the reason why there is none."""
    picture = attempt(source.read, memory=MEMORY)
    if isinstance(picture, Failure):
        yield _failed(source.name, 1.0, protocol, picture)
        return
    for scale in protocol.scales:
        image = attempt(lambda scale=scale: _scaled(source.name, scale, picture, clock), memory=MEMORY)  # type: ignore[misc]
        yield _failed(source.name, scale, protocol, image) if isinstance(image, Failure) else image


def _scaled(name: str, scale: float, picture: Picture, clock: Clock) -> TimedImage:
    return TimedImage.of(name, scale, images.resize(picture, scale), clock)


def _failed(name: str, scale: float, protocol: Protocol, failure: Failure) -> Timing:
    return Timing(name, scale, None, protocol, error=failure.reason, details=failure.details)


def _timing(row: _Row, protocol: Protocol, first: Sequence[float], reason: str) -> Timing:
    """The row with its seconds, its failure, or the reason why it did not run."""
    height, width = row.image.image.rgb.shape[:2]
    about = Timing(row.image.name, row.image.scale, row.options, protocol, width, height)
    if row.failure is not None:
        return dataclasses.replace(about, error=row.failure.reason, details=row.failure.details)
    if not row.seconds:
        return dataclasses.replace(about, not_run=reason)
    return dataclasses.replace(
        about,
        colors=len(row.image.image.histogram),
        mse=row.mse,
        counting=row.image.counting,
        seconds=tuple(row.seconds),
        first=tuple(first),
    )
