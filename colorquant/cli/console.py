"""What is said on standard error while images are worked on: plain lines, or colour and a bar on a terminal."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import click

from colorquant.fitting.models import Iteration, SearchStep
from colorquant.report.records import progress_words, sentence

if TYPE_CHECKING:
    import rich.progress

SHORT = 0.3  # seconds of iterating that nobody needs to watch


class Voice:
    """Plain lines; with ``quiet`` only errors."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def say(self, text: str) -> None:
        """A line for people."""
        if not self.quiet:
            self._speak(text)

    def say_row(self, row: dict[str, Any]) -> None:
        """One finished image."""
        self.say(sentence(row))

    def say_table(self, title: str, rows: Sequence[dict[str, Any]]) -> None:
        """The cells of one compared image."""
        if not self.quiet:
            from colorquant.report.comparison_table import plain_table

            self.say(plain_table(title, rows))

    def work(self, text: str) -> None:
        """What is being worked on."""

    def step(self) -> None:
        """One more image, cell of one, or run of a row is done, well or not."""

    def iterate(self, now: Iteration | SearchStep) -> None:
        """Show a step of a fit's search, its start, or an iteration."""

    def complain(self, text: str) -> None:
        """An error, said even when quiet."""
        self._speak(f"Error: {text}")

    def _speak(self, text: str) -> None:
        with suppress(OSError):  # that nobody hears must not stop the work
            click.echo(text, err=True)


class TerminalVoice(Voice):
    """The same on a terminal: swatches under each line, and a progress bar where there are several images."""

    def __init__(self, total: int) -> None:
        from colorquant.report import terminal

        super().__init__(quiet=False)
        self.terminal = terminal
        self.console = terminal.stderr_console()
        self.bar = terminal.progress_bar(self.console) if total > 1 else None
        self.task = self.bar.add_task("", total=total) if self.bar else None
        self.fit: tuple[rich.progress.Progress, rich.progress.TaskID] | None = None
        self.fit_since = math.inf

    def say(self, text: str) -> None:
        self.console.print(text, markup=False)

    def say_row(self, row: dict[str, Any]) -> None:
        self.close()
        super().say_row(row)
        if self.console.color_system and not self.console.no_color:
            self.console.print(self.terminal.swatches(row, self.console.width))

    def say_table(self, title: str, rows: Sequence[dict[str, Any]]) -> None:
        from colorquant.report.comparison_table import comparison_table

        self.console.print(comparison_table(title, rows, self.console.width))

    def work(self, text: str) -> None:
        if self.bar and self.task is not None:
            room = max(10, self.console.width - 40)  # beside the bar, the count and the time
            self.bar.update(self.task, description=text if len(text) <= room else f"{text[: room - 1]}…")

    def step(self) -> None:
        if self.bar and self.task is not None:
            self.bar.advance(self.task)

    def iterate(self, now: Iteration | SearchStep) -> None:
        if self.bar:
            return  # one bar is enough
        self.fit_since = min(self.fit_since, time.monotonic())
        if self.fit is None and time.monotonic() - self.fit_since > SHORT:
            bar = self.terminal.fit_bar(self.console)
            bar.start()
            self.fit = bar, bar.add_task(progress_words(now), total=None)
        if self.fit is not None:
            self.fit[0].update(self.fit[1], description=progress_words(now))

    def close(self) -> None:
        """End what moves on the terminal."""
        if self.fit is not None:
            self.fit[0].stop()
            self.fit = None

    def complain(self, text: str) -> None:
        self.console.print(f"Error: {text}", markup=False)


@contextmanager
def speaking(total: int, *, quiet: bool) -> Iterator[Voice]:
    """The voice that suits standard error, for ``total`` images, cells of them, or runs."""
    if quiet or not sys.stderr.isatty():
        yield Voice(quiet)
        return
    voice = TerminalVoice(total)
    try:
        with voice.bar or nullcontext():
            yield voice
    finally:
        voice.close()
