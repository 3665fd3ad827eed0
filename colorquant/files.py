"""Writing files: completely or not at all, and never over files that must not be overwritten."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, current_thread, main_thread
from typing import BinaryIO, ClassVar

from colorquant.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

STAGED = re.compile(r"\.colorquant-[0-9a-f]{16}-\d+\.tmp")
FIRST = "-0.tmp"
FLUSHES = 8  # files that are flushed to the disk at the same time


def check_writable(paths: Iterable[Path], *, force: bool) -> None:
    """Raises OutputError for a name that is impossible, a folder, or a file that must not be overwritten.

    First it removes the temporary files that killed runs left in the folders: see :func:`remove_leftovers`.
    """
    for path in paths:
        remove_leftovers(path.parent)
        try:
            path.lstat()
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OutputError(f"{path} cannot be written: {reason}; choose another name") from error
        if os.path.isdir(path):
            raise OutputError(f"{path} is a folder: choose another name")
        if path.exists() and not path.is_file():  # a device or a pipe must not be replaced by a file
            raise OutputError(f"{path} is not a file: choose another name")
        if not force:
            raise OutputError(f"{path} exists already: use --force to overwrite it")


def check_place(path: Path) -> None:
    """Raises OutputError if the permissions of its folder do not allow a new file ``path``.

    This is for files that are written at the end of long work. Links are not followed, since their target may lie in
    another folder.
    """
    folder = path.parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if os.name != "nt" and not path.is_symlink() and not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path} cannot be written: the folder {folder} is not writable; choose another place")


def numbered(path: Path, label: int, k: int) -> Path:
    """The file of a label among k: mask.png becomes mask-07.png for k = 16."""
    return path.with_name(f"{path.stem}-{label:0{len(str(k - 1))}d}{path.suffix}")


def frame_path(path: Path, number: int, digits: int) -> Path:
    """The file of the frame with this ``number``, counted from 0: a.png becomes a-000001.png for the first one."""
    return path.with_name(f"{path.stem}-{number + 1:0{digits}d}{path.suffix}")


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error for a file that the operating system does not write."""
    return OutputError(f"{path} cannot be written: {error.strerror or error}; choose another place")


def write_whole(files: Sequence[tuple[Path, bytes]], *, force: bool) -> None:
    """Write all ``files``, pairs of a path and its content, or none of them. Missing folders are created.

    All are first written to temporary files in their folders, then renamed. Without ``force`` an existing file stays,
    and OutputError is raised. A file that is replaced keeps its permissions and, where this is allowed, its owner.
    """
    check_writable((path for path, _ in files), force=force)
    with StagedFiles(force=force) as staged:
        for path, data in files:
            staged.add(path, data)
        staged.commit()


class StagedFiles:
    """Files that are written under temporary names in their folders, and then all get their names, or none does.

    It is a context manager: files that were not committed are removed at its end. ``force`` is that of
    :func:`write_whole`; the caller calls :func:`check_writable` before the work begins.
    """

    def __init__(self, *, force: bool) -> None:
        self._force = force
        self._claims: dict[Path, _Claim] = {}
        self._staged: list[tuple[Path, Path, Path]] = []  # temporary file, target, and the path as it was given
        self._unflushed: list[tuple[Path, Path]] = []

    def __enter__(self) -> StagedFiles:
        return self

    def __exit__(self, *_: object) -> None:
        for temporary, _target, _path in self._staged:
            _discard(temporary)
        for claim in self._claims.values():
            with suppress(OSError):  # a full disk was reported when the file was filled
                claim.stream.close()

    def add(self, path: Path, data: bytes, *, one_of_many: bool = False) -> None:
        """Write ``data`` to the temporary file for ``path``. Raises OutputError.

        With ``one_of_many`` the file is flushed to the disk by :meth:`commit`, with the others.
        """
        temporary = self._add(path, data, flush=not one_of_many)
        if one_of_many:
            self._unflushed.append((temporary, path))

    def reserve(self, path: Path) -> Path:
        """Create the empty temporary file for ``path``, and return its name, to which the caller writes.

        Its ending is not that of ``path``. Raises OutputError.
        """
        temporary = self._add(path, b"", flush=False)
        self._unflushed.append((temporary, path))
        return temporary

    def _add(self, path: Path, data: bytes, *, flush: bool) -> Path:
        target = Path(os.path.realpath(path)) if self._force and os.path.islink(path) else path
        temporary = _staged(path, target, data, self._claims, flush=flush)
        self._staged.append((temporary, target, path))
        return temporary

    def read(self, path: Path) -> bytes:
        """What was written for ``path``. Raises OutputError where it cannot be read. It is not for committed files."""
        try:
            return next(temporary for temporary, _target, given in self._staged if given == path).read_bytes()
        except OSError as error:
            raise OutputError(f"{path} cannot be made: {error.strerror or error}; choose another place") from error

    def sizes(self) -> dict[Path, int]:
        """The bytes that each file has so far, by the path that it will get. It is not for files with their names."""
        return {path: temporary.stat().st_size for temporary, _target, path in self._staged}

    def commit(self) -> None:
        """Give all files their names. Raises OutputError, also for a file that exists and must not be replaced."""
        _flush_all(self._unflushed)
        self._staged.sort(key=lambda row: row[0].name.endswith(FIRST))  # the locked ones are renamed last
        with _Staging.lock:
            for temporary, target, path in self._staged:
                _rename(temporary, target, path, self._force)


