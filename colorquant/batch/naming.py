"""Inputs by their names, and the names of their outputs: known, and known not to clash, before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from colorquant.batch.jobs import OUTPUTS, Destination, Output
from colorquant.errors import ColorquantError, ImageReadError, OptionError, OutputError
from colorquant.images import SUFFIXES

D = TypeVar("D")
STDIN = "-"
WRITTEN = re.compile(  # by an earlier run, from group 1
    r"(.+)-(?:(?:kmeans|em)\d+(?:-labels|-posteriors-\d+|-mask-\d+)?|(?:kmeans|em|quantizer)\d+-[a-z-]+|compare)\.png",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Input:
    """One input as the user named it (``-`` is standard input), or as it was found in a folder (``listed``).

    ``folder`` is its place below the folder that was named (empty for a file that was named itself), ``problem`` says
    why there is nothing to read. It holds little, for there may be a hundred thousand.
    """

    name: str
    folder: str = ""
    listed: bool = False
    problem: ColorquantError | None = None

    @property
    def path(self) -> Path | None:
        """Its file; None for standard input."""
        return None if self.name == STDIN else Path(self.name)

    @property
    def stem(self) -> str:
        """What outputs are named after."""
        if self.listed:
            return os.path.splitext(os.path.basename(self.name))[0]
        return "stdin" if self.name == STDIN else Path(self.name).stem


class _Places:
    """Where names lead when links are followed; each folder is looked up once, as there are many files to one."""

    def __init__(self) -> None:
        self._folders: dict[str, tuple[str, bool]] = {}

    def of(self, path: str) -> str:
        """The real path of a file."""
        parent, name = os.path.split(path)
        if name in ("", os.curdir, os.pardir):
            return os.path.realpath(path)
        if parent not in self._folders:
            real = os.path.realpath(parent)
            self._folders[parent] = real, os.path.isdir(real)
        real, exists = self._folders[parent]
        return os.path.realpath(path) if exists and os.path.islink(path) else os.path.join(real, name)


def expand(names: Sequence[str], *, recursive: bool, outputs: Iterable[str] = ()) -> list[Input]:
    """Files, and the images of folders in the order of their names; what is named twice is taken once.

    Sub-folders to which ``outputs`` go are passed over. A folder without images, or one that cannot be listed, is an
    input with a problem. Raises OptionError for an empty name.
    """
    inputs: dict[str, Input] = {}
    closed = frozenset(os.path.realpath(name) for name in outputs)
    places = _Places()
    for name in names:
        if not name:
            raise OptionError("an input has an empty name: is a variable unset?")
        for item in _expanded(name, recursive, closed):
            key = STDIN if item.name == STDIN else places.of(item.name)
            if key == STDIN and key in inputs:
                raise OptionError("standard input (-) can be read only once")
            inputs.setdefault(key, item)
    return list(inputs.values())


def _expanded(name: str, recursive: bool, closed: frozenset[str]) -> Iterator[Input]:
    if name == STDIN or not os.path.isdir(name):
        yield Input(name)
        return
    none = True
    for item in _images_in(str(Path(name)), recursive, closed):
        none = False
        yield item
    if none:
        hint = "give a folder that holds some" if recursive else "take -r for its sub-folders"
        yield Input(name, problem=ImageReadError(f"no images in this folder: {hint}"))


def _images_in(top: str, recursive: bool, closed: frozenset[str]) -> Iterator[Input]:
    """Image files by their ending, folder by folder.

    Hidden ones, links to folders (they can run in circles), sub-folders that are ``closed`` (their real paths), and
    what an earlier run wrote beside its input are passed over.
    """
    waiting = [""]  # folders below top, the next one last
    while waiting:
        folder = waiting.pop()
        place = os.path.join(top, folder) if folder else top
        try:
            files, folders = _listed(place)
        except OSError as error:
            reason = f"this folder cannot be listed: {error.strerror or error}; check its permissions"
            yield Input(place, problem=ImageReadError(reason))
            continue
        prefix = "" if place == os.curdir else place
        stems = {os.path.splitext(name)[0] for name in files}
        for name in sorted(files):
            written = WRITTEN.fullmatch(name)
            if not (written and written[1] in stems):
                yield Input(os.path.join(prefix, name), folder, listed=True)
        if recursive:
            below = [os.path.join(folder, name) for name in sorted(folders, reverse=True)]
            waiting += [path for path in below if os.path.realpath(os.path.join(top, path)) not in closed]


def _listed(folder: str) -> tuple[list[str], list[str]]:
    """The names of a folder's images and of its sub-folders, without asking for each file."""
    files, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and (
                entry.is_file(follow_symlinks=False) or os.path.isfile(entry.path)
            ):
                files.append(entry.name)
    return files, folders


