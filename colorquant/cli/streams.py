"""Standard input and output as the commands use them."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterable

from colorquant.batch.inputs import Input
from colorquant.errors import OptionError
from colorquant.report.records import printable


def check_stdin(inputs: Iterable[Input]) -> None:
    """Raises OptionError where an image is expected from a terminal."""
    if any(item.path is None for item in inputs) and sys.stdin.isatty():
        raise OptionError("standard input (-) is a terminal: pipe an image into it")


def write_stdout(data: bytes) -> None:
    """Write all of ``data`` to standard output, which may be unbuffered and then takes it in parts."""
    rest = memoryview(data)
    while rest:
        taken = sys.stdout.buffer.write(rest)
        if taken is None:
            raise BlockingIOError(errno.EAGAIN, "it takes no more at the moment")
        rest = rest[taken:]
    sys.stdout.buffer.flush()


def display_name(item: Input) -> str:
    """The name of an input in messages."""
    return "standard input" if item.path is None else printable(item.name)
