"""Run a grid of combinations on an image, measure each, and compare their labels with each other and with a truth."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import combinations

import numpy as np

from colorquant.analysis import baselines
from colorquant.analysis.agreement import Contingency
from colorquant.analysis.backgrounds import measure_on_backgrounds, needs_backgrounds
from colorquant.analysis.baselines import BaselineOptions
from colorquant.analysis.grid import Combination, Grid, cell_name, dithering_of, variant
from colorquant.analysis.measures import Measures, Rendering, Value, column, columns_of, measure
from colorquant.attempts import Failure, attempt, attempt_until
from colorquant.color.counted import CountedImage
from colorquant.color.spaces import Projection
from colorquant.errors import OptionError
from colorquant.fitting import engines
from colorquant.fitting.options import FitOptions
from colorquant.images.encoding import encode_entries, encode_labels
from colorquant.images.optimizing import optimized
from colorquant.images.png import SRGB
from colorquant.quantization import encode_png, quantize
from colorquant.types import LabelArray, UInt8Array

Keep = Callable[["Cell", Rendering], None]
Progress = Callable[[Combination, float | None], None]  # before a combination with None, after it with its seconds


@dataclass(frozen=True)
class Agreement:
    """How the labels of a cell agree with those of the cell called ``other``.

    ``ari`` is the adjusted Rand index, ``matched`` the share of pixels whose labels agree once the labels of both are
    matched one to one (None above 1024 labels).
    """

    other: str
    ari: float
    matched: float | None


@dataclass(frozen=True)
class Truth:
    """Agreement with a ground truth: adjusted Rand index, and mean intersection over union of the matched labels."""

    truth_ari: float = field(metadata=column("ARI to truth", "{:.3f}", "higher", 1))
    truth_mean_iou: float | None = field(metadata=column("IoU to truth", "{:.3f}", "higher", 1))


TRUTH_MEASURES = columns_of(Truth)


@dataclass(frozen=True)
class SeedRun:
    """The measures of the run with one seed; ``truth`` is None without a ground truth."""

    seed: int
    measures: Measures
    truth: Truth | None = None


@dataclass(frozen=True)
class Spread:
    """The runs of a combination from several seeds, in the order of the seeds.

    ``ari`` is the mean adjusted Rand index of the labels of each pair of runs. Near 1, the start hardly matters.
    """

    runs: tuple[SeedRun, ...]
    ari: float


@dataclass(frozen=True)
class Statistics:
    """Mean, standard deviation (of a sample; None of a single value), least and greatest of some values."""

    mean: float
    std: float | None
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Statistics | None:
        """The statistics of the values; None of no values. An infinite value has no standard deviation."""
        if not values:
            return None
        finite = len(values) > 1 and all(map(math.isfinite, values))
        deviation = statistics.stdev(values) if finite else None
        return cls(statistics.fmean(values), deviation, min(values), max(values))


STATISTICS = tuple(statistic.name for statistic in fields(Statistics))


@dataclass(frozen=True)
class Cell:
    """One combination on one image: its ``measures``, or an ``error`` with its ``details`` (the traceback).

    With several seeds the measures and ``truth`` are those of the first, and ``spread`` has all of them. ``alpha`` is
    "palette" for a palette over RGBA, "keep" where alpha was kept apart, None for an opaque image.
    """

    options: Combination
    measures: Measures | None
    spread: Spread | None = None
    truth: Truth | None = None
    agreement: tuple[Agreement, ...] = ()
    error: str | None = None
    details: str = ""
    alpha: str | None = None

    @property
    def name(self) -> str:
        """Such as ``em16-numpy-rgb-full``."""
        return cell_name(self.options)

    @property
    def variant(self) -> str:
        """The name without k."""
        return variant(self.options)

    def value(self, key: str) -> Value:
        """The measure ``key`` of :data:`MEASURES` or :data:`TRUTH_MEASURES`; None where the cell has none."""
        return _value(self.measures, self.truth, key)

    def mean(self, key: str) -> float | None:
        """The measure ``key``, or its mean over several seeds; None where it is missing or is not a number."""
        runs = (
            [(self.measures, self.truth)]
            if self.spread is None
            else [(run.measures, run.truth) for run in self.spread.runs]
        )
        values = [_value(measures, truth, key) for measures, truth in runs]
        numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
        return statistics.fmean(numbers) if len(numbers) == len(values) else None


def _value(measures: Measures | None, truth: Truth | None, key: str) -> Value:
    for part in (measures, truth):
        if hasattr(part, key):
            value: Value = getattr(part, key)
            return value
    return None


@dataclass(frozen=True)
class Comparison:
    """The cells of one image in the order of the grid, and the image's size and number of distinct colours.

    ``not_run`` names the combinations that an interruption left out.
    """

    width: int
    height: int
    colors_in: int
    cells: tuple[Cell, ...]
    not_run: tuple[str, ...] = ()


def compare(
    image: CountedImage,
    grid: Grid,
    *,
    truth: LabelArray | None = None,
    chunks: bytes = SRGB,
    optimize: bool = False,
    keep: Keep | None = None,
    progress: Progress | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Comparison:
    """Run the combinations of the grid one after the other on an image, whose colours are counted once.

    A combination that fails becomes a cell with an error. ``truth`` (h, w) holds labels from 0. ``chunks`` of
    :func:`colorquant.images.encoding.picture_chunks` are part of each PNG, which oxipng makes smaller with
    ``optimize``. ``progress`` is called before and after each combination, ``keep`` with each finished cell and its
    picture, which is then dropped. Once ``stopped`` returns True, the current cell is abandoned, and the comparison
    ends with the cells that are finished. Raises OptionError for a truth of another size.
    """
    job = _Job.of(image, grid, truth, chunks, optimize)
    cells: list[Cell] = []
    labels: dict[str, LabelArray] = {}
    for options in grid.combinations:
        started = time.perf_counter()
        if progress is not None:
            progress(options, None)
        task = partial(_run, job, options, grid.seeds)
        result = attempt(task) if stopped is None else attempt_until(stopped, task)
        if result is None:
            break
        if isinstance(result, Failure):
            cells.append(Cell(options, None, error=result.reason, details=result.details))
        else:
            cell, rendering = result
            cells.append(cell)
            labels[cell.name] = image.of_visible(rendering.labels)
            if keep is not None:
                keep(cell, rendering)
            del rendering  # its pixels need no memory while the next one is made
        del result
        if progress is not None:
            progress(options, time.perf_counter() - started)
    height, width = image.rgb.shape[:2]
    not_run = tuple(cell_name(options) for options in grid.combinations[len(cells) :])
    colors = len((image.with_alpha if job.on_backgrounds else image).histogram)
    return Comparison(width, height, colors, _with_agreement(cells, labels), not_run)


@dataclass(frozen=True)
class _Job:
    """What all cells share: the image, ``truth`` (n,) of its visible pixels, the chunks of each PNG, and ``optimize``.

    ``counting`` is the time in seconds that it took to count the colours, ``counting_with_alpha`` that to count them
    with alpha, where that is needed. It is added to the time of each fit. With ``on_backgrounds`` results are
    measured on black, mid-gray and white.
    """

    image: CountedImage
    truth: LabelArray | None
    chunks: bytes
    optimize: bool
    counting: float
    counting_with_alpha: float
    on_backgrounds: bool

    @classmethod
    def of(cls, image: CountedImage, grid: Grid, truth: LabelArray | None, chunks: bytes, optimize: bool) -> _Job:
        """The job for an image, with the truth (h, w) of all its pixels."""
        if truth is not None and truth.shape != image.rgb.shape[:2]:
            raise OptionError(f"truth is {truth.shape}, the image {image.rgb.shape[:2]}: give a label for each pixel")
        on_backgrounds = needs_backgrounds(image, {options.alpha for options in grid.combinations})
        seconds = _seconds(lambda: len(image.histogram))  # counted here, once
        with_alpha = _seconds(lambda: len(image.with_alpha.histogram)) if on_backgrounds else 0.0
        shown = None if truth is None else image.of_visible(truth)
        return cls(image, shown, chunks, optimize, seconds, with_alpha, on_backgrounds)


def _seconds(work: Callable[[], object]) -> float:
    """The wall time that ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _run(job: _Job, options: Combination, seeds: int) -> tuple[Cell, Rendering]:
    """The cell of one combination, without its agreement, and the picture of its first seed."""
    load(options)
    first, rendering = _seed_run(job, options)
    treatment = None if job.image.opaque else "palette" if rendering.has_alpha_palette else "keep"
    cell = Cell(options, first.measures, truth=first.truth, alpha=treatment)
    if seeds == 1 or isinstance(options, BaselineOptions):
        return cell, rendering
    runs, partitions = [first], [job.image.of_visible(rendering.labels)]
    for number in range(1, seeds):
        run, other = _seed_run(job, options.replace(seed=options.seed + number))
        runs.append(run)
        partitions.append(job.image.of_visible(other.labels))
    pairs = [Contingency.of(*pair).adjusted_rand_index for pair in combinations(partitions, 2)]
    return replace(cell, spread=Spread(tuple(runs), statistics.fmean(pairs))), rendering


