"""Smoothing: a pixel keeps its label of the frame before, unless another is better by a margin."""

from __future__ import annotations

import numpy as np

from colorquant.errors import OptionError
from colorquant.fitting.features import projection_of
from colorquant.fitting.models import GaussianMixture
from colorquant.shared_palette import FittedPalette
from colorquant.types import AnyArray, BoolArray, FloatArray, UInt8Array


def check_margin(margin: float) -> None:
    """Raises OptionError for a margin that is not from 0 to below 1."""
    if not 0 <= margin < 1:
        raise OptionError(f"--smooth {margin:g} is out of range: use a number from 0 to below 1, such as 0.3")


def keeps_label(
    palette: FittedPalette, colors: UInt8Array, *, new: AnyArray, old: AnyArray, margin: float
) -> BoolArray:
    """Which pixels keep their ``old`` label (n,) although ``new`` (n,) suits their colours (n, c) uint8 better.

    The new label is better by (s - t) / (s + t), where s and t say how well the new and the old label suit: for a
    mixture that labels by posteriors these are the posteriors, so that the quotient is tanh((log s - log t) / 2); else
    they are the inverse distances, so that it is (d_old - d_new) / (d_old + d_new). It is from 0, both suit alike, to
    1, whatever the colour space. The old label is kept where it is not above ``margin``.
    """
    features = projection_of(palette.options).features(colors)
    rows, model = np.arange(len(features)), palette.model
    if isinstance(model, GaussianMixture) and palette.assign in (None, "posterior"):
        log_joint = model.log_joint(features)
        with np.errstate(invalid="ignore"):
            better: FloatArray = np.tanh((log_joint[rows, new] - log_joint[rows, old]) / 2)
        kept: BoolArray = better <= margin
        return kept
    order = 1 if isinstance(model, GaussianMixture) and palette.assign == "nearest-l1" else 2
    near, far = (np.linalg.norm(features - model.points[labels], ord=order, axis=1) for labels in (new, old))
    kept = far - near <= margin * (far + near)
    return kept
