"""What the page of a quantized picture shows: its pixels, other numbers of colours, iterations, posteriors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from colorquant.analysis import posteriors as posterior_maps
from colorquant.analysis import sweep as sweeps
from colorquant.blocks import row_blocks
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram, visible_mask
from colorquant.color.spaces import Projection
from colorquant.errors import EngineError
from colorquant.fitting.models import GaussianMixture, Iteration, Model, assigned
from colorquant.fitting.options import FitOptions
from colorquant.images import Picture, encoding
from colorquant.images.downsampling import Downsampling, downsample
from colorquant.quantization import Quantized, quantize
from colorquant.report.html.exhibit import Beliefs, Exhibit, Step, Trial, Walk
from colorquant.report.html.scatter import Scatter
from colorquant.types import AnyArray, FloatArray, Int32Array, UInt8Array

if TYPE_CHECKING:
    from colorquant.batch.jobs import Finished


SHOWN, FRAME, SMALL = 960, 640, 320  # longest side of the result, of a slider's picture, of a posterior
MANY_COLORS, MANY_SIDE = 64, 448  # a slider's pictures of so many colours compress badly: they are smaller
MOST_STEPS = 24  # iterations shown
MOST_CENTERS = 64  # drawn over the colours
MOST_COMPONENTS = 16  # whose posteriors are shown
STRONGEST = 3  # components named at a pixel
LARGEST_STUDY = 2_000_000  # pixels; a larger picture is studied as it is shown, to take seconds
STEPS_WORK = {"kmeans": 1 << 26, "em": 1 << 24}  # pixels times colours of the textbook's run, for the same reason
SWEEP_WORK = {  # pixels times all numbers of colours, of engines that fit every pixel
    ("opencv", "kmeans"): 1 << 24,
    ("opencv", "em"): 1 << 20,
    ("sklearn", "kmeans"): 1 << 24,
    ("sklearn", "em"): 1 << 22,
}


def exhibit(done: Finished) -> Exhibit:
    """All that the page shows."""
    picture, quantized = done.picture, done.quantized
    sample = Downsampling.of(picture.rgb, SHOWN)
    shown = downsample(picture, SHOWN)
    look = _Look.of(quantized, sample)
    transparent = len(quantized.palette) if visible_mask(picture.alpha) is not None else None
    trials, trials_note = _trials(done)
    return Exhibit(
        name=done.name,
        size=(picture.rgb.shape[1], picture.rgb.shape[0]),
        shown=(shown.rgb.shape[1], shown.rgb.shape[0]),
        bytes_in=picture.bytes_in,
        bytes_out=done.bytes_out,
        quantized=quantized,
        bands=Projection.of(quantized.options.space, quantized.options.keep_luma).bands,
        notes=done.notes,
        paint=done.recipe.paint,
        assign=done.recipe.assign,
        before=encoding.encode_rgb(shown.rgb, shown.alpha),
        after=look.lossless(),
        opaque=None if shown.alpha is None else (encoding.encode_rgb(shown.rgb, None), look.opaque()),
        labels=_packed(look.labels),
        transparent=transparent,
        trials=trials,
        trials_note=trials_note,
        walk=_walk(done),
        beliefs=_beliefs(shown, quantized) if fitted(quantized) else None,
    )


def fitted(quantized: Quantized) -> bool:
    """Whether there was anything to fit: not where each colour became a cluster of its own."""
    return quantized.n_iter != 0


@dataclass(frozen=True)
class _Look:
    """Labels (h, w) with their palette, and the picture (h, w, 3) where the palette does not tell it, with alpha."""

    labels: AnyArray
    palette: UInt8Array
    painted: UInt8Array | None
    alpha: UInt8Array | None

    @classmethod
    def of(cls, quantized: Quantized, sample: Downsampling) -> _Look:
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
        """As a PNG."""
        if self.painted is not None:
            return encoding.encode_rgb(self.painted, self.alpha)
        return encoding.encode_labels(self.labels, self.palette, self.alpha, gray=False)

    def opaque(self) -> bytes:
        """As a PNG without alpha, which a browser's rounding of transparent colours does not touch."""
        return encoding.encode_rgb(self.rgb, None)

    def compact(self) -> bytes:
        """To be looked at: a JPEG where an indexed PNG is not possible."""
        indexed = self.painted is None and len(self.palette) <= 256
        return self.lossless() if indexed or self.alpha is not None else encoding.encode_jpeg(self.rgb)