def check_outputs(
    inputs: Collection[Input],
    files: Iterable[Iterable[str | Path]],
    *,
    in_place: bool = False,
    lists: Mapping[str, str] | None = None,
) -> None:
    """Raises OptionError where two inputs would write one file, or one would write over an input.

    ``files`` has what each input would write; with ``in_place`` that may be the input itself. ``lists`` maps flags to
    files that are written for all inputs together.
    """
    places = _Places()
    taken = {}
    for flag, name in (lists or {}).items():
        if name in ("", STDIN) or os.path.isdir(name):
            raise OptionError(f"{flag} {name!r} is no file: name one")
        taken[os.path.realpath(name)] = f"{flag} {name}"
    sources = {places.of(item.name): item for item in inputs if item.name != STDIN and item.problem is None}
    for place in taken.keys() & sources.keys():
        raise OptionError(f"{taken[place]} is an input, too: choose another name")
    owners: dict[str, Input] = {}
    for item, written in zip(inputs, files, strict=True):
        for file in written:
            place = places.of(str(file))
            if place in owners:
                both = f"{owners[place].name} and {item.name} would both write {file}: rename one"
                raise OptionError(
                    both if owners[place] is not item else f"{item.name} would write {file} twice: choose another name"
                )
            if place in taken:
                raise OptionError(f"{taken[place]} is an output of {item.name}, too: choose another name")
            if place in sources and not (in_place and sources[place] is item):
                raise OptionError(f"{item.name} would write over the input {file}: choose another name")
            owners[place] = item


class Plan(Generic[D]):
    """Inputs, each with what ``planned`` makes of it, which is worked out when it is asked for: only names are held."""

    def __init__(self, inputs: Sequence[Input], planned: Callable[[Input], D]) -> None:
        self.inputs, self._planned = inputs, planned

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Input, D]:
        return self.inputs[index], self._planned(self.inputs[index])

    def __iter__(self) -> Iterator[tuple[Input, D]]:
        return ((item, self._planned(item)) for item in self.inputs)


