"""Files on other storage, by their URLs: S3, Google Cloud Storage, SFTP, … This is the only module that knows fsspec.

fsspec knows the protocols, and finds credentials and addresses in the environment, in the files of the clouds' own
programs, and in its own configuration; the library of each store tries again where that makes sense.
"""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from colorquant.errors import ColorquantError, ImageReadError, OptionError, OutputError
from colorquant.urls import WEB, Url, masked

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

INSTALL = "pip install 'colorquant[remote]'"
OURS = ("fsspec", "s3fs", "gcsfs")  # the packages of this extra
# Stores of whole objects, which nobody sees before they are complete, with their argument for the type of a file.
STORES = {"s3": "ContentType", "s3a": "ContentType", "gs": "content_type", "gcs": "content_type"}
ONE_PROCESS = "memory"  # the protocol of files that only one process has
FEW = 8  # files that are looked up one by one before their folder is listed
MAGIC = frozenset("*?[")
NO_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "DefaultCredentialsError",
    "ProfileNotFound",
    "TokenRetrievalError",
}
NO_ANSWER = {
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "EndpointConnectionError",
    "ReadTimeoutError",
    "gaierror",
}
LOGGERS = ("fsspec", "s3fs", "gcsfs", "aiobotocore", "asyncio")
DENIED = {"AccessDenied", "403", "Forbidden"}  # what a user who may write but not list gets as well


def missing_package(protocol: str) -> str | None:
    """What is missing here for URLs of a protocol: the name of a package, or None. Raises OptionError.

    The error is for a protocol that fsspec does not know.
    """
    try:
        import fsspec
    except ImportError:
        return "fsspec"
    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        named = re.search(r'"([\w-]+)|[Ii]nstall ([\w-]+)', str(error))
        return "a package" if named is None else named[1] or named[2]
    except ValueError as error:
        raise OptionError(f"{protocol}:// is not known: use s3://, gs:// or another protocol of fsspec") from error
    return None


def require(url: Url) -> None:
    """Raises OptionError if no installed package knows the protocol, or if the URL is several in one (``::``)."""
    package = missing_package(url.protocol)
    if package is not None:
        raise OptionError(f"{url} needs {package}: {INSTALL if package in OURS else f'pip install {package}'}")
    if "::" in url.text and "://" in url.text.partition("::")[2]:
        raise OptionError(f"{url} is a chain of URLs (::): give the URL of a file")


def read_bytes(url: Url, most: int | None = None) -> bytes:
    """The bytes of a file, at most the first ``most`` if that is given. Raises ImageReadError."""
    with _errors_of_reading(url):
        store, path = _opened(url)
        data: bytes = store.cat_file(path, start=None if most is None else 0, end=most)
    return data


def fetch(url: Url, path: Path) -> None:
    """Copy a file to a ``path`` of this machine. Raises ImageReadError."""
    with _errors_of_reading(url):
        store, source = _opened(url)
        store.get_file(source, str(path))


def is_folder(url: Url) -> bool | None:
    """Whether there is a folder with this URL; None if there is nothing. Raises ImageReadError."""
    with _errors_of_reading(url):
        kind = _kind(url)
    return None if kind is None else kind == "directory"


def files_below(url: Url, *, recursive: bool) -> list[str]:
    """The URLs of the files in a folder, with ``recursive`` also of those in its sub-folders. Raises ImageReadError."""
    with _errors_of_reading(url):
        store, path = _opened(url)
        store.invalidate_cache()
        if recursive:
            names = list(store.find(path))
        else:
            names = [row["name"] for row in store.ls(path, detail=True) if row["type"] == "file"]
        return [_below(url, path, name) for name in names]


def matches(url: Url) -> list[tuple[Url, bool]]:
    """What matches a pattern with ``*``, ``?`` or ``[``, sorted: URLs, and whether each is a folder.

    Raises ImageReadError.
    """
    before = min(url.text.find(letter) for letter in MAGIC if letter in url.text)
    top = Url(url.text[: url.text.rfind("/", 0, before) + 1])
    with _errors_of_reading(url):
        store, path = _opened(url)
        store.invalidate_cache()
        _store, folder = _opened(top)
        found = store.glob(path, detail=True)
        return [(Url(_below(top, folder, name)), found[name]["type"] == "directory") for name in sorted(found)]


