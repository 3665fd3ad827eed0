"""Run a grid of combinations on an image, measure each, and compare their labels with each other and a truth."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import combinations
from pathlib import Path

import numpy as np

from colorquant.analysis import baselines, measures
from colorquant.analysis.agreement import Contingency
from colorquant.analysis.grid import Grid, tag, variant
from colorquant.batch import naming
from colorquant.batch import run as batch
from colorquant.color import difference
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import count_distinct, count_pairs, visible_mask
from colorquant.color.spaces import SPACES, Projection
from colorquant.errors import ImageReadError
from colorquant.files import check_writable, write_whole
from colorquant.fitting.options import FitOptions
from colorquant.images import Picture, read_image, read_label_map
from colorquant.images.decoding import Reading
from colorquant.images.downsampling import downsample, encode_preview, preview_side
from colorquant.images.encoding import encode_labels, encode_rgb, picture_chunks
from colorquant.quantization import encode_png, quantize
from colorquant.report import comparison_records as comparisons
from colorquant.report import contact_sheet as sheets
from colorquant.report.figures import compared
from colorquant.types import LabelArray, UInt8Array

PERCENT = 95  # of the pixels differ by no more than ``ciede2000_p95``


@dataclass(frozen=True)
class Measures:
    """A quantized picture in numbers; transparent pixels have no part in them, partly transparent ones by their alpha.

    ``mse`` sums over the three channels; ``psnr`` in dB, infinite where nothing was lost; ``ssim`` None without
    scikit-image. ``bytes`` is the PNG's size, ``bits_per_pixel`` what that is for each pixel; ``index_bits`` what a
    pixel costs before any compression. ``seconds`` is wall time without reading and writing. None: not told, or not
    of this method.
    """

    mse: float
    psnr: float
    ssim: float | None
    ciede2000_mean: float
    ciede2000_p95: float
    colors: int
    bytes: int
    bits_per_pixel: float
    index_bits: int
    n_iter: int | None
    converged: bool | None
    log_likelihood: float | None
    bic: float | None
    aic: float | None
    seconds: float


@dataclass(frozen=True)
class Summary:
    """Mean, standard deviation (of a sample), least and greatest of some runs' values."""

    mean: float
    std: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """The summary of at least two values."""
        return cls(statistics.fmean(values), statistics.stdev(values), min(values), max(values))


@dataclass(frozen=True)
class Spread:
    """A combination from several seeds; ``ari`` is the mean adjusted Rand index of the labels of each two runs."""

    seeds: int
    mse: Summary
    log_likelihood: Summary | None
    ari: float


@dataclass(frozen=True)
class Agreement:
    """How the labels of a cell agree with those of the cell called ``other``.

    ``ari`` is the adjusted Rand index, ``matched`` the share of pixels whose labels agree once they are matched one to
    one (None above 1024 labels).
    """

    other: str
    ari: float
    matched: float | None


@dataclass(frozen=True)
class Truth:
    """Agreement with a ground truth: adjusted Rand index, and mean intersection over union of the matched labels."""

    ari: float
    mean_iou: float | None


@dataclass(frozen=True)
class Cell:
    """One combination on one image: ``measures``, or an ``error`` with its ``details`` (the traceback)."""

    options: FitOptions
    measures: Measures | None
    output: Path | None = None
    spread: Spread | None = None
    truth: Truth | None = None
    agreement: tuple[Agreement, ...] = ()
    error: str | None = None
    details: str = ""

    @property
    def name(self) -> str:
        """Such as ``em16-numpy-rgb-full``."""
        return tag(self.options)

    @property
    def variant(self) -> str:
        """The name without k."""
        return variant(self.options)


@dataclass(frozen=True)
class Comparison:
    """All cells of one image, in the order of the grid; ``sheet`` is the contact sheet, if one was written.

    ``notes`` say what was lost when the image was read, ``warnings`` those that a user should see without asking. For a
    page ``pictures`` has PNGs or JPEGs as it shows them, ``shown`` their size, width first: the original under the
    empty name, and each cell under its own.
    """

    width: int
    height: int
    colors_in: int
    bytes_in: int
    cells: tuple[Cell, ...]
    sheet: Path | None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    shown: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Destination:
    """Where the pictures of one input go: nowhere without a ``folder``; existing ones stay unless ``force``.

    ``figure`` is a file and a key of COMPARED, the figure that it shall hold. With ``page`` they are also kept
    as a page shows them.
    """

    folder: Path | None
    stem: str
    force: bool = False
    truth: Path | None = None
    figure: tuple[Path, str] | None = None
    page: bool = False

    def picture(self, options: FitOptions) -> Path | None:
        """The file of a cell's picture."""
        return None if self.folder is None else self.folder / f"{self.stem}-{tag(options)}.png"

    @property
    def sheet(self) -> Path | None:
        """The file of the contact sheet."""
        return None if self.folder is None else self.folder / f"{self.stem}-compare.png"

    def files(self, grid: Grid) -> list[Path]:
        """All files that can be written."""
        figure = None if self.figure is None else self.figure[0]
        files = [*(self.picture(options) for options in grid.combinations), self.sheet, figure]
        return [path for path in files if path is not None]


