"""Measures of pictures with alpha: composited onto black, mid-gray and white, so that quantizers are comparable."""

from __future__ import annotations

import statistics
from dataclasses import fields, replace

import numpy as np

from colorquant.analysis.measures import Measures, Rendering, Value, measure
from colorquant.color import difference
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import count_distinct
from colorquant.color.rgba import BACKGROUNDS, OPAQUE
from colorquant.images.alpha import composite
from colorquant.types import UInt8Array


def needs_backgrounds(image: CountedImage, treatments: set[str | None]) -> bool:
    """Whether results for the image are measured on backgrounds.

    ``treatments`` are the values of ``alpha`` of all combinations: they are if one may have a palette over RGBA.
    """
    if image.opaque or treatments == {"keep"}:
        return False
    return image.partly_transparent or "palette" in treatments


def measure_on_backgrounds(image: CountedImage, rendering: Rendering) -> Measures:
    """All measures of a rendering with its alpha; each is the mean of those on BACKGROUNDS, over all pixels.

    ``mse`` and ``psnr`` are exact: the composited colours are not rounded for them. ``colors`` counts pairs of colour
    and alpha.
    """
    parts = [
        measure(
            CountedImage(_on(background, image.rgb, image.alpha)),
            replace(rendering, rgb=_on(background, rendering.rgb, rendering.alpha), alpha=None),
        )
        for background in BACKGROUNDS
    ]
    means: dict[str, Value] = {}
    for name in (field.name for field in fields(Measures)):
        means[name] = _mean([getattr(part, name) for part in parts])
    before, after = _rgba(image.rgb, image.alpha), _rgba(rendering.rgb, rendering.alpha)
    error = difference.mse(before, after)
    exact = {"mse": error, "psnr": difference.psnr(error), "colors": count_distinct(after)}
    return replace(parts[0], **{**means, **exact})  # type: ignore[arg-type]


def _mean(values: list[Value]) -> Value:
    """The mean of numbers that are not whole; the first of other values."""
    numbers = [value for value in values if isinstance(value, float)]
    return statistics.fmean(numbers) if len(numbers) == len(values) else values[0]


def _on(background: int, rgb: UInt8Array, alpha: UInt8Array | None) -> UInt8Array:
    return rgb if alpha is None else composite(rgb, alpha, np.full(3, background, np.uint16))


def _rgba(rgb: UInt8Array, alpha: UInt8Array | None) -> UInt8Array:
    """The pixels (h, w, 4), fully transparent ones as zeros."""
    rgba = np.dstack([rgb, np.full(rgb.shape[:2], OPAQUE, np.uint8) if alpha is None else alpha])
    rgba[rgba[:, :, 3] == 0] = 0
    return rgba
