"""The figure of timings: a bar for each row, or lines against megapixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from colorquant.analysis.protocol import Timing
from colorquant.report import plots
from colorquant.report.figures import canvas
from colorquant.report.timing_records import CLOCK_WORDS, STAGE_WORDS
from colorquant.report.words import base_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 60  # most bars or lines, so that each can be read
ROW = 0.34  # inches of a bar
LABEL = 3.2  # inches of its words


def encode(timings: Sequence[Timing], suffix: str, title: str | None = None) -> bytes:
    """The file of a figure of all rows; ``suffix`` is one of SUFFIXES, ``title`` as in Drawing."""
    return canvas.encode(lambda figure: draw(figure, timings, title), suffix)


def draw(figure: Figure, timings: Sequence[Timing], title: str | None = None) -> None:
    """Draw bars or, if an image was timed at several scales, lines over its sizes."""
    done = [row for row in timings if row.timed]
    names = list(dict.fromkeys(row.input for row in timings))
    protocol = timings[0].protocol
    heading = base_name(names[0]) if len(names) == 1 else f"{len(names)} images"
    words = f"{CLOCK_WORDS[protocol.clock]} of {STAGE_WORDS[protocol.stage]}"
    growth = plots.growth_plot(done)
    if not done:
        canvas.note(figure, "No row was timed.")
    elif growth is not None:
        _lines(figure, growth)
    else:
        _bars(figure, done, several=len(names) > 1)
    canvas.title(figure, heading, words[0].upper() + words[1:], title)


def _words(row: Timing, several: bool) -> str:
    """The name of a row, with that of its image if there are several."""
    words = f"{base_name(row.input)}: {row.combination}" if several else row.combination
    return canvas.elided(words, canvas.WORDS, LABEL)


def _bars(figure: Figure, rows: Sequence[Timing], several: bool) -> None:
    """Draw the median of each row as a bar, and each round as a stroke on it."""
    shown = rows[:MOST]
    figure.set_figheight(max(2.5, 1.6 + ROW * len(shown)))
    axes = figure.add_subplot()
    places = range(len(shown))
    axes.barh(places, [row.median for row in shown], color=canvas.DISTINCT[4], height=0.7)
    for place, row in zip(places, shown, strict=True):
        axes.plot(row.seconds, [place] * len(row.seconds), "|", color=canvas.INK, ms=9, mew=1)
        axes.annotate(
            f"{row.median:.3g}", (max(row.seconds), place), (7, 0), textcoords="offset points", va="center", fontsize=9
        )
    axes.set_yticks(places, [_words(row, several) for row in shown], fontsize=canvas.WORDS)
    axes.set(xlabel=f"seconds: median, and each round{_left_out(len(rows))}", ylim=(len(shown) - 0.4, -0.6))
    axes.set_xlim(0, 1.12 * max(max(row.seconds) for row in shown) or 1)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _left_out(rows: int) -> str:
    return f" (the first {MOST} of {rows} rows)" if rows > MOST else ""


def _lines(figure: Figure, growth: plots.Plot) -> None:
    """Draw the median of each row against its megapixels, both logarithmic."""
    from matplotlib.ticker import LogLocator

    axes = figure.add_subplot()
    styles: list[dict[str, object]] = [
        {
            "color": canvas.DISTINCT[number % len(canvas.DISTINCT)],
            "ls": canvas.DASHES[number // len(canvas.DISTINCT) % len(canvas.DASHES)],
            "marker": canvas.MARKERS[number % len(canvas.MARKERS)],
            "ms": 5,
            "label": canvas.elided(series.name, canvas.WORDS, LABEL),
        }
        for number, series in enumerate(growth.series[:MOST])
    ]
    canvas.draw_plot(axes, growth, styles)
    axes.set_ylabel(f"{growth.y_label}{_left_out(len(growth.series))}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        canvas.plain_powers(axis)
    figure.set_figwidth(canvas.WIDTH + 2)
    figure.set_figheight(max(canvas.HEIGHT, 1.4 + 0.22 * len(styles)))
    canvas.legend_right(axes, axes.get_legend_handles_labels()[0])
