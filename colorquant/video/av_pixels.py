"""Convert the frames that PyAV decodes to upright pixels in sRGB, with FFmpeg's swscale."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np

from colorquant.images.alpha import apply_alpha
from colorquant.types import UInt8Array
from colorquant.video.frames import ClipReading
from colorquant.video.selection import scaled_size

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane
    from av.video.reformatter import VideoReformatter

BT709, BT601 = 1, 5  # swscale's numbers of the matrices
MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # of the frame's (H.273) by swscale's
LIMITED, FULL = 1, 2
HD = (1280, 576)  # a width from here on, or a height above it, is BT.709 where the file does not say
HDR = {16: "PQ", 18: "HLG"}
WIDE = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
Orientation = tuple[bool, bool, bool]


class Converter:
    """Converts decoded frames to upright sRGB pixels.

    ``size`` is the width and the height of the first frame, which all frames get, scaled as ``reading`` says.
    """

    def __init__(self, size: tuple[int, int], reading: ClipReading, orientation: Orientation) -> None:
        self._reading = reading
        self._orientation = orientation
        scaled_size(*size, ClipReading(max_pixels=reading.max_pixels))
        self._size = scaled_size(*size, reading)
        self._reformatter: VideoReformatter | None = None
        self._plain: VideoFrame | None = None

    @property
    def upright_size(self) -> tuple[int, int]:
        """The width and the height of converted frames."""
        width, height = self._size
        return (height, width) if self._orientation[0] else (width, height)

    def __call__(self, frame: VideoFrame) -> tuple[UInt8Array, UInt8Array | None]:
        """The pixels (h, w, 3) uint8 of a frame, and their alpha (h, w) uint8 or None."""
        from av.video.reformatter import Interpolation, VideoReformatter

        if self._reformatter is None:
            self._reformatter = VideoReformatter()
        width, height = self._size
        size = frame.width * frame.height
        filtering = (Interpolation.AREA, Interpolation.POINT, Interpolation.BICUBIC)
        kind = filtering[(width * height > size) - (width * height < size) + 1]
        matrix, levels = _matrix(frame)
        converted = self._reformatter.reformat(
            self._without_siting(frame) if kind == Interpolation.POINT else frame,
            width=width,
            height=height,
            format="rgba" if has_alpha(frame) else "rgb24",
            src_colorspace=matrix,
            src_color_range=levels,
            dst_color_range=FULL,
            threads=1,
            # The default is faster, but 1 level too dark on average.
            interpolation=kind | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
        )
        pixels: UInt8Array = np.asarray(converted.to_ndarray(), np.uint8)
        if converted is frame:  # nothing was converted, and the decoder may use its memory again
            pixels = pixels.copy()
        pixels = _turned(pixels, self._orientation)
        if pixels.shape[2] == 3:
            return np.ascontiguousarray(pixels), None
        alpha = np.ascontiguousarray(pixels[:, :, 3])
        rgb = np.ascontiguousarray(pixels[:, :, :3])
        return apply_alpha(rgb, None if alpha.min() == 255 else alpha, self._reading.alpha)

    def _without_siting(self, frame: VideoFrame) -> VideoFrame:
        """A copy of the frame that does not say where its halved chroma lies; other frames are returned.

        Of chroma at the left of two pixels, swscale's nearest sample for the right one is that of the next two.
        """
        import av

        planes, pixels = frame.planes, frame.format
        if len(planes) < 3 or not (pixels.chroma_width(2) < 2 or pixels.chroma_height(2) < 2):
            return frame
        shape = (frame.width, frame.height, pixels.name)
        if self._plain is None or (self._plain.width, self._plain.height, self._plain.format.name) != shape:
            self._plain = av.VideoFrame(*shape)
        depth = 1 if max(component.bits for component in pixels.components) <= 8 else 2
        for source, target in zip(planes, self._plain.planes, strict=True):
            _rows(target, depth)[:] = _rows(source, depth)
        return self._plain


def orientation(frame: VideoFrame) -> Orientation:
    """How pixels are turned: whether rows and columns change places, and then whether rows and columns are reversed.

    It is the frame's display matrix (ISO/IEC 14496-12, 8.3.2), to the next quarter turn.
    """
    from av.sidedata.sidedata import Type

    side_data = cast("Mapping[Type, bytes]", frame.side_data)  # PyAV declares the type of one kind only
    try:
        matrix = bytes(side_data[Type.DISPLAYMATRIX])
    except KeyError:
        return False, False, False
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    if abs(b) + abs(c) > abs(a) + abs(d):
        return True, b < 0, c < 0
    return False, d < 0, a < 0


def _turned(pixels: UInt8Array, orientation: Orientation) -> UInt8Array:
    exchanged, rows, columns = orientation
    if exchanged:
        pixels = pixels.swapaxes(0, 1)
    return pixels[:: -1 if rows else 1, :: -1 if columns else 1]


def _rows(plane: VideoPlane, depth: int) -> UInt8Array:
    """The bytes of a plane of one component of ``depth`` bytes, without what fills up its rows, as a view."""
    stride = abs(plane.line_size)
    rows: UInt8Array = np.asarray(memoryview(plane), np.uint8).reshape(plane.height, stride)[:, : plane.width * depth]
    return rows if plane.line_size > 0 else rows[::-1]


def _matrix(frame: VideoFrame) -> tuple[int | None, int | None]:
    """Swscale's numbers of the colour matrix and the range of a frame; None for RGB."""
    if frame.format.is_rgb or frame.format.name.startswith(("gray", "pal", "mono", "ya")):
        return None, None
    unknown = BT709 if frame.width >= HD[0] or frame.height > HD[1] else BT601
    full = frame.color_range == FULL or frame.format.name.startswith("yuvj")
    return MATRICES.get(frame.colorspace, unknown), FULL if full else LIMITED


def has_alpha(frame: VideoFrame) -> bool:
    """Whether the pixels of a frame have alpha."""
    return any(component.is_alpha for component in frame.format.components)


def notes(first: VideoFrame) -> tuple[str, ...]:
    """What is changed or lost in the colours of a video with this first frame."""
    found: list[str] = []
    bits = max(component.bits for component in first.format.components)
    if bits > 8:
        found.append(f"{bits} bits a channel reduced to 8")
    if first.color_trc in HDR:
        found.append(f"its HDR curve ({HDR[first.color_trc]}) is read as if it were sRGB: no tone mapping")
    if first.color_primaries in WIDE:
        found.append(f"its primaries ({WIDE[first.color_primaries]}) are read as those of sRGB")
    if first.interlaced_frame:
        found.append("its frames are interlaced, and stay so")
    return tuple(found)
