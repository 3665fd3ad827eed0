"""Painted frames as videos: how far the decoded colours are from the painted ones, bytes, and CPU seconds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.clips import pan
from benchmarks.report import Section, Table
from benchmarks.settings import ROOT, Settings, say
from benchmarks.timing import measure
from colorquant.clips.fitting import fit_clip
from colorquant.clips.labelling import ClipLabeller
from colorquant.files import StagedFiles
from colorquant.fitting.options import FitOptions
from colorquant.video.av_writing import VideoFile
from colorquant.video.encodings import h264
from colorquant.video.frames import ClipInfo, Destination, Frame, FrameWriter, IndexedFrame
from colorquant.video.opening import open_clip
from colorquant.video.writing import open_label_writer, open_writer

K, FRAMES, RATE = 16, 50, 25
SAMPLE = ROOT / "sample_images" / "clip.mp4"
CRFS = {"mp4": (8, 12, 16, 20, 24), "mkv": (8, 12, 16, 20, 24), "webm": (8, 14, 20, 26)}
Opened = Callable[[Destination], FrameWriter]


@dataclass(frozen=True)
class Written:
    """One clip in one format: its size, the errors of decoded colours, and what writing it took.

    ``mse`` sums the channels, ``worst`` is the largest error of a channel, ``wrong`` the share of pixels that are
    nearer to another colour of the palette than to their own. They are None where no colours were written.
    """

    clip: str
    row: str
    kilobytes: float
    mse: float | None
    worst: int | None
    wrong: float | None
    milliseconds: float


def _kind(kind: str, crf: int | None) -> Opened:
    return lambda to: open_writer(kind, Destination(to.path, to.staged, to.info, crf=crf))


def _h264(crf: int, **options: str) -> Opened:
    """H.264 with other settings than those of the program."""

    def opened(to: Destination) -> FrameWriter:
        encoding = h264("mp4", to.info, crf)
        return VideoFile(to, replace(encoding, options={**encoding.options, **options}))

    return opened


def _rows() -> Iterator[tuple[str, Opened]]:
    for kind, values in CRFS.items():
        for crf in values:
            yield f".{kind}, --crf {crf}", _kind(kind, crf)
    yield ".mp4, crf 16, tune psnr", _h264(16, tune="psnr")
    yield ".mp4, crf 16, no B frames", _h264(16, bf="0")
    yield ".mp4, crf 16, preset medium", _h264(16, preset="medium")
    yield ".mp4, crf 16, no macroblock tree", _h264(16, mbtree="0")
    yield ".mkv, --crf 0", _kind("mkv", 0)
    yield "--labels mkv", lambda to: open_label_writer("mkv", to, k=K)


def _clips(settings: Settings) -> Iterator[tuple[str, list[Frame]]]:
    yield "sample clip", list(islice(open_clip(SAMPLE).frames(), FRAMES))
    times = ((Fraction(number, RATE), Fraction(1, RATE)) for number in range(FRAMES))
    yield "pan over a photograph", [Frame(rgb, None, *time) for rgb, time in zip(pan(settings.folder), times)]  # noqa: B905


def _written(clip: str, row: str, opened: Opened, frames: Sequence[IndexedFrame]) -> Written:
    height, width = frames[0].labels.shape
    rate = Fraction(RATE)
    info = ClipInfo(width, height, len(frames), None, rate, "benchmark", "benchmark", tick=1 / rate)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip"

        def write() -> None:
            with StagedFiles(force=True) as staged, opened(Destination(path, staged, info)) as writer:
                for frame in frames:
                    writer.write(frame)
                writer.finish()
                staged.commit()

        _, used = measure(write)
        errors = (None, None, None) if row.startswith("--labels") else _errors(path, frames)
        size = path.stat().st_size / len(frames) / 1000
    return Written(clip, row, size, *errors, milliseconds=used.cpu / len(frames) * 1000)


def _errors(path: Path, frames: Sequence[IndexedFrame]) -> tuple[float, int, float]:
    """The three errors of :class:`Written`, from every fifth frame."""
    squares = wrong = pixels = worst = 0
    for before, after in islice(zip(frames, open_clip(path).frames(), strict=True), 0, None, 5):
        colors = before.colors.astype(np.float32)
        decoded = after.rgb.reshape(-1, 3).astype(np.float32)
        error = decoded - colors[before.labels.reshape(-1)]
        squares += int(np.square(error).sum())
        worst = max(worst, int(np.abs(error).max()))
        distances = np.square(colors).sum(axis=1) - 2 * decoded @ colors.T  # less what all have in common
        own = distances[np.arange(len(decoded)), before.labels.reshape(-1)]
        wrong += int((distances.min(axis=1) < own).sum())
        pixels += before.labels.size
    return squares / pixels, worst, 100 * wrong / pixels


def run(settings: Settings) -> Section:
    """The section of the report."""
    records: list[Written] = []
    for clip, frames in _clips(settings):
        fit = fit_clip(frames, FitOptions("kmeans", k=K))
        labeller = ClipLabeller(fit)
        indexed = [labeller.label(frame) for frame in frames]
        for row, opened in _rows():
            records.append(_written(clip, row, opened, indexed))
            say(f"{clip}, {row}")
    clips = dict.fromkeys(record.clip for record in records)
    headers = ("format", "kB a frame", "MSE", "worst error", "nearer to another colour, %", "CPU ms a frame")
    tables = [
        Table(
            f"{clip}, k = {K}",
            headers,
            [
                (record.row, record.kilobytes, record.mse, record.worst, record.wrong, record.milliseconds)
                for record in records
                if record.clip == clip
            ],
        )
        for clip in clips
    ]
    return Section("Painted frames as videos", tables, records)
