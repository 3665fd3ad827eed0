"""``colorquant apply``."""

from __future__ import annotations

from typing import Any

import click

from colorquant.cli import choices
from colorquant.cli.batch import batch_options
from colorquant.cli.dithering import dither_options
from colorquant.cli.given import GIVEN_PALETTE
from colorquant.cli.groups import COLOUR, PALETTE, GroupedCommand, option
from colorquant.cli.options import (
    images_argument,
    mapping_output_options,
    message_options,
    reading_options,
    strips_option,
)

EXAMPLES = """
colorquant apply photo.jpg --palette '#1a1c2c,#f4f4f4,#ef7d57'
colorquant apply photo.jpg --palette pico8 --dither floyd-steinberg
colorquant apply photo.jpg --palette web216 --distance ciede2000 -o web.png
colorquant apply b.jpg c.jpg --palette colors.gpl -o out/ --labels png
colorquant apply sprites/ -r --palette sheet.png --space rgb -o out/ --jobs 2
"""


@click.command("apply", cls=GroupedCommand, examples=EXAMPLES)
@images_argument
@option(
    PALETTE,
    "--palette",
    "given",
    type=GIVEN_PALETTE,
    metavar="COLORS|FILE|NAME",
    required=True,
    help="The palette: '#ff0000,white', a palette file, an image or a built-in palette.",
)
@option(
    COLOUR,
    "--space",
    type=click.Choice(choices.SPACES),
    help="Colour space in which the nearest entry is meant.  [default: oklab]",
)
@option(
    COLOUR,
    "--distance",
    type=click.Choice(choices.DISTANCES),
    default="euclidean",
    show_default=True,
    help="How far apart colours are: by a straight line in the space, or by CIEDE2000.",
)
@dither_options
@reading_options
@strips_option
@mapping_output_options
@batch_options
@message_options
def command(given: str, space: str | None, distance: str, **output: Any) -> None:
    """Map images onto a given palette.

    IMAGES are files, folders, URLs such as s3://bucket/scans/, or - for standard input. Each pixel gets the nearest
    entry of the palette, which keeps its colours and their order, unused ones too. The picture is named
    {stem}-apply.png.
    """
    from colorquant.cli.run_quantization import run_quantization
    from colorquant.mapping.options import MappingOptions
    from colorquant.palette.given import given_palette

    options = MappingOptions(given_palette(given), given=given, space=space, distance=distance)
    run_quantization(options, **output)
