"""The options of mapping pictures onto a given palette."""

from __future__ import annotations

from dataclasses import dataclass

from colorquant.color.spaces import Projection
from colorquant.errors import OptionError
from colorquant.mapping.nearest import DISTANCES
from colorquant.palette.palette import Palette

DEFAULT_SPACE = "oklab"


@dataclass(frozen=True, eq=False)
class MappingOptions:
    """A given ``palette``, and how each colour gets its entry.

    ``given`` is the value of ``--palette`` that stands for the palette, for the command of a page. ``space``, a key of
    SPACES, is the one in which distances are Euclidean; None means oklab. ``distance`` is one of DISTANCES. Raises
    OptionError for an empty palette, and where space and distance do not go together.
    """

    palette: Palette
    given: str = ""
    space: str | None = None
    distance: str = "euclidean"

    def __post_init__(self) -> None:
        if not len(self.palette):
            raise OptionError("the palette is empty: give at least one colour")
        if self.distance not in DISTANCES:
            raise OptionError(f"--distance {self.distance} is unknown: use {' or '.join(DISTANCES)}")
        if self.distance == "ciede2000" and self.space not in (None, "lab"):
            raise OptionError(f"--distance ciede2000 is defined in lab, not in {self.space}: leave --space out")
        Projection.of(self.metric_space, keep_luma=False)

    @property
    def metric_space(self) -> str:
        """The space in which distances are computed, a key of SPACES."""
        return self.space or ("lab" if self.distance == "ciede2000" else DEFAULT_SPACE)

    @property
    def method(self) -> str:
        """The name of the command."""
        return "apply"

    @property
    def k(self) -> int:
        """The number of labels: the entries of the palette, unused ones included."""
        return len(self.palette)
