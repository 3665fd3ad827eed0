"""Keeping the standard error of C libraries away from the user's terminal."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress


def silence_libraries() -> None:
    """Discard what C libraries write to standard error; Python's own ``sys.stderr`` still reaches the user.

    LibTIFF, for example, complains there about broken files, in addition to our own line. The change concerns the whole
    process, so only programs call this.
    """
    if os.name == "nt":
        return  # a console on Windows is not a file descriptor
    with suppress(OSError):
        own, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        raw = open(own, "wb", 0)  # noqa: PTH123, SIM115  unbuffered: what cannot be written is not retried at exit
        sys.stderr = io.TextIOWrapper(raw, sys.stderr.encoding, "backslashreplace", write_through=True)
