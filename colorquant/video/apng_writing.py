"""Write frames as an animated PNG, of which each frame holds only what changed.

The layout is that of the PNG specification (W3C, third edition): acTL, fcTL and fdAT in section 11.3.6.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np

from colorquant.errors import OutputError
from colorquant.files import StagedFiles
from colorquant.images.encoding import encode_rgb
from colorquant.images.png import (
    INDEXED,
    SIGNATURE,
    SRGB,
    TRUECOLOUR_ALPHA,
    bits_of,
    chunk,
    compress_rows,
    expand_rows,
    image_data,
)
from colorquant.types import AnyArray, BoolArray, UInt8Array, UInt32Array
from colorquant.video.animation_writing import AnimationWriter
from colorquant.video.changes import ONE_PIXEL, Box, bounding_box, rgba_of
from colorquant.video.frames import ClipInfo, IndexedFrame

LARGEST_PART = 65535  # of the numerator and of the denominator of a delay
SOURCE, OVER = 0, 1  # whether the pixels of a frame replace what is seen, or are laid over it


@dataclass(frozen=True, eq=False)
class _Entries:
    """The palette of an indexed PNG: ``rgba`` (n, 4) uint8. The last entry is fully transparent where there is room."""

    rgba: UInt8Array

    @classmethod
    def of(cls, frame: IndexedFrame) -> _Entries | None:
        """The entries of a frame's colours; None where there are more than 256."""
        p = len(frame.colors)
        if p > 256:
            return None
        alpha = np.full(p, 255, np.uint8) if frame.entry_alpha is None else frame.entry_alpha
        rgba = np.column_stack([frame.colors, alpha])
        return cls(np.concatenate([rgba, np.zeros((min(1, 256 - p), 4), np.uint8)]))

    @property
    def transparent(self) -> int | None:
        """The index of a fully transparent pixel, None where there is none."""
        last = len(self.rgba) - 1
        return last if not self.rgba[last].any() else None

    @property
    def bits(self) -> int:
        """Bits per pixel."""
        return bits_of(len(self.rgba))

    @property
    def chunks(self) -> bytes:
        """PLTE and, where an entry is not opaque, tRNS."""
        alpha = self.rgba[:, 3]
        clear = np.flatnonzero(alpha < 255)
        transparency = chunk(b"tRNS", alpha[: int(clear[-1]) + 1].tobytes()) if len(clear) else b""
        return chunk(b"PLTE", self.rgba[:, :3].tobytes()) + transparency

    def compressed(self, labels: AnyArray) -> bytes:
        """The zlib stream of ``labels`` (h, w)."""
        return compress_rows(labels.astype(np.uint8), bits=self.bits, values=len(self.rgba), fast=True)


@dataclass(frozen=True, eq=False)
class _Pixels:
    """The pixels of a frame: ``rgba`` (h, w, 4) uint8, and their ``labels`` (h, w) where the entries hold them."""

    rgba: UInt8Array
    labels: AnyArray | None

    @classmethod
    def of(cls, frame: IndexedFrame, entries: _Entries | None) -> _Pixels:
        rgba = rgba_of(frame)
        labels = None
        own = _Entries.of(frame)
        if entries is not None and own is not None and frame.painted is None and np.array_equal(own.rgba, entries.rgba):
            inside = int(frame.labels.max()) < len(entries.rgba)
            labels = frame.labels if inside and np.array_equal(entries.rgba[frame.labels], rgba) else None
        return cls(rgba, labels)

    @property
    def values(self) -> UInt32Array:
        """The pixels (h, w), a number for each."""
        return self.rgba.view(np.uint32)[..., 0]


