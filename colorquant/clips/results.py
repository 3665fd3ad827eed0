"""What is known of a clip after its first pass, the fit, and after its second one, the labels of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from colorquant.fitted_palette import FittedPalette
from colorquant.types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Segment:
    """Consecutive frames that share a fit: those with the numbers from ``first`` to ``end`` - 1, counted from 0.

    ``time`` is that of the first one, in seconds from the first frame of the clip.
    """

    first: int
    end: int
    palette: FittedPalette
    time: Fraction = Fraction(0)


@dataclass(frozen=True, eq=False)
class ClipFit:
    """The fit of a clip: one ``Segment``, or with ``--refit`` several, in order and without gaps.

    Label i of each segment continues label i of the one before. ``frames`` were read, and ``counted`` of them entered
    the fit, with ``colors_in`` distinct colours. ``cuts`` are the numbers of the frames with which a new scene begins,
    None where cuts were not searched. The fits took ``seconds`` of wall time.
    """

    segments: tuple[Segment, ...]
    frames: int
    counted: int
    colors_in: int
    cuts: tuple[int, ...] | None = None
    seconds: float = 0.0

    @property
    def k(self) -> int:
        """The number of labels: the largest number of entries of a palette."""
        return max(len(segment.palette) for segment in self.segments)


@dataclass(frozen=True, eq=False)
class Timeline:
    """The share of each label over time: ``shares`` (t, k), 0 to 1, of the visible pixels from ``times`` (t,) on.

    ``times`` are seconds. A row is a frame, or in a long clip the mean of several consecutive frames.
    """

    times: FloatArray
    shares: FloatArray


@dataclass(frozen=True)
class Steadiness:
    """How steady labels are: shares of the pixels, from the second frame on.

    ``flickering`` is the share of pixels whose label differs from that in the frame before although no channel of
    their colour moved by ``still`` levels or more; ``changed`` is the share of those whose label differs at all.
    """

    flickering: float
    changed: float
    still: float


@dataclass(frozen=True, eq=False)
class ClipLabels:
    """What was measured while the frames of a clip were labelled.

    ``counts`` (k,) are the pixels of each label in all ``frames``, and ``transparent`` those of none. ``mse`` is the
    error of all visible pixels, as for an image. ``steadiness`` is None for a single frame. With ``--smooth``,
    ``unsmoothed`` and ``unsmoothed_mse`` are the steadiness and the error that the same fit has without it.
    """

    frames: int
    counts: IntArray
    transparent: int
    mse: float
    timeline: Timeline
    steadiness: Steadiness | None
    unsmoothed: Steadiness | None = None
    unsmoothed_mse: float | None = None
