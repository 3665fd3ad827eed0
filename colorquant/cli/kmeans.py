"""``colorquant kmeans``."""

from __future__ import annotations

from typing import Any

import click

from colorquant.cli.options import fit_options, images_argument, output_options, reading_options
from colorquant.cli.quantization import run_quantization
from colorquant.fitting.engines import ENGINES
from colorquant.fitting.options import FitOptions


@click.command("kmeans")
@images_argument
@fit_options
@click.option(
    "--init",
    type=click.Choice(ENGINES["numpy"]["kmeans"].choices["init"]),
    help="First centres: numpy's search by splitting, k-means++, random colours.  [default: split for numpy, else pp]",
)
@click.option(
    "--tol",
    type=float,
    help="Stop when no centre moves further, in units of the space; OpenCV's epsilon with opencv.  [default: 0.01]",
)
@reading_options
@output_options
def command(
    k: int,
    space: str,
    keep_luma: bool | None,
    engine: str,
    attempts: int | None,
    max_iter: int | None,
    seed: int,
    effort: str | None,
    init: str | None,
    tol: float | None,
    **output: Any,
) -> None:
    """Quantize images with k-means.

    IMAGES are files, folders, or - for standard input. Each picture becomes an indexed PNG of at most K colours, named
    {stem}-kmeans{K}.png.

    \b
    colorquant kmeans photo.jpg -k 16
    colorquant kmeans photo.jpg -k 2 --space gray --figure histogram.png
    colorquant kmeans holiday/ -r -k 64 --space oklab -o out/ --jobs 2
    colorquant kmeans photo.jpg -k 8 --html page.html
    colorquant kmeans scans/ -r -o out/ --isolate --skip-existing --report run.jsonl
    """
    options = FitOptions("kmeans", k, space, keep_luma, engine, init, attempts, max_iter, tol, seed, effort)
    run_quantization(options, **output)
