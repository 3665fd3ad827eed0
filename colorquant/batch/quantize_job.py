"""The job of ``kmeans``, ``em`` and ``apply``: an image file in, the picture and its other files out, all or none."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colorquant import images
from colorquant.batch.command import command_line
from colorquant.batch.file_result import FileResult
from colorquant.batch.inputs import STDIN, Input
from colorquant.batch.making import Made, make
from colorquant.batch.memory import MemoryLimit
from colorquant.batch.notes import picture_notes, uncounted_alpha
from colorquant.batch.outputs import OUTPUTS, Files, OutputPaths
from colorquant.batch.settings import JobOptions
from colorquant.color.counted import CountedImage
from colorquant.errors import OutputError
from colorquant.files import local_copy, write_whole
from colorquant.fitting import engines
from colorquant.fitting.options import FitOptions
from colorquant.images import encoding
from colorquant.images.png import is_truecolour
from colorquant.quantization import IndexedImage, Quantized, encode_png
from colorquant.report import figures, records
from colorquant.report.records import FileRecord

if TYPE_CHECKING:  # a plain run loads neither
    from colorquant.report.quantized_file import IndexedFile


@dataclass(frozen=True)
class JobResult:
    """The result of a :class:`QuantizeJob`: small enough to be sent between processes, unless ``png`` is set.

    ``record`` is the input's JSON object, ``png`` the image if no file was requested (or, if the input is smaller, the
    bytes of the input), and ``command`` a shell command that quantizes this input in the same way, empty for an
    input that was skipped.
    """

    record: FileRecord
    png: bytes | None = None
    command: str = ""


@dataclass(frozen=True)
class QuantizeJob:
    """Quantizes one input and writes its files: the job of a :func:`colorquant.batch.run.run`.

    It is picklable without ``progress``, which is called with each step of each fit, and ``trying``, which is called
    with each number of colours that ``-k auto`` tries. Inputs that need more than the ``memory`` are read by strips.
    """

    settings: JobOptions
    progress: engines.Progress | None = None
    trying: Callable[[int], None] | None = None
    memory: MemoryLimit = MemoryLimit()  # noqa: RUF009  it is frozen

    def __call__(self, item: Input, paths: OutputPaths) -> JobResult:
        """Quantize one input. Raises what :func:`quantize_file` raises."""
        if paths.skip_existing and paths.is_complete(self.settings.options.k):
            return JobResult(records.skipped(item.name, str(paths.image)))
        settings = self.settings.for_input(item)
        source = item.source
        with local_copy(source) as file:
            result = self._by_strips(file, settings, paths)
            if result is None:
                result = quantize_file(file, settings, paths, progress=self.progress, trying=self.trying)
        record = _record(item, paths, settings, result)
        if result.strips:
            record["strips"] = True
        png = result.png
        if result.larger:
            record["status"] = "larger"
            png = item.read_bytes() if paths.image is None else None
        return JobResult(record, png, _command(settings, paths))

    def _by_strips(self, source: Path | bytes, settings: JobOptions, paths: OutputPaths) -> FileResult | None:
        """The result by strips, where the user wants them or memory is too small; None where it is to be read whole."""
        excess = None if settings.strips else self.memory.excess(source, settings.reading)
        if not settings.strips and excess is None:
            return None
        from colorquant.batch.strips_job import quantize_strips, quantize_within  # a plain run does not need it

        if excess is None:
            return quantize_strips(source, settings, paths, progress=self.progress)
        return quantize_within(excess, source, settings, paths, progress=self.progress)


def _record(item: Input, paths: OutputPaths, settings: JobOptions, result: FileResult) -> FileRecord:
    image, output, options = result.quantized, str(paths.image or STDIN), settings.options
    if not isinstance(options, FitOptions):
        return records.mapped_record(
            item.name,
            output,
            image,
            options,
            bytes_in=result.bytes_in,
            bytes_out=result.bytes_out,
            seconds=result.seconds,
            notes=result.notes,
            warnings=result.warnings,
        )
    assert isinstance(image, Quantized), "a fit gives a quantized image"
    return records.record(
        item.name,
        output,
        image,
        bytes_in=result.bytes_in,
        bytes_out=result.bytes_out,
        seconds=result.seconds,
        notes=result.notes,
        warnings=result.warnings,
        chosen=result.chosen,
        weights=settings.weights,
    )


def quantize_file(
    source: Path | bytes,
    settings: JobOptions,
    paths: OutputPaths,
    *,
    progress: engines.Progress | None = None,
    trying: Callable[[int], None] | None = None,
) -> FileResult:
    """Read an image file, quantize it or map it onto a given palette, and write the files of ``paths``.

    Nothing is written unless all of it could be encoded, and with ``skip_if_larger`` unless the picture is smaller than
    its input. ``weights`` of the settings is the name of a file. Raises ImageReadError, OptionError, EngineError,
    TargetError and OutputError.
    """
    options = settings.options
    paths.check(options.k)
    start = time.perf_counter()
    picture = images.read_image(source, settings.reading)
    seconds = {"read": time.perf_counter() - start}
    if paths.in_place and settings.reading.frame is None:
        _check_single_frame(picture)
    bytes_in, metadata = picture.bytes_in, picture.metadata
    kept, dropped = settings.kept_metadata(metadata)
    chunks = encoding.picture_chunks(picture.density, kept)
    image = CountedImage(picture.rgb, picture.alpha, settings.importance(picture))

    def encode(result: IndexedImage) -> bytes:
        return encode_png(result, chunks, optimize=settings.optimize)

    made = make(image, settings, paths, seconds=seconds, progress=progress, trying=trying, encode=encode)
    quantized = made.quantized
    read_notes = (*picture.notes, *dropped)
    read_warnings = (*picture.warnings, *(dropped if paths.in_place else ()))
    shown = image if paths.others else None
    del picture, image  # without other files the pixels are no longer needed
    start = time.perf_counter()
    png = encode(quantized) if made.png is None else made.png
    if settings.skip_if_larger and len(png) >= bytes_in:
        seconds["write"] = time.perf_counter() - start
        return FileResult(quantized, bytes_in=bytes_in, bytes_out=len(png), png=None, seconds=seconds, larger=True)
    made_warnings = picture_notes(quantized, truecolour=is_truecolour(png), palette=paths.palette_name)
    if made.chosen is not None and settings.shared is None:
        made_warnings = (*made_warnings, *made.chosen.warnings)
    notes = (*read_notes, *uncounted_alpha(quantized), *made_warnings)
    warnings = (*read_warnings, *made_warnings)
    others = [] if shown is None else _others(settings, paths, shown, made, bytes_in=bytes_in, png=png, notes=notes)
    encoded = others if paths.image is None else [*others, (paths.image, png)]  # if the last one exists, so do all
    paths.check(options.k)
    write_whole(encoded, force=paths.force or paths.in_place or paths.skip_existing)
    seconds["write"] = time.perf_counter() - start
    unwritten = png if paths.image is None else None
    return FileResult(
        quantized,
        bytes_in=bytes_in,
        bytes_out=len(png),
        png=unwritten,
        seconds=seconds,
        notes=notes,
        warnings=warnings,
        chosen=made.chosen,
    )


def _others(
    settings: JobOptions,
    paths: OutputPaths,
    image: CountedImage,
    made: Made,
    *,
    bytes_in: int,
    png: bytes,
    notes: tuple[str, ...],
) -> Files:
    """The files beside the picture, encoded."""
    file = _file(settings, paths, image, made, bytes_in=bytes_in, bytes_out=len(png), notes=notes)
    return [encoded for kind, path in paths.others.items() for encoded in OUTPUTS[kind].encode(file, path)]


def _file(
    settings: JobOptions,
    paths: OutputPaths,
    image: CountedImage,
    made: Made,
    *,
    bytes_in: int,
    bytes_out: int,
    notes: tuple[str, ...],
) -> IndexedFile:
    """What the other files of ``paths`` show."""
    from colorquant.report.quantized_file import MappedFile, QuantizedFile  # a plain run does not need it

    options, command = settings.options, _command(settings, paths)
    if not isinstance(options, FitOptions):
        return MappedFile(
            name=paths.name,
            image=image,
            quantized=made.quantized,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            notes=notes,
            command=command,
            options=options,
        )
    assert isinstance(made.quantized, Quantized), "a fit gives a quantized image"
    return QuantizedFile(
        name=paths.name,
        image=image,
        quantized=made.quantized,
        paint=settings.paint,
        assign=settings.assign,
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        notes=notes,
        drawing=settings.drawing or (figures.choose(options) if "figure" in paths.others else None),
        command=command,
        chosen=made.chosen,
        runs=made.runs,
    )


def _check_single_frame(picture: images.Picture) -> None:
    """Raises OutputError if the image would replace a file with several frames."""
    if picture.frames == 1:
        return
    count = "several" if picture.frames is None else f"{picture.frames}"
    raise OutputError(f"--in-place would keep one of its {count} frames: choose it with --frame, or write it with -o")


def _command(settings: JobOptions, paths: OutputPaths) -> str:
    """The shell command that makes the files of this one input; those of all inputs, if they share a palette."""
    if settings.shared is not None:
        return settings.shared.command
    others = {
        OUTPUTS[kind].flag: path.suffix[1:] if OUTPUTS[kind].beside else str(path)
        for kind, path in paths.others.items()
    }
    return command_line(paths.name, settings, image=paths.image, in_place=paths.in_place, others=others)
