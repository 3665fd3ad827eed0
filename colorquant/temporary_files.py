"""Temporary files of outputs that are not complete: no run loses those of another, and none outlive a killed run."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, current_thread, main_thread
from typing import BinaryIO, ClassVar

from colorquant.errors import OutputError
from colorquant.urls import Place

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

STAGED = re.compile(r"\.colorquant-[0-9a-f]{16}-\d+\.tmp")
FIRST = "-0.tmp"


def unwritable(path: Place, error: OSError) -> OutputError:
    """The error for a file that the operating system does not write."""
    return OutputError(f"{path} cannot be written: {error.strerror or error}; choose another place")


class Staging:
    """The temporary files of all threads.

    Files are renamed under the lock, so that :func:`abandon` waits for the renaming.
    """

    lock = Lock()
    files: ClassVar[set[Path]] = set()
    swept: ClassVar[set[str]] = set()
    abandoned = False


@dataclass
class Claim:
    """Marks the temporary files of one write in one folder as belonging to a run that is alive.

    They share ``token`` in their names. The first of them, number 0, is ``stream``, which stays open and locked until
    the others are gone. The lock ends with the process, however that ends.
    """

    token: str
    stream: BinaryIO
    files: int = 1


def abandon() -> None:
    """Remove the temporary files of all threads, and let no thread but the main one write any more.

    It is for a process that is about to end while its threads still run.
    """
    with Staging.lock:
        Staging.abandoned = True
        for temporary in list(Staging.files):
            discard(temporary)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files in ``folder`` whose run was killed; a process does it once per folder.

    On a file system without locks nothing is removed.
    """
    place = os.path.abspath(folder)  # noqa: PTH100  Path's raises for odd names
    if fcntl is None or place in Staging.swept:
        return
    Staging.swept.add(place)
    names: list[str] = []
    with suppress(OSError, ValueError), os.scandir(folder) as entries:
        names += [entry.name for entry in entries if STAGED.fullmatch(entry.name)]
    for start in {name.rpartition("-")[0] for name in names}:
        group = [folder / name for name in names if name.startswith(f"{start}-") and not name.endswith(FIRST)]
        with suppress(OSError):
            _remove_dead(folder / f"{start}{FIRST}", group)


def _remove_dead(first: Path, others: Sequence[Path]) -> None:
    """Remove the temporary files of one write if no run holds the lock of the ``first``.

    If the first is missing, no run owns the others either: it is created first and removed last.
    """
    number = None
    with suppress(FileNotFoundError):
        number = os.open(first, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if number is not None and not (stat.S_ISREG(os.fstat(number).st_mode) and _lock(number)):
            return
        for path in (*others, first):
            path.unlink(missing_ok=True)
    finally:
        if number is not None:
            os.close(number)


def _lock(number: int) -> bool:
    """Lock an open file; False if another process holds the lock. Raises OSError if there are no locks."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def discard(temporary: Path) -> None:
    with suppress(OSError):
        temporary.unlink()
    Staging.files.discard(temporary)


def staged_file(path: Place, folder: Path, mode: int, data: bytes, claims: dict[Path, Claim], *, flush: bool) -> Path:
    """Write ``data`` to a temporary file in ``folder``; ``claims`` maps each folder to its claim."""
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder not in claims:
            remove_leftovers(folder)
            temporary, claims[folder] = _claimed(folder, mode)
            _fill(claims[folder].stream, data, flush=flush)
            if fcntl is None:
                claims[folder].stream.close()  # Windows cannot rename an open file
        else:
            claim = claims[folder]
            temporary = folder / f".colorquant-{claim.token}-{claim.files}.tmp"
            claim.files += 1
            with _created(temporary, mode) as stream:
                _fill(stream, data, flush=flush)
    except BaseException as error:
        if temporary is not None:
            discard(temporary)
        if isinstance(error, OSError) and not isinstance(error, OutputError):
            raise unwritable(path, error) from error
        raise
    return temporary


def _claimed(folder: Path, mode: int) -> tuple[Path, Claim]:
    """Create and lock the first temporary file of a write in ``folder``; try again if another run removed it."""
    while True:
        token = os.urandom(8).hex()
        temporary = folder / f".colorquant-{token}{FIRST}"
        stream = _created(temporary, mode)
        try:
            owned = fcntl is None or (_lock(stream.fileno()) and temporary.exists())
        except OSError:
            owned = True  # without locks no run removes leftovers either
        if owned:
            return temporary, Claim(token, stream)
        stream.close()
        discard(temporary)


def _created(temporary: Path, mode: int) -> BinaryIO:
    with Staging.lock:
        if Staging.abandoned and current_thread() is not main_thread():
            raise OutputError(f"{temporary.parent} gets no more files: the run was interrupted")
        Staging.files.add(temporary)
    try:
        return open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode))
    except BaseException:
        discard(temporary)
        raise


def _fill(stream: BinaryIO, data: bytes, *, flush: bool) -> None:
    """Write ``data`` and with ``flush`` flush it to the disk."""
    stream.write(data)
    stream.flush()
    if flush:
        os.fsync(stream.fileno())
