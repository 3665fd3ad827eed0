"""Estimating how long a comparison will still take."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from colorquant.analysis.baselines import BaselineOptions
from colorquant.analysis.grid import Combination

# The cost of a colour relative to our k-means: an order of magnitude, used until something similar has been timed.
COSTS = {
    ("numpy", "kmeans"): 1.0,
    ("numpy", "em"): 3.0,
    ("opencv", "kmeans"): 5.0,
    ("opencv", "em"): 300.0,
    ("sklearn", "kmeans"): 1.0,
    ("sklearn", "em"): 50.0,
}


@dataclass
class TimeLeft:
    """Estimates the wall seconds that are left for ``combinations``, each of which runs on ``images`` images.

    The estimate for a combination is the mean of its own times; if it has none, the times of its method and engine are
    scaled by k; if they have none, all times are scaled by the costs above. ``jobs`` images run at a time.
    """

    combinations: Sequence[Combination]
    images: int
    jobs: int = 1
    times: dict[Combination, list[float]] = field(default_factory=dict)
    started: Counter[Combination] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)  # images on other threads begin and end combinations, too

    def start(self, options: Combination) -> float | None:
        """Note that a combination begins on an image. Returns the seconds left with it; None before any has ended."""
        with self.lock:
            self.started[options] += 1
            if not self.times:
                return None
            waiting = sum(self._expected(other) * (self.images - self.started[other]) for other in self.combinations)
            return (waiting + self._expected(options)) / self.jobs

    def end(self, options: Combination, seconds: float) -> None:
        """Note how long a combination took on an image."""
        with self.lock:
            self.times.setdefault(options, []).append(seconds)

    def _expected(self, options: Combination) -> float:
        if options in self.times:
            return statistics.fmean(self.times[options])
        similar = [other for other in self.times if (other.engine, other.method) == (options.engine, options.method)]
        return self._in_proportion(options, similar or list(self.times), (lambda other: other.k) if similar else _cost)

    def _in_proportion(
        self, options: Combination, others: Sequence[Combination], cost: Callable[[Combination], float]
    ) -> float:
        """The time of a combination, if times are proportional to ``cost``."""
        seconds = sum(statistics.fmean(self.times[other]) for other in others)
        return seconds / sum(cost(other) for other in others) * cost(options)


def _cost(options: Combination) -> float:
    if isinstance(options, BaselineOptions):
        return float(options.k)
    return COSTS[options.engine, options.method] * options.k
