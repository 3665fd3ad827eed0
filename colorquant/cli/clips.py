"""The options of ``video``: which frames are read, how labels behave over time, and what is written."""

from __future__ import annotations

from fractions import Fraction
from functools import wraps
from typing import Any

import click
from click.core import ParameterSource

from colorquant.cli import choices
from colorquant.cli.groups import (
    BACKGROUND,
    COLORS,
    COLOUR,
    DITHER,
    FIGURE,
    FIT,
    OUTPUT,
    OVER_TIME,
    PALETTE,
    READING,
    Decorator,
    Function,
    option,
)
from colorquant.cli.lists import CommaList
from colorquant.cli.options import (
    ANY_PATH,
    alpha_option,
    figure_option,
    figure_title_option,
    force_option,
    max_pixels_option,
    palette_out_option,
    separate_alpha,
    stack,
)

clips_argument = click.argument("clips", nargs=-1, required=True, metavar="CLIP...", type=ANY_PATH)


class Number(click.ParamType):  # type: ignore[type-arg]
    """A number such as 25, 29.97 or 30000/1001, without rounding."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is not a number: write it like 25, 29.97 or 30000/1001", param, ctx)


class ClipTime(click.ParamType):  # type: ignore[type-arg]
    """A time in a clip: seconds, or [h:]mm:ss, whose seconds may have decimals."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        if isinstance(value, Fraction):
            return value
        *larger, seconds = value.split(":")
        try:
            parts = [*(Fraction(int(part)) for part in larger), Fraction(seconds)]
        except (ValueError, ZeroDivisionError):
            parts = []
        if not 1 <= len(parts) <= 3 or min(parts) < 0 or any(part >= 60 for part in parts[1:]):
            self.fail(f"{value!r} is not a time: write seconds, such as 2.5, or 1:02:03.5", param, ctx)
        total = Fraction(0)
        for part in parts:
            total = 60 * total + part
        return total


def clip_reading_options(function: Function) -> Function:
    """Options on how clips are read; the command gets a :class:`colorquant.video.frames.ClipReading` as ``reading``.

    The command also gets ``alpha``, that of FitOptions: one of ``choices.ALPHAS``, else None.
    """

    @wraps(function)
    def command(*args: Any, alpha: str | None, **settings: Any) -> Any:
        from colorquant.video.frames import ClipReading

        names = ("start", "end", "fps", "scale", "max_pixels")
        given = {name: settings.pop(name) for name in names}
        fitted, treatment = separate_alpha(alpha)
        reading = ClipReading(**given, alpha=treatment)
        return function(*args, reading=reading, alpha=fitted, **settings)

    return stack(
        option(READING, "--start", type=ClipTime(), metavar="TIME", help="Leave out frames before: 2.5, or 1:02:03."),
        option(READING, "--end", type=ClipTime(), metavar="TIME", help="Leave out frames from this time on."),
        option(
            READING,
            "--fps",
            type=Number(),
            metavar="RATE",
            help="Frames per second: frames are repeated and left out to reach it.  [default: the clip's own frames]",
        ),
        option(READING, "--scale", type=float, metavar="FACTOR", help="Make frames smaller or larger, such as 0.5."),
        alpha_option,
        max_pixels_option,
    )(command)


over_time_options = stack(
    option(
        OVER_TIME,
        "--every",
        type=click.IntRange(min=1),
        metavar="N",
        default=1,
        show_default=True,
        help="Count only every Nth frame for the fit.",
    ),
    option(
        OVER_TIME,
        "--refit",
        metavar="N|cuts",
        help="Fit again after N frames, or where a new scene begins (cuts), or both (cuts,N). Each fit starts from the "
        "one before, and its labels go on.  [default: one fit for all frames]",
    ),
    option(
        OVER_TIME,
        "--smooth",
        type=click.FloatRange(min=0, max=1, max_open=True),
        metavar="MARGIN",
        default=0.0,
        help="A pixel keeps the label of the frame before unless another is better by this margin, from 0 to below 1, "
        "such as 0.5: fewer labels flicker, and the error grows.  [default: 0, off]",
    ),
    option(
        OVER_TIME,
        "--still",
        type=click.FloatRange(min=0),
        metavar="LEVELS",
        default=4.0,
        help="A pixel flickers if its label changes and no channel of its colour moved by so many levels.  "
        "[default: 4]",
    ),
)


