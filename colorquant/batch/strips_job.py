"""The job of ``--strips``: a picture is read twice in strips, counted, then labelled and written, and is never whole.

Its colours are counted strip by strip, the sum is fitted, and each strip is painted and written as it is read again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from colorquant.batch.notes import palette_notes
from colorquant.batch.outputs import OUTPUTS, OutputPaths
from colorquant.batch.quantize_job import FileResult
from colorquant.batch.settings import JobOptions
from colorquant.blocks import blocks
from colorquant.color.difference import mse
from colorquant.color.frame_counting import FrameCounter
from colorquant.color.histogram import ColorHistogram, count_distinct
from colorquant.color.packing import pack
from colorquant.color.rgba import OPAQUE
from colorquant.errors import EngineError, OptionError
from colorquant.files import StagedFiles
from colorquant.fitting import engines
from colorquant.fitting.options import FitOptions
from colorquant.images import encoding
from colorquant.images.strip_writing import StripWriter, indexed_png, label_map, truecolour_png
from colorquant.images.strips import NotInStripsError, StripImage, open_strips
from colorquant.mapping.label_table import MOST_LABELS, LabelTable
from colorquant.palette.files import alpha_notes
from colorquant.palette.making import label_type
from colorquant.palette.palette import Palette
from colorquant.quantization import Quantized
from colorquant.shared_palette import (
    FittedPalette,
    LabelledColors,
    check_sums,
    counts_alpha,
    fit_labelled,
    label_colors,
)
from colorquant.types import AnyArray, UInt8Array

KINDS = ("labels", "palette")  # the keys of OUTPUTS whose files are written by strips
MOST_ENTRIES = 256  # of the palette of a PNG
BLOCK = 1 << 18  # colours that are labelled at a time


@dataclass(frozen=True, eq=False)
class _Measures:
    """The error of the painted picture, as in :class:`Quantized`, and its number of distinct colours."""

    mse: float
    colors_out: int


def check_strips(settings: JobOptions, kinds: Iterable[str]) -> None:
    """Raises OptionError for settings, and ``kinds`` of OUTPUTS, that need the whole picture in memory."""
    options = settings.options
    if not isinstance(options, FitOptions):
        raise OptionError("--strips is for kmeans and em: use one of them")
    check_sums(options, "--strips")
    if options.k > MOST_LABELS:
        raise OptionError(f"--strips has room for {MOST_LABELS:,} colours, not {options.k:,}: use fewer")
    others = {
        "-k auto": settings.auto,
        "--dither": settings.dithering,
        "--weights": settings.weights,
        "--optimize": settings.optimize,
        **{OUTPUTS[kind].flag: True for kind in kinds if kind not in KINDS},
    }
    for flag, value in others.items():
        if value:
            raise OptionError(f"{flag} needs the whole picture, of which --strips has only a part: leave one out")


def quantize_strips(
    source: Path | bytes, settings: JobOptions, paths: OutputPaths, *, progress: engines.Progress | None = None
) -> FileResult:
    """Read an image file in strips, quantize it, and write the files of ``paths``, all of them or none.

    The palette, the labels and the measures are those that :func:`quantize_file` gives. Raises what it raises, and
    NotInStripsError where the file cannot be read in strips.
    """
    options, image_path = settings.options, paths.image
    assert isinstance(options, FitOptions), "check_strips() refuses other options"
    if isinstance(source, bytes) or image_path is None:
        raise NotInStripsError("standard input or output", "give a file, and -o a file or a folder")
    paths.check(options.k)
    start = time.perf_counter()
    picture = open_strips(source, settings.reading)
    histogram, transparent = _counted(picture, options)
    seconds = {"count": time.perf_counter() - start}
    start = time.perf_counter()
    palette, found = fit_labelled(histogram, options, paint=settings.paint, assign=settings.assign, progress=progress)
    seconds["fit"] = time.perf_counter() - start
    if transparent and palette.alpha is None:
        if histogram.partly_transparent:
            raise NotInStripsError(
                "partly transparent pixels that keep their alpha",
                "use --alpha drop, threshold or a colour, or kmeans with --alpha palette",
            )
        palette = replace(palette, options=palette.options.replace(alpha="keep"))
    start = time.perf_counter()
    painter = _Painter.of(palette, found, transparent=transparent)
    quantized = _quantized(picture, palette, histogram, painter.measures)
    dropped = () if settings.keep_metadata else picture.metadata.dropped
    if settings.keep_metadata:
        dropped = picture.metadata.without_place
    chunks = encoding.picture_chunks(picture.density, picture.metadata if settings.keep_metadata else None)
    del histogram, found
    with StagedFiles(force=paths.force or paths.in_place or paths.skip_existing) as staged:
        with ExitStack() as stack:
            written = stack.enter_context(painter.writer(picture, image_path, staged.reserve(image_path), chunks))
            labelled = None
            if "labels" in paths.others:
                path, shape = paths.others["labels"], (picture.height, picture.width)
                hidden = transparent and palette.alpha is None
                labelled = stack.enter_context(
                    label_map(path, staged.reserve(path), shape, len(palette), transparent=hidden)
                )
            painter.paint(picture, written, labelled)
        bytes_out = staged.sizes()[image_path]
        seconds["write"] = time.perf_counter() - start
        result = FileResult(quantized, bytes_in=picture.bytes_in, bytes_out=bytes_out, png=None, seconds=seconds)
        if settings.skip_if_larger and bytes_out >= picture.bytes_in:
            return replace(result, larger=True)
        lost: tuple[str, ...] = ()
        if "palette" in paths.others:
            path = paths.others["palette"]
            staged.add(path, quantized.palette.encode(path.name))
            lost = alpha_notes(path.name, palette.alpha)
        paths.check(options.k)
        staged.commit()
    made = (*palette_notes(quantized), *lost)
    return replace(
        result,
        notes=(*picture.notes, *dropped, *made),
        warnings=(*picture.warnings, *(dropped if paths.in_place else ()), *made),
    )


def _counted(picture: StripImage, options: FitOptions) -> tuple[ColorHistogram, bool]:
    """The colour histogram that a fit with ``options`` needs, and whether some pixels are not opaque."""
    counter, transparent = FrameCounter(with_alpha=counts_alpha(options, None)), False
    for rgb, alpha in picture.strips():
        counter.add(rgb, alpha)
        transparent = transparent or (alpha is not None and int(alpha.min()) < 255)
    histogram = engines.histogram_for(options, counter.total())
    if not len(histogram):
        raise EngineError("no pixel is visible: there is nothing to fit")
    return histogram, transparent


def _quantized(
    picture: StripImage, palette: FittedPalette, histogram: ColorHistogram, measures: _Measures
) -> Quantized:
    """What is reported of the picture; its labels, which are in files only, are a view of one value."""
    k = len(palette)
    labels = np.broadcast_to(np.zeros((), label_type(k + 1)), (picture.height, picture.width))
    return Quantized(
        options=palette.options,
        labels=labels,
        palette=Palette(palette.colors, palette.counts, palette.alpha),
        colors_in=len(histogram),
        colors_out=measures.colors_out,
        weight=histogram.total_weight,
        mse=measures.mse,
        model=palette.model,
        n_iter=palette.n_iter,
        converged=palette.converged,
        searched=palette.searched,
        inertia=palette.inertia,
        log_likelihood=palette.log_likelihood,
        untouched=palette.untouched,
    )


@dataclass(frozen=True, eq=False)
class _Painter:
    """Labels strips with a ``palette`` and writes them.

    ``table`` has the labels of colours, ``pairs`` those of pairs of colour and alpha for a palette over RGBA; the other
    one is None. ``transparent`` says whether some pixels
    are not opaque.
    """

    palette: FittedPalette
    pairs: LabelledColors | None
    table: LabelTable | None
    transparent: bool
    measures: _Measures

    @classmethod
    def of(cls, palette: FittedPalette, found: LabelledColors, *, transparent: bool) -> _Painter:
        """The painter of a picture with the colours ``found``, which the fit labelled."""
        histogram = found.histogram
        error = mse(histogram.colors, found.painted, histogram.integer_weights)
        measures = _Measures(error, count_distinct(found.painted))
        if histogram.has_alpha:
            return cls(palette, found, None, transparent, measures)
        table = LabelTable(partial(label_colors, palette), len(palette) + 1, painted=palette.chroma is not None)
        for rows in blocks(len(histogram), BLOCK):
            colors = histogram.colors[rows]
            table.fill(pack(colors), colors, found.labels[rows], found.painted[rows])
        return cls(palette, None, table, transparent, measures)

    def writer(self, picture: StripImage, path: Path, temporary: Path, chunks: bytes) -> StripWriter:
        """The writer of the picture: indexed where its colours allow it, else truecolour."""
        shape, palette = (picture.height, picture.width), self.palette
        if not self._indexed:
            return truecolour_png(path, temporary, shape, has_alpha=self.transparent, chunks=chunks)
        colors, alpha = self._entries
        return indexed_png(path, temporary, shape, colors, alpha if self.transparent else palette.alpha, chunks)

    @property
    def _entries(self) -> tuple[UInt8Array, UInt8Array]:
        """The colours and alpha of the labels, with that of transparent pixels where those have no entry."""
        palette = self.palette
        if palette.alpha is not None:
            return palette.colors, palette.alpha
        colors, alpha = palette.colors, np.full(len(palette), 255, np.uint8)
        if not self.transparent:
            return colors, alpha
        return np.concatenate([colors, np.zeros((1, 3), np.uint8)]), np.append(alpha, np.uint8(0))

    @property
    def _indexed(self) -> bool:
        return self.palette.chroma is None and len(self._entries[0]) <= MOST_ENTRIES

    def paint(self, picture: StripImage, written: StripWriter, labelled: StripWriter | None) -> None:
        """Read the picture again, and write its painted strips, and its labels where they are wanted."""
        colors, alphas = self._entries
        rows_of = np.column_stack([colors, alphas]) if self.transparent else colors
        for rgb, alpha in picture.strips():
            labels = self._labels(rgb, alpha)
            if self._indexed:
                written.write(labels)
            elif self.palette.chroma is None:
                written.write(rows_of[labels])
            else:
                written.write(self._with_luma(rgb, alpha))
            if labelled is not None:
                labelled.write(labels)
        written.finish()
        if labelled is not None:
            labelled.finish()

    def _labels(self, rgb: UInt8Array, alpha: UInt8Array | None) -> AnyArray:
        """The labels (n, w) of a strip; ``len(palette)`` where a pixel is transparent and has no entry."""
        if self.pairs is not None:
            opacity = np.full(rgb.shape[:2], OPAQUE, np.uint8) if alpha is None else alpha
            return self.pairs.histogram.spread_rgba(self.pairs.labels, rgb, opacity)
        assert self.table is not None, "one of the two is there"
        labels = self.table.look_up(pack(rgb)).labels.reshape(rgb.shape[:2])
        if alpha is not None:
            labels[alpha == 0] = len(self.palette)
        return labels

    def _with_luma(self, rgb: UInt8Array, alpha: UInt8Array | None) -> UInt8Array:
        """The pixels (n, w, 3 or 4) of a labelled strip where each keeps its own lightness."""
        assert self.table is not None, "palettes over RGBA have a colour for each label"
        painted = self.table.painted(pack(rgb)).reshape(rgb.shape)
        if not self.transparent:
            return painted
        if alpha is None:
            alpha = np.full(rgb.shape[:2], 255, np.uint8)
        painted[alpha == 0] = 0
        return np.dstack([painted, alpha])
