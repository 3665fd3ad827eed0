"""Many inputs: order, failures, interruptions, and workers that die."""

import os
import signal
import threading
import time

import pytest

from colorquant.batch import naming
from colorquant.batch import run as batch
from colorquant.errors import ImageReadError, OptionError


def numbers(count):
    return [(naming.Input(str(number)), None) for number in range(count)]


@pytest.mark.parametrize("extra", [{"jobs": 1}, {"jobs": 3}, {"jobs": 1, "uninterruptible": True}])
def test_outcomes_come_in_order_and_failures_do_not_end_the_run(extra):
    def task(item, planned):
        if int(item.name) % 7 == 3:
            raise ZeroDivisionError("a bug")
        return int(item.name) ** 2

    outcomes = list(batch.run(numbers(20), task, **extra))
    assert [outcome.input.name for outcome in outcomes] == [str(number) for number in range(20)]
    assert [outcome.result for outcome in outcomes[:3]] == [0, 1, 4]
    assert "unexpected ZeroDivisionError" in outcomes[3].error
    assert "Traceback" in outcomes[3].details


def test_few_inputs_are_under_way_at_a_time():
    started = []
    outcomes = batch.run(numbers(50), lambda item, planned: started.append(item.name), 2)
    next(outcomes)
    assert len(started) <= 5
    outcomes.close()
    assert len(started) < 50


@pytest.mark.parametrize("jobs", [1, 2])
def test_after_a_failure_nothing_more_is_begun(jobs):
    started = []

    def task(item, planned):
        started.append(item.name)
        if item.name == "3":
            raise ImageReadError("damaged")

    outcomes = list(batch.run(numbers(50), task, jobs, fail_fast=True))
    assert [outcome.input.name for outcome in outcomes if outcome.error] == ["3"]
    assert [outcome.input.name for outcome in outcomes] == sorted(started, key=int)
    assert len(started) <= 4 + 2 * jobs - 1


def test_what_is_done_when_a_run_is_stopped_is_told():
    release, third = threading.Event(), threading.Event()

    def task(item, planned):
        if item.name == "1":
            release.wait(30)
        if item.name == "2":
            raise ImageReadError("damaged")
        if item.name == "3":
            third.set()
        return item.name

    run = batch.run(numbers(50), task, 2)
    assert next(run).result == "0"
    assert third.wait(30)
    told = [(outcome.input.name, outcome.error) for outcome in run.stop()]
    release.set()
    assert told == [("2", "damaged"), ("3", None)]
    assert list(run) == []


def deed(item, planned):
    """What workers do here: each name is an order."""
    if item.name.startswith("signal"):
        signal.raise_signal(int(item.name.split()[1]))
    if item.name == "exit":
        os._exit(3)
    if item.name == "usage":
        raise OptionError("wrong for all")
    if item.name == "bad":
        raise ImageReadError("damaged")
    if item.name == "prints":
        os.write(1, b"words of a library")
    if item.name == "dies once used" and _done:
        signal.raise_signal(signal.SIGSEGV)
    _done.append(item.name)
    return item.name, os.getpid()


_done = []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_input_that_kills_its_worker_fails_alone(jobs):
    names = ["a", "signal 11", "b", "bad", "signal 9", "exit", "prints", "c"]
    outcomes = list(batch.run([(naming.Input(name), None) for name in names], deed, jobs, isolate=True))
    assert [outcome.input.name for outcome in outcomes] == names
    errors = {outcome.input.name: outcome.error for outcome in outcomes if outcome.error}
    assert list(errors) == ["signal 11", "bad", "signal 9", "exit"]
    assert "killed by signal 11 (SIGSEGV)" in errors["signal 11"]
    assert "want of memory" in errors["signal 9"]
    assert "exit code 3" in errors["exit"]
    assert errors["bad"] == "damaged"
    results = [outcome.result for outcome in outcomes if outcome.result]
    assert [name for name, _ in results] == ["a", "b", "prints", "c"]
    assert os.getpid() not in {process for _, process in results}


def test_what_an_earlier_input_broke_is_tried_again():
    plan = [(naming.Input(name), None) for name in ("a", "dies once used")]
    first, second = batch.run(plan, deed, 1, isolate=True)
    assert second.error is None
    assert second.result[1] != first.result[1]


def test_wrong_usage_in_a_worker_is_raised():
    with pytest.raises(OptionError, match="wrong for all"):
        list(batch.run([(naming.Input("usage"), None)], deed, 1, isolate=True))


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def sleepy(item, planned):
    if item.name != "0":
        time.sleep(60)
    return os.getpid()


def test_stopping_ends_workers_whatever_they_are_at():
    run = batch.run(numbers(4), sleepy, 1, isolate=True)
    worker = next(run).result
    run.stop()
    assert not alive(worker)
