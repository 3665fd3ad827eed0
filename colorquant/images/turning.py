"""Turn pictures upright that come in strips, through a temporary file, so that they are never whole in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

import numpy as np

from colorquant.errors import ImageReadError
from colorquant.images.metadata import QUARTER_TURNS
from colorquant.images.pixels import COLUMNS_REVERSED, ROWS_REVERSED
from colorquant.types import UInt8Array


def upright_strips(
    strips: Iterable[UInt8Array], size: tuple[int, int], orientation: int, rows: int
) -> Iterator[UInt8Array]:
    """Yield the strips, of at most so many ``rows``, of a picture that is turned and mirrored until it is upright.

    ``strips`` (n, w, c) uint8 are those of the picture as it is stored, of this ``size`` (width, height), and
    ``orientation`` is that of EXIF, 1 to 8. Where rows change their order, all pixels are written to a temporary file
    first. Raises ImageReadError where that has no room.
    """
    exchanged = orientation in QUARTER_TURNS
    if not exchanged and orientation not in ROWS_REVERSED:
        for strip in strips:
            yield _mirrored(strip, orientation)
        return
    count = size[0] if exchanged else size[1]
    with _stored(strips, exchanged=exchanged) as store:
        for top in range(0, count, rows):
            bottom = min(top + rows, count)
            wanted = slice(count - bottom, count - top) if orientation in ROWS_REVERSED else slice(top, bottom)
            with _reported():
                strip = store.columns(wanted) if exchanged else store.rows(wanted)
            yield _mirrored(strip, orientation)


def _mirrored(pixels: UInt8Array, orientation: int) -> UInt8Array:
    """Reverse the rows and the columns of pixels (n, w, c), as the orientation asks."""
    down = -1 if orientation in ROWS_REVERSED else 1
    right = -1 if orientation in COLUMNS_REVERSED else 1
    return np.ascontiguousarray(pixels[::down, ::right])


class _Store:
    """The strips of a picture, (n, w, c) uint8 or, if their columns are read, (w, n, c), one after the other."""

    def __init__(self, stream: BinaryIO, shapes: list[tuple[int, int, int]]) -> None:
        self._stream, self._shapes = stream, shapes

    def rows(self, wanted: slice) -> UInt8Array:
        """Some rows (m, w, c) of the picture, of which all strips have the same width."""
        _, width, channels = self._shapes[0]
        return self._read(wanted.start * width * channels, (wanted.stop - wanted.start, width, channels))

    def columns(self, wanted: slice) -> UInt8Array:
        """Some columns of the picture as rows (m, h, c)."""
        parts, start = [], 0
        for width, height, channels in self._shapes:
            offset = start + wanted.start * height * channels
            parts.append(self._read(offset, (wanted.stop - wanted.start, height, channels)))
            start += width * height * channels
        return np.concatenate(parts, axis=1)

    def _read(self, offset: int, shape: tuple[int, int, int]) -> UInt8Array:
        pixels = np.empty(shape, np.uint8)
        self._stream.seek(offset)
        self._stream.readinto(pixels.data)  # type: ignore[attr-defined]
        return pixels


@contextmanager
def _stored(strips: Iterable[UInt8Array], *, exchanged: bool) -> Iterator[_Store]:
    """The strips in a temporary file; with ``exchanged`` rows and columns are exchanged within each of them."""
    shapes = []
    with ExitStack() as stack:
        with _reported():
            stream = stack.enter_context(tempfile.TemporaryFile())
        for strip in strips:
            pixels = np.ascontiguousarray(strip.swapaxes(0, 1) if exchanged else strip)
            with _reported():
                stream.write(pixels.data)
            shapes.append(pixels.shape)
        yield _Store(stream, shapes)


@contextmanager
def _reported() -> Iterator[None]:
    """Turns an OSError into an ImageReadError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageReadError(
            f"cannot be turned upright, which needs a temporary file of its pixels ({reason}): set TMPDIR to a folder "
            "with more room"
        ) from error
