"""Some of a picture's pixels, as many as a screen shows: real ones, so that colours and labels stay what they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorquant.color.histogram import ColorHistogram
from colorquant.images import Picture, encoding
from colorquant.types import AnyArray, UInt8Array

PAGE_SIDES = ((6, 960), (16, 640), (40, 448), (math.inf, 320))  # of so many pictures at most
CANDIDATES = (np.arange(3) + 0.5) / 3  # places within a pixel of the sample, across and down


@dataclass(frozen=True)
class Sample:
    """``index`` (h', w') int64 names pixels of a picture in reading order."""

    index: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rgb: UInt8Array, side: int) -> Sample:
        """At most ``side`` pixels across and down of ``rgb`` (h, w, 3) uint8; all of them where there are no more.

        Of the candidates in the area that a pixel of the sample stands for, the one nearest to their mean is taken:
        noise counts less than in every n-th pixel.
        """
        height, width = rgb.shape[:2]
        scale = max(height, width) / side
        if scale <= 1:
            return cls(np.arange(height * width).reshape(height, width))
        down, across = (_places(length, max(1, round(length / scale))) for length in (height, width))
        rows = [np.add.outer(line * width, across).transpose(1, 0, 2).reshape(len(across), -1) for line in down]
        flat = rgb.reshape(-1, 3)
        return cls(np.stack([_most_typical(flat, candidates) for candidates in rows]))

    def take(self, values: AnyArray) -> AnyArray:
        """Of ``values`` (h, w, …) of the picture those of the sample, (h', w', …)."""
        return values.reshape(-1, *values.shape[2:])[self.index]


def sampled(picture: Picture, side: int) -> Picture:
    """The sample of a picture as a picture."""
    sample = Sample.of(picture.rgb, side)
    alpha = None if picture.alpha is None else sample.take(picture.alpha)
    return Picture(sample.take(picture.rgb), alpha, picture.bytes_in)


def page_side(pictures: int) -> int:
    """The longest side of each of a page's pictures: the more there are, the smaller, so that the page stays one."""
    return next(side for most, side in PAGE_SIDES if pictures <= most)


def encode_shown(rgb: UInt8Array, alpha: UInt8Array | None, side: int) -> bytes:
    """The sample of pixels (h, w, 3) uint8, with alpha (h, w) uint8, to be looked at: as a small file as can be.

    An indexed PNG where its colours allow it; else a JPEG, or with alpha a truecolour PNG.
    """
    sample = Sample.of(rgb, side)
    rgb, alpha = sample.take(rgb), None if alpha is None else sample.take(alpha)
    histogram = ColorHistogram.count(rgb)
    if len(histogram) <= 256:
        labels = histogram.spread(np.arange(len(histogram)), rgb)
        return encoding.encode_labels(labels, histogram.colors, alpha, gray=False)
    return encoding.encode_jpeg(rgb) if alpha is None else encoding.encode_rgb(rgb, alpha)


def _places(length: int, wanted: int) -> npt.NDArray[np.int64]:
    """The places of the candidates of each of ``wanted`` parts of a side, (wanted, 3)."""
    return ((np.arange(wanted)[:, None] + CANDIDATES) * (length / wanted)).astype(np.int64)


def _most_typical(flat: UInt8Array, candidates: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of each row of ``candidates`` (n, c), pixels of ``flat`` (…, 3), the one nearest to the row's mean, (n,)."""
    colors = flat[candidates].astype(np.float32)
    distances = np.square(colors - colors.mean(axis=1, keepdims=True)).sum(axis=2)
    typical: npt.NDArray[np.int64] = candidates[np.arange(len(candidates)), np.argmin(distances, axis=1)]
    return typical
