"""Instructions of whole processes: they do not depend on what else the machine does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import programs
from benchmarks.programs import PROGRAMS
from benchmarks.report import Table
from benchmarks.settings import ROOT, say
from benchmarks.timing import ENVIRONMENT

Words = Sequence[str | Path]


def _perf(command: Words) -> int | None:
    return _counted(["perf", "stat", "-x,", "-e", "instructions:u", *command], r"^(\d+),[^,]*,instructions:u")


def _callgrind(command: Words) -> int | None:
    options = ["--tool=callgrind", "--callgrind-out-file=/dev/null"]
    return _counted(["valgrind", *options, *command], r"Collected\s*:\s*(\d+)")


def _counted(words: Words, pattern: str) -> int | None:
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT},
        check=False,
    )
    match = re.search(pattern, done.stderr, re.MULTILINE)
    return int(match[1]) if match and done.returncode == 0 else None


COUNTERS: dict[str, Callable[[Words], int | None]] = {"perf": _perf, "valgrind": _callgrind}


def _counter() -> str | None:
    """The first counter that works here: many virtual machines hide the processor's own."""
    for name, counter in COUNTERS.items():
        if programs.found(name) and counter(["true"]) is not None:
            return name
    return None


def count(source: Path, target: Path, k: int = 16) -> tuple[Table | None, str | None]:
    """A table of instructions of our process and others on one picture, or a line that says why there is none."""
    name = _counter()
    if name is None:
        return None, "instruction counts: neither `perf stat` nor `valgrind --tool=callgrind` works here"
    commands: dict[str, Words] = {
        "import numpy, PIL.Image, click": [sys.executable, "-c", programs.IMPORTS],
        "colorquant kmeans": programs.colorquant(source, target, k),
    }
    speed3 = PROGRAMS["pngquant, speed 3"]
    if speed3.missing is None:
        commands["pngquant, speed 3"] = speed3.command(source, target, k)
    rows = []
    for label, command in commands.items():
        say(f"instructions of {label}, by {name}")
        found = COUNTERS[name](command)
        rows.append([label, None if found is None else round(found / 1e6)])
    note = f"Counted by {name}; under valgrind numpy may take other SIMD paths than on the bare processor."
    return Table(
        f"Instructions of whole processes, 0.27 MP PNG, K={k}", ["process", "million instructions"], rows, note
    ), None
