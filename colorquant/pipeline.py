"""``quantize()``: count the colours, fit a model to them, label each colour, paint the pixels, measure the result."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from colorquant import encoding, engines, images, metrics, painting
from colorquant.errors import OptionError
from colorquant.files import check_writable, write_whole
from colorquant.histogram import ColorHistogram
from colorquant.models import Centroids, Fit, FitOptions, GaussianMixture, IntArray, Model, Samples, UInt8Array
from colorquant.painting import Labelling
from colorquant.report import palettes
from colorquant.spaces import Projection


@dataclass(frozen=True)
class Quantized:
    """A quantized image.

    ``labels`` (h, w) name the rows of ``palette`` (p, 3) uint8, by falling ``counts`` (p,) of pixels; fully
    transparent pixels have the label p. Where every pixel keeps its own lightness ``painted`` (h, w, 3) uint8 is the
    picture. ``model`` may have more clusters than p: those that no pixel chose come last.
    ``seconds`` are wall time per stage.
    """

    options: FitOptions
    labels: npt.NDArray[Any]
    palette: UInt8Array
    counts: IntArray
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
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB; infinite where nothing was lost."""
        return metrics.psnr(self.mse)

    @property
    def bic(self) -> float | None:
        """Bayesian information criterion of a mixture; None for k-means."""
        if not isinstance(self.model, GaussianMixture) or self.log_likelihood is None:
            return None
        return metrics.bic(self.log_likelihood, int(self.counts.sum()), self.model.n_parameters)

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
    progress: engines.Progress | None = None,
) -> Quantized:
    """Quantize pixels ``rgb`` (h, w, 3) uint8, with ``alpha`` (h, w) uint8: fully transparent pixels have no vote.

    ``paint`` is a key of PAINTS. ``progress`` is called after each iteration with its number and the objective. Raises
    OptionError for options that do not go together, EngineError where an engine is missing or gives up.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
        raise OptionError(f"rgb is {rgb.dtype} {rgb.shape}: give pixels as uint8 (height, width, 3), at least one")
    if paint not in painting.PAINTS:
        raise OptionError(f"paint is {paint!r}: take {' or '.join(painting.PAINTS)}")
    options = engines.resolve(options)
    projection = Projection.of(options.space, options.keep_luma)
    seconds: dict[str, float] = {}
    visible = painting.voting(alpha)
    voters = rgb if visible is None else rgb[visible]
    with _stage(seconds, "count"):
        histogram = ColorHistogram.count(voters)
    untouched = projection.lossless and len(histogram) <= options.k
    with _stage(seconds, "fit"):
        samples = Samples.of(histogram, projection, voters, merge=not untouched)
        fit = engines.fit(samples, options, progress)
    with _stage(seconds, "paint"):
        rows = Labelling.of(samples, fit)
        picture = painting.paint(rgb, visible, rows, fit.model, "members" if untouched else paint)
    return Quantized(
        options=options,
        labels=picture.labels,
        palette=picture.palette,
        counts=picture.counts,
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
        seconds=seconds,
    )


def _inertia(fit: Fit, rows: Labelling) -> float | None:
    if not isinstance(fit.model, Centroids):
        return None
    if fit.objective is not None:
        return fit.objective
    return fit.model.inertia(rows.features, rows.counts.astype(np.float64), rows.labels)


def _log_likelihood(fit: Fit, samples: Samples) -> float | None:
    if not isinstance(fit.model, GaussianMixture) or not fit.fitted:
        return None  # with a cluster for each colour the density means nothing
    if fit.objective is not None:
        return fit.objective
    return fit.model.log_likelihood(samples.features, samples.weights)


@dataclass(frozen=True)
class Destination:
    """Where the results of one input go.

    ``image`` None leaves the PNG in :attr:`Result.png` instead of a file. ``labels`` ends in .png or .npy, ``palette``
    in a key of PALETTE_WRITERS. Existing files are overwritten only with ``force``.
    """

    image: Path | None
    labels: Path | None = None
    palette: Path | None = None
    force: bool = False

    @property
    def files(self) -> list[Path]:
        """All files that will be written."""
        return [path for path in (self.image, self.labels, self.palette) if path is not None]


@dataclass(frozen=True)
class Result:
    """What became of one file; ``png`` holds the bytes where no file was asked for."""

    quantized: Quantized
    bytes_in: int
    bytes_out: int
    png: bytes | None
    seconds: dict[str, float]


def quantize_file(
    source: Path | bytes,
    options: FitOptions,
    destination: Destination,
    *,
    paint: str = "members",
    progress: engines.Progress | None = None,
) -> Result:
    """Read an image file, :func:`quantize` it, and write what ``destination`` asks for.

    Nothing is written unless all of it could be encoded. Raises ImageReadError, OptionError, EngineError, OutputError.
    """
    check_writable(destination.files, force=destination.force)
    seconds: dict[str, float] = {}
    with _stage(seconds, "read"):
        picture = images.read_image(source)
    quantized = quantize(picture.rgb, options, alpha=picture.alpha, paint=paint, progress=progress)
    bytes_in = picture.bytes_in
    del picture  # its pixels are not needed for writing
    seconds.update(quantized.seconds)
    with _stage(seconds, "write"):
        png = encode_png(quantized)
        encoded = [] if destination.image is None else [(destination.image, png)]
        if destination.labels is not None:
            kind = destination.labels.suffix[1:]
            label_map = encoding.encode_label_map(quantized.labels, len(quantized.palette), kind)
            encoded.append((destination.labels, label_map))
        if destination.palette is not None:
            name = destination.palette.name
            encoded.append((destination.palette, palettes.encode_palette(name, quantized.palette, quantized.counts)))
        write_whole(encoded, force=destination.force)
    return Result(quantized, bytes_in, len(png), png if destination.image is None else None, seconds)


def encode_png(quantized: Quantized) -> bytes:
    """The picture as PNG: indexed where its colours allow it, else truecolour."""
    if quantized.painted is not None:
        return encoding.encode_rgb(quantized.painted, quantized.alpha)
    gray = quantized.options.space == "gray"
    return encoding.encode_labels(quantized.labels, quantized.palette, quantized.alpha, gray=gray)
