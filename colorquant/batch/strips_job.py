"""The job of ``--strips``: a picture is read twice in strips, counted, then labelled and written, and is never whole.

Its colours are counted strip by strip, the sum is fitted, and each strip is painted and written as it is read again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from colorquant.batch.file_result import FileResult
from colorquant.batch.memory import Excess
from colorquant.batch.notes import picture_notes
from colorquant.batch.outputs import OUTPUTS, OutputPaths
from colorquant.batch.settings import JobOptions
from colorquant.batch.strip_painting import Layout, StripPainter
from colorquant.batch.strip_results import count_strips, counts_with_alpha, label_picture
from colorquant.color.histogram import ColorHistogram
from colorquant.errors import OptionError
from colorquant.files import StagedFiles
from colorquant.fitting import engines
from colorquant.fitting.options import FitOptions
from colorquant.images import encoding
from colorquant.images.strip_headers import NotInStripsError
from colorquant.images.strip_writing import label_map
from colorquant.images.strips import REMEDY, StripImage, has_pyvips, open_strips
from colorquant.mapping.label_table import MOST_LABELS
from colorquant.quantization import Quantized

R = TypeVar("R")
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
    if isinstance(options, FitOptions):
        if engines.ENGINES[options.engine][options.method].per_pixel:
            return WholeOnly(f"--engine {options.engine}", "use --engine numpy")
        if options.k > MOST_LABELS:
            return WholeOnly(f"-k {options.k}", f"use at most {MOST_LABELS}")
    elif options.k > MOST_LABELS:
        return WholeOnly(f"a palette of {options.k:,} entries", f"use at most {MOST_LABELS:,}")
    others = {
        "-k auto": settings.auto is not None and settings.shared is None,
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
    return _within(
        excess,
        settings,
        paths.others,
        lambda: quantize_strips(source, settings, paths, progress=progress, note=excess.note),
    )


def count_by_strips(
    excess: Excess | None, source: Path | bytes, settings: JobOptions, kinds: Iterable[str], *, with_alpha: bool
) -> ColorHistogram | None:
    """The colour histogram of an image that is read by strips; with ``with_alpha`` of colour and alpha together.

    With an ``excess``, None where it cannot be read so, but there is enough memory. Raises ImageReadError.
    """

    def count() -> ColorHistogram:
        if isinstance(source, bytes):
            raise NotInStripsError("standard input", "save it as a file")
        return count_strips(open_strips(source, settings.reading), with_alpha=with_alpha)[0]

    if excess is None:
        return count()
    return _within(excess, replace(settings, auto=None), kinds, count)  # -k auto tries palettes on the sum


def _within(excess: Excess, settings: JobOptions, kinds: Iterable[str], read: Callable[[], R]) -> R | None:
    """What ``read`` makes of an image by strips; None where that is impossible, but there is enough memory for it."""
    found = whole_only(settings, kinds)
    if found is not None:
        obstacle = f"and {found.what} needs the whole picture: {found.remedy}"
    elif not has_pyvips():
        obstacle = f"and to read it by strips pyvips is missing: {REMEDY}"
    else:
        try:
            return read()
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
    if isinstance(source, bytes) or paths.image is None:
        raise NotInStripsError("standard input or output", "give a file, and -o a file or a folder")
    k, start = settings.options.k, time.perf_counter()
    paths.check(k)
    picture = open_strips(source, settings.reading)
    histogram, transparency = count_strips(picture, with_alpha=counts_with_alpha(settings))
    counted = time.perf_counter()
    labelled = label_picture(settings, histogram, transparency, (picture.height, picture.width), progress=progress)
    image, fitted = labelled.image, time.perf_counter()
    painter = StripPainter.of(labelled, transparency)
    del histogram, labelled
    stage = "fit" if isinstance(image, Quantized) and image.shared is None else "paint"
    seconds = {"count": counted - start, stage: fitted - counted}
    kept, dropped = settings.kept_metadata(picture.metadata)
    chunks = encoding.picture_chunks(picture.density, kept)
    with StagedFiles(force=paths.force or paths.in_place or paths.skip_existing) as staged:
        layout = _write(painter, picture, paths, staged, chunks)
        bytes_out = staged.sizes()[paths.image]
        seconds["write"] = time.perf_counter() - fitted
        result = FileResult(
            image, bytes_in=picture.bytes_in, bytes_out=bytes_out, png=None, seconds=seconds, strips=True
        )
        if settings.skip_if_larger and bytes_out >= picture.bytes_in:
            return replace(result, larger=True)
        if "palette" in paths.others:
            path = paths.others["palette"]
            staged.add(path, image.palette.encode(path.name))
        paths.check(k)
        staged.commit()
    made = picture_notes(image, truecolour=layout.colors is None, palette=paths.palette_name)
    return replace(
        result,
        notes=(note, *picture.notes, *dropped, *made),
        warnings=(*picture.warnings, *(dropped if paths.in_place else ()), *made),
        chosen=None if settings.shared is None else settings.shared.chosen,
    )


def _write(
    painter: StripPainter, picture: StripImage, paths: OutputPaths, staged: StagedFiles, chunks: bytes
) -> Layout:
    """Read the picture again, and write it painted, and its label map if that is requested. Returns its layout."""
    assert paths.image is not None, "quantize_strips() refuses standard output"
    shape, palette = (picture.height, picture.width), painter.palette
    layout = painter.layout(picture)
    with ExitStack() as stack:
        written = stack.enter_context(layout.writer(paths.image, staged.reserve(paths.image), shape, chunks))
        labelled = None
        if "labels" in paths.others:
            path = paths.others["labels"]
            hidden = painter.transparency.full and palette.alpha is None
            writer = label_map(path, staged.reserve(path), shape, len(palette), transparent=hidden)
            labelled = stack.enter_context(writer)
        painter.paint(picture, layout, written, labelled)
    return layout
