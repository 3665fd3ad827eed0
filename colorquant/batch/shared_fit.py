"""One palette for all inputs of a run: their colours are counted and summed, and the sum is fitted."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from colorquant import images
from colorquant.batch.inputs import STDIN, Input
from colorquant.batch.memory import MemoryLimit
from colorquant.batch.outputs import OutputPaths
from colorquant.batch.run import Outcome
from colorquant.batch.settings import JobOptions
from colorquant.batch.summing import start_sum
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.color.summing import sum_histograms
from colorquant.errors import ImageReadError
from colorquant.files import local_copy
from colorquant.fitted_palette import counts_alpha
from colorquant.fitting.options import FitOptions

if TYPE_CHECKING:
    from concurrent.futures import Executor


Planned = tuple[Input, OutputPaths]


@dataclass(frozen=True)
class CountJob:
    """Counts the colours of one input: the job of the first pass. ``k`` is the largest number of labels.

    Inputs that need more than the ``memory`` are read by strips.
    """

    settings: JobOptions
    k: int
    memory: MemoryLimit = MemoryLimit()  # noqa: RUF009  it is frozen

    def __call__(self, item: Input, paths: OutputPaths) -> ColorHistogram:
        """The colour histogram of the input. Raises ImageReadError, and OutputError where ``paths`` is not possible."""
        paths.check(self.k)
        settings = self.settings.for_input(item)
        source = item.source
        with local_copy(source) as file:
            return self._counted(file, settings, paths)

    def _counted(self, source: Path | bytes, settings: JobOptions, paths: OutputPaths) -> ColorHistogram:
        options = settings.options
        assert isinstance(options, FitOptions), "only fits share a palette"
        together = counts_alpha(options, settings.dithering)
        excess = None if settings.strips else self.memory.excess(source, settings.reading)
        if settings.strips or excess is not None:
            from colorquant.batch.strips_job import count_by_strips  # a plain run does not need it

            counted = count_by_strips(excess, source, settings, paths.others, with_alpha=together)
            if counted is not None:
                return counted
        picture = images.read_image(source, settings.reading)
        image = CountedImage(picture.rgb, picture.alpha, settings.importance(picture))
        return image.with_alpha.histogram if together and not image.opaque else image.histogram


@dataclass
class FirstPass:
    """The first pass over the inputs of ``plan``: it adds the histograms of all, or of ``number`` of them at random.

    ``total`` is the sum, of ``images`` images; with an executor that can keep results, its workers add.
    The random choice depends on the names and the ``seed``, not on the order of the inputs. An input that cannot be
    counted is replaced by another one, if there is any left; ``failures`` has its outcome.
    """

    plan: Sequence[Planned]
    job: CountJob
    number: int | None
    seed: int
    images: int = 0
    total: ColorHistogram = field(default_factory=lambda: sum_histograms([]))
    failures: dict[str, Outcome[bool]] = field(default_factory=dict)

    @property
    def wanted(self) -> int:
        """The number of images to count."""
        return len(self.plan) if self.number is None else min(self.number, len(self.plan))

    def run(
        self,
        executor: Executor | None,
        *,
        at_once: int,
        in_flight: int,
        fail_fast: bool,
        counted: Callable[[], None],
    ) -> bool:
        """Count, and call ``counted`` after each image; the other arguments are those of a run.

        ``at_once`` images are counted at the same time on one machine.

        Returns False where no palette is to be fitted: nothing could be counted, or ``fail_fast`` ended the pass.
        """
        waiting, summed = self._ordered(), start_sum(executor)
        job = replace(self.job, memory=replace(self.job.memory, at_once=at_once))
        while waiting and summed.images < self.wanted and not (fail_fast and self.failures):
            missing = self.wanted - summed.images
            some, waiting = waiting[:missing], waiting[missing:]
            for outcome in summed.add_all(some, job, in_flight=in_flight, fail_fast=fail_fast):
                if outcome.result is None:
                    self.failures[outcome.input.name] = outcome
                else:
                    counted()
        self.images, self.total = summed.images, summed.total()
        return self.images > 0 and not (fail_fast and self.failures)

    def second_pass(self, *, fitted: bool) -> list[Planned]:
        """The plan of the second pass, in which inputs that could not be counted fail without being read again.

        Unless a palette was ``fitted`` it has only these.
        """
        return [(self._marked(item), paths) for item, paths in self.plan if fitted or item.name in self.failures]

    def _ordered(self) -> list[Planned]:
        """The inputs in the order in which they are counted."""
        if self.number is None:
            return list(self.plan)
        ordered = sorted(self.plan, key=lambda planned: _sort_key(planned[0]))
        random.Random(self.seed).shuffle(ordered)
        return ordered

    def _marked(self, item: Input) -> Input:
        outcome = self.failures.get(item.name)
        if outcome is None or item.problem is not None:
            return item
        problem = ImageReadError(outcome.error or "")
        problem.add_note(outcome.details)  # the traceback, which -v shows
        return replace(item, problem=problem)


def _sort_key(item: Input) -> str:
    return "" if item.name == STDIN else os.path.realpath(item.name)
