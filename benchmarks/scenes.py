"""Scenes that change: fits that start from the one before beside fits without a start, and the cuts that are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from statistics import fmean, median

import numpy as np
from PIL import Image
from scipy.optimize import linear_sum_assignment

from benchmarks.pictures import RGB, small
from benchmarks.report import Cell, Section, Table
from benchmarks.settings import Settings, say
from benchmarks.timing import measure
from colorquant.applying import label_colors
from colorquant.clips.cuts import find_cuts
from colorquant.clips.matching import continued
from colorquant.color.difference import mse
from colorquant.color.histogram import ColorHistogram
from colorquant.fitted_palette import FittedPalette, fit_palette
from colorquant.fitting.options import FitOptions
from colorquant.video.frames import Frame

WIDTH, HEIGHT = 320, 180
SEGMENTS, FRAMES = 6, 8  # of the clips that are fitted, and in each segment
PICTURES = 2  # from which a clip of each kind is made
FITS = [
    FitOptions("kmeans", 4),
    FitOptions("kmeans", 16),
    FitOptions("kmeans", 64),
    FitOptions("em", 4),
    FitOptions("em", 16),
    FitOptions("em", 8, covariance="full"),
]
SCENES, LEAST, MOST = 200, 12, 40  # scenes of the clips with cuts, and the frames of each
MOTIONS = ("still", "pan", "zoom", "object", "flicker", "whip pan")
JOINTS = ("cut", "cut", "cut", "dissolve", "fade")
Box = tuple[float, float, float, float]


def _view(rgb: RGB, box: Box) -> RGB:
    """The part of a picture inside ``box``, whose left, top, right and lower edges are shares of its size."""
    height, width = rgb.shape[:2]
    edges = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    return np.asarray(Image.fromarray(rgb).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, box=edges))


def _zoomed(rgb: RGB, step: float) -> RGB:
    """A view that goes from the whole picture, ``step`` 0, to a quarter of it, 1."""
    edge = 0.375 * step
    return _view(rgb, (edge, edge, 1 - edge, 1 - edge))


def _panned(rgb: RGB, step: float) -> RGB:
    """A view of half the picture's width that goes from its left to its right."""
    return _view(rgb, (step / 2, 0.25 * step, 0.5 + step / 2, 0.5 + 0.25 * step))


def _mixed(one: RGB, other: RGB, share: float) -> RGB:
    return np.rint(one * (1 - share) + other.astype(np.float64) * share).astype(np.uint8)


def _darkened(rgb: RGB, share: float) -> RGB:
    return np.rint(rgb * (1 - share)).astype(np.uint8)


WHOLE = (0.0, 0.0, 1.0, 1.0)
CHANGES: dict[str, Callable[[RGB, RGB, float], RGB]] = {
    "zoom": lambda one, other, step: _zoomed(one, step),
    "pan": lambda one, other, step: _panned(one, step),
    "evening": lambda one, other, step: _darkened(_view(one, WHOLE), 0.7 * step),
    "dissolve": lambda one, other, step: _mixed(_view(one, WHOLE), _view(other, WHOLE), step),
    "cuts": lambda one, other, step: _panned((one, other)[int(step * SEGMENTS * 0.9999) % 2], step),
}


@dataclass(frozen=True)
class Record:
    """One fit that started from the one before, ``warm``, beside one without a start.

    ``error`` is the quotient of their MSE, ``log_likelihood`` the difference per pixel, ``cpu`` the quotient of the
    seconds. ``agreement`` is the share of the pixels of the segment's first frame that keep their label, and ``best``
    the largest share that any assignment of the labels has.
    """

    clip: str
    method: str
    k: int
    error: float
    log_likelihood: float | None
    cpu: float
    agreement: float
    best: float


def _histogram(frames: list[RGB]) -> ColorHistogram:
    return ColorHistogram.count(np.concatenate([frame.reshape(-1, 3) for frame in frames]))


