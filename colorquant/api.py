"""The Python API: the work of the commands as functions that take paths, PIL images and arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from colorquant import applying, images, quantization
from colorquant.analysis import compare as comparisons
from colorquant.analysis.auto_k import AutoK, ChosenK
from colorquant.analysis.grid import Axes, Grid
from colorquant.analysis.k_trials import choose_k, distinct_colors
from colorquant.applying import apply_palette
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.errors import OptionError
from colorquant.files import write_whole
from colorquant.fitted_palette import FittedPalette, fit_palette
from colorquant.fitting.engines import Progress
from colorquant.fitting.options import MAX_COLORS, FitOptions
from colorquant.images.decoding import Reading
from colorquant.mapping.dithering import Dithering
from colorquant.mapping.options import MappingOptions
from colorquant.palette.given import given_palette, lockable_colors
from colorquant.palette.palette import Palette
from colorquant.quantization import IndexedImage, Quantized, encode_png
from colorquant.report import figures, notebook
from colorquant.report.comparison_records import ComparedImage, records
from colorquant.report.comparison_result import ComparisonTable
from colorquant.report.quantized_file import QuantizedFile
from colorquant.sources import counted, fitted_alpha
from colorquant.types import LabelArray, UInt8Array

T = TypeVar("T")
AUTO = "auto"  # the value of ``k`` that lets the image decide

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

    from colorquant.sources import Source


class _Saving(IndexedImage):
    """Saving and showing a picture; all images that the API returns can do this."""

    def save(self, path: Path | str, *, force: bool = False, optimize: bool = False) -> None:
        """Write the picture as a PNG, completely or not at all.

        An existing file is replaced only with ``force``. With ``optimize`` oxipng makes the file smaller, which takes
        longer. Raises OptionError for another ending and where pyoxipng is missing, OutputError where the file cannot
        be written.
        """
        path = Path(path)
        if path.suffix.lower() != ".png":
            raise OptionError(f"{path}: pictures are written as PNG, give a name that ends in .png")
        write_whole([(path, encode_png(self, optimize=optimize))], force=force)

    def __repr__(self) -> str:
        """Size, colours and error, in one line: the arrays themselves would fill the screen."""
        height, width = self.labels.shape
        colors = f"{self.colors_in:,} → {self.colors_out:,} colours"
        return f"<{type(self).__name__}: {width} × {height}, {colors}, PSNR {self.psnr:.2f} dB>"

    def to_pil(self) -> Image.Image:
        """The picture as a PIL image: of mode P where 256 entries are enough, else RGB or RGBA."""
        return images.to_pil(encode_png(self))

    def _repr_png_(self) -> bytes:
        """The picture, as a notebook without HTML shows it."""
        return encode_png(self)

    def _repr_html_(self) -> str:
        """The picture with its palette and its numbers, as a notebook shows them."""
        return notebook.image_html(self)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class MappedImage(_Saving, IndexedImage):
    """An image mapped onto a given palette, as :func:`apply` returns it."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class QuantizedImage(_Saving, Quantized):
    """A quantized image, as :func:`quantize` returns it, with the image that it was made from.

    ``chosen`` says how ``k="auto"`` chose the number of colours, with the curve that it saw; None where k was given.
    """

    original: CountedImage
    name: str = "image"
    paint: str = "members"
    assign: str | None = None
    chosen: ChosenK | None = None

    def figure(self, kind: str | None = None, bands: Sequence[str] = (), *, title: str | None = None) -> Figure:
        """A matplotlib figure of what was fitted; ``kind`` is a key of FIGURES, None the default one.

        ``bands`` names the bands it shows, such as ``("Cr", "Cb")``; ``title`` replaces the default one, and an empty
        text leaves it out. Raises OptionError where matplotlib is missing, or this fit cannot have the figure.
        """
        drawing = figures.choose(self.options, kind, bands, title)
        return figures.figure(
            QuantizedFile(
                name=self.name,
                image=self.original,
                quantized=self,
                paint=self.paint,
                assign=self.assign,
                drawing=drawing,
                chosen=self.chosen,
            )
        )

    def _repr_html_(self) -> str:
        """The picture beside its original, with its palette and its numbers, as a notebook shows them."""
        return notebook.image_html(self, self.original)


def fit_options_of(options: FitOptions | None, changes: Mapping[str, object]) -> FitOptions:
    """The options with ``changes``, each named like its field. Raises OptionError for an option that there is not."""
    known = {field.name for field in fields(FitOptions)}
    for name in changes:
        if name not in known:
            raise OptionError(f"there is no option {name!r}: use one of {', '.join(sorted(known))}")
    lock = changes.get("lock")
    if isinstance(lock, (str, Palette)):
        changes = {**changes, "lock": lockable_colors(lock)}
    return (options or FitOptions()).replace(**changes)