def load(options: Combination) -> None:
    """Import all that a combination needs, so that the import is not timed. A missing library raises its own error."""
    if isinstance(options, BaselineOptions):
        baselines.load(options.engine)
    else:
        engines.load(options)


def _seed_run(job: _Job, options: Combination) -> tuple[SeedRun, Rendering]:
    """Paint the image with one seed, and measure the result."""
    rendering = _render(job, options)
    truth = None
    if job.truth is not None:
        contingency = Contingency.of(job.image.of_visible(rendering.labels), job.truth)
        truth = Truth(contingency.adjusted_rand_index, contingency.mean_iou)
    seed = options.seed if isinstance(options, FitOptions) else 0
    measured = measure_on_backgrounds if job.on_backgrounds else measure
    return SeedRun(seed, measured(job.image, rendering), truth), rendering


def _render(job: _Job, options: Combination) -> Rendering:
    image, start = job.image, time.perf_counter()
    bits = math.ceil(math.log2(options.k))
    if isinstance(options, BaselineOptions):
        return _render_baseline(job, options, bits)
    quantized = quantize(image, options, dithering=dithering_of(options))
    counting = job.counting if quantized.palette.alpha is None else job.counting_with_alpha
    seconds = counting + time.perf_counter() - start
    luma = Projection.of(options.space, options.keep_luma).keep_luma
    return Rendering(
        labels=quantized.labels,
        rgb=quantized.rgb,
        png=encode_png(quantized, job.chunks, optimize=job.optimize),
        seconds=seconds,
        index_bits=(8 if luma else 0) + bits,
        n_iter=quantized.n_iter,
        converged=quantized.converged,
        log_likelihood=quantized.log_likelihood,
        bic=quantized.bic,
        aic=quantized.aic,
        alpha=quantized.alpha,
        has_alpha_palette=quantized.palette.alpha is not None,
    )


