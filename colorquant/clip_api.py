"""Clips in the Python API: open them, fit one palette to their frames, and write frames in its colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np

from colorquant.api import fit_options_of, requested_dithering
from colorquant.clips import fitting
from colorquant.clips.results import ClipFit
from colorquant.errors import ImageReadError, OptionError
from colorquant.files import StagedFiles, check_writable
from colorquant.fitting.engines import Progress
from colorquant.fitting.options import FitOptions
from colorquant.mapping.dithering import Dithering
from colorquant.types import UInt8Array
from colorquant.video import opening
from colorquant.video.frames import Clip, ClipInfo, ClipReading, Destination, Frame, IndexedFrame
from colorquant.video.writing import BY_SUFFIX, open_writer


@dataclass(frozen=True, eq=False)
class SourceClip:
    """A clip as :func:`open_clip` returns it: its ``info``, and its frames, as often as they are asked for."""

    clip: Clip = field(repr=False)
    source: Path | bytes = field(repr=False)
    reading: ClipReading

    @property
    def info(self) -> ClipInfo:
        """What is known of the clip before its frames are decoded: ``width``, ``height``, ``rate``, ``has_audio`` …"""
        return self.clip.info

    def frames(self) -> Iterator[Frame]:
        """Decode the frames, from the first one, each with ``rgb``, ``alpha``, ``time`` and ``duration``.

        Raises ImageReadError where a frame is broken or the file ends too early, and where there is no frame.
        """
        return self.clip.frames()


def open_clip(
    source: Path | str | bytes,
    *,
    start: float | Fraction | None = None,
    end: float | Fraction | None = None,
    fps: float | Fraction | None = None,
    scale: float | None = None,
    alpha: str = "keep",
) -> SourceClip:
    """Open a video or an animation: a path, or the bytes of a file.

    Frames from ``start`` to before ``end`` are read, in seconds, and resampled to ``fps`` frames per second where that
    is given; ``scale`` multiplies width and height. ``alpha`` says what to do with transparency, as ``--alpha`` does.
    Raises ImageReadError where it is no clip, EngineError for a video where PyAV is not installed, and OptionError.
    """
    reading = ClipReading(start=_exact(start), end=_exact(end), fps=_exact(fps), scale=scale, alpha=alpha)
    if not isinstance(source, (str, Path, bytes)):
        raise OptionError(f"{type(source).__name__} is no clip: give a path or bytes, or frames to fit_clip")
    source = Path(source) if isinstance(source, str) else source
    try:
        return SourceClip(opening.open_clip(source, reading), source, reading)
    except ImageReadError as error:
        raise ImageReadError(f"{source}: {error}" if isinstance(source, Path) else str(error)) from error


def frames_of(arrays: Iterable[UInt8Array], fps: float | Fraction = 25) -> Iterator[Frame]:
    """Arrays (h, w, 3) uint8 in RGB, or (h, w, 4) with alpha, as the frames of a clip of ``fps`` frames per second.

    Raises OptionError for other arrays, for arrays of different sizes, and for a rate that is not above 0.
    """
    rate, first = _exact(fps), None
    if rate is None or rate <= 0:
        raise OptionError(f"fps is {fps}: use a number of frames per second above 0")
    for number, array in enumerate(arrays):
        pixels = np.asarray(array)
        if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype != np.uint8 or not pixels.size:
            raise OptionError(f"frame {number} is {pixels.dtype} {pixels.shape}: give uint8 (height, width, 3 or 4)")
        first = first or pixels.shape[:2]
        if pixels.shape[:2] != first:
            raise OptionError(
                f"frame {number} is {pixels.shape[:2]}, and the first one {first}: give frames of one size"
            )
        alpha = np.ascontiguousarray(pixels[:, :, 3]) if pixels.shape[2] == 4 else None
        yield Frame(np.ascontiguousarray(pixels[:, :, :3]), alpha, number / rate, 1 / rate)


def fit_clip(
    clip: SourceClip | Path | str | bytes | Iterable[Frame],
    options: FitOptions | None = None,
    *,
    every: int = 1,
    refit: int | str | None = None,
    paint: str = "members",
    assign: str | None = None,
    dither: Dithering | str | None = None,
    progress: Progress | None = None,
    **fit_options: object,
) -> ClipFit:
    """Fit one palette to all frames of a clip, such as ``fit_clip("clip.mp4", k=4, method="em")``.

    ``clip`` is one that :func:`open_clip` opened, what that opens, or frames. Every one in ``every`` frames is counted.
    With ``refit`` a fit begins after so many frames, or with ``"cuts"`` at each new scene, and its labels continue
    those of the one before. The other options are those of :func:`colorquant.fit`. The result has ``segments`` with a
    ``palette`` each, one segment without ``refit``; a :class:`ClipLabeller` labels frames by it. Raises OptionError,
    EngineError and ImageReadError.
    """
    if isinstance(clip, (str, Path, bytes)):
        clip = open_clip(clip)
    return fitting.fit_clip(
        clip.frames() if isinstance(clip, SourceClip) else _checked(clip),
        fit_options_of(options, fit_options),
        every=every,
        refit=_refit(refit),
        paint=paint,
        assign=assign,
        dithering=requested_dithering(dither),
        progress=progress,
    )


def write_clip(
    path: Path | str,
    frames: Iterable[IndexedFrame],
    clip: SourceClip | None = None,
    *,
    crf: int | None = None,
    force: bool = False,
) -> tuple[str, ...]:
    """Write frames that a :class:`ClipLabeller` labelled, completely or not at all; the ending selects the kind.

    Videos are .mp4, .mkv and .webm, animations .gif, .png and .webp. ``clip`` is the one that the frames come from:
    its audio is copied, and an animation is repeated as often. ``crf`` is the quality of a video, the smaller the
    better. An existing file is replaced only with ``force``. Returns notes on what was changed, such as a row added for
    an even size. Raises OptionError for another ending, EngineError for a video where PyAV is not installed,
    OutputError, and what ``frames`` raises.
    """
    path = Path(path)
    kind = BY_SUFFIX.get(path.suffix.lower())
    if kind is None:
        raise OptionError(f"{path}: this kind is not written, use one of {', '.join(BY_SUFFIX)}")
    check_writable([path], force=force)
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ImageReadError("there are no frames: nothing is left to write")
    with StagedFiles(force=force) as staged:
        writer = open_writer(
            kind,
            Destination(
                path,
                staged,
                _info(first) if clip is None else clip.info,
                source=None if clip is None else clip.source,
                reading=ClipReading() if clip is None else clip.reading,
                crf=crf,
            ),
        )
        with writer:
            for frame in chain([first], frames):
                writer.write(frame)
            writer.finish()
            notes = writer.notes
        staged.commit()
    return notes


def _checked(frames: Iterable[Frame]) -> Iterator[Frame]:
    for frame in frames:
        if not isinstance(frame, Frame):
            raise OptionError(f"{type(frame).__name__} is no frame: frames_of makes frames of arrays")
        yield frame


def _info(frame: IndexedFrame) -> ClipInfo:
    """What is known of a clip by its first frame."""
    height, width = frame.labels.shape
    return ClipInfo(
        width=width,
        height=height,
        frames=None,
        duration=None,
        rate=1 / frame.duration if frame.duration else None,
        format="",
        codec="",
        has_alpha=frame.alpha is not None or frame.entry_alpha is not None,
        loops=0,
    )


def _refit(refit: int | str | None) -> fitting.Refit | None:
    if refit is None or isinstance(refit, fitting.Refit):
        return refit
    if refit == "cuts":
        return fitting.Refit(cuts=True)
    if not isinstance(refit, int) or isinstance(refit, bool):
        raise OptionError(f"refit is {refit!r}: use a number of frames, or 'cuts'")
    return fitting.Refit(frames=refit)


def _exact(number: float | Fraction | None) -> Fraction | None:
    """A number as a fraction, decimal ones as they are written. Raises OptionError for anything else."""
    try:
        return None if number is None else Fraction(str(number))
    except ValueError as error:
        raise OptionError(f"{number!r} is not a number: give seconds, or frames per second") from error
