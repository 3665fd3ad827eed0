"""Files as bytes: regular files, pipes, and files at URLs; a device is refused, since reading it may never end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from colorquant.errors import ImageReadError
from colorquant.images.videos import SIGNATURE, has_video_suffix, is_video
from colorquant.urls import Place, Url


def image_bytes(path: Place) -> bytes:
    """The bytes of a file; those of a video, which may be long, are not all read."""
    if isinstance(path, Url):
        from colorquant import remote  # a run without URLs does not need it

        if has_video_suffix(path) and is_video(first := remote.read_bytes(path, SIGNATURE)):
            return first
        return remote.read_bytes(path)
    if path.is_file() and is_video(first := read_bytes(path, SIGNATURE)):
        return first
    return read_bytes(path)


def check_readable(path: Path) -> None:
    """Raises ImageReadError where there is no such file, it is neither a file nor a pipe, or it may not be read."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise _unreadable(error) from error
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise ImageReadError("not a file: give an image file")  # reading a device may never end
    if not os.access(path, os.R_OK):
        raise _unreadable(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def read_bytes(path: Path, most: int = -1) -> bytes:
    """The bytes of a file or a pipe, at most the first ``most`` if it is not negative. Raises ImageReadError."""
    try:
        with open_file(path) as stream:
            return stream.read(most)
    except ImageReadError:
        raise
    except OSError as error:
        raise _unreadable(error) from error


def read_file(path: Place) -> bytes:
    """The bytes of a file, also of one at a URL. Raises ImageReadError."""
    if not isinstance(path, Url):
        return read_bytes(path)
    from colorquant import remote  # a run without URLs does not need it

    return remote.read_bytes(path)


def open_file(path: Path) -> BinaryIO:
    """A file or a pipe, opened. Raises ImageReadError."""
    check_readable(path)
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError | ValueError) -> ImageReadError:
    if isinstance(error, FileNotFoundError):
        return ImageReadError("cannot be read, there is no such file: check the name")
    if isinstance(error, PermissionError):
        return ImageReadError("cannot be read, permission denied: check the permissions of the file and its folder")
    reason = getattr(error, "strerror", None) or str(error)
    return ImageReadError(f"cannot be read, {reason}: check the name")
