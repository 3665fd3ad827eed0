"""The units in which errors are added up while a picture is dithered: linear light, or sRGB levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colorquant.types import Float32Array, FloatArray, UInt8Array

BINS = 16384  # of the range from black to white: fine enough that each of the 256 levels has bins of its own
BEYOND = 1 / 32  # of that range, on both sides, that a pixel with its error may reach


@dataclass(frozen=True, eq=False)
class Light:
    """Conversions between 8-bit levels and the units of diffusion, which are numbers of bins, from 0.

    ``decode`` (256,) float32 has the value of each level. ``encode`` has for each bin the level, 0 to 255, that it
    stands for, and behind them a 1, for :func:`colorquant.mapping.choosing.with_one`. Values are kept between ``low``
    and ``high``.
    """

    decode: Float32Array
    encode: Float32Array
    low: np.float32
    high: np.float32

    @classmethod
    def of(cls, space: str, beyond: float = BEYOND) -> Light:
        """``space`` is a key of :data:`CURVES`; a value may leave the range from black to white by ``beyond`` of it."""
        to_light, to_level = CURVES[space]
        outside = int(beyond * BINS)
        size = BINS + 2 * outside
        decode = to_light(np.arange(256) / 255) * BINS + outside + 0.5  # in the middle of a bin
        middle = np.clip((np.arange(size + 1) - outside) / BINS, 0, 1)
        encode = np.floor(to_level(middle) * 255 + 0.5)
        encode = np.append(encode, 1)
        return cls(decode.astype(np.float32), encode.astype(np.float32), np.float32(0), np.float32(size))

    def entries(self, colors: UInt8Array) -> Float32Array:
        """The values of colours (p, c) uint8, (p, c)."""
        values: Float32Array = self.decode[colors]
        return values


def _to_linear(level: FloatArray) -> FloatArray:
    """sRGB, 0 to 1, as linear light, 0 to 1 (IEC 61966-2-1)."""
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def _to_srgb(light: FloatArray) -> FloatArray:
    """Linear light, 0 to 1, as sRGB, 0 to 1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _same(level: FloatArray) -> FloatArray:
    return level


CURVES = {"linear": (_to_linear, _to_srgb), "srgb": (_same, _same)}
