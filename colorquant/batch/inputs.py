"""The inputs of a run: the files, and the images of the folders, that the user named."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from colorquant.errors import ColorquantError, ImageReadError, OptionError
from colorquant.images import SUFFIXES
from colorquant.images.file_bytes import read_file
from colorquant.urls import Place, Url, is_url, masked

STDIN = "-"
EARLIER_OUTPUT = re.compile(  # group 1 is the stem of the input
    r"(.+)-(?:(?:(?:kmeans|em)(?:\d+|auto)|apply)(?:-labels|-posteriors-\d+|-mask-\d+)?"
    r"|(?:kmeans|em|quantizer)\d+-[a-z-]+|compare)(?:\.png|(?<=-labels)\.tiff)",
    re.DOTALL,
)


@dataclass(frozen=True)
class InputKind:
    """The files that a folder stands for: those with one of the ``suffixes`` that ``accepts`` returns True for.

    ``noun`` is their name in messages. Left out are files whose names match ``earlier``, an output of an earlier run,
    if its group 1 is the stem of a file in the same folder.
    """

    noun: str
    suffixes: frozenset[str]
    earlier: re.Pattern[str]
    accepts: Callable[[str], bool] | None = None


IMAGES = InputKind("images", SUFFIXES, EARLIER_OUTPUT)


@dataclass(frozen=True, slots=True)
class Input:
    """One input, as the user named it (``-`` is standard input) or as it was found in a folder (``listed``).

    ``folder`` is its folder relative to the one that was named, empty for a file that was named itself. ``problem``
    says why it cannot be read. ``data`` holds the bytes of standard input once they have been read, or those of a file
    that is sent elsewhere. ``url`` is its URL where ``name`` must not show all of that. An Input is small, since a run
    may have a hundred thousand of them.
    """

    name: str
    folder: str = ""
    listed: bool = False
    problem: ColorquantError | None = None
    data: bytes | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)

    @property
    def location(self) -> str:
        """Where the input is: its name, with what that does not show."""
        return self.url or self.name

    @property
    def path(self) -> Place | None:
        """The file; None for standard input."""
        if self.name == STDIN:
            return None
        return Url(self.location) if is_url(self.name) else Path(self.name)

    @property
    def source(self) -> Place | bytes:
        """The source of the image: the file, or the bytes of standard input, which must have been read."""
        if self.data is not None:
            return self.data
        if self.path is None:
            raise ValueError("standard input has not been read: call with_data() first")
        return self.path

    @property
    def stem(self) -> str:
        """The first part of the names of outputs, and the value of ``{stem}``."""
        if self.listed:
            return os.path.splitext(os.path.basename(self.name))[0]
        path = self.path
        return "stdin" if path is None else path.stem

    def read_bytes(self) -> bytes:
        """The bytes of the source. Raises ImageReadError for a file that cannot be read."""
        source = self.source
        return source if isinstance(source, bytes) else read_file(source)

    def with_data(self, stream: BinaryIO) -> Input:
        """This input with the bytes of ``stream`` where it is standard input. A failed read becomes its problem."""
        if self.path is not None:
            return self
        try:
            return replace(self, data=stream.read())
        except (OSError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or str(error) or "not enough memory"
            return replace(self, problem=ImageReadError(f"cannot be read: {reason}; pipe an image into it"))


@dataclass(frozen=True)
class FoundInputs:
    """The inputs of a run, and the names of the files that were left out because they look like earlier outputs."""

    inputs: list[Input]
    passed_over: list[str]


class RealPaths:
    """Resolves the links in file names. Each folder is resolved only once, since it may hold many files."""

    def __init__(self) -> None:
        self._folders: dict[str, tuple[str, bool]] = {}

    def of(self, path: str) -> str:
        """The real path of a file, which need not exist; a URL stays as it is."""
        if is_url(path):
            return path
        parent, name = os.path.split(path)
        if name in ("", os.curdir, os.pardir):
            return os.path.realpath(path)
        if parent not in self._folders:
            real = os.path.realpath(parent)
            self._folders[parent] = real, os.path.isdir(real)
        real, exists = self._folders[parent]
        return os.path.realpath(path) if exists and os.path.islink(path) else os.path.join(real, name)


def find_inputs(
    names: Sequence[str], *, recursive: bool, outputs: Iterable[str] = (), kind: InputKind = IMAGES
) -> FoundInputs:
    """Find the files, and those of a ``kind`` in folders, that ``names`` stand for, in the order of the names.

    A file that is named twice is used once. Sub-folders in ``outputs`` are left out. A folder without such files, or
    one that cannot be listed, becomes an input with a problem. Raises OptionError for an empty name.
    """
    inputs: dict[str, Input] = {}
    passed_over: list[str] = []
    closed = frozenset(name.rstrip("/") if is_url(name) else os.path.realpath(name) for name in outputs)
    real_paths = RealPaths()
    for name in names:
        if not name:
            raise OptionError("an input has an empty name: is a variable unset?")
        for item in _expanded(name, recursive, closed, passed_over, kind):
            key = STDIN if item.name == STDIN else real_paths.of(item.location)
            if key == STDIN and key in inputs:
                raise OptionError("standard input (-) can be read only once")
            inputs.setdefault(key, item)
    names_passed = [masked(name) for name in passed_over if real_paths.of(name) not in inputs]
    return FoundInputs(list(inputs.values()), names_passed)


def expand(names: Sequence[str], *, recursive: bool, outputs: Iterable[str] = ()) -> list[Input]:
    """Only the inputs of :func:`find_inputs`."""
    return find_inputs(names, recursive=recursive, outputs=outputs).inputs


def _expanded(
    name: str, recursive: bool, closed: frozenset[str], passed_over: list[str], kind: InputKind
) -> Iterator[Input]:
    if is_url(name):
        from colorquant.batch.stored_inputs import stored_inputs  # a plain run does not need it

        def walk(tree: Tree) -> Iterator[Input]:
            return _files_in(tree, recursive, closed, passed_over, kind)

        yield from stored_inputs(Url(name), kind, walk, recursive=recursive)
        return
    if name == STDIN or not os.path.isdir(name):
        yield Input(name)
        return
    yield from filled(name, _files_in(_Folders(str(Path(name))), recursive, closed, passed_over, kind), recursive, kind)


def filled(name: str, files: Iterable[Input], recursive: bool, kind: InputKind) -> Iterator[Input]:
    """The ``files`` of a folder, or where there are none an input that says so."""
    empty = True
    for item in files:
        empty = False
        yield item
    if empty:
        hint = "give a folder that holds some" if recursive else "use -r to read its sub-folders"
        yield Input(name, problem=ImageReadError(f"no {kind.noun} in this folder: {hint}"))


class Tree(Protocol):
    """A folder with its sub-folders, whose names are relative to it; its own is empty."""

    def list(self, folder: str, suffixes: frozenset[str]) -> tuple[Sequence[str], Sequence[str]]:
        """The names of a folder's files with such endings and of its sub-folders, in any order, hidden ones left out.

        Raises OSError.
        """
        ...

    def name(self, folder: str) -> str:
        """The whole name of a folder."""
        ...

    def file(self, folder: str, name: str) -> str:
        """The whole name of a file."""
        ...

    def key(self, folder: str) -> str:
        """What a folder is known by, however it was named."""
        ...


@dataclass(frozen=True)
class _Folders:
    """Folders of this machine, below ``top``."""

    top: str

    def list(self, folder: str, suffixes: frozenset[str]) -> tuple[Sequence[str], Sequence[str]]:
        return _list_folder(self.name(folder), suffixes)

    def name(self, folder: str) -> str:
        return os.path.join(self.top, folder) if folder else self.top

    def file(self, folder: str, name: str) -> str:
        place = self.name(folder)
        return name if place == os.curdir else os.path.join(place, name)

    def key(self, folder: str) -> str:
        return os.path.realpath(os.path.join(self.top, folder))


def _files_in(
    tree: Tree, recursive: bool, closed: frozenset[str], passed_over: list[str], kind: InputKind
) -> Iterator[Input]:
    """Yield the files of a ``kind`` in a tree, folder by folder.

    Left out are hidden files, links to folders (they can form circles), and sub-folders whose key is in ``closed``.
    Files that are named like an earlier output and lie beside its input are added to ``passed_over``.
    """
    waiting = [""]  # folders below the top, the next one last
    while waiting:
        folder = waiting.pop()
        try:
            files, folders = tree.list(folder, kind.suffixes)
        except OSError as error:
            reason = f"this folder cannot be listed: {error.strerror or error}; check its permissions"
            yield Input(tree.name(folder), problem=ImageReadError(reason))
            continue
        stems = {os.path.splitext(name)[0] for name in files}
        for name in sorted(files):
            earlier, path = kind.earlier.fullmatch(name), tree.file(folder, name)
            if earlier and earlier[1] in stems:
                passed_over.append(path)
            elif kind.accepts is None or kind.accepts(path):
                yield Input(path, folder, listed=True)
        if recursive:
            below = [os.path.join(folder, name) for name in sorted(folders, reverse=True)]
            waiting += [path for path in below if tree.key(path) not in closed]


def _list_folder(folder: str, suffixes: frozenset[str]) -> tuple[list[str], list[str]]:
    """The names of a folder's files with such endings and of its sub-folders, without a system call per file."""
    files, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif os.path.splitext(entry.name)[1].lower() in suffixes and (
                entry.is_file(follow_symlinks=False) or os.path.isfile(entry.path)
            ):
                files.append(entry.name)
    return files, folders
