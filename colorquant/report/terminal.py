"""Output for terminals, such as swatches and progress bars. It is loaded only if there is a terminal."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

from colorquant.report.records import PaletteRow, more_colors, palette_shares
from colorquant.report.tables import Table


def swatches(row: PaletteRow, width: int) -> Text:
    """The palette of a JSON record as coloured blocks, largest share first, on one line of ``width`` columns."""
    cells = max(1, min(len(row["palette"]), width // 2))
    text = Text()
    for color, _ in row["palette"][:cells]:
        text.append("  ", style=f"on {color}")
    return text


def palette_table(row: PaletteRow, width: int) -> Text:
    """The palette of a JSON record: each colour as a block, with its hex code and share, in ``width`` columns."""
    per_line = max(1, (width - 2) // 22)
    text = Text()
    shares = palette_shares(row)
    for number, (color, share) in enumerate(shares):
        text.append("  " if number % per_line == 0 else "    ")
        text.append("  ", style=f"on {color}")
        text.append(f" {color} {share:>6}")
        if number % per_line == per_line - 1 and number < len(shares) - 1:
            text.append("\n")
    for line in more_colors(row):
        text.append(f"\n{line}")
    return text


def stderr_console() -> Console:
    """A console on standard error; rich honours NO_COLOR and the number of colours of the terminal."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def wrapped(text: str, columns: int) -> str:
    """A text of one or more lines, broken between words so that no line is wider than ``columns`` characters."""
    return "\n".join(
        textwrap.fill(
            line,
            max(20, columns),
            subsequent_indent="  ",
            replace_whitespace=False,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.split("\n")
    )


def width() -> int:
    """The width of standard output's terminal, in characters."""
    return Console().width


def show_table(table: Table, swatches: Sequence[str] = ()) -> None:
    """Print the table on standard output at its full width: a narrow terminal wraps lines, but no number is cut.

    ``swatches`` are colours as #rrggbb, one for each row, which are shown as blocks before its cells.
    """
    console = Console(highlight=False)
    rich_table = RichTable(box=SIMPLE_HEAD, pad_edge=False)
    if swatches:
        rich_table.add_column(Text(""))
    for header in table.headers:
        rich_table.add_column(Text(header), justify="left" if header in table.left else "right", no_wrap=True)
    for number, row in enumerate(table.starred()):
        cells = [Text(cell, "bold green" if (number, place) in table.best else "") for place, cell in enumerate(row)]
        block = [Text("    ", f"on {swatches[number]}")] if swatches else []
        rich_table.add_row(*block, *cells, end_section=number in table.ends)
    wide = console.options.update(max_width=10_000)
    console.width = max(console.width, Measurement.get(console, wide, rich_table).maximum)
    console.print(rich_table)


def fit_bar(console: Console) -> Progress:
    """A spinner and the elapsed time for one fit, whose number of iterations is not known beforehand."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )


class TimeLeftColumn(TimeRemainingColumn):
    """Counts down to the monotonic time in the task's field ``ends``; without it, the steps so far give an estimate."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        ends: float | None = task.fields.get("ends")
        if ends is None:
            return super().render(task)
        minutes, seconds = divmod(max(0, round(ends - time.monotonic())), 60)
        hours, minutes = divmod(minutes, 60)
        return Text(f"{hours:d}:{minutes:02d}:{seconds:02d}", style="progress.remaining")


class FramesColumn(ProgressColumn):
    """The frames that were done, of how many, and how many a second: 123/250 frames · 45.2 fps."""

    max_refresh = 0.2

    def render(self, task: Task) -> Text:
        total = "" if task.total is None else f"/{task.total:,.0f}"
        speed = "" if not task.speed else f" · {task.speed:,.1f} fps"
        return Text(f"{task.completed:,.0f}{total} frames{speed}", style="progress.download", no_wrap=True)


def progress_bar(console: Console) -> Progress:
    """A progress bar that disappears at the end. It redirects standard output only if that is a terminal, too."""
    columns = (
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        TimeLeftColumn(),
    )
    return Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty())


def frames_bar(console: Console) -> Progress:
    """A progress bar for one pass over the frames of a clip; without their number it shows how many were done."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        FramesColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty())
