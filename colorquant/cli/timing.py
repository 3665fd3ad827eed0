"""``colorquant timing``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from colorquant.analysis import timing
from colorquant.batch import naming
from colorquant.batch.outputs import OUTPUTS
from colorquant.cli import options as shared
from colorquant.cli.console import Console, open_console
from colorquant.cli.quantization import check_stdin, source
from colorquant.color.spaces import SPACES
from colorquant.files import write_whole
from colorquant.fitting.engines import ENGINES, METHODS
from colorquant.fitting.options import COVARIANCES, FitOptions
from colorquant.images import Picture, read_image
from colorquant.images.decoding import Reading
from colorquant.report import timing_records as report
from colorquant.report.figures import SUFFIXES, check_figure, timed
from colorquant.report.machine import Machine
from colorquant.report.records import notes_line, printable


@click.command("timing")
@shared.images_argument
@shared.list_option("--method", METHODS, default="kmeans", words="Methods:")
@shared.list_option("--engine", ENGINES, default="opencv,numpy", words="Engines:")
@shared.list_option("--space", SPACES, default="rgb,gray", words="Colour spaces:")
@click.option(
    "-k", "k", type=shared.CommaList(click.INT), metavar="K,...", default="2", show_default=True, help="Colours."
)
@shared.list_option(
    "--covariance", COVARIANCES, default="", words="For em, shapes of the Gaussians (full where nothing is said):"
)
@click.option("--max-iter", type=int, help=f"Most iterations, for every engine.  [default: {timing.MAX_ITER}]")
@click.option(
    "--tol",
    type=float,
    help="Tolerance, for every engine: as in colorquant kmeans and em.  "
    f"[default: kmeans {timing.TOL['kmeans']:g} levels of 8 bits, em {timing.TOL['em']:g}]",
)
@shared.attempts_option
@click.option("--own-criteria", is_flag=True, help="Each engine stops by its own defaults instead.")
@shared.seed_option
@click.option("--repeat", type=int, default=5, show_default=True, help="Rounds that count.")
@click.option("--warmup", type=int, default=1, show_default=True, help="Rounds before them that do not.")
@click.option("--cpu/--wall", default=True, help="CPU time of all threads, or time on the wall.  [default: cpu]")
@click.option(
    "--stage",
    type=click.Choice(list(timing.STAGES)),
    default="quantize",
    show_default=True,
    help="What is timed: all from pixels to painted pixels, or the fit of a counted picture alone.",
)
@click.option(
    "--scale",
    type=shared.CommaList(click.FLOAT),
    metavar="FACTOR,...",
    default="1",
    show_default=True,
    help="Resize each picture to so many times its pixels.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per row on standard output, instead of a table.")
@click.option("--csv", metavar="FILE", help="Also write the rows as CSV.")
@click.option("--markdown", metavar="FILE", help="Also write head and table as markdown.")
@click.option(
    "--figure",
    metavar="FILE",
    help="Also draw the seconds, with matplotlib: .png, .svg or .pdf; with --scale as lines.",
)
@click.option(
    "--html", metavar="FILE", help="Also write a page: bars, the rows as a table to sort, growth with --scale."
)
@shared.reading_options
@shared.recursive_option
@shared.force_option
@click.option("-q", "--quiet", is_flag=True, help="On standard error only errors.")
@shared.verbose_option
def command(
    method: tuple[str, ...],
    engine: tuple[str, ...],
    space: tuple[str, ...],
    k: tuple[int, ...],
    covariance: tuple[str, ...],
    max_iter: int | None,
    tol: float | None,
    attempts: int | None,
    own_criteria: bool,
    seed: int,
    repeat: int,
    warmup: int,
    cpu: bool,
    stage: str,
    scale: tuple[float, ...],
    **output: Any,
) -> None:
    """Time k-means and EM, engines and spaces in turn.

    The rows (each engine in each space, for each method, K and covariance) take turns on an image, round by round. By
    default: OpenCV and colorquant's own engine, RGB against gray, 2 colours, 10 iterations.

    \b
    colorquant timing malaga.png
    colorquant timing photo.jpg --method kmeans,em --engine numpy,sklearn -k 4,16 --csv rows.csv
    colorquant timing photo.jpg --scale 0.25,1,4 --stage fit --figure cost.svg --html page.html
    """
    grid = timing.Grid(method, engine, space, k, covariance, max_iter, tol, attempts, own_criteria, seed)
    protocol = timing.Protocol(repeat, warmup, "cpu" if cpu else "wall", stage, scale)
    _run(grid, protocol, **output)


def _run(
    grid: timing.Grid,
    protocol: timing.Protocol,
    *,
    images: tuple[str, ...],
    reading: Reading,
    as_json: bool,
    csv: str | None,
    markdown: str | None,
    figure: str | None,
    html: str | None,
    recursive: bool,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Time the inputs, say what was found, and exit with 1 where a row failed."""
    cells, left_out = grid.cells()
    inputs = naming.expand(images, recursive=recursive)
    check_stdin(inputs)
    files_named = {"--csv": csv, "--markdown": markdown, "--figure": figure, "--html": html}
    endings = {"--figure": SUFFIXES, "--html": OUTPUTS["html"].suffixes}
    names = [
        naming.OutputName(flag, name, endings.get(flag, ()), once=True)
        for flag, name in files_named.items()
        if name is not None
    ]
    naming.check_names(inputs, names, force=force)
    if figure is not None:
        check_figure(figure)
    with open_console(len(inputs) * len(protocol.scales) * len(cells) * protocol.rounds, quiet=quiet) as console:
        for line in left_out:
            console.print(f"Left out: {line}")

        def read(item: naming.Input) -> Picture:
            picture = read_image(source(item), reading)
            notes = picture.notes if verbose else picture.warnings
            if notes:
                console.print(f"{printable(item.name)}: {notes_line(notes).strip()}")
            return picture

        found = _measured(inputs, cells, protocol, read, console, as_json)
    machine = Machine.this()
    if not as_json:
        _show(found, machine, grid.criteria)
    texts = [
        (csv, report.csv_table(found, machine)),
        (markdown, report.markdown(found, machine, grid.criteria, left_out)),
    ]
    files = [(Path(name), text.encode()) for name, text in texts if name]
    if figure is not None:
        files.append((Path(figure), timed.encode(found, Path(figure).suffix.lower())))
    if html:
        from colorquant.report.html.timing import timing_page

        files.append((Path(html), timing_page(found, machine, grid.criteria, left_out)))
    write_whole(files, force=force)
    _end(found, console, verbose)


