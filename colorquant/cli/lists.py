"""Options that take several values, separated by commas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from colorquant.cli.groups import COMBINATIONS, Decorator, option


class CommaList(click.ParamType):  # type: ignore[type-arg]
    """Values of one type, separated by commas. A value that is given twice counts once."""

    name = "list"

    def __init__(self, item: click.ParamType) -> None:  # type: ignore[type-arg]
        self.item = item

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        if not isinstance(value, str):
            return tuple(value)
        words = [word.strip() for word in value.split(",")]
        if not all(words):
            self.fail(f"{value!r} has an empty entry: write it like a,b", param, ctx)
        return tuple(dict.fromkeys(self.item.convert(word, param, ctx) for word in words))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        """Complete the value after the last comma."""
        before, comma, last = incomplete.rpartition(",")
        items = self.item.shell_complete(ctx, param, last)
        for item in items:
            item.value = f"{before}{comma}{item.value}"
        return items


def list_option(flag: str, names: Iterable[str], default: str, words: str, group: str = COMBINATIONS) -> Decorator:
    """An option that takes some of ``names``, separated by commas. An empty ``default`` means none of them."""
    names = list(names)
    return option(
        group,
        flag,
        type=CommaList(click.Choice(names)),
        metavar="NAME,...",
        default=default or (),
        show_default=bool(default),
        help=f"{words} {', '.join(names)}.",
    )
