"""The share of each label over time, prepared once for pages, which draw it as SVG, and for figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from colorquant.report.clip_file import BackgroundClip, QuantizedClip
from colorquant.types import FloatArray
from colorquant.video.background import LABELS

SOONER = 1e-6  # seconds by which a time may differ from the same one elsewhere
MINUTES_FROM, HOURS_FROM = 120, 2 * 3600  # seconds from which a time axis has minutes, and hours
FOREGROUND_COLORS = ("#d55e00", "#8a8f98")  # of foreground and of shadows, in charts: they are white and gray in masks
TOPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0)  # shares at which an axis can end
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)  # seconds


@dataclass(frozen=True, eq=False)
class Stretch:
    """A part of a clip in which the labels keep their colours.

    ``shares`` (t, k), 0 to 1, hold from ``edges`` (t + 1,) to the next, in seconds; ``colors`` are k hex codes, and
    ``names`` those of the labels.
    """

    edges: FloatArray
    shares: FloatArray
    colors: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ShareTimeline:
    """The share of each label over the whole clip, which ends at ``end`` seconds; the axis ends at the share ``top``.

    ``stretches`` are the segments of its fit, without those shorter than a value of the timeline. ``starts`` are the
    times at which the segments begin, and ``cuts`` those of the frames with which new scenes begin.
    """

    stretches: tuple[Stretch, ...]
    end: float
    starts: tuple[float, ...]
    cuts: tuple[float, ...] = ()
    top: float = 1.0

    @property
    def turns(self) -> tuple[float, ...]:
        """The times at which another fit begins."""
        return self.starts[1:]


@dataclass(frozen=True)
class _Part:
    """The frames from ``start`` (seconds) on, and those of their labels that are shown, from ``label`` on."""

    start: float
    label: int
    colors: tuple[str, ...]
    names: tuple[str, ...]


def share_timeline(clip: QuantizedClip | BackgroundClip, columns: int) -> ShareTimeline:
    """The shares over time of a clip; where it has more than ``columns`` values for a label, their means.

    Of background subtraction foreground and shadows are shown.
    """
    timeline = clip.labels.timeline
    rows = len(timeline.times)
    step = max(1, math.ceil(rows / columns))
    edges = np.append(timeline.times, max(_end(clip), float(timeline.times[-1])))
    parts = _parts(clip)
    bounds = [*np.searchsorted(timeline.times, [part.start - SOONER for part in parts]).tolist(), rows]
    stretches = []
    for part, first, end in zip(parts, bounds[:-1], bounds[1:], strict=True):
        if end > first:
            taken = np.append(np.arange(first, end, step), end)
            sums = np.add.reduceat(timeline.shares[first:end], taken[:-1] - first, axis=0)
            shares = sums / np.diff(taken)[:, None]
            shown = shares[:, part.label : part.label + len(part.colors)]
            stretches.append(Stretch(edges[taken], shown, part.colors, part.names))
    starts = tuple(part.start for part in parts)
    return ShareTimeline(tuple(stretches), float(edges[-1]), starts, _cuts(clip), _top(clip, stretches))


def _cuts(clip: QuantizedClip | BackgroundClip) -> tuple[float, ...]:
    """The times of the cuts of a clip: another fit begins at each."""
    if isinstance(clip, BackgroundClip) or not clip.fit.cuts:
        return ()
    cuts = set(clip.fit.cuts)
    return tuple(float(segment.time) for segment in clip.fit.segments if segment.first in cuts)


def _parts(clip: QuantizedClip | BackgroundClip) -> list[_Part]:
    """The parts of a clip in which the labels keep their colours."""
    if isinstance(clip, BackgroundClip):
        names = LABELS[1 : clip.background.k]
        return [_Part(0.0, 1, FOREGROUND_COLORS[: len(names)], names)]
    return [
        _Part(
            float(segment.time),
            0,
            segment.palette.hex,
            tuple(f"label {label}" for label in range(len(segment.palette))),
        )
        for segment in clip.fit.segments
    ]


def _top(clip: QuantizedClip | BackgroundClip, stretches: list[Stretch]) -> float:
    """The share at which the axis ends: 1 where all labels are shown."""
    if isinstance(clip, QuantizedClip):
        return 1.0
    most = max(float(stretch.shares.sum(axis=1).max()) for stretch in stretches)
    return next(top for top in TOPS if top >= most - 1e-12)


def _end(clip: QuantizedClip | BackgroundClip) -> float:
    """The end of the last frame in seconds; where it is unknown, that frame lasts as long as the others."""
    times = clip.labels.timeline.times
    if clip.duration is not None:
        return float(clip.duration)
    return float(times[-1] + (times[-1] - times[0]) / (len(times) - 1)) if len(times) > 1 else 1.0


def time_words(seconds: float, span: float, step: float = 1.0) -> str:
    """A time as text: 7.5 in a ``span`` of seconds, 1:07 in one of minutes, 1:00:07 in one of hours.

    Seconds have as many digits as times ``step`` apart need.
    """
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0
    if span < MINUTES_FROM:
        return f"{seconds:.{digits}f}"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if span >= HOURS_FROM else f"{minutes}:{rest:02d}"


def time_label(span: float) -> str:
    """The name of a time axis, with its unit."""
    if span < MINUTES_FROM:
        return "time (s)"
    return "time (h:mm:ss)" if span >= HOURS_FROM else "time (m:ss)"


def time_ticks(span: float, most: int) -> list[tuple[float, str]]:
    """Round times from 0 to ``span`` seconds, at most ``most`` + 1 of them, with their texts."""
    least = span / most
    if least < 1:
        size = 10.0 ** math.floor(math.log10(least))
        step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= least)
    else:
        step = next((step for step in STEPS if step >= least), float(math.ceil(least / STEPS[-1]) * STEPS[-1]))
    count = math.floor(span / step + 1e-9)
    return [(number * step, time_words(number * step, span, step)) for number in range(count + 1)]


def stacked(shares: FloatArray) -> FloatArray:
    """The lower and upper edges (t, k + 1) of areas that are stacked, for ``shares`` (t, k)."""
    sums: FloatArray = np.concatenate([np.zeros((len(shares), 1)), np.cumsum(shares, axis=1)], axis=1)
    return np.minimum(sums, 1.0)
