"""The names of outputs, which are known and checked before anything runs, for every command in one place."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from colorquant.batch.inputs import STDIN, Input, RealPaths
from colorquant.batch.outputs import OUTPUTS, OutputKind, OutputPaths
from colorquant.errors import OptionError, OutputError
from colorquant.files import check_place, check_writable
from colorquant.images import SUFFIXES
from colorquant.urls import Place, Url, masked, place_of

D = TypeVar("D")
FIELDS = ("stem",)  # fields that the name of an output may have in braces
BRACES = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class OutputName:
    """A file or a folder that the user named with an option.

    ``flag`` is the option, such as ``--csv``, and ``name`` what the user wrote. ``suffixes`` are the endings that it
    may have; an empty tuple allows any. A file is written for each input, and its name may hold ``{stem}``, unless it
    is written ``once`` for the whole run. With ``folder`` it is a folder for many files. ``instead`` ends the message
    about one name for several inputs: what else the user can do.
    """

    flag: str
    name: str
    suffixes: tuple[str, ...] = ()
    once: bool = False
    folder: bool = False
    instead: str = ""

    def path(self, item: Input) -> Place:
        """The file that belongs to an input."""
        return place_of(self.name.replace("{stem}", item.stem))

    def check(self, inputs: Sequence[Input]) -> None:
        """Raises OptionError if the name cannot be used for these inputs, whatever files exist."""
        self._check_word()
        check_fields(self.flag, self.name, () if self.once or self.folder else FIELDS, inputs)
        if self.folder:
            if Path(self.name).suffix.lower() in SUFFIXES and not os.path.isdir(self.name):
                raise OptionError(f"{self.flag} {masked(self.name)}: there are several pictures, name a folder")
            return
        if self.suffixes and Path(self.name).suffix.lower() not in self.suffixes:
            raise OptionError(f"{self.flag} {masked(self.name)}: unknown ending, use {one_of(self.suffixes)}")
        if not self.once and len(inputs) > 1 and "{stem}" not in self.name:
            raise OptionError(
                f"{self.flag} {masked(self.name)} is one file for {len(inputs)} inputs: put {{stem}} into it"
                + self.instead
            )

    def _check_word(self) -> None:
        if not self.name:
            raise OptionError(f"{self.flag} has an empty name: is a variable unset?")
        if self.name == STDIN:
            hint = "name a folder" if self.folder else "only -o can write to standard output"
            raise OptionError(f"{self.flag} - is not a {'folder' if self.folder else 'file'}: {hint}")
        if not self.folder and os.path.isdir(self.name):
            raise OptionError(f"{self.flag} {masked(self.name)} is a folder: name a file")


def _location(file: str | Place) -> str:
    """Where an output goes, with what its text does not show."""
    return file.text if isinstance(file, Url) else str(file)


def one_of(endings: Sequence[str]) -> str:
    """The endings that a name may have, for a message: ``use`` one, or one of several."""
    return endings[0] if len(endings) == 1 else f"one of {', '.join(endings)}"


def check_fields(flag: str, name: str, known: Sequence[str] = (), inputs: Sequence[Input] = ()) -> None:
    """Raises OptionError for a ``{field}`` in ``name`` that is none of ``known``.

    Existing folders may be called so, and what is named after one of the ``inputs`` that is called so.
    """
    folder = name
    while folder and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    unknown = [word for word in BRACES.findall(name[len(folder) :]) if word[1:-1] not in known]
    unknown = [word for word in unknown if not any(word in item.stem for item in inputs)]
    if unknown:
        hint = f"known is {', '.join(f'{{{word}}}' for word in known)}" if known else "this name takes none"
        raise OptionError(f"{flag} {masked(name)}: unknown field {unknown[0]}, {hint}")


def check_names(
    inputs: Sequence[Input],
    names: Sequence[OutputName],
    files: Iterable[Iterable[str | Place]] | None = None,
    *,
    force: bool = False,
    in_place: bool = False,
) -> None:
    """Check all names of a run before anything is read or written: the one check that every command calls.

    ``names`` are those that the user gave. ``files`` holds the files that each input would write, in the order of
    ``inputs``; it is iterated only after ``names`` have been checked. With ``in_place`` an input may be overwritten by
    its own output. Raises OptionError for a name that cannot be used, and where two inputs would write one file, or an
    output would fall on an input. Raises OutputError where a file that is written once for the whole run exists already
    and ``force`` is not given, or cannot be written to its folder.
    """
    for name in names:
        name.check(inputs)
    once = [name for name in names if name.once]
    real_paths = RealPaths()
    run_files: dict[str, OutputName] = {}
    for name in once:
        other = run_files.setdefault(os.path.realpath(name.name), name)
        if other is not name:
            raise OptionError(f"{name.flag} {masked(name.name)} is {other.flag}, too: name another file")
    sources = {real_paths.of(item.location): item for item in inputs if item.name != STDIN and item.problem is None}
    for place in run_files.keys() & sources.keys():
        words = f"{run_files[place].flag} {masked(run_files[place].name)}"
        raise OptionError(f"{words} is an input, too: choose another name")
    if files is not None:
        _check_clashes(inputs, files, run_files, sources, real_paths, in_place)
    check_writable([place_of(name.name) for name in once], force=force)
    for name in once:
        check_place(place_of(name.name))


def _check_clashes(
    inputs: Collection[Input],
    files: Iterable[Iterable[str | Place]],
    run_files: Mapping[str, OutputName],
    sources: Mapping[str, Input],
    real_paths: RealPaths,
    in_place: bool,
) -> None:
    """Raises OptionError if two inputs would write one file, or one would overwrite another or a file of the run.

    The keys of ``run_files`` and ``sources`` are real paths.
    """
    owners: dict[str, Input] = {}
    for item, written in zip(inputs, files, strict=True):
        for file in written:
            place = real_paths.of(_location(file))
            if place in owners:
                both = f"{owners[place].name} and {item.name} would both write {file}: rename one"
                raise OptionError(
                    both if owners[place] is not item else f"{item.name} would write {file} twice: choose another name"
                )
            if place in run_files:
                words = f"{run_files[place].flag} {masked(run_files[place].name)}"
                raise OptionError(f"{words} is an output of {item.name}, too: choose another name")
            if place in sources and not (in_place and sources[place] is item):
                raise OptionError(f"{item.name} would write over the input {file}: choose another name")
            owners[place] = item


def check_read(
    inputs: Sequence[Input],
    names: Sequence[OutputName],
    files: Iterable[Iterable[str | Place]],
    read: Mapping[str, str],
) -> None:
    """Raises OptionError if an output would replace a file that is read beside the inputs.

    ``names`` and ``files`` are those of :func:`check_names`. ``read`` maps flags to the files that they name, which may
    hold ``{stem}``.
    """
    if not read:
        return
    real_paths = RealPaths()
    places = {real_paths.of(name.replace("{stem}", item.stem)): flag for item in inputs for flag, name in read.items()}
    once = (place_of(name.name) for name in names if name.once)
    for file in itertools.chain(once, itertools.chain.from_iterable(files)):
        flag = places.get(real_paths.of(_location(file)))
        if flag is not None:
            raise OptionError(f"{file} would be written over, and {flag} reads it: choose another name")


class Plan(Generic[D]):
    """Inputs, each with the result of ``planned``, which is computed when needed, so that only names are in memory."""

    def __init__(self, inputs: Sequence[Input], planned: Callable[[Input], D]) -> None:
        self.inputs, self._planned = inputs, planned

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Input, D]:
        return self.inputs[index], self._planned(self.inputs[index])

    def __iter__(self) -> Iterator[tuple[Input, D]]:
        return ((item, self._planned(item)) for item in self.inputs)


@dataclass(frozen=True)
class OutputNaming:
    """How the outputs of ``kmeans``, ``em`` and ``apply`` are named.

    ``tag``, such as ``kmeans16`` or ``kmeansauto``, is a part of the default name. ``k`` is the largest number of
    labels. ``output`` is the value of ``-o``. ``others`` maps keys of OUTPUTS to the value that the user gave: an
    ending, or a name that may hold ``{stem}``. For those in ``once`` a single file is
    written for the whole run, and so it is for ``report``. With ``in_place`` a picture
    replaces its input; ``force`` and ``skip_existing`` are those of :class:`OutputPaths`. ``read`` maps flags to the
    files that they name, which may hold ``{stem}``, and which no output may replace.
    """

    tag: str
    k: int
    output: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    force: bool = False
    in_place: bool = False
    skip_existing: bool = False
    report: str | None = None
    once: Collection[str] = ()
    read: Mapping[str, str] = field(default_factory=dict)

    def plan(self, inputs: Sequence[Input]) -> Plan[OutputPaths]:
        """Each input with its outputs. Raises OptionError and OutputError as :func:`check_names` does."""
        self._check_output(inputs)
        self._check_modes(inputs)
        if self.in_place:
            inputs = [_replaceable(item) for item in inputs]
        single = len(inputs) == 1
        plan = Plan(inputs, lambda item: self._paths(item, single=single))
        check_names(
            inputs,
            list(self._names()),
            (paths.files(self.k) for _, paths in plan),
            force=self.force or self.skip_existing,
            in_place=self.in_place,
        )
        first = plan[0][1].files(self.k) if inputs else []
        for url in {path.root: path for path in first if isinstance(path, Url)}.values():
            check_place(url)  # else every input would fail at the end of its work
        check_read(inputs, list(self._names()), (paths.files(self.k) for _, paths in plan), self.read)
        for kind, value in self.others.items():
            check = OUTPUTS[kind].check
            if check is not None:
                check(value, self.k)
        return plan

    def _names(self) -> Iterator[OutputName]:
        for kind, value in self.others.items():
            output = OUTPUTS[kind]
            if not output.beside:
                suffixes = () if output.folder else output.suffixes
                yield OutputName(output.flag, value, suffixes, folder=output.folder, once=kind in self.once)
        if self.report is not None:
            yield OutputName("--report", self.report, once=True)

    def _check_output(self, inputs: Sequence[Input]) -> None:
        for kind in self.others:
            if OUTPUTS[kind].beside and self._to_stdout(inputs[0]):
                raise OptionError(f"{OUTPUTS[kind].flag} needs a file beside it: give -o a file or a folder")
        if self.output is None:
            return
        if self.output == "":
            raise OptionError("-o has an empty name: is a variable unset?")
        if self.output == STDIN:
            if len(inputs) > 1 or inputs[0].listed:
                raise OptionError("-o - writes one picture: give one input")
            return
        check_fields("-o", self.output, inputs=inputs)
        if os.path.isdir(self.output):
            return
        suffix = Path(self.output).suffix.lower()
        if suffix in SUFFIXES - {".png"}:
            raise OptionError(f"-o {masked(self.output)}: pictures are written as PNG, name a .png file or a folder")
        if suffix == ".png" and (len(inputs) > 1 or inputs[0].listed):
            count = "an input that is a folder" if len(inputs) == 1 else f"{len(inputs)} inputs"
            raise OptionError(f"-o {masked(self.output)} is one file for {count}: name a folder")

    def _check_modes(self, inputs: Sequence[Input]) -> None:
        for flag, given in (("-o", self.output is not None), ("--skip-existing", self.skip_existing)):
            if self.in_place and given:
                raise OptionError(f"--in-place and {flag} exclude each other: leave one out")
        if self.force and self.skip_existing:
            raise OptionError("--force writes what --skip-existing skips: leave one out")
        if self.in_place and any(isinstance(item.path, Url) for item in inputs):
            raise OptionError("--in-place replaces files of this machine: write URLs with -o")
        if self.in_place and any(item.name == STDIN for item in inputs):
            raise OptionError("--in-place has no file to replace for standard input (-): give files")
        if self.skip_existing and any(self._to_stdout(item) for item in inputs):
            raise OptionError("--skip-existing looks for files: give -o a file or a folder")

    def _to_stdout(self, item: Input) -> bool:
        return self.output == STDIN or (self.output is None and item.name == STDIN)

    def _paths(self, item: Input, *, single: bool) -> OutputPaths:
        image = None if self._to_stdout(item) else self._image(item, single)
        stem = f"{item.stem}-{self.tag}" if image is None or self.in_place else image.stem
        others = {
            kind: self._other(OUTPUTS[kind], kind, value, item, image, stem)
            for kind, value in self.others.items()
            if kind not in self.once
        }
        return OutputPaths(
            image,
            others,
            force=self.force,
            name=item.name,
            in_place=self.in_place,
            skip_existing=self.skip_existing,
        )

    def _other(self, output: OutputKind, kind: str, value: str, item: Input, image: Place | None, stem: str) -> Place:
        if output.beside and image is not None:
            return image.with_name(f"{stem}-{kind}.{value}")
        if output.folder:
            return place_of(value) / item.folder / f"{stem}-mask{output.suffixes[0]}"
        return OutputName(output.flag, value).path(item)

    def _image(self, item: Input, single: bool) -> Place:
        name = f"{item.stem}-{self.tag}.png"
        if self.in_place:
            return Path(item.name)
        if self.output is None:
            path = item.path
            return path.with_name(name) if isinstance(path, Url) else Path(os.path.dirname(item.name), name)
        if single and not item.listed and Path(self.output).suffix.lower() == ".png" and not os.path.isdir(self.output):
            return place_of(self.output)
        return place_of(self.output) / item.folder / name


def _replaceable(item: Input) -> Input:
    """The input, with a problem if ``--in-place`` is impossible, since the name stays and the content becomes a PNG."""
    if item.problem is not None or not os.path.lexists(item.name):
        return item
    if os.path.splitext(item.name)[1].lower() != ".png":
        return replace(item, problem=OutputError("--in-place writes PNG: only a name that ends in .png can be kept"))
    if not os.path.isfile(item.name):
        return replace(item, problem=OutputError("--in-place replaces files, and this is not a file: leave it out"))
    real = os.path.realpath(item.name)
    if os.path.splitext(real)[1].lower() in SUFFIXES - {".png"}:
        reason = f"--in-place writes PNG: this link leads to {os.path.basename(real)}, whose name says otherwise"
        return replace(item, problem=OutputError(reason))
    return item
