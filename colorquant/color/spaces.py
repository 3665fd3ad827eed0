"""Colour spaces: colours to features and back. Options, tests and docs read the table ``SPACES``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorquant.errors import OptionError
from colorquant.types import FloatArray, UInt8Array

# IEC 61966-2-1: linear sRGB to CIE XYZ. The white point is the sum of each row, so grays have a* = b* = 0 exactly.
SRGB_TO_XYZ = np.array(
    [
        [0.4123907992659595, 0.3575843393838780, 0.1804807884018343],
        [0.2126390058715104, 0.7151686787677559, 0.0721923153607337],
        [0.0193308187155918, 0.1191947797946260, 0.9505321522496608],
    ]
)
XYZ_TO_SRGB = np.linalg.inv(SRGB_TO_XYZ)
WHITE = SRGB_TO_XYZ.sum(axis=1)

# Ottosson, "A perceptual color space for image processing" (2020): linear sRGB to LMS, its cube root to OKLab.
SRGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LMS_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
LMS_TO_SRGB = np.linalg.inv(SRGB_TO_LMS)
OKLAB_TO_LMS = np.linalg.inv(LMS_TO_OKLAB)

EPSILON = 216 / 24389  # CIE 15: where L* and f(t) turn from a line into a cube root
KAPPA = 24389 / 27


@dataclass(frozen=True)
class Space:
    """A colour space: its bands, and the conversions to it and back.

    ``forward`` takes colours (n, 3) uint8 and gives features (n, bands) float64 in the space's own units, stored
    band by band where that costs nothing, since the engines work on bands. ``backward`` takes such features and gives
    unrounded RGB (n, 3) float64, 0 to 255 where the feature is inside the sRGB gamut.
    ``level`` is the size of one 8-bit level in the space's units. ``luma`` is the band that ``--keep-luma`` keeps,
    None if the space has none; ``keeps_luma`` says whether it is kept by default. Chroma is measured from
    ``neutral``. ``unclipped`` replaces a ``backward`` that clips when colours are tested against the gamut.
    """

    name: str
    bands: tuple[str, ...]
    level: float
    forward: Callable[[UInt8Array], FloatArray]
    backward: Callable[[FloatArray], FloatArray]
    luma: int | None = None
    keeps_luma: bool = False
    neutral: float = 0.0
    unclipped: Callable[[FloatArray], FloatArray] | None = None

    def in_gamut(self, features: FloatArray) -> npt.NDArray[np.bool_]:
        """Which rows of features (n, bands) are inside the sRGB gamut, to half a level, (n,) bool."""
        rgb = (self.unclipped or self.backward)(features)
        inside: npt.NDArray[np.bool_] = np.all((rgb > -0.5) & (rgb < 255.5), axis=1)
        return inside


@dataclass(frozen=True)
class Projection:
    """The bands of a space that are clustered: all of them, or without the lightness that every pixel keeps."""

    space: Space
    keep_luma: bool

    @classmethod
    def of(cls, name: str, keep_luma: bool | None) -> Projection:
        """The space called ``name``; ``keep_luma`` None means the space's default. Raises OptionError."""
        if name not in SPACES:
            raise OptionError(f"--space {name} is unknown: use {', '.join(SPACES)}")
        space = SPACES[name]
        if keep_luma and space.luma is None:
            raise OptionError(f"--keep-luma cannot be used with --space {name}: use --space ycrcb, lab or oklab")
        return cls(space, space.keeps_luma if keep_luma is None else keep_luma)

    @property
    def bands(self) -> tuple[str, ...]:
        """The names of the clustered bands."""
        return tuple(self.space.bands[band] for band in self._clustered)

    @property
    def lossless(self) -> bool:
        """Whether every colour comes back unchanged when each has a label of its own."""
        return not self.keep_luma and self.space.name != "gray"

    @property
    def injective(self) -> bool:
        """Whether two colours never share their features."""
        return not self.keep_luma and self.space.name in ("rgb", "lab", "oklab")

    @property
    def _clustered(self) -> list[int]:
        dropped = self.space.luma if self.keep_luma else None
        return [band for band in range(len(self.space.bands)) if band != dropped]

    def features(self, colors: UInt8Array) -> FloatArray:
        """Colours (n, 3) uint8 as features (n, d) float64."""
        features = self.space.forward(colors)
        return np.ascontiguousarray(features[:, self._clustered]) if self.keep_luma else features

    def to_rgb(self, features: FloatArray, colors: UInt8Array | None = None) -> UInt8Array:
        """Features (n, d) as colours (n, 3) uint8, clipped to the gamut.

        With ``keep_luma`` each row takes the lightness of its row in ``colors`` (n, 3), and a colour outside the
        gamut loses chroma, not lightness.
        """
        if not self.keep_luma:
            return to_uint8(self.space.backward(features))
        assert colors is not None and self.space.luma is not None
        whole = self.space.forward(colors)
        whole[:, self._clustered] = features
        return to_uint8(self.space.backward(self._into_gamut(whole)))

    def _into_gamut(self, features: FloatArray) -> FloatArray:
        """Scale the chroma of rows outside sRGB towards gray at the same lightness, by bisection to 1/4096."""
        outside = ~self.space.in_gamut(features)
        rows, neutral = features[outside], self.space.neutral
        low, high = np.zeros((len(rows), 1)), np.ones((len(rows), 1))
        scaled = rows.copy()
        for _ in range(12):
            middle = (low + high) / 2
            scaled[:, self._clustered] = neutral + (rows[:, self._clustered] - neutral) * middle
            inside = self.space.in_gamut(scaled)[:, None]
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        scaled[:, self._clustered] = neutral + (rows[:, self._clustered] - neutral) * low
        fitted = features.copy()
        fitted[outside] = scaled
        return fitted


