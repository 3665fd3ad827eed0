"""``colorquant compare``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from colorquant.analysis import measures
from colorquant.analysis.baselines import RIVALS
from colorquant.analysis.compare import Comparison, Destination, compare_file
from colorquant.analysis.grid import Axes, Grid, variant
from colorquant.batch import naming
from colorquant.batch import run as batch
from colorquant.batch.outputs import OUTPUTS
from colorquant.cli.console import Console, open_console
from colorquant.cli.options import (
    CommaList,
    force_option,
    images_argument,
    list_option,
    reading_options,
    verbose_option,
)
from colorquant.cli.quantization import check_stdin, source
from colorquant.cli.summary import shown
from colorquant.color.spaces import SPACES
from colorquant.errors import OptionError
from colorquant.files import write_whole
from colorquant.fitting.engines import ENGINES, METHODS
from colorquant.fitting.options import COVARIANCES
from colorquant.images.decoding import Reading
from colorquant.report.comparison_records import agreement_words, encode_csv, failure, records, table_title
from colorquant.report.figures import check_figure
from colorquant.report.figures.compared import COMPARED, choose
from colorquant.report.records import notes_line, printable

Plan = Sequence[tuple[naming.Input, Destination]]


@click.command("compare")
@images_argument
@click.option(
    "-k", "k", type=CommaList(click.INT), metavar="K,...", default="16", show_default=True, help="Numbers of colours."
)
@list_option("--method", METHODS, default="kmeans,em", words="Methods of our engines:")
@list_option("--engine", [*ENGINES, *RIVALS], default="numpy", words="Who fits, and rivals, each a method of its own:")
@list_option("--space", SPACES, default="rgb", words="Colour spaces:")
@list_option("--covariance", COVARIANCES, default="", words="For em, shapes of the Gaussians (full unless said):")
@click.option(
    "--init",
    type=click.Choice(sorted({init for engine in ENGINES["numpy"].values() for init in engine.choices["init"]})),
    help="Start of our engines, as in kmeans and em.  [default: the engine's]",
)
@click.option("--max-iter", type=int, help="Most iterations of our engines.  [default: the engine's]")
@click.option("--tol", type=float, help="Tolerance of our engines, as for kmeans and em.  [default: the engine's]")
@click.option("--seed", type=int, help="Seed of the random numbers of our engines.  [default: 0]")
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Run each combination from so many seeds, and tell the spread.",
)
@click.option(
    "--truth", metavar="FILE", help="Labels of the image, a gray or indexed PNG. For several put {stem} into the name."
)
@click.option("-o", "--output", metavar="FOLDER", help="Write the pictures and a contact sheet of each image there.")
@click.option(
    "--figure",
    metavar="FILE",
    help="Draw a figure: .png, .svg or .pdf, with matplotlib. For several images put {stem} into the name.",
)
@click.option(
    "--figure-kind",
    type=click.Choice(list(COMPARED)),
    help="Measures against k, or the pictures.  [default: elbow for several k of one variant, else grid]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per cell on standard output.")
@click.option("--csv", "csv_file", metavar="FILE", help="Write the cells of all images into a CSV file.")
@click.option("--html", "html_file", metavar="FILE", help="Write a page that holds the results against each other.")
@reading_options
@force_option
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@verbose_option
def command(
    images: tuple[str, ...],
    reading: Reading,
    truth: str | None,
    output: str | None,
    figure: str | None,
    figure_kind: str | None,
    as_json: bool,
    csv_file: str | None,
    html_file: str | None,
    force: bool,
    quiet: bool,
    verbose: bool,
    **axes: Any,
) -> None:
    """Compare methods, engines, spaces and numbers of colours on images.

    Every combination is a cell, measured in the same way; an impossible one is left out and named. IMAGES are files,
    folders, or - for standard input.

    \b
    colorquant compare photo.jpg -k 4,8,16 -o out/
    colorquant compare photo.jpg --engine numpy,pillow-median --csv cells.csv
    colorquant compare photo.jpg -k 8 --method em --covariance full,diagonal --seeds 5
    colorquant compare photo.jpg -k 2,4,8,16 --method kmeans --figure elbow.svg
    colorquant compare photo.jpg -k 4,16 --html page.html
    """
    grid = Grid.of(Axes(**axes))
    drawn = _figure(grid, figure, figure_kind)
    tables = {"--csv": csv_file, "--html": html_file}
    plan = _plan(naming.expand(images, recursive=False), grid, output, truth, drawn, tables, force)
    with open_console(len(plan) * len(grid.combinations), quiet=quiet) as console:
        for line in _notes(grid):
            console.print(line)
        with batch.open_executor(1, threaded=True) as executor:
            outcomes = batch.run(plan, _task(grid, reading, console), executor)
            rows, told, failures = _tell(outcomes, console, as_json, verbose)
        for line in failures:
            console.print_error(line)
    files = [] if csv_file is None else [(Path(csv_file), encode_csv(rows))]
    files += [] if html_file is None else [(Path(html_file), _page(told, grid, axes))]
    write_whole(files, force=force)
    if failures:
        raise click.exceptions.Exit(1)


def _figure(grid: Grid, figure: str | None, kind: str | None) -> tuple[str, str] | None:
    """The figure's name and its kind, None for none. Raises OptionError where it cannot be."""
    if figure is None:
        if kind is not None:
            raise OptionError("--figure-kind describes a figure: add --figure FILE")
        return None
    if not figure:
        raise OptionError("--figure has an empty name: is a variable unset?")
    check_figure(figure)
    return figure, choose(kind, [(variant(options), options.k) for options in grid.combinations])