def quantize(
    source: Source,
    options: FitOptions | None = None,
    *,
    alpha: UInt8Array | str | None = None,
    weights: Source | None = None,
    paint: str = "members",
    assign: str | None = None,
    record: bool = False,
    progress: Progress | None = None,
    reading: Reading = Reading(),  # noqa: B008  it is frozen
    target: str | None = None,
    min_k: int | None = None,
    max_k: int | None = None,
    best_effort: bool = False,
    dither: Dithering | str | None = None,
    **fit_options: object,
) -> QuantizedImage:
    """Quantize an image, such as ``quantize("photo.jpg", k=16, method="em", space="ycrcb")``.

    ``source`` is a path, the bytes of an image file, a PIL image, or an array: (h, w, 3) uint8, (h, w, 4) uint8 with
    alpha, or (h, w) uint8 of gray levels. ``alpha`` is that of an array, (h, w) uint8, or says what to do with
    transparency, as ``--alpha`` does: ``"palette"``, ``"keep"``, ``"drop"``, ``"threshold:128"``, or a colour.
    ``weights`` is a gray image of the same size, as a file, a PIL image or an array (h, w) uint8: pixels count in the
    fit in proportion to it.
    ``options``, and the fields of FitOptions by name, define the fit; ``lock`` also takes a palette, or what names one
    on the command line. ``paint``, ``assign``, ``record`` and ``progress`` are those of
    :func:`colorquant.quantization.quantize`; ``reading`` says how a file is read. ``dither`` is the name of a method,
    such as ``"floyd-steinberg"``, or a :class:`Dithering` with its options.

    With ``k="auto"`` the number of colours is chosen by ``target``, such as ``"psnr:35"``, ``"size:50k"`` or
    ``"elbow"``, among those from ``min_k`` (2) to ``max_k`` (256); see :class:`colorquant.analysis.auto_k.AutoK`. A
    target that none of them reaches is a TargetError or, with ``best_effort``, gives the nearest. Raises
    ImageReadError, OptionError and EngineError.
    """
    wanted = {"target": target, "min_k": min_k, "max_k": max_k, "best_effort": best_effort or None}
    automatic = _takes_auto(fit_options, wanted)
    resolved, dithering = fit_options_of(options, fit_options), requested_dithering(dither)
    resolved = resolved.replace(alpha=fitted_alpha(alpha) or resolved.alpha)
    auto = None
    if automatic:
        auto = AutoK.of(resolved.method, target, min_k=min_k, max_k=max_k, best_effort=best_effort).beside(resolved)
    image = counted(source, alpha, reading, weights)

    def run(k: int) -> Quantized:
        return quantization.quantize(
            image,
            resolved.replace(k=k),
            paint=paint,
            assign=assign,
            record=record,
            progress=progress,
            dithering=dithering,
        )

    name = str(source) if isinstance(source, (str, Path)) else "image"
    chosen = None
    if auto is not None:
        dithers = dithering is not None and not dithering.takes_alpha(resolved.space)
        colors = distinct_colors(image, resolved, dithers=dithers)
        found = choose_k(image, auto, run, encode_png, colors=colors)
        result, chosen = found.quantized, found.chosen
    else:
        result = run(resolved.k)
    return QuantizedImage(original=image, name=name, paint=paint, assign=assign, chosen=chosen, **vars(result))


def requested_dithering(dither: Dithering | str | None) -> Dithering | None:
    """A dithering, or the name of a method; None and ``none`` mean no dithering. Raises OptionError."""
    if isinstance(dither, str):
        return Dithering.requested(dither)
    if not isinstance(dither, (Dithering, type(None))):
        raise OptionError(f"dither is {dither!r}: give the name of a method, such as 'floyd-steinberg', or a Dithering")
    return dither


def _palette(palette: Palette | str) -> Palette:
    """A palette, or the one that a text names. Raises OptionError."""
    if isinstance(palette, str):
        return given_palette(palette)
    if not isinstance(palette, Palette):
        kind = type(palette).__name__
        raise OptionError(f"the palette is of type {kind}: give a Palette; Palette.of makes one of a list of colours")
    return palette


def _takes_auto(fit_options: dict[str, object], wanted: Mapping[str, object]) -> bool:
    """Take ``k="auto"`` out of ``fit_options``, if it is there. Raises OptionError for what only goes with it."""
    if fit_options.get("k") == AUTO:
        fit_options["k"] = MAX_COLORS  # any number is possible until the image decides
        return True
    for name, value in wanted.items():
        if value is not None:
            raise OptionError(f'{name} chooses the number of colours: give k="auto"')
    return False


def histogram(
    source: Source, *, alpha: UInt8Array | str | None = None, weights: Source | None = None
) -> ColorHistogram:
    """The distinct colours of an image, with their counts. Histograms add: ``histogram(a) + histogram(b)``.

    ``source``, ``alpha`` and ``weights`` as :func:`quantize` takes them. With ``alpha="palette"`` pairs of colour and
    alpha are counted.
    """
    image = counted(source, alpha, weights=weights)
    return image.with_alpha.histogram if fitted_alpha(alpha) == "palette" else image.histogram


