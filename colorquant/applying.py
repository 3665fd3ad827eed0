"""Map an image onto a given palette: each pixel gets the nearest entry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from colorquant.color.counted import CountedImage
from colorquant.color.difference import mse
from colorquant.color.histogram import ColorHistogram, count_distinct
from colorquant.errors import OptionError
from colorquant.mapping.nearest import nearest_entries
from colorquant.palette.making import label_type
from colorquant.palette.palette import Palette
from colorquant.quantization import IndexedImage
from colorquant.shared_palette import NO_PIXELS, LabelledColors
from colorquant.types import IntArray

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.mapping.dithering import Dithering


def apply_palette(
    palette: Palette,
    image: CountedImage,
    space: str = "oklab",
    *,
    distance: str = "euclidean",
    dithering: Dithering | None = None,
    keep_alpha: bool = False,
) -> IndexedImage:
    """Map an image onto a palette: each pixel gets the nearest entry.

    Nearest is meant in ``space``, a key of SPACES, by Euclidean distance, or in lab by ``distance`` ciede2000. The
    palette keeps its colours and their order, unused ones too; its ``counts`` become those of the image. With
    ``dithering`` a pixel gets the entry that is nearest to its colour and the error that it takes.

    Where entries have alpha, colour and alpha are mapped together; with ``keep_alpha``, or a ``dithering`` that does
    not take alpha, only the colour is, each pixel keeps its own alpha, and entries that are fully transparent are not
    used. Raises OptionError for an empty palette, one without an entry that can be used, and as
    :func:`colorquant.mapping.nearest.nearest_entries` does.
    """
    together = not keep_alpha and (dithering is None or dithering.takes_alpha(space))
    if palette.alpha is not None and together:
        image = image.with_alpha
    hidden = image.mask is not None
    if dithering is None:
        mapped, found = apply_to_histogram(palette, image.histogram, space, distance=distance)
        labels = image.spread(found.labels.astype(label_type(len(palette) + hidden)), transparent=len(palette))
        alpha = mapped.palette.alpha
        return replace(mapped, labels=labels, alpha=image.alpha if alpha is None else alpha[labels])
    if palette.alpha is not None and not together:
        return _dither_onto_colors(palette, image, space, distance=distance, dithering=dithering)
    from colorquant.mapping.dithered import Dithered

    dithered = Dithered.of(image, palette, dithering, space=space, distance=distance)
    return IndexedImage(
        labels=dithered.labels,
        palette=Palette(palette.colors, dithered.counts, palette.alpha, palette.names),
        alpha=image.alpha if palette.alpha is None else palette.alpha[dithered.labels],
        colors_in=len(image.histogram),
        colors_out=dithered.colors_out,
        weight=image.histogram.total_weight,
        mse=dithered.mse,
        dithering=dithering,
    )


def apply_to_histogram(
    palette: Palette, histogram: ColorHistogram, space: str, *, distance: str = "euclidean"
) -> tuple[IndexedImage, LabelledColors]:
    """What :func:`apply_palette` reports of an image with this ``histogram``, without its pixels, and its colours.

    Where the entries have alpha, and the histogram was counted without it, only colours are mapped, and the palette
    that is reported has no alpha.
    """
    if palette.alpha is not None and not histogram.has_alpha:
        seen, alpha = _visible_entries(palette), None
        entries = seen[nearest_entries(histogram, Palette(palette.colors[seen]), space, distance)]
    else:
        entries, alpha = nearest_entries(histogram, palette, space, distance), palette.alpha
    counts = np.bincount(entries, histogram.counts, minlength=len(palette)).astype(np.int64)
    mapped = Palette(palette.colors, counts, alpha, palette.names)
    painted = mapped.rows[entries]
    image = IndexedImage(
        labels=NO_PIXELS,
        palette=mapped,
        colors_in=len(histogram),
        colors_out=count_distinct(painted),
        weight=histogram.total_weight,
        mse=mse(histogram.colors, painted, histogram.integer_weights),
    )
    return image, LabelledColors(histogram, entries, painted)


def _visible_entries(palette: Palette) -> IntArray:
    """The numbers of the entries that are not fully transparent. Raises OptionError where all are."""
    seen = np.flatnonzero(palette.opacities)
    if not len(seen):
        raise OptionError("every entry of the palette is fully transparent: give one that is not")
    return seen


def _dither_onto_colors(
    palette: Palette, image: CountedImage, space: str, *, distance: str, dithering: Dithering
) -> IndexedImage:
    """Dither an image onto the colours of a palette whose entries have alpha; arguments as for apply_palette()."""
    seen = _visible_entries(palette)
    part = apply_palette(Palette(palette.colors[seen]), image, space, distance=distance, dithering=dithering)
    counts = np.zeros(len(palette), np.int64)
    counts[seen] = 0 if part.palette.counts is None else part.palette.counts
    numbers = np.append(seen, len(palette)).astype(label_type(len(palette) + 1))
    return replace(part, labels=numbers[part.labels], palette=Palette(palette.colors, counts, None, palette.names))