def _plan(
    inputs: Sequence[naming.Input],
    grid: Grid,
    output: str | None,
    truth: str | None,
    figure: tuple[str, str] | None,
    tables: Mapping[str, str | None],
    force: bool,
) -> Plan:
    """Where the results of each input go. Raises OptionError and OutputError before anything is read."""
    drawn = None if figure is None else figure[0]
    named = {"-o": output, "--truth": truth, "--figure": drawn}
    names = [naming.OutputName(flag, name, folder=flag == "-o") for flag, name in named.items() if name is not None]
    endings = {"--html": OUTPUTS["html"].suffixes}
    names += [
        naming.OutputName(flag, name, endings.get(flag, ()), once=True)
        for flag, name in tables.items()
        if name is not None
    ]
    page = tables["--html"]
    check_stdin(inputs)
    folder = None if output is None else Path(output)
    plan = []
    for item in inputs:
        labels = None if truth is None else Path(truth.replace("{stem}", item.stem))
        own = None if figure is None else (Path(figure[0].replace("{stem}", item.stem)), figure[1])
        plan.append((item, Destination(folder, item.stem, force, labels, own, page is not None)))
    files = (destination.files(grid) for _, destination in plan)
    naming.check_names(inputs, names, files, force=force)
    return plan


def _notes(grid: Grid) -> list[str]:
    """What is missing, and why."""
    no_ssim = [] if measures.has_ssim() else ["no SSIM: it needs scikit-image, pip install 'colorquant[metrics]'"]
    return [*(f"left out: {printable(reason)}" for reason in grid.left_out), *no_ssim]


def _page(told: Sequence[batch.Outcome[Comparison]], grid: Grid, axes: Mapping[str, Any]) -> bytes:
    """The page of all images."""
    from colorquant.report.html.comparison import Failure, comparison_page

    compared = [(outcome.input.name, outcome.result) for outcome in told if outcome.result is not None]
    failures = [Failure(outcome.input.name, outcome.error or "") for outcome in told if outcome.result is None]
    asked = [("images", ", ".join(outcome.input.name for outcome in told))]
    for name, value in axes.items():
        if value not in (None, ()):
            words = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            asked.append(("-k" if name == "k" else f"--{name.replace('_', '-')}", words))
    return comparison_page(compared, failures, asked, _notes(grid))


def _task(grid: Grid, reading: Reading, console: Console) -> Callable[[naming.Input, Destination], Comparison]:
    def task(item: naming.Input, destination: Destination) -> Comparison:
        return compare_file(item, source(item), grid, destination, reading, console.advance)

    return task


def _tell(
    outcomes: Iterable[batch.Outcome[Comparison]], console: Console, as_json: bool, verbose: bool
) -> tuple[list[dict[str, Any]], list[batch.Outcome[Comparison]], list[str]]:
    """Say each image's cells as they come; returns all records, the outcomes, and the failures, a line each."""
    rows: list[dict[str, Any]] = []
    told: list[batch.Outcome[Comparison]] = []
    failures: list[str] = []
    for outcome in outcomes:
        name = outcome.input.name
        called = shown(outcome.input)
        if outcome.result is None:
            found = [failure(name, outcome.error)]
            bad = [(called, outcome.error, outcome.details)]
        else:
            found = records(name, outcome.result)
            bad = [(f"{called}, {cell.name}", cell.error, cell.details) for cell in outcome.result.cells if cell.error]
            _say(called, outcome.result, found, console)
            notes = outcome.result.notes if verbose else outcome.result.warnings
            if notes:
                console.print(notes_line(notes))
        failures += [f"{where}: {printable(reason or '')}" for where, reason, _ in bad]
        for _, _, details in bad if verbose else ():
            console.print(details)
        for row in found if as_json else ():
            click.echo(json.dumps(row))
        rows += found
        told.append(outcome)
    return rows, told, failures


def _say(called: str, comparison: Comparison, rows: list[dict[str, Any]], console: Console) -> None:
    console.say_table(table_title(called, comparison), rows)
    agreement = agreement_words(comparison)
    if agreement is not None:
        console.print(agreement)
    if comparison.sheet is not None:
        console.print(f"contact sheet: {printable(str(comparison.sheet))}")
