"""What ``kmeans`` and ``em`` share: run one fit over the inputs, say what happened."""

from __future__ import annotations

import errno
import gc
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from colorquant import batch, outputs
from colorquant.cli.voices import Voice, speaking
from colorquant.decoding import Reading
from colorquant.engines import resolve
from colorquant.errors import OptionError
from colorquant.models import FitOptions
from colorquant.report.rows import notes_line, printable, record
from colorquant.spaces import Projection

Plan = Sequence[tuple[batch.Input, outputs.Destination]]
Outcomes = Iterable[batch.Outcome[outputs.Result]]


def run_quantization(
    options: FitOptions,
    *,
    images: tuple[str, ...],
    reading: Reading,
    paint: str,
    output: str | None,
    as_json: bool,
    recursive: bool,
    force: bool,
    jobs: int,
    quiet: bool,
    verbose: bool,
    keep_metadata: bool,
    assign: str | None = None,
    **others: str | None,
) -> None:
    """Quantize every input and exit with 1 where some failed; ``others`` are keys of OUTPUTS.

    Raises OptionError before anything is read.
    """
    options = resolve(options)
    Projection.of(options.space, options.keep_luma)
    asked = {kind: said for kind, said in others.items() if said is not None}
    outputs.check_outputs(options, asked)
    inputs = batch.expand(images, recursive=recursive)
    plan = batch.Naming(f"{options.method}{options.k}", options.k, output, asked, force).plan(inputs)
    _check_streams(plan, as_json)

    if len(plan) > 1:
        gc.enable()
    with speaking(len(plan), quiet=quiet) as voice:

        def task(item: batch.Input, destination: outputs.Destination) -> outputs.Result:
            return outputs.quantize_file(
                *(source(item), options, destination),
                paint=paint,
                assign=assign,
                keep_metadata=keep_metadata,
                reading=reading,
                progress=voice.iterate,
            )

        outcomes = batch.run(plan, task, jobs, uninterruptible=options.engine == "opencv")
        failures = _tell(outcomes, plan, voice, as_json, verbose)
        if len(plan) > 1:
            voice.say(f"{len(plan) - len(failures)} written, {len(failures)} failed")
        for failure in failures:
            voice.complain(failure)
    if failures:
        raise click.exceptions.Exit(1)


def source(item: batch.Input) -> Path | bytes:
    """Where the input's image is: its file, or the bytes of standard input."""
    return sys.stdin.buffer.read() if item.path is None else item.path


def shown(item: batch.Input) -> str:
    """What the input is called in words for people."""
    return "standard input" if item.path is None else printable(item.name)


def check_stdin(inputs: Iterable[batch.Input]) -> None:
    """Raises OptionError where an image is awaited from a terminal."""
    if any(item.path is None for item in inputs) and sys.stdin.isatty():
        raise OptionError("standard input (-) is a terminal: pipe an image into it")


def _check_streams(plan: Plan, as_json: bool) -> None:
    """Standard input and output carry bytes or words, for one purpose each."""
    check_stdin(item for item, _ in plan)
    if any(destination.image is None for _, destination in plan):
        if as_json:
            raise OptionError("--json and the picture would both go to standard output: give -o a file or a folder")
        if sys.stdout.isatty():
            raise OptionError("a picture is not written to a terminal: give -o a file, or pipe standard output")


def _write_out(data: bytes) -> None:
    """All of ``data`` to standard output, which need not be buffered and may then take it in parts."""
    rest = memoryview(data)
    while rest:
        taken = sys.stdout.buffer.write(rest)
        if taken is None:
            raise BlockingIOError(errno.EAGAIN, "it takes no more at the moment")
        rest = rest[taken:]
    sys.stdout.buffer.flush()


def _tell(outcomes: Outcomes, plan: Plan, voice: Voice, as_json: bool, verbose: bool) -> list[str]:
    """Say each outcome as it comes; returns the failures, a line each."""
    failures = []
    for (item, destination), outcome in zip(plan, outcomes, strict=True):
        if outcome.result is None:
            failures.append(f"{shown(item)}: {printable(outcome.error or '')}")
            if verbose:
                voice.say(outcome.details)
            row = {"input": item.name, "error": outcome.error}
        else:
            result = outcome.result
            if result.png is not None:
                _write_out(result.png)
            row = record(item.name, str(destination.image or batch.STDIN), result)
            voice.say_row(row)
            if verbose:
                voice.say(f"  {result.quantized.options}, seconds {row['seconds']}")
            if verbose and result.notes:
                voice.say(notes_line(result.notes))
        if as_json:
            import json

            click.echo(json.dumps(row))
        voice.step()
    return failures
