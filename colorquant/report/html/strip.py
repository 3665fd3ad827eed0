"""The shares of labels over time as SVG: the areas of a strip, which is stretched to the width of the page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colorquant.report.clip_file import BackgroundClip, QuantizedClip
from colorquant.report.html import Json
from colorquant.report.timelines import ShareTimeline, Stretch, share_timeline, stacked, time_ticks, time_words
from colorquant.report.words import percent
from colorquant.types import FloatArray

WIDTH, HEIGHT = 1000, 200  # units of the view box, which is stretched
COLUMNS, POINTS = 500, 12_000  # most values of a label, and of all labels
TICKS = 8
MANY, UNLINED = 24, 96  # labels from which the lines between areas are thinner, and from which there are none


@dataclass(frozen=True)
class Area:
    """The area of a label and of all labels below it, as an SVG path; ``title`` says what it is."""

    color: str
    path: str
    title: str


@dataclass(frozen=True)
class Mark:
    """A place on the time axis in per cent of its length, with its text."""

    at: float
    words: str


@dataclass(frozen=True)
class Strip:
    """A chart of shares over time.

    ``areas`` are painted in their order, each over those before. ``ticks`` are on the time axis; ``cuts`` and
    ``turns``, where another fit begins, are in per cent of its length. ``lines`` between areas are ``normal``,
    ``thin`` or ``none``.
    """

    areas: tuple[Area, ...]
    ticks: tuple[Mark, ...]
    cuts: tuple[float, ...]
    turns: tuple[float, ...]
    lines: str
    timeline: ShareTimeline

    @property
    def top(self) -> str:
        """The share at the upper end of the areas."""
        return f"{100 * self.timeline.top:g} %"

    def data(self) -> dict[str, Json]:
        """What the page's script reads: for each stretch its edges, shares (rounded), colours and names."""
        return {
            "end": self.timeline.end,
            "stretches": [
                {
                    "edges": np.round(stretch.edges, 4).tolist(),
                    "shares": np.round(stretch.shares, 4).tolist(),
                    "colors": list(stretch.colors),
                    "names": list(stretch.names),
                }
                for stretch in self.timeline.stretches
            ],
        }


def share_strip(clip: QuantizedClip | BackgroundClip) -> Strip:
    """The strip of a clip."""
    labels = len(clip.labels.counts)
    timeline = share_timeline(clip, min(COLUMNS, max(60, POINTS // labels)))
    end = timeline.end
    areas = [area for stretch in timeline.stretches for area in _areas(stretch, timeline)]
    return Strip(
        areas=tuple(areas),
        ticks=tuple(Mark(_per_cent(time, end), words) for time, words in time_ticks(end, TICKS)),
        cuts=tuple(_per_cent(time, end) for time in timeline.cuts),
        turns=tuple(_per_cent(time, end) for time in timeline.turns),
        lines="none" if labels > UNLINED else "thin" if labels > MANY else "normal",
        timeline=timeline,
    )


def _per_cent(time: float, end: float) -> float:
    return round(100 * time / end, 3)


def _areas(stretch: Stretch, timeline: ShareTimeline) -> list[Area]:
    """The areas of a stretch, that of the last label, which is at the top, first."""
    edges = np.round(stretch.edges / timeline.end * WIDTH, 2)
    heights = np.round((1 - stacked(stretch.shares) / timeline.top) * HEIGHT, 1)
    lengths = np.diff(stretch.edges)
    means = lengths @ stretch.shares / lengths.sum()
    return [
        Area(
            color,
            _path(edges, heights[:, label + 1]),
            f"{stretch.names[label]}, {color}: {percent(float(means[label]))}",
        )
        for label, color in reversed(list(enumerate(stretch.colors)))
    ]


def _path(edges: FloatArray, heights: FloatArray) -> str:
    """The area below a line of steps: from each of ``edges`` (t + 1,) to the next at one of ``heights`` (t,)."""
    steps = [f"M{edges[0]:g} {HEIGHT}V{heights[0]:g}"]
    for number in np.flatnonzero(np.diff(heights)):
        steps.append(f"H{edges[number + 1]:g}V{heights[number + 1]:g}")
    return "".join([*steps, f"H{edges[-1]:g}V{HEIGHT}Z"])


def moment_words(seconds: float, end: float) -> str:
    """A time on the page of a clip that lasts until ``end``: 3.2 s, or 1:07."""
    words = time_words(seconds, end)
    return words if ":" in words else f"{seconds:.3g} s"
