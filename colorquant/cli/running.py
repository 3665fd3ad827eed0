"""What the commands that write files do before they run."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from contextlib import closing, nullcontext
from pathlib import Path

from colorquant.batch.inputs import Input
from colorquant.errors import OptionError
from colorquant.files import LineFile

M_ARENA_MAX = -8  # from malloc.h


def check_workers(
    jobs: int, *, isolate: bool = False, timeout: float | None = None, cluster: str | None = None
) -> None:
    """Raises OptionError where the options that say how inputs are worked on contradict each other."""
    if cluster is not None:
        from colorquant.batch.cluster import check_cluster

        check_cluster(cluster)
        instead = {"--jobs": jobs > 1, "--isolate": isolate, "--timeout": timeout is not None}
        for flag in (flag for flag, given in instead.items() if given):
            raise OptionError(f"{flag} is for runs without --cluster: leave one of them out")
    if timeout is not None and not isolate:
        raise OptionError("--timeout ends a worker process: add --isolate")


def check_cluster_inputs(cluster: str | None, inputs: Iterable[Input]) -> None:
    """Raises OptionError where standard input is to be read with ``--cluster``, whose workers read files."""
    if cluster is not None and any(item.path is None for item in inputs):
        raise OptionError("--cluster reads files, not standard input (-): save the input as a file")


def open_report(name: str | None, *, replace: bool) -> closing[LineFile] | nullcontext[None]:
    """The file of ``--report``, if there is one; with ``replace`` an old file is replaced."""
    if name is None:
        return nullcontext()
    return closing(LineFile(Path(name), force=replace))


def prepare_for_many() -> None:
    """Turn on the garbage collector, and let all threads take memory from one arena.

    Otherwise glibc reserves 64 MB for each thread, and keeps the memory that each has freed.
    """
    gc.enable()
    if sys.platform == "linux":
        import ctypes

        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not every C library has it
        if mallopt is not None:
            mallopt(M_ARENA_MAX, 1)
