"""``quantize()``: count the colours, fit a model to them, label each colour, paint the pixels, measure the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from colorquant.blocks import taken
from colorquant.color.counted import CountedImage
from colorquant.color.difference import psnr
from colorquant.errors import OptionError
from colorquant.fitting import criteria, engines
from colorquant.fitting.features import WeightedFeatures, counted_for, projection_of
from colorquant.fitting.locking import are_enough
from colorquant.fitting.models import (
    ASSIGNMENTS,
    Centroids,
    Fit,
    GaussianMixture,
    Iteration,
    Model,
    SearchStep,
    assigned,
)
from colorquant.fitting.options import FitOptions
from colorquant.images import encoding
from colorquant.images.png import SRGB
from colorquant.mapping.labelling import Labelling
from colorquant.mapping.painting import Painted, PaintedRows, order_palette
from colorquant.palette.making import PAINTS, label_type, ranked
from colorquant.palette.palette import Palette
from colorquant.types import IntArray, LabelArray, UInt8Array

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.mapping.dithering import Dithering


@dataclass(frozen=True, eq=False, kw_only=True)
class IndexedImage:
    """An image in the colours of a palette.

    ``labels`` (h, w), of the smallest integer type that holds them, name the entries of ``palette``; fully transparent
    pixels have the label ``len(palette)``. ``alpha`` (h, w) uint8 is that of the image, None where it is opaque. Where
    the palette has alpha, every pixel has an entry of it, and ``alpha`` is that of the entries.
    ``painted`` (h, w, 3) uint8 is the picture where every pixel keeps its own lightness, else None. ``colors_in`` and
    ``colors_out`` count the distinct colours of the visible pixels before and after. ``weight`` is the sum of alpha /
    255 over all pixels; ``mse`` sums the squared error over the three channels and averages it over pixels with these
    weights. With a palette over RGBA each pixel weighs 1, pairs of colour and alpha are counted, and ``mse`` is the
    mean of the errors on black, mid-gray and white. ``dithering`` is None where every pixel of a colour has the
    same label.
    """

    labels: LabelArray
    palette: Palette
    alpha: UInt8Array | None = None
    painted: UInt8Array | None = None
    colors_in: int
    colors_out: int
    weight: float
    mse: float
    dithering: Dithering | None = None

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB; infinite where nothing was lost."""
        return psnr(self.mse)

    @property
    def rgb(self) -> UInt8Array:
        """The picture, (h, w, 3) uint8; fully transparent pixels are black."""
        if self.painted is not None:
            return self.painted
        rgb: UInt8Array = np.concatenate([self.palette.colors, np.zeros((1, 3), np.uint8)])[self.labels]
        return rgb

    @property
    def gray(self) -> bool:
        """Whether the picture was made in gray levels, so that a grayscale PNG may be smaller."""
        return False

    @property
    def keep_order(self) -> bool:
        """Whether the palette in the PNG has all entries in their order, so that they are the labels."""
        return True


