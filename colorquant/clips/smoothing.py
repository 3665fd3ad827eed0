"""Smoothing: a pixel keeps its label of the frame before, unless another is better by a margin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from colorquant.blocks import row_blocks
from colorquant.color.packing import distinct_keys, unpack
from colorquant.color.rgba import OPAQUE
from colorquant.errors import OptionError
from colorquant.fitted_palette import FittedPalette
from colorquant.fitting.features import projection_of
from colorquant.fitting.models import GaussianMixture
from colorquant.types import AnyArray, BoolArray, FloatArray, UInt8Array, UInt32Array

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.mapping.dithering import Dithering

MOST_MASKED = 64  # labels whose bits fit an integer


def check_margin(margin: float) -> None:
    """Raises OptionError for a margin that is not from 0 to below 1."""
    if not 0 <= margin < 1:
        raise OptionError(f"--smooth {margin:g} is out of range: use a number from 0 to below 1, such as 0.5")


def check_smoothing(margin: float, dithering: Dithering | None, *, with_alpha: bool) -> None:
    """Raises OptionError for a wrong margin, and for one beside a ``dithering`` that cannot keep labels.

    ``with_alpha`` says that the palette has alpha.
    """
    check_margin(margin)
    if not margin or dithering is None:
        return
    if not dithering.holds:
        words = "error diffusion without --serpentine keeps labels, such as --dither floyd-steinberg"
        raise OptionError(f"--smooth cannot be honoured with --dither {dithering.method}: only {words}")
    if with_alpha:
        raise OptionError("--smooth cannot be honoured with --dither and --alpha palette: leave one of them out")


class Smoother:
    """Says which pixels keep the label of the frame before, although another suits their colours better.

    With the posteriors p of the two labels, the new one is better by (p_new - p_old) / (p_new + p_old), a number from 0
    to 1, which is tanh(g / 2) for g = log p_new - log p_old. A pixel keeps its old label where that is at most
    ``margin``. Where labels are by distance, k-means is taken as what it is a limit of: a mixture of components with
    equal weights and the same spherical covariance, here σ², the variance within the clusters
    (:attr:`FittedPalette.variance`). So g = (d_old² - d_new²) / 2σ², with the distances d to the centres, and a label
    that is kept adds no more than 4σ²·artanh(margin) to the squared error of a pixel, in the space of the fit.

    For at most MOST_MASKED entries without alpha the labels that a colour keeps are computed when it first appears, and
    then looked up: in a table of 16 to 128 MB.
    """

    def __init__(self, palette: FittedPalette, margin: float) -> None:
        self._palette = palette
        self._by_posterior = isinstance(palette.model, GaussianMixture) and palette.assign in (None, "posterior")
        self._limit = 2 * math.atanh(margin) * (1.0 if self._by_posterior else 2 * palette.variance)
        self._masks: AnyArray | None = None  # for each packed colour, the bits of the labels that it keeps
        if len(palette) <= MOST_MASKED and palette.options.alpha != "palette":
            bits = next(bits for bits in (8, 16, 32, 64) if len(palette) <= bits)
            self._masks = np.zeros(1 << 24, f"u{bits // 8}")

    def keeps(self, keys: UInt32Array, alpha: UInt8Array | None, old: AnyArray) -> BoolArray:
        """Which pixels keep their ``old`` label (n,); the labels that suit them best are the new ones.

        ``keys`` (n,) are their packed colours, and ``alpha`` (n,) uint8 is their alpha, None where all are opaque.
        """
        if self._masks is None:
            colors = entry_colors(self._palette, keys, alpha)
            kept = np.empty(len(keys), np.bool_)
            for rows in row_blocks(len(keys), len(self._palette)):
                gains = self._gains(colors[rows])
                kept[rows] = gains[np.arange(len(gains)), old[rows]] <= self._limit
            return kept
        masks = np.take(self._masks, keys, mode="clip")
        new = np.flatnonzero(masks == 0)  # every colour keeps the label that suits it best
        if len(new):
            self._fill(self._masks, distinct_keys(keys[new]))
            masks[new] = self._masks[keys[new]]
        bits: BoolArray = (masks >> old.astype(masks.dtype)) & masks.dtype.type(1) != 0
        return bits

    def _fill(self, masks: AnyArray, keys: UInt32Array) -> None:
        for rows in row_blocks(len(keys), len(self._palette)):
            kept = self._gains(unpack(keys[rows])) <= self._limit
            found = np.zeros(len(kept), masks.dtype)
            for label, column in enumerate(kept.T):
                found |= column.astype(masks.dtype) << masks.dtype.type(label)
            masks[keys[rows]] = found

    def _gains(self, colors: UInt8Array) -> FloatArray:
        """By how much the best label of each colour (n, c) suits better than each label, (n, k); 0 for itself.

        It is g, or where labels are by distance 2σ²·g.
        """
        features, members = projection_of(self._palette.options).features(colors), self._palette.members
        if self._by_posterior and isinstance(members, GaussianMixture):
            log_joint = members.log_joint(features)
            gains: FloatArray = log_joint.max(axis=1, keepdims=True) - log_joint
            return gains
        order = 1 if self._palette.assign == "nearest-l1" else 2
        distances = [np.linalg.norm(features - point, ord=order, axis=1) ** 2 for point in members.points]
        squares: FloatArray = np.stack(distances, axis=1)
        squares -= squares.min(axis=1, keepdims=True)
        return squares


def entry_colors(palette: FittedPalette, keys: UInt32Array, alpha: UInt8Array | None) -> UInt8Array:
    """The colours (n, 3) uint8 of pixels with packed ``keys`` (n,), or (n, 4) with alpha where the palette has it."""
    colors = unpack(keys)
    if palette.options.alpha != "palette":
        return colors
    levels = np.full(len(keys), OPAQUE, np.uint8) if alpha is None else alpha
    colors[levels == 0] = 0
    return np.column_stack([colors, levels])
