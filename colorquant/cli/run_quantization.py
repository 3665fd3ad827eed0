"""``kmeans``, ``em`` and ``apply``: work on the inputs and print the results."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from colorquant.batch import run as batch
from colorquant.batch.inputs import Input
from colorquant.batch.naming import Plan
from colorquant.batch.notes import shared_notes
from colorquant.batch.outputs import OUTPUTS, OutputPaths
from colorquant.batch.quantize_request import QuantizeRequest
from colorquant.batch.run_options import RunOptions
from colorquant.cli.console import Console, Messages, open_console
from colorquant.cli.running import open_report, prepare_for_many
from colorquant.cli.streams import check_stdin
from colorquant.cli.summary import ImageSummary, PlannedImage, print_dry_run
from colorquant.errors import OptionError
from colorquant.fitting.options import FitOptions
from colorquant.remote import listed_folders
from colorquant.report.records import notes_line, shared_line

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.batch.settings import SharedFit
    from colorquant.batch.shared_fit import FirstPass
    from colorquant.mapping.options import MappingOptions


def run_quantization(
    options: FitOptions | MappingOptions,
    *,
    images: tuple[str, ...],
    alpha: str | None,
    run: RunOptions,
    messages: Messages,
    **settings: Any,
) -> None:
    """Quantize every input, or map it onto a palette, and exit with 1 where some failed.

    ``settings`` are the other fields of a QuantizeRequest, and keys of OUTPUTS. Raises OptionError before anything is
    read.
    """
    run.check_workers()
    if run.cluster is not None and settings.get("in_place"):
        raise OptionError("--in-place cannot begin again where a worker of --cluster is lost: write with -o")
    options = replace(options, alpha=alpha)
    others = {kind: settings.pop(kind) for kind in OUTPUTS if kind in settings}
    given = {kind: value for kind, value in others.items() if value is not None}
    request = QuantizeRequest(options, run=run, others=given, **settings)
    inputs = request.find_inputs(images)
    plan = request.plan(inputs.inputs)
    if run.dry_run:
        planned = ((item, PlannedImage(paths, request.k)) for item, paths in plan)
        print_dry_run(planned, run.report, messages.as_json, shared_palette=request.shared_palette)
        return
    _check_streams(plan, messages.as_json)
    places = [name for name in (request.output, request.weights, *given.values()) if name]
    run.check_inputs(plan.inputs, places)
    storage = run.storage(plan.inputs, places)
    many = len(plan) > 1
    if many:
        prepare_for_many()
    # Ctrl-C must not cut an input short between two of its files, and cannot interrupt OpenCV: both need a thread.
    threaded = many or (isinstance(request.options, FitOptions) and request.options.engine == "opencv")
    loaded: Iterable[tuple[Input, OutputPaths]] = ((item.with_data(sys.stdin.buffer), paths) for item, paths in plan)
    if run.send_files is not None:
        from colorquant.batch.sending import resumed

        loaded = resumed(loaded, request.k)
    loaded = batch.ready(loaded, lambda paths: paths.check(request.k), run)
    first = request.first_pass(list(loaded)) if request.shared else None
    steps = len(plan) + (0 if first is None else first.wanted)
    with listed_folders(), open_console(steps, quiet=messages.quiet) as console, open_report(run) as report:
        summary = ImageSummary(console, messages, report=report, passed_over=inputs.passed_over)
        with batch.open_executor(run, threaded=threaded, storage=storage) as executor:
            in_flight, at_once = batch.most_in_flight(executor, run), batch.at_once(executor, run, len(plan))
            shared = None
            if first is not None:
                command = request.shared_command(images)
                console.show_current("counting the colours")
                counted = first.run(
                    executor, at_once=at_once, in_flight=in_flight, fail_fast=run.fail_fast, counted=console.advance
                )
                if counted:
                    shared = _fit_shared(request, first, console, command)
                loaded = first.second_pass(fitted=shared is not None)
            progress, trying = (None, None) if run.in_other_processes else (console.show_progress, console.show_trial)
            job = request.job(progress, trying, shared, at_once=at_once)
            summary.collect(batch.run(loaded, job, executor, in_flight=in_flight, fail_fast=run.fail_fast), len(plan))
    if summary.failures:
        raise click.exceptions.Exit(1)


def _fit_shared(request: QuantizeRequest, first: FirstPass, console: Console, command: str) -> SharedFit:
    """Fit one palette to what the first pass counted, and say so."""
    console.show_current("fitting one palette")
    shared = request.fit_shared(first, console.show_progress, console.show_trial, command)
    console.print(shared_line(len(shared.palette), shared.images, len(first.total)))
    notes = (*shared_notes(shared.palette), *(() if shared.chosen is None else shared.chosen.warnings))
    if notes:
        console.print(notes_line(notes))
    console.show_current("writing")
    return shared


def _check_streams(plan: Plan[OutputPaths], as_json: bool) -> None:
    """Raises OptionError if standard input or output cannot carry what the options request."""
    check_stdin(plan.inputs)
    piped = [number for number, item in enumerate(plan.inputs) if number == 0 or item.path is None]
    if any(plan[number][1].image is None for number in piped):
        if as_json:
            raise OptionError("--json and the picture would both go to standard output: give -o a file or a folder")
        if sys.stdout.isatty():
            raise OptionError("a picture is not written to a terminal: give -o a file, or pipe standard output")
