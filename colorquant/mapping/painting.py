"""Painting: each pixel gets the colour of its label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from colorquant.blocks import blocks, taken
from colorquant.color.counted import CountedImage
from colorquant.color.difference import mse
from colorquant.color.histogram import count_distinct
from colorquant.color.spaces import Projection
from colorquant.fitting.models import Centroids, Model
from colorquant.mapping.labelling import Labelling
from colorquant.palette.making import distinct_palette, member_colors, paint_palette, paint_points, ranked
from colorquant.palette.palette import Palette
from colorquant.types import AnyArray, FloatArray, IntArray, UInt8Array


def keep_luma(labelling: Labelling, points: FloatArray, projection: Projection) -> UInt8Array:
    """Each row's own lightness combined with the chroma of its label in ``points`` (k, d): colours (n, 3) uint8."""
    out = np.empty_like(labelling.colors)
    for rows in blocks(len(out)):
        out[rows] = projection.to_rgb(points[labelling.labels[rows]], labelling.colors[rows])
    return out


@dataclass(frozen=True, eq=False)
class Painted:
    """A painted picture.

    ``labels`` (h, w) number the entries of ``palette``; transparent pixels have the label ``len(palette)``. ``pixels``
    (h, w, 3) uint8 is the picture where every pixel keeps its own lightness; None where labels and palette are enough.
    ``model`` has its clusters in the order of the labels, those without pixels last: ``order`` (k,) gives the number
    that each had in the engine. ``mse`` sums over the channels, and weights each pixel by its alpha; ``colors_out``
    counts distinct colours.
    """

    labels: npt.NDArray[Any]
    palette: Palette
    pixels: UInt8Array | None
    model: Model
    order: IntArray
    mse: float
    colors_out: int


@dataclass(frozen=True, eq=False)
class OrderedPalette:
    """A palette in its fixed order, before any pixel is painted.

    ``rank`` (k,) gives the label of each cluster, in the engine's numbering; unused clusters share the first number
    past the palette. ``model``, ``order``, ``mse`` and ``colors_out`` as in :class:`Painted`. Where every pixel keeps
    its own lightness, ``luma_colors`` (n, 3) uint8 has the colour of each row, and ``points`` (p, d) the chroma of each
    entry; else both are None.
    """

    palette: Palette
    rank: npt.NDArray[Any]
    model: Model
    order: IntArray
    mse: float
    colors_out: int
    luma_colors: UInt8Array | None
    points: FloatArray | None


def order_palette(labelling: Labelling, model: Model, paint: str, *, transparent: bool) -> OrderedPalette:
    """Give each label its colour, and order the labels by falling pixel count.

    ``paint`` is a key of PAINTS; ``transparent`` says whether the picture has fully transparent pixels.
    """
    projection, luma_colors, points = labelling.weighted.projection, None, None
    if projection.keep_luma:
        colors, points = member_colors(labelling, "mean"), paint_points(labelling, model, paint)
        luma_colors = keep_luma(labelling, points, projection)
        error, colors_out = mse(labelling.colors, luma_colors, labelling.integer_weights), count_distinct(luma_colors)
    else:
        colors = paint_palette(labelling, model, projection, paint)
        if len(labelling.locked):
            colors[: len(labelling.locked)] = labelling.locked
        if isinstance(model, Centroids) and projection.injective and labelling.image is None:
            colors = distinct_palette(colors, labelling)
        error = labelling.mse(colors)
        colors_out = count_distinct(colors[labelling.sizes > 0])
    order, used, rank = ranked(labelling.sizes, colors, used=labelling.in_palette, transparent=transparent)
    palette = Palette.of_rows(colors[order[:used]], labelling.sizes[order[:used]])
    points = None if points is None else points[order[:used]]
    return OrderedPalette(palette, rank, model.reordered(order), order, error, colors_out, luma_colors, points)


@dataclass(frozen=True, eq=False)
class PaintedRows:
    """The rows of a labelling with their final labels (n,), and the palette that they number, before any pixel.

    It holds no features, so that those need no memory while ``spread`` gives each pixel the value of its row.
    """

    palette: OrderedPalette
    labels: AnyArray
    spread: Callable[..., AnyArray]

    @classmethod
    def of(cls, image: CountedImage, labelling: Labelling, model: Model, how: str) -> PaintedRows:
        """Order the labels of ``image``, and give each its colour; ``how`` is a key of PAINTS."""
        ordered = order_palette(labelling, model, how, transparent=image.mask is not None)
        spread = image.spread if labelling.image is None else image.place
        return cls(ordered, taken(ordered.rank, labelling.labels), spread)

    def picture(self) -> Painted:
        """Spread labels and colours over the pixels."""
        ordered = self.palette
        pixels = None if ordered.luma_colors is None else self.spread(ordered.luma_colors)
        return Painted(
            labels=self.spread(self.labels, transparent=len(ordered.palette)),
            palette=ordered.palette,
            pixels=pixels,
            model=ordered.model,
            order=ordered.order,
            mse=ordered.mse,
            colors_out=ordered.colors_out,
        )
