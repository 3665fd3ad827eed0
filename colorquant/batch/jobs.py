"""``quantize_file()``: an image file in, the picture and whatever else was asked for out, all of it or nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colorquant import images
from colorquant.batch.command import command_line
from colorquant.batch.inputs import STDIN, Input
from colorquant.color.counted import CountedImage
from colorquant.errors import OptionError, OutputError
from colorquant.files import check_writable, write_whole
from colorquant.fitting import engines
from colorquant.fitting.options import FitOptions
from colorquant.images import encoding
from colorquant.images.decoding import Reading
from colorquant.palette.files import PALETTE_FORMATS
from colorquant.quantization import Quantized, encode_png, quantize
from colorquant.report import figures, records, trace
from colorquant.report.quantized_file import QuantizedFile

Files = list[tuple[Path, bytes]]


@dataclass(frozen=True)
class Recipe:
    """What is done with an input, wherever it comes from and goes to.

    ``options`` of the fit; ``paint`` and ``assign`` as :func:`colorquant.quantize` takes them. With ``keep_metadata``
    the input's go into the picture. ``drawing`` is a choice of :func:`colorquant.report.figures.choose`, None draws the
    usual figure.
    """

    options: FitOptions
    paint: str = "members"
    assign: str | None = None
    reading: Reading = Reading()  # noqa: RUF009  it is frozen
    keep_metadata: bool = False
    drawing: figures.Drawing | None = None


@dataclass(frozen=True)
class Output:
    """A kind of file that can be had beside the picture.

    ``encode`` makes it, given the path. ``suffixes`` are the endings that its name can have, ``per_label`` those with
    which there is a file for each label, called by :func:`numbered`. With ``beside`` the user says only the ending, and
    it is named after the picture; else he names the file, or with ``folder`` the folder. ``history`` says that the
    fit's iterations are needed, ``watches`` that they are taken where the engine tells them. ``methods`` can have it.
    """

    flag: str
    encode: Callable[[QuantizedFile, Path], Files]
    suffixes: tuple[str, ...]
    per_label: tuple[str, ...] = ()
    beside: bool = False
    folder: bool = False
    history: bool = False
    watches: bool = False
    methods: tuple[str, ...] = engines.METHODS


def numbered(path: Path, label: int, k: int) -> Path:
    """The file of a label among k: mask.png becomes mask-07.png."""
    return path.with_name(f"{path.stem}-{label:0{len(str(k - 1))}d}{path.suffix}")


def _labels(file: QuantizedFile, path: Path) -> Files:
    quantized = file.quantized
    return [(path, encoding.encode_label_map(quantized.labels, len(quantized.palette), path.suffix[1:]))]


def _palette(file: QuantizedFile, path: Path) -> Files:
    return [(path, file.quantized.palette.encode(path.name))]


def _posteriors(file: QuantizedFile, path: Path) -> Files:
    if path.suffix == ".npy":
        return [(path, encoding.encode_npy(file.posteriors.at_pixels()))]
    return [
        (numbered(path, label, file.quantized.options.k), encoding.encode_share(component))
        for label, component in enumerate(file.posteriors.components())
    ]


def _uncertainty(file: QuantizedFile, path: Path) -> Files:
    return [(path, encoding.encode_gray(file.posteriors.uncertainty()))]


def _masks(file: QuantizedFile, path: Path) -> Files:
    quantized = file.quantized
    return [
        (numbered(path, label, quantized.options.k), encoding.encode_gray(quantized.labels == label))
        for label in range(len(quantized.palette))
    ]


def _trace(file: QuantizedFile, path: Path) -> Files:
    return [(path, trace.trace_csv(file.quantized).encode())]


def _figure(file: QuantizedFile, path: Path) -> Files:
    return [(path, figures.encode(file, path.suffix.lower()))]


def _html(file: QuantizedFile, path: Path) -> Files:
    from colorquant.report.html.quantization import quantization_page

    return [(path, quantization_page(file))]


OUTPUTS: dict[str, Output] = {
    "labels": Output("--labels", _labels, (".png", ".npy"), beside=True),
    "posteriors": Output("--posteriors", _posteriors, (".npy", ".png"), (".png",), beside=True, methods=("em",)),
    "palette": Output("--palette-out", _palette, tuple(PALETTE_FORMATS)),
    "uncertainty": Output("--uncertainty", _uncertainty, (".png",), methods=("em",)),
    "masks": Output("--masks", _masks, (".png",), (".png",), folder=True),
    "trace": Output("--trace", _trace, (".csv",), history=True),
    "figure": Output("--figure", _figure, figures.SUFFIXES),
    "html": Output("--html", _html, (".html", ".htm"), watches=True),
}


@dataclass(frozen=True)
class Destination:
    """Where the results of one input go.

    ``image`` None leaves the PNG in :attr:`Result.png` instead of a file. ``others`` maps keys of OUTPUTS to paths.
    Existing files are overwritten only with ``force``; with ``in_place`` the picture is written over its input. With
    ``skip_existing`` nothing is done where all files exist, and where some are missing all are written. ``name`` is
    what reports call the input.
    """

    image: Path | None
    others: Mapping[str, Path] = field(default_factory=dict)
    force: bool = False
    name: str = ""
    in_place: bool = False
    skip_existing: bool = False

    def files(self, k: int) -> list[Path]:
        """All files that can be written, with ``k`` labels at most."""
        found = [] if self.image is None else [self.image]
        for kind, path in self.others.items():
            per_label = path.suffix in OUTPUTS[kind].per_label
            found += [numbered(path, label, k) for label in range(k)] if per_label else [path]
        return found

    def series(self, k: int) -> list[tuple[Path, Path | None]]:
        """The files beside the picture: of numbered ones the first and the last, of others the last is None."""
        return [
            (numbered(path, 0, k), numbered(path, k - 1, k)) if path.suffix in OUTPUTS[kind].per_label else (path, None)
            for kind, path in self.others.items()
        ]

    def is_complete(self, k: int) -> bool:
        """Whether all files exist; of numbered ones the first is enough, as the picture is written after them."""
        files = [self.image, *(path for path, _ in self.series(k))]
        return all(path is not None and os.path.isfile(path) for path in files)

    def check(self, k: int) -> None:
        """Raises OutputError where a file cannot be, or may not be overwritten."""
        over_input = self.in_place and self.image is not None
        check_writable(self.files(k)[over_input:], force=self.force or self.skip_existing)
        if over_input and self.image is not None:
            check_writable([self.image], force=True)


@dataclass(frozen=True)
class Result:
    """What became of one file; ``png`` holds the bytes where no file was asked for.

    ``notes`` say what was lost; ``warnings`` are those among them that a user should see without asking.
    """

    quantized: Quantized
    bytes_in: int
    bytes_out: int
    png: bytes | None
    seconds: dict[str, float]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def check_outputs(options: FitOptions, kinds: Iterable[str]) -> None:
    """Raises OptionError where ``kinds``, keys of OUTPUTS, do not go with the fit.

    ``options`` as :func:`colorquant.fitting.engines.resolve` returns them.
    """
    for kind in kinds:
        output = OUTPUTS[kind]
        if options.method not in output.methods:
            raise OptionError(f"{output.flag} is not for {options.method}: take colorquant {output.methods[0]}")
        if output.history and not engines.ENGINES[options.engine][options.method].tells:
            raise OptionError(f"{output.flag}: --engine {options.engine} does not tell its iterations, take numpy")


def _unweighed(quantized: Quantized) -> tuple[str, ...]:
    """The note on a fit that could not weigh its pixels; empty where there was nothing to weigh."""
    options = quantized.options
    fits_pixels = engines.ENGINES[options.engine][options.method].per_pixel
    if not fits_pixels or quantized.palette.counts is None or quantized.weight == int(quantized.palette.counts.sum()):
        return ()
    return (f"partly transparent pixels count whole in the fit: --engine {options.engine} takes no weights",)


def _check_single_frame(picture: images.Picture) -> None:
    """Raises OutputError for a picture that would replace a file with more frames than it has itself."""
    if picture.frames == 1:
        return
    count = "several" if picture.frames is None else f"{picture.frames}"
    raise OutputError(f"--in-place would keep one of its {count} frames: choose it with --frame, or write it with -o")


def _command(recipe: Recipe, destination: Destination) -> str:
    """The command that does this one job."""
    others = {
        OUTPUTS[kind].flag: path.suffix[1:] if OUTPUTS[kind].beside else str(path)
        for kind, path in destination.others.items()
    }
    return command_line(
        destination.name,
        recipe.options,
        paint=recipe.paint,
        assign=recipe.assign,
        reading=recipe.reading,
        keep_metadata=recipe.keep_metadata,
        drawing=recipe.drawing,
        image=destination.image,
        in_place=destination.in_place,
        others=others,
    )


def quantize_file(
    source: Path | bytes,
    recipe: Recipe,
    destination: Destination,
    *,
    progress: engines.Progress | None = None,
) -> Result:
    """Read an image file, :func:`quantize` it, and write what ``destination`` asks for.

    Nothing is written unless all of it could be encoded. Raises ImageReadError, OptionError, EngineError, OutputError.
    """
    options = recipe.options
    destination.check(options.k)
    start = time.perf_counter()
    picture = images.read_image(source, recipe.reading)
    seconds = {"read": time.perf_counter() - start}
    if destination.in_place and recipe.reading.frame is None:
        _check_single_frame(picture)
    image = CountedImage(picture.rgb, picture.alpha)
    drawn = recipe.drawing is not None and figures.FIGURES[recipe.drawing.kind].history
    record = drawn or any(OUTPUTS[kind].history or OUTPUTS[kind].watches for kind in destination.others)
    quantized = quantize(
        image,
        options,
        paint=recipe.paint,
        assign=recipe.assign,
        record=record,
        progress=progress,
    )
    bytes_in, told = picture.bytes_in, picture.metadata
    kept, dropped = (told, told.without_place) if recipe.keep_metadata else (None, told.dropped)
    notes = (*picture.notes, *dropped, *_unweighed(quantized))
    warnings = (*picture.warnings, *(dropped if destination.in_place else ()))
    chunks = encoding.picture_chunks(picture.density, kept)
    shown = image if destination.others else None
    del picture, image  # the pixels are not needed for the picture alone
    seconds.update(quantized.seconds)
    start = time.perf_counter()
    png = encode_png(quantized, chunks)
    encoded: Files = []
    if shown is not None:
        drawing = recipe.drawing or (figures.choose(quantized.options) if "figure" in destination.others else None)
        file = QuantizedFile(
            name=destination.name,
            image=shown,
            quantized=quantized,
            paint=recipe.paint,
            assign=recipe.assign,
            bytes_in=bytes_in,
            bytes_out=len(png),
            notes=notes,
            drawing=drawing,
            command=_command(recipe, destination),
        )
        for kind, path in destination.others.items():
            encoded += OUTPUTS[kind].encode(file, path)
    if destination.image is not None:
        encoded.append((destination.image, png))  # the last: where it is, the others are
    destination.check(options.k)
    write_whole(encoded, force=destination.force or destination.in_place or destination.skip_existing)
    seconds["write"] = time.perf_counter() - start
    unwritten = png if destination.image is None else None
    return Result(quantized, bytes_in, len(png), unwritten, seconds, notes, warnings)


@dataclass(frozen=True)
class JobResult:
    """What a :class:`QuantizeJob` returns: the input's JSON ``record``, and the PNG where no file was asked for."""

    record: dict[str, Any]
    png: bytes | None = None


@dataclass(frozen=True)
class QuantizeJob:
    """One input to its files: the job of ``kmeans`` and ``em`` for :func:`colorquant.batch.run.run`.

    It is picklable without ``progress``, which is called with each iteration of each fit.
    """

    recipe: Recipe
    progress: engines.Progress | None = None

    def __call__(self, item: Input, destination: Destination) -> JobResult:
        """Quantize one input. Raises what :func:`quantize_file` raises."""
        if destination.skip_existing and destination.is_complete(self.recipe.options.k):
            return JobResult(records.skipped(item.name, str(destination.image)))
        result = quantize_file(item.source, self.recipe, destination, progress=self.progress)
        return JobResult(records.record(item.name, str(destination.image or STDIN), result), result.png)
