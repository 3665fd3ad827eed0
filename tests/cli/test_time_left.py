"""How long a comparison still takes, by what has been timed so far."""

import io
import time

import pytest
from rich.console import Console

from colorquant.analysis.baselines import BaselineOptions
from colorquant.batch.time_left import TimeLeft
from colorquant.fitting.options import FitOptions
from colorquant.report.terminal import progress_bar

KMEANS, MORE, EM = FitOptions(k=4), FitOptions(k=16), FitOptions("em", 4)


def test_nothing_is_known_before_the_first_has_ended():
    assert TimeLeft([KMEANS, EM], 1).start(KMEANS) is None


def test_the_same_combination_takes_what_it_took():
    left = TimeLeft([KMEANS, EM], 3)
    for options, seconds in ((KMEANS, 1.0), (EM, 10.0)):
        left.start(options)
        left.end(options, seconds)
    assert left.start(KMEANS) == pytest.approx(2 * 1 + 2 * 10)


def test_the_same_method_takes_time_in_proportion_to_k():
    left = TimeLeft([KMEANS, MORE], 1)
    left.start(KMEANS)
    left.end(KMEANS, 2.0)
    assert left.start(MORE) == pytest.approx(8)


def test_another_method_is_guessed():
    left = TimeLeft([KMEANS, EM, BaselineOptions("pillow-median", 4), FitOptions("em", 4, engine="opencv")], 1)
    left.start(KMEANS)
    left.end(KMEANS, 1.0)
    assert left.start(EM) == pytest.approx(3 + 1 + 300)


def test_jobs_share_the_time():
    left = TimeLeft([KMEANS], 5, jobs=2)
    left.start(KMEANS)
    left.end(KMEANS, 4.0)
    assert left.start(KMEANS) == pytest.approx(8)


def test_the_bar_counts_down_to_the_time_that_is_known():
    bar = progress_bar(Console(file=io.StringIO()))
    bar.add_task("", total=9)
    (task,) = bar.tasks
    column = bar.columns[-1]
    assert column.render(task).plain == "-:--:--"
    bar.update(task.id, ends=time.monotonic() + 3725.4)
    assert column.render(task).plain == "1:02:05"
    bar.update(task.id, ends=time.monotonic() - 9)
    assert column.render(task).plain == "0:00:00", "late, never negative"
