"""``colorquant kmeans``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from colorquant.cli.batch import batch_options
from colorquant.cli.dithering import dither_options
from colorquant.cli.fitting import fit_options
from colorquant.cli.groups import GroupedCommand
from colorquant.cli.options import (
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
colorquant kmeans photo.jpg -k 16
colorquant kmeans photo.jpg -k 8 --html page.html
colorquant kmeans photo.jpg -k auto --target psnr:35
colorquant kmeans logo.png -k auto --target size:50k --max-k 64
colorquant kmeans photo.jpg -k 8 --lock '#ffffff,#d40000'
colorquant kmeans photo.jpg -k 64 --dither floyd-steinberg
colorquant kmeans photo.jpg -k 2 --space gray --figure histogram.png
colorquant kmeans holiday/ -r -k 64 --space oklab -o out/ --jobs 2
colorquant kmeans frames/ -k 12 --shared --palette-out one.gpl -o out/
colorquant kmeans scans/ -r -o out/ --isolate --skip-existing --report r.jsonl
"""


@click.command("kmeans", cls=GroupedCommand, examples=EXAMPLES)
@images_argument
@fit_options("kmeans")
@dither_options
@reading_options
@strips_option
@output_options()
@shared_options
@batch_options
@message_options
def command(options: FitOptions, **output: Any) -> None:
    """Quantize images with k-means.

    IMAGES are files, folders, URLs such as s3://bucket/scans/, or - for standard input. Each image becomes an indexed
    PNG of at most K colours, named {stem}-kmeans{K}.png, or {stem}-kmeansauto.png with -k auto.
    """
    from colorquant.cli.run_quantization import run_quantization

    run_quantization(options, **output)
