"""Smaller copies of images for pages: pixels are chosen, not averaged, so that no new colours arise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from colorquant.images import Picture, encoding
from colorquant.types import AnyArray, IntArray, UInt8Array

PREVIEW_SIDES = ((6, 960), (16, 640), (40, 448), (math.inf, 320))  # of up to so many images: their longest side
MIDDLE = (256, 384)  # height and width of the part that a page shows pixel by pixel
CANDIDATES = (np.arange(3) + 0.5) / 3  # positions within the area of a chosen pixel, across and down


@dataclass(frozen=True)
class Downsampling:
    """The pixels of an image that are chosen: ``index`` (h', w') int64 counts them in reading order."""

    index: IntArray

    @classmethod
    def of(cls, rgb: UInt8Array, side: int) -> Downsampling:
        """Choose at most ``side`` pixels across and down of ``rgb`` (h, w, 3) uint8; all pixels of a smaller image.

        Each chosen pixel stands for an area. Of nine candidates in it, the one nearest to their mean is taken, so that
        noise counts less than if every n-th pixel were taken.
        """
        height, width = rgb.shape[:2]
        scale = max(height, width) / side
        if scale <= 1:
            return cls(np.arange(height * width).reshape(height, width))
        down, across = (_positions(length, max(1, round(length / scale))) for length in (height, width))
        rows = [np.add.outer(row * width, across).transpose(1, 0, 2).reshape(len(across), -1) for row in down]
        flat = rgb.reshape(-1, 3)
        return cls(np.stack([_nearest_to_mean(flat, candidates) for candidates in rows]))

    def take(self, values: AnyArray) -> AnyArray:
        """The values of the chosen pixels, (h', w', …), of ``values`` (h, w, …) for all pixels."""
        return values.reshape(-1, *values.shape[2:])[self.index]


def downsample(picture: Picture, side: int) -> Picture:
    """The image with at most ``side`` pixels across and down."""
    chosen = Downsampling.of(picture.rgb, side)
    alpha = None if picture.alpha is None else chosen.take(picture.alpha)
    return Picture(chosen.take(picture.rgb), alpha, picture.bytes_in)


def preview_side(count: int) -> int:
    """The longest side of each of a page's ``count`` images: the more there are, the smaller, to limit the page."""
    return next(side for most, side in PREVIEW_SIDES if count <= most)


def encode_preview(rgb: UInt8Array, alpha: UInt8Array | None, side: int) -> bytes:
    """Encode pixels (h, w, 3) uint8, with ``alpha`` (h, w) uint8 or None, downsampled, as a small file for viewing.

    The file is an indexed PNG where there are at most 256 colours; else a JPEG, or with alpha a truecolour PNG.
    """
    chosen = Downsampling.of(rgb, side)
    rgb, alpha = chosen.take(rgb), None if alpha is None else chosen.take(alpha)
    if Image.fromarray(rgb).getcolors(256) is None:
        return encoding.encode_jpeg(rgb) if alpha is None else encoding.encode_rgb(rgb, alpha)
    red, green, blue = (rgb[:, :, band].astype(np.uint32) for band in range(3))
    keys = red << 16 | green << 8 | blue
    occurring = np.unique(keys)
    colors = np.stack([occurring >> 16, occurring >> 8, occurring], axis=1).astype(np.uint8)
    return encoding.encode_labels(np.searchsorted(occurring, keys), colors, alpha, gray=False)


def encode_middle(rgb: UInt8Array, alpha: UInt8Array | None) -> bytes:
    """Encode the middle of pixels (h, w, 3) uint8, with ``alpha`` (h, w) uint8 or None, as PNG: at most MIDDLE."""
    part = tuple(
        slice((length - shown) // 2, (length - shown) // 2 + shown)
        for length, shown in zip(rgb.shape[:2], middle_size(rgb), strict=True)
    )
    middle, alpha = np.ascontiguousarray(rgb[part]), None if alpha is None else np.ascontiguousarray(alpha[part])
    if Image.fromarray(middle).getcolors(256) is None:
        return encoding.encode_rgb(middle, alpha)
    return encode_preview(middle, alpha, max(MIDDLE))


def middle_size(rgb: UInt8Array) -> tuple[int, int]:
    """The height and the width of the middle of pixels (h, w, 3)."""
    return min(rgb.shape[0], MIDDLE[0]), min(rgb.shape[1], MIDDLE[1])


def _positions(length: int, parts: int) -> IntArray:
    """The positions (parts, 3) of the candidates in each of ``parts`` equal parts of a side of ``length`` pixels."""
    return ((np.arange(parts)[:, None] + CANDIDATES) * (length / parts)).astype(np.int64)


def _nearest_to_mean(flat: UInt8Array, candidates: IntArray) -> IntArray:
    """From each row of ``candidates`` (n, c), indices of pixels ``flat`` (m, 3), the nearest to the mean of the row."""
    colors = flat[candidates].astype(np.float32)
    distances = np.square(colors - colors.mean(axis=1, keepdims=True)).sum(axis=2)
    nearest: IntArray = candidates[np.arange(len(candidates)), np.argmin(distances, axis=1)]
    return nearest
