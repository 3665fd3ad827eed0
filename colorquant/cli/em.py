"""``colorquant em``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from colorquant.cli import choices
from colorquant.cli.dithering import dither_options
from colorquant.cli.groups import COLOUR, FIT, OUTPUT, GroupedCommand, option
from colorquant.cli.options import (
    ANY_PATH,
    batch_options,
    fit_options,
    images_argument,
    message_options,
    output_options,
    reading_options,
    shared_options,
)

if TYPE_CHECKING:
    from colorquant.fitting.options import FitOptions

EXAMPLES = """
colorquant em photo.jpg -k 4 --space ycrcb -o out/
colorquant em photo.jpg -k 8 --covariance full --init search --json
colorquant em photo.jpg -k 4 --init random --html page.html
colorquant em photo.jpg -k auto --target bic --max-k 32
colorquant em photo.jpg -k 4 --space ycrcb --figure ellipses.svg
colorquant em slides/ -k 5 --shared --labels npy -o out/
colorquant em scans/ -r -o out/ --isolate --skip-existing --report run.jsonl
"""


@click.command("em", cls=GroupedCommand, examples=EXAMPLES)
@images_argument
@fit_options(
    "em",
    option(
        FIT,
        "--covariance",
        type=click.Choice(choices.COVARIANCES),
        help="Shape of the Gaussians.  [default: diagonal]",
    ),
    option(
        FIT,
        "--init",
        type=click.Choice(choices.INITS["em"]),
        help="Start: k-means (with numpy the best of several starts on coarse cells, unless --max-iter or --tol is "
        "given), random colours, or a long search for the most likely mixture (numpy only).  [default: kmeans]",
    ),
    option(
        FIT,
        "--tol",
        type=float,
        metavar="GAIN",
        help="Stop when the log-likelihood per pixel gains less; with opencv, its epsilon.  "
        "[default: 0.001; 0.003 for numpy in three bands; 0.0005 with --init search]",
    ),
    option(
        FIT,
        "--reg-covar",
        type=float,
        metavar="VARIANCE",
        help="Variance added to each band, in squared units of the space, or of the z-scores with --standardize.  "
        "[default: that of rounding to 8 bits, 1/12 of a squared level]",
    ),
    option(FIT, "--standardize", is_flag=True, default=None, help="Fit the z-scores of the bands."),
)
@option(
    COLOUR,
    "--assign",
    type=click.Choice(choices.ASSIGNMENTS),
    help="How a pixel gets its label: the most probable component, or the nearest mean by Euclidean or city-block "
    "distance."
    "  [default: posterior]",
)
@dither_options
@reading_options
@output_options(
    option(
        OUTPUT,
        "--posteriors",
        type=click.Choice(["npy", "png"]),
        help="Write the posteriors: (height, width, K) float16, or a gray PNG per component.",
    ),
    option(
        OUTPUT,
        "--uncertainty",
        type=ANY_PATH,
        metavar="FILE.png",
        help="Write the entropy of each pixel's posterior as a gray PNG: black where one component is certain.",
    ),
)
@shared_options
@batch_options
@message_options
def command(options: FitOptions, **output: Any) -> None:
    """Quantize images with EM (a Gaussian mixture).

    IMAGES are files, folders, or - for standard input. Each pixel gets the colour of its most probable component. The
    picture is named {stem}-em{K}.png, or {stem}-emauto.png with -k auto.
    """
    from colorquant.cli.quantization import run_quantization

    run_quantization(options, **output)
