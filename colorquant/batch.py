"""One task over many files: find them, name their outputs, run, and remember what failed."""

from __future__ import annotations

import os
import re
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from colorquant.engines import one_thread
from colorquant.errors import ColorquantError, ImageReadError, OptionError
from colorquant.images import SUFFIXES
from colorquant.outputs import OUTPUTS, Destination, Output

if TYPE_CHECKING:
    from concurrent.futures import Future

D = TypeVar("D")
R = TypeVar("R")
STDIN = "-"
WRITTEN = re.compile(  # by an earlier run, from group 1
    r"(.+)-(?:(?:kmeans|em)\d+(?:-labels|-posteriors-\d+|-mask-\d+)?|(?:kmeans|em|quantizer)\d+-[a-z-]+|compare)\.png",
    re.DOTALL,
)


@dataclass(frozen=True)
class Input:
    """One input as the user named it, or as it was found in a folder.

    ``path`` is None for standard input. ``folder`` is its place below the folder that was named (empty for a file that
    was named itself), ``problem`` says why there is nothing to read.
    """

    name: str
    path: Path | None
    folder: Path = Path()
    listed: bool = False
    problem: ColorquantError | None = None

    @property
    def stem(self) -> str:
        """What outputs are named after."""
        return "stdin" if self.path is None else self.path.stem


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """What became of an input: a ``result``, or an ``error`` with its ``details`` (the traceback)."""

    input: Input
    result: R | None
    error: str | None = None
    details: str = ""


def expand(names: Sequence[str], *, recursive: bool) -> list[Input]:
    """Files, and the images of folders in the order of their names; what is named twice is taken once.

    A folder without images is an input with a problem. Raises OptionError for an empty name.
    """
    inputs: dict[str, Input] = {}
    for name in names:
        if not name:
            raise OptionError("an input has an empty name: is a variable unset?")
        for item in _expanded(name, recursive):
            key = STDIN if item.path is None else os.path.realpath(item.path)
            if key == STDIN and key in inputs:
                raise OptionError("standard input (-) can be read only once")
            inputs.setdefault(key, item)
    return list(inputs.values())


def _expanded(name: str, recursive: bool) -> list[Input]:
    if name == STDIN:
        return [Input(name, None)]
    path = Path(name)
    if not os.path.isdir(path):
        return [Input(name, path)]
    found = [Input(str(file), file, file.parent.relative_to(path), True) for file in _images_in(path, recursive)]
    hint = "give a folder that holds some" if recursive else "take -r for its sub-folders"
    return found or [Input(name, path, problem=ImageReadError(f"no images in this folder: {hint}"))]


