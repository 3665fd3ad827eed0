"""Files that travel between the run and the workers of a cluster that do not see them: ``--send-files``.

The bytes of an input are read here when it is sent, pass through the scheduler, and never touch a disk there. A worker
collects what it would write, and this process writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from colorquant.batch.inputs import Input
from colorquant.errors import ImageReadError, OutputError
from colorquant.images.file_bytes import check_readable, read_bytes
from colorquant.remote import missing_package
from colorquant.urls import Url, is_url

if TYPE_CHECKING:
    from colorquant.batch.compare_job import CompareOutputs
    from colorquant.batch.outputs import OutputPaths
    from colorquant.batch.video_outputs import ClipPaths

Outputs = TypeVar("Outputs", "OutputPaths", "ClipPaths", "CompareOutputs")


@dataclass(frozen=True)
class Storage:
    """What the workers of a cluster must reach: files of this ``folder`` and others here, and URLs of ``protocols``.

    ``folder`` is None where they need none. With ``sends`` they get the files that are here, and send back theirs.
    """

    folder: str | None
    protocols: tuple[str, ...] = ()
    sends: bool = False

    @classmethod
    def of(cls, names: Iterable[str], folder: str, *, sends: bool) -> Storage:
        """What is needed for the files with these ``names``, read or written from this current ``folder``."""
        protocols, here = set(), False
        for name in names:
            if is_url(name):
                protocols.add(Url(name).protocol)
            else:
                here = True
        return cls(folder if here and not sends else None, tuple(sorted(protocols)), sends)


def missing_packages(protocols: Iterable[str]) -> dict[str, str]:
    """The packages that are missing here, by the protocol that needs each."""
    found = {protocol: missing_package(protocol) for protocol in protocols}
    return {protocol: package for protocol, package in found.items() if package is not None}


@dataclass(frozen=True, slots=True)
class SentInput(Input):
    """A file of this machine whose bytes, ``most`` of them, go along where it is sent: when it is pickled.

    Raises ImageReadError there for a file that cannot be read, or that is larger.
    """

    most: int = 0

    def __reduce__(self) -> tuple[type[Input], tuple[str, str, bool, None, bytes]]:
        path = Path(self.name)
        check_readable(path)
        if path.is_file() and path.stat().st_size > self.most:
            size, most = (f"{number:,} bytes" for number in (path.stat().st_size, self.most))
            raise ImageReadError(
                f"has {size}, more than the {most} of --send-files: allow more, or put it where the workers see it"
            )
        return Input, (self.name, self.folder, self.listed, None, read_bytes(path))


def sent(
    plan: Iterable[tuple[Input, Outputs]], check: Callable[[Outputs], None], most: int
) -> Iterator[tuple[Input, Outputs]]:
    """The plan of a run that sends its files. Inputs at URLs stay as they are: workers read them.

    Whether files may be written is checked here, by ``check``, when an input's turn comes: what it raises becomes the
    problem of the input.
    """
    for item, outputs in plan:
        try:
            check(outputs)
        except OutputError as error:
            yield replace(item, problem=item.problem or error), outputs
            continue
        known: bool | None = getattr(outputs, "exist", None)
        if item.problem is None and isinstance(item.path, Path) and not known:  # else nothing is read
            yield SentInput(item.name, item.folder, item.listed, most=most), outputs
        else:
            yield item, outputs


def resumed(plan: Iterable[tuple[Input, OutputPaths]], k: int) -> Iterator[tuple[Input, OutputPaths]]:
    """The plan of a run with ``--skip-existing`` whose workers do not see which files exist: that is found out here."""
    for item, paths in plan:
        yield item, replace(paths, exist=paths.is_complete(k)) if paths.skip_existing else paths
