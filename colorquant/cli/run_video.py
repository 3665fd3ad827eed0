"""``video``: work on the clips and print the results."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import click

from colorquant.batch import run as batch
from colorquant.batch.inputs import Input
from colorquant.batch.run_options import RunOptions
from colorquant.batch.video_job import ClipResult
from colorquant.batch.video_outputs import CLIP_OUTPUTS, ClipPaths
from colorquant.batch.video_request import ClipRequest
from colorquant.batch.video_settings import ClipSettings
from colorquant.cli.clips import pop_background
from colorquant.cli.console import Messages, open_console
from colorquant.cli.running import open_report, prepare_for_many
from colorquant.cli.streams import check_stdin
from colorquant.cli.summary import BatchSummary, print_dry_run
from colorquant.fitting.options import FitOptions


class ClipSummary(BatchSummary[ClipResult]):
    """The summary of a run of ``video``."""

    def show(self, result: ClipResult) -> None:
        self.console.print_clip(result.record, details=self.messages.verbose)


def run_videos(
    options: FitOptions,
    *,
    clips: tuple[str, ...],
    alpha: str | None,
    run: RunOptions,
    messages: Messages,
    **given: Any,
) -> None:
    """Work on every clip, and exit with 1 where some failed or are not whole.

    ``given`` are the other fields of a ClipSettings and of a ClipRequest, and keys of CLIP_OUTPUTS. Raises OptionError
    before anything is read.
    """
    run.check_workers()
    given["background"] = pop_background(given)
    others = {kind: given.pop(kind) for kind in CLIP_OUTPUTS if kind in given}
    names = [field.name for field in fields(ClipSettings) if field.name in given]
    settings = ClipSettings(options.replace(alpha=alpha), **{name: given.pop(name) for name in names})
    others = {kind: value for kind, value in others.items() if value is not None}
    request = ClipRequest(settings, run=run, others=others, **given)
    inputs = request.find_inputs(clips)
    plan = request.plan(inputs.inputs)
    if run.dry_run:
        print_dry_run(plan, run.report, messages.as_json)
        return
    check_stdin(plan.inputs)
    run.check_inputs(plan.inputs)
    prepare_for_many()
    loaded: Iterable[tuple[Input, ClipPaths]] = ((item.with_data(sys.stdin.buffer), paths) for item, paths in plan)
    if run.cluster is not None:
        loaded = batch.repeatable(loaded, lambda paths: paths.check())
    with open_console(len(plan), quiet=messages.quiet) as console, open_report(run) as report:
        summary = ClipSummary(console, messages, report=report, passed_over=inputs.passed_over)
        # Ctrl-C must not cut a clip short between two of its files, and cannot interrupt a codec: both need a thread.
        with batch.open_executor(run, threaded=True) as executor:
            job = request.job()
            if not run.in_other_processes:
                shown = console.show_frames if run.jobs == 1 else None
                job = request.job(console.show_progress, shown, console.show_trial)
            in_flight = batch.most_in_flight(executor, run)
            summary.collect(batch.run(loaded, job, executor, in_flight=in_flight, fail_fast=run.fail_fast), len(plan))
    if summary.failures:
        raise click.exceptions.Exit(1)
