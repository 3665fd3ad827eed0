"""An image with its colour histogram, which is counted once and then shared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from colorquant.color.histogram import FULL, ColorHistogram
from colorquant.color.rgba import OPAQUE
from colorquant.color.visible import VisiblePixels, visible_mask
from colorquant.errors import OptionError
from colorquant.types import AnyArray, BoolArray, Int32Array, UInt8Array


@dataclass(frozen=True, eq=False)
class CountedImage:
    """Pixels ``rgb`` (h, w, 3) uint8 in sRGB, at least one, with their colour histogram.

    ``alpha`` (h, w) uint8 is 0 where a pixel is fully transparent and 255 where it is opaque; None where all pixels are
    opaque. ``importance`` (h, w) uint8 says in which proportion pixels count in a fit; None where all count alike.
    Raises OptionError for another shape or dtype. Each property is computed when it is first read, then kept.
    """

    rgb: UInt8Array
    alpha: UInt8Array | None = None
    importance: UInt8Array | None = None

    def __post_init__(self) -> None:
        rgb, alpha = self.rgb, self.alpha
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
            raise OptionError(f"rgb is {rgb.dtype} {rgb.shape}: give pixels as uint8 (height, width, 3), at least one")
        if alpha is not None and (alpha.dtype != np.uint8 or alpha.shape != rgb.shape[:2]):
            wanted = f"uint8 {rgb.shape[:2]}, 0 for transparent and 255 for opaque"
            raise OptionError(f"alpha is {alpha.dtype} {alpha.shape}: give it as {wanted}")
        matter = self.importance
        if matter is not None and (matter.dtype != np.uint8 or matter.shape != rgb.shape[:2]):
            wanted = f"uint8 {rgb.shape[:2]}, from 0 for pixels that do not count to 255"
            raise OptionError(f"the map of weights is {matter.dtype} {matter.shape}: give it as {wanted}")

    @cached_property
    def visible(self) -> VisiblePixels:
        """The pixels that are not fully transparent."""
        return VisiblePixels.of(self.rgb, self.alpha)

    @cached_property
    def histogram(self) -> ColorHistogram:
        """The distinct colours of the visible pixels, weighed by importance where there is any difference in it."""
        if self.partly_transparent:
            histogram = ColorHistogram.count(self.rgb, self.alpha)  # without a copy of the visible pixels
        else:
            histogram = ColorHistogram.count(self.visible.rgb)
        if self.importance is None or int(self.importance.min()) == FULL:
            return histogram
        return histogram.weighed(self.of_visible(self.importance), self.visible.rgb, self.visible.alpha)

    @cached_property
    def index(self) -> Int32Array:
        """For each pixel the row of its colour in the histogram, (h, w); ``len(histogram)`` where it is transparent."""
        rows = np.arange(len(self.histogram), dtype=np.int32)
        return self.spread(rows, transparent=len(self.histogram))

    @cached_property
    def partly_transparent(self) -> bool:
        """Whether some pixel is neither opaque nor fully transparent."""
        return self.alpha is not None and bool(np.any((self.alpha > 0) & (self.alpha < OPAQUE)))

    @property
    def opaque(self) -> bool:
        """Whether all pixels are opaque."""
        return self.alpha is None or bool(np.all(self.alpha == OPAQUE))

    @cached_property
    def with_alpha(self) -> CountedImage:
        """The same image with a histogram of colour and alpha together."""
        return CountedRgba(self.rgb, self.alpha, self.importance)

    @cached_property
    def mask(self) -> BoolArray | None:
        """Which pixels are visible, (h, w) bool; None for all."""
        return visible_mask(self.alpha)

    def of_visible(self, values: AnyArray) -> AnyArray:
        """The rows (n, …) of ``values`` (h, w, …) that belong to visible pixels, in picture order."""
        return values.reshape(-1, *values.shape[2:]) if self.mask is None else values[self.mask]

    def spread(self, values: AnyArray, *, transparent: int = 0) -> AnyArray:
        """For each pixel the entry of ``values`` (n, …) of its colour, (h, w, …); ``transparent`` for hidden pixels."""
        spread = self.histogram.spread(values, self.rgb)
        if self.mask is not None:
            spread[~self.mask] = transparent
        return spread

    def place(self, values: AnyArray, *, transparent: int = 0) -> AnyArray:
        """``values`` (n, …) of the visible pixels in picture order as an array (h, w, …)."""
        shape = (*self.rgb.shape[:2], *values.shape[1:])
        if self.mask is None:
            return values.reshape(shape)
        placed = np.full(shape, transparent, values.dtype)
        placed[self.mask] = values
        return placed


@dataclass(frozen=True, eq=False)
class CountedRgba(CountedImage):
    """An image whose histogram counts colour and alpha together, so that every pixel counts, transparent ones too."""

    @cached_property
    def visible(self) -> VisiblePixels:
        """All pixels, with their alpha as a fourth channel; transparent pixels are zeros."""
        alpha = np.full(self.rgb.shape[:2], OPAQUE, np.uint8) if self.alpha is None else self.alpha
        rgba = np.dstack([self.rgb, alpha])
        rgba[alpha == 0] = 0
        return VisiblePixels(rgba, None, None)

    @cached_property
    def histogram(self) -> ColorHistogram:
        """The distinct pairs of colour and alpha."""
        alpha = self.alpha
        if alpha is None:
            alpha = np.full(self.rgb.shape[:2], OPAQUE, np.uint8)
        histogram = ColorHistogram.count_rgba(self.rgb, alpha)
        if self.importance is None or int(self.importance.min()) == FULL:
            return histogram
        return histogram.weighed(self.importance, self.rgb, alpha)

    @property
    def with_alpha(self) -> CountedImage:
        """The image itself."""
        return self

    @cached_property
    def mask(self) -> BoolArray | None:
        """None: every pixel counts."""
        return None

    def spread(self, values: AnyArray, *, transparent: int = 0) -> AnyArray:
        """For each pixel the entry of ``values`` (n,) of its colour and alpha, (h, w); ``transparent`` is not used."""
        if self.alpha is None:
            rgb = ColorHistogram(self.histogram.colors[:, :3], self.histogram.stored)
            return rgb.spread(values, self.rgb)
        return self.histogram.spread_rgba(values, self.rgb, self.alpha)
