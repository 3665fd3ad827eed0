"""Writing files: completely or not at all, and never over files that must not be overwritten."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import current_thread, main_thread
from typing import TypeVar, cast

from colorquant.collecting import Writing, collection
from colorquant.errors import OutputError
from colorquant.temporary_files import FIRST, Claim, Staging, discard, remove_leftovers, staged_file, unwritable
from colorquant.urls import Place, Url

P = TypeVar("P", bound=Place)
FLUSHES = 8  # files that are flushed to the disk at the same time


def check_writable(paths: Iterable[Place], *, force: bool) -> None:
    """Raises OutputError for a name that is impossible, a folder, or a file that must not be overwritten.

    First it removes the temporary files that killed runs left in the folders: see :func:`remove_leftovers`. Files that
    are only collected (:mod:`colorquant.collecting`) are checked by those who write them.
    """
    if collection() is not None:
        return
    for path in paths:
        if isinstance(path, Url):
            from colorquant import remote  # a run without URLs does not need it

            remote.check_writable(path, force=force)
            continue
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


def check_place(path: Place) -> None:
    """Raises OutputError if the permissions of its folder do not allow a new file ``path``, or its bucket is missing.

    This is for files that are written at the end of long work. Links are not followed, since their target may lie in
    another folder.
    """
    if isinstance(path, Url):
        from colorquant import remote  # a run without URLs does not need it

        remote.check_place(path)
        return
    folder = path.parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if os.name != "nt" and not path.is_symlink() and not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path} cannot be written: the folder {folder} is not writable; choose another place")


def numbered(path: P, label: int, k: int) -> P:
    """The file of a label among k: mask.png becomes mask-07.png for k = 16."""
    return cast("P", path.with_name(f"{path.stem}-{label:0{len(str(k - 1))}d}{path.suffix}"))


def frame_path(path: Path, number: int, digits: int) -> Path:
    """The file of the frame with this ``number``, counted from 0: a.png becomes a-000001.png for the first one."""
    return path.with_name(f"{path.stem}-{number + 1:0{digits}d}{path.suffix}")


def is_file(path: Place) -> bool:
    """Whether this file exists, or a link leads to one. Raises OutputError where other storage does not say."""
    if not isinstance(path, Url):
        return os.path.isfile(path)
    from colorquant import remote  # a run without URLs does not need it

    return remote.exists(path)


def write_whole(files: Sequence[tuple[Place, bytes]], *, force: bool) -> None:
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
    :func:`write_whole`; the caller calls :func:`check_writable` before the work begins. Files that go to URLs are first
    written to the folder for temporary files of this machine.
    """

    def __init__(self, *, force: bool) -> None:
        self._force = force
        self._collected = collection()
        self._claims: dict[Path, Claim] = {}
        self._staged: list[tuple[Path, Place, Place]] = []  # temporary file, target, and the path as it was given
        self._unflushed: list[tuple[Path, Place]] = []

    def __enter__(self) -> StagedFiles:
        return self

    def __exit__(self, *_: object) -> None:
        for temporary, _target, _path in self._staged:
            discard(temporary)
        for claim in self._claims.values():
            with suppress(OSError):  # a full disk was reported when the file was filled
                claim.stream.close()

    def add(self, path: Place, data: bytes, *, one_of_many: bool = False) -> None:
        """Write ``data`` to the temporary file for ``path``. Raises OutputError.

        With ``one_of_many`` the file is flushed to the disk by :meth:`commit`, with the others.
        """
        temporary = self._add(path, data, flush=not one_of_many)
        if one_of_many:
            self._unflushed.append((temporary, path))

    def reserve(self, path: Place) -> Path:
        """Create the empty temporary file for ``path``, and return its name, to which the caller writes.

        Its ending is not that of ``path``. Raises OutputError.
        """
        temporary = self._add(path, b"", flush=False)
        self._unflushed.append((temporary, path))
        return temporary

    def _add(self, path: Place, data: bytes, *, flush: bool) -> Path:
        target = path
        if isinstance(path, Path) and self._force and os.path.islink(path) and self._collected is None:
            target = Path(os.path.realpath(path))
        if isinstance(target, Url) or self._collected is not None:
            from colorquant import remote  # a run without URLs does not need it

            folder, mode = remote.local_folder(), 0o600
        else:
            folder, mode = target.parent, _mode(target)
        temporary = staged_file(path, folder, mode, data, self._claims, flush=flush)
        self._staged.append((temporary, target, path))
        return temporary

    def read(self, path: Place) -> bytes:
        """What was written for ``path``. Raises OutputError where it cannot be read. It is not for committed files."""
        try:
            return next(temporary for temporary, _target, given in self._staged if given == path).read_bytes()
        except OSError as error:
            raise OutputError(f"{path} cannot be made: {error.strerror or error}; choose another place") from error

    def sizes(self) -> dict[Place, int]:
        """The bytes that each file has so far, by the path that it will get. It is not for files with their names."""
        return {path: temporary.stat().st_size for temporary, _target, path in self._staged}

    def commit(self) -> None:
        """Give all files their names. Raises OutputError, also for a file that exists and must not be replaced.

        Where several go to URLs and one cannot be uploaded, new ones that were uploaded before it are removed.
        """
        if self._collected is not None:
            files = [(path, temporary.read_bytes()) for temporary, _target, path in self._staged]
            self._collected.append(Writing(files, force=self._force))
            return
        _flush_all(self._unflushed)
        _upload_all([(temporary, to) for temporary, to, _ in self._staged if isinstance(to, Url)], force=self._force)
        here = [(temporary, to, path) for temporary, to, path in self._staged if isinstance(to, Path)]
        here.sort(key=lambda row: row[0].name.endswith(FIRST))  # the locked ones are renamed last
        with Staging.lock:
            for temporary, target, path in here:
                _rename(temporary, target, path, self._force)


@contextmanager
def local_copy(source: Place | bytes) -> Iterator[Path | bytes]:
    """The file or the bytes themselves, and of a file at a URL a temporary copy on this machine, within the block.

    Raises ImageReadError and OutputError.
    """
    if not isinstance(source, Url):
        yield source
        return
    from colorquant import remote  # a run without URLs does not need it

    with StagedFiles(force=True) as staged:
        copy = staged.reserve(source)
        remote.fetch(source, copy)
        yield copy


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


def _mode(target: Path) -> int:
    """The permissions of a temporary file. One that replaces a file is private until it gets those of that file.

    Raises OutputError.
    """
    try:
        return 0o600 if target.exists() else 0o666
    except OSError as error:  # a name that is too long
        raise unwritable(target, error) from error


def _flush_all(files: Sequence[tuple[Path, Place]]) -> None:
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


def _flush_to_disk(temporary: Path, path: Place) -> None:
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


def _upload_all(files: Sequence[tuple[Path, Url]], *, force: bool) -> None:
    """Upload temporary files, pairs of their name and the URL, one after the other; the last one completes them.

    Raises OutputError; files that were new are then removed.
    """
    if not files:
        return
    from colorquant import remote  # a run without URLs does not need it

    done: list[Url] = []
    try:
        for temporary, url in files:
            if Staging.abandoned and current_thread() is not main_thread():
                raise OutputError(f"{url} is not written: the run was interrupted")
            remote.upload(temporary, url, force=force)
            done.append(url)
    except BaseException:
        for url in () if force else done:
            remote.remove(url)
        raise


def _rename(temporary: Path, target: Path, path: Place, force: bool) -> None:
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
