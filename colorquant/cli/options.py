"""The options that commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from colorquant.engines import EFFORTS, ENGINES
from colorquant.models import MAX_COLORS
from colorquant.painting import PAINTS
from colorquant.report.palettes import PALETTE_WRITERS
from colorquant.spaces import SPACES

F = TypeVar("F", bound=Callable[..., Any])


def _stack(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


class CommaList(click.ParamType):  # type: ignore[type-arg]  # older versions of click are not generic
    """Values with commas between them, as a tuple without repetition: of ``choices``, or whole numbers."""

    name = "list"

    def __init__(self, choices: Sequence[str] | None = None) -> None:
        self.item: click.ParamType[Any] = click.INT if choices is None else click.Choice(choices)
        self.metavar = "K,..." if choices is None else f"[{','.join(choices)}]"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return self.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        return tuple(dict.fromkeys(self.item.convert(word, param, ctx) for word in words))


images_argument = click.argument("images", nargs=-1, required=True, metavar="IMAGES...", type=click.Path())

fit_options = _stack(
    click.option("-k", "k", type=int, default=16, show_default=True, help=f"Number of colours, 1 to {MAX_COLORS}."),
    click.option(
        "--space",
        type=click.Choice(list(SPACES)),
        default="rgb",
        show_default=True,
        help="Colour space in which colours are clustered; gray gives a gray picture.",
    ),
    click.option(
        "--keep-luma/--no-keep-luma",
        default=None,
        help="Cluster only the chroma; every pixel keeps its own lightness.  [default: on for ycrcb, else off]",
    ),
    click.option(
        "--engine",
        type=click.Choice(list(ENGINES)),
        default="numpy",
        show_default=True,
        help="Who fits: numpy on the colour histogram, OpenCV on every pixel, scikit-learn.",
    ),
    click.option("--attempts", type=int, help="Starts, of which the best fit is kept.  [default: 1]"),
    click.option("--max-iter", type=int, help="Most iterations.  [default: 100]"),
    click.option(
        "--effort",
        type=click.Choice(EFFORTS),
        help="How hard the numpy engine looks: fast, balanced, or best (about ten times as long).  [default: balanced]",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random numbers."),
)

output_options = _stack(
    click.option(
        "--paint",
        type=click.Choice(list(PAINTS)),
        default="members",
        show_default=True,
        help="Colour of a label: the mean of its pixels, or the model's own centre.",
    ),
    click.option(
        "-o",
        "--output",
        metavar="PATH",
        help="A .png file (for one input), a folder, or - for standard output.  [default: beside the input]",
    ),
    click.option("--labels", type=click.Choice(["png", "npy"]), help="Also write the label map, {output stem}-labels."),
    click.option(
        "--palette-out",
        metavar="FILE",
        help=f"Also write the palette: {', '.join(PALETTE_WRITERS)}. For several inputs put {{stem}} into the name.",
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON object per image on standard output."),
    click.option("-r", "--recursive", is_flag=True, help="Also the sub-folders of folders."),
    click.option("-f", "--force", is_flag=True, help="Overwrite existing files."),
    click.option("-j", "--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Images at a time."),
    click.option("-q", "--quiet", is_flag=True, help="Only errors."),
    click.option("-v", "--verbose", is_flag=True, help="More words; tracebacks of failures."),
)
