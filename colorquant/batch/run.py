"""Run one job over many inputs on any executor: few at a time, in order, and one bad input does not end the run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from colorquant import attempts
from colorquant.attempts import Failure
from colorquant.batch.inputs import Input
from colorquant.batch.run_options import RunOptions
from colorquant.errors import OutputError
from colorquant.threads import one_thread

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from colorquant.batch.compare_job import CompareOutputs
    from colorquant.batch.outputs import OutputPaths
    from colorquant.batch.sending import Storage
    from colorquant.batch.video_outputs import ClipPaths

P = TypeVar("P")
R = TypeVar("R")
Outputs = TypeVar("Outputs", "OutputPaths", "ClipPaths", "CompareOutputs")
Job = Callable[[Input, P], R]
SAVE_MEMORY = "use a smaller picture or fewer --jobs"
GRACE = 0.5  # seconds that inputs in progress still have after an interruption


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """The outcome of an input: a ``result``, or an ``error`` in one line with its ``details``, the traceback."""

    input: Input
    result: R | None
    error: str | None = None
    details: str = ""


@contextmanager
def open_executor(
    options: RunOptions, *, threaded: bool = False, storage: Storage | None = None
) -> Iterator[Executor | None]:
    """The executor for a run: a ``cluster``, with ``isolate`` ``jobs`` worker processes, else ``jobs`` threads.

    A single job needs no executor (None): it runs in the calling thread, where Ctrl-C interrupts it. With ``threaded``
    it gets a thread all the same, for a job that Python cannot or must not interrupt. ``timeout`` is in seconds per
    input, for worker processes only. If the block ends with an exception, nothing more is started, threads are left
    running and worker processes are ended. The workers of a ``cluster`` must
    reach the ``storage``: see :func:`colorquant.batch.cluster.open_cluster`.
    """
    if options.cluster is not None:
        from colorquant.batch.cluster import open_cluster

        with open_cluster(options.cluster, storage) as workers:
            yield workers
        return
    if options.isolate:
        from colorquant.batch.isolation import IsolatingExecutor

        executor: Executor = IsolatingExecutor(options.jobs, timeout=options.timeout)
    elif options.jobs > 1 or threaded:
        from concurrent.futures import ThreadPoolExecutor

        executor = ThreadPoolExecutor(options.jobs)
    else:
        yield None
        return
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        _terminate_workers(executor)
        raise
    executor.shutdown()


def repeatable(
    plan: Iterable[tuple[Input, Outputs]], check: Callable[[Outputs], None]
) -> Iterator[tuple[Input, Outputs]]:
    """The plan of a run on a cluster, whose inputs may be worked on again: a worker can die after it has written files.

    Whether files may be written is checked here, by ``check``, when an input's turn comes: what it raises becomes the
    problem of the input. The workers overwrite then.
    """
    for item, outputs in plan:
        try:
            check(outputs)
        except OutputError as error:
            yield replace(item, problem=item.problem or error), outputs
        else:
            yield item, replace(outputs, force=True)


def ready(
    plan: Iterable[tuple[Input, Outputs]], check: Callable[[Outputs], None], options: RunOptions
) -> Iterable[tuple[Input, Outputs]]:
    """The plan as it can be run with these options: for a cluster it can be repeated, or sends its files.

    ``check`` raises OutputError for outputs that may not be written.
    """
    if options.cluster is None:
        return plan
    if options.send_files is None:
        return repeatable(plan, check)
    from colorquant.batch.sending import sent

    return sent(plan, check, options.send_files)


def most_in_flight(executor: Executor | None, options: RunOptions) -> int:
    """How many inputs are submitted at a time: two for each thread of a cluster, else two for each of the ``jobs``."""
    workers: int = getattr(executor, "threads", options.jobs)
    return 2 * workers


def at_once(executor: Executor | None, options: RunOptions, inputs: int) -> int:
    """How many of the ``inputs`` are worked on at the same time on one machine."""
    workers: int = getattr(executor, "threads_per_host", options.jobs)
    return max(1, min(workers, inputs))


def run(
    plan: Iterable[tuple[Input, P]],
    job: Job[P, R],
    executor: Executor | None = None,
    *,
    in_flight: int = 2,
    fail_fast: bool = False,
) -> Run[P, R]:
    """Run ``job`` on each input with what is planned for it; the outcomes come in the order of ``plan``.

    ``executor`` may be any :class:`concurrent.futures.Executor`; if it sends work to other processes, the job, the
    plan's items and the results must be picklable. Without one the job runs in the calling thread. At most
    ``in_flight`` inputs are submitted at a time (twice the number of workers keeps them all busy), so that memory does
    not grow with the plan. A failure becomes an outcome, and the run goes on; with ``fail_fast`` nothing more is
    started after it, and jobs in progress are finished.
    """
    return Run(plan, job, executor, in_flight=in_flight, fail_fast=fail_fast)


class Run(Iterator[Outcome[R]], Generic[P, R]):
    """The outcomes of :func:`run`, as they come."""

    def __init__(
        self,
        plan: Iterable[tuple[Input, P]],
        job: Job[P, R],
        executor: Executor | None,
        *,
        in_flight: int,
        fail_fast: bool,
    ) -> None:
        self._waiting: deque[tuple[Input, Future[R | Failure]]] = deque()
        self._job, self._executor = job, executor
        self._in_flight = in_flight
        self._fail_fast, self._failed = fail_fast, False
        self._outcomes = self._one_by_one(plan) if executor is None else self._submitted(plan, executor)

    def __next__(self) -> Outcome[R]:
        return next(self._outcomes)

    def close(self) -> None:
        """Start nothing more."""
        self._outcomes.close()

    def stop(self, grace: float = GRACE) -> list[Outcome[R]]:
        """After an interruption, start nothing more, and return the outcomes of the inputs that were still finished.

        Inputs in progress have ``grace`` seconds to end; then they are abandoned. The worker processes of the executor
        are ended, if it has any. To keep threads from writing files after this, call
        :func:`colorquant.temporary_files.abandon` first.
        """
        self._outcomes.close()
        if not self._waiting:
            return []
        from concurrent.futures import wait

        ended_before = {future for _, future in self._waiting if future.done()}
        for _, future in self._waiting:
            future.cancel()
        _terminate_workers(self._executor)
        wait([future for _, future in self._waiting if future.running()], timeout=grace)
        done = [(item, future) for item, future in self._waiting if future.done() and not future.cancelled()]
        outcomes = [(future, _awaited(item, future)) for item, future in done]
        return [outcome for future, outcome in outcomes if outcome.error is None or future in ended_before]

    def _one_by_one(self, plan: Iterable[tuple[Input, P]]) -> Generator[Outcome[R], None, None]:
        for item, planned in plan:
            outcome = _outcome(item, attempt(self._job, item, planned))
            yield outcome
            if self._fail_fast and outcome.error is not None:
                return

    def _submitted(self, plan: Iterable[tuple[Input, P]], executor: Executor) -> Generator[Outcome[R], None, None]:
        with one_thread():
            for item, planned in plan:
                self._waiting.append((item, executor.submit(attempt, self._job, item, planned)))
                if len(self._waiting) == self._in_flight:
                    yield self._first()
                if self._failed:
                    break
            while self._waiting:
                yield self._first()

    def _first(self) -> Outcome[R]:
        outcome = _awaited(*self._waiting[0])  # it stays in the queue while it is awaited: see stop()
        self._waiting.popleft()
        if self._fail_fast and outcome.error is not None:
            self._failed = True
            self._waiting = deque((item, future) for item, future in self._waiting if not future.cancel())
        return outcome


def _terminate_workers(executor: Executor | None) -> None:
    """End the worker processes of an executor that has a method for it, as ours and Python 3.14's do."""
    terminate: Callable[[], None] | None = getattr(executor, "terminate_workers", None)
    if terminate is not None:
        terminate()


def attempt(job: Job[P, R], item: Input, planned: P) -> R | Failure:
    """Run ``job`` for one input and catch its failure.

    Raises OptionError, since wrong usage concerns every input alike.
    """

    def checked() -> R:
        if item.problem is not None:
            raise item.problem
        return job(item, planned)

    return attempts.attempt(checked, memory=SAVE_MEMORY)


def _outcome(item: Input, result: R | Failure) -> Outcome[R]:
    if isinstance(result, Failure):
        return Outcome(item, None, result.reason, result.details)
    return Outcome(item, result)


def _awaited(item: Input, future: Future[R | Failure]) -> Outcome[R]:
    """The outcome of a future. Raises OptionError; an error of the executor itself becomes a failure as well."""
    result: R | Failure = attempts.attempt(future.result, memory=SAVE_MEMORY)
    return _outcome(item, result)
