"""The command line. A command's module loads when the command runs: ``--help`` costs no more than click."""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from colorquant._version import __version__
from colorquant.errors import ColorquantError, OptionError, does_not_load

COMMANDS = {
    "kmeans": "Quantize images with k-means.",
    "em": "Quantize images with EM (a Gaussian mixture).",
    "compare": "Compare methods, engines, spaces and numbers of colours on images.",
    "timing": "Time k-means and EM, engines and spaces in turn.",
    "doctor": "Check the installation: packages, OpenCV, engines, extras, formats.",
}


INTERRUPTED = 130  # the exit code that shells expect


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
        except click.UsageError as error:
            raise click.UsageError(_printable(error.format_message()), error.ctx) from error
        except OptionError as error:
            raise click.UsageError(_printable(str(error))) from error
        except ColorquantError as error:
            raise click.ClickException(_printable(str(error))) from error
        except ImportError as error:
            raise click.ClickException(does_not_load(error)) from error
        except MemoryError as error:
            raise click.ClickException("not enough memory to begin: end other programs") from error
        except KeyboardInterrupt:
            click.echo("Interrupted: what was written is whole.", err=True)
            ctx.exit(INTERRUPTED)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="colorquant")
def cli() -> None:
    """Fewer colours for your images: colour quantization and segmentation with k-means and Gaussian mixtures.

    \b
    colorquant kmeans photo.jpg -k 16
    colorquant em photo.jpg -k 4 --space ycrcb -o out/
    """


def _printable(words: str) -> str:
    """Words that may hold the name of a file, as a terminal survives them."""
    from colorquant.report.records import printable

    return printable(words)


def main() -> None:
    """The ``colorquant`` command."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy need not start threads that no product here uses
    gc.disable()  # a process for one picture ends before there is garbage: 5 % of its time
    _open_streams()
    _hush_libraries()
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
    if code == INTERRUPTED:  # a thread may still be inside OpenCV, which knows no interrupt
        from colorquant.files import abandon

        abandon()
        os._exit(INTERRUPTED)
    sys.exit(code)


def _open_streams() -> None:
    """A stream that was closed becomes one that holds nothing; a character that it lacks is escaped."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115  it lives as long as the process
        if mode == "w":
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _hush_libraries() -> None:
    """What libraries in C say of a broken file goes nowhere: LibTIFF speaks on standard error, beside our own line."""
    if os.name == "nt":
        return  # its console is no file
    with suppress(OSError):
        own, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        raw = open(own, "wb", 0)  # noqa: PTH123, SIM115  not buffered: what cannot be said is not tried again at the end
        sys.stderr = io.TextIOWrapper(raw, sys.stderr.encoding, "backslashreplace", write_through=True)


def _lost_output(error: OSError) -> int:
    """Say that standard output failed; what is left of it goes nowhere, so that Python is quiet at its end."""
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    if error.errno != errno.EPIPE:  # a reader that has enough is no failure to speak of
        with suppress(OSError):
            click.echo(f"Error: standard output cannot be written: {error.strerror or error}", err=True)
    return 1
