"""The sum of the histograms of a run, here and on workers that keep them: a tree, of which only the root travels."""

from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest
from support.pictures import random_picture

from colorquant.attempts import Failure
from colorquant.batch import summing
from colorquant.batch.inputs import Input
from colorquant.batch.summing import FAN_IN, Kept, start_sum
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.errors import CrashError, ImageReadError


class Workers(Executor):
    """Keeps results in this process, as the workers of a cluster do, and loses what ``lost`` says."""

    def __init__(self, lost: int = 0) -> None:
        self.steps: list[int] = []  # the number of histograms that were added in each step
        self.fetched = 0
        self.lost = lost

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        result = fn(*args, **kwargs)
        future.set_result(result if isinstance(result, Failure) else Kept(result))
        return future

    def keeping(self):
        return self

    def combine(self, add, parts):
        self.steps.append(len(parts))
        return Kept(add([part.place for part in parts]))

    def fetch(self, kept):
        self.fetched += 1
        if self.fetched <= self.lost:
            raise CrashError("lost")
        return kept.place


class Counting:
    """Counts a small picture by its number; an input that is called ``bad`` cannot be read."""

    def __init__(self, fails_later: str = "") -> None:
        self.seen: list[str] = []
        self.fails_later = fails_later

    def __call__(self, item: Input, planned: None) -> ColorHistogram:
        again = item.name in self.seen
        self.seen.append(item.name)
        if item.name == "bad" or (again and item.name == self.fails_later):
            raise ImageReadError("damaged")
        return histogram_of(int(item.name))


def histogram_of(number: int) -> ColorHistogram:
    """Pictures of few colours: some are opaque, some partly transparent, some weighted."""
    rgb = random_picture(number, 4, 5, levels=4)
    alpha = random_picture(number + 500, 4, 5)[..., 0] if number % 3 else None
    importance = random_picture(number + 900, 4, 5)[..., 1] if number % 2 else None
    return CountedImage(rgb, alpha, importance).histogram


def planned(names):
    return [(Input(str(name)), None) for name in names]


def added(total, names, job=None, **how):
    outcomes = list(total.add_all(planned(names), job or Counting(), **{"in_flight": 4, "fail_fast": False} | how))
    return [(outcome.input.name, outcome.result, outcome.error) for outcome in outcomes]


def assert_equal(first: ColorHistogram, second: ColorHistogram) -> None:
    for column in ("colors", "counts", "alpha", "importance"):
        assert np.array_equal(getattr(first, column), getattr(second, column)), column


@pytest.mark.parametrize("count", [0, 1, FAN_IN - 1, FAN_IN, FAN_IN + 1, 5 * FAN_IN + 3, FAN_IN**2 + 1])
def test_a_tree_of_sums_is_the_sum_in_any_order(count):
    here, workers = start_sum(None), Workers()
    there = start_sum(workers)
    added(here, range(count))
    assert added(there, reversed(range(count))) == [(str(number), True, None) for number in reversed(range(count))]
    assert here.images == there.images == count
    assert_equal(here.total(), there.total())
    assert max(workers.steps, default=0) <= FAN_IN
    assert workers.fetched == min(count, 1)
    assert sum(workers.steps) - len(workers.steps) == max(count - 1, 0)  # each joins the others once


def test_inputs_that_cannot_be_counted_are_left_out_of_the_sum():
    names = [0, 1, "bad", 2]
    with ThreadPoolExecutor(2) as threads:
        sums = [start_sum(None), start_sum(threads), start_sum(Workers())]
        for total in sums:
            assert added(total, names) == [
                ("0", True, None),
                ("1", True, None),
                ("bad", None, "damaged"),
                ("2", True, None),
            ]
            assert total.images == 3
            assert_equal(total.total(), sums[0].total())


def test_with_fail_fast_no_sum_travels():
    workers = Workers()
    total = start_sum(workers)
    assert ("bad", None, "damaged") in added(total, [0, "bad", 1, 2, 3, 4, 5, 6], fail_fast=True)
    assert workers.fetched == 0


def test_the_sum_of_many_inputs_travels_in_batches(monkeypatch):
    monkeypatch.setattr(summing, "BATCH", 5)
    workers, here = Workers(), start_sum(None)
    total = start_sum(workers)
    added(total, range(12))
    added(here, range(12))
    assert workers.fetched == 3
    assert_equal(total.total(), here.total())


def test_what_was_lost_is_counted_again_and_what_then_fails_is_reported():
    job, here, there = Counting(fails_later="2"), start_sum(None), start_sum(Workers(lost=1))
    outcomes = added(there, range(5), job)
    assert outcomes == [*((str(number), True, None) for number in range(5)), ("2", None, "damaged")]
    assert there.images == 4
    added(here, [0, 1, 3, 4])
    assert_equal(there.total(), here.total())


def test_a_sum_that_is_lost_again_and_again_ends_the_run():
    with pytest.raises(CrashError, match="lost"):
        added(start_sum(Workers(lost=2)), range(3))
