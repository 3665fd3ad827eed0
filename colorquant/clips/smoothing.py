"""Smoothing: a pixel keeps its label of the frame before, unless another is better by a margin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from colorquant.errors import OptionError
from colorquant.fitting.features import projection_of
from colorquant.fitting.models import GaussianMixture
from colorquant.shared_palette import FittedPalette
from colorquant.types import AnyArray, BoolArray, UInt8Array

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.mapping.dithering import Dithering


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


def keeps_label(
    palette: FittedPalette, colors: UInt8Array, *, new: AnyArray, old: AnyArray, margin: float
) -> BoolArray:
    """Which pixels keep their ``old`` label (n,) although ``new`` (n,) suits their colours (n, c) uint8 better.

    With the posteriors p of the two labels, the new one is better by (p_new - p_old) / (p_new + p_old), a number from 0
    to 1, which is tanh(g / 2) for g = log p_new - log p_old. A pixel keeps its old label where that is at most
    ``margin``. Where labels are by distance, k-means is taken as what it is a limit of: a mixture of components with
    equal weights and the same spherical covariance, here σ², the variance within the clusters
    (:attr:`FittedPalette.variance`). So g = (d_old² - d_new²) / 2σ², with the distances d to the centres, and a label
    that is kept adds no more than 4σ²·artanh(margin) to the squared error of a pixel, in the space of the fit.
    """
    features = projection_of(palette.options).features(colors)
    rows, model = np.arange(len(features)), palette.model
    if isinstance(model, GaussianMixture) and palette.assign in (None, "posterior"):
        log_joint = model.log_joint(features)
        with np.errstate(invalid="ignore"):
            gain, unit = log_joint[rows, new] - log_joint[rows, old], 1.0
    else:
        order = 1 if isinstance(model, GaussianMixture) and palette.assign == "nearest-l1" else 2
        near, far = (np.linalg.norm(features - model.points[labels], ord=order, axis=1) for labels in (new, old))
        gain, unit = far**2 - near**2, 2 * palette.variance
    kept: BoolArray = gain <= 2 * math.atanh(margin) * unit
    return kept
