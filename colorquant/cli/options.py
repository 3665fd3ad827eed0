"""The options that commands share, each written once."""

from __future__ import annotations

from functools import wraps
from typing import Any

import click

from colorquant.cli import choices
from colorquant.cli.groups import (
    FIGURE,
    FIT,
    MESSAGES,
    OUTPUT,
    PALETTE,
    READING,
    Decorator,
    Function,
    option,
)
from colorquant.cli.lists import CommaList


def stack(*decorators: Decorator) -> Decorator:
    """One decorator that adds several options, in their order."""

    def decorate(function: Function) -> Function:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


class PlaceType(click.Path):
    """The name of a file or folder, also as a ``file://`` URL; with ``urls`` also a URL of other storage.

    The command itself reports files that cannot be read; click would report wrong usage.
    """

    def __init__(self, *, urls: bool) -> None:
        super().__init__(readable=False)
        self.urls = urls

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name; that of a ``file://`` URL becomes the path."""
        value = super().convert(value, param, ctx)
        if "://" in value:
            from colorquant.urls import is_url, local_name, masked

            value = local_name(value)
            if is_url(value) and not self.urls:
                self.fail(f"{masked(value)} is not on this machine, and this must be: give a file here.", param, ctx)
        return value


ANY_PATH = PlaceType(urls=False)
ANY_PLACE = PlaceType(urls=True)
images_argument = click.argument("images", nargs=-1, required=True, metavar="IMAGES...", type=ANY_PLACE)

attempts_option = option(
    FIT, "--attempts", type=int, metavar="N", help="Number of starts; the best fit is kept.  [default: 1]"
)
seed_option = option(
    FIT, "--seed", type=int, metavar="N", default=0, show_default=True, help="Seed of the random numbers."
)


