"""The posteriors of each pixel under a mixture, and their uncertainty."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from colorquant.color.counted import CountedImage
from colorquant.color.spaces import Projection
from colorquant.errors import OptionError, OutputError
from colorquant.fitting.models import GaussianMixture
from colorquant.quantization import Quantized
from colorquant.types import Float16Array, Int32Array, UInt8Array

LARGEST = 2 << 30  # bytes of posteriors


def posteriors(image: CountedImage, quantized: Quantized) -> Float16Array:
    """The probability of each component at each pixel, (h, w, k) float16; 0 where a pixel is fully transparent.

    The components stand in the order of the labels. Raises OptionError for k-means, which has none, OutputError
    where they would take more than ``LARGEST`` bytes.
    """
    height, width = image.rgb.shape[:2]
    k = len(quantized.model.points)
    if height * width * k * 2 > LARGEST:
        raise OutputError(
            f"--posteriors of {k} components at {width} × {height} would take {height * width * k / 5e8:.1f} GB: "
            "take fewer components or a smaller picture"
        )
    by_color, index = _color_posteriors(image, quantized)
    none = np.zeros((1, k), np.float16)  # where nothing is seen
    return np.concatenate([by_color.astype(np.float16), none])[index]


def uncertainty(image: CountedImage, quantized: Quantized) -> UInt8Array:
    """How undecided each pixel is between the components, (h, w) uint8; 0 where a pixel is fully transparent.

    The entropy of the posterior, from 0 (one component is certain) to 255 (all k are equally probable, log k).
    """
    by_color, index = _color_posteriors(image, quantized)
    levels = entropy_levels(by_color)
    return np.append(levels, np.uint8(0))[index]


def entropy_levels(posteriors: npt.NDArray[np.float32]) -> UInt8Array:
    """The entropy of each row of ``posteriors`` (n, k), from 0 to 255 for log k, (n,) uint8."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(posteriors > 0, posteriors * np.log(posteriors), 0.0)
    entropy = -terms.sum(axis=1) / max(np.log(max(posteriors.shape[1], 1)), 1e-9)
    levels: UInt8Array = np.rint(255 * np.clip(entropy, 0, 1)).astype(np.uint8)
    return levels


def _color_posteriors(image: CountedImage, quantized: Quantized) -> tuple[npt.NDArray[np.float32], Int32Array]:
    """The posteriors (n, k) of the distinct colours, and for each pixel (h, w) its row of them; n for none."""
    if not isinstance(quantized.model, GaussianMixture):
        raise OptionError("k-means has no posteriors: take colorquant em")
    projection = Projection.of(quantized.options.space, quantized.options.keep_luma)
    return quantized.model.posteriors(projection.features(image.histogram.colors)), image.index