def _render_baseline(job: _Job, options: BaselineOptions, bits: int) -> Rendering:
    image, start = job.image, time.perf_counter()
    together = options.quantizes_alpha(image)
    if together:
        labels, entries = baselines.quantize_with_alpha(image, options)
        assert entries.alpha is not None, "its palette has alpha"
        seconds, rgb = time.perf_counter() - start, entries.colors[labels]
        alpha: UInt8Array | None = entries.alpha[labels]
        png = encode_entries(labels, entries.colors, entries.alpha, chunks=job.chunks)
    else:
        labels, palette = baselines.quantize(image.rgb, image.mask, options)
        seconds, alpha = time.perf_counter() - start, image.alpha
        rgb = np.concatenate([palette, np.zeros((1, 3), np.uint8)])[labels]
        png = encode_labels(labels, palette, alpha, gray=False, chunks=job.chunks)
    return Rendering(
        labels, rgb, optimized(png) if job.optimize else png, seconds, bits, alpha=alpha, has_alpha_palette=together
    )


def _with_agreement(cells: Sequence[Cell], labels: Mapping[str, LabelArray]) -> tuple[Cell, ...]:
    """The cells, each with its agreement with every other; ``labels`` (n,) are those of cells that did not fail."""
    agreements: dict[str, list[Agreement]] = {name: [] for name in labels}
    for one, other in combinations(labels, 2):
        contingency = Contingency.of(labels[one], labels[other])
        ari, matched = contingency.adjusted_rand_index, contingency.matched_share
        agreements[one].append(Agreement(other, ari, matched))
        agreements[other].append(Agreement(one, ari, matched))
    return tuple(replace(cell, agreement=tuple(agreements.get(cell.name, ()))) for cell in cells)
