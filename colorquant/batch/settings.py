"""The settings that all inputs of a run have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from colorquant.batch.inputs import Input
from colorquant.fitting.options import FitOptions
from colorquant.images import Picture
from colorquant.images.decoding import Reading
from colorquant.images.metadata import Metadata
from colorquant.report.figure_kinds import Drawing
from colorquant.types import UInt8Array

if TYPE_CHECKING:  # a plain run loads none of them
    from colorquant.analysis.auto_k import AutoK, ChosenK
    from colorquant.fitted_palette import FittedPalette
    from colorquant.mapping.dithering import Dithering
    from colorquant.mapping.options import MappingOptions


@dataclass(frozen=True)
class SharedFit:
    """The one palette of a run, fitted to ``images`` images, and the shell ``command`` of the whole run.

    ``chosen`` says how ``-k auto`` chose the number of colours.
    """

    palette: FittedPalette
    images: int
    command: str = ""
    chosen: ChosenK | None = None


@dataclass(frozen=True)
class JobOptions:
    """The options of every input of a run.

    ``options`` are those of the fit, or of mapping onto a given palette; ``paint`` and ``assign`` are those of
    :func:`colorquant.quantization.quantize`, for a fit. ``reading`` says how the image is read. With ``keep_metadata``
    the metadata of the input are written into the image.
    ``drawing`` is a choice of :func:`colorquant.report.figures.choose`; None draws the default figure. With ``auto``
    the number of colours is chosen for each input, and ``options.k`` is the largest that is possible. ``weights`` is
    the name of a map of importance, in which ``{stem}`` stands for the stem of each input. With ``optimize`` oxipng
    makes the picture smaller; with ``skip_if_larger`` nothing is written for an input whose picture would not be
    smaller than its file. ``shared`` is the one palette for all inputs, already fitted.
    ``dithering`` is None where the picture is not dithered. With ``strips`` the picture is never whole in memory.
    """

    options: FitOptions | MappingOptions
    paint: str = "members"
    assign: str | None = None
    reading: Reading = Reading()  # noqa: RUF009  it is frozen
    keep_metadata: bool = False
    drawing: Drawing | None = None
    auto: AutoK | None = None
    weights: str | None = None
    optimize: bool = False
    skip_if_larger: bool = False
    dithering: Dithering | None = None
    shared: SharedFit | None = None
    strips: bool = False

    def for_input(self, item: Input) -> JobOptions:
        """The settings for one input: its stem stands in the name of its map of importance."""
        if self.weights is None:
            return self
        return replace(self, weights=self.weights.replace("{stem}", item.stem))

    def kept_metadata(self, metadata: Metadata) -> tuple[Metadata | None, tuple[str, ...]]:
        """What of an input's metadata is written into its picture, None for nothing, and notes on what is dropped."""
        return (metadata, metadata.without_place) if self.keep_metadata else (None, metadata.dropped)

    def importance(self, picture: Picture) -> UInt8Array | None:
        """The map of ``--weights`` for a picture, if there is one; ``weights`` is the name of a file."""
        if self.weights is None:
            return None
        from colorquant.images.importance import read_importance  # a plain run does not need it

        return read_importance(self.weights, picture.rgb.shape[:2])
