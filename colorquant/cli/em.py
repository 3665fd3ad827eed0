"""``colorquant em``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from colorquant.cli.batch import batch_options
from colorquant.cli.dithering import dither_options
from colorquant.cli.fitting import assign_option, fit_options
from colorquant.cli.groups import OUTPUT, GroupedCommand, option
from colorquant.cli.options import (
    ANY_PLACE,
    images_argument,
    message_options,
    output_options,
    reading_options,
    shared_options,
    strips_option,
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
@fit_options("em")
@assign_option
@dither_options
@reading_options
@strips_option
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
        type=ANY_PLACE,
        metavar="FILE.png",
        help="Write the entropy of each pixel's posterior as a gray PNG: black where one component is certain.",
    ),
)
@shared_options
@batch_options
@message_options
def command(options: FitOptions, **output: Any) -> None:
    """Quantize images with EM (a Gaussian mixture).

    IMAGES are files, folders, URLs such as s3://bucket/scans/, or - for standard input. Each pixel gets the colour of
    its most probable component. The picture is named {stem}-em{K}.png, or {stem}-emauto.png with -k auto.
    """
    from colorquant.cli.run_quantization import run_quantization

    run_quantization(options, **output)
