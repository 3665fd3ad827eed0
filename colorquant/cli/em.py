"""``colorquant em``."""

from __future__ import annotations

from typing import Any

import click

from colorquant.cli.options import fit_options, images_argument, output_options, reading_options
from colorquant.cli.quantization import run_quantization
from colorquant.fitting.engines import ENGINES
from colorquant.fitting.models import ASSIGNMENTS
from colorquant.fitting.options import COVARIANCES, FitOptions


@click.command("em")
@images_argument
@fit_options
@click.option("--covariance", type=click.Choice(COVARIANCES), help="Shape of the Gaussians.  [default: full]")
@click.option(
    "--init",
    type=click.Choice(ENGINES["numpy"]["em"].choices["init"]),
    help="Start: numpy's search on cells, k-means, or random colours.  "
    "[default: kmeans; for numpy search, unless --max-iter or --tol is given]",
)
@click.option(
    "--tol",
    type=float,
    help="Stop when the log-likelihood per pixel gains less; OpenCV's epsilon with opencv.  "
    "[default: 0.001, after a search half]",
)
@click.option(
    "--reg-covar",
    type=float,
    help="Variance added to each band, in squared units of the space (with --standardize of the z-scores)."
    "  [default: of 8-bit rounding, 1/12 squared level]",
)
@click.option("--standardize", is_flag=True, default=None, help="Fit z-scores of the bands.")
@click.option(
    "--assign",
    type=click.Choice(list(ASSIGNMENTS)),
    help="Label of a pixel: its most probable component, or the nearest mean, by Euclidean or city-block distance.  "
    "[default: posterior]",
)
@click.option(
    "--posteriors",
    type=click.Choice(["npy", "png"]),
    help="Also write the posteriors: (height, width, K) float16, or a gray PNG per component.",
)
@click.option(
    "--uncertainty",
    metavar="FILE.png",
    help="Also write the entropy of each pixel's posterior, black where one component is certain.",
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
    covariance: str | None,
    init: str | None,
    tol: float | None,
    reg_covar: float | None,
    standardize: bool | None,
    **output: Any,
) -> None:
    """Quantize images with EM (a Gaussian mixture).

    IMAGES are files, folders, or - for standard input. Each pixel gets the colour of its most probable component. The
    picture is named {stem}-em{K}.png.

    \b
    colorquant em photo.jpg -k 4 --space ycrcb -o out/
    colorquant em photo.jpg -k 8 --covariance diagonal --json
    colorquant em photo.jpg -k 4 --init random --html page.html
    colorquant em scans/ -r -o out/ --isolate --skip-existing --report run.jsonl
    colorquant em photo.jpg -k 4 --space ycrcb --figure ellipses.svg
    """
    options = FitOptions(
        *("em", k, space, keep_luma, engine, init, attempts, max_iter, tol, seed, effort),
        *(covariance, reg_covar, standardize),
    )
    run_quantization(options, **output)
