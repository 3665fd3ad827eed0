"""The input of records, figures and pages about one clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from colorquant.clips.results import ClipFit, ClipLabels
from colorquant.fitting.options import FitOptions
from colorquant.report.figure_kinds import Drawing
from colorquant.video.frames import ClipInfo, ClipReading

if TYPE_CHECKING:
    from colorquant.analysis.auto_k import ChosenK
    from colorquant.clips.background import ForegroundLabels
    from colorquant.mapping.dithering import Dithering
    from colorquant.video.background import BackgroundOptions


@dataclass(frozen=True)
class WrittenOutput:
    """An output of a clip: its ``path``, and its size in ``bytes``.

    Where an output has a file per frame or label, ``path`` is the first of its ``files``, and ``bytes`` the sum.
    """

    path: str
    bytes: int
    files: int = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class ClipFile:
    """A clip that was read, and what was written for it.

    ``name`` is the name that the user gave. ``frames`` were read, which last ``duration`` seconds, None where that is
    unknown. ``outputs`` has the written clip first, and may be empty. ``seconds`` maps each stage (``read``, ``count``,
    ``fit``, ``label``, ``write``) to its wall time. ``drawing`` selects the figure. ``notes`` are sentences about what
    was changed; ``warnings`` are the notes that are shown without ``-v``. ``command`` is a shell command that gives the
    same result, or empty. ``broken`` says why the clip ends early with ``--keep-partial``; it is empty where all frames
    were read.
    """

    name: str
    info: ClipInfo
    frames: int
    duration: Fraction | None = None
    reading: ClipReading = ClipReading()  # noqa: RUF009  it is frozen
    outputs: tuple[WrittenOutput, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    drawing: Drawing = Drawing("shares")  # noqa: RUF009  it is frozen
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    command: str = ""
    broken: str = ""

    @property
    def rate(self) -> float | None:
        """The frames per second of the clip, on average; None where that is unknown."""
        if self.duration:
            return float(self.frames / self.duration)
        return None if self.info.rate is None else float(self.info.rate)

    @property
    def bytes_out(self) -> int:
        """The size of the written clip, in bytes."""
        return self.outputs[0].bytes if self.outputs else 0


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantizedClip(ClipFile):
    """A clip in the colours of its fit.

    ``fit`` was made with ``options`` (as :func:`colorquant.fitting.engines.resolve` returns them), ``paint`` and
    ``assign``, from one of ``every`` frames. ``refit`` is the value of ``--refit``, None for one fit. ``labels`` is
    what was measured with ``smooth`` and ``still`` (:class:`colorquant.clips.results.Steadiness`). ``chosen``
    says how ``-k auto`` chose the number of colours.
    """

    options: FitOptions
    fit: ClipFit
    labels: ClipLabels
    paint: str = "members"
    assign: str | None = None
    every: int = 1
    refit: str | None = None
    smooth: float = 0.0
    still: float = 4.0
    dithering: Dithering | None = None
    chosen: ChosenK | None = None

    def color_of(self, label: int) -> str:
        """The colour of a label as hex: that of the first segment that has the label."""
        palettes = (segment.palette.hex for segment in self.fit.segments)
        return next(colors[label] for colors in palettes if label < len(colors))


@dataclass(frozen=True, eq=False, kw_only=True)
class BackgroundClip(ClipFile):
    """A clip in which what moves was told apart from what stays; there is no fit. ``labels`` is what was measured."""

    background: BackgroundOptions
    labels: ForegroundLabels
