"""``timing`` over many images: the names of its files, checked before anything runs, and their contents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from colorquant.analysis.grid import Axes, Grid
from colorquant.analysis.protocol import Criteria, Protocol, Timing
from colorquant.analysis.timing import Source
from colorquant.batch.inputs import Input
from colorquant.batch.naming import OutputName, check_names
from colorquant.batch.outputs import OUTPUTS
from colorquant.errors import OptionError
from colorquant.files import write_whole
from colorquant.fitting.options import FitOptions
from colorquant.images import Picture, read_image
from colorquant.images.decoding import Reading
from colorquant.report import figures
from colorquant.report.figures import timed
from colorquant.report.machine import Machine
from colorquant.report.timing_records import csv_table, markdown


@dataclass(frozen=True)
class TimingRequest:
    """What is timed and how, and the files that the user wants, each the value of the option of the same name.

    ``figure_title`` is as in :class:`~colorquant.report.figure_kinds.Drawing`.
    Files that exist are overwritten only with
    ``force``.
    """

    axes: Axes
    criteria: Criteria
    protocol: Protocol
    csv: str | None = None
    markdown: str | None = None
    figure: str | None = None
    figure_title: str | None = None
    html: str | None = None
    force: bool = False

    def grid(self) -> Grid:
        """The combinations that are timed. Raises OptionError where there are none."""
        return self.criteria.grid(self.axes)

    def combinations(self) -> list[FitOptions]:
        """The fits of the grid, in the order of the rows."""
        return [options for options in self.grid().combinations if isinstance(options, FitOptions)]

    def check(self, inputs: Sequence[Input]) -> None:
        """Raises OptionError or OutputError for a file that cannot be written, before minutes are spent on it."""
        suffixes = {"--figure": figures.SUFFIXES, "--html": OUTPUTS["html"].suffixes}
        named = {"--csv": self.csv, "--markdown": self.markdown, "--figure": self.figure, "--html": self.html}
        names = [
            OutputName(flag, name, suffixes.get(flag, ()), once=True)
            for flag, name in named.items()
            if name is not None
        ]
        check_names(inputs, names, force=self.force)
        if self.figure is not None:
            figures.check_installed()
        elif self.figure_title is not None:
            raise OptionError("--figure-title describes a figure: add --figure FILE")

    def write(self, timings: Sequence[Timing], machine: Machine, left_out: Sequence[str]) -> None:
        """Write the files, all or none. Without any row there is nothing to write."""
        if not timings:
            return
        criteria = self.criteria.words(self.axes)
        files: list[tuple[Path, bytes]] = []
        if self.csv is not None:
            files.append((Path(self.csv), csv_table(timings, machine).encode()))
        if self.markdown is not None:
            files.append((Path(self.markdown), markdown(timings, machine, criteria, left_out).encode()))
        if self.figure is not None:
            suffix = Path(self.figure).suffix.lower()
            files.append((Path(self.figure), timed.encode(timings, suffix, self.figure_title)))
        if self.html is not None:
            from colorquant.report.html.timing import timing_page

            files.append((Path(self.html), timing_page(timings, machine, criteria, left_out)))
        write_whole(files, force=self.force)


def sources(inputs: Sequence[Input], reading: Reading, noted: Callable[[Input, Picture], None]) -> list[Source]:
    """The images of the inputs, each read when it is needed; ``noted`` is then called with it."""
    return [Source(item.name, partial(_read, item, reading, noted)) for item in inputs]


def _read(item: Input, reading: Reading, noted: Callable[[Input, Picture], None]) -> Picture:
    if item.problem is not None:
        raise item.problem
    picture = read_image(item.source, reading)
    noted(item, picture)
    return picture
