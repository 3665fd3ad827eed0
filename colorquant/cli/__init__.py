"""The command line. The module of a command is loaded when the command is named."""

from __future__ import annotations

import errno
import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from colorquant._version import __version__
from colorquant.batch.streams import silence_libraries
from colorquant.cli.groups import write_examples
from colorquant.errors import ColorquantError, OptionError, does_not_load

COMMANDS = {
    "kmeans": "Quantize images with k-means.",
    "em": "Quantize images with EM (a Gaussian mixture).",
    "apply": "Map images onto a given palette.",
    "palette": "Show, convert, sort and merge palettes.",
    "video": "Quantize and segment videos and animations.",
    "compare": "Compare methods, engines, spaces and numbers of colours on images.",
    "timing": "Time k-means and EM, engines and spaces in turn.",
    "doctor": "Check the installation: packages, OpenCV, engines, extras, formats.",
}
EXAMPLES = """
colorquant kmeans photo.jpg -k 16
colorquant em photo.jpg -k 4 --space ycrcb -o out/
colorquant kmeans photo.jpg --html page.html
colorquant apply photo.jpg --palette '#1a1c2c,#f4f4f4,#ef7d57'
colorquant video clip.mp4 -k 4 --html page.html
colorquant compare photo.jpg -k 4,8,16
"""

INTERRUPTED = 130  # the exit code that shells expect after Ctrl-C


class LazyGroup(click.Group):
    """A group whose commands are in modules of their names. It turns all errors into click's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"colorquant.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from colorquant.cli.mistakes import WrongUsage, unknown_command

            raise WrongUsage(_printable(unknown_command(args[0], list(COMMANDS))), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(EXAMPLES, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Complete commands, without loading their modules, and the options of the group."""
        from click.shell_completion import CompletionItem

        items = [CompletionItem(name, help=words) for name, words in COMMANDS.items() if name.startswith(incomplete)]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise _wrong_usage(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _wrong_usage(error) from error
        except OptionError as error:
            raise _wrong_usage(click.UsageError(str(error))) from error
        except ColorquantError as error:
            raise click.ClickException(_printable(str(error))) from error
        except ImportError as error:
            raise click.ClickException(does_not_load(error)) from error
        except MemoryError as error:
            raise click.ClickException("not enough memory to start: close other programs") from error
        except KeyboardInterrupt:
            click.echo("Interrupted: every file that was written is complete.", err=True)
            ctx.exit(INTERRUPTED)


@click.command("colorquant", cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="colorquant")
def cli() -> None:
    """Fewer colours for your images: colour quantization and segmentation with k-means and Gaussian mixtures."""


def _wrong_usage(error: click.UsageError) -> click.UsageError:
    """The same error as one line that says what to do."""
    from colorquant.cli.mistakes import WrongUsage, explain

    return WrongUsage(_printable(explain(error, COMMANDS)), error.ctx)


def _printable(words: str) -> str:
    """A message that may hold the name of a file, with control characters escaped for the terminal."""
    from colorquant.report.records import printable

    return printable(words)


def main() -> None:
    """The ``colorquant`` command."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no matrix product here is faster on several threads
    gc.disable()  # a process for one image ends before there is much garbage; this saves 5 % of its time
    _open_streams()
    silence_libraries()
    code: str | int | None = 1
    try:
        cli.main(prog_name="colorquant")
    except SystemExit as error:
        code = error.code
    except OSError as error:
        code = _lost_output(error)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _lost_output(error)
    if code == INTERRUPTED:  # a thread may still be inside OpenCV, which cannot be interrupted
        from colorquant.temporary_files import abandon

        abandon()
        os._exit(INTERRUPTED)
    sys.exit(code)


def _open_streams() -> None:
    """Replace closed standard streams by the null device, and escape characters that a stream cannot encode."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115  open until the process ends
        if mode == "w":
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _lost_output(error: OSError) -> int:
    """Report that standard output failed, and discard the rest of it, so that Python prints nothing at exit."""
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    if error.errno != errno.EPIPE:  # a reader such as head that has closed the pipe is no failure
        with suppress(OSError):
            click.echo(f"Error: standard output cannot be written: {error.strerror or error}", err=True)
    return 1
