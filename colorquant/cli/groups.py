"""Help in groups: a click option that belongs to a group, and a command whose help lists options group by group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]

COMBINATIONS, COLORS, PALETTE = "Combinations", "How many colours", "Palette"
COLOUR, DITHER, OUTPUT, FIGURE = "Colour", "Dithering", "Output files", "Figure"
READING, FIT, TIMING, BATCH, MESSAGES = "Reading", "Fit", "Timing", "Batch", "Messages"
OVER_TIME, BACKGROUND = "Over time", "Background subtraction"
ORDER = (  # of the groups in a help text: what most people need comes first
    *(COMBINATIONS, COLORS, PALETTE, COLOUR, OVER_TIME, DITHER, BACKGROUND, OUTPUT, FIGURE, READING),
    *(FIT, TIMING, BATCH, MESSAGES),
)


class GroupedOption(click.Option):
    """An option that the help of its command lists under the heading ``group``."""

    def __init__(self, *args: Any, group: str = MESSAGES, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.group = group

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Leave out the range, such as ``x>=0``: the error for a value outside it names the range."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


def option(group: str, *flags: str, **settings: Any) -> Decorator:
    """``click.option`` for an option that the help lists under ``group``."""
    return click.option(*flags, cls=GroupedOption, group=group, **settings)


class GroupedCommand(click.Command):
    """A command whose help lists the options in groups, then the examples.

    The groups stand in ORDER, and the options of each as they are defined. ``examples`` is a string with one command
    line per line.
    """

    def __init__(self, *args: Any, examples: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            from colorquant.cli.mistakes import WrongUsage, dashed_file

            name = dashed_file(error, given)
            if name is None:
                error.ctx = error.ctx or ctx
                raise
            words = f"{name} is read as options: write -- before a name that begins with a dash"
            raise WrongUsage(f"{words}, as in {ctx.command_path} -- {name}", ctx) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if isinstance(parameter, click.Option) and record is not None:
                groups.setdefault(getattr(parameter, "group", MESSAGES), []).append(record)
        for group in sorted(groups, key=ORDER.index):
            with formatter.section(group):
                formatter.write_dl(groups[group])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(self.examples, formatter)


def write_examples(examples: str, formatter: click.HelpFormatter) -> None:
    """The section "Examples" of a help text: one command line per line, never wrapped."""
    with formatter.section("Examples"):
        for line in examples.strip().splitlines():
            formatter.write(f"{'':>{formatter.current_indent}}{line.strip()}\n")
