"""Jobs that tests run in worker processes: a worker imports this module by its name."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from colorquant.batch.inputs import Input
from colorquant.batch.outputs import OutputPaths
from colorquant.batch.quantize_job import JobOptions, JobResult, QuantizeJob
from colorquant.fitting.options import FitOptions


def modules_after_a_job(source: Path, target: Path) -> list[str]:
    """The names of all modules that a job has loaded."""
    QuantizeJob(JobOptions(FitOptions(k=4)))(Input(str(source)), OutputPaths(target))
    return sorted(sys.modules)


class CrashingJob(QuantizeJob):
    """A job that crashes its process over the file b.png."""

    def __call__(self, item: Input, paths: OutputPaths) -> JobResult:
        if item.name.endswith("b.png"):
            signal.raise_signal(signal.SIGSEGV)
        return super().__call__(item, paths)
