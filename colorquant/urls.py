"""URLs of files on other storage: ``s3://bucket/scans/a.png``. They have the parts of names that a Path has.

What reads and writes them is in :mod:`colorquant.remote`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from colorquant.errors import OptionError

URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)  # a drive of Windows has one letter
PASSWORD = re.compile(r"(://[^/:@\s]*:)(?!\d+(?:/|$))[^@\s]*@")  # what looks like a port is none
SECRET = re.compile(r"([?&][^=&\s]*(?:sig|token|secret|password|credential|key)[^=&\s]*=)[^&#\s'\"]*", re.IGNORECASE)
HIDDEN = "***"
WEB = ("http", "https")  # only their URLs have a query, and characters that are written as %20


@dataclass(frozen=True, repr=False)
class Url:
    """The URL of a file or a folder; ``text`` is the URL as it was given.

    As text it is without passwords, so that messages and records hold none. It is no file of this machine: the
    functions of ``os`` refuse it.
    """

    text: str

    def __str__(self) -> str:
        return masked(self.text)

    def __repr__(self) -> str:
        return f"Url({masked(self.text)!r})"

    def __truediv__(self, name: str) -> Url:
        name = name.strip("/")
        return Url(f"{self.text.rstrip('/') if self._path else self.text}/{name}") if name else self

    @property
    def protocol(self) -> str:
        """The part before ``://``, in lower case."""
        return self.text.partition("://")[0].lower()

    @property
    def name(self) -> str:
        """The last part of the path."""
        name = self._path.rstrip("/").rpartition("/")[2]
        return _decoded(name) if self.protocol in WEB else name

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The ending of the name with its dot, empty where there is none."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Url:
        """The folder; that of a bucket is the bucket."""
        start, slash, _name = self.text.rstrip("/").rpartition("/")
        return Url(start) if slash and not start.endswith(("/", ":")) else self

    @property
    def root(self) -> str:
        """The beginning of the URL: the protocol, and the bucket or the host."""
        return self.text[: -len(self._path)] + self._path.partition("/")[0] if self._path else self.text

    def with_name(self, name: str) -> Url:
        """The URL of another file in the same folder."""
        return self.parent / name

    @property
    def _path(self) -> str:
        path = self.text.partition("://")[2]
        return re.split("[?#]", path)[0] if self.protocol in WEB else path


Place = Path | Url


def is_url(name: str) -> bool:
    """Whether the name of a file is a URL."""
    return URL.match(name) is not None


def place_of(name: str) -> Place:
    """The file with this name: a path, or a URL."""
    return Url(name) if is_url(name) else Path(name)


def masked(text: str) -> str:
    """The text of a URL without what it holds of passwords, signatures and keys."""
    if "://" not in text:
        return text
    return SECRET.sub(rf"\1{HIDDEN}", PASSWORD.sub(rf"\1{HIDDEN}@", text))


def local_name(name: str) -> str:
    """The path of a ``file://`` URL (RFC 8089), whose ``%20`` are decoded; another name stays as it is.

    Raises OptionError for the URL of a file on another machine.
    """
    if not name.lower().startswith("file://"):
        return name
    host, slash, path = name[len("file://") :].partition("/")
    if host not in ("", "localhost") or not slash:
        raise OptionError(f"{name} is not a file of this machine: such a URL begins with file:///")
    return _decoded(f"/{path}")


def _decoded(text: str) -> str:
    from urllib.parse import unquote  # it takes some milliseconds to load

    return unquote(text)
