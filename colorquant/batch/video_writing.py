"""The writers of a clip's outputs: those that take frame after frame, and the files that show the whole clip."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colorquant.batch.video_outputs import ClipPaths
from colorquant.batch.video_settings import ClipSettings
from colorquant.files import StagedFiles
from colorquant.palette.palette import Palette
from colorquant.report import figures
from colorquant.video.frames import ClipInfo, Frame, FrameWriter, IndexedFrame
from colorquant.video.writing import (
    CLIP_KINDS,
    Destination,
    PosteriorWriter,
    open_label_writer,
    open_mask_writer,
    open_posterior_writer,
    open_writer,
)

if TYPE_CHECKING:
    from colorquant.clips.labelling import ClipLabeller
    from colorquant.report.clip_file import QuantizedClip


@dataclass(frozen=True)
class ClipWriters:
    """The open writers of one clip. ``posteriors`` is None where they are not requested."""

    frames: tuple[FrameWriter, ...]
    posteriors: PosteriorWriter | None = None

    @classmethod
    def open(
        cls,
        stack: ExitStack,
        paths: ClipPaths,
        staged: StagedFiles,
        info: ClipInfo,
        source: Path | bytes,
        settings: ClipSettings,
        *,
        k: int,
    ) -> ClipWriters:
        """Open the writers of ``paths``, which ``stack`` closes; ``k`` is the number of labels.

        Raises OutputError, OptionError and EngineError.
        """
        writers: list[FrameWriter] = []
        for kind, path in paths.painted.items():
            writer = open_writer(
                kind,
                path,
                staged,
                info,
                source=source,
                reading=settings.reading,
                crf=None if CLIP_KINDS[kind].crf is None else settings.crf,
            )
            writers.append(stack.enter_context(writer))

        def destination(kind: str) -> Destination:
            return Destination(paths.others[kind], staged, info)

        if "labels" in paths.others:
            ending = paths.others["labels"].suffix[1:]
            writers.append(stack.enter_context(open_label_writer(ending, destination("labels"), k=k)))
        if "masks" in paths.others:
            writers.append(stack.enter_context(open_mask_writer(destination("masks"), k=k)))
        posteriors = None
        if "posteriors" in paths.others:
            ending = paths.others["posteriors"].suffix[1:]
            posteriors = stack.enter_context(open_posterior_writer(ending, destination("posteriors"), k=k))
        return cls(tuple(writers), posteriors)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed when the frames were written, each sentence once."""
        return tuple(dict.fromkeys(note for writer in self.frames for note in writer.notes))

    def write(self, frame: Frame, indexed: IndexedFrame, labeller: ClipLabeller) -> None:
        """Write the next frame to all outputs. Raises OutputError."""
        for writer in self.frames:
            writer.write(indexed)
        if self.posteriors is not None:
            self.posteriors.write(labeller.posteriors(frame))

    def finish(self) -> None:
        """Complete all files. Raises OutputError."""
        for writer in self.frames:
            writer.finish()
        if self.posteriors is not None:
            self.posteriors.finish()


def encode_others(file: QuantizedClip, paths: ClipPaths, staged: StagedFiles) -> None:
    """Make the files that show the whole clip. Raises OutputError."""
    if "palette" in paths.others:
        path, palette = paths.others["palette"], file.fit.segments[0].palette
        staged.add(path, Palette(palette.colors, file.labels.counts, palette.alpha).encode(path.name))
    if "figure" in paths.others:
        path = paths.others["figure"]
        staged.add(path, figures.encode_clip(file, path.suffix.lower()))
