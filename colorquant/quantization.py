"""``quantize()``: count the colours, fit a model to them, label each colour, paint the pixels, measure the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from colorquant.color import difference
from colorquant.color.histogram import ColorHistogram, Voters
from colorquant.color.spaces import Projection
from colorquant.errors import OptionError
from colorquant.fitting import criteria, engines
from colorquant.fitting.features import Samples
from colorquant.fitting.models import ASSIGNMENTS, Centroids, Fit, GaussianMixture, Iteration, Model, assigned
from colorquant.fitting.options import FitOptions
from colorquant.images import encoding
from colorquant.mapping import painting
from colorquant.mapping.painting import Labelling
from colorquant.types import IntArray, UInt8Array


@dataclass(frozen=True)
class Quantized:
    """A quantized image.

    ``labels`` (h, w) name the rows of ``palette`` (p, 3) uint8, by falling ``counts`` (p,) of pixels; fully
    transparent pixels have the label p. ``weight`` is that of all pixels, each its alpha / 255: ``mse``, ``inertia``
    and ``log_likelihood`` weigh them so. Where every pixel keeps its own lightness ``painted`` (h, w, 3) uint8 is the
    picture. ``model`` may have more clusters than p: those that no pixel chose come last.
    ``history`` has the fit's start and iterations, its clusters in the order of those of ``model``, where it was
    recorded and the engine tells. ``seconds`` are wall time per stage.
    """

    options: FitOptions
    labels: npt.NDArray[Any]
    palette: UInt8Array
    counts: IntArray
    weight: float
    painted: UInt8Array | None
    alpha: UInt8Array | None
    model: Model
    colors_in: int
    colors_out: int
    n_iter: int | None
    converged: bool | None
    mse: float
    inertia: float | None
    log_likelihood: float | None
    untouched: bool
    trace: tuple[float, ...] = ()
    history: tuple[Iteration, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB; infinite where nothing was lost."""
        return difference.psnr(self.mse)

    @property
    def bic(self) -> float | None:
        """Bayesian information criterion of a mixture; None for k-means."""
        return self._criterion(criteria.bic)

    @property
    def aic(self) -> float | None:
        """Akaike's information criterion of a mixture; None for k-means."""
        return self._criterion(criteria.aic)

    def _criterion(self, criterion: Callable[[float, float, int], float]) -> float | None:
        if not isinstance(self.model, GaussianMixture) or self.log_likelihood is None:
            return None
        return criterion(self.log_likelihood, self.weight, self.model.n_parameters)

    @property
    def rgb(self) -> UInt8Array:
        """The picture, (h, w, 3) uint8; fully transparent pixels are black."""
        if self.painted is not None:
            return self.painted
        rgb: UInt8Array = np.concatenate([self.palette, np.zeros((1, 3), np.uint8)])[self.labels]
        return rgb


