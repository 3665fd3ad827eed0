"""What a fit tells beyond its picture: the posteriors and the uncertainty of each pixel, and each iteration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from colorquant.errors import OptionError, OutputError
from colorquant.histogram import ColorHistogram, Voters
from colorquant.images import Picture
from colorquant.models import FitOptions, GaussianMixture, largest_shift
from colorquant.pipeline import Quantized, quantize
from colorquant.report.tables import csv_text
from colorquant.spaces import Projection

Float16Array = npt.NDArray[np.float16]
Int32Array = npt.NDArray[np.int32]
UInt8Array = npt.NDArray[np.uint8]
LARGEST = 2 << 30  # bytes of posteriors


def posteriors(picture: Picture, quantized: Quantized) -> Float16Array:
    """The probability of each component at each pixel, (h, w, k) float16; 0 where a pixel is fully transparent.

    The components stand in the order of the labels. Raises OptionError for k-means, which has none, OutputError
    where they would take more than ``LARGEST`` bytes.
    """
    height, width = picture.rgb.shape[:2]
    k = len(quantized.model.points)
    if height * width * k * 2 > LARGEST:
        raise OutputError(
            f"--posteriors of {k} components at {width} × {height} would take {height * width * k / 5e8:.1f} GB: "
            "take fewer components or a smaller picture"
        )
    by_color, index = _color_posteriors(picture, quantized)
    none = np.zeros((1, k), np.float16)  # where nothing is seen
    return np.concatenate([by_color.astype(np.float16), none])[index]


def uncertainty(picture: Picture, quantized: Quantized) -> UInt8Array:
    """How undecided each pixel is between the components, (h, w) uint8; 0 where a pixel is fully transparent.

    The entropy of the posterior, from 0 (one component is certain) to 255 (all k are equally probable, log k).
    """
    by_color, index = _color_posteriors(picture, quantized)
    levels = entropy_levels(by_color)
    return np.append(levels, np.uint8(0))[index]


def entropy_levels(posteriors: npt.NDArray[np.float32]) -> UInt8Array:
    """The entropy of each row of ``posteriors`` (n, k), from 0 to 255 for log k, (n,) uint8."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(posteriors > 0, posteriors * np.log(posteriors), 0.0)
    entropy = -terms.sum(axis=1) / max(np.log(max(posteriors.shape[1], 1)), 1e-9)
    levels: UInt8Array = np.rint(255 * np.clip(entropy, 0, 1)).astype(np.uint8)
    return levels


def _color_posteriors(picture: Picture, quantized: Quantized) -> tuple[npt.NDArray[np.float32], Int32Array]:
    """The posteriors (n, k) of the distinct colours, and for each pixel (h, w) its row of them; n for none."""
    if not isinstance(quantized.model, GaussianMixture):
        raise OptionError("k-means has no posteriors: take colorquant em")
    projection = Projection.of(quantized.options.space, quantized.options.keep_luma)
    histogram, index = visible_colors(picture)
    return quantized.model.posteriors(projection.features(histogram.colors)), index


def visible_colors(picture: Picture) -> tuple[ColorHistogram, Int32Array]:
    """The n colours of the pixels that have a vote, and for each pixel (h, w) its row of them; n for the others."""
    voters = Voters.of(picture.rgb, picture.alpha)
    histogram = ColorHistogram.count(voters.rgb, voters.alpha)
    index: Int32Array = histogram.spread(np.arange(len(histogram), dtype=np.int32), picture.rgb)
    if voters.visible is not None:
        index[~voters.visible] = len(histogram)
    return histogram, index


def trace_csv(quantized: Quantized) -> str:
    """The fit's start and iterations as CSV: objective, the largest shift of a centre, and the size of each cluster.

    The shift is a distance in the space's units, and none at the start. Sizes are pixels, for EM expected ones; a
    partly transparent pixel counts as its alpha / 255.
    """
    history = quantized.history
    objective = "inertia" if quantized.options.method == "kmeans" else "log_likelihood"
    sizes = [f"size_{label}" for label in range(len(quantized.model.points))]
    rows: list[list[object]] = []
    for number, now in enumerate(history):
        shift = largest_shift(history[number - 1].model, now.model) if number else None
        rows.append([now.number, now.objective, shift, *now.sizes.tolist()])
    return csv_text(["iteration", objective, "shift", *sizes], rows)


def sweep_ks(k: int) -> list[int]:
    """Numbers of colours to set beside ``k``: powers of two from 2 to at least 16 and 2k, up to 256; and k."""
    powers = [1 << bit for bit in range(1, 9) if 1 << bit <= max(16, 2 * k)]
    return sorted({*powers, k})


def sweep(
    picture: Picture, options: FitOptions, ks: Sequence[int], *, paint: str = "members", assign: str | None = None
) -> list[Quantized]:
    """The picture quantized with each of ``ks`` colours, all else as ``options`` say."""
    return [quantize(picture.rgb, options.replace(k=k), alpha=picture.alpha, paint=paint, assign=assign) for k in ks]