def fit(
    colors: ColorHistogram | Source,
    options: FitOptions | None = None,
    *,
    paint: str = "members",
    assign: str | None = None,
    dither: Dithering | str | None = None,
    **fit_options: object,
) -> FittedPalette:
    """Fit a palette to a histogram, or to an image; for one palette for many images, give the sum of their histograms.

    The result is a :class:`Palette` that also holds the model, which labels other images: ``predict(rgb)``. With
    ``dither``, as :func:`quantize` takes it, its colours suit images that will be dithered so.
    Raises OptionError, EngineError, and ImageReadError for a file that is not a whole image.
    """
    counts = colors if isinstance(colors, ColorHistogram) else histogram(colors, alpha="palette")
    return fit_palette(
        counts, fit_options_of(options, fit_options), paint=paint, assign=assign, dithering=requested_dithering(dither)
    )


def apply(
    palette: Palette | str,
    source: Source,
    *,
    space: str | None = None,
    distance: str = "euclidean",
    alpha: UInt8Array | str | None = None,
    dither: Dithering | str | None = None,
) -> MappedImage:
    """Map an image onto a palette: each pixel gets the nearest entry.

    ``palette`` may be what names one on the command line: a file, colours such as ``"#ff0000,white"``, or a built-in
    name. Nearest is meant in ``space``, a key of SPACES (None: oklab), by Euclidean distance, or by CIEDE2000 with
    ``distance`` ciede2000. The palette keeps its colours and their order. ``source``, ``alpha`` and ``dither`` as
    :func:`quantize` takes them. Raises OptionError for an empty palette, and where space and distance do not go
    together.
    """
    palette = _palette(palette)
    options = MappingOptions(palette, space=space, distance=distance, alpha=fitted_alpha(alpha))
    image = counted(source, alpha)
    result = apply_palette(
        palette,
        image,
        options.metric_space,
        distance=distance,
        dithering=requested_dithering(dither),
        keep_alpha=options.keep_alpha,
    )
    return MappedImage(**vars(result))


def quantize_with(
    palette: FittedPalette,
    source: Source,
    *,
    alpha: UInt8Array | None = None,
    dither: Dithering | str | None = None,
) -> QuantizedImage:
    """An image in the colours of a palette from :func:`fit`: each pixel gets the label that the model gives it.

    So a label means the same in every image, as with ``--shared``. The palette keeps its colours and their order.
    ``source``, ``alpha`` and ``dither`` as :func:`quantize` takes them.
    """
    if not isinstance(palette, FittedPalette):
        raise OptionError(
            f"{type(palette).__name__} has no model to label with: give a palette from fit(), or use apply()"
        )
    image = counted(source, alpha)
    name = str(source) if isinstance(source, (str, Path)) else "image"
    result = applying.quantize_with(palette, image, dithering=requested_dithering(dither))
    return QuantizedImage(original=image, name=name, assign=palette.assign, **vars(result))


def compare(
    source: Source,
    *,
    k: int | Sequence[int] = 16,
    method: str | Sequence[str] = ("kmeans", "em"),
    engine: str | Sequence[str] = "numpy",
    space: str | Sequence[str] = "rgb",
    covariance: str | Sequence[str] = (),
    dither: str | Sequence[str] = "none",
    truth: LabelArray | None = None,
    alpha: UInt8Array | str | None = None,
    **fit_options: Any,
) -> ComparisonTable:
    """Run every combination on one image, whose colours are counted once, and measure each result in the same way.

    ``source`` and ``alpha`` as :func:`quantize` takes them. ``k``, ``method``, ``engine`` (keys of ENGINES, and
    baselines such as pillow-median), ``space``, ``covariance`` and ``dither`` are one value each or several. ``truth``
    (h, w) holds the true labels, from 0. ``fit_options`` are ``init``, ``attempts``, ``max_iter``, ``tol``, ``seed``,
    ``seeds``, and the options of dithering ``dither_strength``, ``serpentine``, ``dither_space`` and
    ``dither_adaptive``, which all combinations share. A combination that fails is a record with an ``error``. Raises
    OptionError where no combination is possible, and ImageReadError.
    """
    dither_options = ("dither_strength", "serpentine", "dither_space", "dither_adaptive")
    known = ("init", "attempts", "max_iter", "tol", "seed", "seeds", *dither_options)
    for option in fit_options:
        if option not in known:
            raise OptionError(f"there is no option {option!r}: use one of {', '.join(known)}")
    axes = Axes(
        k=_several(k),
        method=_several(method),
        engine=_several(engine),
        space=_several(space),
        covariance=_several(covariance),
        dither=_several(dither),
        alpha=fitted_alpha(alpha),
        **fit_options,
    )
    grid = Grid.of(axes)
    image = counted(source, alpha)
    comparison = comparisons.compare(image, grid, truth=truth)
    name, bytes_in = _file_facts(source)
    rows = records(ComparedImage(name=name, comparison=comparison, bytes_in=bytes_in))
    return ComparisonTable(rows, grid.left_out)


def _several(values: T | Sequence[T]) -> tuple[T, ...]:
    """One value, or several, as a tuple without repetition."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        return (values,)
    return tuple(dict.fromkeys(values))


def _file_facts(source: Source) -> tuple[str, int]:
    """The name of an image, and the bytes of its file; 0 where it has none."""
    if isinstance(source, (str, Path)):
        return str(source), Path(source).stat().st_size
    return "image", len(source) if isinstance(source, bytes) else 0
