"""Calls in worker processes: what kills its process fails alone.

Each thread that calls has a worker of its own and awaits its answer, so the call that killed a worker is known, and no
other is lost. A worker ends by itself when its standard input does: none outlives the program, however that ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any, BinaryIO

from colorquant.errors import ColorquantError, CrashError
from colorquant.files import abandon

PATIENCE = 2.0  # seconds for a worker to end by itself
START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from colorquant.batch.isolation import serve; serve()"
)
BROKEN = (EOFError, OSError, pickle.UnpicklingError)  # what reading from, or writing to, a dead process raises


class Workers:
    """A process for each calling thread, in which ``function`` is called; both must be such as pickle takes."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = pickle.dumps(function)
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._all: set[_Worker] = set()
        self._closed = False

    def call(self, *arguments: object) -> Any:
        """What ``function`` returns. Raises its ColorquantError, CrashError where its process died, and one of
        BROKEN after :meth:`close`.

        A process that has worked before may have been damaged by that: the call is repeated once, in a fresh one.
        """
        worker: _Worker = getattr(self._mine, "worker", None) or self._started()
        used = worker.calls > 0
        try:
            return worker.call(*arguments)
        except BROKEN as error:
            with self._lock:
                self._all.discard(worker)
            del self._mine.worker
            reason = worker.buried()
            if self._closed:
                raise
            if used:
                return self.call(*arguments)
            raise CrashError(reason) from error

    def close(self) -> None:
        """End all processes, whatever they are at."""
        with self._lock:
            self._closed = True
            workers = list(self._all)
        for worker in workers:
            worker.end()
        for worker in workers:
            worker.buried()

    def _started(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise EOFError("the workers are closed")
            self._mine.worker = worker = _Worker(self._function)
            self._all.add(worker)
        return worker


class _Worker:
    def __init__(self, function: bytes) -> None:
        self.calls = 0
        try:
            with _deaf_to_interrupts():
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", START],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", **os.environ},
                )
        except OSError as error:
            raise CrashError(
                f"no worker process can be started: {error.strerror or error}; take fewer --jobs"
            ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions, self._answers = self._process.stdin, self._process.stdout
        with suppress(*BROKEN):  # the first call will find it dead
            pickle.dump(sys.path, self._questions)
            self._questions.write(function)
            self._questions.flush()

    def call(self, *arguments: object) -> Any:
        self.calls += 1
        pickle.dump(arguments, self._questions)
        self._questions.flush()
        result, error = pickle.load(self._answers)
        if error is not None:
            raise error
        return result

    def end(self) -> None:
        """Let it end: nobody asks any more."""
        with suppress(OSError):
            self._questions.close()

    def buried(self) -> str:
        """How it ended, in words; it is made to if it does not by itself."""
        self.end()
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        with suppress(OSError):
            self._answers.close()
        if code >= 0:
            return f"its worker process ended with exit code {code}: leave this file out, and please report it"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
        memory = ", perhaps for want of memory: take fewer --jobs, or" if -code == signal.SIGKILL else ":"
        return f"its worker process was killed by signal {-code} ({name}){memory} leave this file out"


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes that are started here never hear Ctrl-C: it is for the program, which then ends its workers."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def serve() -> None:
    """The life of a worker: questions on standard input, answers on what was standard output, until there are no more.

    The questions are answered on a thread, so that their end is noticed at once.
    """
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    _silence_stdout()
    function = pickle.load(questions)
    queue: SimpleQueue[tuple[object, ...]] = SimpleQueue()
    threading.excepthook = _give_up
    threading.Thread(target=_answer, args=(function, queue, answers), daemon=True).start()
    with suppress(*BROKEN):
        while True:
            queue.put(pickle.load(questions))
    abandon()
    os._exit(0)


def _give_up(details: threading.ExceptHookArgs) -> None:
    """A thread that is gone would be waited for in vain."""
    threading.__excepthook__(details)
    os._exit(1)


def _silence_stdout() -> None:
    """What a library prints must not stand between the answers."""
    try:
        os.dup2(2, 1)
    except OSError:  # standard error is closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _answer(function: Callable[..., Any], queue: SimpleQueue[tuple[object, ...]], answers: BinaryIO) -> None:
    while True:
        arguments = queue.get()
        answer: tuple[Any, ColorquantError | None]
        try:
            answer = (function(*arguments), None)
        except ColorquantError as error:
            answer = (None, error)
        with suppress(OSError):  # nobody waits
            pickle.dump(answer, answers)
            answers.flush()
