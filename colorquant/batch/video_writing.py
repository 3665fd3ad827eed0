"""The writers of a clip's outputs: those that take frame after frame, and the files that show the whole clip."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from colorquant.batch.video_outputs import ClipPaths
from colorquant.batch.video_settings import ClipSettings
from colorquant.files import StagedFiles
from colorquant.palette.palette import Palette
from colorquant.report import figures
from colorquant.report.clip_file import BackgroundClip, QuantizedClip
from colorquant.video.frames import ClipInfo, Destination, Frame, FrameWriter, IndexedFrame
from colorquant.video.writing import (
    CLIP_KINDS,
    PosteriorWriter,
    open_label_writer,
    open_mask_writer,
    open_posterior_writer,
    open_writer,
)

if TYPE_CHECKING:
    from colorquant.clips.labelling import ClipLabeller
    from colorquant.report.html.clip_previews import ClipPreview, PreviewWriter


class Labeller(Protocol):
    """Labels the frames of a clip, in their order."""

    def label(self, frame: Frame) -> IndexedFrame:
        """The next frame in the colours of a palette."""
        ...


@dataclass
class ClipWriters:
    """The open writers of one clip.

    ``posteriors`` has the writer of posteriors and who knows them, if they are requested. ``previewing`` makes the
    ``preview`` of a page, which is there once all is finished.
    """

    frames: tuple[FrameWriter, ...]
    posteriors: tuple[PosteriorWriter, ClipLabeller] | None = None
    previewing: PreviewWriter | None = None
    preview: ClipPreview | None = None

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
        labeller: ClipLabeller | None,
        frames: int | None,
        ends_early: Callable[[], bool],
    ) -> ClipWriters:
        """Open the writers of ``paths``, which ``stack`` closes; ``k`` is the number of labels.

        ``labeller`` knows the posteriors, if they are requested; ``frames`` is the number of frames, None where it is
        unknown. ``ends_early`` is that of :class:`colorquant.video.frames.Destination`. Raises OutputError,
        OptionError and EngineError.
        """
        writers: list[FrameWriter] = []
        for kind, path in paths.painted.items():
            writer = open_writer(
                kind,
                Destination(
                    path,
                    staged,
                    info,
                    source=source,
                    reading=settings.reading,
                    crf=None if CLIP_KINDS[kind].crf is None else settings.crf,
                    ends_early=ends_early,
                ),
            )
            writers.append(stack.enter_context(writer))

        def destination(kind: str) -> Destination:
            return Destination(paths.others[kind], staged, info)

        if "labels" in paths.others:
            ending = paths.others["labels"].suffix[1:]
            writers.append(stack.enter_context(open_label_writer(ending, destination("labels"), k=k)))
        if "masks" in paths.others:
            writers.append(stack.enter_context(open_mask_writer(destination("masks"), k=k)))
        posteriors = previewing = None
        if "posteriors" in paths.others:
            assert labeller is not None, "only fits have posteriors"
            ending = paths.others["posteriors"].suffix[1:]
            writer_of_posteriors = open_posterior_writer(ending, destination("posteriors"), k=k)
            posteriors = stack.enter_context(writer_of_posteriors), labeller
        if "html" in paths.others:
            from colorquant.report.html.clip_previews import PreviewWriter

            previewing = stack.enter_context(PreviewWriter(info, frames, page=paths.others["html"]))
        return cls(tuple(writers), posteriors, previewing)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed when the frames were written, each sentence once."""
        return tuple(dict.fromkeys(note for writer in self.frames for note in writer.notes))

    def write(self, frame: Frame, indexed: IndexedFrame) -> None:
        """Write the next frame to all outputs. Raises OutputError."""
        for writer in self.frames:
            writer.write(indexed)
        if self.posteriors is not None:
            writing, labeller = self.posteriors
            writing.write(labeller.posteriors(frame))
        if self.previewing is not None:
            self.previewing.write(frame, indexed)

    def finish(self) -> None:
        """Complete all files. Raises OutputError."""
        for writer in self.frames:
            writer.finish()
        if self.posteriors is not None:
            self.posteriors[0].finish()
        if self.previewing is not None:
            self.preview = self.previewing.finish()


def encode_others(
    file: QuantizedClip | BackgroundClip, paths: ClipPaths, staged: StagedFiles, preview: ClipPreview | None
) -> None:
    """Make the files that show the whole clip; ``preview`` is for a page. Raises OutputError."""
    if "palette" in paths.others:
        assert isinstance(file, QuantizedClip), "the request refuses a palette where there is no fit"
        path, palette = paths.others["palette"], file.fit.segments[0].palette
        staged.add(path, Palette(palette.colors, file.labels.counts, palette.alpha).encode(path.name))
    if "figure" in paths.others:
        path = paths.others["figure"]
        staged.add(path, figures.encode_clip(file, path.suffix.lower()))
    if "html" in paths.others:
        from colorquant.report.html.clip import clip_page

        assert preview is not None, "a clip with a page is previewed"
        staged.add(paths.others["html"], clip_page(file, preview))
