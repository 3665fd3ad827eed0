"""Write frames as an animated, lossless WebP, of which each frame holds only what changed.

The layout is that of the WebP container specification (Google): the chunks VP8X, ANIM and ANMF.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from colorquant.errors import OutputError
from colorquant.files import StagedFiles
from colorquant.images.webp import encode_webp_pixels
from colorquant.types import UInt8Array
from colorquant.video.animation_writing import AnimationWriter
from colorquant.video.changes import ONE_PIXEL, Box, bounding_box, rgba_of
from colorquant.video.frames import ClipInfo, IndexedFrame

LARGEST_SIDE = 16383  # pixels
LARGEST_FILE = 2**32 - 10  # bytes behind the first eight
LONGEST = 2**24 - 1  # milliseconds
HAS_ALPHA, IS_ANIMATED = 0x10, 0x02  # flags of VP8X
REPLACES = 0x02  # flag of ANMF: the pixels replace those before, and are not laid over them
HEADER_SIZE = 12 + 18 + 14  # bytes of RIFF, VP8X and ANIM


def check_webp(*, width: int, height: int) -> None:
    """Raises OutputError where a WebP cannot hold frames of that size."""
    if max(width, height) > LARGEST_SIDE:
        limit = f"{LARGEST_SIDE} pixels"
        raise OutputError(f"a WebP is at most {limit} wide and high, not {width}×{height}: use --scale, or write .png")


class WebpWriter(AnimationWriter[UInt8Array]):
    """Writes an animated WebP, from the pixels (h, w, 4) of frames.

    WebP counts time in milliseconds; browsers show frames of less than eleven of them for a hundred.
    """

    format = "WebP"
    tick = Fraction(1, 1000)
    shortest = 11 * tick

    def __init__(self, path: Path, staged: StagedFiles, info: ClipInfo) -> None:
        check_webp(width=info.width, height=info.height)
        super().__init__(path, staged, info)
        self._size = HEADER_SIZE - 8
        self._has_alpha = False

    def _pixels(self, frame: IndexedFrame) -> UInt8Array:
        return rgba_of(frame)

    def _differ(self, pixels: UInt8Array, before: UInt8Array) -> bool:
        return not np.array_equal(pixels, before)

    def _draw(self, pixels: UInt8Array, delay: Fraction, *, after: UInt8Array | None) -> None:
        if self._canvas is None:
            self._put(bytes(HEADER_SIZE))  # filled in at the end
        ticks = int(delay / self.tick)
        while ticks > LONGEST:  # more than one frame can last
            self._put(self._frame(pixels, LONGEST))
            ticks -= LONGEST
            self._canvas = pixels
        self._put(self._frame(pixels, ticks))
        self._canvas = pixels

    def _complete(self) -> None:
        with self._reported():
            self._stream.seek(0)
        self._put(self._header())

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


def _chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a RIFF file: its name of four letters, its length, its data, padded to an even number of bytes."""
    return name + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)


def _even(box: Box) -> Box:
    """The rectangle, which begins one pixel earlier where it began at an odd place: WebP has no bits for those."""
    left, top = box.left & ~1, box.top & ~1
    return Box(left, top, box.width + box.left - left, box.height + box.top - top)
