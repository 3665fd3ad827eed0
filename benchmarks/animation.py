"""Animated GIFs of 256 colours beside those of ffmpeg: error, error after a blur, bytes, and CPU seconds."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image, ImageSequence

from benchmarks.pictures import RGB, small
from benchmarks.programs import found
from benchmarks.report import Cell, Section, Table
from benchmarks.settings import ROOT, Settings, say
from benchmarks.timing import run_child
from colorquant.analysis.blurring import blurred_mse
from colorquant.video.frames import ClipReading
from colorquant.video.opening import open_clip

K, FRAMES, RATE = 256, 60, 25
SIZE = (320, 240)  # of the clips that are made from photographs
WIDTH = 320  # of clips from files, at most
BLURRED_STEP = 6  # the error after a blur is that of every sixth frame
SAMPLE = ROOT / "sample_images" / "clip.mp4"
CLIPS = "clips"  # beside the pictures: a folder of clips that are measured too

PLAIN, SMOOTH = "colorquant", "colorquant --smooth 0.5"
DITHERED = "colorquant --dither floyd-steinberg --smooth 0.5"
WEAKER = "colorquant --dither floyd-steinberg --dither-strength 0.8 --smooth 0.5"
FFMPEG, DIFF = "ffmpeg, dither=none", "ffmpeg, stats_mode=diff, dither=none"
SIERRA, FLOYD, BAYER = "ffmpeg (sierra2_4a)", "ffmpeg, dither=floyd_steinberg", "ffmpeg, dither=bayer"
PAIRS = ((PLAIN, FFMPEG), (SMOOTH, FFMPEG), (SMOOTH, DIFF), (DITHERED, SIERRA), (WEAKER, SIERRA), (WEAKER, FLOYD))
Command = Callable[[Path, Path], list[str | Path]]


def _ours(*options: str) -> Command:
    words = [sys.executable, "-m", "colorquant", "video", "--method", "kmeans", "-k", str(K), *options]
    return lambda source, target: [*words, source, "-o", target, "--force", "--quiet"]


def _ffmpeg(use: str, generate: str = "palettegen") -> Command:
    graph = f"[0]split[a][b];[a]{generate}[p];[b][p]{use}"
    words = ["ffmpeg", "-v", "error", "-y", "-threads", "1", "-i"]
    return lambda source, target: [*words, source, "-filter_complex", graph, target]


ROWS: dict[str, Command] = {
    PLAIN: _ours(),
    SMOOTH: _ours("--smooth", "0.5"),
    FFMPEG: _ffmpeg("paletteuse=dither=none"),
    DIFF: _ffmpeg("paletteuse=dither=none", "palettegen=stats_mode=diff"),
    DITHERED: _ours("--dither", "floyd-steinberg", "--smooth", "0.5"),
    WEAKER: _ours("--dither", "floyd-steinberg", "--dither-strength", "0.8", "--smooth", "0.5"),
    SIERRA: _ffmpeg("paletteuse"),
    FLOYD: _ffmpeg("paletteuse=dither=floyd_steinberg"),
    BAYER: _ffmpeg("paletteuse=dither=bayer"),
}


@dataclass(frozen=True)
class Record:
    """One clip as a GIF: the mean errors of its frames, its bytes, those after ``gifsicle -O3``, and CPU seconds."""

    clip: str
    row: str
    mse: float
    mse_blurred: float
    size: int
    optimized: int | None
    cpu: float


def _sample(settings: Settings) -> Iterator[RGB]:
    del settings
    return (frame.rgb for frame in islice(open_clip(SAMPLE).frames(), FRAMES))


def _pan(settings: Settings) -> Iterator[RGB]:
    """A view that moves over a photograph by 1.7 pixels a frame, and by 0.6 down."""
    picture = Image.fromarray(small(settings.folder)[0].rgb())
    for number in range(FRAMES):
        left, top = 20 + 1.7 * number, 30 + 0.6 * number
        box = (left, top, left + SIZE[0], top + SIZE[1])
        yield np.asarray(picture.resize(SIZE, Image.Resampling.BILINEAR, box=box))


def _zoom(settings: Settings) -> Iterator[RGB]:
    """A view that closes in on the middle of a photograph."""
    picture = Image.fromarray(small(settings.folder)[-1].rgb())
    for number in range(FRAMES):
        share = 1 - 0.4 * number / FRAMES
        width, height = picture.width * share, picture.height * share
        left, top = (picture.width - width) / 2, (picture.height - height) / 2
        box = (left, top, left + width, top + height)
        yield np.asarray(picture.resize(SIZE, Image.Resampling.BOX, box=box))


def _file(path: Path) -> Callable[[Settings], Iterator[RGB]]:
    def frames(settings: Settings) -> Iterator[RGB]:
        del settings
        scale = min(1.0, WIDTH / open_clip(path).info.width)
        reading = ClipReading() if scale == 1 else ClipReading(scale=scale)
        return (frame.rgb for frame in islice(open_clip(path, reading).frames(), FRAMES))

    return frames


def _clips(settings: Settings) -> dict[str, Callable[[Settings], Iterator[RGB]]]:
    files = sorted((settings.folder / CLIPS).glob("*.*")) if settings.folder.is_dir() else []
    made = {"sample clip": _sample, "pan over a photograph": _pan, "zoom into a photograph": _zoom}
    return {**made, **{path.name: _file(path) for path in files}}


def _write_source(frames: Sequence[RGB], path: Path) -> None:
    """Write frames as a lossless video of RGB, which all programs read."""
    height, width = frames[0].shape[:2]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(RATE), "-i", "-"]
    words = ["ffmpeg", "-v", "error", "-y", *raw, "-c:v", "ffv1", "-pix_fmt", "bgr0", str(path)]
    subprocess.run(words, input=b"".join(frame.tobytes() for frame in frames), check=True)


def _shown(path: Path, count: int) -> list[RGB]:
    """What a GIF shows in the middle of each of ``count`` frames, decoded by Pillow."""
    with Image.open(path) as image:
        pages = [(np.array(page.convert("RGB")), page.info["duration"]) for page in ImageSequence.Iterator(image)]
    ends = np.cumsum([duration for _, duration in pages])
    places = np.searchsorted(ends, (np.arange(count) + 0.5) * 1000 / RATE, side="right")
    return [pages[min(int(place), len(pages) - 1)][0] for place in places]


def _errors(frames: Sequence[RGB], path: Path) -> tuple[float, float]:
    shown = _shown(path, len(frames))
    pairs = list(zip(frames, shown, strict=True))
    mse = fmean(3 * float(np.square(before.astype(np.int32) - after).mean()) for before, after in pairs)
    return mse, fmean(blurred_mse(before, after) for before, after in pairs[::BLURRED_STEP])


def _optimized(path: Path) -> int | None:
    """The bytes of a GIF after gifsicle, None where it is not installed."""
    if not found("gifsicle"):
        return None
    done = subprocess.run(["gifsicle", "-O3", str(path)], capture_output=True, check=True)
    return len(done.stdout)


def _measured(clip: str, frames: Sequence[RGB], settings: Settings, folder: Path) -> Iterator[Record]:
    source = folder / "source.mkv"
    _write_source(frames, source)
    targets = {row: folder / f"{number}.gif" for number, row in enumerate(ROWS)}
    cpu: dict[str, list[float]] = {row: [] for row in ROWS}
    for _ in range(settings.rounds):
        for row, command in ROWS.items():
            cpu[row].append(run_child(command(source, targets[row])).cpu)
    for row, target in targets.items():
        yield Record(clip, row, *_errors(frames, target), target.stat().st_size, _optimized(target), min(cpu[row]))


def _table(clip: str, records: Sequence[Record]) -> Table:
    rows: list[list[Cell]] = [
        [
            record.row,
            record.mse,
            record.mse_blurred,
            round(record.size / 1000),
            None if record.optimized is None else round(record.optimized / 1000),
            record.cpu,
        ]
        for record in records
        if record.clip == clip
    ]
    return Table(clip, ["", "MSE", "MSE blurred", "kB", "kB after gifsicle -O3", "CPU s"], rows)


def _ratios(records: Sequence[Record]) -> Table:
    value = {(record.clip, record.row): record for record in records}
    rows: list[list[Cell]] = []
    for ours, other in PAIRS:
        for clip in dict.fromkeys(record.clip for record in records):
            own, theirs = value[clip, ours], value[clip, other]
            errors = (_ratio(own.mse, theirs.mse), _ratio(own.mse_blurred, theirs.mse_blurred))
            sizes = (own.size / theirs.size, _ratio(own.optimized, theirs.optimized))
            rows.append([ours, other, clip, *errors, *sizes, own.cpu / theirs.cpu])
    headers = ["ours", "theirs", "clip", "MSE", "MSE blurred", "bytes", "bytes after gifsicle -O3", "CPU"]
    return Table("Ours divided by theirs", headers, rows, "To reach: errors below 1, bytes at most 1, CPU at most 3.")


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    """None where both have no error, or where a program is missing."""
    return ours / theirs if ours is not None and theirs else None


def run(settings: Settings) -> Section:
    """Write every clip as a GIF by every program."""
    if not found("ffmpeg"):
        return Section("Animated GIFs", [], [], ["all: needs the program ffmpeg"])
    records: list[Record] = []
    for clip, frames_of in _clips(settings).items():
        say(f"animation: {clip}")
        frames = [np.ascontiguousarray(frame) for frame in frames_of(settings)]
        folder = Path(tempfile.mkdtemp())
        try:
            records += _measured(clip, frames, settings, folder)
        finally:
            shutil.rmtree(folder)
    clips = dict.fromkeys(record.clip for record in records)
    skipped = [] if found("gifsicle") else ["gifsicle -O3: needs the program gifsicle"]
    return Section("Animated GIFs", [_ratios(records), *(_table(clip, records) for clip in clips)], records, skipped)