def _segments(frames: list[RGB]) -> list[tuple[RGB, ColorHistogram]]:
    """The first frame of each segment, and the colours of all of its frames."""
    return [(frames[i], _histogram(frames[i : i + FRAMES])) for i in range(0, len(frames), FRAMES)]


def _error(palette: FittedPalette, histogram: ColorHistogram) -> float:
    painted = label_colors(palette, histogram.colors)[1]
    return mse(histogram.colors, painted, histogram.integer_weights)


def _agreement(before: FittedPalette, palette: FittedPalette, frame: RGB) -> tuple[float, float]:
    histogram = _histogram([frame])
    one, other = (label_colors(part, histogram.colors)[0] for part in (before, palette))
    size = max(len(before), len(palette))
    shares = np.zeros((size, size))
    np.add.at(shares, (one, other), histogram.counts / histogram.pixels)
    return float(np.trace(shares)), float(shares[linear_sum_assignment(-shares)].sum())


def _followed(name: str, segments: list[tuple[RGB, ColorHistogram]], options: FitOptions) -> Iterator[Record]:
    """Fit the segments, each its first frame and its colours, one after the other, and without a start beside it."""
    before: FittedPalette | None = None
    for first, histogram in segments:
        cold, alone = measure(lambda: fit_palette(histogram, options))  # noqa: B023  called at once
        if before is None:
            before = cold
            continue
        warm, used = measure(lambda: fit_palette(histogram, options, start=before))  # noqa: B023  called at once
        warm = continued(warm, before)
        agreement, best = _agreement(before, warm, first)
        gain = None
        if warm.log_likelihood is not None and cold.log_likelihood is not None:
            gain = warm.log_likelihood - cold.log_likelihood
        quotient = _error(warm, histogram) / _error(cold, histogram)
        yield Record(name, options.method, options.k, quotient, gain, used.cpu / alone.cpu, agreement, best)
        before = warm


def _fits(pictures: list[RGB]) -> tuple[Table, list[Record]]:
    records: list[Record] = []
    rows: list[list[Cell]] = []
    steps = np.linspace(0, 1, SEGMENTS * FRAMES)
    for name, change in CHANGES.items():
        pairs = list(zip(pictures, pictures[1:] + pictures[:1], strict=True))[:PICTURES]
        clips = [_segments([change(one, other, float(step)) for step in steps]) for one, other in pairs]
        for options in FITS:
            say(f"scenes: {name}, {options.method}, K = {options.k}")
            found = [record for segments in clips for record in _followed(name, segments, options)]
            gains = [record.log_likelihood for record in found if record.log_likelihood is not None]
            rows.append(
                [
                    name,
                    f"{options.method}{options.k}{' full' if options.covariance else ''}",
                    fmean(record.error for record in found),
                    max(record.error for record in found),
                    f"{fmean(gains):+.3f}" if gains else "",
                    median(record.cpu for record in found),
                    fmean(record.agreement for record in found),
                    fmean(record.best for record in found),
                ]
            )
            records += found
    headers = ["clip", "fit", "MSE", "at most", "log-likelihood", "CPU", "labels kept", "at best"]
    note = (
        f"Fits of segments of {FRAMES} frames, {WIDTH} × {HEIGHT}, that start from the fit before, divided by fits"
        " without a start (the log-likelihood: less it, per pixel). Labels kept: the share of pixels of a segment's"
        " first frame that have the same label under both fits; at best: with the best assignment for this frame."
    )
    return Table(f"Fits from the one before, {len(pictures[:PICTURES])} pictures", headers, rows, note), records


def _moved(rgb: RGB, motion: str, frames: int, rng: np.random.Generator) -> Iterator[RGB]:
    """A scene of so many frames over a picture."""
    color = rng.integers(0, 256, 3)
    for number in range(frames):
        step = number / max(frames - 1, 1)
        if motion == "pan":
            yield _panned(rgb, step * min(frames / 25, 1))
        elif motion == "zoom":
            yield _zoomed(rgb, step)
        elif motion == "whip pan":  # a fifth of the view per frame, to and fro
            left = abs((0.09 * number) % 1.2 - 0.6)
            yield _view(rgb, (left, 0.1, left + 0.4, 0.5))
        elif motion == "flicker":
            light = float(rng.normal(1, 0.05))
            yield np.clip(_view(rgb, WHOLE) * light, 0, 255).astype(np.uint8)
        else:
            frame = _view(rgb, WHOLE).copy()
            if motion == "object":
                frame[40:140, int(step * 240) :][:, :80] = color
            yield frame