@contextmanager
def _stage(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start


def quantize(
    rgb: UInt8Array,
    options: FitOptions,
    *,
    alpha: UInt8Array | None = None,
    paint: str = "members",
    assign: str | None = None,
    record: bool = False,
    progress: engines.Progress | None = None,
) -> Quantized:
    """Quantize pixels ``rgb`` (h, w, 3) uint8, with ``alpha`` (h, w) uint8, by which each pixel's vote is weighed.

    A fully transparent pixel has none. Engines that fit every pixel (OpenCV, scikit-learn's EM) count one with any vote
    as a whole one.
    ``paint`` is a key of PAINTS, ``assign`` one of ASSIGNMENTS, for a mixture: how pixels get their labels.
    ``progress`` is called with the fit's start and each iteration; with ``record`` they are kept. Raises OptionError
    for options that do not go together, EngineError where an engine is missing or gives up.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
        raise OptionError(f"rgb is {rgb.dtype} {rgb.shape}: give pixels as uint8 (height, width, 3), at least one")
    if paint not in painting.PAINTS:
        raise OptionError(f"paint is {paint!r}: take {' or '.join(painting.PAINTS)}")
    if assign is not None and (options.method != "em" or assign not in ASSIGNMENTS):
        raise OptionError(f"--assign {assign} is not for {options.method}: take em, and {' or '.join(ASSIGNMENTS)}")
    options = engines.resolve(options)
    recorder = _Recorder(progress or engines.unheard, record)
    projection = Projection.of(options.space, options.keep_luma)
    seconds: dict[str, float] = {}
    with _stage(seconds, "count"):
        voters = Voters.of(rgb, alpha)
        histogram = ColorHistogram.count(voters.rgb, voters.alpha)
    untouched = projection.lossless and len(histogram) <= options.k
    with _stage(seconds, "fit"):
        samples = Samples.of(histogram, projection, voters, merge=not untouched)
        fit = _assigned(engines.fit(samples, options, recorder), samples, assign)
    with _stage(seconds, "paint"):
        rows = Labelling.of(samples, fit)
        picture = painting.paint(rgb, voters.visible, rows, fit.model, "members" if untouched else paint)
    return Quantized(
        options=options,
        labels=picture.labels,
        palette=picture.palette,
        counts=picture.counts,
        weight=int(histogram.votes.sum()) / histogram.whole,
        painted=picture.pixels,
        alpha=alpha,
        model=picture.model,
        colors_in=len(histogram),
        colors_out=picture.colors_out,
        n_iter=fit.n_iter,
        converged=fit.converged,
        mse=picture.mse,
        inertia=_inertia(fit, rows),
        log_likelihood=_log_likelihood(fit, samples),
        untouched=untouched,
        trace=fit.trace,
        history=recorder.history(fit, picture.order),
        seconds=seconds,
    )


class _Recorder:
    """Passes the iterations of all attempts on to ``progress``, and keeps them if it shall."""

    def __init__(self, progress: engines.Progress, keeps: bool) -> None:
        self.progress, self.keeps = progress, keeps
        self.attempts: list[list[Iteration]] = []

    def __call__(self, now: Iteration) -> None:
        if self.keeps:
            if now.number == 0:
                self.attempts.append([])
            self.attempts[-1].append(now)
        self.progress(now)

    def history(self, fit: Fit, order: IntArray) -> tuple[Iteration, ...]:
        """The iterations of the attempt that became ``fit``, their clusters in this order (k,)."""
        for attempt in self.attempts:
            if tuple(now.objective for now in attempt) == fit.trace:
                return tuple(replace(now, model=now.model.reordered(order), sizes=now.sizes[order]) for now in attempt)
        return ()


def _assigned(fit: Fit, samples: Samples, assign: str | None) -> Fit:
    """The fit with its labels assigned in another way than the engine's own."""
    if assign in (None, "posterior") or not isinstance(fit.model, GaussianMixture):
        return fit
    return replace(fit, labels=assigned(fit.model, samples.features, assign), pixel_labels=None)


def _inertia(fit: Fit, rows: Labelling) -> float | None:
    if not isinstance(fit.model, Centroids):
        return None
    if fit.objective is not None:
        return fit.objective
    return fit.model.inertia(rows.features, rows.weights, rows.labels)


def _log_likelihood(fit: Fit, samples: Samples) -> float | None:
    if not isinstance(fit.model, GaussianMixture) or not fit.fitted:
        return None  # with a cluster for each colour the density means nothing
    if fit.objective is not None:
        return fit.objective
    return fit.model.log_likelihood(samples.features, samples.weights)


def encode_png(quantized: Quantized, chunks: bytes = encoding.SRGB) -> bytes:
    """The picture as PNG: indexed where its colours allow it, else truecolour.

    ``chunks`` of :func:`colorquant.images.encoding.picture_chunks` say what else is known of it.
    """
    if quantized.painted is not None:
        return encoding.encode_rgb(quantized.painted, quantized.alpha, chunks)
    gray = quantized.options.space == "gray"
    return encoding.encode_labels(quantized.labels, quantized.palette, quantized.alpha, gray=gray, chunks=chunks)
