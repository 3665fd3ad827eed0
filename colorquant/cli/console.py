"""Messages on standard error while a command runs: plain lines, or colours and a progress bar on a terminal."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from colorquant.fitting.models import Iteration, SearchStep
from colorquant.report.records import FileRecord, detail_lines, palette_lines, printable, progress_words, summary_line

if TYPE_CHECKING:
    import rich.progress

    from colorquant.report.video_records import ClipRecord

FIT_BAR_AFTER = 0.3  # seconds; a shorter fit shows no progress


@dataclass(frozen=True)
class Messages:
    """What a command prints; each field is the value of an option.

    ``as_json``: its results as lines of JSON. ``quiet``: errors only. ``verbose``: details, and the
    traceback of a failure.
    """

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False


class Console:
    """Prints plain lines; with ``quiet`` only errors."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def print(self, text: str) -> None:
        """Print a message, unless quiet."""
        if not self.quiet:
            self._print(text)

    def print_error(self, text: str) -> None:
        """Print an error, even if quiet."""
        self._print(f"Error: {text}")

    def print_record(self, row: FileRecord, *, details: bool) -> None:
        """Print one finished image from its JSON record; ``details`` are those of ``-v``."""
        self.print(summary_line(row))
        if details and row["status"] == "written":
            for line in [*detail_lines(row), *palette_lines(row)]:
                self.print(line)

    def print_clip(self, row: ClipRecord, *, details: bool) -> None:
        """Print one finished clip from its JSON record; ``details`` are those of ``-v``."""
        from colorquant.report.video_records import clip_detail_lines, clip_line

        self.print(clip_line(row))
        if details and "seconds" in row:
            for line in clip_detail_lines(row):
                self.print(line)
            for line in palette_lines(row) if "palette" in row else ():
                self.print(line)

    def print_command(self, command: str) -> None:
        """Print a shell command on one line, however long it is, so that it can be pasted."""
        self.print(f"  {printable(command)}")

    def show_current(self, text: str, left: float | None = None) -> None:
        """Show the current work and the total seconds left, if there is a progress bar."""

    def advance(self) -> None:
        """Move the progress bar by one image, or by one of its cells or runs, finished or failed."""

    def show_frames(self, words: str, done: int, total: int | None) -> None:
        """Show how many frames a pass over the current clip has done, and of how many, if there is a terminal."""

    def show_progress(self, step: Iteration | SearchStep) -> None:
        """Show a step of a fit's search, its start, or an iteration, if there is a terminal."""

    def show_trial(self, k: int) -> None:
        """Show, with the steps of the fits that follow, the number of colours that is being tried."""

    def _print(self, text: str) -> None:
        with suppress(OSError):  # a closed standard error must not stop the work
            click.echo(text, err=True)


class TerminalConsole(Console):
    """Prints on a terminal: lines broken between words, swatches, and a progress bar for several images."""

    def __init__(self, total: int) -> None:
        from colorquant.report import terminal

        super().__init__(quiet=False)
        self.terminal = terminal
        self.rich = terminal.stderr_console()
        self.bar = terminal.progress_bar(self.rich) if total > 1 else None
        self.task = self.bar.add_task("", total=total) if self.bar else None
        self.fit: tuple[rich.progress.Progress, rich.progress.TaskID] | None = None
        self.fit_since = math.inf
        self.trial = ""
        self.frames: tuple[rich.progress.Progress, rich.progress.TaskID] | None = None
        self.frames_words, self.frames_left = "", False

    def print_record(self, row: FileRecord, *, details: bool) -> None:
        self.close()
        self.print(summary_line(row, self.rich.width))
        if row["status"] != "written":
            return
        if details:
            for line in detail_lines(row):
                self.print(line)
        self._print_palette(row, details)

    def print_clip(self, row: ClipRecord, *, details: bool) -> None:
        from colorquant.report.video_records import clip_detail_lines, clip_line

        self.close()
        self.print(clip_line(row, self.rich.width))
        if "seconds" not in row:
            return
        if details:
            for line in clip_detail_lines(row):
                self.print(line)
        if "palette" in row:
            self._print_palette(row, details)

    def _print_palette(self, row: FileRecord | ClipRecord, details: bool) -> None:
        if self.rich.color_system and not self.rich.no_color:
            draw = self.terminal.palette_table if details else self.terminal.swatches
            self.rich.print(draw(row, self.rich.width))
        elif details:
            for line in palette_lines(row, self.rich.width):
                self.print(line)

    def print_command(self, command: str) -> None:
        self.rich.print(f"  {printable(command)}", markup=False)

    def show_current(self, text: str, left: float | None = None) -> None:
        if self.bar and self.task is not None:
            room = max(10, self.rich.width - 40)  # beside the bar, the count and the time
            ends = None if left is None else time.monotonic() + left
            self.bar.update(self.task, description=text if len(text) <= room else f"{text[: room - 1]}…", ends=ends)

    def advance(self) -> None:
        if self.bar and self.task is not None:
            self.bar.advance(self.task)

    def show_frames(self, words: str, done: int, total: int | None) -> None:
        if self.bar:  # of the clips
            self.show_current(f"{words} {done:,}{'' if total is None else f'/{total:,}'}")
            return
        if words != self.frames_words:  # the next pass
            self.close()
            bar = self.terminal.frames_bar(self.rich)
            bar.start()
            self.frames, self.frames_words = (bar, bar.add_task(words, total=total)), words
        if self.frames is not None:
            self.frames[0].update(self.frames[1], description=words, completed=done)
            self.frames_left = done != total

    def show_progress(self, step: Iteration | SearchStep) -> None:
        if self.bar:
            return  # one bar is enough
        if self.frames is not None and self.frames_left:  # frames follow, which --refit fits again
            self.frames[0].update(self.frames[1], description="fitting")
            return
        if self.frames is not None:
            self.close()
        self.fit_since = min(self.fit_since, time.monotonic())
        if self.fit is None and time.monotonic() - self.fit_since > FIT_BAR_AFTER:
            bar = self.terminal.fit_bar(self.rich)
            bar.start()
            self.fit = bar, bar.add_task("", total=None)
        if self.fit is not None:
            self.fit[0].update(self.fit[1], description=f"{self.trial}{progress_words(step)}")

    def show_trial(self, k: int) -> None:
        self.trial = f"trying {k} colours, "

    def close(self) -> None:
        """Remove the spinner, or the bar of the frames, from the terminal."""
        if self.frames is not None:
            self.frames[0].stop()
            self.frames = None
        if self.fit is not None:
            self.fit[0].stop()
            self.fit = None

    def _print(self, text: str) -> None:
        self.rich.print(self.terminal.wrapped(text, self.rich.width), markup=False)


@contextmanager
def open_console(total: int, *, quiet: bool) -> Iterator[Console]:
    """The console that suits standard error; ``total`` images, cells or runs fill the progress bar."""
    if quiet or not sys.stderr.isatty():
        yield Console(quiet)
        return
    console = TerminalConsole(total)
    try:
        with console.bar or nullcontext():
            yield console
    finally:
        console.close()


def print_result(text: str) -> None:
    """Print a line of results on standard output; on a terminal it is broken between words."""
    if sys.stdout.isatty():
        from colorquant.report import terminal

        text = terminal.wrapped(text, terminal.width())
    click.echo(text)
