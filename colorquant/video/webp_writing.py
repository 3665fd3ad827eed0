"""Write frames as an animated, lossless WebP, of which each frame holds only what changed.

The layout is that of the WebP container specification (Google): the chunks VP8X, ANIM and ANMF.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np

from colorquant.errors import OutputError
from colorquant.files import StagedFiles
from colorquant.images.webp import encode_webp_pixels
from colorquant.types import UInt8Array
from colorquant.video.changes import ONE_PIXEL, Box, bounding_box, rgba_of
from colorquant.video.frames import ClipInfo, IndexedFrame, frames_words

LARGEST_SIDE = 16383  # pixels
LARGEST_FILE = 2**32 - 10  # bytes behind the first eight
SHORTEST = 11  # milliseconds; browsers show a frame of 10 or fewer for 100 of them
LONGEST = 2**24 - 1  # milliseconds
HAS_ALPHA, IS_ANIMATED = 0x10, 0x02  # flags of VP8X
REPLACES = 0x02  # flag of ANMF: the pixels replace those before, and are not laid over them
HEADER_SIZE = 12 + 18 + 14  # bytes of RIFF, VP8X and ANIM


def check_webp(*, width: int, height: int) -> None:
    """Raises OutputError where a WebP cannot hold frames of that size."""
    if max(width, height) > LARGEST_SIDE:
        limit = f"{LARGEST_SIDE} pixels"
        raise OutputError(f"a WebP is at most {limit} wide and high, not {width}×{height}: use --scale, or write .png")


class WebpWriter:
    """Writes an animated WebP; a :class:`colorquant.video.frames.FrameWriter`.

    Two frames are in memory at any time: each is written once the next one is known. Frames that equal the one before
    lengthen it. WebP counts time in milliseconds. Each frame begins at the nearest of them, so that the times do not
    drift, and lasts at least eleven of them, because browsers show shorter frames for a hundred.
    """

    def __init__(self, path: Path, staged: StagedFiles, info: ClipInfo) -> None:
        check_webp(width=info.width, height=info.height)
        self._path, self._info = path, info
        with ExitStack() as closing:
            try:
                self._stream = closing.enter_context(staged.reserve(path).open("wb"))
            except OSError as error:
                raise self._error(error) from error
            self._closing = closing.pop_all()
        self._canvas: UInt8Array | None = None  # (h, w, 4), what is seen before the pending frame is drawn
        self._pending: UInt8Array | None = None
        self._begin = 0  # of the pending frame, in milliseconds
        self._end = Fraction(0)  # of the last frame, in seconds
        self._size = HEADER_SIZE - 8
        self._has_alpha = False
        self._dropped = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed when the frames were written."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        if self._dropped:
            frames = frames_words(self._dropped, "is", "are")
            yield f"WebP: {frames} left out, because browsers slow frames under 0.011 seconds down"

    def write(self, frame: IndexedFrame) -> None:
        """Write the next frame. Raises OutputError."""
        begin, self._end = round(frame.time * 1000), frame.time + frame.duration
        if self._pending is not None:
            begin = max(begin, self._begin + SHORTEST)
            if begin >= self._end * 1000:  # the frames before have used up its time
                self._dropped += 1
                return
        pixels = rgba_of(frame)
        if self._pending is None:
            self._put(bytes(HEADER_SIZE))  # filled in at the end
            self._pending, self._begin = pixels, begin
        elif not np.array_equal(pixels, self._pending):
            self._draw(self._pending, begin - self._begin)
            self._pending, self._begin = pixels, begin

    def finish(self) -> None:
        """Complete the file. Raises OutputError, also where no frame was written."""
        if self._pending is None:
            raise OutputError(f"{self._path} is not written: there is no frame")
        delay = round(self._end * 1000) - self._begin
        self._draw(self._pending, delay if self._canvas is None else max(SHORTEST, delay))
        try:
            self._stream.seek(0)
        except OSError as error:
            raise self._error(error) from error
        self._put(self._header())
        self._closing.close()

    def __enter__(self) -> WebpWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _header(self) -> bytes:
        flags = bytes([IS_ANIMATED | (HAS_ALPHA if self._has_alpha else 0), 0, 0, 0])
        size = b"".join((side - 1).to_bytes(3, "little") for side in (self._info.width, self._info.height))
        plays = min(self._info.loops or 0, 65535).to_bytes(2, "little")
        return (
            b"RIFF"
            + self._size.to_bytes(4, "little")
            + b"WEBP"
            + _chunk(b"VP8X", flags + size)
            + _chunk(b"ANIM", bytes(4) + plays)
        )

    def _draw(self, pixels: UInt8Array, delay: int) -> None:
        """Write the frame that follows the canvas, and make it the canvas."""
        while delay > LONGEST:  # more than one frame can last
            self._put(self._frame(pixels, LONGEST))
            delay -= LONGEST
            self._canvas = pixels
        self._put(self._frame(pixels, delay))
        self._canvas = pixels

    def _frame(self, pixels: UInt8Array, delay: int) -> bytes:
        """The chunk ANMF of the pixels that differ from the canvas."""
        if self._canvas is None:
            box, changed = Box(0, 0, self._info.width, self._info.height), np.ones(pixels.shape[:2], np.bool_)
        else:
            changed = (pixels != self._canvas).any(axis=2)
            box = _even(bounding_box(changed)) if changed.any() else ONE_PIXEL
            changed = changed[box.rows]
        part = np.ascontiguousarray(pixels[box.rows])
        drawn = [(encode_webp_pixels(part), REPLACES)]
        if not changed.all() and (part[..., 3][changed] == 255).all():
            drawn.append((encode_webp_pixels(np.where(changed[..., None], part, 0).astype(np.uint8)), 0))
        data, flags = min(drawn, key=lambda row: len(row[0]))
        self._has_alpha = self._has_alpha or not flags or bool((part[..., 3] < 255).any())
        places = (box.left // 2, box.top // 2, box.width - 1, box.height - 1, delay)
        chunk = _chunk(b"ANMF", b"".join(value.to_bytes(3, "little") for value in places) + bytes([flags]) + data)
        self._size += len(chunk)
        if self._size > LARGEST_FILE:
            raise OutputError(f"{self._path} would have more than 4 GB, which a WebP cannot: write .png")
        return chunk

    def _put(self, data: bytes) -> None:
        try:
            self._stream.write(data)
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> OutputError:
        return OutputError(f"{self._path} cannot be written: {error.strerror or error}; choose another place")


def _chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a RIFF file: its name of four letters, its length, its data, padded to an even number of bytes."""
    return name + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)


def _even(box: Box) -> Box:
    """The rectangle, which begins one pixel earlier where it began at an odd place: WebP has no bits for those."""
    left, top = box.left & ~1, box.top & ~1
    return Box(left, top, box.width + box.left - left, box.height + box.top - top)
