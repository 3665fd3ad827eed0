"""What runs on the workers of a cluster: the calls of a run, in its folder, and with what it must have in common."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from threading import Condition
from typing import ClassVar, TypeVar

from colorquant._version import __version__
from colorquant.attempts import Failure
from colorquant.batch.isolation import answer
from colorquant.collecting import Collected, collected
from colorquant.errors import CrashError
from colorquant.threads import one_thread

T = TypeVar("T")


@dataclass(frozen=True)
class Origin:
    """What a worker must have in common with the run that sends it work: the version and the current folder, if any.

    With ``collects`` it sends back the files that it makes.
    """

    version: str
    folder: str | None
    collects: bool = False


class _Folder:
    """The current folder of a worker process, which all its threads share: calls from other folders wait."""

    changed = Condition()
    users: ClassVar[int] = 0
    name: ClassVar[str] = ""


class FailedError(Exception):
    """Tells the run that a call ended with a ``failure`` instead of something to keep."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


def work(call: bytes, origin: Origin) -> tuple[bytes, Collected]:
    """Answer a pickled call on a worker, in the folder of the run, so that names of files mean the same.

    With the answer go the files that were made, unless they are written here.

    Raises CrashError on a worker with another version of colorquant, or one that does not see the folder: one that
    joined the cluster after the run had begun.
    """
    _check_version(origin)
    with _inside(origin.folder), one_thread():
        if not origin.collects:
            return answer(call), []
        with collected() as files:
            return answer(call), files


def keep(call: bytes, origin: Origin) -> object:
    """The result of a pickled call, which Dask keeps on this worker. Raises what :func:`work` does, and FailedError."""
    _check_version(origin)
    with _inside(origin.folder), one_thread(), collected() if origin.collects else nullcontext():
        fn, args, kwargs = pickle.loads(call)
        result = fn(*args, **kwargs)
    if isinstance(result, Failure):
        raise FailedError(result)
    return result


def combine(add: Callable[[Sequence[T]], T], parts: Sequence[T], origin: Origin) -> T:
    """Add what workers have kept; it stays on this one."""
    _check_version(origin)
    with one_thread():
        return add(parts)


def _check_version(origin: Origin) -> None:
    if origin.version != __version__:
        raise CrashError(f"a worker has colorquant {__version__}, this run {origin.version}: install the same on all")


@contextmanager
def _inside(folder: str | None) -> Iterator[None]:
    """Work in this folder, or in any for None. Raises CrashError if there is no such folder on this machine."""
    if folder is None:
        yield
        return
    with _Folder.changed:
        _Folder.changed.wait_for(lambda: _Folder.users == 0 or _Folder.name == folder)
        try:
            os.chdir(folder)
        except OSError as error:
            raise CrashError(f"a worker does not see the folder {folder}: {error.strerror}") from error
        _Folder.name = folder
        _Folder.users += 1
    try:
        yield
    finally:
        with _Folder.changed:
            _Folder.users -= 1
            _Folder.changed.notify_all()
