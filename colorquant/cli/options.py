"""The options that commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

import click

from colorquant.color.spaces import SPACES
from colorquant.fitting.engines import EFFORTS, ENGINES
from colorquant.fitting.options import MAX_COLORS
from colorquant.images.decoding import MAX_PIXELS, Reading
from colorquant.mapping.painting import PAINTS
from colorquant.palette.files import PALETTE_WRITERS
from colorquant.report.figures import FIGURES

F = TypeVar("F", bound=Callable[..., Any])


def _stack(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


class CommaList(click.ParamType):  # type: ignore[type-arg]
    """Values of one type with commas between; what is said twice is taken once."""

    name = "list"

    def __init__(self, item: click.ParamType) -> None:  # type: ignore[type-arg]
        self.item = item

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        if not isinstance(value, str):
            return tuple(value)
        words = [word.strip() for word in value.split(",")]
        if not all(words):
            self.fail(f"{value!r} has an empty place: write it like a,b", param, ctx)
        return tuple(dict.fromkeys(self.item.convert(word, param, ctx) for word in words))


def list_option(flag: str, choices: Iterable[str], default: str, words: str) -> Callable[[F], F]:
    """An option that takes some of ``choices``, with commas between; of no default, none."""
    kind, said = CommaList(click.Choice(list(choices))), f"{words} {', '.join(choices)}."
    return click.option(
        flag, type=kind, metavar="NAME,...", default=default or (), show_default=bool(default), help=said
    )


# The command itself says which files cannot be read: click would call that wrong usage.
ANY_PATH = click.Path(readable=False)
images_argument = click.argument("images", nargs=-1, required=True, metavar="IMAGES...", type=ANY_PATH)

attempts_option = click.option("--attempts", type=int, help="Starts, of which the best fit is kept.  [default: 1]")
seed_option = click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random numbers.")

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
    attempts_option,
    click.option("--max-iter", type=int, help="Most iterations.  [default: 100]"),
    click.option(
        "--effort",
        type=click.Choice(EFFORTS),
        help="How hard the numpy engine looks: fast, balanced, or best (about ten times as long).  [default: balanced]",
    ),
    seed_option,
)


def reading_options(function: F) -> F:
    """How images are read; the command gets a :class:`colorquant.images.decoding.Reading` as ``reading``."""

    @wraps(function)
    def command(*args: Any, frame: int | None, max_pixels: int, strict: bool, alpha: str, **rest: Any) -> Any:
        return function(*args, reading=Reading(frame, max_pixels, strict, alpha), **rest)

    return _stack(
        click.option(
            "--frame",
            type=click.IntRange(min=0),
            metavar="N",
            help="Which frame of an animation, page of a TIFF or size of an icon, counted from 0.  [default: 0]",
        ),
        click.option(
            "--max-pixels",
            type=click.IntRange(min=1),
            metavar="N",
            default=MAX_PIXELS,
            show_default=True,
            help="Refuse larger images, by their header.",
        ),
        click.option("--strict", is_flag=True, help="Follow the data of every PNG and JPEG to their end (slower)."),
        click.option(
            "--alpha",
            metavar="keep|drop|COLOR",
            default="keep",
            show_default=True,
            help="Transparency: keep it, drop it, or composite the image onto a colour: white, fff, '#ffcc00'.",
        ),
    )(command)  # type: ignore[return-value]


recursive_option = click.option("-r", "--recursive", is_flag=True, help="Also the sub-folders of folders.")
force_option = click.option("-f", "--force", is_flag=True, help="Overwrite existing files.")
verbose_option = click.option("-v", "--verbose", is_flag=True, help="More words; tracebacks of failures.")

keep_metadata_option = click.option(
    "--keep-metadata", is_flag=True, help="Write EXIF, XMP and texts of the input into the picture, too."
)

batch_options = _stack(
    recursive_option,
    click.option("-j", "--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Images at a time."),
    click.option("--in-place", is_flag=True, help="Replace each input, a .png file, by its picture."),
    click.option("--skip-existing", is_flag=True, help="Pass over inputs whose outputs all exist: continue a run."),
    click.option("--dry-run", is_flag=True, help="Only say what would be written, on standard output."),
    click.option("--fail-fast", is_flag=True, help="Begin nothing more after the first failure."),
    click.option("--isolate", is_flag=True, help="Work in processes, which a file may crash without ending the run."),
    click.option("--report", metavar="FILE", help="Also write what became of each input, a JSON object a line."),
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
    keep_metadata_option,
    click.option("--labels", type=click.Choice(["png", "npy"]), help="Also write the label map, {output stem}-labels."),
    click.option("--masks", metavar="FOLDER", help="Also write a black and white PNG per label, white where it is."),
    click.option(
        "--trace",
        metavar="FILE.csv",
        help="Also write a row per iteration: objective, largest shift of a centre, sizes.",
    ),
    click.option(
        "--palette-out",
        "palette",
        metavar="FILE",
        help=f"Also write the palette: {', '.join(PALETTE_WRITERS)}. For several inputs put {{stem}} into the name.",
    ),
    click.option(
        "--figure",
        metavar="FILE",
        help="Also draw a figure: .png, .svg or .pdf, with matplotlib. For several inputs put {stem} into the name.",
    ),
    click.option(
        "--figure-kind",
        type=click.Choice(list(FIGURES)),
        help="What it shows.  [default: by the space: the histogram of gray, ellipses of chroma, else colors3d]",
    ),
    click.option(
        "--figure-bands",
        type=CommaList(click.STRING),
        metavar="BAND,...",
        default=(),
        help="Bands that it shows, such as cr,cb: two for ellipses, one for histograms.",
    ),
    click.option(
        "--html",
        metavar="FILE.html",
        help="Also write a page to look at: before and after, other K, the iterations, the palette, each pixel.",
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON object per image on standard output."),
    force_option,
    batch_options,
    click.option("-q", "--quiet", is_flag=True, help="Only errors."),
    verbose_option,
)
