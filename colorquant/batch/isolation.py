"""An executor whose worker processes may die: only the call that killed its process fails.

Why not a library? With pebble 5.2's ``ProcessPool``, which comes closest, a worker that ends with exit code 0 leaves
its call waiting forever, workers import the main program's module (and so click), Ctrl-C while one starts prints its
traceback, and after ``kill -9`` of the program busy workers go on with their file. With
``concurrent.futures.ProcessPoolExecutor`` one dead worker fails all calls.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import BinaryIO, ParamSpec, TypeVar, cast

from colorquant.batch.streams import silence_libraries
from colorquant.errors import CrashError
from colorquant.temporary_files import abandon

P = ParamSpec("P")
T = TypeVar("T")
PATIENCE = 2.0  # seconds that a worker has to end by itself
GRACE = 0.5  # seconds in which a worker that is being ended may still answer its call
START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from colorquant.batch.isolation import serve; serve()"
)
BROKEN = (
    EOFError,
    OSError,
    ValueError,
    pickle.UnpicklingError,
)  # of the pipes, if a process has ended


class IsolatingExecutor(Executor):
    """Runs calls in ``max_workers`` processes of its own; each call and its result must be picklable.

    A call whose process dies fails with CrashError, and so does one that takes longer than ``timeout`` seconds (its
    process is ended). No other call is affected, and a fresh process takes over. Since an earlier call may have
    damaged a process, a call that kills a used process is tried once more, in a fresh one.

    Each of ``max_workers`` threads writes to a process and awaits its answer. A process ends when its standard input
    ends, so none outlives the program, however that ends. Processes ignore Ctrl-C, and what their Python code writes to
    standard error goes to that of the program.
    """

    def __init__(self, max_workers: int, *, timeout: float | None = None) -> None:
        self._threads = ThreadPoolExecutor(max_workers)
        self._timeout = timeout
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._workers: set[_Worker] = set()
        self._terminated = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Schedule ``fn(*args, **kwargs)`` in a worker process."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls. With ``wait`` all are finished and the processes ended; else they go on."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        if wait:
            self.terminate_workers()

    def terminate_workers(self) -> None:
        """End all processes at once, whatever they are doing; their current calls fail."""
        with self._lock:
            self._terminated = True
            workers = list(self._workers)
        for worker in workers:
            worker.close_input()
        for worker in workers:
            worker.wait_for_end()

    def _call(self, fn: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> T:
        call = pickle.dumps((fn, args, kwargs))
        while True:
            worker = self._worker()
            used = worker.calls > 0
            try:
                result, error = worker.call(call, self._timeout)
            except BROKEN as broken:
                reason = self._forget_worker(worker)
                if self._terminated or not used or worker.overdue:
                    raise CrashError(reason) from broken
                continue
            if error is not None:
                raise error
            return cast("T", result)

    def _worker(self) -> _Worker:
        """The process of the calling thread, started if it has none."""
        with self._lock:
            if self._terminated:
                raise CrashError("its worker process was ended")
            worker: _Worker | None = getattr(self._of_thread, "worker", None)
            if worker is None:
                self._of_thread.worker = worker = _Worker()
                self._workers.add(worker)
        return worker

    def _forget_worker(self, worker: _Worker) -> str:
        """Forget the calling thread's dead process, and return how it ended."""
        with self._lock:
            self._workers.discard(worker)
        del self._of_thread.worker
        return worker.how_it_ended(self._timeout)


class _Worker:
    """One worker process, and the pipes to and from it."""

    def __init__(self) -> None:
        self.calls = 0
        self.overdue = False
        try:
            with sigint_blocked():
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", START],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=_stderr_number(),
                    env={"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", **os.environ},
                )
        except OSError as error:
            raise CrashError(
                f"no worker process can be started: {error.strerror or error}; use fewer --jobs"
            ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        with suppress(*BROKEN):  # the first call will find out that it is dead
            pickle.dump(sys.path, self._input)
            self._input.flush()

    def call(self, call: bytes, timeout: float | None) -> tuple[object, Exception | None]:
        """The result of a pickled call, and what it raised. Raises one of BROKEN where the process died."""
        self.calls += 1
        self.overdue = False
        timer = None if timeout is None else threading.Timer(timeout, self._kill_overdue)
        if timer is not None:
            timer.start()
        try:
            pickle.dump(call, self._input)
            self._input.flush()
            answer: tuple[object, Exception | None] = pickle.load(self._output)
        finally:
            if timer is not None:
                timer.cancel()
        return answer

    def _kill_overdue(self) -> None:
        self.overdue = True
        self._process.kill()

    def close_input(self) -> None:
        """Tell the process that there are no more calls: it ends."""
        with suppress(OSError):
            self._input.close()

    def wait_for_end(self) -> int:
        """The exit code of the process, which is killed if it does not end by itself."""
        self.close_input()
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        with suppress(OSError):
            self._output.close()
        return code

    def how_it_ended(self, timeout: float | None) -> str:
        """How the process ended, as a message."""
        code = self.wait_for_end()
        if self.overdue:
            return f"it took longer than --timeout {timeout:g} (seconds): allow more, or leave this file out"
        if code >= 0:
            return f"its worker process ended with exit code {code}: leave this file out, and please report it"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
        memory = ", perhaps since memory ran out: use fewer --jobs, or" if -code == signal.SIGKILL else ":"
        return f"its worker process was killed by signal {-code} ({name}){memory} leave this file out"


def _stderr_number() -> int | None:
    """The file descriptor of Python's standard error; None, which means the inherited one, if there is none."""
    with suppress(OSError, AttributeError, ValueError):
        return sys.stderr.fileno()
    return None


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Processes that are started in this block never get Ctrl-C; the program gets it and ends its workers itself."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def serve() -> None:
    """The main function of a worker: read calls from standard input and write answers to what was standard output.

    The calls run on a thread, so that the end of standard input is noticed at once. From then on no more files are
    written, but a call that has written its files may still answer before the process ends.
    """
    calls, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    silence_libraries()
    _redirect_stdout()
    queue: SimpleQueue[bytes] = SimpleQueue()
    busy = threading.Lock()
    threading.excepthook = _exit_on_error
    threading.Thread(target=_answer_calls, args=(queue, answers, busy), daemon=True).start()
    with suppress(*BROKEN):
        while True:
            queue.put(pickle.load(calls))
    abandon()
    busy.acquire(timeout=GRACE)
    os._exit(0)


def _exit_on_error(details: threading.ExceptHookArgs) -> None:
    """End the process if its thread fails, since the program would wait for the answer forever."""
    threading.__excepthook__(details)
    os._exit(1)


def _redirect_stdout() -> None:
    """Keep what a library prints out of the answers: send it where the standard error of libraries goes."""
    try:
        os.dup2(2, 1)
    except OSError:  # standard error is closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _answer_calls(queue: SimpleQueue[bytes], answers: BinaryIO, busy: threading.Lock) -> None:
    """Answer the calls in the queue, one by one; ``busy`` is held meanwhile."""
    while True:
        call = queue.get()
        with busy, suppress(OSError):  # perhaps nobody waits any more
            answers.write(answer(call))
            answers.flush()


def answer(call: bytes) -> bytes:
    """The pickled result and error of a pickled call; one of them is None."""
    try:
        fn, args, kwargs = pickle.loads(call)
        return pickle.dumps((fn(*args, **kwargs), None))
    except Exception as error:  # noqa: BLE001  it is raised where the result is awaited
        try:
            return pickle.dumps((None, error))
        except Exception:  # noqa: BLE001  an exception need not be picklable
            return pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}")))
