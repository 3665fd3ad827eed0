"""The input of pages, figures and the other files about one quantized picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from colorquant.analysis.iterations import Iterated, iterations
from colorquant.analysis.posteriors import Posteriors
from colorquant.analysis.sweep import Sweep, sweep
from colorquant.color.counted import CountedImage
from colorquant.color.spaces import Projection
from colorquant.quantization import Quantized
from colorquant.report.figures import FIGURES, Drawing


@dataclass(frozen=True, eq=False)
class QuantizedFile:
    """A picture that was quantized, and what else is shown of it, each computed once, when it is first needed.

    ``name`` is what its user calls it. ``quantized`` was made with ``paint`` and ``assign``, as
    :func:`colorquant.quantization.quantize` takes them. ``bytes_in`` is the size of the
    input's file, ``bytes_out`` that of the PNG; ``notes`` are sentences
    about what was lost on the way. ``drawing`` is the figure that is wanted, None for none or the usual one.
    ``command`` is a line for a shell that gives the same result, empty where there is none.
    """

    name: str
    image: CountedImage
    quantized: Quantized
    paint: str = "members"
    assign: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    notes: tuple[str, ...] = ()
    drawing: Drawing | None = None
    command: str = ""

    @property
    def projection(self) -> Projection:
        """The bands that were clustered."""
        options = self.quantized.options
        return Projection.of(options.space, options.keep_luma)

    @cached_property
    def sweep(self) -> Sweep:
        """The picture with other numbers of colours; of every pixel where a figure of them is wanted."""
        every_pixel = self.drawing is not None and FIGURES[self.drawing.kind].sweep
        return sweep(self.image, self.quantized, paint=self.paint, assign=self.assign, every_pixel=every_pixel)

    @cached_property
    def iterations(self) -> Iterated | None:
        """The iterations that explain the result; None where nothing was iterated."""
        return iterations(self.image, self.quantized)

    @cached_property
    def posteriors(self) -> Posteriors:
        """The posteriors of each pixel. Raises OptionError for k-means, which has none."""
        return Posteriors.of(self.image, self.quantized)
