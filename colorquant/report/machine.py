"""The machine and the library versions with which numbers were measured."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path

from threadpoolctl import threadpool_info

from colorquant._version import __version__
from colorquant.threads import one_thread

LIBRARIES = {"numpy": "numpy", "OpenCV": "cv2", "scikit-learn": "sklearn"}


@dataclass(frozen=True)
class Machine:
    """The processor, the ``cores`` that this process may use, the ``blas_threads`` of a fit, and ``versions``."""

    processor: str
    cores: int
    blas: str
    blas_threads: int
    opencv_threads: int | None
    versions: dict[str, str] = field(default_factory=dict)

    @classmethod
    def this(cls) -> Machine:
        """This machine, with the versions of the libraries loaded so far: call it when the work is done."""
        versions = {"colorquant": __version__, "Python": platform.python_version()}
        for name, module in LIBRARIES.items():
            if hasattr(sys.modules.get(module), "__version__"):  # a broken library may be loaded, but empty
                versions[name] = str(sys.modules[module].__version__)
        with one_thread():
            libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
        blas = sorted({f"{library['internal_api']} {library['version']}" for library in libraries})
        return cls(
            processor=_processor(),
            cores=_cores(),
            blas=", ".join(blas) or "an unknown BLAS",
            blas_threads=max((int(library["num_threads"]) for library in libraries), default=1),
            opencv_threads=int(sys.modules["cv2"].getNumThreads()) if "OpenCV" in versions else None,
            versions=versions,
        )

    @property
    def words(self) -> str:
        """All of it on one line."""
        opencv = "" if self.opencv_threads is None else f", OpenCV's threads {self.opencv_threads}"
        return (
            f"{self.processor}, cores {self.cores}, BLAS threads {self.blas_threads} ({self.blas}){opencv}; "
            f"{self.version_words}"
        )

    @property
    def version_words(self) -> str:
        """The versions on one line."""
        return ", ".join(f"{name} {version}" for name, version in self.versions.items())


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()
