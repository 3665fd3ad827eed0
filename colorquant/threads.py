"""Limits on the threads of BLAS and OpenMP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import ClassVar

from threadpoolctl import threadpool_info, threadpool_limits


class _Limit:
    """The limits in force while ``depth`` callers want them, the newest last."""

    lock = Lock()
    depth = 0
    controllers: ClassVar[list[threadpool_limits]] = []


@contextmanager
def one_thread() -> Iterator[None]:
    """BLAS and OpenMP on one thread, until the last of all callers, in whatever thread, is done.

    Skinny products are slower on more threads, and the order of a sum, so its last bits, depends on their number. Only
    libraries that are loaded are limited: enter it again after loading others.
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
