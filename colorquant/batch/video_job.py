"""The job of ``video``: a clip in, its painted frames and its other files out, all or none.

A first pass over the frames counts colours for the fit, a second one labels the frames and hands each to the writers of
all outputs, so that memory does not grow with the number of frames.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from colorquant.batch.command import clip_command
from colorquant.batch.inputs import Input
from colorquant.batch.notes import shared_notes
from colorquant.batch.video_outputs import ClipPaths
from colorquant.batch.video_settings import ClipSettings
from colorquant.batch.video_writing import ClipWriters, encode_others
from colorquant.clips.fitting import fit_clip
from colorquant.clips.labelling import ClipLabeller
from colorquant.clips.results import ClipFit, ClipLabels
from colorquant.color.histogram import ColorHistogram
from colorquant.errors import ImageReadError
from colorquant.files import StagedFiles, check_writable
from colorquant.fitting.engines import Progress
from colorquant.report.clip_file import QuantizedClip, WrittenOutput
from colorquant.report.video_records import ClipRecord, clip_record, skipped_clip
from colorquant.report.words import counted
from colorquant.shared_palette import FittedPalette
from colorquant.video.frames import Clip, Frame
from colorquant.video.opening import open_clip

if TYPE_CHECKING:
    from colorquant.analysis.auto_k import ChosenK

COUNTING, WRITING = "counting colours", "writing frames"  # the two passes
ClipProgress = Callable[[str, int, int | None], None]  # the pass, how many frames it has done, and of how many


@dataclass(frozen=True)
class ClipResult:
    """The result of a :class:`ClipJob`: small enough to be sent between processes.

    ``record`` is the clip's JSON object, and ``command`` a shell command that repeats the run for this clip, empty for
    a clip that was skipped. ``failure`` says why the clip ends early, empty where it is whole.
    """

    record: ClipRecord
    command: str = ""
    failure: str = ""


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
        """Fit the clip and write its files, all or none.

        Raises ImageReadError, OptionError, EngineError, TargetError and OutputError.
        """
        if paths.skip_existing and paths.is_complete():
            return ClipResult(skipped_clip(item.name, str(paths.files()[0])))
        paths.check()
        before = _state(item.source)
        clip = open_clip(item.source, self.settings.reading)
        frames = _Frames(clip, self.settings.keep_partial)
        seconds: dict[str, float] = {}
        fit, chosen = self._fit(clip, frames, seconds)
        command = clip_command(paths, self.settings)
        with StagedFiles(force=paths.replaces) as staged:
            labels, writers = self._label(item, paths, clip, frames, fit, staged, seconds)
            if _state(item.source) != before:
                raise ImageReadError("the file changed while it was read: run again once it is complete")
            file = self._file(item, clip, frames, fit, labels, chosen)
            start = time.perf_counter()
            told = (*writers.notes, *_notes(fit, chosen))
            file = replace(file, notes=(*clip.info.notes, *told), warnings=told, command=command)
            file = replace(file, seconds=seconds, outputs=_written(paths, fit, staged))
            encode_others(file, paths, staged)
            file = replace(file, outputs=_written(paths, fit, staged))
            check_writable(staged.sizes(), force=paths.replaces)
            staged.commit()
            seconds["write"] += time.perf_counter() - start
        return ClipResult(clip_record(file), command, frames.broken)

    def _fit(self, clip: Clip, frames: _Frames, seconds: dict[str, float]) -> tuple[ClipFit, ChosenK | None]:
        """The first pass. ``seconds`` gets its wall times."""
        settings, chosen, number = self.settings, [], 0

        def show() -> None:
            nonlocal number
            number += 1
            if self.shown is not None:
                self.shown(COUNTING, number, clip.info.frames)

        def choose(total: ColorHistogram, fit: Callable[[int], FittedPalette]) -> FittedPalette:
            from colorquant.analysis.shared_k import choose_shared_k

            assert settings.auto is not None

            def attempt(k: int) -> FittedPalette:
                if self.trying is not None:
                    self.trying(k)
                return fit(k)

            choice, palette = choose_shared_k(total, settings.auto, attempt)
            chosen.append(choice)
            return palette

        start = time.perf_counter()
        fit = fit_clip(
            frames,
            settings.options,
            every=settings.every,
            paint=settings.paint,
            assign=settings.assign,
            dithering=settings.dithering,
            choose=None if settings.auto is None else choose,
            progress=self.progress,
            counted=show,
        )
        seconds["read"], seconds["count"] = frames.reading, frames.using
        seconds["fit"] = max(0.0, time.perf_counter() - start - frames.reading - frames.using)
        return fit, chosen[0] if chosen else None

    def _label(
        self,
        item: Input,
        paths: ClipPaths,
        clip: Clip,
        frames: _Frames,
        fit: ClipFit,
        staged: StagedFiles,
        seconds: dict[str, float],
    ) -> tuple[ClipLabels, ClipWriters]:
        """The second pass. ``seconds`` gets its wall times."""
        settings, number, writing = self.settings, 0, 0.0
        labeller = ClipLabeller(fit, dithering=settings.dithering, smooth=settings.smooth, still=settings.still)
        frames.reading = frames.using = 0.0
        with ExitStack() as stack:
            writers = ClipWriters.open(stack, paths, staged, clip.info, item.source, settings, k=fit.k)
            for number, frame in enumerate(frames, 1):
                if number > fit.frames:
                    break
                indexed = labeller.label(frame)
                start = time.perf_counter()
                writers.write(frame, indexed, labeller)
                writing += time.perf_counter() - start
                if self.shown is not None:
                    self.shown(WRITING, number, fit.frames)
            if number != fit.frames:
                raise ImageReadError(
                    f"it had {counted(fit.frames, 'frame')} when its colours were counted, and now it has "
                    f"{'more' if number > fit.frames else number}: run again once the file is complete"
                )
            start = time.perf_counter()
            writers.finish()
            writing += time.perf_counter() - start
        seconds["read"] += frames.reading
        seconds["label"], seconds["write"] = max(0.0, frames.using - writing), writing
        return labeller.result(), writers

    def _file(
        self,
        item: Input,
        clip: Clip,
        frames: _Frames,
        fit: ClipFit,
        labels: ClipLabels,
        chosen: ChosenK | None,
    ) -> QuantizedClip:
        """What records and pages show, without what is known only when everything is written."""
        settings = self.settings
        return QuantizedClip(
            name=item.name,
            info=clip.info,
            frames=fit.frames,
            duration=frames.duration,
            reading=settings.reading,
            broken=frames.broken,
            options=fit.segments[0].palette.options,
            fit=fit,
            labels=labels,
            paint=settings.paint,
            assign=settings.assign,
            every=settings.every,
            refit=settings.refit,
            smooth=settings.smooth,
            still=settings.still,
            dithering=settings.dithering,
            chosen=chosen,
            drawing=settings.drawing,
        )


class _Frames:
    """The frames of a clip, for both passes alike.

    With ``keep_partial`` they end before a broken frame, unless that is the first; then ``broken`` says so.
    ``reading`` and ``using`` are the seconds that reading took, and what was done with the frames. ``duration`` is the
    sum of their durations, in seconds.
    """

    def __init__(self, clip: Clip, keep_partial: bool) -> None:
        self._clip, self._keep_partial = clip, keep_partial
        self._limit: int | None = None
        self.broken = ""
        self.reading = self.using = 0.0
        self.duration = Fraction(0)

    def __iter__(self) -> Iterator[Frame]:
        frames, number = iter(self._clip.frames()), 0
        self.duration = Fraction(0)
        while number != self._limit:
            start = time.perf_counter()
            try:
                frame = next(frames, None)
            except ImageReadError as error:
                if not (self._keep_partial and number):
                    raise
                self._limit = number
                self.broken = f"{error}; --keep-partial wrote the {counted(number, 'frame')} before it"
                return
            finally:
                self.reading += time.perf_counter() - start
            if frame is None:
                return
            number += 1
            self.duration += frame.duration
            start = time.perf_counter()
            yield frame
            self.using += time.perf_counter() - start


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


def _written(paths: ClipPaths, fit: ClipFit, staged: StagedFiles) -> tuple[WrittenOutput, ...]:
    """The outputs that have been staged, with their sizes."""
    sizes, written = staged.sizes(), []
    for files in paths.outputs().values():
        found = [path for path in files.each(frames=fit.frames, k=fit.k) if path in sizes]
        if found:
            written.append(WrittenOutput(str(found[0]), sum(sizes[path] for path in found), len(found)))
    return tuple(written)
