"""Bytes to files: whole or not at all, and never over what may not be overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock, current_thread, main_thread
from typing import ClassVar

from colorquant.errors import OutputError


def check_writable(paths: Iterable[Path], *, force: bool) -> None:
    """Raises OutputError for a name that cannot be, a folder, or a file that may not be overwritten."""
    for path in paths:
        try:
            path.lstat()
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OutputError(f"{path} cannot be written: {reason}; choose another name") from error
        if os.path.isdir(path):
            raise OutputError(f"{path} is a folder: choose another name")
        if not force:
            raise OutputError(f"{path} exists already: use --force to overwrite it")


def write_whole(files: Sequence[tuple[Path, bytes]], *, force: bool) -> None:
    """Write files whole or not at all, in folders that are made if missing.

    All are written to temporary files in their folders first, then renamed. Without ``force`` an existing file stays,
    and OutputError is raised.
    """
    check_writable((path for path, _ in files), force=force)
    pairs: list[tuple[Path, Path]] = []
    try:
        for path, data in files:
            pairs.append(_staged(path, data, force))
        with _Staging.lock:
            for (temporary, target), (path, _) in zip(pairs, files, strict=True):
                _rename(temporary, target, path, force)
    finally:
        for temporary, _ in pairs:
            _discard(temporary)


class _Staging:
    """The temporary files of all threads. Renaming is done under the lock, so that it is never cut short."""

    lock = Lock()
    files: ClassVar[set[Path]] = set()
    abandoned = False


def abandon() -> None:
    """Before a process ends in spite of its threads: remove their temporary files, and let them write no more.

    The main thread may: it knows what it does.
    """
    with _Staging.lock:
        _Staging.abandoned = True
        for temporary in list(_Staging.files):
            _discard(temporary)


def _discard(temporary: Path) -> None:
    with suppress(OSError):
        temporary.unlink()
    _Staging.files.discard(temporary)


def _staged(path: Path, data: bytes, force: bool) -> tuple[Path, Path]:
    """A temporary file that holds ``data``, and the name that it shall get: of a link, what it points to."""
    target = Path(os.path.realpath(path)) if force and os.path.islink(path) else path
    temporary = target.with_name(f".colorquant-{os.urandom(8).hex()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _Staging.lock:
            if _Staging.abandoned and current_thread() is not main_thread():
                raise OutputError(f"{path} is not written: interrupted")
            _Staging.files.add(temporary)
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException as error:
        _discard(temporary)
        if isinstance(error, OSError) and not isinstance(error, OutputError):
            raise OutputError(f"{path} cannot be written: {error.strerror or error}; choose another place") from error
        raise
    return temporary, target


def _rename(temporary: Path, target: Path, path: Path, force: bool) -> None:
    """Without ``force`` no file is overwritten; without hard links a moment is left between the look and the rename."""
    try:
        if not force:
            try:
                os.link(temporary, target)
                return
            except FileExistsError:
                raise
            except OSError:
                if os.path.lexists(target):
                    raise FileExistsError(target) from None
        temporary.replace(target)
    except FileExistsError as error:
        raise OutputError(f"{path} exists already: use --force to overwrite it") from error
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}; choose another name") from error