@dataclass(frozen=True, eq=False, kw_only=True)
class Quantized(IndexedImage):
    """A quantized image with the model behind it.

    The entries of the palette stand in the order of falling pixel counts; locked colours are entries even without
    pixels. ``model`` may have more clusters than the palette has entries: those without pixels come last. ``inertia``
    (k-means) and ``log_likelihood`` (mixtures, per pixel) weight pixels as ``mse`` does, times their importance; None
    where they do not apply. ``n_iter`` and ``converged`` are None where the engine does not report them; ``searched``
    says that a search on coarse cells came before the iterations that they count. ``untouched`` says that the image had
    no more than ``k`` colours and keeps them.
    ``trace`` has the objective after each iteration. ``history`` has the fit's start and its iterations, their
    clusters in the order of those of ``model``, if recording was on and the engine reports its iterations. ``seconds``
    maps each stage to its wall time.

    ``shared`` is the number of images whose one palette this is; None for a palette of the image's own. The order of a
    shared palette is that of the pixel counts of all images, and any of its entries may be without pixels in this one.
    ``n_iter``, ``converged`` and ``searched`` are then those of the one fit; ``inertia`` and ``log_likelihood`` are
    those of this image under its model, and ``untouched`` says that the palette has all its colours.
    """

    options: FitOptions
    model: Model
    n_iter: int | None
    converged: bool | None
    inertia: float | None
    log_likelihood: float | None
    untouched: bool
    searched: bool = False
    shared: int | None = None
    trace: tuple[float, ...] = ()
    history: tuple[Iteration, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def gray(self) -> bool:
        """Whether the colours were clustered in gray levels."""
        return self.options.space == "gray"

    @property
    def keep_order(self) -> bool:
        """Whether the palette in the PNG has all entries in their order, where another may be smaller."""
        return self.shared is not None

    @property
    def bic(self) -> float | None:
        """Bayesian information criterion of a mixture; None for k-means."""
        return self._criterion(criteria.bic)

    @property
    def aic(self) -> float | None:
        """Akaike's information criterion of a mixture; None for k-means."""
        return self._criterion(criteria.aic)

    def _criterion(self, criterion: Callable[[float, float, int], float]) -> float | None:
        if not isinstance(self.model, GaussianMixture) or self.log_likelihood is None or self.shared is not None:
            return None  # the parameters of a shared model were not fitted to this image alone
        return criterion(self.log_likelihood, self.weight, self.model.n_parameters)

    def predict(self, rgb: UInt8Array, alpha: UInt8Array | None = None) -> LabelArray:
        """The label that the model gives to each pixel of another image: see :func:`predict`."""
        return predict(self.model, self.options, CountedImage(rgb, alpha), len(self.palette))


@contextmanager
def _stage(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start


def check_choices(options: FitOptions, paint: str, assign: str | None) -> None:
    """Raises OptionError for an unknown ``paint`` or ``assign``, or an ``assign`` for another model than a mixture."""
    if paint not in PAINTS:
        raise OptionError(f"paint is {paint!r}: use {' or '.join(PAINTS)}")
    if assign is not None and (options.method != "em" or assign not in ASSIGNMENTS):
        raise OptionError(f"--assign {assign} is not for {options.method}: use em, and {' or '.join(ASSIGNMENTS)}")


def quantize(
    image: CountedImage,
    options: FitOptions,
    *,
    paint: str = "members",
    assign: str | None = None,
    record: bool = False,
    progress: engines.Progress | None = None,
    dithering: Dithering | None = None,
) -> Quantized:
    """Quantize an image.

    Where the options or the image ask for a palette over RGBA (see
    :func:`colorquant.fitting.engines.resolve_alpha`), colour and alpha are fitted together, and each pixel weighs 1.
    Elsewhere fully transparent pixels take no part in the fit, and the others are weighted by alpha.

    Engines that fit every pixel (OpenCV, scikit-learn's EM) give every visible pixel the same weight, and refuse an
    image with ``importance``. ``mse`` and the counts of the palette do not depend on importance. ``paint`` is a
    key of PAINTS: how a label gets its colour; ``assign``, for a mixture, one of ASSIGNMENTS: how a pixel gets its
    label. ``progress`` is called with each step of a search, with the start of the fit and with each iteration;
    ``record`` keeps the start and the iterations. With ``dithering`` the model only gives the palette, unless the image
    has no more than k colours; the objective is still that of the fit. Raises OptionError for options that do not go
    together, EngineError where an engine is missing or gives up.
    """
    check_choices(options, paint, assign)
    dithers = dithering is not None and not dithering.takes_alpha(options.space)
    options = engines.resolve_alpha(engines.resolve(options), image, dithers=dithers)
    check_dithering(options, dithering)
    recorder = _Recorder(progress or engines.no_progress, record)
    projection, image = projection_of(options), counted_for(image, options)
    seconds: dict[str, float] = {}
    with _stage(seconds, "count"):
        histogram = image.histogram
    engines.check_weights(options, histogram)
    untouched = projection.lossless and are_enough(options.k, histogram, options.lock)
    with _stage(seconds, "fit"):
        weighted = WeightedFeatures.of(histogram, projection, merge=not untouched, protect=options.protect)
        fit = assigned_fit(engines.fit(weighted, options, recorder, image), weighted, assign)
    with _stage(seconds, "paint"):
        labelling = Labelling.of(weighted, fit, image)
        if dithering is None or untouched:
            rows = PaintedRows.of(image, labelling, fit.model, "mean" if untouched else paint)
        else:
            picture = _dithered(image, labelling, fit.model, options, paint=paint, dithering=dithering)
    inertia, log_likelihood = inertia_of(fit, labelling), log_likelihood_of(fit, weighted)
    if dithering is None or untouched:
        fit = replace(fit, labels=fit.labels[:0], pixel_labels=None)
        del labelling, weighted  # the pixels take their memory
        with _stage(seconds, "paint"):
            picture = rows.picture()
    return Quantized(
        options=options,
        labels=picture.labels,
        palette=picture.palette,
        weight=histogram.total_weight,
        painted=picture.pixels,
        alpha=image.alpha if picture.palette.alpha is None else taken(picture.palette.alpha, picture.labels),
        model=picture.model,
        colors_in=len(histogram),
        colors_out=picture.colors_out,
        n_iter=fit.n_iter,
        converged=fit.converged,
        searched=fit.searched,
        mse=picture.mse,
        inertia=inertia,
        log_likelihood=log_likelihood,
        untouched=untouched,
        trace=fit.trace,
        history=recorder.history(fit, picture.order),
        seconds=seconds,
        dithering=None if untouched else dithering,
    )


def check_dithering(options: FitOptions, dithering: Dithering | None) -> None:
    """Raises OptionError where an image that is quantized with ``options`` cannot be dithered."""
    if dithering is not None and options.alpha == "palette":
        dithering.check_alpha(options.space)
    if dithering is not None and projection_of(options).keep_luma:
        raise OptionError(
            f"--dither {dithering.method} needs a colour for each label, and --space {options.space} with --keep-luma "
            "has none: add --no-keep-luma"
        )


def _dithered(
    image: CountedImage, labelling: Labelling, model: Model, options: FitOptions, *, paint: str, dithering: Dithering
) -> Painted:
    """The dithered picture: labels by falling pixel counts, without those that no pixel has."""
    from colorquant.mapping.dithered import Dithered
    from colorquant.mapping.outward import outward_palette

    ordered = order_palette(labelling, model, paint, transparent=image.mask is not None)
    palette = outward_palette(labelling, ordered, options, paint)
    result = Dithered.of(image, palette, dithering, space=options.space)
    used = (result.counts > 0) | np.isin(palette.hex, options.lock)
    order, kept, rank = ranked(result.counts, palette.rows, used=used, transparent=image.mask is not None)
    if image.mask is not None:  # the type has room for the label of transparent pixels
        rank = np.append(rank, np.array(kept, rank.dtype))
    moved = np.concatenate([order, np.arange(len(palette), len(ordered.order))])
    return Painted(
        labels=rank[result.labels],
        palette=Palette.of_rows(palette.rows[order[:kept]], result.counts[order[:kept]]),
        pixels=None,
        model=ordered.model.reordered(moved),
        order=ordered.order[moved],
        mse=result.mse,
        colors_out=result.colors_out,
    )


def predict(
    model: Model, options: FitOptions, image: CountedImage, labels: int, assign: str | None = None
) -> LabelArray:
    """The label of each pixel of an image under a model that was fitted with ``options``, (h, w).

    Only the first ``labels`` clusters are used: those that had members in the fit. A mixture labels by ``assign``, a
    key of ASSIGNMENTS, or else by the highest posterior. The alpha of the image counts where ``options`` were resolved
    to a palette over RGBA.
    """
    image = counted_for(image, options) if options.alpha == "palette" else CountedImage(image.rgb)
    members = model.reordered(np.arange(labels))
    by_color = assigned(members, projection_of(options).features(image.histogram.colors), assign)
    return image.spread(by_color.astype(label_type(labels)))


class _Recorder:
    """Passes each event of a fit on to ``progress``, and keeps the iterations of every attempt if ``keeps`` is true."""

    def __init__(self, progress: engines.Progress, keeps: bool) -> None:
        self.progress, self.keeps = progress, keeps
        self.attempts: list[list[Iteration]] = []

    def __call__(self, event: Iteration | SearchStep) -> None:
        if self.keeps and isinstance(event, Iteration):
            if event.number == 0:
                self.attempts.append([])
            self.attempts[-1].append(event)
        self.progress(event)

    def history(self, fit: Fit, order: IntArray) -> tuple[Iteration, ...]:
        """The iterations of the attempt that became ``fit``, their clusters in this order (k,)."""
        for attempt in self.attempts:
            if tuple(iteration.objective for iteration in attempt) == fit.trace:
                return tuple(
                    replace(iteration, model=iteration.model.reordered(order), sizes=iteration.sizes[order])
                    for iteration in attempt
                )
        return ()


def assigned_fit(fit: Fit, weighted: WeightedFeatures, assign: str | None) -> Fit:
    """The fit with its labels assigned in another way than the engine's own."""
    if assign in (None, "posterior") or not isinstance(fit.model, GaussianMixture):
        return fit
    model = fit.model
    return replace(fit, labels=weighted.label(lambda features: assigned(model, features, assign)), pixel_labels=None)


def inertia_of(fit: Fit, labelling: Labelling) -> float | None:
    """The squared distance of all rows to their centres, weighted as in the fit; None for a mixture."""
    if not isinstance(fit.model, Centroids):
        return None
    if fit.objective is not None:
        return fit.objective
    weighted = labelling.weighted
    if labelling.image is None:
        return weighted.inertia(fit.model, fit.labels)
    return fit.model.inertia(labelling.features, labelling.weights, labelling.labels)


def log_likelihood_of(fit: Fit, weighted: WeightedFeatures) -> float | None:
    """The mean log-likelihood per pixel; None for k-means, and where each colour has a component of its own."""
    if not isinstance(fit.model, GaussianMixture) or not fit.fitted:
        return None  # with a component for each colour the density means nothing
    if fit.objective is not None:
        return fit.objective
    return weighted.log_likelihood(fit.model)


def encode_png(image: IndexedImage, chunks: bytes = SRGB, *, optimize: bool = False) -> bytes:
    """The picture as PNG: indexed where its colours allow it, else truecolour.

    ``chunks``, from :func:`colorquant.images.encoding.picture_chunks`, describe its colours and its resolution. With
    ``optimize`` oxipng makes the file smaller, and the indices of the PNG may differ from the labels, unless the image
    says ``keep_order``. Raises OptionError where that needs a package that is missing.
    """
    if image.painted is not None:
        png = encoding.encode_rgb(image.painted, image.alpha, chunks)
    elif image.palette.alpha is not None:
        png = encoding.encode_entries(
            image.labels,
            image.palette.colors,
            image.palette.alpha,
            chunks=chunks,
            keep_order=image.keep_order,
        )
    else:
        png = encoding.encode_labels(
            image.labels,
            image.palette.colors,
            image.alpha,
            gray=image.gray,
            chunks=chunks,
            keep_order=image.keep_order,
        )
    if not optimize:
        return png
    from colorquant.images.optimizing import optimized  # a plain run does not need it

    return optimized(png, keep_palette=image.keep_order)
