"""The measures of a quantized image: their table and their computation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from colorquant.analysis.blurring import blurred_mse
from colorquant.color import difference
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import count_distinct, count_pairs
from colorquant.color.rgba import BACKGROUNDS
from colorquant.color.spaces import SPACES
from colorquant.images.alpha import composite
from colorquant.quantization import IndexedImage
from colorquant.types import FloatArray, IntArray, LabelArray, UInt8Array

BLOCK = 1 << 16  # pixels at a time, so that temporaries stay in the processor's cache
SSIM_WINDOW = 7  # pixels across and down
PERCENT = 95  # of the pixels differ by no more than ``ciede2000_p95``
Value = float | int | bool | str | None


@dataclass(frozen=True)
class Column:
    """How the value ``key`` of a result is shown and compared, in every table that has it.

    ``heading`` is that of the column, empty where only JSON and CSV have the value. ``form`` is its format string.
    ``better`` says whether lower or higher values are better, None where neither is. Where a table must be narrower,
    the columns with the highest ``rank`` are left out first. ``within_space``: values can be compared only among
    results in the same space.
    """

    key: str
    heading: str = ""
    form: str = "{}"
    better: Literal["lower", "higher"] | None = None
    rank: int = 0
    within_space: bool = False

    def words(self, value: Value) -> str:
        """A value of the column as a table shows it; empty for None."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "no loss" if value == math.inf else self.form.format(value)

    def best(self, values: Sequence[Value]) -> float | None:
        """The best number among some values; None where none is better, or where all are the same."""
        numbers = [value for value in values if isinstance(value, (int, float))]
        if self.better is None or len(set(numbers)) < 2:
            return None
        return min(numbers) if self.better == "lower" else max(numbers)


def column(
    heading: str = "",
    form: str = "{}",
    better: Literal["lower", "higher"] | None = None,
    rank: int = 0,
    *,
    within_space: bool = False,
) -> Mapping[str, Any]:
    """The metadata of a dataclass field that is a column of tables; see :func:`columns_of`."""
    return {"column": Column("", heading, form, better, rank, within_space)}


def columns_of(kind: type[Any]) -> tuple[Column, ...]:
    """The columns that the fields of a dataclass declare, with the fields' names as keys."""
    return tuple(replace(row.metadata["column"], key=row.name) for row in fields(kind) if "column" in row.metadata)


@dataclass(frozen=True)
class Measures:
    """A quantized image in numbers; the fields are the rows of the table :data:`MEASURES`.

    Transparent pixels do not count, and partly transparent ones are weighted by alpha; ``ssim``, ``mse_blurred``,
    ``bytes`` and ``bits_per_pixel`` concern the whole picture. ``mse`` sums the squared error over the three channels;
    ``psnr`` is in dB, infinite where nothing was lost. ``ssim`` is None without scikit-image. ``mse_blurred`` is that
    of :func:`colorquant.analysis.blurring.blurred_mse`. ``bytes`` is the size of the PNG, ``index_bits`` the bits per
    pixel before any compression. ``n_iter`` and ``converged`` are None where an engine does not report them;
    ``log_likelihood`` (per pixel), ``bic`` and ``aic`` are None for all but mixtures. ``seconds`` is wall time from
    pixels to painted pixels, without reading, encoding and measuring.
    """

    mse: float = field(metadata=column("MSE", "{:,.1f}", "lower"))
    psnr: float = field(metadata=column("PSNR dB", "{:.2f}", "higher"))
    ssim: float | None = field(metadata=column("SSIM", "{:.4f}", "higher", 2))
    mse_blurred: float = field(metadata=column("MSE blurred", "{:,.1f}", "lower", 2))
    ciede2000_mean: float = field(metadata=column("ΔE mean", "{:.2f}", "lower", 1))
    ciede2000_p95: float = field(metadata=column("ΔE 95 %", "{:.2f}", "lower", 4))
    colors: int = field(metadata=column("colours", "{:,.0f}", None, 6))
    bytes: int = field(metadata=column("bytes", "{:,.0f}", "lower", 2))
    bits_per_pixel: float = field(metadata=column("bit/px", "{:.2f}", "lower", 5))
    index_bits: int = field(metadata=column("index bits", "{:.0f}", "lower", 9))
    n_iter: int | None = field(metadata=column("iterations", "{:.0f}", None, 8))
    converged: bool | None = field(metadata=column("converged", "{}", None, 10))
    log_likelihood: float | None = field(metadata=column("log-lik.", "{:.4f}", "higher", 3, within_space=True))
    bic: float | None = field(metadata=column("BIC", "{:,.0f}", "lower", 7, within_space=True))
    aic: float | None = field(metadata=column())
    seconds: float = field(metadata=column("seconds", "{:.2f}", "lower", 3))


