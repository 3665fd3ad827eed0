"""What ``kmeans`` and ``em`` share: run one fit over the inputs, say what happened."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import click

from colorquant.batch import jobs as outputs
from colorquant.batch import naming
from colorquant.batch import run as batch
from colorquant.batch.inputs import Input, find_inputs
from colorquant.cli.console import open_console
from colorquant.cli.summary import BatchSummary, print_dry_run
from colorquant.color.spaces import Projection
from colorquant.errors import OptionError
from colorquant.files import LineFile
from colorquant.fitting.engines import resolve
from colorquant.fitting.options import FitOptions
from colorquant.images.decoding import Reading
from colorquant.report import figures

Plan = naming.Plan[outputs.Destination]
M_ARENA_MAX = -8  # of malloc.h


def run_quantization(
    options: FitOptions,
    *,
    images: tuple[str, ...],
    output: str | None,
    reading: Reading,
    as_json: bool,
    recursive: bool,
    force: bool,
    in_place: bool,
    skip_existing: bool,
    dry_run: bool,
    report: str | None,
    paint: str,
    assign: str | None = None,
    jobs: int,
    fail_fast: bool,
    isolate: bool,
    timeout: float | None,
    quiet: bool,
    verbose: bool,
    keep_metadata: bool,
    figure_kind: str | None,
    figure_bands: tuple[str, ...],
    figure_title: str | None,
    **others: str | None,
) -> None:
    """Quantize every input and exit with 1 where some failed; ``others`` are keys of OUTPUTS.

    Raises OptionError before anything is read.
    """
    if timeout is not None and not isolate:
        raise OptionError("--timeout ends a worker process: add --isolate")
    options = resolve(options)
    Projection.of(options.space, options.keep_luma)
    asked = {kind: said for kind, said in others.items() if said is not None}
    outputs.check_outputs(options, asked)
    drawing = _drawing(options, asked, figure_kind, figure_bands, figure_title)
    recipe = outputs.Recipe(options, paint, assign, reading, keep_metadata, drawing)
    names = naming.Naming(
        *(f"{options.method}{options.k}", options.k, output, asked, force, in_place, skip_existing),
        report=report,
    )
    folders = [said for kind, said in asked.items() if outputs.OUTPUTS[kind].folder] + [output or ""]
    found = find_inputs(images, recursive=recursive, outputs=filter(None, folders))
    plan = names.plan(found.inputs)
    if dry_run:
        print_dry_run(plan, options.k, report, as_json)
        return
    _check_streams(plan, as_json)
    many = len(plan) > 1
    if many:
        gc.enable()
        _share_memory()
    # Of many inputs none is cut short by Ctrl-C between two of its files; and OpenCV cannot be interrupted.
    threaded = many or options.engine == "opencv"
    with open_console(len(plan), quiet=quiet) as console, _open_report(report, force or skip_existing) as lines:
        summary = BatchSummary(console, as_json=as_json, verbose=verbose, report=lines, passed_over=found.passed_over)
        job = outputs.QuantizeJob(recipe, None if isolate else console.show_progress)
        loaded = ((item.with_data(sys.stdin.buffer), destination) for item, destination in plan)
        with batch.open_executor(jobs, threaded=threaded, isolate=isolate, timeout=timeout) as executor:
            summary.collect(batch.run(loaded, job, executor, in_flight=2 * jobs, fail_fast=fail_fast), len(plan))
    if summary.failures:
        raise click.exceptions.Exit(1)


@contextmanager
def _open_report(name: str | None, force: bool) -> Iterator[LineFile | None]:
    """The file of ``--report``; None without one."""
    if name is None:
        yield None
        return
    with closing(LineFile(Path(name), force=force)) as lines:
        yield lines


def _share_memory() -> None:
    """All threads take memory from one place: glibc would reserve 64 MB for each, and keep what each gave back."""
    if sys.platform == "linux":
        import ctypes

        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not every C library has it
        if mallopt is not None:
            mallopt(M_ARENA_MAX, 1)


def _drawing(
    options: FitOptions, asked: Mapping[str, str], kind: str | None, bands: tuple[str, ...], title: str | None
) -> figures.Drawing | None:
    """The figure that is wanted. Raises OptionError where it cannot be, or where it is described but not wanted."""
    if "figure" in asked:
        return figures.choose(options, kind, bands, title)
    for name, given in (("kind", kind is not None), ("bands", bool(bands)), ("title", title is not None)):
        if given:
            raise OptionError(f"--figure-{name} describes a figure: add --figure FILE")
    return None


def source(item: Input) -> Path | bytes:
    """Where the input's image is: its file, or the bytes of standard input."""
    return sys.stdin.buffer.read() if item.path is None else item.path


def check_stdin(inputs: Iterable[Input]) -> None:
    """Raises OptionError where an image is awaited from a terminal."""
    if any(item.path is None for item in inputs) and sys.stdin.isatty():
        raise OptionError("standard input (-) is a terminal: pipe an image into it")


def _check_streams(plan: Plan, as_json: bool) -> None:
    """Standard input and output carry bytes or words, for one purpose each."""
    check_stdin(plan.inputs)
    asked = [number for number, item in enumerate(plan.inputs) if number == 0 or item.path is None]
    if any(plan[number][1].image is None for number in asked):
        if as_json:
            raise OptionError("--json and the picture would both go to standard output: give -o a file or a folder")
        if sys.stdout.isatty():
            raise OptionError("a picture is not written to a terminal: give -o a file, or pipe standard output")
