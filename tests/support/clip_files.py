"""Clips as reports get them: tiny frames, fitted and labelled without any file."""

import itertools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from colorquant.clips.background import ForegroundLabeller
from colorquant.clips.results import ClipFit, ClipLabels, Segment, Steadiness, Timeline
from colorquant.color.difference import mse
from colorquant.color.histogram import ColorHistogram
from colorquant.fitted_palette import fit_palette
from colorquant.fitting.engines import resolve
from colorquant.fitting.options import FitOptions
from colorquant.report.clip_file import BackgroundClip, QuantizedClip, WrittenOutput
from colorquant.types import UInt8Array
from colorquant.video.background import BackgroundOptions
from colorquant.video.frames import ClipInfo, Frame, IndexedFrame

FPS = 10


def moving_frames(count: int = 8, height: int = 12, width: int = 16) -> list[UInt8Array]:
    """Frames (h, w, 3) of a red block that moves over a noisy blue background."""
    noise = np.random.default_rng(3)
    frames = []
    for number in range(count):
        frame = np.full((height, width, 3), (30, 60, 160), np.int16)
        frame[2:7, number % width : number % width + 4] = (220, 40, 30)
        frames.append(np.clip(frame + noise.integers(-6, 7, frame.shape), 0, 255).astype(np.uint8))
    return frames


def quantized_clip(
    frames: Sequence[UInt8Array], k: int = 2, method: str = "em", segments: int = 1, **changes: object
) -> QuantizedClip:
    """The clip of ``frames`` in ``k`` colours, with a fit for each of ``segments`` parts of the same length."""
    options = resolve(FitOptions(method, k))
    bounds = np.linspace(0, len(frames), segments + 1).round().astype(int).tolist()
    parts = []
    for first, end in itertools.pairwise(bounds):
        histogram = ColorHistogram.count(np.concatenate(list(frames[first:end])))
        parts.append(Segment(first, end, fit_palette(histogram, options), Fraction(first, FPS)))
    fit = ClipFit(tuple(parts), len(frames), len(frames), 321, cuts=tuple(bounds[1:-1]) if segments > 1 else None)
    indexed = indexed_frames(fit, frames)
    counts = np.array([np.bincount(one.labels.reshape(-1), minlength=fit.k) for one in indexed])
    errors = [mse(frame.reshape(-1, 3), one.rgb.reshape(-1, 3)) for frame, one in zip(frames, indexed, strict=True)]
    labels = ClipLabels(
        frames=len(frames),
        counts=counts.sum(axis=0),
        transparent=0,
        mse=float(np.mean(errors)),
        timeline=Timeline(np.arange(len(frames)) / FPS, counts / counts.sum(axis=1, keepdims=True)),
        steadiness=Steadiness(0.0123, 0.04, 4.0) if len(frames) > 1 else None,
    )
    height, width = frames[0].shape[:2]
    duration = Fraction(len(frames), FPS)
    file = QuantizedClip(
        name="clip.mp4",
        info=ClipInfo(width, height, len(frames), duration, Fraction(FPS), "mp4", "h264", bytes_in=20_000),
        frames=len(frames),
        duration=duration,
        outputs=(WrittenOutput(f"clip-{method}{k}.mp4", 8_000),),
        seconds={"read": 0.5, "count": 0.25, "fit": 0.75, "label": 0.25, "write": 0.25},
        command=f"colorquant video clip.mp4 -k {k}",
        options=options,
        fit=fit,
        labels=labels,
    )
    return QuantizedClip(**{**vars(file), **changes})


def indexed_frames(fit: ClipFit, frames: Sequence[UInt8Array]) -> list[IndexedFrame]:
    """The frames in the colours of the fit."""
    indexed = []
    for segment in fit.segments:
        for number in range(segment.first, segment.end):
            labels = segment.palette.predict(frames[number])
            time, duration = Fraction(number, FPS), Fraction(1, FPS)
            indexed.append(IndexedFrame(labels, segment.palette.colors, time, duration))
    return indexed


def background_clip(
    frames: Sequence[UInt8Array],
    options: BackgroundOptions = BackgroundOptions(),  # noqa: B008  it is frozen
) -> tuple[BackgroundClip, list[IndexedFrame]]:
    """The clip of ``frames`` after background subtraction, and its frames."""
    labeller = ForegroundLabeller(options)
    duration = Fraction(1, FPS)
    indexed = [labeller.label(Frame(frame, None, number * duration, duration)) for number, frame in enumerate(frames)]
    height, width = frames[0].shape[:2]
    clip = BackgroundClip(
        name="clip.mp4",
        info=ClipInfo(width, height, len(frames), len(frames) * duration, Fraction(FPS), "mp4", "h264"),
        frames=len(frames),
        duration=len(frames) * duration,
        background=options,
        labels=labeller.result(),
    )
    return clip, indexed