@dataclass(frozen=True)
class _Painted:
    """What a combination made of a picture: ``labels`` and ``rgb`` as in :class:`colorquant.quantization.Quantized`."""

    labels: LabelArray
    rgb: UInt8Array
    png: bytes
    seconds: float
    n_iter: int | None = None
    converged: bool | None = None
    log_likelihood: float | None = None
    bic: float | None = None
    aic: float | None = None


@dataclass(frozen=True)
class _Run:
    """A finished cell, with what the whole image's results need: ``labels`` (n,) of the pixels that have a vote."""

    cell: Cell
    labels: LabelArray
    png: bytes
    thumbnail: UInt8Array | None
    shown: bytes | None


@dataclass(frozen=True)
class _Subject:
    """The image that all cells share, and its ``truth`` (n,), the labels of the pixels that have a vote.

    ``side`` is the longest side of what a page shows.
    """

    picture: Picture
    truth: LabelArray | None
    side: int

    @cached_property
    def image(self) -> CountedImage:
        """The picture, counted once for all cells."""
        return CountedImage(self.picture.rgb, self.picture.alpha)


def compare_file(
    item: naming.Input,
    source: Path | bytes,
    grid: Grid,
    destination: Destination,
    reading: Reading = Reading(),  # noqa: B008  it is frozen
    progress: Callable[[], None] | None = None,
) -> Comparison:
    """Run the grid on one image, and write the pictures and the contact sheet where ``destination`` asks for them.

    A combination that fails becomes a cell that says so. ``progress`` is called after each. Nothing is written unless
    all could be encoded. Raises ImageReadError for the image or the truth, and OutputError.
    """
    check_writable(destination.files(grid), force=destination.force)
    picture = read_image(source, reading)
    truth = None if destination.truth is None else _read_truth(destination.truth, picture, reading)
    subject = _Subject(picture, truth, preview_side(len(grid.combinations)))
    runs: list[_Run | Cell] = []
    plan = [(item, options) for options in grid.combinations]
    task = partial(_run, subject=subject, destination=destination, seeds=grid.seeds)
    for (_, options), outcome in zip(plan, batch.run(plan, task), strict=True):
        failed = Cell(options, None, error=outcome.error, details=outcome.details)
        runs.append(failed if outcome.result is None else outcome.result)
        if progress is not None:
            progress()
    height, width = picture.rgb.shape[:2]
    comparison = Comparison(
        width=width,
        height=height,
        colors_in=len(subject.image.histogram),
        bytes_in=picture.bytes_in,
        cells=_agreeing(runs),
        sheet=destination.sheet,
        notes=picture.notes,
        warnings=picture.warnings,
    )
    done = [run for run in runs if isinstance(run, _Run)]
    _write(item, picture, comparison, done, destination)
    return _with_pictures(comparison, subject, done) if destination.page else comparison


def _with_pictures(comparison: Comparison, subject: _Subject, runs: Sequence[_Run]) -> Comparison:
    original = downsample(subject.picture, subject.side)
    pictures = {"": encode_rgb(original.rgb, original.alpha)}
    pictures.update((run.cell.name, run.shown) for run in runs if run.shown is not None)
    return replace(comparison, pictures=pictures, shown=(original.rgb.shape[1], original.rgb.shape[0]))


def _read_truth(path: Path, picture: Picture, reading: Reading) -> LabelArray:
    try:
        labels = read_label_map(path, replace(reading, frame=0))
    except ImageReadError as error:
        raise ImageReadError(f"--truth {path}: {error}") from error
    if labels.shape != picture.rgb.shape[:2]:
        (height, width), (truth_height, truth_width) = picture.rgb.shape[:2], labels.shape
        raise ImageReadError(
            f"--truth {path} is {truth_width} × {truth_height}, the image {width} × {height}: give labels of its size"
        )
    visible = visible_mask(picture.alpha)
    return labels.reshape(-1) if visible is None else labels[visible]


def _run(item: naming.Input, options: FitOptions, *, subject: _Subject, destination: Destination, seeds: int) -> _Run:
    painted = _paint(subject, options)
    labels = subject.image.of_visible(painted.labels)
    measures = _measured(subject, options, painted)
    spread = (
        None if seeds == 1 or options.engine in baselines.RIVALS else _spread(subject, options, seeds, measures, labels)
    )
    truth = None
    if subject.truth is not None:
        contingency = Contingency.of(labels, subject.truth)
        truth = Truth(contingency.adjusted_rand_index, contingency.mean_iou)
    output = destination.picture(options)
    unseen = output is None and destination.figure is None
    thumbnail = None if unseen else sheets.thumbnail(painted.rgb, subject.picture.alpha)
    shown = encode_preview(painted.rgb, subject.picture.alpha, subject.side) if destination.page else None
    return _Run(Cell(options, measures, output, spread, truth), labels, painted.png, thumbnail, shown)


