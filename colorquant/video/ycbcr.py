"""Frames in the colours of a palette as the planes Y, Cb and Cr of a video, with all of the chroma or a quarter of it.

The matrix is that of ITU-R BT.601 in the limited range: Y from 16 to 235, Cb and Cr from 16 to 240 (section 2.5 of the
recommendation). FFmpeg and OpenCV decode BT.709 as exactly, but browsers that convert with libyuv do not: they show a
pure blue 12 levels too dark, and with this matrix 2. The colours are converted in full precision, and rounded once.
"""

from __future__ import annotations

import numpy as np

from colorquant.types import AnyArray, Float32Array, UInt8Array
from colorquant.video.frames import IndexedFrame

RED, BLUE = 0.299, 0.114  # shares of luma
MATRIX = np.array(
    [
        [RED, 1 - RED - BLUE, BLUE],
        np.array([-RED, RED + BLUE - 1, 1 - BLUE]) / (2 * (1 - BLUE)),
        np.array([1 - RED, RED + BLUE - 1, -BLUE]) / (2 * (1 - RED)),
    ]
) * (np.array([[219], [224], [224]]) / 255)
OFFSET = np.array([16, 128, 128])
Planes = tuple[UInt8Array, ...]
Channels = tuple[Float32Array, Float32Array, Float32Array]


def on_black(frame: IndexedFrame) -> UInt8Array:
    """The colours (h, w, 3) uint8 of a frame whose pixels are laid over black."""
    alpha = alpha_of(frame)
    if alpha is None:
        return frame.rgb
    shown = frame.rgb.astype(np.uint16) * alpha[..., np.newaxis]
    return ((shown + 127) // 255).astype(np.uint8)


def alpha_of(frame: IndexedFrame) -> UInt8Array | None:
    """The alpha (h, w) uint8 of each pixel of a frame, None where all are opaque."""
    if frame.alpha is not None or frame.entry_alpha is None:
        return frame.alpha
    return np.append(frame.entry_alpha, np.uint8(0))[frame.labels]


def planes(frame: IndexedFrame, *, even: bool) -> Planes:
    """Y (h, w), Cb and Cr (h / 2, w / 2, rounded up), uint8, of a frame that is laid over black.

    Each value of chroma is the mean of four pixels. With ``even`` an odd height or width becomes even: the last row or
    column is repeated.
    """
    y, cb, cr = _channels(frame)
    luma = np.rint(y).astype(np.uint8)
    return _evened(luma) if even else luma, _quarter(cb), _quarter(cr)


def full_planes(frame: IndexedFrame) -> Planes:
    """Y, Cb and Cr, each (h, w) uint8, of a frame that is laid over black (4:4:4)."""
    return tuple(np.rint(channel).astype(np.uint8) for channel in _channels(frame))


def planes_with_alpha(frame: IndexedFrame) -> Planes:
    """The planes of :func:`planes`, not laid over anything, and alpha (h, w)."""
    alpha = alpha_of(frame)
    opaque = np.full(frame.labels.shape, 255, np.uint8)
    y, cb, cr = _converted(frame.rgb)
    return np.rint(y).astype(np.uint8), _quarter(cb), _quarter(cr), opaque if alpha is None else alpha


def _channels(frame: IndexedFrame) -> Channels:
    """Y, Cb and Cr of the pixels of a frame that is laid over black."""
    if frame.painted is None and alpha_of(frame) is None:
        y, cb, cr = _converted(frame.colors)
        return y[frame.labels], cb[frame.labels], cr[frame.labels]
    return _converted(on_black(frame))


def _converted(rgb: UInt8Array) -> Channels:
    """The three channels of colours (..., 3), each (...) float32, not rounded."""
    values = (rgb @ MATRIX.T.astype(np.float32) + OFFSET.astype(np.float32)).astype(np.float32)
    return values[..., 0], values[..., 1], values[..., 2]


def _evened(plane: AnyArray) -> AnyArray:
    """``plane`` (h, w) with its last row and column repeated where their numbers are odd."""
    height, width = plane.shape
    return np.pad(plane, ((0, height % 2), (0, width % 2)), "edge") if height % 2 or width % 2 else plane


def _quarter(channel: Float32Array) -> UInt8Array:
    """The rounded means of blocks of 2 × 2 values of a channel (h, w)."""
    even = _evened(channel)
    total = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    rounded: UInt8Array = np.rint(total / 4).astype(np.uint8)
    return rounded
