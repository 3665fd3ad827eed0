"""The step of ``--strips`` between its two passes: the counted colours get their labels, and a picture its palette."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from colorquant.applying import apply_to_histogram, label_colors, quantize_histogram_with, quantized_by_fit
from colorquant.batch.settings import JobOptions, SharedFit
from colorquant.color.frame_counting import FrameCounter
from colorquant.color.histogram import ColorHistogram
from colorquant.color.rgba import OPAQUE
from colorquant.errors import EngineError
from colorquant.fitted_palette import LabelledColors, counts_alpha, fit_labelled
from colorquant.fitting import engines
from colorquant.fitting.options import FitOptions
from colorquant.images.strips import StripImage
from colorquant.mapping.label_table import LabelColors
from colorquant.mapping.options import MappingOptions
from colorquant.palette.making import label_type
from colorquant.quantization import IndexedImage
from colorquant.types import AnyArray, UInt8Array


@dataclass(frozen=True)
class Transparency:
    """Whether a picture has pixels that are fully transparent (``full``), and ones that are partly so."""

    full: bool = False
    partial: bool = False

    @property
    def any(self) -> bool:
        """Whether some pixel is not opaque."""
        return self.full or self.partial


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """What a picture becomes, before its pixels are labelled.

    ``image`` is what is reported; its labels and its alpha, which are in files only, are views of one value. ``found``
    are its colours with their labels, and ``label_colors`` labels others: those of fully transparent pixels. With
    ``keeps_luma`` every pixel keeps its own lightness.
    """

    image: IndexedImage
    found: LabelledColors
    label_colors: LabelColors
    keeps_luma: bool = False


def count_strips(picture: StripImage, *, with_alpha: bool) -> tuple[ColorHistogram, Transparency]:
    """The colour histogram of a picture, which is read for it, and whether some pixels are not opaque.

    With ``with_alpha`` colour and alpha are counted together, where some pixels are not opaque.
    """
    counter, full, partly = FrameCounter(with_alpha=with_alpha), False, False
    for rgb, alpha in picture.strips():
        counter.add(rgb, alpha)
        if alpha is not None:
            full = full or not alpha.all()
            partly = partly or bool(np.any((alpha > 0) & (alpha < OPAQUE)))
    return counter.total(), Transparency(full, partly)


def counts_with_alpha(settings: JobOptions) -> bool:
    """Whether the palette of the ``settings`` may need colour and alpha counted together."""
    options = settings.options
    if not isinstance(options, FitOptions):
        return _maps_alpha(options)
    if settings.shared is not None:
        return settings.shared.palette.alpha is not None
    return counts_alpha(options, None)


def label_picture(
    settings: JobOptions,
    histogram: ColorHistogram,
    transparency: Transparency,
    shape: tuple[int, int],
    *,
    progress: engines.Progress | None = None,
) -> LabelledPicture:
    """Label the colours of a picture of this ``shape`` (h, w): by a fit, or by a palette that exists.

    ``histogram`` is that of :func:`count_strips`. Raises EngineError for a fit to a picture without visible pixels.
    """
    options = settings.options
    if not isinstance(options, FitOptions):
        labelled = _mapped(options, histogram)
    elif settings.shared is not None:
        labelled = _with_shared(settings.shared, histogram)
    else:
        labelled = _fitted(settings, options, histogram, transparency, progress)
    image = labelled.image
    image = replace(image, labels=np.broadcast_to(np.zeros((), label_type(len(image.palette) + 1)), shape))
    if transparency.any or image.palette.alpha is not None:
        image = replace(image, alpha=np.broadcast_to(np.zeros((), np.uint8), shape))
    return replace(labelled, image=image)


def _fitted(
    settings: JobOptions,
    options: FitOptions,
    histogram: ColorHistogram,
    transparency: Transparency,
    progress: engines.Progress | None,
) -> LabelledPicture:
    """The picture with a palette of its own."""
    histogram = engines.histogram_for(options, histogram)
    if not len(histogram):
        raise EngineError("no pixel is visible: there is nothing to fit")
    palette, found = fit_labelled(histogram, options, paint=settings.paint, assign=settings.assign, progress=progress)
    image = quantized_by_fit(palette, found)
    if transparency.any and palette.alpha is None:
        image = replace(image, options=palette.options.replace(alpha="keep"))
    return LabelledPicture(image, found, partial(label_colors, palette), palette.chroma is not None)


def _with_shared(shared: SharedFit, histogram: ColorHistogram) -> LabelledPicture:
    """The picture with the one palette of a run."""
    palette = shared.palette
    histogram = histogram.with_alpha() if palette.alpha is not None else histogram
    image, found = quantize_histogram_with(palette, histogram, shared=shared.images)
    return LabelledPicture(image, found, partial(label_colors, palette), palette.chroma is not None)


def _mapped(options: MappingOptions, histogram: ColorHistogram) -> LabelledPicture:
    """The picture on a given palette."""
    palette, space, distance = options.palette, options.metric_space, options.distance
    histogram = histogram.with_alpha() if _maps_alpha(options) else histogram

    def label(colors: UInt8Array) -> tuple[AnyArray, UInt8Array]:
        found = apply_to_histogram(palette, ColorHistogram.once_each(colors), space, distance=distance)[1]
        return found.labels, found.painted

    image, found = apply_to_histogram(palette, histogram, space, distance=distance)
    return LabelledPicture(image, found, label)


def _maps_alpha(options: MappingOptions) -> bool:
    """Whether colour and alpha are mapped together."""
    return options.palette.alpha is not None and not options.keep_alpha