MEASURES = columns_of(Measures)


@dataclass(frozen=True)
class Rendering:
    """An image as one combination renders it.

    ``labels`` (h, w) as in :class:`colorquant.quantization.Quantized`, ``rgb`` (h, w, 3) uint8, ``png`` the encoded
    picture, ``index_bits`` and the rest as in :class:`Measures`. ``alpha`` (h, w) uint8 is that of the picture, None
    where it is opaque; ``has_alpha_palette`` says that it is that of the palette's entries.
    """

    labels: LabelArray
    rgb: UInt8Array
    png: bytes
    seconds: float
    index_bits: int
    n_iter: int | None = None
    converged: bool | None = None
    log_likelihood: float | None = None
    bic: float | None = None
    aic: float | None = None
    alpha: UInt8Array | None = None
    has_alpha_palette: bool = False


def measure(image: CountedImage, rendering: Rendering) -> Measures:
    """All measures of a rendering of the image, whose alpha the rendering has kept."""
    visible = image.visible
    before, after, weights = count_pairs(visible.rgb, image.of_visible(rendering.rgb), visible.alpha)
    error = difference.mse(before, after, weights)
    to_lab = SPACES["lab"].forward
    differences = difference.ciede2000(to_lab(before), to_lab(after))
    mean, percentile = mean_and_percentile(differences, weights, PERCENT)
    return Measures(
        mse=error,
        psnr=difference.psnr(error),
        ssim=visible_ssim(image, rendering.rgb),
        mse_blurred=blurred_mse(_shown(image), rendering.rgb),
        ciede2000_mean=mean,
        ciede2000_p95=percentile,
        colors=count_distinct(after),
        bytes=len(rendering.png),
        bits_per_pixel=8 * len(rendering.png) / (image.rgb.shape[0] * image.rgb.shape[1]),
        index_bits=rendering.index_bits,
        n_iter=rendering.n_iter,
        converged=rendering.converged,
        log_likelihood=rendering.log_likelihood,
        bic=rendering.bic,
        aic=rendering.aic,
        seconds=rendering.seconds,
    )


def mean_ciede2000(image: CountedImage, result: IndexedImage) -> float:
    """The mean CIEDE2000 difference of the visible pixels of an image to those of a result, weighted by alpha.

    With a palette over RGBA it is the mean of the pictures composited onto each of BACKGROUNDS.
    """
    if result.palette.alpha is None:
        pixels = image.of_visible(result.rgb)
        return weighted_mean_ciede2000(*count_pairs(image.visible.rgb, pixels, image.visible.alpha))
    pairs = [(one.reshape(-1, 3), other.reshape(-1, 3)) for one, other in _composited(image, result)]
    return sum(weighted_mean_ciede2000(*count_pairs(*pair)) for pair in pairs) / len(pairs)


def _composited(image: CountedImage, result: IndexedImage) -> Iterator[tuple[UInt8Array, UInt8Array]]:
    """An image and a result (h, w, 3) uint8, both composited onto each of BACKGROUNDS."""
    for background in BACKGROUNDS:
        yield _onto(image.rgb, image.alpha, background), _onto(result.rgb, result.alpha, background)