def _packed(numbers: AnyArray) -> bytes:
    """Numbers (h, w) below 2^24 as a PNG whose red, green and blue are their bytes, the lowest first."""
    wide = numbers.astype(np.uint32)
    return encoding.encode_rgb(np.stack([wide & 255, wide >> 8 & 255, wide >> 16], axis=2).astype(np.uint8), None)


def _frame_side(k: int) -> int:
    return FRAME if k <= MANY_COLORS else MANY_SIDE


def _trials(done: Finished) -> tuple[tuple[Trial, ...], str]:
    """The picture with other numbers of colours, and what is to be said of them."""
    own, options = done.quantized, done.quantized.options
    ks = sweeps.sweep_ks(options.k)
    enough = [k for k in ks if k >= own.colors_in]
    ks = [k for k in ks if k < own.colors_in or k == enough[0]]
    picture = _study_picture(done.picture, sum(ks), SWEEP_WORK.get((options.engine, options.method), 1 << 62))
    whole = picture is done.picture
    sample, trials, failed = Downsampling.of(picture.rgb, FRAME), [], []
    for k in ks:
        try:
            run = own if whole and k == options.k else _again(done, picture, k)
        except EngineError as error:
            failed.append(f"{k} colours failed: {error}.")
            continue
        look = _Look.of(run, sample if k <= MANY_COLORS else Downsampling.of(picture.rgb, MANY_SIDE))
        trials.append(Trial(k, run, look.compact()))
    height, width = picture.rgb.shape[:2]
    reduced = [] if whole else [f"To take seconds, these fits are of {width:,} × {height:,} pixels of the picture."]
    return tuple(trials), " ".join([*reduced, *failed])


def _again(done: Finished, picture: Picture, k: int) -> Quantized:
    return sweeps.sweep(
        CountedImage(picture.rgb, picture.alpha),
        done.quantized.options,
        [k],
        paint=done.recipe.paint,
        assign=done.recipe.assign,
    )[0]