def to_uint8(rgb: FloatArray) -> UInt8Array:
    """RGB in 0 to 255, rounded half up and clipped."""
    return np.clip(np.floor(rgb + 0.5), 0, 255).astype(np.uint8)


def _linear(colors: UInt8Array) -> FloatArray:
    """sRGB (n, 3) uint8 as linear light, 0 to 1 (IEC 61966-2-1)."""
    value = np.arange(256) / 255
    curve = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return curve[colors]


def _companded(linear: FloatArray) -> FloatArray:
    """Linear light as sRGB in 0 to 255; values outside the gamut stay outside, without NaN."""
    size = np.abs(linear)
    value = np.where(size <= 0.0031308, size * 12.92, 1.055 * size ** (1 / 2.4) - 0.055)
    return np.copysign(value, linear) * 255


def _rgb_forward(colors: UInt8Array) -> FloatArray:
    return colors.T.astype(np.float64, order="C").T


def _rgb_backward(features: FloatArray) -> FloatArray:
    return features


def _convert(colors: UInt8Array, code: str) -> UInt8Array:
    """OpenCV's own 8-bit conversion of (n, 3) uint8."""
    import cv2

    if not len(colors):
        return colors
    converted = cv2.cvtColor(np.ascontiguousarray(colors).reshape(-1, 1, 3), getattr(cv2, code))
    return np.asarray(converted, np.uint8).reshape(len(colors), -1)


def _gray_forward(colors: UInt8Array) -> FloatArray:
    return _convert(colors, "COLOR_RGB2GRAY")[:, :1].astype(np.float64)


def _gray_backward(features: FloatArray) -> FloatArray:
    return np.repeat(features, 3, axis=1)


def _ycrcb_forward(colors: UInt8Array) -> FloatArray:
    return _convert(colors, "COLOR_RGB2YCrCb").astype(np.float64)


def _ycrcb_backward(features: FloatArray) -> FloatArray:
    return _convert(to_uint8(features), "COLOR_YCrCb2RGB").astype(np.float64)


def _ycrcb_unclipped(features: FloatArray) -> FloatArray:
    """OpenCV's documented formula, before its rounding and clipping."""
    y, cr, cb = features[:, 0], features[:, 1] - 128, features[:, 2] - 128
    return np.stack([y + 1.403 * cr, y - 0.714 * cr - 0.344 * cb, y + 1.773 * cb], axis=1)


def _lab_forward(colors: UInt8Array) -> FloatArray:
    """CIE 1976 L*a*b*, D65: L* 0 to 100, a* and b* about -128 to 127."""
    t = _linear(colors) @ (SRGB_TO_XYZ / WHITE[:, None]).T
    f = np.where(t > EPSILON, np.cbrt(t), (KAPPA * t + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])]).T


def _lab_backward(features: FloatArray) -> FloatArray:
    y = (features[:, 0] + 16) / 116
    f = np.stack([y + features[:, 1] / 500, y, y - features[:, 2] / 200], axis=1)
    t = np.where(f > np.cbrt(EPSILON), f**3, (116 * f - 16) / KAPPA)
    return _companded((t * WHITE) @ XYZ_TO_SRGB.T)


def _oklab_forward(colors: UInt8Array) -> FloatArray:
    """OKLab: L 0 to 1, a and b about -0.4 to 0.4."""
    lab: FloatArray = np.cbrt(_linear(colors) @ SRGB_TO_LMS.T) @ LMS_TO_OKLAB.T
    return lab


def _oklab_backward(features: FloatArray) -> FloatArray:
    return _companded((features @ OKLAB_TO_LMS.T) ** 3 @ LMS_TO_SRGB.T)


SPACES: dict[str, Space] = {
    space.name: space
    for space in (
        Space("rgb", ("R", "G", "B"), 1.0, _rgb_forward, _rgb_backward),
        Space("gray", ("gray",), 1.0, _gray_forward, _gray_backward),
        Space(
            "ycrcb",
            ("Y", "Cr", "Cb"),
            1.0,
            _ycrcb_forward,
            _ycrcb_backward,
            luma=0,
            keeps_luma=True,
            neutral=128.0,
            unclipped=_ycrcb_unclipped,
        ),
        Space("lab", ("L*", "a*", "b*"), 100 / 255, _lab_forward, _lab_backward, luma=0),
        Space("oklab", ("L", "a", "b"), 1 / 255, _oklab_forward, _oklab_backward, luma=0),
    )
}