def _disturbed(frames: list[RGB], rng: np.random.Generator) -> list[RGB]:
    """The frames with a flash of one to three frames, or with noise, or with both."""
    frames = list(frames)
    if rng.random() < 0.3:
        first = int(rng.integers(5, len(frames) - 6))
        for number in range(first, first + int(rng.integers(1, 4))):
            frames[number] = np.clip(frames[number].astype(int) + rng.integers(80, 200), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        spread = rng.uniform(2, 12)
        frames = [np.clip(rgb + rng.normal(0, spread, rgb.shape), 0, 255).astype(np.uint8) for rgb in frames]
    return frames


def _joined(before: RGB, after: RGB, joint: str, rng: np.random.Generator) -> list[RGB]:
    """The frames of a dissolve, or of a fade to black and from it, between two scenes."""
    frames = int(rng.integers(10, 25))
    shares = [number / (frames + 1) for number in range(1, frames + 1)]
    if joint == "dissolve":
        return [_mixed(before, after, share) for share in shares]
    return [_darkened(before, share) for share in shares] + [_darkened(after, 1 - share) for share in shares]


def _film(pictures: list[RGB], rng: np.random.Generator) -> tuple[list[RGB], list[int]]:
    """Frames of one scene after the other, and the numbers of those with which a scene begins after a cut."""
    frames: list[RGB] = []
    cuts: list[int] = []
    for picture in rng.permutation(len(pictures))[:8]:
        scene = list(_moved(pictures[picture], str(rng.choice(MOTIONS)), int(rng.integers(LEAST, MOST)), rng))
        scene = _disturbed(scene, rng)
        if frames:
            joint = str(rng.choice(JOINTS))
            if joint == "cut":
                cuts.append(len(frames))
            else:
                frames += _joined(frames[-1], scene[0], joint, rng)
        frames += scene
    return frames, cuts


def _cuts(pictures: list[RGB]) -> Table:
    right = false = missed = shown = films = 0
    seconds = 0.0
    while films * min(8, len(pictures)) < SCENES:
        say(f"scenes: cuts of film {films + 1}")
        frames, cuts = _film(pictures, np.random.default_rng(films))
        clip = [Frame(rgb, None, Fraction(number, 25), Fraction(1, 25)) for number, rgb in enumerate(frames)]
        found, used = measure(lambda: {number for number, (_, cut) in enumerate(find_cuts(clip)) if cut})  # noqa: B023
        right += len(found & set(cuts))
        false += len(found - set(cuts))
        missed += len(set(cuts) - found)
        shown, seconds, films = shown + len(frames), seconds + used.cpu, films + 1
    precision, recall = right / max(right + false, 1), right / max(right + missed, 1)
    note = (
        f"{films} films of 8 scenes over photographs: {', '.join(MOTIONS)}; three in ten with a flash of one to three"
        f" frames, half with noise. Three joints in five are cuts, the others dissolves and fades. {WIDTH} × {HEIGHT}."
    )
    headers = ["cuts", "found", "false", "missed", "precision", "recall", "frames", "frames per CPU second"]
    row = [right + missed, right, false, missed, precision, recall, shown, shown / max(seconds, 1e-9)]
    return Table("Cuts", headers, [row], note)


def run(settings: Settings) -> Section:
    """Measure on clips that are drawn from photographs."""
    pictures = [picture.rgb() for picture in small(settings.folder)]
    cuts = _cuts(pictures)
    fits, records = _fits(pictures)
    return Section("Scenes that change", [cuts, fits], records)
