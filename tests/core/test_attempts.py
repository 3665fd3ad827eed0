"""Tasks that fail, or are given up, without ending the others."""

import threading

import pytest

from colorquant.attempts import Failure, attempt, attempt_until
from colorquant.errors import EngineError, OptionError


def raising(error):
    def task():
        raise error

    return task


def never():
    return False


@pytest.mark.parametrize("run", [attempt, lambda task: attempt_until(never, task)], ids=["attempt", "attempt_until"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (EngineError("it gave up"), "it gave up"),
        (MemoryError(), "not enough memory: use a smaller picture"),
        (ImportError("no such\nmodule"), "a library does not load (no such module)"),
        (ZeroDivisionError("a\nbug"), "unexpected ZeroDivisionError (a bug): please report it"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_becomes_a_failure_in_one_line(run, error, reason):
    failure = run(raising(error))
    assert isinstance(failure, Failure)
    assert failure.reason.startswith(reason)
    assert "\n" not in failure.reason
    assert type(error).__name__ in failure.details


@pytest.mark.parametrize("run", [attempt, lambda task: attempt_until(never, task)], ids=["attempt", "attempt_until"])
@pytest.mark.parametrize("error", [OptionError("wrong usage"), KeyboardInterrupt()], ids=["usage", "Ctrl-C"])
def test_wrong_usage_and_an_interruption_end_all_tasks(run, error):
    with pytest.raises(type(error)):
        run(raising(error))


def test_a_result_comes_back():
    assert attempt(lambda: 3) == 3
    assert attempt_until(never, lambda: 3) == 3


def test_a_task_that_hangs_is_given_up():
    stop, end = threading.Event(), threading.Event()

    def task():
        stop.set()
        end.wait(60)

    try:
        assert attempt_until(stop.is_set, task) is None
    finally:
        end.set()
