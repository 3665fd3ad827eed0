"""Many inputs: order, failures, interruptions, and workers that die."""

import contextlib
import os
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from support import jobs, workers

from colorquant.batch import run as batch
from colorquant.batch.inputs import Input
from colorquant.batch.isolation import IsolatingExecutor
from colorquant.batch.run_options import RunOptions
from colorquant.errors import CrashError, ImageReadError, OptionError


def plan(*names):
    return [(Input(name), None) for name in names]


def numbers(count):
    return plan(*map(str, range(count)))


class Eager(Executor):
    """The smallest executor that there can be: it runs each call when it is submitted."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except ArithmeticError as error:
            future.set_exception(error)
        return future


EXECUTORS = {
    "none": contextlib.nullcontext,
    "a thread": lambda: ThreadPoolExecutor(1),
    "threads": lambda: ThreadPoolExecutor(3),
    "processes": lambda: ProcessPoolExecutor(1),
    "isolated": lambda: IsolatingExecutor(2),
    "another": Eager,
}


@pytest.mark.parametrize("name", EXECUTORS)
def test_on_any_executor_outcomes_come_in_order_and_failures_do_not_end_the_run(name):
    with EXECUTORS[name]() as executor:
        outcomes = list(batch.run(numbers(20), workers.square, executor, in_flight=6))
    assert [outcome.input.name for outcome in outcomes] == [str(number) for number in range(20)]
    assert [outcome.result for outcome in outcomes[:3]] == [0, 1, 4]
    assert "unexpected ZeroDivisionError" in outcomes[3].error
    assert "Traceback" in outcomes[3].details


def test_few_inputs_are_under_way_at_a_time():
    started = []
    with ThreadPoolExecutor(2) as executor:
        outcomes = batch.run(numbers(50), lambda item, planned: started.append(item.name), executor, in_flight=4)
        next(outcomes)
        assert len(started) <= 5
        outcomes.close()
    assert len(started) < 50


@pytest.mark.parametrize("count", [1, 2])
def test_after_a_failure_nothing_more_is_begun(count):
    started = []

    def task(item, planned):
        started.append(item.name)
        if item.name == "3":
            raise ImageReadError("damaged")

    with batch.open_executor(RunOptions(jobs=count)) as executor:
        outcomes = list(batch.run(numbers(50), task, executor, in_flight=2 * count, fail_fast=True))
    assert [outcome.input.name for outcome in outcomes if outcome.error] == ["3"]
    assert [outcome.input.name for outcome in outcomes] == sorted(started, key=int)
    assert len(started) <= 4 + 2 * count - 1


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

    with ThreadPoolExecutor(2) as executor:
        run = batch.run(numbers(50), task, executor, in_flight=4)
        assert next(run).result == "0"
        assert third.wait(30)
        outcomes = [(outcome.input.name, outcome.error) for outcome in run.stop()]
        release.set()
    assert outcomes == [("2", "damaged"), ("3", None)]
    assert list(run) == []


def run_isolated(*names, count=1, **options):
    with IsolatingExecutor(count, **options) as executor:
        return list(batch.run(plan(*names), workers.obey, executor, in_flight=2 * count))


@pytest.mark.parametrize("count", [1, 2])
def test_an_input_that_kills_its_worker_fails_alone(count):
    names = ["a", "signal 11", "b", "bad", "signal 9", "exit 3", "exit 0", "prints", "c"]
    outcomes = run_isolated(*names, count=count)
    assert [outcome.input.name for outcome in outcomes] == names
    errors = {outcome.input.name: outcome.error for outcome in outcomes if outcome.error}
    assert list(errors) == ["signal 11", "bad", "signal 9", "exit 3", "exit 0"]
    assert "killed by signal 11 (SIGSEGV)" in errors["signal 11"]
    assert "memory ran out" in errors["signal 9"]
    assert "exit code 3" in errors["exit 3"]
    assert "exit code 0" in errors["exit 0"]
    assert errors["bad"] == "damaged"
    results = [outcome.result for outcome in outcomes if outcome.result]
    assert [name for name, _ in results] == ["a", "b", "prints", "c"]
    assert os.getpid() not in {process for _, process in results}


def test_what_an_earlier_input_broke_is_tried_again():
    first, second = run_isolated("a", "dies once used")
    assert second.error is None
    assert second.result[1] != first.result[1]


def test_an_input_that_takes_too_long_fails_alone():
    outcomes = run_isolated("sleep 60", "a", timeout=5)
    assert [outcome.error and outcome.error.split(":")[0] for outcome in outcomes] == [
        "it took longer than --timeout 5 (seconds)",
        None,
    ]


def test_wrong_usage_in_a_worker_is_raised():
    with pytest.raises(OptionError, match="wrong for all"):
        run_isolated("usage")


def test_an_isolating_executor_returns_and_raises_what_its_calls_do():
    with IsolatingExecutor(1) as executor:
        assert executor.submit(divmod, 7, 2).result() == (3, 1)
        assert executor.submit(int, "11", base=2).result() == 3
        with pytest.raises(FileNotFoundError):  # an OSError, as a broken pipe is
            executor.submit(os.stat, "/nowhere/at all").result()
        with pytest.raises(Exception, match="pickle"):
            executor.submit(lambda: None).result()
        with pytest.raises(Exception, match="pickle"):
            executor.submit(workers.make_a_lock).result()
        assert executor.submit(len, "abc").result() == 3
        executor.terminate_workers()
        with pytest.raises(CrashError):
            executor.submit(len, "abc").result()


def test_workers_import_neither_click_nor_rich(photo, tmp_path):
    with IsolatingExecutor(1) as executor:
        modules = executor.submit(jobs.modules_after_a_job, photo, tmp_path / "out.png").result()
    assert (tmp_path / "out.png").exists()
    assert "colorquant.batch.quantize_job" in modules
    assert [name for name in modules if name.split(".")[0] in ("click", "rich") or "colorquant.cli" in name] == []


SPEAKING = """
from colorquant.batch.isolation import IsolatingExecutor
from colorquant.batch.streams import silence_libraries
from support import workers

silence_libraries()
with IsolatingExecutor(1) as executor:
    executor.submit(workers.speak).result()
"""


def test_what_python_code_of_a_worker_says_is_seen_and_libraries_in_c_are_not():
    path = os.pathsep.join(sys.path)
    ended = subprocess.run(
        [sys.executable, "-c", SPEAKING],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (ended.stdout, ended.stderr) == ("", "from Python\n")


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_stopping_ends_workers_whatever_they_are_at():
    with batch.open_executor(RunOptions(isolate=True)) as executor:
        run = batch.run(plan("a", "sleep 60", "sleep 61"), workers.obey, executor)
        worker = next(run).result[1]
        assert run.stop() == []
        assert not alive(worker)


def test_an_executor_left_by_an_exception_ends_its_workers():
    with pytest.raises(KeyboardInterrupt), batch.open_executor(RunOptions(isolate=True)) as executor:
        worker = next(batch.run(plan("a", "sleep 60"), workers.obey, executor)).result[1]
        raise KeyboardInterrupt
    assert not alive(worker)
