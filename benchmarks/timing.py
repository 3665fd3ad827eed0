"""CPU and wall seconds and peak memory, of a function or of a child process; rows that take turns."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.settings import ROOT
from colorquant.analysis.protocol import CLOCKS
from colorquant.fitting.engines import ENGINES, load
from colorquant.fitting.options import FitOptions
from colorquant.threads import one_thread

T = TypeVar("T")
LAUNCHER = Path(__file__).with_name("launcher.py")
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}  # one BLAS thread; threads of its own are kept


class ChildError(RuntimeError):
    """A child process ended with an error."""


@dataclass(frozen=True)
class Usage:
    """CPU seconds of all threads, wall seconds, and peak memory in bytes: of a function, what it added."""

    cpu: float
    wall: float
    peak: int | None = None

    def __add__(self, other: Usage) -> Usage:
        peaks = [peak for peak in (self.peak, other.peak) if peak is not None]
        return Usage(self.cpu + other.cpu, self.wall + other.wall, max(peaks, default=None))

    def times(self, factor: float) -> Usage:
        """Time (not memory) scaled up, for what was measured on a part."""
        return Usage(self.cpu * factor, self.wall * factor, None)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """BLAS, OpenMP and OpenCV on one thread. The libraries of all engines are loaded first: others are not limited."""
    for engine, methods in ENGINES.items():
        for method in methods:
            with suppress(ImportError):
                load(FitOptions(method, engine=engine))
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
    with one_thread():
        yield


def measure(function: Callable[[], T]) -> tuple[T, Usage]:
    """Call ``function`` and say what it used."""
    gc.collect()
    before = _start_peak()
    start = {name: clock() for name, clock in CLOCKS.items()}
    result = function()
    used = {name: clock() - start[name] for name, clock in CLOCKS.items()}
    peak = None if before is None else max(0, _status_bytes("VmHWM") - before)
    return result, Usage(used["cpu"], used["wall"], peak)


def _start_peak() -> int | None:
    """Give freed memory back, reset this process's peak (Linux only), and return what it holds now, in bytes."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return _status_bytes("VmRSS")
    except (OSError, AttributeError, TypeError):
        return None


def _status_bytes(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {key}")


def run_child(command: Sequence[str | Path]) -> Usage:
    """Run a command to its end and say what it used. Raises ChildError where it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCHER), *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT},
        check=False,
    )
    found = json.loads(done.stdout) if done.returncode == 0 else {"code": done.returncode}
    if found.pop("code") != 0:
        raise ChildError(f"{' '.join(words)[:200]}: {done.stderr.strip()[-500:]}")
    return Usage(**found)


def interleaved(rows: Mapping[str, Callable[[], T]], rounds: Mapping[str, int]) -> dict[str, list[T]]:
    """Every round runs each row once, so that a noisy moment hits all of them; a row stops after its own rounds."""
    found: dict[str, list[T]] = {name: [] for name in rows}
    for number in range(max(rounds.values(), default=0)):
        for name, row in rows.items():
            if number < rounds[name]:
                found[name].append(row())
    return found
