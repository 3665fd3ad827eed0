"""How much memory is free: what the machine has left, and what the container of this process may still take."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path("/")


@dataclass(frozen=True)
class _Controller:
    """The files of a version of Linux's control groups: where they lie, and what they are called.

    ``cached`` is the entry of ``memory.stat`` with the bytes of files that are dropped when memory is needed.
    """

    folder: str
    limit: str
    used: str
    cached: str


# https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html
VERSION_1 = _Controller("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
VERSION_2 = _Controller("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")


def free_memory(root: Path = ROOT) -> int | None:
    """The bytes that this process can take without swapping, None where they cannot be known.

    On Linux that is ``MemAvailable``, or what the limits of the control groups leave, if that is less; on Windows the
    physical memory that is available; elsewhere half of the physical memory. ``root`` is the folder with Linux's
    ``proc`` and ``sys``.
    """
    if sys.platform == "win32":
        return _free_on_windows()
    values = [*_available(root), *_left_in_groups(root)]
    return min(values) if values else _half_of_physical()


def _available(root: Path) -> Iterator[int]:
    """Yield the memory that is available on a machine with Linux."""
    with suppress(OSError, ValueError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024


def _left_in_groups(root: Path) -> Iterator[int]:
    """Yield what each limit on the control groups of this process leaves; those of groups above hold as well."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = [*line.split(":", 2), "", ""][:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        controller = VERSION_1 if controllers else VERSION_2
        inside = PurePosixPath(name.lstrip("/"))
        for group in (inside, *inside.parents):  # in a container only the last one may be there
            with suppress(OSError, ValueError, StopIteration):
                yield _left(root / controller.folder / group, controller)


def _left(folder: Path, controller: _Controller) -> int:
    """What the limit of a control group leaves. Raises OSError or ValueError where it has no limit."""
    limit = int((folder / controller.limit).read_text())
    used = int((folder / controller.used).read_text())
    rows = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
    cached = next(int(row[1]) for row in rows if row[0] == controller.cached)
    return max(0, limit - used + cached)


def _half_of_physical() -> int | None:
    """Half of the physical memory, for systems that do not say in a simple way what is free."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):
        return None


def _free_on_windows() -> int | None:
    """The physical memory that GlobalMemoryStatusEx reports as available."""
    import ctypes

    class Status(ctypes.Structure):
        """MEMORYSTATUSEX of sysinfoapi.h: two numbers of 32 bits, then seven of 64."""

        _fields_ = [
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            ("total", ctypes.c_uint64),
            ("available", ctypes.c_uint64),
            ("others", ctypes.c_uint64 * 5),
        ]

    status = Status(length=ctypes.sizeof(Status))
    windll = getattr(ctypes, "windll", None)
    if windll is None or not windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(status.available)
