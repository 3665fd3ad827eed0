"""A palette on the command line: its type of parameter, which completes names."""

from __future__ import annotations

from typing import Any

import click

from colorquant.cli import choices


class GivenPalette(click.types.StringParamType):
    """A palette as text: a file, an image, a built-in name, or colours. The library reads it."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        """Complete files, or the built-in names where no file begins so."""
        from glob import escape, iglob

        from click.shell_completion import CompletionItem

        names = [name for name in choices.BUILT_IN_PALETTES if name.startswith(incomplete)]
        if not names or not incomplete or any(iglob(f"{escape(incomplete)}*")):  # noqa: PTH207  it stops at the first
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(name) for name in names]


GIVEN_PALETTE = GivenPalette()