def is_pattern(url: Url) -> bool:
    """Whether the URL may stand for several files."""
    return url.protocol not in WEB and not MAGIC.isdisjoint(url.text)


def check_writable(url: Url, *, force: bool) -> None:
    """Raises OutputError for a folder, for a file that must not be overwritten, and where nothing can be written.

    With ``force`` the store is not asked.
    """
    if url.protocol in WEB:
        raise OutputError(f"{url} cannot be written, {url.protocol}:// only reads: choose another place")
    if url.protocol in STORES and url.parent == url:
        raise OutputError(f"{url} has no name of a file: choose another name")
    if force:
        return
    with _errors_of_writing(url):
        kind = _listed_kind(url)
    if kind == "directory":
        raise OutputError(f"{url} is a folder: choose another name")
    if kind is not None:
        raise OutputError(f"{url} exists already: use --force to overwrite it")


def exists(url: Url) -> bool:
    """Whether there is a file with this URL. Raises OutputError where the store does not say."""
    with _errors_of_writing(url):
        return _listed_kind(url) == "file"


@contextmanager
def listed_folders() -> Iterator[None]:
    """Within the block, list the folders of many outputs once instead of looking each output up.

    It is for a run, in which each output is asked for before its work begins: what others write later is noticed by
    :func:`upload`.
    """
    global _LISTED
    before, _LISTED = _LISTED, _Listed()
    try:
        yield
    finally:
        _LISTED = before


