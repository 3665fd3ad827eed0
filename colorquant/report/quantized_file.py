"""The input of pages, figures and the other files about one picture in the colours of a palette."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from colorquant.analysis.iterations import Iterated, iterations
from colorquant.analysis.posteriors import Posteriors
from colorquant.analysis.sweep import Sweep, sweep
from colorquant.color.counted import CountedImage
from colorquant.color.spaces import Projection
from colorquant.fitting.features import projection_of
from colorquant.mapping.options import MappingOptions
from colorquant.quantization import IndexedImage, Quantized
from colorquant.report.figure_kinds import FIGURES, Drawing

if TYPE_CHECKING:
    from colorquant.analysis.auto_k import ChosenK


@dataclass(frozen=True, eq=False)
class IndexedFile:
    """A picture in the colours of a palette, with what pages and other files say about it.

    ``name`` is the name that the user gave, ``image`` the picture before, ``quantized`` after. ``bytes_in`` is the size
    of the input file, ``bytes_out`` that of the PNG; ``notes`` are sentences about what was lost. ``command`` is a
    shell command that gives the same result, or empty.
    """

    name: str
    image: CountedImage
    quantized: IndexedImage
    bytes_in: int = 0
    bytes_out: int = 0
    notes: tuple[str, ...] = ()
    command: str = ""

    @property
    def counted(self) -> CountedImage:
        """The image with the histogram that its labels are about: with alpha where the palette has alpha."""
        return self.image if self.quantized.palette.alpha is None else self.image.with_alpha

    @property
    def most_labels(self) -> int:
        """The number of labels that the names of numbered files have room for."""
        return len(self.quantized.palette)


@dataclass(frozen=True, eq=False, kw_only=True)
class MappedFile(IndexedFile):
    """A picture that was mapped onto a given palette with ``options``."""

    options: MappingOptions


@dataclass(frozen=True, eq=False)
class QuantizedFile(IndexedFile):
    """A quantized picture with what pages and figures show of it; each part is computed when first needed, then kept.

    ``quantized`` was made with ``paint`` and ``assign``, as :func:`colorquant.quantization.quantize` takes them.
    ``drawing`` selects the figure; None means no figure or the default one. ``chosen`` says how ``-k auto`` chose the
    number of colours, and ``runs`` are the pictures that it tried.
    """

    quantized: Quantized
    paint: str = "members"
    assign: str | None = None
    drawing: Drawing | None = None
    chosen: ChosenK | None = None
    runs: tuple[Quantized, ...] = ()

    @property
    def most_labels(self) -> int:
        """The number of labels that the names of numbered files have room for."""
        return self.quantized.options.k if self.chosen is None else self.chosen.auto.max_k

    @property
    def projection(self) -> Projection:
        """The bands that were clustered."""
        options = self.quantized.options
        return projection_of(options)

    @cached_property
    def sweep(self) -> Sweep:
        """The picture with other numbers of colours; fitted to every pixel if a figure shows them."""
        every_pixel = self.drawing is not None and FIGURES[self.drawing.kind].sweep
        return sweep(
            self.image,
            self.quantized,
            paint=self.paint,
            assign=self.assign,
            every_pixel=every_pixel,
            known=self.runs,
        )

    @cached_property
    def iterations(self) -> Iterated | None:
        """The iterations that explain the result; None where nothing was iterated, or not for this image alone."""
        if self.quantized.shared is not None:
            return None
        return iterations(self.image, self.quantized)

    @cached_property
    def posteriors(self) -> Posteriors:
        """The posteriors of each pixel. Raises OptionError for k-means, which has none."""
        return Posteriors.of(self.image, self.quantized)
