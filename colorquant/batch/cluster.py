"""An executor on a Dask cluster: worker processes on this machine, or on others that see the same files."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from colorquant._version import __version__
from colorquant.attempts import Failure
from colorquant.batch.cluster_worker import FailedError, Origin, combine, keep, work
from colorquant.batch.isolation import sigint_blocked
from colorquant.batch.sending import Storage, missing_packages
from colorquant.batch.summing import Kept
from colorquant.errors import CrashError, EngineError, OptionError
from colorquant.files import write_whole
from colorquant.remote import INSTALL
from colorquant.temporary_files import abandon

if TYPE_CHECKING:
    from distributed import Client, LocalCluster
    from distributed import Future as DaskFuture

P = ParamSpec("P")
T = TypeVar("T")
LOCAL = re.compile(r"local:(\d{1,3})")
ADDRESS = re.compile(r"(tcp|tls)://.+:\d{1,5}")
MOST = 256  # worker processes of local:N, as for --jobs
CONNECT = 10  # seconds in which a scheduler must answer, and then a first worker be there
CLOSE = 1.0  # seconds that local workers, or a connection, have to end by themselves
QUIET = logging.CRITICAL + 1
ENVIRONMENT = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX")
SETTINGS: dict[str, object] = {
    "distributed.scheduler.allowed-failures": 2,  # the third dead worker is the last one for an input
    # Without Dask's MALLOC_TRIM_THRESHOLD_, which gives memory back at every turn and has it cleared again.
    "distributed.nanny.pre-spawn-environ": dict.fromkeys(ENVIRONMENT, 1),
    # What measures the cluster itself costs more than what a task costs.
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "1h",
    "distributed.admin.system-monitor.interval": "10s",
    # The default, 30 seconds, is too short where other programs leave these processes little of the processor.
    "distributed.comm.timeouts.connect": "300s",
}


class ClusterExecutor(Executor):
    """Runs calls on the workers of a Dask cluster; each call and its result must be picklable.

    ``threads`` is the number of threads that the workers have together, of which at most ``threads_per_host`` are on
    one machine, and no more calls are sent at a time: what has not begun waits here, where it can be cancelled. The
    call of a worker that died is sent to another one. A call whose workers died several times (the scheduler's
    ``allowed-failures`` says how often) fails with CrashError, and so does one that is cancelled.
    """

    def __init__(self, client: Client, storage: Storage) -> None:
        by_host: Counter[str] = Counter()
        for address, threads in client.nthreads().items():
            by_host[address.rpartition(":")[0]] += threads
        self.threads, self.threads_per_host = by_host.total(), max(by_host.values())
        self._client = client
        self._pool = ThreadPoolExecutor(self.threads)
        self._origin = Origin(__version__, storage.folder, storage.sends)
        self._lock = Lock()
        self._sent: set[DaskFuture] = set()
        self._terminated = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Schedule ``fn(*args, **kwargs)`` on a worker."""
        return self._pool.submit(self._call, fn, args, kwargs)

    def submit_kept(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[Kept[T] | Failure]:
        """Schedule a call whose result stays on its worker, unless it is a Failure."""
        return self._pool.submit(self._keep, fn, args, kwargs)

    def keeping(self) -> Executor:
        """The executor on the same workers whose calls end with what is Kept, or with a Failure, which travels."""
        return _Keeping(self)

    def combine(self, add: Callable[[Sequence[T]], T], parts: Sequence[Kept[T]]) -> Kept[T]:
        """Let a worker ``add`` the ``parts``, without waiting for it; they need not be held here any more."""
        return Kept(self._client.submit(combine, add, [part.place for part in parts], self._origin, pure=False))

    def fetch(self, kept: Kept[T]) -> T:
        """The result itself. Raises CrashError where it was lost with its worker and could not be made again."""
        try:
            with self._blamed("added histograms", remedy=""):
                return cast("T", cast("DaskFuture", kept.place).result())
        except FailedError as failed:
            raise CrashError(f"it was lost with its worker, and then: {failed.failure.reason}") from failed

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls. With ``wait`` all are finished."""
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)

    def terminate_workers(self) -> None:
        """Cancel all calls that were sent: they fail, and what a worker is in the middle of it ends for nobody."""
        with self._lock:
            self._terminated = True
            sent = list(self._sent)
        if sent:
            self._client.cancel(sent)

    def _call(self, fn: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> T:
        with self._blamed(), self._sent_to(work, fn, args, kwargs) as future:
            answered, collected = future.result()
        result, error = pickle.loads(answered)
        if error is not None:
            raise error
        for writing in collected:
            write_whole(writing.files, force=writing.force)
        return cast("T", result)

    def _keep(self, fn: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> Kept[T] | Failure:
        try:
            with self._blamed(), self._sent_to(keep, fn, args, kwargs) as future:
                error = future.exception()  # it waits, and fetches no result
                if error is not None:
                    raise error
                return Kept(future)
        except FailedError as failed:
            return failed.failure

    @contextmanager
    def _blamed(self, work: str = "worked on it", remedy: str = "leave this file out, or ") -> Iterator[None]:
        """Raises CrashError where workers or the cluster were lost; its message has the words of the arguments."""
        from distributed import KilledWorker

        try:
            yield
        except KilledWorker as killed:
            times = killed.allowed_failures + 1
            raise CrashError(
                f"{times} worker processes died while they {work}, the last one at {killed.last_worker.address}: "
                f"{remedy}give the workers more memory"
            ) from killed
        except CancelledError as cancelled:
            if self._terminated:
                raise CrashError("its work was cancelled") from cancelled
            raise CrashError(
                "the connection to the cluster was lost: start the cluster again, then the run with --skip-existing"
            ) from cancelled

    @contextmanager
    def _sent_to(
        self,
        runner: Callable[[bytes, Origin], object],
        fn: Callable[..., object],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> Iterator[DaskFuture]:
        """The future of a call that ``runner`` runs on a worker; it is cancelled with the others meanwhile."""
        call = pickle.dumps((fn, args, kwargs))
        with self._lock:
            if self._terminated:
                raise CrashError("its work was cancelled")
            future = self._client.submit(runner, call, self._origin, pure=False)
            self._sent.add(future)
        try:
            yield future
        finally:
            with self._lock:
                self._sent.discard(future)


class _Keeping(Executor):
    """Submits to a cluster what is to be kept on its workers."""

    def __init__(self, executor: ClusterExecutor) -> None:
        self._executor = executor

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Schedule ``fn(*args, **kwargs)``; the result of the future is Kept, or a Failure."""
        return cast("Future[T]", self._executor.submit_kept(fn, *args, **kwargs))


def check_cluster(name: str) -> None:
    """Raises OptionError for a value of ``--cluster`` that cannot be used, or if distributed is not installed."""
    local = LOCAL.fullmatch(name)
    if local is None and not ADDRESS.fullmatch(name):
        raise OptionError(
            f"--cluster {name} is neither local:N nor the address of a scheduler, such as tcp://host:8786"
        )
    if local is not None and not 1 <= int(local[1]) <= MOST:
        raise OptionError(f"--cluster {name}: the number of processes is from 1 to {MOST}")
    if find_spec("distributed") is None:
        raise OptionError("--cluster needs dask.distributed: pip install 'colorquant[cluster]'")


@contextmanager
def open_cluster(name: str, storage: Storage | None = None) -> Iterator[ClusterExecutor]:
    """The executor on the cluster ``name``, a value of ``--cluster`` that :func:`check_cluster` accepts.

    The workers of ``local:N`` are started here and end with the block, or with this process, however that ends. If the
    block ends with an exception, calls that have not begun are cancelled; local workers then finish no file, and those
    of another cluster only the file that each works on. Raises EngineError where the cluster does not answer, has no
    workers, or has workers with another version of colorquant, or that do not reach the ``storage``, which
    is the current folder unless it is given.
    """
    import dask

    storage = Storage(os.getcwd()) if storage is None else storage  # noqa: PTH109  Path.cwd() is the same
    local = LOCAL.fullmatch(name)
    with (
        _quiet(),
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}),  # files that are sent
        _connected(name, storage) if local is None else _started(int(local[1])) as client,
    ):
        executor = ClusterExecutor(client, storage)
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            executor.terminate_workers()
            if local is not None:
                client.run(abandon, on_error="ignore")
            raise
        executor.shutdown()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the log of distributed away from standard error: what goes wrong is said in the lines of the run."""
    import distributed  # noqa: F401  it sets its loggers up when it is imported

    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "tornado", "asyncio")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(QUIET)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def _started(count: int) -> Iterator[Client]:
    """A cluster of ``count`` worker processes with one thread each."""
    from multiprocessing import resource_tracker

    import dask
    from distributed import Client, LocalCluster

    resource_tracker.ensure_running()  # it unblocks Ctrl-C in the thread that starts it
    with TemporaryDirectory(prefix="colorquant-", ignore_cleanup_errors=True) as folder:
        cluster = None
        try:
            with dask.config.set(SETTINGS), sigint_blocked():  # by threads and processes that are started here
                cluster = LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    memory_limit=None,
                    dashboard_address="127.0.0.1:0",  # any free port
                    local_directory=folder,
                    silence_logs=QUIET,
                )
                client = Client(cluster, set_as_default=False)
        except (OSError, RuntimeError) as error:
            if cluster is not None:
                _close(cluster)
            reason = _first_line(error)
            raise EngineError(f"--cluster local:{count} does not start ({reason}): use fewer processes") from error
        try:
            yield client
        finally:
            with suppress(TimeoutError):
                client.close(CLOSE)
            _close(cluster)


def _close(cluster: LocalCluster) -> None:
    """End a cluster, and its worker processes, also those that are busy."""
    with suppress(TimeoutError):
        cluster.sync(_end_workers, cluster)
        cluster.close(CLOSE)


async def _end_workers(cluster: LocalCluster) -> None:
    """End the worker processes, also those that are busy: to close the cluster itself would wait for their calls."""
    await asyncio.gather(*(nanny.close(timeout=CLOSE) for nanny in cluster.workers.values()), return_exceptions=True)


@contextmanager
def _connected(address: str, storage: Storage) -> Iterator[Client]:
    """A connection to the scheduler at ``address``, whose workers are checked."""
    from distributed import Client, Security

    if address.startswith("tls:") and Security().get_connection_args("client")["ssl_context"] is None:
        raise EngineError(f"--cluster {address} needs certificates: name them in the configuration of Dask")
    try:
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise EngineError(
            f"--cluster {address} does not answer ({_first_line(error)}): start a scheduler there"
        ) from error
    try:
        _check_workers(client, address, storage)
        yield client
    finally:
        with suppress(OSError):
            client.close(CLOSE)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _check_workers(client: Client, address: str, storage: Storage) -> None:
    """Raises EngineError where there are no workers, or one that cannot do the work of this run."""
    try:
        client.wait_for_workers(1, timeout=CONNECT)
    except TimeoutError as error:
        raise EngineError(f"--cluster {address} has no workers: start some with dask worker {address}") from error
    for place, found in client.get_versions(packages=["colorquant"])["workers"].items():
        version = found["packages"].get("colorquant")
        if version != __version__:
            has = "no colorquant" if version is None else f"colorquant {version}"
            raise EngineError(f"the worker at {place} has {has}, and this is {__version__}: install the same on all")
    for place, missing in client.run(missing_packages, storage.protocols).items():
        for protocol, package in missing.items():
            raise EngineError(f"the worker at {place} has no {package} for {protocol}://: {INSTALL}, there")
    if storage.folder is None:
        return
    for place, seen in client.run(os.path.isdir, storage.folder).items():
        if not seen:
            raise EngineError(
                f"the worker at {place} does not see the folder {storage.folder}: share it with all workers, or send "
                "the files with --send-files"
            )