def _images_in(folder: Path, recursive: bool) -> Iterator[Path]:
    """Image files by their ending.

    Hidden ones, links to folders (they can run in circles), and what an earlier run wrote beside its input are passed
    over.
    """
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        names = sorted(name for name in files if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."))
        stems = {Path(name).stem for name in names}
        for name in names:
            written = WRITTEN.fullmatch(name)
            if not (written and written[1] in stems) and os.path.isfile(Path(parent, name)):
                yield Path(parent, name)


def check_outputs(plan: Sequence[tuple[Input, Sequence[Path]]]) -> None:
    """Raises OptionError where two inputs would write one file, or one would write over an input."""
    owners: dict[str, Input] = {}
    sources = {os.path.realpath(item.path) for item, _ in plan if item.path is not None and item.problem is None}
    for item, files in plan:
        for file in files:
            place = os.path.realpath(file)
            if place in owners:
                raise OptionError(f"{owners[place].name} and {item.name} would both write {file}: rename one")
            if place in sources:
                raise OptionError(f"{item.name} would write over the input {file}: choose another name")
            owners[place] = item


@dataclass(frozen=True)
class Naming:
    """How outputs are called: ``output`` is what ``-o`` said, ``tag`` such as ``kmeans16`` names the default.

    ``others`` maps keys of OUTPUTS to what the user said: an ending, or a name that may hold ``{stem}``. ``k`` is the
    number of labels at most.
    """

    tag: str
    k: int
    output: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    force: bool = False

    def plan(self, inputs: Sequence[Input]) -> list[tuple[Input, Destination]]:
        """Each input with its outputs. Raises OptionError where they clash, before anything is written."""
        self._check(inputs)
        plan = [(item, self._destination(item, single=len(inputs) == 1)) for item in inputs]
        check_outputs([(item, destination.files(self.k)) for item, destination in plan])
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
        for kind, said in self.others.items():
            output = OUTPUTS[kind]
            if output.beside and self._to_stdout(inputs[0]):
                raise OptionError(f"{output.flag} needs a file beside it: give -o a file or a folder")
            if not output.beside and not output.folder and len(inputs) > 1 and "{stem}" not in said:
                raise OptionError(f"{output.flag} {said} is one file for {len(inputs)} inputs: put {{stem}} into it")

    def _to_stdout(self, item: Input) -> bool:
        return self.output == "-" or (self.output is None and item.path is None)

    def _destination(self, item: Input, *, single: bool) -> Destination:
        image = None if self._to_stdout(item) else self._image(item, single)
        stem = f"{item.stem}-{self.tag}" if image is None else image.stem
        others = {kind: self._other(OUTPUTS[kind], kind, said, item, image, stem) for kind, said in self.others.items()}
        return Destination(image, others, self.force, item.name)

    def _other(self, output: Output, kind: str, said: str, item: Input, image: Path | None, stem: str) -> Path:
        if output.beside and image is not None:
            return image.with_name(f"{stem}-{kind}.{said}")
        path = Path(said.replace("{stem}", item.stem))
        return path / item.folder / f"{stem}-mask{output.suffixes[0]}" if output.folder else path

    def _image(self, item: Input, single: bool) -> Path:
        name = f"{item.stem}-{self.tag}.png"
        if self.output is None:
            assert item.path is not None
            return item.path.with_name(name)
        output = Path(self.output)
        if single and not item.listed and output.suffix.lower() == ".png" and not os.path.isdir(output):
            return output
        return output / item.folder / name


def run(
    plan: Sequence[tuple[Input, D]],
    task: Callable[[Input, D], R],
    jobs: int,
    *,
    uninterruptible: bool = False,
) -> Iterator[Outcome[R]]:
    """Run ``task`` for each input and what is planned for it, on ``jobs`` threads; outcomes come in that order.

    A failure becomes an outcome and the others go on. At most twice ``jobs`` inputs are under way, so memory does not
    grow with the plan. A task that Python cannot interrupt runs on a thread even if alone, and is left behind when the
    caller is interrupted.
    """
    if jobs == 1 and not uninterruptible:
        yield from (_attempt(task, item, planned) for item, planned in plan)
        return
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(jobs)
    waiting: deque[Future[Outcome[R]]] = deque()
    with one_thread():
        try:
            for item, planned in plan:
                waiting.append(pool.submit(_attempt, task, item, planned))
                if len(waiting) >= 2 * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()


def _attempt(task: Callable[[Input, D], R], item: Input, planned: D) -> Outcome[R]:
    try:
        if item.problem is not None:
            raise item.problem
        return Outcome(item, task(item, planned))
    except OptionError:
        raise  # wrong usage, the same for every input
    except ColorquantError as error:
        return Outcome(item, None, str(error), traceback.format_exc())
    except MemoryError:
        return Outcome(item, None, "not enough memory: take a smaller picture or fewer --jobs", traceback.format_exc())
    except Exception as error:  # noqa: BLE001  one bad file must not end the run; -v shows the traceback
        reason = f"unexpected {type(error).__name__} ({error}): please report it, with the traceback of -v"
        return Outcome(item, None, " ".join(reason.split()), traceback.format_exc())
