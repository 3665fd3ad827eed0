"""Limits on the threads of BLAS and OpenMP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import ClassVar

from threadpoolctl import threadpool_info, threadpool_limits


class _Limit:
    """The limits in force while ``depth`` callers need them, the newest last."""

    lock = Lock()
    depth = 0
    controllers: ClassVar[list[threadpool_limits]] = []


@contextmanager
def one_thread() -> Iterator[None]:
    """Run BLAS and OpenMP on one thread until the last caller, on whatever thread, has left the context.

    Products of narrow matrices are slower on more threads, and the order of a sum, and so its last bits, depends on
    their number. Only libraries that are already loaded are limited: enter the context again after loading others.
    """
    with _Limit.lock:
        if _Limit.depth == 0 or any(pool["num_threads"] > 1 for pool in threadpool_info()):
            _Limit.controllers.append(threadpool_limits(limits=1))
        _Limit.depth += 1
    try:
        yield
    finally:
        with _Limit.lock:
            _Limit.depth -= 1
            while _Limit.depth == 0 and _Limit.controllers:
                _Limit.controllers.pop().restore_original_limits()
