"""What only a terminal shows: swatches in colour and a progress bar. Loaded only where there is one."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text


def swatches(row: dict[str, Any], width: int) -> Text:
    """The palette of a JSON record as coloured blocks, largest share first, on one line of ``width`` columns."""
    cells = max(1, min(len(row["palette"]), width // 2))
    text = Text()
    for color, _ in row["palette"][:cells]:
        text.append("  ", style=f"on {color}")
    return text


def stderr_console() -> Console:
    """rich honours NO_COLOR and the terminal's depth of colour."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def progress_bar(console: Console) -> Progress:
    """A bar that goes when it is done."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)
