"""The program in forked children of a process that has its modules loaded: hundreds of runs a second.

Not for use inside pytest, which has threads: a script of its own imports this.
"""

from __future__ import annotations

import gc
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is loaded: a fork takes no threads along

from PIL import Image

from colorquant.cli import COMMANDS, main
from colorquant.fitting.engines import ENGINES

TRACEBACK = 70  # the exit code of a child in which main() raised


@dataclass(frozen=True)
class Ended:
    """How a child ended: ``code`` as the shell has it (negative for a signal, None for out of time), and its words."""

    code: int | None
    stdout: str
    stderr: str
    seconds: float


def warm() -> None:
    """Load what most runs load. Nothing is fitted here: threads that libraries started would be missing in a child."""
    Image.init()
    for name in COMMANDS:
        import_module(f"colorquant.cli.{name}")
    for name in (
        "numpy.random",
        *(f"colorquant.fitting.{engine.module}" for engine in ENGINES["numpy"].values()),
    ):
        import_module(name)
    gc.freeze()  # a child that collects garbage would copy every page of its parent


def run(
    args: Sequence[str],
    *,
    folder: Path,
    limits: Mapping[int, int] | None = None,
    seconds: float = 20,
    kill_after: float | None = None,
) -> Ended:
    """``colorquant ARGS`` in ``folder``, with resource ``limits``; killed after ``kill_after`` or at last ``seconds``.

    What it says goes to files that have no name.
    """
    said = [os.memfd_create(name) for name in ("stdout", "stderr")]
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_the_program(args, folder, limits or {}, said)
    code = _wait(child, start, seconds if kill_after is None else kill_after)
    words = []
    for number in said:
        os.lseek(number, 0, os.SEEK_SET)
        with os.fdopen(number, encoding="utf-8", errors="replace") as stream:
            words.append(stream.read())
    return Ended(code, words[0], words[1], time.monotonic() - start)


def _wait(child: int, start: float, seconds: float) -> int | None:
    """The exit code; None where the child had to be killed."""
    descriptor = os.pidfd_open(child)
    ended, _, _ = select.select([descriptor], [], [], max(0, start + seconds - time.monotonic()))
    os.close(descriptor)
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if ended else None


def _be_the_program(args: Sequence[str], folder: Path, limits: Mapping[int, int], said: Sequence[int]) -> None:
    """Never returns."""
    code = TRACEBACK
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, target in ((nothing, 0), (said[0], 1), (said[1], 2)):
            os.dup2(number, target)
        os.chdir(folder)
        for limit, most in limits.items():
            resource.setrlimit(limit, (most, most))
        sys.argv = ["colorquant", *args]
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  its traceback is what is looked for
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(code)
