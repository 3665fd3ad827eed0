"""The options of dithering."""

from __future__ import annotations

from functools import wraps
from typing import Any

import click

from colorquant.cli import choices
from colorquant.cli.groups import DITHER, Decorator, Function, option
from colorquant.cli.options import stack

_details: tuple[Decorator, ...] = (
    option(
        DITHER,
        "--dither-strength",
        type=float,
        metavar="0..1",
        help="How much of the error is passed on; less is smoother, and less true.  [default: 1]",
    ),
    option(
        DITHER,
        "--serpentine",
        is_flag=True,
        help="Error diffusion scans every other row backwards, which breaks up patterns; takes 20 to 30 times as long, "
        "about 5 seconds per million pixels.",
    ),
    option(
        DITHER,
        "--dither-space",
        type=click.Choice(choices.DITHER_SPACES),
        help="Where errors are added up: in linear light, as the eye mixes, or in sRGB.  [default: linear]",
    ),
    option(
        DITHER,
        "--dither-adaptive",
        is_flag=True,
        help="Error diffusion and riemersma are weaker at edges, in texture, and where the palette has the colour.",
    ),
)


def dither_details(function: Function) -> Function:
    """The options that describe how a picture is dithered."""
    return stack(*_details)(function)


def dither_options(function: Function) -> Function:
    """The options of dithering.

    The command gets a :class:`colorquant.mapping.dithering.Dithering` as ``dithering``, or None.
    """

    @wraps(function)
    def command(*args: Any, dither: str, **settings: Any) -> Any:
        details = {name: settings.pop(name) for name in DETAILS}
        return function(*args, dithering=dithering_of(dither, details), **settings)

    return _dither_option(dither_details(command))


DETAILS = ("dither_strength", "serpentine", "dither_space", "dither_adaptive")
_dither_option = option(
    DITHER,
    "--dither",
    type=click.Choice(choices.DITHERS),
    default="none",
    show_default=True,
    metavar="METHOD",
    help="Mix colours that the palette lacks out of those that it has: by error diffusion "
    f"({', '.join(choices.DITHERS[1:10])}), by a mask ({', '.join(choices.DITHERS[10:15])}), or along a curve "
    "(riemersma: about 5 seconds per million pixels).",
)


def dithering_of(method: str, details: dict[str, Any]) -> Any:
    """The Dithering that the options describe, None for the method none.

    Raises OptionError where they do not go together.
    """
    if method == "none" and not any(value not in (None, False) for value in details.values()):
        return None
    from colorquant.mapping.dithering import Dithering

    return Dithering.requested(method, **{name.removeprefix("dither_"): value for name, value in details.items()})
