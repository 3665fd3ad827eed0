"""The common base of all figures: one style, no window, and the same bytes each time."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from colorquant.report.plots import Plot
from colorquant.report.records import printable
from colorquant.types import FloatArray

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.ft2font import FT2Font

WIDTH, HEIGHT = 8.0, 5.0  # inches
DPI = 150
TITLE, WORDS, KEY = 13, 9.5, 8.5  # points
MARGIN = 0.2  # inches left of the title, and right of it
INK, FAINT, PALE = "#1a1a1a", "#5a5a5a", "#d0d0d0"
# Okabe and Ito, "Color Universal Design" (2008), with gray instead of black, which is INK; yellow is weak on white.
DISTINCT = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#666666")
MARKERS = "osD^vP*X"
DASHES = ("-", "--", "-.", ":")
FAR = 1024  # most clusters that are coloured so that near ones differ; further ones repeat the colours in turn

STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.formatter.useoffset": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "text.color": INK,
    "text.parse_math": False,  # a file's name can have dollars
    "grid.color": "#e3e3e3",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.constrained_layout.h_pad": 0.12,
    "svg.hashsalt": "colorquant",  # fixes the names inside an SVG, which are random otherwise
    "savefig.dpi": DPI,
}
NO_DATES: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
_lock = Lock()  # matplotlib's style and font cache belong to the whole interpreter


def filled(draw: Callable[[Figure], None]) -> Figure:
    """A matplotlib figure that ``draw`` fills, and sizes if it is not WIDTH × HEIGHT.

    One figure at a time is drawn, whatever the number of threads, in a style that does not depend on the user's.
    """
    import matplotlib.style
    from matplotlib.figure import Figure

    with _lock, matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
        draw(figure)
    return figure


def encode(draw: Callable[[Figure], None], suffix: str) -> bytes:
    """The file of the figure that ``draw`` fills, as in :func:`filled`; ``suffix`` is one of SUFFIXES."""
    import matplotlib.style

    figure, stream = filled(draw), io.BytesIO()
    with _lock, matplotlib.style.context(["default", STYLE]):
        figure.savefig(stream, format=suffix[1:], metadata=NO_DATES[suffix])
    return stream.getvalue()


def title(figure: Figure, name: str, words: str, text: str | None) -> None:
    """Write above all axes, on the left, a picture's name, and below it the ``words`` about what is shown.

    ``text`` replaces both; an empty one leaves the figure without a title.
    """
    left, room = MARGIN / figure.get_figwidth(), figure.get_figwidth() - 2 * MARGIN
    lines = [name, words] if text is None else text.splitlines()
    if lines:
        shown = "\n".join(elided(line, TITLE, room) for line in lines)
        figure.suptitle(shown, x=left, ha="left", fontsize=TITLE, linespacing=1.3)


def note(figure: Figure, text: str) -> None:
    """Write a sentence where there is nothing to draw."""
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=FAINT, fontsize=11)


def width(text: str, size: float) -> float:
    """The width in inches of a text in ``size`` points."""
    font = _font()
    font.set_size(size, 72)
    font.set_text(text)
    return float(font.get_width_height()[0]) / 64 / 72


def _font() -> FT2Font:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return get_font(findfont(FontProperties()))


def elided(text: str, size: float, inches: float) -> str:
    """The text in ``size`` points, without its middle if it is wider than ``inches``; "?" for what the font lacks."""
    font = _font()
    text = "".join(char if font.get_char_index(ord(char)) else "?" for char in printable(text))
    keep = min(len(text), int(inches * 72 / size * 4))  # no font sets letters a quarter as wide as high
    if keep == len(text) and width(text, size) <= inches:
        return text
    while keep > 2 and width(f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}", size) > inches:
        keep -= 1
    return f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}"


def broken(text: str, size: float, inches: float) -> list[str]:
    """The text in lines of at most ``inches``, broken at its dots ( · ), or else between words.

    A part that is wider loses its middle.
    """
    between = " · " if " · " in text else " "
    first, *others = text.split(between)
    lines = [elided(first, size, inches)]
    for part in others:
        longer = f"{lines[-1]}{between}{part}"
        if width(longer, size) <= inches:
            lines[-1] = longer
        else:
            lines.append(elided(part, size, inches))
    return lines


def distinct_colors(points: FloatArray) -> list[str]:
    """A colour of DISTINCT for each cluster at ``points`` (k, d). Only clusters that are far apart share one."""
    turns = [number % len(DISTINCT) for number in range(len(points))]
    if len(DISTINCT) < len(points) <= FAR:
        for number in range(len(DISTINCT), len(points)):
            distance = np.linalg.norm(points[:number] - points[number], axis=1)
            owners = np.array(turns[:number])
            turns[number] = int(np.argmax([np.min(distance[owners == turn]) for turn in range(len(DISTINCT))]))
    return [DISTINCT[turn] for turn in turns]


def legend_right(axes: Axes, handles: Sequence[Artist], heading: str | None = None) -> None:
    """Put a legend beside the axes, where it hides nothing."""
    axes.legend(
        handles=list(handles),
        title=heading,
        alignment="left",
        borderpad=0,
        loc="upper left",
        bbox_to_anchor=(1.02, 1),
    )


@dataclass(frozen=True)
class KeyRow:
    """A row of a :func:`key`: its artist in the drawing, its true ``color`` as hex, and ``cells`` of text.

    ``color`` None leaves the swatch out.
    """

    artist: Artist
    color: str | None
    cells: tuple[str, ...]


def key(axes: Axes, headings: Sequence[str], rows: Sequence[KeyRow], gap: float = 0.02) -> None:
    """Put a legend beside the axes as a table: for each row its artist, a swatch of its true colour, and aligned cells.

    The first column is aligned left, the others right. ``gap`` is a fraction of the width of the axes.
    """
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.patches import Patch

    widths = [max(map(len, column)) for column in zip(headings, *(row.cells for row in rows), strict=True)]

    def line(cells: Sequence[str]) -> str:
        return "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])])

    handles: list[tuple[Artist, ...]] = []
    for row in rows:
        swatch = () if row.color is None else (Patch(facecolor=row.color, edgecolor=FAINT, linewidth=0.6),)
        handles.append((row.artist, *swatch))
    font = {"family": "monospace", "size": KEY}
    axes.legend(
        handles,
        [line(row.cells) for row in rows],
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.4)},
        title=line(headings),
        prop=font,
        title_fontproperties=font,
        alignment="right",
        handlelength=2.6,
        borderpad=0,
        loc="upper left",
        bbox_to_anchor=(1 + gap, 1),
    )


def draw_plot(axes: Axes, plot: Plot, styles: Sequence[dict[str, object]]) -> None:
    """The lines of a plot, each in its style, with the labels of the axes; their scales are not changed."""
    for series, style in zip(plot.series, styles, strict=False):
        axes.plot(*zip(*series.points, strict=True), **{"label": series.name, **style})  # type: ignore[arg-type]
    axes.set(xlabel=plot.x_label, ylabel=plot.y_label)


def limits(values: FloatArray, least: float) -> tuple[float, float]:
    """The range of ``values`` with a margin, at least ``least`` wide."""
    low, high = float(np.min(values)), float(np.max(values))
    margin = max((high - low) * 0.05, (least - (high - low)) / 2)
    return low - margin, high + margin


def thousands(axis: Axis, unit: str = "") -> None:
    """Write ticks such as 20 k and 1.5 M, instead of 1e6 above the axis."""
    from matplotlib.ticker import EngFormatter

    axis.set_major_formatter(EngFormatter(unit=unit))


def plain_powers(axis: Axis) -> None:
    """Write the ticks of a logarithmic axis as plain numbers, such as 0.01 and 100."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def whole_ticks(axis: Axis) -> None:
    """Put ticks at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))
