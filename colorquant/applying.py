"""Give images the colours of a palette that exists.

A fitted palette labels the pixels by its model (:func:`quantize_with`). Of a given palette each pixel gets the nearest
entry (:func:`apply_palette`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from colorquant.color.counted import CountedImage
from colorquant.color.difference import mse
from colorquant.color.histogram import ColorHistogram, count_distinct
from colorquant.errors import OptionError
from colorquant.fitted_palette import FittedPalette, LabelledColors
from colorquant.fitting.features import WeightedFeatures, counted_for, projection_of
from colorquant.fitting.models import Centroids, GaussianMixture, assigned
from colorquant.mapping.labelling import Labelling
from colorquant.mapping.nearest import nearest_entries
from colorquant.mapping.painting import keep_luma
from colorquant.palette.making import label_type
from colorquant.palette.palette import Palette
from colorquant.quantization import IndexedImage, Quantized, check_dithering
from colorquant.types import AnyArray, IntArray, UInt8Array

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.mapping.dithering import Dithering

NO_PIXELS = np.zeros((0, 0), np.uint8)  # the labels of an image of which only the colours are there


def quantize_with(
    palette: FittedPalette, image: CountedImage, *, shared: int = 1, dithering: Dithering | None = None
) -> Quantized:
    """An image in the colours of a palette that was fitted to ``shared`` images: each pixel as the model labels it.

    The palette keeps its order, and its unused entries; its ``counts`` become those of the image. With ``dithering``
    the pixels are labelled by it and not by the model, unless the palette has all colours of the image. Raises
    OptionError for dithering where every pixel keeps its own lightness.
    """
    check_dithering(palette.options, dithering)
    options, k = palette.options, len(palette)
    image = counted_for(image, options)
    quantized, found = quantize_histogram_with(palette, image.histogram, shared=shared)
    pixels = None if palette.chroma is None else image.spread(found.painted)
    spread = image.spread(found.labels.astype(label_type(k + (image.mask is not None))), transparent=k)
    quantized = replace(
        quantized,
        labels=spread,
        painted=pixels,
        alpha=image.alpha if palette.alpha is None else palette.alpha[spread],
        dithering=None if quantized.untouched else dithering,
    )
    if quantized.dithering is None:
        return quantized
    from colorquant.mapping.dithered import Dithered

    dithered = Dithered.of(image, palette, quantized.dithering, space=options.space)
    return replace(
        quantized,
        labels=dithered.labels,
        palette=Palette(palette.colors, dithered.counts, palette.alpha),
        alpha=image.alpha if palette.alpha is None else palette.alpha[dithered.labels],
        colors_out=dithered.colors_out,
        mse=dithered.mse,
    )


def quantize_histogram_with(
    palette: FittedPalette, histogram: ColorHistogram, *, shared: int = 1
) -> tuple[Quantized, LabelledColors]:
    """What :func:`quantize_with` reports of an image with this ``histogram``, without its pixels, and its colours.

    The histogram is the one that the palette needs: with alpha for a palette over RGBA.
    """
    weighted = palette.features_of(histogram)
    model = palette.members
    labelling = _labelled(palette, weighted)
    found = LabelledColors(histogram, labelling.labels, _painted(palette, labelling))
    inertia = log_likelihood = None
    if isinstance(model, Centroids):
        inertia = labelling.inertia(model)
    elif palette.log_likelihood is not None and isinstance(palette.model, GaussianMixture) and weighted.total > 0:
        log_likelihood = weighted.log_likelihood(palette.model)
    fitted = quantized_by_fit(palette, found)
    quantized = replace(
        fitted,
        palette=Palette(palette.colors, labelling.sizes, palette.alpha),
        inertia=inertia,
        log_likelihood=log_likelihood,
        untouched=fitted.untouched and fitted.mse == 0,
        shared=shared,
    )
    return quantized, found


def quantized_by_fit(palette: FittedPalette, found: LabelledColors) -> Quantized:
    """What is reported of the image that a palette was fitted to, without its pixels; ``found`` are its colours."""
    histogram = found.histogram
    return Quantized(
        options=palette.options,
        labels=NO_PIXELS,
        palette=Palette(palette.colors, palette.counts, palette.alpha),
        colors_in=len(histogram),
        colors_out=count_distinct(found.painted),
        weight=histogram.total_weight,
        mse=mse(histogram.colors, found.painted, histogram.integer_weights),
        model=palette.model,
        n_iter=palette.n_iter,
        converged=palette.converged,
        searched=palette.searched,
        inertia=palette.inertia,
        log_likelihood=palette.log_likelihood,
        untouched=palette.untouched,
    )


def _labelled(palette: FittedPalette, weighted: WeightedFeatures) -> Labelling:
    """The label of each colour under the model of the palette."""
    members = palette.members
    labels = weighted.label(lambda features: assigned(members, features, palette.assign))
    return Labelling(weighted, weighted.per_color(labels), len(palette))


def _painted(palette: FittedPalette, labelling: Labelling) -> UInt8Array:
    """The colour (n, 3) uint8 that each labelled colour gets: an entry of the palette, or with its own lightness."""
    if palette.chroma is None:
        return palette.rows[labelling.labels]
    return keep_luma(labelling, palette.chroma, projection_of(palette.options))


def label_colors(palette: FittedPalette, colors: UInt8Array) -> tuple[IntArray, UInt8Array]:
    """The labels (n,) of distinct colours (n, c) uint8 under the palette's model, and the colours that they get."""
    labelling = _labelled(palette, palette.features_of(ColorHistogram.once_each(colors)))
    return labelling.labels, _painted(palette, labelling)


def paint_labels(palette: FittedPalette, colors: UInt8Array, labels: AnyArray) -> UInt8Array:
    """The colours (n, c) uint8 that colours (n, c) uint8 get where they have these ``labels`` (n,)."""
    if palette.chroma is None:
        return palette.rows[labels]
    return projection_of(palette.options).to_rgb(palette.chroma[labels], colors)


def painted_colors(palette: FittedPalette, histogram: ColorHistogram) -> UInt8Array:
    """The colour (n, 3) uint8 that each colour of a histogram gets under the palette's model, without dithering."""
    return _painted(palette, _labelled(palette, palette.features_of(histogram)))


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
