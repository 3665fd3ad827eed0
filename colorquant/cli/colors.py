"""The options that say how many colours a picture gets."""

from __future__ import annotations

from typing import Any

import click

from colorquant.cli import choices
from colorquant.cli.groups import COLORS, COMBINATIONS, Decorator, option
from colorquant.cli.lists import CommaList

AUTO = "auto"  # the value of -k that lets the image decide


class OneK(click.types.IntParamType):
    """The number of colours of a command that makes one picture per input, or the word auto."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and value.lower() == AUTO:
            return AUTO
        if isinstance(value, str) and "," in value and ctx is not None:
            from colorquant.cli.mistakes import WrongUsage

            raise WrongUsage(
                f"-k {value}: {ctx.info_name} takes one number of colours; to compare several, use "
                f"colorquant compare -k {value}" + " on some of the frames" * (ctx.info_name == "video"),
                ctx,
            )
        return super().convert(value, param, ctx)


class EachK(click.types.IntParamType):
    """One of the numbers of colours of a command that compares several."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == AUTO and ctx is not None:
            from colorquant.cli.mistakes import WrongUsage

            raise WrongUsage(f"{ctx.info_name} takes numbers of colours: -k auto is for kmeans and em", ctx)
        return super().convert(value, param, ctx)


def pop_auto(method: str, settings: dict[str, Any]) -> Any:
    """Take the options of ``-k auto`` out of ``settings``: an AutoK, or None for a number of colours.

    Raises OptionError where they do not go together.
    """
    flags = {"target": "--target", "min_k": "--min-k", "max_k": "--max-k", "best_effort": "--best-effort"}
    values = {name: settings.pop(name) for name in flags}
    given = [flags[name] for name, value in values.items() if value not in (None, False, ())]
    if settings["k"] != AUTO and not given:
        return None
    from colorquant.analysis.auto_k import AutoK
    from colorquant.errors import OptionError

    if settings["k"] != AUTO:
        raise OptionError(f"{given[0]} chooses the number of colours: add -k auto")
    targets = values.pop("target")
    if len(targets) > 1:
        raise OptionError(f"--target {targets[0]} and --target {targets[1]}: give one target")
    return AutoK.of(method, targets[0] if targets else None, **values)


CRITERIA = {"em": "bic and aic, the lowest criterion", "kmeans": "elbow, the knee of the error (Kneedle)"}


def number_options(method: str | None) -> tuple[Decorator, ...]:
    """``-k``, and the options that say how ``-k auto`` chooses the number of colours for fits with ``method``.

    None stands for either method.
    """
    if method is None:
        criteria = "; ".join(f"for {name} {words}" for name, words in CRITERIA.items())
        usual = ", ".join(f"{choices.AUTO_DEFAULTS[name]} for {name}" for name in CRITERIA)
    else:
        criteria, usual = CRITERIA[method], choices.AUTO_DEFAULTS[method]
    fewest = "the fewest colours that reach psnr:35 (dB)"
    targets = f"{fewest}, de:2 (mean CIEDE2000) or ssim:0.95; the most that fit into a PNG of size:50k bytes"
    noun = "picture"
    if method is None:  # a clip, which is not one picture
        noun = "clip"
        targets = f"{fewest} or de:2 (mean CIEDE2000)"
    return (
        option(
            COLORS,
            "-k",
            "k",
            type=OneK(),
            metavar="K|auto",
            default=16,
            show_default=True,
            help=f"Number of colours, 1 to {choices.MAX_COLORS}, or auto: as many as the {noun} needs.",
        ),
        option(
            COLORS,
            "--target",
            metavar="TARGET",
            multiple=True,
            help=f"With -k auto: {targets}; or {criteria}.  [default: {usual}]",
        ),
        option(COLORS, "--min-k", type=int, metavar="N", help="Fewest colours that -k auto tries.  [default: 2]"),
        option(COLORS, "--max-k", type=int, metavar="N", help="Most colours that -k auto tries.  [default: 256]"),
        option(
            COLORS,
            "--best-effort",
            is_flag=True,
            help=f"If no number of colours reaches the target, write the {noun} that comes nearest.",
        ),
    )


def numbers_option(default: str) -> Decorator:
    """``-k`` of a command that compares several numbers of colours."""
    return option(
        COMBINATIONS,
        "-k",
        "k",
        type=CommaList(EachK()),
        metavar="K,...",
        default=default,
        show_default=True,
        help="Numbers of colours.",
    )
