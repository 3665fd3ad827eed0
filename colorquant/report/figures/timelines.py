"""The figure of a clip: the share of each label over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from colorquant.report.clip_file import BackgroundClip, QuantizedClip
from colorquant.report.figures import canvas
from colorquant.report.timelines import Stretch, share_timeline, stacked, time_label, time_ticks
from colorquant.report.words import METHOD_NAMES, counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 800  # most values of a label, about as many as the axes have pixels
POINTS = 40_000  # most values of all labels
LISTED = 16  # most labels in the legend
TICKS = 8


def shares(figure: Figure, clip: QuantizedClip | BackgroundClip) -> str:
    """The share of each label over time as an area in its colour, the largest label at the bottom."""
    timeline = share_timeline(clip, min(COLUMNS, max(50, POINTS // len(clip.labels.counts))))
    axes = figure.add_subplot()
    for stretch in timeline.stretches:
        _areas(axes, stretch)
    for time in timeline.cuts:
        axes.axvline(time, color=canvas.INK, lw=1.2, ls=(0, (4, 3)))
        axes.axvline(time, color="white", lw=1.2, ls=(3.5, (3, 4)))
    for time in timeline.turns:
        axes.plot(time, 1.0, "v", color=canvas.INK, ms=5, clip_on=False, transform=axes.get_xaxis_transform())
    ticks = time_ticks(timeline.end, TICKS)
    axes.set_xticks([time for time, _ in ticks], [words for _, words in ticks])
    axes.set(
        xlim=(0, timeline.end), ylim=(0, timeline.top), xlabel=time_label(timeline.end), ylabel="share of the pixels"
    )
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    if isinstance(clip, BackgroundClip):
        _foreground_legend(axes, clip, timeline.stretches[0])
        return f"Foreground over time: {clip.background.words}"
    _legend(axes, clip)
    return f"Shares of the labels over time: {_words(clip)}"


def _areas(axes: Axes, stretch: Stretch) -> None:
    """Draw the stacked areas of a stretch: each value holds until the next one."""
    times = np.repeat(stretch.edges, 2)[1:-1]
    heights = np.repeat(stacked(stretch.shares), 2, axis=0)
    thin = min(0.6, 8 / len(stretch.colors))
    for label, color in enumerate(stretch.colors):
        lower, upper = heights[:, label], heights[:, label + 1]
        axes.fill_between(times, lower, upper, facecolor=color, edgecolor="none", linewidth=0)
    for label in range(1, len(stretch.colors)):
        between = (stretch.shares[:, label] > 0) & (heights[::2, label] > 0)  # areas above and below the line
        line = np.where(np.repeat(between, 2), heights[:, label], np.nan)
        axes.plot(times, line, color=canvas.INK, lw=2.2 * thin, solid_joinstyle="miter")
        axes.plot(times, line, color="white", lw=thin, solid_joinstyle="miter")


def _legend(axes: Axes, clip: QuantizedClip) -> None:
    """The labels in the order of their areas, with their colours and shares, if there are few."""
    from matplotlib.patches import Patch

    counts = clip.labels.counts.tolist()
    if len(counts) > LISTED:
        return
    several = len(clip.fit.segments) > 1
    rows = []
    for label, count in reversed(list(enumerate(counts))):
        color, share = clip.color_of(label), f"{100 * count / max(sum(counts), 1):.1f} %"
        patch = Patch(facecolor=color, edgecolor=canvas.FAINT, linewidth=0.6)
        rows.append(canvas.KeyRow(patch, None, (str(label), share) if several else (str(label), color, share)))
    canvas.key(axes, ("label", "share") if several else ("label", "colour", "share"), rows)


def _foreground_legend(axes: Axes, clip: BackgroundClip, stretch: Stretch) -> None:
    from matplotlib.patches import Patch

    counts = clip.labels.counts.tolist()
    rows = [
        canvas.KeyRow(Patch(facecolor=color), None, (name, f"{100 * count / max(sum(counts), 1):.1f} %"))
        for name, color, count in zip(stretch.names, stretch.colors, counts[1:], strict=True)
    ]
    canvas.key(axes, ("label", "share"), rows[::-1])


def _words(clip: QuantizedClip) -> str:
    """The options of the fit in words: EM, k = 4, rgb, 3 fits."""
    options = clip.options
    words = [METHOD_NAMES[options.method], f"k = {options.k}", options.space]
    segments = len(clip.fit.segments)
    return ", ".join([*words, *([counted(segments, "fit")] if segments > 1 else [])])