def _onto(rgb: UInt8Array, alpha: UInt8Array | None, background: int) -> UInt8Array:
    """Pixels composited onto a gray level."""
    return rgb if alpha is None else composite(rgb, alpha, np.full(3, background, np.uint16))


def weighted_mean_ciede2000(before: UInt8Array, after: UInt8Array, weights: IntArray) -> float:
    """The mean CIEDE2000 difference of colours, each pair weighted by its entry in ``weights`` (n,).

    Colours are (n, 3) uint8, or (n, 4) with alpha: then it is the mean over BACKGROUNDS.
    """
    if before.shape[1] == 4:
        pairs = [
            [_onto(rows[:, None, :3], rows[:, None, 3], background)[:, 0] for rows in (before, after)]
            for background in BACKGROUNDS
        ]
        return sum(weighted_mean_ciede2000(one, other, weights) for one, other in pairs) / len(pairs)
    to_lab = SPACES["lab"].forward
    return mean_and_percentile(difference.ciede2000(to_lab(before), to_lab(after)), weights, PERCENT)[0]


def mean_and_percentile(values: FloatArray, counts: IntArray, percent: float) -> tuple[float, float]:
    """The mean over pixels, and a percentile, of ``values`` (n,), each weighted by its entry in ``counts`` (n,).

    The percentile is the least value that ``percent`` of the pixels do not exceed. Without pixels both are 0.
    """
    if not len(values):
        return 0.0, 0.0
    percentile = np.percentile(values, percent, weights=counts, method="inverted_cdf")
    return float(values @ counts / counts.sum()), float(percentile)


def has_ssim() -> bool:
    """Whether scikit-image, which computes :func:`ssim`, is installed."""
    return find_spec("skimage") is not None


def mean_ssim(image: CountedImage, result: IndexedImage) -> float | None:
    """The :func:`visible_ssim` of a result; with a palette over RGBA the mean over BACKGROUNDS."""
    if result.palette.alpha is None:
        return visible_ssim(image, result.rgb)
    values = [value for pair in _composited(image, result) if (value := ssim(*pair)) is not None]
    return sum(values) / len(values) if values else None


def visible_ssim(image: CountedImage, rgb: UInt8Array) -> float | None:
    """The :func:`ssim` of a picture and ``rgb`` (h, w, 3) uint8, in which fully transparent pixels are black."""
    return ssim(_shown(image), rgb)


def _shown(image: CountedImage) -> UInt8Array:
    """The picture (h, w, 3) uint8 with black in place of fully transparent pixels."""
    mask = image.mask
    return image.rgb if mask is None else np.where(mask[:, :, None], image.rgb, 0).astype(np.uint8)


def ssim(before: UInt8Array, after: UInt8Array) -> float | None:
    """Structural similarity (Wang et al. 2004) of pixels (h, w, 3) uint8, 1 where they are the same.

    This is scikit-image's convention: the mean over the channels and over uniform windows of 7 × 7 pixels. None where
    scikit-image is not installed (see :func:`has_ssim`), and where the picture is smaller than a window.
    """
    if not has_ssim() or min(before.shape[:2]) < SSIM_WINDOW:
        return None
    import skimage.metrics

    similarity: Callable[..., Any] = skimage.metrics.structural_similarity
    total, overlap = 0.0, SSIM_WINDOW - 1
    windows: int = before.shape[0] - overlap
    step = max(1, BLOCK // before.shape[1])
    for top in range(0, windows, step):  # strips: scikit-image takes some 200 bytes a pixel
        rows = slice(top, min(top + step, windows) + overlap)
        part = similarity(before[rows], after[rows], win_size=SSIM_WINDOW, channel_axis=2, data_range=255)
        total += float(part) * (rows.stop - overlap - top)
    return total / windows