def _paint(subject: _Subject, options: FitOptions) -> _Painted:
    rgb, alpha = subject.picture.rgb, subject.picture.alpha
    visible, chunks, start = subject.image.mask, picture_chunks(subject.picture.density), time.perf_counter()
    if options.engine not in baselines.RIVALS:
        quantized = quantize(subject.image, options)
        seconds = time.perf_counter() - start
        told = (quantized.n_iter, quantized.converged, quantized.log_likelihood, quantized.bic, quantized.aic)
        return _Painted(quantized.labels, quantized.rgb, encode_png(quantized, chunks), seconds, *told)
    labels, palette = baselines.quantize(rgb, visible, options.engine, options.k)
    seconds = time.perf_counter() - start
    painted = np.concatenate([palette, np.zeros((1, 3), np.uint8)])[labels]
    return _Painted(labels, painted, encode_labels(labels, palette, alpha, gray=False, chunks=chunks), seconds)


def _measured(subject: _Subject, options: FitOptions, painted: _Painted) -> Measures:
    rgb, visible = subject.picture.rgb, subject.image.visible
    before, after, votes = count_pairs(visible.rgb, subject.image.of_visible(painted.rgb), visible.alpha)
    error = difference.mse(before, after, votes)
    to_lab = SPACES["lab"].forward
    differences = difference.ciede2000(to_lab(before), to_lab(after))
    mean, percentile = measures.mean_and_percentile(differences, votes, PERCENT)
    hidden = rgb if visible.mask is None else np.where(visible.mask[:, :, None], rgb, 0).astype(np.uint8)
    luma = options.engine not in baselines.RIVALS and Projection.of(options.space, options.keep_luma).keep_luma
    return Measures(
        mse=error,
        psnr=difference.psnr(error),
        ssim=measures.ssim(hidden, painted.rgb),
        ciede2000_mean=mean,
        ciede2000_p95=percentile,
        colors=count_distinct(after),
        bytes=len(painted.png),
        bits_per_pixel=8 * len(painted.png) / (rgb.shape[0] * rgb.shape[1]),
        index_bits=(8 if luma else 0) + math.ceil(math.log2(options.k)),
        n_iter=painted.n_iter,
        converged=painted.converged,
        log_likelihood=painted.log_likelihood,
        bic=painted.bic,
        aic=painted.aic,
        seconds=painted.seconds,
    )


def _spread(subject: _Subject, options: FitOptions, seeds: int, first: Measures, labels: LabelArray) -> Spread:
    """The same combination from the other seeds, beside the ``first`` with its ``labels`` (n,)."""
    errors, likelihoods, partitions = [first.mse], [first.log_likelihood], [labels]
    for number in range(1, seeds):
        quantized = quantize(subject.image, options.replace(seed=options.seed + number))
        errors.append(quantized.mse)
        likelihoods.append(quantized.log_likelihood)
        partitions.append(subject.image.of_visible(quantized.labels))
    told = [value for value in likelihoods if value is not None]
    pairs = [Contingency.of(*pair).adjusted_rand_index for pair in combinations(partitions, 2)]
    likelihood = Summary.of(told) if len(told) == seeds else None
    return Spread(seeds, Summary.of(errors), likelihood, statistics.fmean(pairs))


def _agreeing(runs: Sequence[_Run | Cell]) -> tuple[Cell, ...]:
    """The cells, each with its agreement with every other one that did not fail."""
    done = [run for run in runs if isinstance(run, _Run)]
    found: dict[str, list[Agreement]] = {run.cell.name: [] for run in done}
    for one, other in combinations(done, 2):
        contingency = Contingency.of(one.labels, other.labels)
        ari, matched = contingency.adjusted_rand_index, contingency.matched_share
        found[one.cell.name].append(Agreement(other.cell.name, ari, matched))
        found[other.cell.name].append(Agreement(one.cell.name, ari, matched))
    return tuple(
        replace(run.cell, agreement=tuple(found[run.cell.name])) if isinstance(run, _Run) else run for run in runs
    )


def _write(
    item: naming.Input, picture: Picture, comparison: Comparison, runs: Sequence[_Run], destination: Destination
) -> None:
    """Write the pictures of the runs, the contact sheet and the figure."""
    if comparison.sheet is None and destination.figure is None:
        return
    files = [(run.cell.output, run.png) for run in runs if run.cell.output is not None]
    thumbnails = {run.cell.name: run.thumbnail for run in runs}
    original = sheets.thumbnail(picture.rgb, picture.alpha)
    if comparison.sheet is not None:
        files.append((comparison.sheet, comparisons.contact_sheet(item.name, original, comparison, thumbnails)))
    if destination.figure is not None:
        path, kind = destination.figure
        tile = sheets.Tile("original", comparisons.size_lines(comparison), original)
        rows = comparisons.tile_rows(comparison, thumbnails)
        files.append(
            (path, compared.encode(compared.Compared(item.name, comparison, tile, rows), kind, path.suffix.lower()))
        )
    write_whole(files, force=destination.force)
