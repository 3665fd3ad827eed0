"""The options of mapping pictures onto a given palette."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorquant.color.rgba import RGBA_SPACES
from colorquant.color.spaces import Projection
from colorquant.errors import OptionError
from colorquant.fitting.options import ALPHAS
from colorquant.mapping.nearest import DISTANCES
from colorquant.palette.palette import Palette

if TYPE_CHECKING:
    from colorquant.mapping.dithering import Dithering

DEFAULT_SPACE = "oklab"


@dataclass(frozen=True, eq=False)
class MappingOptions:
    """A given ``palette``, and how each colour gets its entry.

    ``given`` is the value of ``--palette`` that stands for the palette, for the command of a page. ``space``, a key of
    SPACES, is the one in which distances are Euclidean; None means oklab. ``distance`` is one of DISTANCES.
    ``alpha`` palette maps colour and alpha onto the entries' own, keep leaves the alpha of every pixel as it is; None
    means palette where the entries have alpha, and space and distance can compare it. Raises
    OptionError for an empty palette, and where space and distance do not go together.
    """

    palette: Palette
    given: str = ""
    space: str | None = None
    distance: str = "euclidean"
    alpha: str | None = None

    def __post_init__(self) -> None:
        if not len(self.palette):
            raise OptionError("the palette is empty: give at least one colour")
        if self.distance not in DISTANCES:
            raise OptionError(f"--distance {self.distance} is unknown: use {' or '.join(DISTANCES)}")
        if self.distance == "ciede2000" and self.space not in (None, "lab"):
            raise OptionError(f"--distance ciede2000 is defined in lab, not in {self.space}: leave --space out")
        if self.alpha not in (None, *ALPHAS):
            raise OptionError(f"alpha is {self.alpha!r}: use {' or '.join(ALPHAS)}")
        if self.alpha == "palette":
            self._check_alpha()
        Projection.of(self.metric_space, keep_luma=False)

    @property
    def metric_space(self) -> str:
        """The space in which distances are computed, a key of SPACES."""
        return self.space or ("lab" if self.distance == "ciede2000" else DEFAULT_SPACE)

    def _check_alpha(self) -> None:
        """Raises OptionError where entries with alpha are wanted, but not given or not comparable."""
        if self.palette.alpha is None:
            raise OptionError("--alpha palette needs a palette whose entries have alpha: use --alpha keep")
        if not self._compares_alpha:
            metric = f"--distance {self.distance}" if self.distance != "euclidean" else f"--space {self.space}"
            raise OptionError(f"--alpha palette cannot be honoured with {metric}: use --alpha keep")

    @property
    def _compares_alpha(self) -> bool:
        return self.distance == "euclidean" and self.metric_space in RGBA_SPACES

    @property
    def keep_alpha(self) -> bool:
        """Whether every pixel keeps its alpha, though entries may have one."""
        return self.alpha == "keep" or not self._compares_alpha

    def check_dithering(self, dithering: Dithering) -> None:
        """Raises OptionError where the alpha of entries is demanded, but pictures cannot be dithered so."""
        if self.alpha == "palette":
            dithering.check_alpha(self.metric_space)

    @property
    def method(self) -> str:
        """The name of the command."""
        return "apply"

    @property
    def k(self) -> int:
        """The number of labels: the entries of the palette, unused ones included."""
        return len(self.palette)