def _title(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    return "" if text == "none" else text


figure_title_option = option(
    FIGURE,
    "--figure-title",
    metavar="TITLE",
    callback=_title,
    help="Title of the figure, or none for a figure without a title.  [default: the image's name and what was run]",
)


alpha_option = option(
    READING,
    "--alpha",
    metavar="palette|keep|drop|threshold[:N]|COLOR",
    help="Fit colour and alpha together, so that the palette has K entries of both (palette); keep the alpha "
    "of every pixel (keep); drop it (drop); make it 255 from N up, 0 below (threshold; N is 128); or composite "
    "the image onto a colour: white, fff, '#ffcc00'.  [default: palette in kmeans where some pixels are partly "
    "transparent, if engine and space can do it; else keep]",
)
max_pixels_option = option(
    READING,
    "--max-pixels",
    type=click.IntRange(min=1),
    metavar="N",
    default=choices.MAX_PIXELS,
    show_default=True,
    help="Refuse images with more pixels before decoding them.",
)


def separate_alpha(alpha: str | None) -> tuple[str | None, str]:
    """What ``--alpha`` says about the fit, as in FitOptions, and about how pixels are read, as in Reading."""
    return (alpha, "keep") if alpha is None or alpha in choices.ALPHAS else (None, alpha)


def reading_options(function: Function) -> Function:
    """Options on how images are read; the command gets a :class:`colorquant.images.decoding.Reading` as ``reading``.

    The command also gets ``alpha``, that of FitOptions: one of ``choices.ALPHAS``, else None.
    """

    @wraps(function)
    def command(*args: Any, frame: int | None, max_pixels: int, strict: bool, alpha: str | None, **rest: Any) -> Any:
        from colorquant.images.decoding import Reading

        fitted, treatment = separate_alpha(alpha)
        reading = Reading(frame, max_pixels, strict, treatment)
        return function(*args, reading=reading, alpha=fitted, **rest)

    return stack(
        alpha_option,
        option(
            READING,
            "--frame",
            type=click.IntRange(min=0),
            metavar="N",
            help="Frame of an animation, page of a TIFF or size of an icon to read, counted from 0.  [default: 0]",
        ),
        max_pixels_option,
        option(READING, "--strict", is_flag=True, help="Check all data of a PNG or JPEG for damage (slower)."),
    )(command)


strips_option = option(
    READING,
    "--strips",
    is_flag=True,
    help="Read and write all pictures strip by strip, so that they may be larger than memory: PNG, JPEG and TIFF "
    "(pip install 'colorquant[large]'). Raise --max-pixels for them. Without it, only pictures that need more than "
    "--memory are read so.",
)
force_option = option(OUTPUT, "-f", "--force", is_flag=True, help="Overwrite existing files.")
json_option = option(
    MESSAGES,
    "--json",
    "as_json",
    is_flag=True,
    help="Print the results on standard output as JSON, an object per line.",
)
quiet_option = option(MESSAGES, "-q", "--quiet", is_flag=True, help="Print only errors.")
verbose_option = option(MESSAGES, "-v", "--verbose", is_flag=True, help="Print more, and the traceback of a failure.")


def message_options(function: Function) -> Function:
    """Options on what is printed; the command gets a :class:`colorquant.cli.console.Messages` as ``messages``."""

    @wraps(function)
    def command(*args: Any, as_json: bool, quiet: bool, verbose: bool, **rest: Any) -> Any:
        from colorquant.cli.console import Messages

        return function(*args, messages=Messages(as_json, quiet, verbose), **rest)

    return stack(json_option, quiet_option, verbose_option)(command)


STEM = "With several inputs, put {stem} into the name."


_picture_options = stack(
    option(
        OUTPUT,
        "-o",
        "--output",
        type=ANY_PLACE,
        metavar="PATH",
        help="A .png file (for one input), a folder, the URL of either, or - for standard output.  "
        "[default: beside the input]",
    ),
    force_option,
)
palette_out_option = option(
    OUTPUT,
    "--palette-out",
    "palette",
    type=ANY_PLACE,
    metavar="FILE",
    help=f"Write the palette in the format of the ending: {', '.join(choices.PALETTE_SUFFIXES)}. {STEM}",
)
_label_options = stack(
    palette_out_option,
    option(
        OUTPUT,
        "--labels",
        type=click.Choice(["png", "npy", "tiff"]),
        help="Write the label of every pixel, as {output stem}-labels.",
    ),
    option(
        OUTPUT,
        "--masks",
        type=ANY_PLACE,
        metavar="FOLDER",
        help="Write a black and white PNG per label, white where the label is.",
    ),
)
_metadata_option = option(
    OUTPUT,
    "--keep-metadata",
    is_flag=True,
    help="Copy EXIF, XMP and texts of the input into the picture.",
)
optimize_option = option(
    OUTPUT,
    "--optimize",
    is_flag=True,
    help="Make the picture smaller with oxipng (pip install 'colorquant[optimize]'); takes longer.",
)


def html_option(shown: str) -> Decorator:
    """The option for a page that shows this."""
    return option(OUTPUT, "--html", type=ANY_PLACE, metavar="FILE.html", help=f"Write a page that shows {shown}.")


mapping_output_options = stack(
    _picture_options,
    html_option("before and after, pixels and palette"),
    _label_options,
    _metadata_option,
    optimize_option,
)


figure_option = option(
    FIGURE,
    "--figure",
    type=ANY_PLACE,
    metavar="FILE",
    help=f"Draw a figure with matplotlib: .png, .svg or .pdf. {STEM}",
)


def output_options(*own: Decorator) -> Decorator:
    """The files that ``kmeans`` and ``em`` write; ``own`` are those that only one of the two has."""
    return stack(
        _picture_options,
        html_option("before and after, pixels, palette, other numbers of colours and iterations"),
        _label_options,
        *own,
        figure_option,
        option(
            FIGURE,
            "--figure-kind",
            type=click.Choice(choices.FIGURES),
            metavar="KIND",
            help=f"What the figure shows: {', '.join(choices.FIGURES)}.  "
            "[default: colors3d; the histogram with --space gray, ellipses with --keep-luma]",
        ),
        option(
            FIGURE,
            "--figure-bands",
            type=CommaList(click.STRING),
            metavar="BAND,...",
            default=(),
            help="Bands that the figure shows, such as cr,cb: two for ellipses, one for histograms.",
        ),
        figure_title_option,
        option(
            OUTPUT,
            "--trace",
            type=ANY_PLACE,
            metavar="FILE.csv",
            help="Write a row per iteration: the objective, the largest shift of a centre, the size of each cluster.",
        ),
        _metadata_option,
        optimize_option,
    )


shared_options = stack(
    option(
        PALETTE,
        "--shared",
        is_flag=True,
        help="Fit one palette to all inputs together, so that a label means the same in every label map. --palette-out "
        "then names one file.",
    ),
    option(
        PALETTE,
        "--shared-from",
        type=click.IntRange(min=1),
        metavar="N",
        help="With --shared: fit the palette to N of the inputs, chosen at random by --seed.  [default: all]",
    ),
)