def _end(found: Sequence[timing.Timing], console: Console, verbose: bool) -> None:
    """Name the rows that failed, and exit with 1 if there are some."""
    for row in found if verbose else ():
        console.print(row.details or f"{printable(row.words)}: seconds {list(row.seconds)}")
    failures = report.failures(found)
    for line in failures:
        console.print_error(line)
    if failures:
        raise click.exceptions.Exit(1)


def _measured(
    inputs: Sequence[naming.Input],
    cells: Sequence[FitOptions],
    protocol: timing.Protocol,
    read: Callable[[naming.Input], Picture],
    console: Console,
    as_json: bool,
) -> list[timing.Timing]:
    """All rows; as JSON they are said as soon as their image is done."""

    def progress(row: str) -> None:
        console.show_current(printable(row))
        console.advance()

    found: list[timing.Timing] = []
    for rows in timing.run(inputs, cells, protocol, read, progress=progress):
        found += rows
        machine = Machine.this()  # anew for each image: libraries load with the first rows
        for row in rows if as_json else ():
            click.echo(json.dumps(report.record(row, machine)))
    return found


def _show(found: Sequence[timing.Timing], machine: Machine, criteria: str) -> None:
    """Head and table on standard output: in colour on a terminal, else aligned."""
    table, _ = report.table(found)
    for line in report.head(found, machine, criteria):
        click.echo(line)
    if sys.stdout.isatty():
        from colorquant.report import terminal

        terminal.show_table(table)
    else:
        click.echo(f"\n{table.plain()}")
    click.echo(report.NOTE)
