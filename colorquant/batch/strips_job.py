"""The job of ``--strips``: a picture is read twice in strips, counted, then labelled and written, and is never whole.

Its colours are counted strip by strip, the sum is fitted, and each strip is painted and written as it is read again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from colorquant.batch.memory import Excess
from colorquant.batch.notes import palette_notes
from colorquant.batch.outputs import OUTPUTS, OutputPaths
from colorquant.batch.quantize_job import FileResult
from colorquant.batch.settings import JobOptions
from colorquant.batch.strip_painting import Measures, StripPainter, Transparency
from colorquant.color.frame_counting import FrameCounter
from colorquant.color.histogram import ColorHistogram
from colorquant.color.rgba import OPAQUE
from colorquant.errors import EngineError, OptionError
from colorquant.files import StagedFiles
from colorquant.fitting import engines
from colorquant.fitting.options import FitOptions
from colorquant.images import encoding
from colorquant.images.strip_writing import label_map
from colorquant.images.strips import REMEDY, NotInStripsError, StripImage, has_pyvips, open_strips
from colorquant.mapping.label_table import MOST_LABELS
from colorquant.palette.files import alpha_notes
from colorquant.palette.making import label_type
from colorquant.palette.palette import Palette
from colorquant.quantization import Quantized
from colorquant.shared_palette import FittedPalette, counts_alpha, fit_labelled

KINDS = ("labels", "palette")  # the keys of OUTPUTS whose files are written by strips


@dataclass(frozen=True)
class WholeOnly:
    """The option ``what`` that needs the whole picture in memory, and the ``remedy``."""

    what: str
    remedy: str


def check_strips(settings: JobOptions, kinds: Iterable[str]) -> None:
    """Raises OptionError for settings, and ``kinds`` of OUTPUTS, that need the whole picture in memory."""
    found = whole_only(settings, kinds)
    if found is not None:
        raise OptionError(
            f"{found.what} needs the whole picture, of which --strips has only a part: {found.remedy}, or leave out "
            "--strips"
        )


def whole_only(settings: JobOptions, kinds: Iterable[str]) -> WholeOnly | None:
    """The first of the settings, and of the ``kinds`` of OUTPUTS, that need the whole picture in memory."""
    options = settings.options
    if not isinstance(options, FitOptions):
        return WholeOnly("apply", "use kmeans or em")
    if settings.shared is not None:
        return WholeOnly("--shared", "leave it out")
    if engines.ENGINES[options.engine][options.method].per_pixel:
        return WholeOnly(f"--engine {options.engine}", "use --engine numpy")
    if options.k > MOST_LABELS:
        return WholeOnly(f"-k {options.k}", f"use at most {MOST_LABELS}")
    others = {
        "-k auto": settings.auto,
        "--dither": settings.dithering,
        "--weights": settings.weights,
        "--optimize": settings.optimize,
        **{OUTPUTS[kind].flag: True for kind in kinds if kind not in KINDS},
    }
    return next((WholeOnly(flag, "leave it out") for flag, value in others.items() if value), None)


def quantize_within(
    excess: Excess,
    source: Path | bytes,
    settings: JobOptions,
    paths: OutputPaths,
    *,
    progress: engines.Progress | None = None,
) -> FileResult | None:
    """Quantize by strips an image that needs too much memory; None where it cannot be read so, but there is enough.

    Raises ImageReadError where there is not, and what :func:`quantize_strips` raises.
    """
    found = whole_only(settings, paths.others)
    if found is not None:
        obstacle = f"and {found.what} needs the whole picture: {found.remedy}"
    elif not has_pyvips():
        obstacle = f"and to read it by strips pyvips is missing: {REMEDY}"
    else:
        try:
            return quantize_strips(source, settings, paths, progress=progress, note=excess.note)
        except NotInStripsError as error:
            obstacle = f"and is not read by strips ({error.what}): {error.remedy}"
    excess.check_whole(obstacle)
    return None


def quantize_strips(
    source: Path | bytes,
    settings: JobOptions,
    paths: OutputPaths,
    *,
    progress: engines.Progress | None = None,
    note: str = "read by strips",
) -> FileResult:
    """Read an image file in strips, quantize it, and write the files of ``paths``, all of them or none.

    The palette, the labels and the measures are those that :func:`quantize_file` gives. ``note`` says that the file was
    read by strips, and why. Raises what :func:`quantize_file` raises, and NotInStripsError where the file cannot be
    read in strips.
    """
    options, image_path = settings.options, paths.image
    assert isinstance(options, FitOptions), "check_strips() refuses other options"
    if isinstance(source, bytes) or image_path is None:
        raise NotInStripsError("standard input or output", "give a file, and -o a file or a folder")
    paths.check(options.k)
    start = time.perf_counter()
    picture = open_strips(source, settings.reading)
    histogram, transparency = _counted(picture, options)
    seconds = {"count": time.perf_counter() - start}
    start = time.perf_counter()
    palette, found = fit_labelled(histogram, options, paint=settings.paint, assign=settings.assign, progress=progress)
    seconds["fit"] = time.perf_counter() - start
    if transparency.any and palette.alpha is None:
        palette = replace(palette, options=palette.options.replace(alpha="keep"))
    start = time.perf_counter()
    painter = StripPainter.of(palette, found, transparency)
    quantized = _quantized(picture, palette, histogram, painter.measures)
    dropped = () if settings.keep_metadata else picture.metadata.dropped
    if settings.keep_metadata:
        dropped = picture.metadata.without_place
    chunks = encoding.picture_chunks(picture.density, picture.metadata if settings.keep_metadata else None)
    del histogram, found
    with StagedFiles(force=paths.force or paths.in_place or paths.skip_existing) as staged:
        with ExitStack() as stack:
            layout = painter.layout(picture)
            written = stack.enter_context(
                layout.writer(image_path, staged.reserve(image_path), (picture.height, picture.width), chunks)
            )
            labelled = None
            if "labels" in paths.others:
                path, shape = paths.others["labels"], (picture.height, picture.width)
                hidden = transparency.full and palette.alpha is None
                labelled = stack.enter_context(
                    label_map(path, staged.reserve(path), shape, len(palette), transparent=hidden)
                )
            painter.paint(picture, layout, written, labelled)
        bytes_out = staged.sizes()[image_path]
        seconds["write"] = time.perf_counter() - start
        result = FileResult(
            quantized, bytes_in=picture.bytes_in, bytes_out=bytes_out, png=None, seconds=seconds, strips=True
        )
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
        notes=(note, *picture.notes, *dropped, *made),
        warnings=(*picture.warnings, *(dropped if paths.in_place else ()), *made),
    )


def _counted(picture: StripImage, options: FitOptions) -> tuple[ColorHistogram, Transparency]:
    """The colour histogram that a fit with ``options`` needs, and whether some pixels are not opaque."""
    counter, full, partial = FrameCounter(with_alpha=counts_alpha(options, None)), False, False
    for rgb, alpha in picture.strips():
        counter.add(rgb, alpha)
        if alpha is not None:
            full = full or not alpha.all()
            partial = partial or bool(np.any((alpha > 0) & (alpha < OPAQUE)))
    histogram = engines.histogram_for(options, counter.total())
    if not len(histogram):
        raise EngineError("no pixel is visible: there is nothing to fit")
    return histogram, Transparency(full, partial)


def _quantized(picture: StripImage, palette: FittedPalette, histogram: ColorHistogram, measures: Measures) -> Quantized:
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
