"""Messages for wrong command lines: each is one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import IO, Any

import click

# Names that other programs give to options of ours, and that are spelled too differently to be guessed.
OTHER_NAMES = {
    "--overwrite": "--force",
    "--colors": "-k",
    "--colours": "-k",
    "--clusters": "-k",
    "--components": "-k",
    "--out": "--output",
    "--ext": "--output",
    "--iterations": "--max-iter",
    "--random-state": "--seed",
    "--init-params": "--init",
    "--floyd": "--dither",
    "--nofs": "--dither",
    "--quality": "--target",
    "--framerate": "--fps",
    "--resize": "--scale",
    "--from": "--start",
    "--to": "--end",
}


class WrongUsage(click.UsageError):
    """A usage error that is shown as one line; its message says what to do."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"Error: {self.format_message()}", file=file, err=file is None)


def explain(error: click.UsageError, commands: Iterable[str]) -> str:
    """The message for an error of click's parser, whose context is that of the command, one of ``commands``."""
    context = error.ctx
    if context is None or isinstance(error, WrongUsage):
        return error.format_message()
    see = f"see {context.command_path} --help"
    if isinstance(error, click.NoSuchOption):
        return _no_option(error.option_name, context, commands, see)
    if isinstance(error, click.MissingParameter) and isinstance(error.param, click.Argument):
        if error.param.name == "palettes":
            return f"{context.command_path} needs palettes: name files, images, or built-in palettes; {see}"
        return f"{context.command_path} needs {error.param.name}: name files, folders, or - for standard input; {see}"
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{context.command_path} needs {error.param.opts[0]} {error.param.make_metavar(context)}: {see}"
    message = error.format_message()
    # The message for a bad value already names the values that are allowed.
    return message if isinstance(error, click.BadParameter) else f"{message.rstrip('.')}: {see}"


def unknown_command(name: str, commands: Sequence[str]) -> str:
    """The message for a command that does not exist."""
    from colorquant.images.videos import has_video_suffix

    close = get_close_matches(name.lower(), commands, 1)
    if close:
        return f"there is no command {name}. Did you mean {close[0]}?"
    if has_video_suffix(Path(name)):
        return f"{name} is not a command: name one before the clips, as in colorquant video {name}"
    if _is_picture(name):
        return f"{name} is not a command: name one before the images, as in colorquant kmeans {name}"
    return f"there is no command {name}: use one of {', '.join(commands)}"


def dashed_file(error: click.UsageError, arguments: Sequence[str]) -> str | None:
    """The argument that is the name of an image but was parsed as options, which led to ``error``."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    for argument in before:
        if len(argument) > 2 and argument.startswith("-") and _is_picture(argument):
            unknown = isinstance(error, click.NoSuchOption) and error.option_name.removeprefix("-") in argument
            if unknown or isinstance(error, click.MissingParameter) or os.path.lexists(argument):
                return argument
    return None


def _no_option(name: str, context: click.Context, commands: Iterable[str], see: str) -> str:
    line = f"{context.command_path} has no option {name}"
    own = [flag for parameter in context.command.get_params(context) for flag in parameter.opts]
    synonym = OTHER_NAMES.get(name)
    close = [synonym] if synonym in own else get_close_matches(name, [flag for flag in own if flag.startswith("--")], 1)
    homes = [command for command in commands if command != context.info_name and name in _flags(command, context)]
    if homes:
        return f"{line}: it is an option of {_listed(homes)}"
    return f"{line}. Did you mean {close[0]}?" if close else f"{line}: {see}"


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _flags(name: str, context: click.Context) -> list[str]:
    """The flags of another command of the same group."""
    group = context.find_root().command
    command = group.get_command(context, name) if isinstance(group, click.Group) else None
    return [] if command is None else [flag for parameter in command.params for flag in parameter.opts]


def _is_picture(name: str) -> bool:
    """Whether ``name`` is that of an existing file, or has the ending of an image file."""
    from colorquant.images import SUFFIXES

    return os.path.lexists(name) or PurePath(name).suffix.lower() in SUFFIXES
