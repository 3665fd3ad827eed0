"""Adding up the histograms that a run counts: in this process, or on the workers that have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast, runtime_checkable

from colorquant.batch.inputs import Input
from colorquant.batch.run import Job, Outcome, run
from colorquant.color.histogram import ColorHistogram
from colorquant.color.summing import HistogramSum, sum_histograms
from colorquant.errors import CrashError

if TYPE_CHECKING:
    from concurrent.futures import Executor

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")
FAN_IN = 8  # histograms that a worker adds in one step
BATCH = FAN_IN**4  # inputs whose sum travels at once; the scheduler remembers how to count them until then


@dataclass(frozen=True, eq=False)
class Kept(Generic[T]):
    """A result that stays on the worker that has it; ``place`` is for its executor only."""

    place: object


@runtime_checkable
class KeepingExecutor(Protocol):
    """An executor whose workers can keep results, and combine them, without sending them here."""

    def keeping(self) -> Executor:
        """The executor on the same workers whose calls end with what is Kept, or with a Failure, which travels."""

    def combine(self, add: Callable[[Sequence[T]], T], parts: Sequence[Kept[T]]) -> Kept[T]:
        """Let a worker ``add`` the ``parts``, without waiting for it; they need not be held here any more."""

    def fetch(self, kept: Kept[T]) -> T:
        """The result itself. Raises CrashError where it was lost with its worker and could not be made again."""


class RunSum(Protocol):
    """The sum of the histograms of ``images`` inputs. Counts are integers, so it is the same in any order."""

    images: int

    def add_all(
        self, plan: Sequence[tuple[Input, P]], job: Job[P, ColorHistogram], *, in_flight: int, fail_fast: bool
    ) -> Iterator[Outcome[bool]]:
        """Run ``job`` on each input and add what it returns; the other arguments are those of a run.

        An outcome has the result True where the histogram was added, else the error. An input whose histogram was lost
        with its worker, and which then cannot be counted again, has a second outcome, with the error.
        """

    def total(self) -> ColorHistogram:
        """The sum of all histograms so far."""


def start_sum(executor: Executor | None) -> RunSum:
    """The empty sum for a run on this executor."""
    return _TreeSum(executor) if isinstance(executor, KeepingExecutor) else _SumHere(executor)


class _SumHere:
    """Adds each histogram to the sum in this process, as it comes."""

    def __init__(self, executor: Executor | None) -> None:
        self.images = 0
        self._executor = executor
        self._sum = HistogramSum()

    def add_all(
        self, plan: Sequence[tuple[Input, P]], job: Job[P, ColorHistogram], *, in_flight: int, fail_fast: bool
    ) -> Iterator[Outcome[bool]]:
        for outcome in run(plan, job, self._executor, in_flight=in_flight, fail_fast=fail_fast):
            if outcome.result is not None:
                self._sum.add(outcome.result)
                self.images += 1
            yield _without_result(outcome)

    def total(self) -> ColorHistogram:
        return self._sum.total()


class _TreeSum:
    """Adds histograms on the workers, in a tree: only the sum of up to BATCH inputs travels here."""

    def __init__(self, executor: KeepingExecutor) -> None:
        self.images = 0
        self._executor = executor
        self._sum = HistogramSum()

    def add_all(
        self, plan: Sequence[tuple[Input, P]], job: Job[P, ColorHistogram], *, in_flight: int, fail_fast: bool
    ) -> Iterator[Outcome[bool]]:
        for start in range(0, len(plan), BATCH):
            batch = plan[start : start + BATCH]
            tree, counted, failed = _Tree(self._executor), list[tuple[Input, P]](), False
            for planned, outcome in zip(batch, self._run(batch, job, in_flight, fail_fast), strict=False):
                if outcome.result is None:
                    failed = True
                else:
                    tree.add(outcome.result)
                    counted.append(planned)
                yield _without_result(outcome)
            if fail_fast and failed:
                return
            try:
                self._add(tree)
            except CrashError:
                yield from self._again(counted, job, in_flight)

    def _again(
        self, plan: Sequence[tuple[Input, P]], job: Job[P, ColorHistogram], in_flight: int
    ) -> Iterator[Outcome[bool]]:
        """Count inputs once more, and report those that now fail.

        That is for two cases: a file has changed since its histogram was lost, or other inputs have killed so many
        workers that this one is suspected. Raises CrashError where the new sum is lost as well.
        """
        tree = _Tree(self._executor)
        for outcome in self._run(plan, job, in_flight, fail_fast=False):
            if outcome.result is None:
                yield _without_result(outcome)
            else:
                tree.add(outcome.result)
        self._add(tree)

    def _run(
        self, plan: Sequence[tuple[Input, P]], job: Job[P, ColorHistogram], in_flight: int, fail_fast: bool
    ) -> Iterator[Outcome[Kept[ColorHistogram]]]:
        outcomes = run(plan, job, self._executor.keeping(), in_flight=in_flight, fail_fast=fail_fast)
        return cast("Iterator[Outcome[Kept[ColorHistogram]]]", outcomes)  # a keeping executor changes the results

    def _add(self, tree: _Tree) -> None:
        summed = tree.total()
        if summed is not None:
            self._sum.add(self._executor.fetch(summed))
            self.images += tree.images

    def total(self) -> ColorHistogram:
        return self._sum.total()


class _Tree:
    """The sums of histograms that workers keep.

    As soon as there are FAN_IN histograms of one level, a worker adds them, and their sum is one of the next level. So
    fewer than FAN_IN of each level are kept, none with more colours than its pictures have together.
    """

    def __init__(self, executor: KeepingExecutor) -> None:
        self.images = 0
        self._executor = executor
        self._levels: list[list[Kept[ColorHistogram]]] = []

    def add(self, histogram: Kept[ColorHistogram]) -> None:
        """Add the histogram of an image."""
        self.images += 1
        for level in self._levels:
            level.append(histogram)
            if len(level) < FAN_IN:
                return
            histogram = self._executor.combine(sum_histograms, level)
            level.clear()
        self._levels.append([histogram])

    def total(self) -> Kept[ColorHistogram] | None:
        """The sum of all histograms so far, None without any."""
        parts = [histogram for level in self._levels for histogram in level]
        while len(parts) > 1:
            parts = [*parts[FAN_IN:], self._executor.combine(sum_histograms, parts[:FAN_IN])]
        return parts[0] if parts else None


def _without_result(outcome: Outcome[R]) -> Outcome[bool]:
    """The outcome, with True as its result if it has any."""
    return Outcome(outcome.input, None if outcome.result is None else True, outcome.error, outcome.details)
