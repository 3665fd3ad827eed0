"""The content of a quantized picture's page: its pixels, other numbers of colours, iterations, posteriors.

Pictures are the bytes of a PNG, or of a JPEG where they are only looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colorquant.analysis.auto_k import ChosenK
from colorquant.analysis.iterations import Iterated
from colorquant.analysis.posteriors import Posteriors, entropy_levels
from colorquant.analysis.sweep import Sweep
from colorquant.blocks import row_blocks
from colorquant.color.counted import CountedImage
from colorquant.color.rgba import on_gray
from colorquant.color.spaces import Projection
from colorquant.fitting.features import counted_for, projection_of
from colorquant.fitting.models import GaussianMixture, Iteration, Model, assigned
from colorquant.images import encoding
from colorquant.images.downsampling import Downsampling
from colorquant.quantization import IndexedImage, Quantized
from colorquant.report.html.scatter import Ellipse, Scatter
from colorquant.report.quantized_file import IndexedFile, QuantizedFile
from colorquant.types import AnyArray, Float32Array, FloatArray, Int32Array, IntArray, UInt8Array

SHOWN_SIDE, SLIDER_SIDE, COMPONENT_SIDE = 960, 640, 480  # longest sides: the result, a slider's pictures, posteriors
MANY_COLORS, MANY_COLORS_SIDE = (
    64,
    448,
)  # pictures of more colours compress badly: a slider's are smaller
MOST_ITERATIONS = 24  # iterations shown
MOST_CENTERS = 64  # centres drawn over the colours
MOST_COMPONENTS = 16  # components whose posteriors are shown
STRONGEST = 3  # components named at a pixel
UNCERTAINTY_COLORS = (
    "#000004",
    "#56106e",
    "#bb3754",
    "#f98c0a",
    "#fcffa4",
)  # matplotlib's inferno, from certain to uncertain


@dataclass(frozen=True)
class SweepImage:
    """The picture with ``k`` colours: the ``run`` that made it, and the encoded ``image``."""

    k: int
    run: Quantized
    image: bytes


@dataclass(frozen=True)
class IterationImage:
    """An iteration: the ``image`` painted by its model, and its largest clusters over the picture's colours.

    ``centers`` and, for a mixture, ``ellipses`` are in the view box of the scatter. ``sizes`` are in pixels, ``colors``
    (k, 3) uint8.
    """

    number: int
    objective: float
    image: bytes
    centers: list[tuple[float, float]]
    ellipses: list[Ellipse] | None
    sizes: list[float]
    colors: UInt8Array


@dataclass(frozen=True)
class IterationImages:
    """Some of a fit's iterations as ``images``, with the ``objectives`` of all of them.

    ``pixels`` is the weight of all pixels fitted, each weighted by alpha / 255.
    ``words`` say where the iterations come from; ``own`` is true for those of the run that the page is about.
    """

    words: str
    scatter: Scatter
    images: tuple[IterationImage, ...]
    objectives: tuple[float, ...]
    pixels: float
    own: bool


@dataclass(frozen=True)
class PosteriorImages:
    """Posteriors at the pixels of the picture as shown.

    ``strongest`` has images of the most probable component, the second, and so on: its number in the bytes of red,
    green and blue. ``shares`` has their probabilities in red, green and blue, 255 for 1. ``components`` has the
    posteriors of the first components in gray, and ``uncertainty`` the entropy in UNCERTAINTY_COLORS.
    """

    strongest: tuple[bytes, ...]
    shares: bytes
    components: tuple[bytes, ...]
    uncertainty: bytes


@dataclass(frozen=True)
class PageContent:
    """Everything on the page of ``file``.

    ``shown`` is the size, width first, of the picture ``before`` and ``after`` as the page shows it; ``opaque`` are
    both without their alpha, None where there is none. ``alphas`` has the alpha of both in red and green where the
    palette has alpha, else None. ``labels`` has each label in the bytes of red, green and blue;
    ``transparent`` is that of fully transparent pixels, None where there are none. ``sweep_note`` has sentences about
    the ``sweep``, if any; ``chosen`` says how ``-k auto`` chose the number of colours. ``sweep`` and ``iterations`` are
    empty where the palette was not fitted to this picture alone.
    """

    file: IndexedFile
    shown: tuple[int, int]
    before: bytes
    after: bytes
    opaque: tuple[bytes, bytes] | None
    alphas: bytes | None
    labels: bytes
    transparent: int | None
    sweep: tuple[SweepImage, ...]
    sweep_note: str
    chosen: ChosenK | None
    iterations: IterationImages | None
    posteriors: PosteriorImages | None


def page_content(file: IndexedFile) -> PageContent:
    """Compute and encode all that the page of a file shows."""
    image, quantized = file.image, file.quantized
    sample = Downsampling.of(image.rgb, SHOWN_SIDE)
    rgb, alpha = sample.take(image.rgb), None if image.alpha is None else sample.take(image.alpha)
    result = _Rendering.of(quantized, sample)
    fit = file if isinstance(file, QuantizedFile) else None
    own = None if fit is None or fit.quantized.shared is not None else fit
    iterated = None if own is None else own.iterations
    mixture = fit is not None and isinstance(fit.quantized.model, GaussianMixture) and fitted(fit.quantized)
    return PageContent(
        file=file,
        shown=(rgb.shape[1], rgb.shape[0]),
        before=encoding.encode_rgb(rgb, alpha),
        after=result.lossless(),
        opaque=None if alpha is None else (encoding.encode_rgb(rgb, None), result.opaque()),
        alphas=_alphas(alpha, result.alpha) if quantized.palette.alpha is not None else None,
        labels=_packed(result.labels),
        transparent=None if file.counted.mask is None else len(quantized.palette),
        sweep=() if own is None else _sweep_images(own.sweep),
        sweep_note="" if own is None else _sweep_note(own.sweep),
        chosen=None if fit is None else fit.chosen,
        iterations=None if own is None or iterated is None else _iteration_images(iterated, own.assign),
        posteriors=_posterior_images(fit.posteriors, sample, rgb) if fit is not None and mixture else None,
    )


def _alphas(before: UInt8Array | None, after: UInt8Array | None) -> bytes | None:
    """The alpha (h, w) uint8 of two pictures in the red and green of a PNG."""
    if before is None or after is None:
        return None
    return encoding.encode_rgb(np.dstack([before, after, np.zeros_like(after)]), None)


def fitted(quantized: Quantized) -> bool:
    """Whether there was anything to fit: False where each colour became a cluster of its own."""
    return quantized.n_iter != 0


@dataclass(frozen=True)
class _Rendering:
    """A quantized picture as a page shows it.

    ``labels`` (h, w) are rows of ``palette``, or one past its end where a pixel is fully transparent. ``painted``
    (h, w, 3) is the picture where pixels keep their own lightness, else None.
    """

    labels: AnyArray
    palette: UInt8Array
    painted: UInt8Array | None
    alpha: UInt8Array | None

    @classmethod
    def of(cls, quantized: IndexedImage, sample: Downsampling) -> _Rendering:
        painted, alpha = (
            None if pixels is None else sample.take(pixels) for pixels in (quantized.painted, quantized.alpha)
        )
        return cls(sample.take(quantized.labels), quantized.palette.colors, painted, alpha)

    @property
    def rgb(self) -> UInt8Array:
        if self.painted is not None:
            return self.painted
        return np.concatenate([self.palette, np.zeros((1, 3), np.uint8)])[self.labels]

    def lossless(self) -> bytes:
        """The picture as a PNG."""
        if self.painted is not None:
            return encoding.encode_rgb(self.painted, self.alpha)
        return encoding.encode_labels(self.labels, self.palette, self.alpha, gray=False, fast=True)

    def opaque(self) -> bytes:
        """The picture as a PNG without alpha, since browsers round the colours of partly transparent pixels."""
        return encoding.encode_rgb(self.rgb, None)

    def compact(self) -> bytes:
        """The picture as a small file for viewing: a JPEG where an indexed PNG is not possible."""
        indexed = self.painted is None and len(self.palette) <= 256
        return self.lossless() if indexed or self.alpha is not None else encoding.encode_jpeg(self.rgb)


def _packed(numbers: AnyArray) -> bytes:
    """Numbers (h, w) below 2^24 as a PNG whose red, green and blue are their bytes, the lowest first."""
    wide = numbers.astype(np.uint32)
    return encoding.encode_rgb(np.stack([wide & 255, wide >> 8 & 255, wide >> 16], axis=2).astype(np.uint8), None)


def _slider_side(k: int) -> int:
    return SLIDER_SIDE if k <= MANY_COLORS else MANY_COLORS_SIDE


def _sweep_images(sweep: Sweep) -> tuple[SweepImage, ...]:
    samples = {
        side: Downsampling.of(sweep.image.rgb, side) for side in {_slider_side(run.options.k) for run in sweep.runs}
    }
    return tuple(
        SweepImage(run.options.k, run, _Rendering.of(run, samples[_slider_side(run.options.k)]).compact())
        for run in sweep.runs
    )


def _sweep_note(sweep: Sweep) -> str:
    height, width = sweep.image.rgb.shape[:2]
    size = f"To save time, these fits use a sample of {width:,} × {height:,} pixels of the picture."
    return " ".join([*([size] if sweep.is_sample else []), *sweep.failures])


def _iteration_images(iterated: Iterated, assign: str | None) -> IterationImages:
    run, options = iterated.run, iterated.run.options
    height, width = iterated.image.rgb.shape[:2]
    if iterated.own:
        words = "The iterations of this run."
    else:
        size = f", fitted to a sample of {width:,} × {height:,} pixels" if iterated.is_sample else ""
        words = f"{iterated.reason}: these are the iterations of the textbook's algorithm from random colours{size}."
    painter = _IterationPainter.of(iterated.image, _slider_side(options.k), run, assign)
    chosen = sorted({round(place) for place in np.linspace(0, len(run.history) - 1, MOST_ITERATIONS)})
    return IterationImages(
        words=words,
        scatter=painter.scatter,
        images=tuple(painter.image(run.history[place]) for place in chosen),
        objectives=tuple(iteration.objective for iteration in run.history),
        pixels=run.weight,
        own=iterated.own,
    )


@dataclass(frozen=True)
class _IterationPainter:
    """Paints a picture by the models of a fit's iterations.

    ``index`` (h, w) is for each pixel the row of its colour in ``rgb`` and ``features``; one past the end where the
    pixel is fully transparent.
    """

    rgb: UInt8Array
    projection: Projection
    features: FloatArray
    index: IntArray
    alpha: UInt8Array | None
    assign: str | None
    scatter: Scatter

    @classmethod
    def of(cls, image: CountedImage, side: int, run: Quantized, assign: str | None) -> _IterationPainter:
        """The painter of an image, with at most ``side`` of its pixels across and down.

        The axes of its scatter have room for the ellipses of the last iteration.
        """
        projection, image = projection_of(run.options), counted_for(image, run.options)
        sample = Downsampling.of(image.rgb, side)
        rows, index = seen_colors(sample.take(image.index), len(image.histogram))
        colors = image.histogram.colors[rows]
        rgb, features = on_gray(colors) if image.histogram.has_alpha else colors, projection.features(colors)
        counts = np.bincount(index.reshape(-1), minlength=len(rows) + 1)[: len(rows)]
        scatter = Scatter.of(features, rgb, counts, projection.bands, [run.history[-1].model])
        alpha = None if image.alpha is None else sample.take(image.alpha)
        return cls(rgb, projection, features, index, alpha, assign, scatter)

    def image(self, iteration: Iteration) -> IterationImage:
        """The iteration with its picture and its centres."""
        model = iteration.model
        few = model.points[:MOST_CENTERS]
        ellipses = (
            self.scatter.ellipses(model.covariances[:MOST_CENTERS]) if isinstance(model, GaussianMixture) else None
        )
        return IterationImage(
            number=iteration.number,
            objective=iteration.objective,
            image=self._painted(model).compact(),
            centers=self.scatter.places(few),
            ellipses=ellipses,
            sizes=iteration.sizes[: len(few)].tolist(),
            colors=self._colors(few),
        )

    def _colors(self, points: FloatArray) -> UInt8Array:
        """The colours (k, 3) of ``points`` (k, d), or (k, 4) with alpha; lightness that pixels keep is a middle one."""
        return self.projection.to_rgb(points, np.full((len(points), 3), 150, np.uint8))

    def _painted(self, model: Model) -> _Rendering:
        labels = assigned(model, self.features, self.assign)
        k = len(model.points)
        spread = np.append(labels, k)[self.index]
        if not self.projection.keep_luma:
            rows = self.projection.to_rgb(model.points)
            alpha = rows[:, 3][spread] if rows.shape[1] == 4 else self.alpha
            return _Rendering(spread, np.ascontiguousarray(rows[:, :3]), None, alpha)
        colors = self.projection.to_rgb(model.points[labels], self.rgb)
        painted = np.concatenate([colors, np.zeros((1, 3), np.uint8)])[self.index]
        return _Rendering(spread, np.zeros((k, 3), np.uint8), painted, self.alpha)


def seen_colors(index: Int32Array, n: int) -> tuple[IntArray, IntArray]:
    """The colours that occur in some pixels: their rows (m,) among ``n``, and for each pixel its position among them.

    ``index`` (h, w) has the row of each pixel, n for a fully transparent one, whose position is m.
    """
    rows, places = np.unique(index, return_inverse=True)
    return rows[rows < n].astype(np.int64), places.reshape(index.shape).astype(np.int64)


def _posterior_images(posteriors: Posteriors, sample: Downsampling, rgb: UInt8Array) -> PosteriorImages:
    """The posteriors at the pixels ``rgb`` (h, w, 3) of a ``sample`` of the picture."""
    seen, index = seen_colors(sample.take(posteriors.index), len(posteriors.features))
    strongest, shares, components, levels = _color_posteriors(posteriors, seen)
    small, medium = (Downsampling.of(rgb, side).take(index) for side in (COMPONENT_SIDE, SLIDER_SIDE))
    return PosteriorImages(
        strongest=tuple(_packed(strongest[:, place][index]) for place in range(min(posteriors.k, STRONGEST))),
        shares=encoding.encode_rgb(np.rint(shares * 255).astype(np.uint8)[index], None),
        components=tuple(encoding.encode_share(column[small]) for column in components.T),
        uncertainty=encoding.encode_labels(levels[medium], _uncertainty_palette(), None, gray=False, fast=True),
    )


def _uncertainty_palette() -> UInt8Array:
    """The colour of each level of entropy, (256, 3).

    It is interpolated in UNCERTAINTY_COLORS at the root of the level, since most levels are low.
    """
    anchors = np.array([list(bytes.fromhex(color[1:])) for color in UNCERTAINTY_COLORS], np.float64)
    places = np.sqrt(np.arange(256) / 255) * (len(anchors) - 1)
    bands = [np.interp(places, np.arange(len(anchors)), band) for band in anchors.T]
    palette: UInt8Array = np.rint(np.stack(bands, axis=1)).astype(np.uint8)
    return palette


def _color_posteriors(
    posteriors: Posteriors, seen: IntArray
) -> tuple[IntArray, Float32Array, Float32Array, UInt8Array]:
    """The strongest components of the colours ``seen``, their shares, the first components' shares, the entropy.

    Each has an additional row of zeros for transparent pixels.
    """
    k, rows = posteriors.k, len(seen) + 1
    strongest, shares = np.zeros((rows, STRONGEST), np.int64), np.zeros((rows, STRONGEST), np.float32)
    components, levels = np.zeros((rows, min(k, MOST_COMPONENTS)), np.float32), np.zeros(rows, np.uint8)
    for block in row_blocks(len(seen), k):
        values = posteriors.of_colors(seen[block])
        order = np.argsort(-values, axis=1, kind="stable")[:, :STRONGEST]
        strongest[block, : order.shape[1]] = order
        shares[block, : order.shape[1]] = np.take_along_axis(values, order, axis=1)
        components[block] = values[:, : components.shape[1]]
        levels[block] = entropy_levels(values)
    return strongest, shares, components, levels
