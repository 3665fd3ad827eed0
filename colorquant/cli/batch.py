"""The options of a run over many inputs: how it goes through them, and where they are worked on."""

from __future__ import annotations

from functools import wraps
from typing import Any

import click

from colorquant.cli.groups import BATCH, OUTPUT, READING, Decorator, Function, option
from colorquant.cli.options import ANY_PATH, stack
from colorquant.cli.sizes import ByteSize

memory_option = option(
    READING,
    "--memory",
    type=ByteSize(),
    metavar="SIZE",
    help="Memory for the inputs that are worked on at the same time, such as 4GB or 512MB: pictures that need more are "
    "read strip by strip.  [default: half of what is free]",
)
recursive_option = option(BATCH, "-r", "--recursive", is_flag=True, help="Also read the sub-folders of folders.")
jobs_option = option(
    BATCH,
    "-j",
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    default=1,
    show_default=True,
    help="Number of inputs to work on at the same time.",
)
cluster_option = option(
    BATCH,
    "--cluster",
    metavar="ADDRESS|local:N",
    help="Work on a Dask cluster: that of the scheduler at this address, such as tcp://host:8786, or N processes here.",
)
send_files_option = option(
    BATCH,
    "--send-files",
    type=ByteSize(),
    metavar="SIZE",
    help="With --cluster: send files of up to SIZE, such as 32MB, to workers that do not see them, and write here what "
    "they send back.",
)
skip_existing_option = option(
    BATCH, "--skip-existing", is_flag=True, help="Skip inputs whose outputs all exist, to resume a run."
)
_shared_run_options = stack(
    option(BATCH, "--dry-run", is_flag=True, help="Print the names of the files that would be written; write nothing."),
    option(BATCH, "--fail-fast", is_flag=True, help="Start no more inputs after the first failure."),
    option(BATCH, "--isolate", is_flag=True, help="Work in separate processes: a crash fails only its own file."),
    option(
        BATCH,
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="With --isolate: abandon a file that takes longer.",
    ),
    cluster_option,
    option(
        BATCH,
        "--report",
        type=ANY_PATH,
        metavar="FILE",
        help="Write a JSON object per input: its results, or why it failed.",
    ),
)


def run_options(*options: Decorator) -> Decorator:
    """The options on how a command works on its inputs.

    The command gets a :class:`colorquant.batch.run_options.RunOptions` as ``run``, which also takes up ``--force``.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def command(*args: Any, **given: Any) -> Any:
            from dataclasses import fields

            from colorquant.batch.run_options import RunOptions

            names = [field.name for field in fields(RunOptions) if field.name in given]
            return function(*args, run=RunOptions(**{name: given.pop(name) for name in names}), **given)

        return stack(*options)(command)

    return decorate


batch_options = run_options(
    memory_option,
    recursive_option,
    jobs_option,
    option(BATCH, "--in-place", is_flag=True, help="Replace each input, which must be a .png file, by its picture."),
    skip_existing_option,
    option(
        OUTPUT,
        "--skip-if-larger",
        is_flag=True,
        help="Write nothing for an input whose picture would not be smaller than its file; to standard output goes the "
        "file itself.",
    ),
    _shared_run_options,
    send_files_option,
)
clip_batch_options = run_options(recursive_option, jobs_option, skip_existing_option, _shared_run_options)
