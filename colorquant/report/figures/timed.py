"""The figure of timings: a bar for each row, or lines against megapixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from colorquant.report.figures import canvas
from colorquant.report.figures.subject import called
from colorquant.report.timing_records import CLOCK_WORDS, STAGE_WORDS

MOST = 60  # bars or lines, so that each can be read
ROW = 0.34  # inches of a bar
LABEL = 3.2  # inches of its words


def encode(timings: Sequence[Any], suffix: str) -> bytes:
    """The file of a figure of all rows; ``suffix`` is one of SUFFIXES."""
    return canvas.encode(lambda figure: draw(figure, timings), suffix)


def draw(figure: Any, timings: Sequence[Any]) -> None:
    """Bars, or where an image was timed at several scales, lines over its sizes."""
    done = [row for row in timings if row.error is None]
    names = list(dict.fromkeys(row.input for row in timings))
    protocol = timings[0].protocol
    heading = called(names[0]) if len(names) == 1 else f"{len(names)} images"
    words = f"{CLOCK_WORDS[protocol.clock]} of {STAGE_WORDS[protocol.stage]}"
    if not done:
        canvas.note(figure, "Every row failed.")
    elif len({row.scale for row in done}) > 1:
        _lines(figure, done, several=len(names) > 1)
    else:
        _bars(figure, done, several=len(names) > 1)
    canvas.title(figure, heading, words[0].upper() + words[1:])


def _words(row: Any, several: bool) -> str:
    """What a row is called: with its image where there are several."""
    words = f"{called(row.input)}: {row.combination}" if several else row.combination
    return canvas.elided(words, canvas.WORDS, LABEL)


def _bars(figure: Any, rows: Sequence[Any], several: bool) -> None:
    """The median of each row as a bar, and each round as a dot on it."""
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


def _lines(figure: Any, rows: Sequence[Any], several: bool) -> None:
    """The median of each row against its megapixels, both logarithmic."""
    from matplotlib.ticker import LogLocator

    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        lines.setdefault(f"{row.input}\0{row.combination}", []).append((row.pixels / 1e6, row.median))
    labels = {f"{row.input}\0{row.combination}": _words(row, several) for row in rows}
    axes = figure.add_subplot()
    for number, (key, points) in enumerate(list(lines.items())[:MOST]):
        color = canvas.DISTINCT[number % len(canvas.DISTINCT)]
        dash = canvas.DASHES[number // len(canvas.DISTINCT) % len(canvas.DASHES)]
        marker = canvas.MARKERS[number % len(canvas.MARKERS)]
        axes.plot(*zip(*sorted(points), strict=True), color=color, ls=dash, marker=marker, ms=5, label=labels[key])
    axes.set_xscale("log")
    if all(row.median > 0 for row in rows):
        axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            canvas.plain_powers(axis)
    axes.set(xlabel="megapixels", ylabel=f"seconds (median){_left_out(len(lines))}")
    figure.set_figwidth(canvas.WIDTH + 2)
    figure.set_figheight(max(canvas.HEIGHT, 1.4 + 0.22 * min(len(lines), MOST)))
    canvas.legend_right(axes, axes.get_legend_handles_labels()[0])