class _Listed:
    """The names in the folders of which more than FEW files have been looked up."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._folders: dict[str, dict[str, str]] = {}

    def kind(self, url: Url) -> str | None:
        """As :func:`_kind`, which it calls for the first files of a folder."""
        folder = url.parent
        with self._lock:
            self._counts[folder.text] += 1
            if self._counts[folder.text] > FEW and folder.text not in self._folders:
                self._folders[folder.text] = self._list(folder)
            kinds = self._folders.get(folder.text)
        return _kind(url) if kinds is None else kinds.get(url.name)

    def _list(self, folder: Url) -> dict[str, str]:
        store, path = _opened(folder)
        store.invalidate_cache()
        try:
            rows = store.ls(path, detail=True)
        except FileNotFoundError:
            return {}
        return {row["name"].rstrip("/").rpartition("/")[2]: row["type"] for row in rows}


_LISTED: _Listed | None = None


def _listed_kind(url: Url) -> str | None:
    """As :func:`_kind`, within :func:`listed_folders` from the listing of the folder."""
    return _kind(url) if _LISTED is None else _LISTED.kind(url)


def check_place(url: Url) -> None:
    """Raises OutputError if the bucket of ``url`` does not exist, or where the store does not answer at all.

    This is for files that are written at the end of long work. A store may deny the question to those who may write.
    """
    if url.protocol not in STORES:
        return
    with _errors_of_writing(url):
        store, path = _opened(url)
        try:
            store.info(path.partition("/")[0])
        except FileNotFoundError as error:
            raise OutputError(f"{url} cannot be written, there is no such bucket: check the name") from error
        except PermissionError as error:
            response = getattr(error.__cause__, "response", None) or {"Error": {"Code": "403"}}
            if response["Error"]["Code"] not in DENIED:
                raise


def upload(temporary: Path, url: Url, *, force: bool) -> None:
    """Write a file of this machine under its final name. Raises OutputError, and then nothing has that name.

    A store of objects shows an object when it is complete. On other storage the file is first written under a
    temporary name, if files can be renamed there. Without ``force`` an existing file stays.
    """
    with _errors_of_writing(url):
        if not force and _kind(url) is not None:  # asked anew
            raise OutputError(f"{url} exists already: use --force to overwrite it")
        store, path = _opened(url)
        if url.protocol in STORES:
            import mimetypes

            kind = mimetypes.guess_type(url.name)[0] or "application/octet-stream"
            store.put_file(str(temporary), path, **{STORES[url.protocol]: kind})
            return
        folder = store._parent(path)
        store.makedirs(folder, exist_ok=True)
        renames = _renames(store)
        place = f"{folder.rstrip('/')}/{temporary.name}" if renames else path
        try:
            store.put_file(str(temporary), place)
            if renames:
                store.mv(place, path)
        except BaseException:
            with suppress(Exception):  # the first error is the one to report
                store.rm_file(place)
            raise


def remove(url: Url) -> None:
    """Remove a file if that is possible."""
    with suppress(OutputError), _errors_of_writing(url):
        store, path = _opened(url)
        store.rm_file(path)


def _opened(url: Url) -> tuple[AbstractFileSystem, str]:
    """The store of a URL, and the name of the file there. What is written ``::`` in a name stays a part of it."""
    from fsspec import get_filesystem_class

    require(url)
    _quiet()
    kind = get_filesystem_class(url.protocol)
    return kind(**kind._get_kwargs_from_urls(url.text)), kind._strip_protocol(url.text)


@cache
def _quiet() -> None:
    """Keep what the libraries log away from standard error, where errors get a line; a log of the program gets it."""
    import logging

    for name in LOGGERS:
        logging.getLogger(name).addHandler(logging.NullHandler())


def _kind(url: Url) -> str | None:
    """Whether a URL is that of a ``file`` or a ``directory``; None where there is neither."""
    store, path = _opened(url)
    store.invalidate_cache()
    try:
        kind: str = store.info(path)["type"]
    except FileNotFoundError:
        return None
    return kind


def _renames(store: AbstractFileSystem) -> bool:
    """Whether files can be renamed, which the base class of all stores does by copying."""
    from fsspec import AbstractFileSystem

    return type(store).mv is not AbstractFileSystem.mv


def _below(top: Url, folder: str, name: str) -> str:
    """The URL of a file that the store calls ``name`` and that lies below ``top``, which it calls ``folder``."""
    if top.protocol in WEB:
        return name
    rest = name[len(folder.rstrip("/")) :]
    start = top.text.rstrip("/")
    return f"{top.text}{rest.lstrip('/')}" if start.endswith(":") else f"{start}{rest}"


@contextmanager
def _errors_of_reading(url: Url) -> Iterator[None]:
    """Raise ImageReadError for what the library of the store raises; the name stands before it in messages."""
    with _reported(url, lambda words: ImageReadError(f"cannot be read, {words}")):
        yield


@contextmanager
def _errors_of_writing(url: Url) -> Iterator[None]:
    """Raise OutputError for what the library of the store raises."""
    with _reported(url, lambda words: OutputError(f"{url} cannot be written, {words}")):
        yield


@contextmanager
def _reported(url: Url, error_of: Callable[[str], ColorquantError]) -> Iterator[None]:
    """Raise what ``error_of`` makes of the words that explain what the library of the store raises."""
    try:
        yield
    except ColorquantError:
        raise
    except Exception as error:  # each store has its own classes
        raise error_of(": ".join(_explained(error, url))) from error


def _explained(error: Exception, url: Url) -> tuple[str, str]:
    """What is wrong, and what to do about it. The text of the error, which may hold the URL, is without secrets."""
    text = masked(" ".join(str(error).replace(url.text, str(url)).split()))
    kind = type(error).__name__
    if isinstance(error, FileNotFoundError):
        what = "bucket" if "bucket does not exist" in text else "file"
        return f"there is no such {what}", "check the name"
    if kind in NO_CREDENTIALS:
        return "there are no credentials", "configure them as for the store's own programs"
    if isinstance(error, PermissionError):
        return f"access is denied ({text})", "check the credentials, and what they allow"
    if kind in NO_ANSWER or isinstance(error, (ConnectionError, TimeoutError)):
        return f"the store does not answer ({text or kind})", "check the network, and the address of the store"
    reason = getattr(error, "strerror", None) or text or kind
    if getattr(error, "errno", None) == errno.ENOSPC:
        return f"{reason} in {local_folder()}", "make room, or set TMPDIR to a larger folder"
    return reason, "check the name and the configuration of the store"


def local_folder() -> Path:
    """The folder in which files are written before they are uploaded."""
    import tempfile

    return Path(os.path.realpath(tempfile.gettempdir()))
