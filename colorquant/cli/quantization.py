"""``kmeans``, ``em`` and ``apply``: work on the inputs and print the results."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from colorquant.batch import run as batch
from colorquant.batch.inputs import Input
from colorquant.batch.naming import Plan
from colorquant.batch.notes import shared_notes
from colorquant.batch.outputs import OUTPUTS, OutputPaths
from colorquant.batch.quantization import QuantizeRequest
from colorquant.cli.console import Console, open_console
from colorquant.cli.streams import check_stdin
from colorquant.cli.summary import BatchSummary, print_dry_run
from colorquant.errors import OptionError
from colorquant.files import LineFile
from colorquant.fitting.options import FitOptions
from colorquant.report.records import notes_line, shared_line

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.batch.shared_fit import FirstPass, SharedFit
    from colorquant.mapping.options import MappingOptions

M_ARENA_MAX = -8  # from malloc.h


def run_quantization(
    options: FitOptions | MappingOptions,
    *,
    images: tuple[str, ...],
    alpha: str | None,
    recursive: bool,
    dry_run: bool,
    jobs: int,
    fail_fast: bool,
    isolate: bool,
    timeout: float | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **settings: Any,
) -> None:
    """Quantize every input, or map it onto a palette, and exit with 1 where some failed.

    ``settings`` are the other fields of a QuantizeRequest, and keys of OUTPUTS. Raises OptionError before anything is
    read.
    """
    if timeout is not None and not isolate:
        raise OptionError("--timeout ends a worker process: add --isolate")
    options = replace(options, alpha=alpha)
    others = {kind: settings.pop(kind) for kind in OUTPUTS if kind in settings}
    given = {kind: value for kind, value in others.items() if value is not None}
    request = QuantizeRequest(options, others=given, **settings)
    inputs = request.find_inputs(images, recursive=recursive)
    plan = request.plan(inputs.inputs)
    if dry_run:
        print_dry_run(plan, request.k, request.report, as_json, shared_palette=request.shared_palette)
        return
    _check_streams(plan, as_json)
    many = len(plan) > 1
    if many:
        _prepare_for_many()
    # Ctrl-C must not cut an input short between two of its files, and cannot interrupt OpenCV: both need a thread.
    threaded = many or (isinstance(request.options, FitOptions) and request.options.engine == "opencv")
    loaded: Iterable[tuple[Input, OutputPaths]] = ((item.with_data(sys.stdin.buffer), paths) for item, paths in plan)
    first = request.first_pass(list(loaded)) if request.shared else None
    steps = len(plan) + (0 if first is None else first.wanted)
    with open_console(steps, quiet=quiet) as console, _open_report(request) as report:
        summary = BatchSummary(console, as_json=as_json, verbose=verbose, report=report, passed_over=inputs.passed_over)
        with batch.open_executor(jobs, threaded=threaded, isolate=isolate, timeout=timeout) as executor:
            shared = None
            if first is not None:
                command = request.shared_command(images, recursive=recursive)
                console.show_current("counting the colours")
                if first.run(executor, in_flight=2 * jobs, fail_fast=fail_fast, counted=console.advance):
                    shared = _fit_shared(request, first, console, command)
                loaded = first.second_pass(fitted=shared is not None)
            progress, trying = (None, None) if isolate else (console.show_progress, console.show_trial)
            job = request.job(progress, trying, shared)
            summary.collect(batch.run(loaded, job, executor, in_flight=2 * jobs, fail_fast=fail_fast), len(plan))
    if summary.failures:
        raise click.exceptions.Exit(1)


def _fit_shared(request: QuantizeRequest, first: FirstPass, console: Console, command: str) -> SharedFit:
    """Fit one palette to what the first pass counted, and say so."""
    console.show_current("fitting one palette")
    shared = request.fit_shared(first, console.show_progress, console.show_trial, command)
    console.print(shared_line(len(shared.palette), shared.images, len(first.sum.total())))
    notes = (*shared_notes(shared.palette), *(() if shared.chosen is None else shared.chosen.warnings))
    if notes:
        console.print(notes_line(notes))
    console.show_current("writing")
    return shared


def _open_report(request: QuantizeRequest) -> closing[LineFile] | nullcontext[None]:
    """The file of ``--report``, if there is one."""
    if request.report is None:
        return nullcontext()
    return closing(LineFile(Path(request.report), force=request.replaces_report))


def _prepare_for_many() -> None:
    """Turn on the garbage collector, and let all threads take memory from one arena.

    Otherwise glibc reserves 64 MB for each thread, and keeps the memory that each has freed.
    """
    gc.enable()
    if sys.platform == "linux":
        import ctypes

        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not every C library has it
        if mallopt is not None:
            mallopt(M_ARENA_MAX, 1)


def _check_streams(plan: Plan[OutputPaths], as_json: bool) -> None:
    """Raises OptionError if standard input or output cannot carry what the options request."""
    check_stdin(plan.inputs)
    piped = [number for number, item in enumerate(plan.inputs) if number == 0 or item.path is None]
    if any(plan[number][1].image is None for number in piped):
        if as_json:
            raise OptionError("--json and the picture would both go to standard output: give -o a file or a folder")
        if sys.stdout.isatty():
            raise OptionError("a picture is not written to a terminal: give -o a file, or pipe standard output")
