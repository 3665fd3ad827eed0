"""The job of ``video``: a clip in, its painted frames and its other files out, all or none.

A first pass over the frames counts colours for the fit, a second one labels the frames and hands each to the writers of
all outputs, so that memory does not grow with the number of frames.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from colorquant.batch.command import clip_command
from colorquant.batch.inputs import Input
from colorquant.batch.notes import shared_notes
from colorquant.batch.video_outputs import ClipPaths
from colorquant.batch.video_passes import ClipPasses, ClipProgress
from colorquant.batch.video_settings import ClipSettings
from colorquant.batch.video_writing import ClipWriters, encode_others
from colorquant.clips.labelling import ClipLabeller
from colorquant.clips.results import ClipFit
from colorquant.errors import ImageReadError
from colorquant.files import StagedFiles, check_writable
from colorquant.fitting.engines import Progress
from colorquant.report.clip_file import BackgroundClip, ClipFile, QuantizedClip, WrittenOutput
from colorquant.report.video_records import ClipRecord, clip_record, skipped_clip
from colorquant.urls import Url
from colorquant.video.opening import open_clip

if TYPE_CHECKING:
    from colorquant.analysis.auto_k import ChosenK
    from colorquant.video.frames import Clip


@dataclass(frozen=True)
class ClipResult:
    """The result of a :class:`ClipJob`: small enough to be sent between processes.

    ``record`` is the clip's JSON object, and ``command`` a shell command that repeats the run for this clip, empty for
    a clip that was skipped.
    """

    record: ClipRecord
    command: str = ""


@dataclass(frozen=True)
class ClipJob:
    """Works on one clip: the job of a :func:`colorquant.batch.run.run`.

    It is picklable without ``progress``, which is called with each step of each fit, ``shown``, which is called after
    each frame, and ``trying``, which is called with each number of colours that ``-k auto`` tries.
    """

    settings: ClipSettings
    progress: Progress | None = None
    shown: ClipProgress | None = None
    trying: Callable[[int], None] | None = None

    def __call__(self, item: Input, paths: ClipPaths) -> ClipResult:
        """Label the clip and write its files, all or none.

        Raises ImageReadError, OptionError, EngineError, TargetError and OutputError.
        """
        if paths.skip_existing and paths.is_complete():
            return ClipResult(skipped_clip(item.name, str(paths.files()[0])))
        paths.check()
        source = _source(item)
        before = _state(source)
        clip = open_clip(source, self.settings.reading)
        passes = ClipPasses(clip, self.settings, progress=self.progress, shown=self.shown, trying=self.trying)
        with StagedFiles(force=paths.replaces) as staged:
            work = _Work(item.name, source, paths, self.settings, clip, passes, staged)
            file, k = work.quantize() if self.settings.background is None else work.subtract_background()
            if _state(source) != before:
                raise ImageReadError("the file changed while it was read: run again once it is complete")
            start = time.perf_counter()
            old = _older_frames(paths, file.frames, k)
            file = replace(file, notes=(*file.notes, *old), warnings=(*file.warnings, *old))
            file = replace(file, outputs=_written(paths, file.frames, k, staged))
            encode_others(file, paths, staged, work.writers.preview)
            file = replace(file, outputs=_written(paths, file.frames, k, staged))
            check_writable(staged.sizes(), force=paths.replaces)
            staged.commit()
            passes.seconds["write"] += time.perf_counter() - start
        return ClipResult(clip_record(file), file.command)


@dataclass
class _Work:
    """The work on one clip, whose writers are opened when its labels are known."""

    name: str
    source: Path | bytes
    paths: ClipPaths
    settings: ClipSettings
    clip: Clip
    passes: ClipPasses
    staged: StagedFiles
    writers: ClipWriters = field(default_factory=lambda: ClipWriters(()))

    def quantize(self) -> tuple[QuantizedClip, int]:
        """Fit the clip and write its frames in the colours of the fit. Returns what is known of it, and its k."""
        settings = self.settings
        fit, chosen = self.passes.fit()
        labeller = ClipLabeller(fit, dithering=settings.dithering, smooth=settings.smooth, still=settings.still)
        frames = self.passes.label(labeller, lambda stack: self._open(stack, fit.k, labeller, fit.frames), fit)
        notes = (*self.writers.notes, *_notes(fit, chosen))
        file = QuantizedClip(
            **vars(self._file(frames, notes)),
            options=fit.segments[0].palette.options,
            fit=fit,
            labels=labeller.result(),
            paint=settings.paint,
            assign=settings.assign,
            every=settings.every,
            refit=settings.refit,
            smooth=settings.smooth,
            still=settings.still,
            dithering=settings.dithering,
            chosen=chosen,
        )
        return file, fit.k

    def subtract_background(self) -> tuple[BackgroundClip, int]:
        """Write what moves in front of the background. Returns what is known of the clip, and its number of labels."""
        from colorquant.clips.background import ForegroundLabeller

        background = self.settings.background
        assert background is not None
        labeller = ForegroundLabeller(background)
        expected = self.clip.info.frames
        frames = self.passes.label(labeller, lambda stack: self._open(stack, background.k, None, expected), None)
        file = self._file(frames, self.writers.notes)
        return BackgroundClip(**vars(file), background=background, labels=labeller.result()), background.k

    def _open(self, stack: ExitStack, k: int, labeller: ClipLabeller | None, frames: int | None) -> ClipWriters:
        self.writers = ClipWriters.open(
            stack,
            self.paths,
            self.staged,
            self.clip.info,
            self.source,
            self.settings,
            k=k,
            labeller=labeller,
            frames=frames,
            ends_early=lambda: bool(self.passes.frames.broken),
        )
        return self.writers

    def _file(self, frames: int, notes: tuple[str, ...]) -> ClipFile:
        """What is known of the clip whatever was done with it; ``notes`` are the notes on that."""
        return ClipFile(
            name=self.name,
            info=self.clip.info,
            frames=frames,
            duration=self.passes.frames.duration,
            reading=self.settings.reading,
            seconds=self.passes.seconds,
            drawing=self.settings.drawing,
            notes=(*self.clip.info.notes, *notes),
            warnings=notes,
            command=clip_command(self.paths, self.settings),
            broken=self.passes.frames.broken,
        )


def _source(item: Input) -> Path | bytes:
    """The source of the clip: its file, or the bytes of a pipe, which can be read only once."""
    source = item.source
    assert not isinstance(source, Url), "the command line takes no URLs for clips"
    try:
        piped = isinstance(source, Path) and stat.S_ISFIFO(source.stat().st_mode)
    except (OSError, ValueError):  # what is wrong with the file is said when it is opened
        return source
    return item.read_bytes() if piped else source


def _state(source: Path | bytes) -> tuple[int, ...]:
    """What changes when a file is written to; empty for anything else."""
    if isinstance(source, bytes):
        return ()
    try:
        state = source.stat()
    except (OSError, ValueError):  # what is wrong with the file is said when it is opened
        return ()
    return (state.st_ino, state.st_size, state.st_mtime_ns) if stat.S_ISREG(state.st_mode) else ()


def _notes(fit: ClipFit, chosen: ChosenK | None) -> tuple[str, ...]:
    """Notes about the fit: entries that stay empty, and a target that was missed."""
    notes = [note for segment in fit.segments for note in shared_notes(segment.palette)]
    return (*dict.fromkeys(notes), *(() if chosen is None else chosen.warnings))


def _written(paths: ClipPaths, frames: int, k: int, staged: StagedFiles) -> tuple[WrittenOutput, ...]:
    """The outputs that have been staged, with their sizes."""
    sizes, written = staged.sizes(), []
    for files in paths.outputs().values():
        found = [path for path in files.each(frames=frames, k=k) if path in sizes]
        if found:
            written.append(WrittenOutput(str(found[0]), sum(sizes[path] for path in found), len(found)))
    return tuple(written)


def _older_frames(paths: ClipPaths, frames: int, k: int) -> tuple[str, ...]:
    """Warnings about numbered files of a longer run that would follow those of this one."""
    following = [next(files.each(frames=1, k=k, first=frames)) for files in paths.outputs().values() if files.per_frame]
    return tuple(f"{path} is left of a longer run, and perhaps more after it" for path in following if path.exists())
