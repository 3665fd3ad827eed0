"""Write frames as an animated GIF, of which each frame holds only what changed.

The layout is that of the GIF89a specification (CompuServe, 1990), with the extension NETSCAPE2.0 for repetitions.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from colorquant.errors import OutputError
from colorquant.files import StagedFiles
from colorquant.images.gif import encode_gif_pixels
from colorquant.types import AnyArray, BoolArray, UInt8Array
from colorquant.video.animation_writing import AnimationWriter
from colorquant.video.changes import ONE_PIXEL, Box, Shown, bounding_box, shown
from colorquant.video.frames import ClipInfo, IndexedFrame, frames_words

LARGEST_SIDE = 65535  # pixels
LARGEST_TABLE = 256  # colours
LONGEST = 65535  # hundredths of a second
KEEP, ERASE = 1, 2  # disposal: what becomes of a frame before the next one is drawn
SHORTEST_RUN = 4  # unchanged pixels in a row that are worth a run of transparent ones


def check_gif(*, width: int, height: int, colors: int, keeps_lightness: bool) -> None:
    """Raises OutputError where a GIF cannot hold frames of that size and so many colours.

    With ``keeps_lightness`` the pixels keep their own lightness, so that the colours are not those of a palette.
    """
    if max(width, height) > LARGEST_SIDE:
        limit = f"{LARGEST_SIDE} pixels"
        raise OutputError(f"a GIF is at most {limit} wide and high, not {width}×{height}: use --scale, or write .png")
    if keeps_lightness:
        raise OutputError("a GIF has the colours of a palette only: add --no-keep-luma, or write .png or .mp4")
    if colors > LARGEST_TABLE:
        raise OutputError(f"a GIF holds at most {LARGEST_TABLE} colours, not {colors}: use -k 256, or write .png")


class GifWriter(AnimationWriter[Shown]):
    """Writes an animated GIF.

    GIF counts time in hundredths of a second; browsers show frames of less than two of them for ten.
    """

    format = "GIF"
    tick = Fraction(1, 100)
    shortest = 2 * tick

    def __init__(self, path: Path, staged: StagedFiles, info: ClipInfo) -> None:
        check_gif(width=info.width, height=info.height, colors=1, keeps_lightness=False)
        super().__init__(path, staged, info)
        self._table = np.zeros((0, 3), np.uint8)  # the global colour table
        self._partly_transparent = self._replaced = 0

    def _notes(self) -> Iterator[str]:
        yield from super()._notes()
        if self._partly_transparent:
            yield (
                f"GIF: {frames_words(self._partly_transparent, 'has', 'have')} partly transparent pixels; "
                "those of alpha 128 and more become opaque, the others fully transparent"
            )
        if self._replaced:
            frames = frames_words(self._replaced, "has", "have")
            yield (
                f"GIF: {frames} 256 colours and transparent pixels, one value too many; "
                "the rarest colour of such a frame is replaced by the nearest one (-k 255 avoids it)"
            )

    def _check(self, frame: IndexedFrame) -> None:
        height, width = frame.labels.shape
        check_gif(width=width, height=height, colors=len(frame.colors), keeps_lightness=frame.painted is not None)

    def _pixels(self, frame: IndexedFrame) -> Shown:
        pixels, partly = shown(frame)
        self._partly_transparent += partly
        return pixels

    def _differ(self, pixels: Shown, before: Shown) -> bool:
        return bool(pixels.changed(before).any())

    def _draw(self, pixels: Shown, delay: Fraction, *, after: Shown | None) -> None:
        if self._canvas is None:
            self._put(self._header(pixels, animated=after is not None))
            box = Box(0, 0, self._info.width, self._info.height)
        else:
            differ = pixels.changed(self._canvas)
            box = bounding_box(differ) if differ.any() else ONE_PIXEL
        canvas, disposal = pixels, KEEP
        if after is not None and (uncovered := after.clear & ~pixels.clear).any():
            box, disposal = box.around(bounding_box(uncovered)), ERASE
            canvas = pixels.erased(box)
        ticks = int(delay / self.tick)
        while ticks > LONGEST:  # more than one frame can last
            self._put(self._image(pixels, box, LONGEST, KEEP))
            ticks -= LONGEST
            self._canvas, box = pixels, box if disposal == ERASE else ONE_PIXEL
        self._put(self._image(pixels, box, ticks, disposal))
        self._canvas = canvas

    def _complete(self) -> None:
        self._put(b";")

    def _header(self, picture: Shown, *, animated: bool) -> bytes:
        """The header, the global colour table, and how often the animation is played."""
        self._table = picture.colors
        table, bits = _color_table(picture.colors, with_transparent=animated or bool(picture.clear.any()))
        size = self._info.width.to_bytes(2, "little") + self._info.height.to_bytes(2, "little")
        loops = self._info.loops or 0
        repetition = b""
        if animated and loops != 1:
            again = min(max(loops - 1, 0), 65535)  # after the first time; 0 stands for ever
            repetition = b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + again.to_bytes(2, "little") + b"\0"
        return b"GIF89a" + size + bytes([0xF0 | (bits - 1), 0, 0]) + table + repetition

    def _image(self, picture: Shown, box: Box, delay: int, disposal: int) -> bytes:
        """The image block of the part of a picture in ``box``, with its delay and its transparent index."""
        part = picture.part(box)
        unchanged = part.clear if self._canvas is None else ~part.changed(self._canvas.part(box))
        flags, table = 0, b""
        if not np.array_equal(self._table, picture.colors):
            part = _compacted(part)
            table, bits = _color_table(part.colors, with_transparent=True)
            flags = 0x80 | (bits - 1)
        encoded = self._smallest(part, unchanged)
        transparent = encoded.transparent
        clears = disposal == ERASE or (self._canvas is None and self._info.has_alpha)
        if transparent is None and clears:  # Pillow makes pixels transparent only where it has found such an index
            transparent = _free_index(part.labels, len(part.colors))
        packed = disposal << 2 | (transparent is not None)
        control = b"\x21\xf9\x04" + bytes([packed]) + delay.to_bytes(2, "little") + bytes([transparent or 0, 0])
        place = b"".join(side.to_bytes(2, "little") for side in box)
        return control + b"," + place + bytes([flags]) + table + encoded.data

    def _smallest(self, part: Shown, unchanged: BoolArray) -> _Encoded:
        """The smallest encoding: unchanged pixels are drawn again, or transparent, or transparent in long runs."""
        masks = [part.clear]
        if (unchanged & ~part.clear).any():
            masks += [part.clear | _long_runs(unchanged), unchanged]
        found = [encoded for mask in masks if (encoded := _encoded(part, mask)) is not None]
        if not found:
            self._replaced += 1
            part = _without_rarest(part)
            found = [encoded for mask in (part.clear,) if (encoded := _encoded(part, mask)) is not None]
        return min(found, key=lambda encoded: len(encoded.data))


class _Encoded(NamedTuple):
    """The image data of a part, and the index that stands for transparent pixels, None where there is none."""

    data: bytes
    transparent: int | None


def _encoded(part: Shown, transparent: BoolArray) -> _Encoded | None:
    """Encode a part with the ``transparent`` pixels (h, w); None where the others take all 256 indices."""
    if not transparent.any():
        return _Encoded(encode_gif_pixels(part.labels.astype(np.uint8)), None)
    index = _free_index(part.labels[~transparent], len(part.colors))
    if index is None:
        return None
    return _Encoded(encode_gif_pixels(np.where(transparent, index, part.labels).astype(np.uint8)), index)


def _free_index(labels: AnyArray, p: int) -> int | None:
    """The index after ``p`` colours or, where the table has no room for it, one that no label has; None without any."""
    if p < LARGEST_TABLE:
        return p
    free = np.flatnonzero(np.bincount(labels.reshape(-1), minlength=LARGEST_TABLE)[:LARGEST_TABLE] == 0)
    return int(free[0]) if len(free) else None


def _color_table(colors: UInt8Array, *, with_transparent: bool) -> tuple[bytes, int]:
    """The smallest colour table that holds the colours, and the number of bits of its indices."""
    entries = min(LARGEST_TABLE, len(colors) + with_transparent)
    bits = max(1, (entries - 1).bit_length())
    return colors.tobytes().ljust(3 << bits, b"\0"), bits


def _long_runs(pixels: BoolArray) -> BoolArray:
    """The pixels (h, w) that stand in horizontal runs of at least ``SHORTEST_RUN`` of them."""
    height, width = pixels.shape
    edges = np.diff(np.pad(pixels, ((0, 0), (1, 1))).view(np.int8), axis=1).reshape(-1)
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = ends - begins >= SHORTEST_RUN
    marks = np.zeros(height * (width + 1) + 1, np.int8)
    marks[begins[long]] = 1
    marks[ends[long]] = -1
    return np.cumsum(marks[:-1], dtype=np.int8).reshape(height, width + 1)[:, :width].astype(np.bool_)


def _compacted(part: Shown) -> Shown:
    """The same pixels with the colours that they use."""
    used = np.zeros(len(part.colors) + 1, np.bool_)
    used[part.labels] = True
    used[-1] = False
    if not used.any():
        used[0] = True
    new = np.cumsum(used) - 1
    new[-1] = used.sum()
    return Shown(new.astype(np.uint16)[part.labels], part.colors[used[:-1]])


def _without_rarest(part: Shown) -> Shown:
    """The same pixels, but those of the rarest colour take the nearest other one."""
    p = len(part.colors)
    rarest = int(np.argmin(np.bincount(part.labels.reshape(-1), minlength=p + 1)[:p]))
    distances = ((part.colors.astype(np.int64) - part.colors[rarest]) ** 2).sum(axis=1)
    distances[rarest] = distances.max() + 1
    return Shown(np.where(part.labels == rarest, int(np.argmin(distances)), part.labels), part.colors)