@dataclass(frozen=True)
class Naming:
    """How outputs are called: ``output`` is what ``-o`` said, ``tag`` such as ``kmeans16`` names the default.

    ``others`` maps keys of OUTPUTS to what the user said: an ending, or a name that may hold ``{stem}``. ``k`` is the
    number of labels at most. ``lists`` maps flags to files that are written once for all inputs. With ``in_place`` a
    picture takes the place of its input; ``force`` and ``skip_existing`` are those of :class:`Destination`.
    """

    tag: str
    k: int
    output: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    force: bool = False
    in_place: bool = False
    skip_existing: bool = False
    lists: Mapping[str, str] = field(default_factory=dict)

    def plan(self, inputs: Sequence[Input]) -> Plan[Destination]:
        """Each input with its outputs. Raises OptionError where they clash, before anything is written."""
        self._check(inputs)
        if self.in_place:
            inputs = [_replaceable(item) for item in inputs]
        single = len(inputs) == 1
        plan = Plan(inputs, lambda item: self._destination(item, single=single))
        files = (destination.files(self.k) for _, destination in plan)
        check_outputs(inputs, files, in_place=self.in_place, lists=self.lists)
        return plan

    def _check(self, inputs: Sequence[Input]) -> None:
        if self.output == "":
            raise OptionError("-o has an empty name: is a variable unset?")
        if self.output == "-" and (len(inputs) > 1 or inputs[0].listed):
            raise OptionError("-o - writes one picture: give one input")
        if self.output is not None and not os.path.isdir(self.output):
            suffix = Path(self.output).suffix.lower()
            if suffix in SUFFIXES - {".png"}:
                raise OptionError(f"-o {self.output}: pictures are written as PNG, name a .png file or a folder")
        self._check_modes(inputs)
        for kind, said in self.others.items():
            output = OUTPUTS[kind]
            if output.beside and self._to_stdout(inputs[0]):
                raise OptionError(f"{output.flag} needs a file beside it: give -o a file or a folder")
            if not output.beside and not output.folder and len(inputs) > 1 and "{stem}" not in said:
                raise OptionError(f"{output.flag} {said} is one file for {len(inputs)} inputs: put {{stem}} into it")

    def _check_modes(self, inputs: Sequence[Input]) -> None:
        for flag, said in (("-o", self.output is not None), ("--skip-existing", self.skip_existing)):
            if self.in_place and said:
                raise OptionError(f"--in-place and {flag} exclude each other: leave one out")
        if self.force and self.skip_existing:
            raise OptionError("--force writes what --skip-existing skips: leave one out")
        if self.in_place and any(item.name == STDIN for item in inputs):
            raise OptionError("--in-place has no file to replace for standard input (-): give files")
        if self.skip_existing and any(self._to_stdout(item) for item in inputs):
            raise OptionError("--skip-existing looks for files: give -o a file or a folder")

    def _to_stdout(self, item: Input) -> bool:
        return self.output == STDIN or (self.output is None and item.name == STDIN)

    def _destination(self, item: Input, *, single: bool) -> Destination:
        image = None if self._to_stdout(item) else self._image(item, single)
        stem = f"{item.stem}-{self.tag}" if image is None or self.in_place else image.stem
        others = {kind: self._other(OUTPUTS[kind], kind, said, item, image, stem) for kind, said in self.others.items()}
        return Destination(image, others, self.force, item.name, self.in_place, self.skip_existing)

    def _other(self, output: Output, kind: str, said: str, item: Input, image: Path | None, stem: str) -> Path:
        if output.beside and image is not None:
            return image.with_name(f"{stem}-{kind}.{said}")
        path = Path(said.replace("{stem}", item.stem))
        return path / item.folder / f"{stem}-mask{output.suffixes[0]}" if output.folder else path

    def _image(self, item: Input, single: bool) -> Path:
        name = f"{item.stem}-{self.tag}.png"
        if self.in_place:
            return Path(item.name)
        if self.output is None:
            return Path(os.path.dirname(item.name), name)
        if single and not item.listed and Path(self.output).suffix.lower() == ".png" and not os.path.isdir(self.output):
            return Path(self.output)
        return Path(self.output, item.folder, name)


def _replaceable(item: Input) -> Input:
    """The input, with a problem where ``--in-place`` cannot be: it keeps its name, and the picture becomes a PNG."""
    if item.problem is not None or not os.path.lexists(item.name):
        return item
    if os.path.splitext(item.name)[1].lower() != ".png":
        return replace(item, problem=OutputError("--in-place writes PNG: only a name that ends in .png can be kept"))
    if not os.path.isfile(item.name):
        return replace(item, problem=OutputError("--in-place replaces files, this is none: leave it out"))
    real = os.path.realpath(item.name)
    if os.path.splitext(real)[1].lower() in SUFFIXES - {".png"}:
        reason = f"--in-place writes PNG: this link leads to {os.path.basename(real)}, whose name says otherwise"
        return replace(item, problem=OutputError(reason))
    return item
