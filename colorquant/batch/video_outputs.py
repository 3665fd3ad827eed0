"""The kinds of files that are written for a clip beside its painted frames, and the paths of all its files.

Options, names, jobs and docs read the table CLIP_OUTPUTS; ``colorquant.video.writing.CLIP_KINDS`` is that of the
painted frames.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from colorquant.files import check_writable, frame_path, numbered
from colorquant.palette.files import PALETTE_FORMATS
from colorquant.report.figures import SUFFIXES as FIGURE_SUFFIXES
from colorquant.video.frames import DIGITS
from colorquant.video.writing import CLIP_KINDS, LABEL_KINDS, PER_FRAME, POSTERIOR_KINDS


@dataclass(frozen=True)
class ClipOutput:
    """A kind of file that can be written beside the painted frames of a clip.

    ``suffixes`` are the endings that its name may have; with those in ``per_frame`` there is a file for each frame, and
    with those in ``per_label`` one for each label. With ``beside`` the user gives only the ending, and the file is
    named after the painted frames; else the user names the file, or with ``folder`` the folder. ``methods`` are the
    fits that it is possible for, and ``background`` says whether it is possible without one.
    """

    flag: str
    suffixes: tuple[str, ...]
    per_frame: tuple[str, ...] = ()
    per_label: tuple[str, ...] = ()
    beside: bool = False
    folder: bool = False
    methods: tuple[str, ...] = ("kmeans", "em")
    background: bool = False


_FRAMES = tuple(f".{kind}" for kind in sorted(PER_FRAME))
CLIP_OUTPUTS: dict[str, ClipOutput] = {
    "labels": ClipOutput(
        "--labels", tuple(f".{kind}" for kind in LABEL_KINDS), per_frame=_FRAMES, beside=True, background=True
    ),
    "posteriors": ClipOutput(
        "--posteriors",
        tuple(f".{kind}" for kind in POSTERIOR_KINDS),
        per_frame=_FRAMES,
        per_label=_FRAMES,
        beside=True,
        methods=("em",),
    ),
    "masks": ClipOutput("--masks", (".png",), per_frame=(".png",), per_label=(".png",), folder=True, background=True),
    "palette": ClipOutput("--palette-out", tuple(PALETTE_FORMATS)),
    "figure": ClipOutput("--figure", FIGURE_SUFFIXES, background=True),
    "html": ClipOutput("--html", (".html", ".htm"), background=True),
}


@dataclass(frozen=True)
class ClipFiles:
    """The files of one output: ``path``, or files for each frame or label whose names begin with it."""

    path: Path
    per_frame: bool = False
    per_label: bool = False

    def each(self, *, frames: int, k: int, first: int = 0) -> Iterator[Path]:
        """All files, for so many labels, and so many frames from the number ``first`` on."""
        labels = [numbered(self.path, label, k) for label in range(k)] if self.per_label else [self.path]
        for path in labels:
            if self.per_frame:
                yield from (frame_path(path, number, DIGITS) for number in range(first, first + frames))
            else:
                yield path

    def first(self, k: int) -> Path:
        """The first file."""
        return next(self.each(frames=1, k=k))

    def exists(self) -> bool:
        """Whether the first file exists, for any number of labels."""
        return any(os.path.isfile(self.first(10**digits)) for digits in range(1, 6 if self.per_label else 2))


@dataclass(frozen=True)
class ClipPaths:
    """The files that are written for one clip.

    ``painted`` maps keys of CLIP_KINDS to paths, ``others`` keys of CLIP_OUTPUTS. For files that are numbered a path
    is what their names begin with. ``force`` and ``skip_existing`` are those of
    :class:`colorquant.batch.outputs.OutputPaths`; ``name`` is the name of the input in reports, and ``k`` the largest
    number of labels.
    """

    painted: Mapping[str, Path]
    others: Mapping[str, Path] = field(default_factory=dict)
    force: bool = False
    skip_existing: bool = False
    name: str = ""
    k: int = 1

    def outputs(self) -> dict[str, ClipFiles]:
        """The files of each output, the painted frames first."""
        painted = {kind: ClipFiles(path, per_frame=CLIP_KINDS[kind].per_frame) for kind, path in self.painted.items()}
        others = {
            kind: ClipFiles(
                path,
                per_frame=path.suffix in CLIP_OUTPUTS[kind].per_frame,
                per_label=path.suffix in CLIP_OUTPUTS[kind].per_label,
            )
            for kind, path in self.others.items()
        }
        return {**painted, **others}

    @property
    def replaces(self) -> bool:
        """Whether existing files are replaced."""
        return self.force or self.skip_existing

    def files(self) -> list[Path]:
        """All files; of those that are numbered by frames, the first of each label."""
        return [path for files in self.outputs().values() for path in files.each(frames=1, k=self.k)]

    def is_complete(self) -> bool:
        """Whether all files exist. Of numbered ones the first is enough, since all appear together."""
        return all(files.exists() for files in self.outputs().values())

    def check(self) -> None:
        """Raises OutputError for a file that cannot be written, or may not be overwritten.

        Of files that are numbered by frames the first ones are checked; the others once their number is known.
        """
        check_writable(self.files(), force=self.replaces)

    def words(self) -> Iterator[str]:
        """The names of the files; of numbered ones only the first, since their number is not known."""
        for files in self.outputs().values():
            yield f"{files.first(self.k)}{' …' * (files.per_frame or files.per_label)}"
