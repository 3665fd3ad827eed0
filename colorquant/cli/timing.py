"""``colorquant timing``."""

from __future__ import annotations

from typing import Any

import click

from colorquant.cli import choices
from colorquant.cli.batch import recursive_option
from colorquant.cli.colors import numbers_option
from colorquant.cli.groups import FIGURE, FIT, OUTPUT, TIMING, GroupedCommand, option
from colorquant.cli.lists import CommaList, list_option
from colorquant.cli.options import (
    ANY_PATH,
    attempts_option,
    figure_title_option,
    force_option,
    images_argument,
    message_options,
    reading_options,
    seed_option,
)

DEFAULTS = choices.TIMING_CRITERIA
EXAMPLES = """
colorquant timing malaga.png
colorquant timing photo.jpg --engine numpy,sklearn -k 4,16 --csv rows.csv
colorquant timing photo.jpg --method kmeans,em --budget 60
colorquant timing photo.jpg --scale 0.25,1,4 --figure cost.svg
"""


@click.command("timing", cls=GroupedCommand, examples=EXAMPLES)
@images_argument
@list_option("--method", choices.METHODS, default="kmeans", words="Methods:")
@list_option("--engine", choices.ENGINES, default="opencv,numpy", words="Engines:")
@numbers_option("2")
@list_option("--covariance", choices.COVARIANCES, default="", words="Shapes of em's Gaussians, by default diagonal:")
@option(
    FIT,
    "--max-iter",
    type=int,
    metavar="N",
    help=f"Maximum number of iterations, for every engine.  [default: {DEFAULTS['max_iter']}]",
)
@option(
    FIT,
    "--tol",
    type=float,
    metavar="T",
    help="Tolerance, for every engine, as in kmeans and em.  "
    f"[default: kmeans {DEFAULTS['kmeans']:g} levels of 8 bits, em {DEFAULTS['em']:g}]",
)
@option(FIT, "--own-criteria", is_flag=True, help="Let each engine stop by its own defaults instead.")
@attempts_option
@seed_option
@list_option("--space", choices.SPACES, default="rgb,gray", words="Colour spaces:")
@option(
    TIMING,
    "--repeat",
    type=int,
    metavar="N",
    default=5,
    show_default=True,
    help="Number of rounds that are counted.",
)
@option(
    TIMING,
    "--warmup",
    type=int,
    metavar="N",
    default=1,
    show_default=True,
    help="Number of rounds before them that are not counted.",
)
@option(
    TIMING,
    "--budget",
    type=float,
    metavar="SECONDS",
    help="Run only as many rounds as fit into this time, which the images share evenly.  [default: all rounds]",
)
@option(TIMING, "--cpu/--wall", default=True, help="Measure the CPU time of all threads, or wall time.  [default: cpu]")
@option(
    TIMING,
    "--stage",
    type=click.Choice(choices.TIMING_STAGES),
    default="quantize",
    show_default=True,
    help="What is timed: everything from pixels to painted pixels, or the fit alone.",
)
@option(
    TIMING,
    "--scale",
    type=CommaList(click.FLOAT),
    metavar="FACTOR,...",
    default="1",
    show_default=True,
    help="Resize each image to this many times its pixels.",
)
@reading_options
@force_option
@option(
    OUTPUT,
    "--html",
    type=ANY_PATH,
    metavar="FILE.html",
    help="Write a page with bars, a sortable table of the rows and, with --scale, the growth with the pixels.",
)
@option(OUTPUT, "--csv", type=ANY_PATH, metavar="FILE", help="Write the rows as CSV.")
@option(OUTPUT, "--markdown", type=ANY_PATH, metavar="FILE", help="Write the table as markdown.")
@option(
    FIGURE,
    "--figure",
    type=ANY_PATH,
    metavar="FILE",
    help="Draw the seconds with matplotlib, as bars or, with --scale, as lines: .png, .svg or .pdf.",
)
@figure_title_option
@recursive_option
@message_options
def command(
    method: tuple[str, ...],
    engine: tuple[str, ...],
    k: tuple[int, ...],
    covariance: tuple[str, ...],
    max_iter: int | None,
    tol: float | None,
    own_criteria: bool,
    attempts: int | None,
    seed: int,
    space: tuple[str, ...],
    repeat: int,
    warmup: int,
    budget: float | None,
    cpu: bool,
    stage: str,
    scale: tuple[float, ...],
    alpha: str | None,
    **output: Any,
) -> None:
    """Time k-means and EM, engines and spaces in turn.

    IMAGES are files, folders, or - for standard input. The rows (each engine in each space, for each method, K and
    covariance) take turns on an image, round by round. By default: OpenCV and colorquant's own engine, RGB against
    gray, 2 colours, 10 iterations.
    """
    from colorquant.analysis.grid import Axes
    from colorquant.analysis.protocol import Criteria, Protocol
    from colorquant.cli.run_timing import run_timing

    axes = Axes(
        k=k,
        method=method,
        engine=engine,
        space=space,
        covariance=covariance,
        attempts=attempts,
        seed=seed,
        alpha=alpha,
    )
    protocol = Protocol(
        repeat=repeat,
        warmup=warmup,
        clock="cpu" if cpu else "wall",
        stage=stage,
        scales=scale,
        budget=budget,
    )
    run_timing(axes, Criteria(max_iter, tol, own_criteria), protocol, **output)