def _outputs() -> tuple[Decorator, ...]:
    return (
        option(
            OUTPUT,
            "-o",
            "--output",
            type=ANY_PATH,
            metavar="PATH",
            help=f"A file for one clip, {', '.join(choices.CLIP_SUFFIXES)} (an animation), or a folder, which gets "
            "numbered PNGs unless --write says otherwise.  [default: beside the clip, in its own format, else mp4]",
        ),
        option(
            OUTPUT,
            "--write",
            type=CommaList(click.Choice(choices.CLIP_KINDS)),
            metavar="KIND,...",
            default=(),
            help=f"Kinds of files to write: {', '.join(choices.CLIP_KINDS)} (numbered PNGs).",
        ),
        force_option,
        option(
            OUTPUT,
            "--crf",
            type=int,
            metavar="N",
            help="Quality of videos: the smaller, the nearer the colours and the larger the file; 1 to 51 for mp4 and "
            "mkv, 1 to 63 for webm. 0 is lossless, for mkv.  [default: 16; 20 for webm]",
        ),
        option(
            OUTPUT,
            "--keep-partial",
            is_flag=True,
            help="If a frame is broken, write those before it, and exit with 1.",
        ),
        option(
            OUTPUT,
            "--html",
            type=ANY_PATH,
            metavar="FILE.html",
            help="Write a page with a player: before and after, and the share of each label over time.",
        ),
        palette_out_option,
        option(
            OUTPUT,
            "--labels",
            type=click.Choice(choices.CLIP_LABELS),
            help="Write the label of every pixel, as {output stem}-labels: a lossless video, an array, or PNGs.",
        ),
        option(
            OUTPUT,
            "--masks",
            type=ANY_PATH,
            metavar="FOLDER",
            help="Write a black and white PNG per label and frame, white where the label is.",
        ),
        option(
            OUTPUT,
            "--posteriors",
            type=click.Choice(choices.CLIP_POSTERIORS),
            help="Write the posteriors of em: (frames, height, width, K) float16, or gray PNGs.",
        ),
        figure_option,
        option(
            FIGURE,
            "--figure-kind",
            type=click.Choice(choices.CLIP_FIGURES),
            help="What the figure shows: the share of each label over time.  [default: shares]",
        ),
        figure_title_option,
    )


clip_output_options = stack(*_outputs())


background_options = stack(
    option(
        BACKGROUND,
        "--background",
        type=click.Choice(choices.BACKGROUNDS),
        help="Make no fit, but tell what moves from what stays, by a model of each pixel over time: MOG2, a mixture of "
        "Gaussians, or KNN. Background is black, foreground white, and shadows are gray.",
    ),
    option(BACKGROUND, "--history", type=int, metavar="N", help="Frames that the model remembers.  [default: 500]"),
    option(
        BACKGROUND,
        "--var-threshold",
        type=float,
        metavar="D2",
        help="Squared distance from which on a colour is no background: in variances for mog2, in levels for knn.  "
        "[default: 16 for mog2, 400 for knn]",
    ),
    option(
        BACKGROUND,
        "--shadows/--no-shadows",
        default=None,
        help="Tell shadows apart from the foreground.  [default: on]",
    ),
)
FIT_GROUPS = (COLORS, PALETTE, COLOUR, DITHER, FIT, OVER_TIME)


def pop_background(settings: dict[str, Any]) -> Any:
    """Take the options of background subtraction out of ``settings``: a BackgroundOptions, or None for a fit.

    Raises OptionError where an option of a fit was given with it, or one of its own without it.
    """
    from colorquant.errors import OptionError

    method = settings.pop("background")
    given = {name: settings.pop(name) for name in ("history", "var_threshold", "shadows")}
    given = {name: value for name, value in given.items() if value is not None}
    if method is None:
        for name in given:
            raise OptionError(f"--{name.replace('_', '-')} is for --background: add --background mog2 or knn")
        return None
    context = click.get_current_context()
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if getattr(parameter, "group", None) in FIT_GROUPS and source is ParameterSource.COMMANDLINE:
            raise OptionError(f"{parameter.opts[0]} is for a fit, and --background makes none: leave one out")
    from colorquant.video.background import BackgroundOptions

    return BackgroundOptions(method, **given)