class LineFile:
    """A text file that grows line by line while a run goes on, and keeps its lines if the run is killed.

    Unlike :func:`write_whole` it replaces an old file at once, when it is opened. Without ``force`` an existing file
    stays. Raises OutputError where it cannot be written, when it is opened or when a line is added.
    """

    def __init__(self, path: Path, *, force: bool) -> None:
        check_writable([path], force=force)
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = path.open("wb" if force else "xb")
        except OSError as error:
            raise unwritable(self.path, error) from error

    def add(self, line: str) -> None:
        """Append a line, and hand it to the operating system."""
        try:
            self._stream.write(f"{line}\n".encode())
            self._stream.flush()
        except OSError as error:
            raise unwritable(self.path, error) from error

    def close(self) -> None:
        """Close the file; what cannot be written any more was reported by :meth:`add`."""
        with suppress(OSError):
            self._stream.close()


class _Staging:
    """The temporary files of all threads.

    Files are renamed under the lock, so that :func:`abandon` waits for the renaming.
    """

    lock = Lock()
    files: ClassVar[set[Path]] = set()
    swept: ClassVar[set[str]] = set()
    abandoned = False


@dataclass
class _Claim:
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
    with _Staging.lock:
        _Staging.abandoned = True
        for temporary in list(_Staging.files):
            _discard(temporary)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files in ``folder`` whose run was killed; a process does it once per folder.

    On a file system without locks nothing is removed.
    """
    place = os.path.abspath(folder)  # noqa: PTH100  Path's raises for odd names
    if fcntl is None or place in _Staging.swept:
        return
    _Staging.swept.add(place)
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


def _discard(temporary: Path) -> None:
    with suppress(OSError):
        temporary.unlink()
    _Staging.files.discard(temporary)


def _staged(path: Path, target: Path, data: bytes, claims: dict[Path, _Claim], *, flush: bool) -> Path:
    """Write ``data`` to a temporary file beside ``target``; ``claims`` maps each folder to its claim."""
    folder = target.parent
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder not in claims:
            remove_leftovers(folder)
            temporary, claims[folder] = _claimed(folder, _mode(target))
            _fill(claims[folder].stream, data, flush=flush)
            if fcntl is None:
                claims[folder].stream.close()  # Windows cannot rename an open file
        else:
            claim = claims[folder]
            temporary = folder / f".colorquant-{claim.token}-{claim.files}.tmp"
            claim.files += 1
            with _created(temporary, _mode(target)) as stream:
                _fill(stream, data, flush=flush)
    except BaseException as error:
        if temporary is not None:
            _discard(temporary)
        if isinstance(error, OSError) and not isinstance(error, OutputError):
            raise unwritable(path, error) from error
        raise
    return temporary


def _mode(target: Path) -> int:
    """The permissions of a temporary file. One that replaces a file is private until it gets those of that file."""
    return 0o600 if target.exists() else 0o666


def _claimed(folder: Path, mode: int) -> tuple[Path, _Claim]:
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
            return temporary, _Claim(token, stream)
        stream.close()
        _discard(temporary)


def _created(temporary: Path, mode: int) -> BinaryIO:
    with _Staging.lock:
        if _Staging.abandoned and current_thread() is not main_thread():
            raise OutputError(f"{temporary.parent} gets no more files: the run was interrupted")
        _Staging.files.add(temporary)
    try:
        return open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode))
    except BaseException:
        _discard(temporary)
        raise


def _fill(stream: BinaryIO, data: bytes, *, flush: bool) -> None:
    """Write ``data`` and with ``flush`` flush it to the disk."""
    stream.write(data)
    stream.flush()
    if flush:
        os.fsync(stream.fileno())


def _flush_all(files: Sequence[tuple[Path, Path]]) -> None:
    """Flush temporary files, pairs of their name and the path that they will get, to the disk. Raises OutputError.

    Many are flushed at the same time, as the disk then has to be told once for several of them: that takes a hundredth
    of the time.
    """
    if len(files) <= FLUSHES:
        for temporary, path in files:
            _flush_to_disk(temporary, path)
        return
    from concurrent.futures import ThreadPoolExecutor  # a run with few files does not need it

    with ThreadPoolExecutor(FLUSHES) as threads:
        for _ in threads.map(_flush_to_disk, *zip(*files, strict=True)):
            pass


def _flush_to_disk(temporary: Path, path: Path) -> None:
    try:
        with temporary.open("r+b") as stream:
            os.fsync(stream.fileno())
    except OSError as error:
        raise unwritable(path, error) from error


def _take_over(temporary: Path, target: Path) -> None:
    """Copy the permissions of the file that is replaced and, where this is allowed, its owner and group."""
    with suppress(OSError):  # there is no such file, or the file system has no permissions
        old = target.stat()
        if hasattr(os, "chown"):
            with suppress(OSError):
                os.chown(temporary, old.st_uid, old.st_gid)
        temporary.chmod(stat.S_IMODE(old.st_mode) & 0o777)


def _rename(temporary: Path, target: Path, path: Path, force: bool) -> None:
    """Give the file its name. Without ``force`` no file is overwritten.

    Where the file system has no hard links, a file that appears between the check and the rename is overwritten.
    """
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
        _take_over(temporary, target)
        temporary.replace(target)
    except FileExistsError as error:
        raise OutputError(f"{path} exists already: use --force to overwrite it") from error
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}; choose another name") from error
