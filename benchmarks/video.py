"""Clips: frames per CPU second of counting, fitting and labelling, beside what is done with frames elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

import numpy as np

from benchmarks.clips import CLIPS
from benchmarks.pictures import RGB
from benchmarks.report import Section, Table
from benchmarks.settings import Settings, say
from benchmarks.timing import interleaved, measure
from colorquant.clips.fitting import fit_clip
from colorquant.clips.labelling import ClipLabeller
from colorquant.color.packing import pack
from colorquant.errors import EngineError
from colorquant.fitting.options import FitOptions
from colorquant.video.frames import Frame

K, FRAMES = 16, 250
ITERATIONS = 10  # of cv2.kmeans
SUBTRACTION, KMEANS, UNIQUE = "cv2 MOG2 per frame", "cv2.kmeans per frame", "np.unique per frame"
FEW = {KMEANS: 3, UNIQUE: 10}  # frames, where more would take too long
NOTE = (
    f"Frames per CPU second at 640 × 360, {FRAMES} frames, K = {K}, one thread, medians of rounds in which rows take"
    " turns. Ours: every frame is counted, the sum is fitted, every frame is labelled, with the exact error, the shares"
    " over time and the steadiness; decoding and encoding are left out. cv2.kmeans: one attempt from k-means++,"
    f" {ITERATIONS} iterations, {FEW[KMEANS]} frames; MOG2: its defaults, all frames; np.unique: of packed colours,"
    f" which is counting alone, {FEW[UNIQUE]} frames. The ratios are medians of ratios round by round."
)


@dataclass(frozen=True)
class Record:
    """One row on one clip: frames per CPU second of each round."""

    clip: str
    row: str
    rates: tuple[float, ...]


def _frames(clip: Sequence[RGB]) -> Iterator[Frame]:
    for number, rgb in enumerate(clip):
        yield Frame(rgb, None, Fraction(number, 25), Fraction(1, 25))


def _ours(method: str) -> Callable[[Sequence[RGB]], None]:
    def run(clip: Sequence[RGB]) -> None:
        labeller = ClipLabeller(fit_clip(_frames(clip), FitOptions(method, K)))
        for frame in _frames(clip):
            labeller.label(frame)
        assert labeller.result().frames == len(clip)

    return run


def _cv2_kmeans(clip: Sequence[RGB]) -> None:
    import cv2

    criteria = (cv2.TERM_CRITERIA_MAX_ITER, ITERATIONS, 0)
    for rgb in clip:
        pixels = rgb.reshape(-1, 3).astype(np.float32)
        _, labels, centers = cv2.kmeans(pixels, K, np.empty(0, np.int32), criteria, 1, cv2.KMEANS_PP_CENTERS)
        np.rint(centers).astype(np.uint8)[labels.reshape(-1)]


def _subtraction(clip: Sequence[RGB]) -> None:
    import cv2

    subtractor = cv2.createBackgroundSubtractorMOG2()
    for rgb in clip:
        subtractor.apply(rgb)


def _unique(clip: Sequence[RGB]) -> None:
    for rgb in clip:
        np.unique(pack(rgb), return_counts=True)


ROWS: dict[str, Callable[[Sequence[RGB]], None]] = {
    "colorquant kmeans": _ours("kmeans"),
    "colorquant em": _ours("em"),
    KMEANS: _cv2_kmeans,
    SUBTRACTION: _subtraction,
    UNIQUE: _unique,
}


def _rate(row: str, clip: Sequence[RGB]) -> float:
    part = clip[: FEW.get(row, len(clip))]
    _, usage = measure(lambda: ROWS[row](part))
    return len(part) / usage.cpu


def run(settings: Settings) -> Section:
    """Measure every row on every clip."""
    records: list[Record] = []
    skipped: list[str] = []
    for name, draw in CLIPS.items():
        try:
            clip = list(draw(settings.folder, FRAMES))
        except EngineError as problem:
            skipped.append(f"{name}: {problem}")
            continue
        say(f"video: {name}")
        rates = interleaved(
            {row: lambda row=row: _rate(row, clip) for row in ROWS},  # type: ignore[misc]  # noqa: B023  called at once
            dict.fromkeys(ROWS, settings.rounds),
        )
        records += [Record(name, row, tuple(found)) for row, found in rates.items()]
    found = {(record.clip, record.row): record.rates for record in records}
    clips = list(dict.fromkeys(record.clip for record in records))

    def ratio(clip: str, row: str, other: str) -> float:
        return median(one / two for one, two in zip(found[clip, row], found[clip, other], strict=True))

    rows: list[list[str | float | int | None]] = [
        [
            clip,
            row,
            median(found[clip, row]),
            *(ratio(clip, row, other) if row != other else None for other in (KMEANS, SUBTRACTION)),
        ]
        for clip in clips
        for row in ROWS
    ]
    headers = ["clip", "", "frames per CPU second", "of cv2.kmeans", "of MOG2"]
    return Section("Clips", [Table(f"Frames per CPU second, K = {K}", headers, rows, NOTE)], records, skipped)
