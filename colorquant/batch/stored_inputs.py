"""The inputs that URLs stand for: files, folders and patterns on other storage, listed once."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from colorquant import remote
from colorquant.batch.inputs import Input, InputKind, Tree, filled
from colorquant.errors import ImageReadError
from colorquant.urls import WEB, Url, masked

NO_FOLDERS = frozenset(("", ".", ".."))
Walk = Callable[[Tree], Iterable[Input]]


def stored_inputs(url: Url, kind: InputKind, walk: Walk, *, recursive: bool) -> Iterator[Input]:
    """The file with this URL, the files of a ``kind`` in this folder, or what a pattern stands for.

    ``walk`` gives the files of a tree. The store is not asked about a URL that ends like a file. A failed listing
    becomes an input with a problem. Raises OptionError where the package for the protocol is missing.
    """
    remote.require(url)
    is_file = url.protocol in WEB or (url.suffix.lower() in kind.suffixes and not url.text.endswith("/"))
    if is_file and not remote.is_pattern(url):
        yield _named(url)
        return
    try:
        is_folder = remote.is_folder(url)
        if is_folder is None and url.text.endswith("/"):
            yield replace(_named(url), problem=ImageReadError("there is no such folder: check the name"))
            return
        if is_folder is not None or not remote.is_pattern(url):
            places = [(url, bool(is_folder))]
        else:
            places = remote.matches(url)
            if not places:
                yield replace(_named(url), problem=ImageReadError("no file matches this pattern: check the name"))
        for place, below in places:
            if not below:
                yield _named(place)
                continue
            tree = _StoredTree(place, remote.files_below(place, recursive=recursive))
            files = itertools.chain(walk(tree), tree.outside(kind))
            yield from filled(str(place), map(_without_secrets, files), recursive, kind)
    except ImageReadError as error:
        yield replace(_named(url), problem=error)


def _named(url: Url) -> Input:
    return _without_secrets(Input(url.text))


def _without_secrets(item: Input) -> Input:
    """The input under a name that shows no password."""
    name = masked(item.name)
    return item if name == item.name else replace(item, name=name, url=item.name)


class _StoredTree:
    """The folders of a store below ``top``, of which all files are known by their URLs.

    A store of objects has no folders, and its names may have parts that no folder has: such files are kept apart.
    """

    def __init__(self, top: Url, files: Iterable[str]) -> None:
        self._top = top.text if top.text.endswith("/") else f"{top.text}/"
        self._files: dict[str, dict[str, str]] = {"": {}}
        self._folders: dict[str, set[str]] = {}
        self._outside: list[str] = []
        for file in files:
            rest = file[len(self._top) :]
            folder, _, name = rest.rpartition("/")
            if not NO_FOLDERS.isdisjoint(rest.split("/")):
                self._outside.append(file)
                continue
            if folder not in self._files:
                self._add(folder)
            self._files[folder][name] = file

    def outside(self, kind: InputKind) -> Iterator[Input]:
        """The files of a ``kind`` in no folder, as inputs with a problem: their outputs could fall anywhere."""
        reason = "its name has an empty part or dots where a folder should be: name this file by itself"
        for file in sorted(self._outside):
            if posixpath.splitext(file)[1].lower() in kind.suffixes:
                yield Input(file, listed=True, problem=ImageReadError(reason))

    def _add(self, folder: str) -> None:
        """Make a folder, and those above it, known."""
        while folder not in self._files:
            self._files[folder] = {}
            above, _, name = folder.rpartition("/")
            self._folders.setdefault(above, set()).add(name)
            folder = above

    def list(self, folder: str, suffixes: frozenset[str]) -> tuple[Sequence[str], Sequence[str]]:
        files = [
            name
            for name in self._files[folder]
            if not name.startswith(".") and posixpath.splitext(name)[1].lower() in suffixes
        ]
        return files, [name for name in self._folders.get(folder, ()) if not name.startswith(".")]

    def name(self, folder: str) -> str:
        return self._top + folder

    def file(self, folder: str, name: str) -> str:
        return self._files[folder][name]

    def key(self, folder: str) -> str:
        return self._top + folder
