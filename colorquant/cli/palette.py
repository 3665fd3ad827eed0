"""``colorquant palette``."""

from __future__ import annotations

import click

from colorquant.cli import choices
from colorquant.cli.given import GIVEN_PALETTE
from colorquant.cli.groups import OUTPUT, GroupedCommand, option
from colorquant.cli.options import ANY_PLACE, force_option, json_option, quiet_option

PALETTE = "Palette"
EXAMPLES = """
colorquant palette pico8
colorquant palette photo.gpl -o photo.ase
colorquant palette logo.png --sort share
colorquant palette '#0969da,#ffffff,#24292f' -o brand.css
colorquant palette brand.gpl gray4 --merge-below 2 -o both.gpl
colorquant palette *.gpl -o 'out/{stem}.aco'
"""


@click.command("palette", cls=GroupedCommand, examples=EXAMPLES)
@click.argument("palettes", nargs=-1, required=True, metavar="PALETTES...", type=GIVEN_PALETTE)
@option(
    PALETTE,
    "--sort",
    type=click.Choice(choices.PALETTE_ORDERS),
    default="as-is",
    show_default=True,
    help="Order of the colours: as they are; the most frequent first; dark first; grays, then by hue.",
)
@option(
    PALETTE,
    "--merge-below",
    type=float,
    metavar="ΔE",
    help="Merge the nearest colours, by their numbers of pixels, until none differ by less (CIEDE2000; 1 is hardly "
    "seen, 5 is clearly seen).",
)
@option(
    OUTPUT,
    "-o",
    "--output",
    type=ANY_PLACE,
    metavar="FILE",
    help=f"Write the palette in the format of the ending: {', '.join(choices.PALETTE_SUFFIXES)}; .riff.pal for RIFF "
    "instead of JASC. Several palettes are joined, or with {stem} in the name written one by one.",
)
@force_option
@json_option
@quiet_option
def command(
    palettes: tuple[str, ...],
    sort: str,
    merge_below: float | None,
    output: str | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show, convert, sort and merge palettes.

    PALETTES are palette files, images of at most 256 colours, colours such as '#112233,#445566', or built-in palettes:
    bw, gray4, gray16, web216, ansi16, ansi256, cga, gameboy, c64, pico8, tableau10. Without -o the colours are shown,
    with their shares where the numbers of pixels are known, and ΔE (CIEDE2000) to the nearest other colour.
    """
    from colorquant.cli.run_palette import PaletteRequest, run_palette

    request = PaletteRequest(sort=sort, merge_below=merge_below, output=output, force=force)
    run_palette(palettes, request, as_json=as_json, quiet=quiet)
