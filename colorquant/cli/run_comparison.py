"""``compare``: run the grid over the images, print the results, and write the files of all images."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from threading import Event
from typing import Any

import click

from colorquant.analysis.grid import Axes, Combination, Grid, combination_words
from colorquant.analysis.summary import summarize
from colorquant.batch import run as batch
from colorquant.batch.command import compare_command
from colorquant.batch.compare_job import CompareJob
from colorquant.batch.compare_request import CompareRequest
from colorquant.batch.inputs import Input, expand
from colorquant.batch.run_options import RunOptions
from colorquant.batch.time_left import TimeLeft
from colorquant.cli.console import Console, Messages, open_console, print_result
from colorquant.cli.streams import check_stdin, display_name
from colorquant.errors import OptionError
from colorquant.images.decoding import Reading
from colorquant.images.optimizing import check_optimizer
from colorquant.report.comparison_records import ComparedImage, agreement_words, failure, records, table_title
from colorquant.report.comparison_summary import NOTE, summary_record, summary_table
from colorquant.report.comparison_table import comparison_table, left_out_words
from colorquant.report.records import notes_line, printable
from colorquant.report.tables import Table
from colorquant.urls import is_url, masked

FINISH = 30.0  # seconds that unfinished work has after Ctrl-C; a second Ctrl-C ends it at once


def run_comparison(
    *,
    images: tuple[str, ...],
    reading: Reading,
    run: RunOptions,
    messages: Messages,
    optimize: bool,
    **settings: Any,
) -> None:
    """Compare the images and exit with 1 where an image or a combination failed.

    ``settings`` are the fields of an Axes, and the files that a CompareRequest has. After Ctrl-C the results so far are
    printed and written before KeyboardInterrupt is raised again.
    """
    run.check_workers()
    if optimize:
        check_optimizer()
    names = {field.name for field in fields(Axes)}
    axes = {name: settings.pop(name) for name in list(settings) if name in names}  # in the order of the command line
    words, html = {**axes, "optimize": optimize or None}, settings["html"]
    request = CompareRequest(
        grid=Grid.of(Axes(**axes)),
        force=run.force,
        options=_option_words(images, words),
        command="" if html is None else compare_command(images, words, reading, recursive=run.recursive, html=html),
        **settings,
    )
    inputs = expand(images, recursive=run.recursive, outputs=[] if request.output is None else [request.output])
    check_stdin(inputs)
    others = [name for name in (request.output, request.truth, request.figure) if name]
    run.check_inputs(inputs, others)
    _check_sending(run, request.truth)
    plan = [(item.with_data(sys.stdin.buffer), outputs) for item, outputs in request.plan(inputs)]
    stop = Event()
    with open_console(len(plan) * len(request.grid.combinations), quiet=messages.quiet) as console:
        for line in request.notes:
            console.print(line)
        time_left = TimeLeft(request.grid.combinations, len(plan), run.jobs)
        results = _Results(console, time_left, messages)
        results.unseen = 0 if run.cluster is None else len(request.grid.combinations)
        job = CompareJob(request.grid, reading, optimize=optimize)
        if run.cluster is None:
            job = replace(job, progress=results.progress, stopped=stop.is_set)
        else:
            plan = list(batch.ready(plan, lambda outputs: outputs.check(request.grid), run))
        with batch.open_executor(run, threaded=True, storage=run.storage(inputs, others)) as executor:
            outcomes = batch.run(plan, job, executor, in_flight=batch.most_in_flight(executor, run))
            try:
                for outcome in outcomes:
                    results.add(outcome)
            except KeyboardInterrupt:
                stop.set()
                for outcome in outcomes.stop(FINISH):
                    results.add(outcome)
        results.summarize()
        for line in results.errors:
            console.print_error(line)
    request.write(results.images, results.failures)
    if stop.is_set():
        raise KeyboardInterrupt
    if results.errors:
        raise click.exceptions.Exit(1)


def _check_sending(run: RunOptions, truth: str | None) -> None:
    """Raises OptionError for a file besides the images that workers are to read and do not see."""
    if run.send_files is not None and truth is not None and not is_url(truth):
        raise OptionError("--send-files sends no --truth: put it where the workers see it, and leave --send-files out")


class _Results:
    """Prints the results of each image as they come, and keeps them for the files of all images."""

    def __init__(self, console: Console, time_left: TimeLeft, messages: Messages) -> None:
        self.console, self.time_left, self.messages = console, time_left, messages
        self.images: list[ComparedImage] = []
        self.failures: list[tuple[str, str]] = []
        self.errors: list[str] = []
        self.unseen = 0  # combinations of each image that report no progress

    def progress(self, item: Input, options: Combination, seconds: float | None) -> None:
        """Show which combination runs on which image, or advance the bar when one has ended."""
        if seconds is None:
            left = self.time_left.start(options)
            self.console.show_current(f"{combination_words(options)}: {printable(item.name)}", left)
        else:
            self.time_left.end(options, seconds)
            self.console.advance()

    def add(self, outcome: batch.Outcome[ComparedImage]) -> None:
        """Print the results of one image."""
        name, image = display_name(outcome.input), outcome.result
        for _ in range(self.unseen):
            self.console.advance()
        if image is None:
            reason = outcome.error or ""
            self.failures.append((outcome.input.name, reason))
            self._fail(name, reason, outcome.details)
            self._print_json([failure(outcome.input.name, reason)])
            return
        for cell in image.comparison.cells:
            if cell.error is not None:
                self._fail(f"{name}, {cell.name}", cell.error, cell.details)
        if image.comparison.not_run:
            self.console.print(f"{name}: not run: {', '.join(image.comparison.not_run)}")
        if not image.comparison.cells:
            return
        self.images.append(image)
        self._print_json(records(image))
        self._print_table(name, image)
        if image.sheet is not None:
            self.console.print(f"contact sheet: {printable(str(image.sheet))}")
        notes = image.notes if self.messages.verbose else image.warnings
        if notes:
            self.console.print(notes_line(notes))

    def _fail(self, name: str, reason: str, details: str) -> None:
        self.errors.append(f"{name}: {printable(reason)}")
        if self.messages.verbose:
            self.console.print(masked(details))

    def _print_json(self, rows: list[dict[str, Any]]) -> None:
        for row in rows if self.messages.as_json else ():
            click.echo(json.dumps(row))

    def _print_table(self, name: str, image: ComparedImage) -> None:
        if not (self.messages.as_json or self.messages.quiet):
            rows = records(image)
            if len(self.images) > 1:
                click.echo()
            _print_table(table_title(name, image), lambda width: comparison_table(rows, width))
            agreement = agreement_words(image.comparison)
            if agreement is not None:
                print_result(agreement)

    def summarize(self) -> None:
        """Print the summary of several images."""
        if len(self.images) < 2:
            return
        summaries = summarize([image.comparison for image in self.images])
        self._print_json([summary_record(summary) for summary in summaries])
        if not (self.messages.as_json or self.messages.quiet):
            click.echo()
            _print_table(f"{len(self.images)} images", lambda width: summary_table(summaries, width))
            print_result(NOTE)


def _print_table(title: str, table: Callable[[int | None], tuple[Table, list[str]]]) -> None:
    """Print a table on standard output: on a terminal in colour and as wide as it, else aligned with all columns."""
    if not sys.stdout.isatty():
        click.echo(f"{title}\n\n{table(None)[0].plain()}")
        return
    from colorquant.report import terminal

    print_result(title)
    fitted, left_out = table(terminal.width())
    terminal.show_table(fitted)
    line = left_out_words(left_out)
    if line is not None:
        print_result(line)


def _option_words(images: tuple[str, ...], axes: dict[str, Any]) -> dict[str, str]:
    """The images and options of the run, as a page lists them."""
    words = {"images": ", ".join(map(masked, images))}
    for name, value in axes.items():
        if value not in (None, (), False, ("none",)):
            flag = "-k" if name == "k" else f"--{name.replace('_', '-')}"
            words[flag] = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return words
