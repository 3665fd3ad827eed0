"""``colorquant compare``."""

from __future__ import annotations

from typing import Any

import click

from colorquant.cli import choices
from colorquant.cli.batch import cluster_option, jobs_option, recursive_option, run_options, send_files_option
from colorquant.cli.colors import numbers_option
from colorquant.cli.dithering import dither_details
from colorquant.cli.groups import DITHER, FIGURE, FIT, OUTPUT, GroupedCommand, option
from colorquant.cli.lists import list_option
from colorquant.cli.options import (
    ANY_PLACE,
    STEM,
    figure_title_option,
    force_option,
    html_option,
    images_argument,
    message_options,
    optimize_option,
    reading_options,
)

EXAMPLES = """
colorquant compare photo.jpg -k 4,8,16 -o out/
colorquant compare photo.jpg -k 4,16 --html page.html
colorquant compare photo.jpg --engine numpy,pillow-median --csv results.csv
colorquant compare photo.jpg -k 16 --dither none,floyd-steinberg -o out/
colorquant compare photo.jpg --method em --covariance full,diagonal --seeds 5
colorquant compare photo.jpg -k 2,4,8,16 --method kmeans --figure elbow.svg
colorquant compare photos/ -r -k 8,32 --summary table.tex
"""


@click.command("compare", cls=GroupedCommand, examples=EXAMPLES)
@images_argument
@numbers_option("16")
@list_option("--method", choices.METHODS, default="kmeans,em", words="Methods of the engines:")
@list_option("--engine", [*choices.ENGINES, *choices.BASELINES], default="numpy", words="Engines and baselines:")
@list_option("--covariance", choices.COVARIANCES, default="", words="Shapes of em's Gaussians, by default diagonal:")
@option(
    FIT,
    "--init",
    type=click.Choice(sorted({*choices.INITS["kmeans"], *choices.INITS["em"]})),
    help="Start, as in kmeans and em.  [default: the engine's]",
)
@option(FIT, "--max-iter", type=int, metavar="N", help="Maximum number of iterations.  [default: the engine's]")
@option(FIT, "--tol", type=float, metavar="T", help="Tolerance, as in kmeans and em.  [default: the engine's]")
@option(FIT, "--seed", type=int, metavar="N", help="Seed of the random numbers.  [default: 0]")
@option(
    FIT,
    "--seeds",
    type=click.IntRange(1, 1000),
    metavar="N",
    default=1,
    show_default=True,
    help="Number of seeds with which each combination runs; several give a mean and a standard deviation.",
)
@list_option("--space", choices.SPACES, default="rgb", words="Colour spaces:")
@list_option("--dither", choices.DITHERS, default="none", words="Methods of dithering:", group=DITHER)
@dither_details
@reading_options
@option(
    OUTPUT,
    "-o",
    "--output",
    type=ANY_PLACE,
    metavar="FOLDER",
    help="Write the pictures and a contact sheet of each image into this folder.",
)
@force_option
@html_option("the results side by side")
@option(OUTPUT, "--csv", type=ANY_PLACE, metavar="FILE", help="Write the results of all images as CSV.")
@option(OUTPUT, "--markdown", type=ANY_PLACE, metavar="FILE", help="Write the tables of all images as markdown.")
@option(
    OUTPUT,
    "--summary",
    type=ANY_PLACE,
    metavar="FILE",
    help="Write the summary of all images: .csv, .md (markdown) or .tex (LaTeX).",
)
@option(
    FIGURE,
    "--figure",
    type=ANY_PLACE,
    metavar="FILE",
    help=f"Draw a figure with matplotlib: .png, .svg or .pdf. {STEM}",
)
@option(
    FIGURE,
    "--figure-kind",
    type=click.Choice(choices.COMPARISON_FIGURES),
    help="Measures against k (elbow), the pictures (grid), or PSNR against bits per pixel of all images (rate).  "
    "[default: elbow for several k of one variant, else grid]",
)
@figure_title_option
@option(
    OUTPUT,
    "--truth",
    type=ANY_PLACE,
    metavar="FILE",
    help=f"Compare with these true labels: a gray or indexed PNG. {STEM}",
)
@optimize_option
@run_options(recursive_option, jobs_option, cluster_option, send_files_option)
@message_options
def command(**settings: Any) -> None:
    """Compare methods, engines, spaces and numbers of colours on images.

    IMAGES are files, folders, URLs such as s3://bucket/scans/, or - for standard input. Every combination is measured
    in the same way; impossible ones are left out and listed.
    """
    from colorquant.cli.run_comparison import run_comparison

    run_comparison(**settings)
