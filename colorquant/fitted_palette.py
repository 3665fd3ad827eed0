"""A palette with the model that was fitted to a colour histogram: of one image, or the sum of those of many.

:mod:`colorquant.applying` gives images its colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from colorquant.blocks import taken
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.errors import OptionError
from colorquant.fitting import engines
from colorquant.fitting.features import WeightedFeatures, projection_of
from colorquant.fitting.locking import are_enough
from colorquant.fitting.models import GaussianMixture, Model
from colorquant.fitting.options import FitOptions
from colorquant.mapping.labelling import Labelling
from colorquant.mapping.painting import OrderedPalette, order_palette
from colorquant.palette.palette import Palette
from colorquant.quantization import (
    assigned_fit,
    check_choices,
    check_dithering,
    inertia_of,
    log_likelihood_of,
    predict,
)
from colorquant.types import AnyArray, FloatArray, LabelArray, UInt8Array

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.mapping.dithering import Dithering


MOST_ROWS = 1 << 18  # of a mixture that is fitted in cells


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedPalette(Palette):
    """A palette with the fitted model that it comes from.

    ``model`` has its clusters in the order of the palette, those without colours last. ``inertia`` or
    ``log_likelihood``, ``n_iter``, ``converged``, ``searched`` and ``untouched`` are those of the fit, as in
    :class:`Quantized`. ``assign``, a key of ASSIGNMENTS, says how a mixture labels, None by the highest posterior.
    ``chroma`` (p, d) is that of each entry where every pixel keeps its own lightness, else None. ``variance`` is that
    of the fit's features within the clusters, the mean over the bands, in squared units of the space.
    """

    options: FitOptions
    model: Model
    n_iter: int | None
    converged: bool | None
    inertia: float | None
    log_likelihood: float | None
    searched: bool = False
    untouched: bool = False
    assign: str | None = None
    chroma: FloatArray | None = None
    variance: float = 0.0

    @cached_property
    def members(self) -> Model:
        """The model of the entries alone, without clusters that have none: by it colours are labelled."""
        return self.model.reordered(np.arange(len(self)))

    def features_of(self, histogram: ColorHistogram) -> WeightedFeatures:
        """The weighted features of the histogram of an image, as the model labels them."""
        return WeightedFeatures.of(histogram, projection_of(self.options), merge=not self.untouched)

    def predict(self, rgb: UInt8Array, alpha: UInt8Array | None = None) -> LabelArray:
        """The label that the model gives to each pixel of an image: see :func:`predict`."""
        return predict(self.model, self.options, CountedImage(rgb, alpha), len(self), self.assign)


@dataclass(frozen=True, eq=False)
class LabelledColors:
    """The ``labels`` (n,) of the colours of a ``histogram``, and the colours ``painted`` (n, c) uint8 that they get."""

    histogram: ColorHistogram
    labels: AnyArray
    painted: UInt8Array


def check_sums(options: FitOptions, what: str) -> None:
    """Raises OptionError for an engine that fits pixels: ``what``, such as --shared, adds colour histograms."""
    if engines.ENGINES[options.engine][options.method].per_pixel:
        raise OptionError(
            f"{what} adds colour histograms, but {options.method} --engine {options.engine} fits every pixel: "
            "use --engine numpy"
        )


def counts_alpha(options: FitOptions, dithering: Dithering | None) -> bool:
    """Whether colour and alpha are counted together, where images have alpha, for one palette for all of them.

    ``options`` are as :func:`colorquant.fitting.engines.resolve` returns them.
    """
    dithers = dithering is not None and not dithering.takes_alpha(options.space)
    return engines.fits_alpha(options) and options.alpha != "keep" and not dithers


def fit_palette(
    histogram: ColorHistogram,
    options: FitOptions,
    *,
    paint: str = "members",
    assign: str | None = None,
    progress: engines.Progress | None = None,
    dithering: Dithering | None = None,
    start: FittedPalette | None = None,
    cells: bool = False,
) -> FittedPalette:
    """Fit one palette to a colour histogram, such as the sum of several images' histograms.

    ``paint``, ``assign`` and ``progress`` are those of :func:`quantize`. With ``dithering`` the colours suit images
    that will be dithered so: they lie further out than the means of their clusters. The fit starts from the model of
    the palette ``start``, if that has as many clusters in the same features. With ``cells`` a mixture for more than
    MOST_ROWS colours is fitted to the means of cells of near ones, which takes a fraction of the time; its
    log-likelihood is then that of these means. Raises OptionError for an engine that fits
    pixels, for an empty histogram, and as :func:`quantize` does.
    """
    return _fit(
        histogram,
        options,
        paint=paint,
        assign=assign,
        progress=progress,
        dithering=dithering,
        start=start,
        cells=cells,
    )[0]


def fit_labelled(
    histogram: ColorHistogram,
    options: FitOptions,
    *,
    paint: str = "members",
    assign: str | None = None,
    progress: engines.Progress | None = None,
) -> tuple[FittedPalette, LabelledColors]:
    """Fit one palette as :func:`fit_palette` does; returns it and the labels that the fit gave to the colours.

    The histogram of the labelled colours is the one that the fit needs: with alpha for a palette over RGBA.
    """
    palette, ordered, labelling = _fit(histogram, options, paint=paint, assign=assign, progress=progress)
    labels = taken(ordered.rank, labelling.labels)
    painted = taken(palette.rows, labels) if ordered.luma_colors is None else ordered.luma_colors
    return palette, LabelledColors(labelling.weighted.histogram, labels, painted)


def _fit(
    histogram: ColorHistogram,
    options: FitOptions,
    *,
    paint: str,
    assign: str | None,
    progress: engines.Progress | None,
    dithering: Dithering | None = None,
    start: FittedPalette | None = None,
    cells: bool = False,
) -> tuple[FittedPalette, OrderedPalette, Labelling]:
    """The palette, and the labelled colours from which it was made; arguments as for :func:`fit_palette`."""
    check_choices(options, paint, assign)
    options = engines.resolve(options)
    if dithering is not None and options.alpha is None and not dithering.takes_alpha(options.space):
        options = options.replace(alpha="keep")
    check_dithering(options, dithering)
    histogram = engines.histogram_for(options, histogram)
    if not len(histogram):
        raise OptionError("the histogram is empty: count an image with visible pixels")
    engines.check_weights(options, histogram)
    options = options.replace(alpha="palette" if histogram.has_alpha else None if histogram.alpha is None else "keep")
    projection = projection_of(options)
    untouched = projection.lossless and are_enough(options.k, histogram, options.lock)
    weighted = WeightedFeatures.of(histogram, projection, merge=not untouched, protect=options.protect)
    if cells and options.method == "em":
        weighted = weighted.in_cells(MOST_ROWS)
    model = None if start is None or not _can_start(start, options) else start.model
    fit = assigned_fit(engines.fit(weighted, options, progress, start=model), weighted, assign)
    labelling = Labelling.of(weighted, fit)
    ordered = order_palette(labelling, fit.model, "mean" if untouched else paint, transparent=False)
    fitted = ordered.palette
    if dithering is not None and not untouched:
        from colorquant.mapping.outward import outward_palette

        fitted = outward_palette(labelling, ordered, options, paint)
    inertia = inertia_of(fit, labelling)
    result = FittedPalette(
        colors=fitted.colors,
        counts=fitted.counts,
        alpha=fitted.alpha,
        options=options,
        model=ordered.model,
        n_iter=fit.n_iter,
        converged=fit.converged,
        inertia=inertia,
        log_likelihood=log_likelihood_of(fit, weighted),
        searched=fit.searched,
        untouched=untouched,
        assign=assign if fit.fitted else "nearest",  # where each colour is a component, densities mean nothing
        chroma=ordered.points,
        variance=_variance(fit.model, inertia, weighted),
    )
    return result, ordered, labelling


def _can_start(palette: FittedPalette, options: FitOptions) -> bool:
    """Whether a fit with ``options`` can start from the model of the palette."""
    if palette.untouched or len(palette.model.points) != options.k:
        return False
    return palette.options.replace(alpha=None) == options.replace(alpha=None) and (
        (palette.options.alpha == "palette") == (options.alpha == "palette")
    )


def _variance(model: Model, inertia: float | None, weighted: WeightedFeatures) -> float:
    """The mean variance per band within the clusters: of a mixture, within its components."""
    bands = weighted.bands
    if isinstance(model, GaussianMixture):
        return float(model.weights @ np.trace(model.covariances, axis1=1, axis2=2)) / bands
    return (inertia or 0.0) / max(weighted.total, 1.0) / bands
