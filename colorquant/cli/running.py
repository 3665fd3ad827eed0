"""What the commands that write files do before they run."""

from __future__ import annotations

import gc
import sys
from contextlib import closing, nullcontext
from pathlib import Path

from colorquant.batch.run_options import RunOptions
from colorquant.files import LineFile

M_ARENA_MAX = -8  # from malloc.h


def open_report(run: RunOptions) -> closing[LineFile] | nullcontext[None]:
    """The file of ``--report``, if there is one."""
    if run.report is None:
        return nullcontext()
    return closing(LineFile(Path(run.report), force=run.replaces_report))


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
