"""The options that commands share, each written once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from typing import Any

import click

from colorquant.cli import choices
from colorquant.cli.colors import number_options, taken_auto
from colorquant.cli.groups import (
    BATCH,
    COLOUR,
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


def _stack(*decorators: Decorator) -> Decorator:
    def decorate(function: Function) -> Function:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


# The command itself reports files that cannot be read; click would report wrong usage.
ANY_PATH = click.Path(readable=False)
images_argument = click.argument("images", nargs=-1, required=True, metavar="IMAGES...", type=ANY_PATH)

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


def fit_options(method: str, *own: Decorator) -> Decorator:
    """The options of a fit with ``method``; ``own`` are those that only this method has.

    The command gets a :class:`colorquant.fitting.options.FitOptions` as ``options``, and as ``auto`` a
    :class:`colorquant.analysis.auto_k.AutoK`, or None where the user gave a number of colours.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def command(**settings: Any) -> None:
            from colorquant.fitting.options import FitOptions

            auto = taken_auto(method, settings)
            settings["k"] = settings["k"] if auto is None else auto.max_k
            names = [name for name in FitOptions.__match_args__ if name != "alpha"]  # which reading_options takes
            given = {name: settings.pop(name) for name in names if name in settings}
            function(options=FitOptions(method=method, **given), auto=auto, **settings)

        return _fit_stack(method, own)(command)

    return decorate


def _fit_stack(method: str, own: Iterable[Decorator]) -> Decorator:
    return _stack(
        *number_options(method),
        option(
            FIT,
            "--engine",
            type=click.Choice(choices.ENGINES),
            default="numpy",
            show_default=True,
            help="Implementation to use: numpy fits the colour histogram, opencv and sklearn call those libraries.",
        ),
        option(
            FIT,
            "--effort",
            type=click.Choice(choices.EFFORTS),
            help="How thoroughly the numpy engine searches; best takes about ten times as long.  [default: balanced]",
        ),
        *own,
        option(FIT, "--max-iter", type=int, metavar="N", help="Maximum number of iterations.  [default: 100]"),
        attempts_option,
        seed_option,
        option(
            PALETTE,
            "--protect",
            type=click.Choice(choices.PROTECTIONS),
            help="Keep the colours of small objects: the weight of a colour grows with the square root of the pixels "
            "that are like it. The error of the whole picture grows by about a tenth.",
        ),
        option(
            PALETTE,
            "--weights",
            type=ANY_PATH,
            metavar="FILE.png",
            help="A gray image of the same size: pixels count in the fit in proportion to it, black ones not at all. "
            "One for all inputs, or with {stem} in its name one for each.",
        ),
        option(
            COLOUR,
            "--space",
            type=click.Choice(choices.SPACES),
            default="rgb",
            show_default=True,
            help="Colour space in which the colours are clustered; gray makes a gray picture.",
        ),
        option(
            COLOUR,
            "--keep-luma/--no-keep-luma",
            default=None,
            help="Cluster only the chroma and keep the lightness of every pixel.  "
            "[default: on for ycrcb, off for other spaces]",
        ),
        option(
            PALETTE,
            "--paint",
            type=click.Choice(choices.PAINTS),
            default="members",
            show_default=True,
            help="Colour of a label: the colour of more than half of its pixels, or else their mean (members); their "
            "mean (mean); their most frequent colour (dominant); the centre of the model (centers).",
        ),
    )