class ApngWriter(AnimationWriter[_Pixels]):
    """Writes an animated PNG.

    The PNG is indexed; once a frame does not fit into the palette of the first one, the frames before are written
    again, as RGBA. A clip of one frame is a plain PNG.
    """

    format = "PNG"

    def __init__(self, path: Path, staged: StagedFiles, info: ClipInfo) -> None:
        super().__init__(path, staged, info)
        self._entries: _Entries | None = None  # None: RGBA
        self._late = Fraction(0)  # seconds by which the delays so far are too short
        self._frames = self._sequence = 0

    def _pixels(self, frame: IndexedFrame) -> _Pixels:
        if self._pending is None:
            self._entries = None if frame.painted is not None else _Entries.of(frame)
        pixels = _Pixels.of(frame, self._entries)
        if self._pending is None and pixels.labels is None:
            self._entries = None
        elif self._entries is not None and pixels.labels is None:
            self._become_rgba()
        return pixels

    def _differ(self, pixels: _Pixels, before: _Pixels) -> bool:
        return not np.array_equal(pixels.values, before.values)

    def _draw(self, pixels: _Pixels, delay: Fraction, *, after: _Pixels | None) -> None:
        self._draw_frame(pixels, delay, animated=after is not None or self._canvas is not None)

    def _complete(self) -> None:
        self._put(chunk(b"IEND", b""))
        if self._frames > 1:
            with self._reported():
                self._stream.seek(len(SIGNATURE) + 25)  # behind IHDR
            self._put(self._animation_control())

    def _draw_frame(self, pixels: _Pixels, delay: Fraction, *, animated: bool) -> None:
        """Write the frame that follows the canvas, and make it the canvas."""
        if self._canvas is None:
            self._put(self._header(animated))
            box, changed = Box(0, 0, self._info.width, self._info.height), np.ones(pixels.values.shape, np.bool_)
        else:
            changed = pixels.values != self._canvas.values
            box = bounding_box(changed) if changed.any() else ONE_PIXEL
        data, blend = self._smallest(pixels, box, changed[box.rows])
        if animated:
            places = (box.width, box.height, box.left, box.top)
            control = b"".join(value.to_bytes(4, "big") for value in (self._sequence, *places))
            self._put(chunk(b"fcTL", control + self._delay(delay) + bytes([0, blend])))
            self._sequence += 1
        if self._canvas is None:
            self._put(chunk(b"IDAT", data))
        else:
            self._put(chunk(b"fdAT", self._sequence.to_bytes(4, "big") + data))
            self._sequence += 1
        self._frames += 1
        self._canvas = pixels

    def _header(self, animated: bool) -> bytes:
        size = self._info.width.to_bytes(4, "big") + self._info.height.to_bytes(4, "big")
        kind = bytes([8, TRUECOLOUR_ALPHA]) if self._entries is None else bytes([self._entries.bits, INDEXED])
        parts = [SIGNATURE, chunk(b"IHDR", size + kind + bytes(3))]
        parts += [self._animation_control()] if animated else []  # filled in at the end
        parts += [SRGB, b"" if self._entries is None else self._entries.chunks]
        return b"".join(parts)

    def _animation_control(self) -> bytes:
        plays = min(self._info.loops or 0, 2**31 - 1)
        return chunk(b"acTL", self._frames.to_bytes(4, "big") + plays.to_bytes(4, "big"))

    def _delay(self, seconds: Fraction) -> bytes:
        """The delay as the fraction nearest to ``seconds`` that has two bytes for each part; errors are carried on."""
        wanted = max(seconds + self._late, Fraction(0))
        limit = LARGEST_PART if wanted <= 1 else max(1, int(LARGEST_PART / wanted))
        delay = min(wanted.limit_denominator(limit), Fraction(LARGEST_PART))
        self._late = wanted - delay
        return delay.numerator.to_bytes(2, "big") + delay.denominator.to_bytes(2, "big")

    def _smallest(self, pixels: _Pixels, box: Box, changed: BoolArray) -> tuple[bytes, int]:
        """The compressed pixels in ``box`` and how they are blended: drawn whole, or only those that changed."""
        part = pixels.rgba[box.rows]
        over = not changed.all() and bool((part[..., 3][changed] == 255).all())
        if self._entries is None:
            drawn = [(image_data(encode_rgb(part[..., :3], part[..., 3])), SOURCE)]
            if over:
                part = np.where(changed[..., None], part, 0).astype(np.uint8)
                drawn.append((image_data(encode_rgb(part[..., :3], part[..., 3])), OVER))
        else:
            if pixels.labels is None:
                raise OutputError(f"a frame does not fit into the palette of {self._path}: please report this")
            labels = pixels.labels[box.rows]
            drawn = [(self._entries.compressed(labels), SOURCE)]
            if over and self._entries.transparent is not None:
                drawn.append((self._entries.compressed(np.where(changed, labels, self._entries.transparent)), OVER))
        return min(drawn, key=lambda row: len(row[0]))

    def _become_rgba(self) -> None:
        """Write the frames so far again, as RGBA."""
        entries, self._entries = self._entries, None
        if self._canvas is None or entries is None:
            return
        late = self._late
        with self._reported(), tempfile.TemporaryFile() as old:
            self._stream.seek(0)
            shutil.copyfileobj(self._stream, old)
            self._stream.seek(0)
            self._stream.truncate()
            old.seek(0)
            self._canvas, self._frames, self._sequence, self._late = None, 0, 0, Fraction(0)
            for rgba, delay in self._indexed_frames(old, entries):
                self._draw_frame(_Pixels(rgba, None), delay, animated=True)
        self._late = late

    def _indexed_frames(self, stream: BinaryIO, entries: _Entries) -> Iterator[tuple[UInt8Array, Fraction]]:
        """The frames of an indexed PNG that this class writes: their pixels (h, w, 4) and their delays in seconds."""
        seen = np.zeros((self._info.height, self._info.width, 4), np.uint8)
        box, blend, delay = ONE_PIXEL, SOURCE, Fraction(0)
        stream.read(len(SIGNATURE))
        while head := stream.read(8):
            name, data = head[4:], stream.read(int.from_bytes(head[:4], "big"))
            stream.read(4)  # the checksum
            if name == b"fcTL":
                width, height, left, top = (int.from_bytes(data[at : at + 4], "big") for at in (4, 8, 12, 16))
                box, blend = Box(left, top, width, height), data[25]
                delay = Fraction(int.from_bytes(data[20:22], "big"), int.from_bytes(data[22:24], "big"))
            if name in (b"IDAT", b"fdAT"):
                pixels = data if name == b"IDAT" else data[4:]
                labels = expand_rows(pixels, height=box.height, width=box.width, bits=entries.bits)
                drawn = np.ones(labels.shape, np.bool_) if blend == SOURCE else labels != entries.transparent
                seen = seen.copy()
                seen[box.rows][drawn] = entries.rgba[labels[drawn]]
                yield seen, delay
