"""The command line. A command's module loads when the command runs: ``--help`` costs no more than click."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from colorquant._version import __version__
from colorquant.errors import ColorquantError, OptionError

COMMANDS = {
    "kmeans": "Quantize images with k-means.",
    "em": "Quantize images with EM (a Gaussian mixture).",
}


class LazyGroup(click.Group):
    """A group whose commands live in modules of their names; the one place where errors become click's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"colorquant.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OptionError as error:
            raise click.UsageError(str(error)) from error
        except ColorquantError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Interrupted: what was written is whole.", err=True)
            ctx.exit(130)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="colorquant")
def cli() -> None:
    """Fewer colours for your images: colour quantization and segmentation with k-means and Gaussian mixtures.

    \b
    colorquant kmeans photo.jpg -k 16
    colorquant em photo.jpg -k 4 --space ycrcb -o out/
    """


def main() -> None:
    """The ``colorquant`` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a character gets an escape, not a traceback
            stream.reconfigure(errors="backslashreplace")
    cli.main(prog_name="colorquant")
