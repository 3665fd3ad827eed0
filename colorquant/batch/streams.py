"""What libraries in C write to standard error is kept from the user's terminal."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress


def hush_libraries() -> None:
    """Send what libraries in C write to standard error nowhere; Python's own ``sys.stderr`` still reaches the user.

    LibTIFF, for one, complains there about broken files, beside our own line. It changes the whole process, so only
    programs call it.
    """
    if os.name == "nt":
        return  # a console there is no file descriptor
    with suppress(OSError):
        own, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        raw = open(own, "wb", 0)  # noqa: PTH123, SIM115  unbuffered: what cannot be written is not retried at exit
        sys.stderr = io.TextIOWrapper(raw, sys.stderr.encoding, "backslashreplace", write_through=True)
