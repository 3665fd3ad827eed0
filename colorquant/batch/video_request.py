"""A run of ``video``: its options checked, its clips found, its outputs named."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from colorquant.analysis.shared_k import check_shared
from colorquant.batch.inputs import STDIN, FoundInputs, Input, InputKind, find_inputs
from colorquant.batch.naming import OutputName, Plan, check_fields, check_names, one_of
from colorquant.batch.run_options import RunOptions
from colorquant.batch.video_job import ClipJob
from colorquant.batch.video_outputs import CLIP_OUTPUTS, ClipPaths
from colorquant.batch.video_passes import ClipProgress
from colorquant.batch.video_settings import ClipSettings
from colorquant.clips.fitting import Refit, check_clip
from colorquant.clips.smoothing import check_smoothing
from colorquant.color.spaces import Projection
from colorquant.errors import OptionError
from colorquant.fitting.engines import Progress, resolve
from colorquant.images import SUFFIXES
from colorquant.images.videos import VIDEO_SUFFIXES
from colorquant.palette.files import check_room
from colorquant.quantization import check_choices, check_dithering
from colorquant.report.figure_kinds import CLIP_FIGURES, Drawing
from colorquant.report.figures import check_installed
from colorquant.urls import Url
from colorquant.video.gif_writing import check_gif
from colorquant.video.opening import ANIMATION_SUFFIXES, is_clip
from colorquant.video.writing import BY_SUFFIX, CLIP_KINDS, check_kind, check_label_kind

if TYPE_CHECKING:
    from collections.abc import Callable

EARLIER_CLIP = re.compile(  # group 1 is the stem of the input
    r"(.+)-(?:(?:kmeans|em)(?:\d+|auto)|mog2|knn)(?:-labels|-posteriors)?(?:-\d+)*\.[a-z0-9]+", re.DOTALL
)
CLIPS = InputKind("clips", VIDEO_SUFFIXES | ANIMATION_SUFFIXES, EARLIER_CLIP, is_clip)
OTHER_KIND = "mp4"  # for a clip whose own kind is not written


@dataclass(frozen=True)
class ClipRequest:
    """A run of ``video`` as the user requests it.

    ``settings`` are those of each clip; options of its fit may leave fields to the engine's defaults. ``output`` is the
    value of ``-o`` and ``write`` that of ``--write``, keys of CLIP_KINDS; ``others`` maps keys of CLIP_OUTPUTS to the
    values of their options; ``figure_kind`` is a key of CLIP_FIGURES. Raises OptionError where options do not go
    together, and EngineError where PyAV is needed and missing.
    """

    settings: ClipSettings
    run: RunOptions = RunOptions()  # noqa: RUF009  it is frozen
    output: str | None = None
    write: tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)
    figure_kind: str | None = None
    figure_title: str | None = None

    def __post_init__(self) -> None:
        drawing = self._drawing()
        settings = self.settings.replace(drawing=drawing)
        object.__setattr__(self, "settings", settings if settings.background is not None else self._resolved(settings))
        if settings.background is not None and settings.options.alpha == "palette":
            raise OptionError("--alpha palette is for a fit, and --background makes none: leave one out")
        for kind in self.others:
            output = CLIP_OUTPUTS[kind]
            if settings.background is not None and not output.background:
                raise OptionError(f"{output.flag} shows a fit, and --background makes none: leave one out")
            if settings.options.method not in output.methods:
                raise OptionError(f"{output.flag} is for --method {output.methods[0]}: leave it out, or add that")
        if "palette" in self.others and settings.refit is not None:
            raise OptionError("--palette-out writes one palette, and --refit makes several: leave one out")
        if "labels" in self.others:
            check_label_kind(self.others["labels"])

    def _resolved(self, settings: ClipSettings) -> ClipSettings:
        """The settings with all options of the fit. Raises OptionError where they do not go together."""
        options = resolve(settings.options)
        check_clip(options, every=settings.every, refit=None if settings.refit is None else Refit.of(settings.refit))
        check_choices(options, settings.paint, settings.assign)
        Projection.of(options.space, options.keep_luma)
        check_dithering(options, settings.dithering)
        check_smoothing(settings.smooth, settings.dithering, with_alpha=options.alpha == "palette")
        auto = settings.auto
        if auto is not None:
            auto = auto.beside(options)
            check_shared(auto, dithered=settings.dithering is not None)
        return settings.replace(options=options, auto=auto)

    @property
    def k(self) -> int:
        """The largest number of labels."""
        background = self.settings.background
        return self.settings.options.k if background is None else background.k

    @property
    def tag(self) -> str:
        """The part of the default names that stands for the run, such as em4, or mog2."""
        if self.settings.background is not None:
            return self.settings.background.method
        return f"{self.settings.options.method}{'auto' if self.settings.auto is not None else self.k}"

    def find_inputs(self, names: Sequence[str]) -> FoundInputs:
        """Find the clips that ``names`` stand for, outside the folders that are written to."""
        folders = [value for kind, value in self.others.items() if CLIP_OUTPUTS[kind].folder]
        outputs = [name for name in (*folders, self.output) if name]
        return find_inputs(names, recursive=self.run.recursive, outputs=outputs, kind=CLIPS)

    def plan(self, inputs: Sequence[Input]) -> Plan[ClipPaths]:
        """Each clip with its outputs. Raises OptionError, OutputError and EngineError if one is not possible."""
        self._check_output(inputs)
        single = len(inputs) == 1
        plan = Plan(inputs, lambda item: self._paths(item, single=single))
        names = list(self._names())
        check_names(inputs, names, (paths.files() for _, paths in plan), force=self.run.force or self.run.skip_existing)
        kinds = {kind for _, paths in plan for kind in paths.painted}
        with_crf = [kind for kind in kinds if CLIP_KINDS[kind].crf is not None]
        for kind in sorted(kinds, key=list(CLIP_KINDS).index):
            self._check_kind(kind, self.settings.crf if kind in with_crf or not with_crf else None)
        if "palette" in self.others:
            check_room(self.others["palette"], self.k)
        return plan

    def job(
        self,
        progress: Progress | None = None,
        shown: ClipProgress | None = None,
        trying: Callable[[int], None] | None = None,
    ) -> ClipJob:
        """The job for each clip. It is picklable without ``progress``, ``shown`` and ``trying``."""
        return ClipJob(self.settings, progress, shown, trying)

    def _drawing(self) -> Drawing:
        """The figure to draw. Raises OptionError if it is described but not requested, or impossible."""
        if "figure" in self.others:
            check_installed()
            return Drawing(self.figure_kind or next(iter(CLIP_FIGURES)), title=self.figure_title)
        for name, value in (("kind", self.figure_kind), ("title", self.figure_title)):
            if value is not None:
                raise OptionError(f"--figure-{name} describes a figure: add --figure FILE")
        return self.settings.drawing

    def _check_kind(self, kind: str, crf: int | None) -> None:
        settings = self.settings
        check_kind(kind, crf=crf)
        if kind == "gif" and settings.background is None:
            kept = Projection.of(settings.options.space, settings.options.keep_luma).keep_luma
            check_gif(width=1, height=1, colors=self.k, keeps_lightness=kept)
        if (
            settings.options.alpha is not None and CLIP_KINDS[kind].alpha == "none" and crf != 0
        ):  # lossless ones have it
            able = ", ".join(name for name, row in CLIP_KINDS.items() if row.alpha != "none")
            raise OptionError(f"--alpha {settings.options.alpha}: {kind} has no alpha, write one of {able}")

    def _names(self) -> Iterator[OutputName]:
        for kind, value in self.others.items():
            output = CLIP_OUTPUTS[kind]
            if not output.beside:
                yield OutputName(output.flag, value, () if output.folder else output.suffixes, folder=output.folder)
        if self.run.report is not None:
            yield OutputName("--report", self.run.report, once=True)

    def _check_output(self, inputs: Sequence[Input]) -> None:
        if self.run.force and self.run.skip_existing:
            raise OptionError("--force writes what --skip-existing skips: leave one out")
        if self.output is None:
            if any(item.name == STDIN for item in inputs):
                raise OptionError("standard input (-) has no name for the outputs: give -o a file or a folder")
            return
        if self.output == "":
            raise OptionError("-o has an empty name: is a variable unset?")
        if self.output == STDIN:
            raise OptionError("-o -: a clip is not written to standard output, give -o a file or a folder")
        check_fields("-o", self.output, inputs=inputs)
        suffix = Path(self.output).suffix.lower()
        if os.path.isdir(self.output) or suffix not in {*BY_SUFFIX, *VIDEO_SUFFIXES, *ANIMATION_SUFFIXES, *SUFFIXES}:
            return
        if suffix not in BY_SUFFIX:
            raise OptionError(
                f"-o {self.output}: this kind is not written, use {one_of(tuple(BY_SUFFIX))}, or a folder"
            )
        if len(inputs) > 1 or inputs[0].listed:
            count = "an input that is a folder" if len(inputs) == 1 else f"{len(inputs)} inputs"
            raise OptionError(f"-o {self.output} is one file for {count}: name a folder")
        if self.write and set(self.write) != {BY_SUFFIX[suffix]}:
            raise OptionError(f"-o {self.output} is one file: name a folder for --write {','.join(self.write)}")

    def _is_file(self, item: Input, single: bool) -> bool:
        """Whether ``-o`` names a file, not a folder."""
        return (
            single
            and not item.listed
            and self.output is not None
            and Path(self.output).suffix.lower() in BY_SUFFIX
            and not os.path.isdir(self.output)
        )

    def _paths(self, item: Input, *, single: bool) -> ClipPaths:
        if self.output is not None and self._is_file(item, single):
            base = Path(self.output)
            painted = {BY_SUFFIX[base.suffix.lower()]: base}
        else:
            base = self._folder(item) / f"{item.stem}-{self.tag}"
            painted = {kind: base.with_name(base.name + CLIP_KINDS[kind].suffix) for kind in self._kinds(item)}
        stem = base.stem if base.suffix.lower() in BY_SUFFIX and base in painted.values() else base.name
        others = {kind: self._other(kind, value, item, base, stem) for kind, value in self.others.items()}
        return ClipPaths(
            painted, others, force=self.run.force, skip_existing=self.run.skip_existing, name=item.name, k=self.k
        )

    def _folder(self, item: Input) -> Path:
        return Path(item.name).parent if self.output is None else Path(self.output, item.folder)

    def _kinds(self, item: Input) -> Collection[str]:
        if self.write:
            return self.write
        if self.output is not None:
            return ("frames",)
        return (BY_SUFFIX.get(Path(item.name).suffix.lower(), OTHER_KIND),)

    def _other(self, kind: str, value: str, item: Input, base: Path, stem: str) -> Path:
        output = CLIP_OUTPUTS[kind]
        if output.beside:
            return base.with_name(f"{stem}-{kind}.{value}")
        if output.folder:
            return Path(value) / item.folder / f"{stem}-mask{output.suffixes[0]}"
        path = OutputName(output.flag, value).path(item)
        if isinstance(path, Url):
            raise OptionError(f"{output.flag} {path}: a clip is written to files of this machine: name one")
        return path
