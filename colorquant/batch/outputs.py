"""The kinds of files that are written for a quantized image, and their paths for one input.

Options, names, jobs and docs read the table OUTPUTS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from colorquant.errors import OptionError
from colorquant.files import check_writable, is_file, numbered
from colorquant.fitting import engines
from colorquant.fitting.options import FitOptions
from colorquant.images import encoding
from colorquant.palette.files import PALETTE_FORMATS, check_room
from colorquant.report import figures
from colorquant.urls import Place

if TYPE_CHECKING:  # a plain run loads neither
    from colorquant.mapping.options import MappingOptions
    from colorquant.report.quantized_file import IndexedFile, QuantizedFile

Files = list[tuple[Place, bytes]]
COMMANDS = (*engines.METHODS, "apply")


@dataclass(frozen=True)
class OutputKind:
    """A kind of file that can be written beside the quantized image.

    ``encode`` makes its files, given the path. ``suffixes`` are the endings that its name may have; with those in
    ``per_label`` there is a file for each label, named by :func:`colorquant.files.numbered`. With ``beside`` the user
    gives only the ending, and the file is named after the image; else the user names the file, or with ``folder`` the
    folder. ``needs_iterations`` says that it shows those of the fit, ``uses_iterations`` that it shows them if the
    engine reports them. ``methods`` are the commands that can write it. ``check`` raises OptionError where the file of
    a name cannot hold a number of labels.
    """

    flag: str
    encode: Callable[[IndexedFile, Place], Files]
    suffixes: tuple[str, ...]
    per_label: tuple[str, ...] = ()
    beside: bool = False
    folder: bool = False
    needs_iterations: bool = False
    uses_iterations: bool = False
    methods: tuple[str, ...] = COMMANDS
    check: Callable[[str, int], None] | None = None


def _of_a_fit(encode: Callable[[QuantizedFile, Place], Files]) -> Callable[[IndexedFile, Place], Files]:
    """The function for the files of a kind that only a fit can have."""

    def encode_fit(file: IndexedFile, path: Place) -> Files:
        from colorquant.report.quantized_file import QuantizedFile

        assert isinstance(file, QuantizedFile), "check_kinds() refuses this kind for other commands"
        return encode(file, path)

    return encode_fit


def _labels(file: IndexedFile, path: Place) -> Files:
    quantized = file.quantized
    return [(path, encoding.encode_label_map(quantized.labels, len(quantized.palette), path.suffix[1:]))]


def _palette(file: IndexedFile, path: Place) -> Files:
    return [(path, file.quantized.palette.encode(path.name))]


def _posteriors(file: QuantizedFile, path: Place) -> Files:
    if path.suffix == ".npy":
        return [(path, encoding.encode_npy(file.posteriors.at_pixels()))]
    return [
        (numbered(path, label, file.most_labels), encoding.encode_share(component))
        for label, component in enumerate(file.posteriors.components())
    ]


def _uncertainty(file: QuantizedFile, path: Place) -> Files:
    return [(path, encoding.encode_gray(file.posteriors.uncertainty()))]


def _masks(file: IndexedFile, path: Place) -> Files:
    quantized = file.quantized
    return [
        (numbered(path, label, file.most_labels), encoding.encode_gray(quantized.labels == label))
        for label in range(len(quantized.palette))
    ]


def _trace(file: QuantizedFile, path: Place) -> Files:
    from colorquant.report.trace import trace_csv

    return [(path, trace_csv(file.quantized).encode())]


def _figure(file: QuantizedFile, path: Place) -> Files:
    return [(path, figures.encode(file, path.suffix.lower()))]


def _html(file: IndexedFile, path: Place) -> Files:
    from colorquant.report.html.quantization import quantization_page

    return [(path, quantization_page(file))]


OUTPUTS: dict[str, OutputKind] = {
    "labels": OutputKind("--labels", _labels, (".png", ".npy", ".tiff"), beside=True),
    "posteriors": OutputKind(
        "--posteriors", _of_a_fit(_posteriors), (".npy", ".png"), (".png",), beside=True, methods=("em",)
    ),
    "palette": OutputKind("--palette-out", _palette, tuple(PALETTE_FORMATS), check=check_room),
    "uncertainty": OutputKind("--uncertainty", _of_a_fit(_uncertainty), (".png",), methods=("em",)),
    "masks": OutputKind("--masks", _masks, (".png",), (".png",), folder=True),
    "trace": OutputKind("--trace", _of_a_fit(_trace), (".csv",), needs_iterations=True, methods=engines.METHODS),
    "figure": OutputKind("--figure", _of_a_fit(_figure), figures.SUFFIXES, methods=engines.METHODS),
    "html": OutputKind("--html", _html, (".html", ".htm"), uses_iterations=True),
}


@dataclass(frozen=True)
class OutputPaths:
    """The files that are written for one input.

    ``image`` is the quantized image; with None its bytes are returned instead. ``others`` maps keys of OUTPUTS to
    paths. Existing files are overwritten only with ``force``; with ``in_place`` the image is written over its input.
    With ``skip_existing`` nothing is done if all files exist, and if one is missing all are written; ``exist`` says
    whether they do where that is known already. ``name`` is the name of the input in reports.
    """

    image: Place | None
    others: Mapping[str, Place] = field(default_factory=dict)
    force: bool = False
    name: str = ""
    in_place: bool = False
    skip_existing: bool = False
    exist: bool | None = None

    def files(self, k: int) -> list[Place]:
        """All files that may be written, with at most ``k`` labels."""
        paths = [] if self.image is None else [self.image]
        for kind, path in self.others.items():
            per_label = path.suffix in OUTPUTS[kind].per_label
            paths += [numbered(path, label, k) for label in range(k)] if per_label else [path]
        return paths

    @property
    def palette_name(self) -> str | None:
        """The name of the palette's file, None where there is none."""
        return self.others["palette"].name if "palette" in self.others else None

    def series(self, k: int) -> list[tuple[Place, Place | None]]:
        """The files beside the image as (first, last) of numbered files; last is None for a single file."""
        return [
            (numbered(path, 0, k), numbered(path, k - 1, k)) if path.suffix in OUTPUTS[kind].per_label else (path, None)
            for kind, path in self.others.items()
        ]

    def is_complete(self, k: int) -> bool:
        """Whether all files exist.

        Of numbered files only the first is checked, since the image is written after them.
        """
        if self.exist is not None:
            return self.exist
        files = [self.image, *(path for path, _ in self.series(k))]
        return all(path is not None and is_file(path) for path in files)

    def check(self, k: int) -> None:
        """Raises OutputError for a file that cannot be written, or may not be overwritten."""
        over_input = self.in_place and self.image is not None
        check_writable(self.files(k)[over_input:], force=self.force or self.skip_existing)
        if over_input and self.image is not None:
            check_writable([self.image], force=True)


def check_kinds(options: FitOptions | MappingOptions, kinds: Iterable[str]) -> None:
    """Raises OptionError for one of ``kinds``, keys of OUTPUTS, that is not possible with ``options``.

    Those of a fit are as :func:`colorquant.fitting.engines.resolve` returns them.
    """
    for kind in kinds:
        output = OUTPUTS[kind]
        if options.method not in output.methods:
            raise OptionError(f"{output.flag} is not for {options.method}: use colorquant {output.methods[0]}")
        if (
            isinstance(options, FitOptions)
            and output.needs_iterations
            and not engines.ENGINES[options.engine][options.method].reports_iterations
        ):
            raise OptionError(
                f"{output.flag}: --engine {options.engine} does not report its iterations: use --engine numpy"
            )