def _study_picture(picture: Picture, colors: int, work: int) -> Picture:
    """The picture, or less of it where it is large or fits of so many ``colors`` would take more than ``work``."""
    height, width = picture.rgb.shape[:2]
    if height * width <= min(LARGEST_STUDY, work // colors):
        return picture
    side = max(height, width) * (work / colors / (height * width)) ** 0.5
    return downsample(picture, max(16, int(min(side, SHOWN))))


def _walk(done: Finished) -> Walk | None:
    """The iterations: of the run itself where the user chose its start or end, else of the textbook's algorithm."""
    quantized, picture, options = done.quantized, done.picture, done.quantized.options
    if not fitted(quantized):
        return None
    own = options.init not in (None, "split", "search") or options.max_iter is not None or options.tol is not None
    run = quantized
    if own and quantized.history:
        words = "The iterations of this run."
    else:
        why = (
            "This run started from a search and had hardly anything left to move"
            if options.engine == "numpy"
            else f"The engine {options.engine} does not tell its iterations"
        )
        picture = _study_picture(picture, options.k, STEPS_WORK[options.method])
        run = _textbook(picture, options)
        height, width = picture.rgb.shape[:2]
        size = f", on {width:,} × {height:,} pixels" if picture.rgb.shape != done.picture.rgb.shape else ""
        words = f"{why}: these are the iterations of the textbook's algorithm from random colours{size}."
    if len(run.history) < 2:
        return None
    canvas = _Canvas.of(downsample(picture, _frame_side(options.k)), options, done.recipe.assign)
    chosen = sorted({round(place) for place in np.linspace(0, len(run.history) - 1, MOST_STEPS)})
    steps = tuple(canvas.step(run.history[place]) for place in chosen)
    objectives = tuple(now.objective for now in run.history)
    return Walk(words, canvas.scatter, steps, objectives, run.weight, run is quantized)


def _textbook(picture: Picture, options: FitOptions) -> Quantized:
    """The same fit by iterations from random colours."""
    plain = options.replace(engine="numpy", init="random", attempts=1, max_iter=None, tol=None, effort=None)
    return quantize(CountedImage(picture.rgb, picture.alpha), plain, record=True)


@dataclass(frozen=True)
class _Canvas:
    """A picture that is painted again and again by the models of a fit.

    ``index`` (h, w) names for each pixel its row of ``histogram`` with its ``features``; one past the end where the
    pixel is fully transparent.
    """

    histogram: ColorHistogram
    projection: Projection
    features: FloatArray
    index: Int32Array
    alpha: UInt8Array | None
    assign: str | None
    scatter: Scatter

    @classmethod
    def of(cls, picture: Picture, options: FitOptions, assign: str | None) -> _Canvas:
        projection = Projection.of(options.space, options.keep_luma)
        histogram, index = _counted_colors(picture)
        features = projection.features(histogram.colors)
        scatter = Scatter.of(features, histogram.colors, histogram.counts, projection.bands)
        return cls(histogram, projection, features, index, picture.alpha, assign, scatter)

    def step(self, now: Iteration) -> Step:
        """The iteration with its picture and its centres."""
        model = now.model
        few = model.points[:MOST_CENTERS]
        ellipses = (
            self.scatter.ellipses(model.covariances[:MOST_CENTERS]) if isinstance(model, GaussianMixture) else None
        )
        return Step(
            number=now.number,
            objective=now.objective,
            picture=self._painted(model).compact(),
            places=self.scatter.places(few),
            ellipses=ellipses,
            sizes=now.sizes[: len(few)].tolist(),
            colors=self._colors(few),
        )

    def _colors(self, points: FloatArray) -> UInt8Array:
        """The colours (k, 3) of ``points`` (k, d); at a middle lightness where pixels keep their own."""
        return self.projection.to_rgb(points, np.full((len(points), 3), 150, np.uint8))

    def _painted(self, model: Model) -> _Look:
        labels = assigned(model, self.features, self.assign)
        k = len(model.points)
        spread = np.append(labels, k)[self.index]
        if not self.projection.keep_luma:
            return _Look(spread, self.projection.to_rgb(model.points), None, self.alpha)
        colors = self.projection.to_rgb(model.points[labels], self.histogram.colors)
        painted = np.concatenate([colors, np.zeros((1, 3), np.uint8)])[self.index]
        return _Look(spread, np.zeros((k, 3), np.uint8), painted, self.alpha)


def _beliefs(shown: Picture, quantized: Quantized) -> Beliefs | None:
    """The posteriors of a mixture at the pixels of the picture as ``shown``; None for k-means."""
    model = quantized.model
    if not isinstance(model, GaussianMixture):
        return None
    projection = Projection.of(quantized.options.space, quantized.options.keep_luma)
    histogram, index = _counted_colors(shown)
    n, k = len(histogram), len(model.points)
    strongest, shares = np.zeros((n + 1, STRONGEST), np.int64), np.zeros((n + 1, STRONGEST), np.float32)
    first, levels = np.zeros((n + 1, min(k, MOST_COMPONENTS)), np.float32), np.zeros(n + 1, np.uint8)
    features = projection.features(histogram.colors)
    for rows in row_blocks(n, k):
        posteriors = model.posteriors(features[rows])
        order = np.argsort(-posteriors, axis=1, kind="stable")[:, :STRONGEST]
        strongest[rows, : order.shape[1]] = order
        shares[rows, : order.shape[1]] = np.take_along_axis(posteriors, order, axis=1)
        first[rows] = posteriors[:, : first.shape[1]]
        levels[rows] = posterior_maps.entropy_levels(posteriors)
    small = Downsampling.of(shown.rgb, SMALL).take(index)
    return Beliefs(
        strongest=tuple(_packed(strongest[:, place][index]) for place in range(min(k, STRONGEST))),
        shares=encoding.encode_rgb(np.rint(shares * 255).astype(np.uint8)[index], None),
        components=tuple(encoding.encode_share(first[:, label][small]) for label in range(first.shape[1])),
        uncertainty=encoding.encode_gray(levels[Downsampling.of(shown.rgb, FRAME).take(index)]),
    )


def _counted_colors(picture: Picture) -> tuple[ColorHistogram, Int32Array]:
    """The histogram of a picture, and for each pixel (h, w) the row of its colour."""
    image = CountedImage(picture.rgb, picture.alpha)
    return image.histogram, image.index