def reading_options(function: Function) -> Function:
    """Options on how images are read; the command gets a :class:`colorquant.images.decoding.Reading` as ``reading``.

    The command also gets ``alpha``, that of FitOptions: one of ``choices.ALPHAS``, else None.
    """

    @wraps(function)
    def command(*args: Any, frame: int | None, max_pixels: int, strict: bool, alpha: str | None, **rest: Any) -> Any:
        from colorquant.images.decoding import Reading

        fitted = alpha if alpha in choices.ALPHAS else None
        reading = Reading(frame, max_pixels, strict, "keep" if alpha is None or fitted else alpha)
        return function(*args, reading=reading, alpha=fitted, **rest)

    return _stack(
        option(
            READING,
            "--alpha",
            metavar="palette|keep|drop|threshold[:N]|COLOR",
            help="Fit colour and alpha together, so that the palette has K entries of both (palette); keep the alpha "
            "of every pixel (keep); drop it (drop); make it 255 from N up, 0 below (threshold; N is 128); or composite "
            "the image onto a colour: white, fff, '#ffcc00'.  [default: palette in kmeans where some pixels are partly "
            "transparent, if engine and space can do it; else keep]",
        ),
        option(
            READING,
            "--frame",
            type=click.IntRange(min=0),
            metavar="N",
            help="Frame of an animation, page of a TIFF or size of an icon to read, counted from 0.  [default: 0]",
        ),
        option(
            READING,
            "--max-pixels",
            type=click.IntRange(min=1),
            metavar="N",
            default=choices.MAX_PIXELS,
            show_default=True,
            help="Refuse images with more pixels before decoding them.",
        ),
        option(READING, "--strict", is_flag=True, help="Check all data of a PNG or JPEG for damage (slower)."),
    )(command)


recursive_option = option(BATCH, "-r", "--recursive", is_flag=True, help="Also read the sub-folders of folders.")
jobs_option = option(
    BATCH,
    "-j",
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    default=1,
    show_default=True,
    help="Number of images to work on at the same time.",
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

STEM = "With several inputs, put {stem} into the name."


_picture_options = _stack(
    option(
        OUTPUT,
        "-o",
        "--output",
        type=ANY_PATH,
        metavar="PATH",
        help="A .png file (for one input), a folder, or - for standard output.  [default: beside the input]",
    ),
    force_option,
)
_label_options = _stack(
    option(
        OUTPUT,
        "--palette-out",
        "palette",
        type=ANY_PATH,
        metavar="FILE",
        help=f"Write the palette in the format of the ending: {', '.join(choices.PALETTE_SUFFIXES)}. {STEM}",
    ),
    option(
        OUTPUT,
        "--labels",
        type=click.Choice(["png", "npy"]),
        help="Write the label of every pixel, as {output stem}-labels.",
    ),
    option(
        OUTPUT,
        "--masks",
        type=ANY_PATH,
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


def _html_option(shown: str) -> Decorator:
    return option(OUTPUT, "--html", type=ANY_PATH, metavar="FILE.html", help=f"Write a page that shows {shown}.")


mapping_output_options = _stack(
    _picture_options,
    _html_option("before and after, pixels and palette"),
    _label_options,
    _metadata_option,
    optimize_option,
)


def output_options(*own: Decorator) -> Decorator:
    """The files that ``kmeans`` and ``em`` write; ``own`` are those that only one of the two has."""
    return _stack(
        _picture_options,
        _html_option("before and after, pixels, palette, other numbers of colours and iterations"),
        _label_options,
        *own,
        option(
            FIGURE,
            "--figure",
            type=ANY_PATH,
            metavar="FILE",
            help=f"Draw a figure with matplotlib: .png, .svg or .pdf. {STEM}",
        ),
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
            type=ANY_PATH,
            metavar="FILE.csv",
            help="Write a row per iteration: the objective, the largest shift of a centre, the size of each cluster.",
        ),
        _metadata_option,
        optimize_option,
    )


shared_options = _stack(
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
batch_options = _stack(
    recursive_option,
    jobs_option,
    option(BATCH, "--in-place", is_flag=True, help="Replace each input, which must be a .png file, by its picture."),
    option(BATCH, "--skip-existing", is_flag=True, help="Skip inputs whose outputs all exist, to resume a run."),
    option(
        OUTPUT,
        "--skip-if-larger",
        is_flag=True,
        help="Write nothing for an input whose picture would not be smaller than its file; to standard output goes the "
        "file itself.",
    ),
    option(BATCH, "--dry-run", is_flag=True, help="Print the names of the files that would be written; write nothing."),
    option(BATCH, "--fail-fast", is_flag=True, help="Start no more images after the first failure."),
    option(BATCH, "--isolate", is_flag=True, help="Work in separate processes: a crash fails only its own file."),
    option(
        BATCH,
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="With --isolate: abandon a file that takes longer.",
    ),
    option(
        BATCH,
        "--report",
        type=ANY_PATH,
        metavar="FILE",
        help="Write a JSON object per input: its results, or why it failed.",
    ),
)
message_options = _stack(json_option, quiet_option, verbose_option)
