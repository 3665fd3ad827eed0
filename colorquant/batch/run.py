"""One task over many inputs: run it, at most so many at a time, and remember what failed."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from colorquant.batch.naming import Input
from colorquant.errors import ColorquantError, CrashError, OptionError, does_not_load
from colorquant.threads import one_thread

if TYPE_CHECKING:
    from concurrent.futures import Future

    from colorquant.batch.isolation import Workers

D = TypeVar("D")
R = TypeVar("R")
Task = Callable[[Input, D], R]
GRACE = 0.5  # seconds in which what is nearly done may still become so after an interruption


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """What became of an input: a ``result``, or an ``error`` with its ``details`` (the traceback)."""

    input: Input
    result: R | None
    error: str | None = None
    details: str = ""


def run(
    plan: Iterable[tuple[Input, D]],
    task: Task[D, R],
    jobs: int,
    *,
    uninterruptible: bool = False,
    isolate: bool = False,
    fail_fast: bool = False,
) -> Run[R]:
    """Run ``task`` for each input and what is planned for it, on ``jobs`` threads; outcomes come in that order.

    A failure becomes an outcome and the others go on; with ``fail_fast`` no more are begun, and those under way are
    finished. At most twice ``jobs`` inputs are under way, so memory does not grow with the plan. A task that Python
    cannot interrupt, or must not, runs on a thread even if alone, and is left behind when the caller is interrupted.
    With ``isolate`` each thread has a process of its own that works for it: ``task``, its arguments and its result
    must be such as pickle takes, and one that kills its process becomes a failure.
    """
    return Run(plan, task, jobs, threaded=jobs > 1 or uninterruptible, isolate=isolate, fail_fast=fail_fast)


class Run(Iterator[Outcome[R]]):
    """The outcomes of :func:`run`, as they come."""

    def __init__(
        self,
        plan: Iterable[tuple[Input, D]],
        task: Task[D, R],
        jobs: int,
        *,
        threaded: bool,
        isolate: bool,
        fail_fast: bool,
    ) -> None:
        self._waiting: deque[Future[Outcome[R]]] = deque()
        self._outcomes: Generator[Outcome[R], None, None]
        self._ahead = 2 * jobs
        self._fail_fast, self._failed = fail_fast, False
        if threaded or isolate:
            self._outcomes = self._on_threads(plan, task, jobs, isolate)
        else:
            self._outcomes = self._one_by_one(plan, task)

    def __next__(self) -> Outcome[R]:
        return next(self._outcomes)

    def close(self) -> None:
        """Begin nothing more."""
        self._outcomes.close()

    def stop(self) -> list[Outcome[R]]:
        """After an interruption: begin nothing more, and tell of those that were done all the same.

        What is under way is left behind; if its files shall not be written, call :func:`colorquant.files.abandon`
        first.
        """
        self._outcomes.close()
        if not self._waiting:
            return []
        from concurrent.futures import wait

        failed = {future for future in self._waiting if future.done()}
        wait([future for future in self._waiting if future.running()], timeout=GRACE)
        done = [future for future in self._waiting if future.done() and not future.cancelled()]
        outcomes = [(future, future.result()) for future in done if future.exception() is None]
        return [outcome for future, outcome in outcomes if outcome.error is None or future in failed]

    def _one_by_one(self, plan: Iterable[tuple[Input, D]], task: Task[D, R]) -> Generator[Outcome[R], None, None]:
        for item, planned in plan:
            outcome = attempt(task, item, planned)
            yield outcome
            if self._fail_fast and outcome.error is not None:
                return

    def _on_threads(
        self, plan: Iterable[tuple[Input, D]], task: Task[D, R], jobs: int, isolate: bool
    ) -> Generator[Outcome[R], None, None]:
        from concurrent.futures import ThreadPoolExecutor

        call: Task[D, Outcome[R]]
        call, workers = _isolated(task) if isolate else (partial(attempt, task), None)
        pool = ThreadPoolExecutor(jobs)
        with one_thread():
            try:
                yield from self._submitted(plan, lambda item, planned: pool.submit(call, item, planned))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            finally:
                if workers is not None:
                    workers.close()
            pool.shutdown()

    def _submitted(
        self, plan: Iterable[tuple[Input, D]], submit: Callable[[Input, D], Future[Outcome[R]]]
    ) -> Generator[Outcome[R], None, None]:
        for item, planned in plan:
            self._waiting.append(submit(item, planned))
            if len(self._waiting) == self._ahead:
                yield self._first()
            if self._failed:
                break
        while self._waiting:
            yield self._first()

    def _first(self) -> Outcome[R]:
        outcome = self._waiting[0].result()  # it stays in line while it is waited for: see stop()
        self._waiting.popleft()
        if self._fail_fast and outcome.error is not None:
            self._failed = True
            begun = [future for future in self._waiting if not future.cancel()]
            self._waiting = deque(begun)
        return outcome


def _isolated(task: Task[D, R]) -> tuple[Task[D, Outcome[R]], Workers]:
    from colorquant.batch.isolation import Workers

    workers = Workers(partial(attempt, task))

    def call(item: Input, planned: D) -> Outcome[R]:
        try:
            outcome: Outcome[R] = workers.call(item, planned)
        except CrashError as error:
            return Outcome(item, None, str(error), traceback.format_exc())
        return outcome

    return call, workers


def attempt(task: Task[D, R], item: Input, planned: D) -> Outcome[R]:
    """What becomes of one input. Raises OptionError: wrong usage, the same for every input."""
    try:
        if item.problem is not None:
            raise item.problem
        return Outcome(item, task(item, planned))
    except OptionError:
        raise
    except ColorquantError as error:
        return Outcome(item, None, str(error), traceback.format_exc())
    except MemoryError:
        return Outcome(item, None, "not enough memory: take a smaller picture or fewer --jobs", traceback.format_exc())
    except ImportError as error:
        return Outcome(item, None, does_not_load(error), traceback.format_exc())
    except Exception as error:  # noqa: BLE001  one bad file must not end the run; -v shows the traceback
        reason = f"unexpected {type(error).__name__} ({error}): please report it, with the traceback of -v"
        return Outcome(item, None, " ".join(reason.split()), traceback.format_exc())
