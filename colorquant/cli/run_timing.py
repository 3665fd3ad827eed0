"""``timing``: run the rows, print them, and write the files."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from colorquant.analysis import timing
from colorquant.analysis.grid import Axes
from colorquant.analysis.protocol import Criteria, Estimate, Protocol, Timing
from colorquant.analysis.timing import Callbacks
from colorquant.batch.inputs import Input, expand
from colorquant.batch.timing_request import TimingRequest, sources
from colorquant.cli.console import Console, Messages, open_console, print_result
from colorquant.cli.streams import check_stdin
from colorquant.images import Picture
from colorquant.images.decoding import Reading
from colorquant.report import timing_records
from colorquant.report.machine import Machine
from colorquant.report.records import notes_line, printable


def run_timing(
    axes: Axes,
    criteria: Criteria,
    protocol: Protocol,
    *,
    images: tuple[str, ...],
    reading: Reading,
    recursive: bool,
    messages: Messages,
    **files: Any,
) -> None:
    """Time the images and exit with 1 where a row failed; ``files`` are the other fields of a TimingRequest.

    After Ctrl-C the rows so far are printed and written before KeyboardInterrupt is raised again.
    """
    request = TimingRequest(axes, criteria, protocol, **files)
    combinations, left_out = request.combinations(), request.grid().left_out
    inputs = expand(images, recursive=recursive)
    check_stdin(inputs)
    request.check(inputs)
    inputs = [item.with_data(sys.stdin.buffer) for item in inputs]
    interruption: KeyboardInterrupt | None = None
    timings: list[Timing] = []
    with open_console(
        len(inputs) * len(protocol.scales) * len(combinations) * protocol.rounds, quiet=messages.quiet
    ) as console:
        for line in left_out:
            console.print(f"Left out: {line}")
        pictures = sources(
            inputs, reading, lambda item, picture: _print_notes(console, item, picture, messages.verbose)
        )
        try:
            for rows in timing.run(pictures, combinations, protocol, _callbacks(console)):
                timings += rows
                machine = Machine.this()  # for each image anew, since libraries load with the first rows
                for row in rows if messages.as_json else ():
                    click.echo(json.dumps(timing_records.record(row, machine)))
        except KeyboardInterrupt as error:
            interruption = error
    machine = Machine.this()
    if timings and not (messages.as_json or messages.quiet):
        _print(timings, machine, criteria.words(axes))
    request.write(timings, machine, left_out)
    _end(timings, console, messages.verbose)
    if interruption is not None:
        raise interruption
    if any(row.error is not None for row in timings):
        raise click.exceptions.Exit(1)


def _callbacks(console: Console) -> Callbacks:
    """The callbacks that show the current row and the time that is left."""

    def progress(row: str, left: float | None) -> None:
        console.show_current(printable(row), left)
        console.advance()

    def estimated(estimate: Estimate) -> None:
        line = timing_records.estimate_words(estimate)
        if line is not None:
            console.print(line)

    return Callbacks(progress, estimated)


def _print_notes(console: Console, item: Input, picture: Picture, verbose: bool) -> None:
    notes = picture.notes if verbose else picture.warnings
    if notes:
        console.print(f"{printable(item.name)}: {notes_line(notes).strip()}")


def _print(timings: Sequence[Timing], machine: Machine, criteria: str) -> None:
    """Print the lines above the table and the table on standard output: in colour on a terminal, else aligned."""
    table, _ = timing_records.table(timings)
    for line in timing_records.head(timings, machine, criteria):
        print_result(line)
    if sys.stdout.isatty():
        from colorquant.report import terminal

        terminal.show_table(table)
    else:
        click.echo(f"\n{table.plain()}")
    print_result(timing_records.NOTE)


def _end(timings: Sequence[Timing], console: Console, verbose: bool) -> None:
    """Name the rows that did not run and those that failed, and with ``verbose`` the seconds of all others."""
    for row in timings if verbose else ():
        console.print(row.details or f"{printable(row.words)}: seconds {list(row.seconds)}")
    for line in timing_records.not_run(timings):
        console.print(line)
    for line in timing_records.failures(timings):
        console.print_error(line)
