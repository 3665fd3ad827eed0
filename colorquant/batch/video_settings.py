"""The settings that all clips of a run have in common."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from colorquant.fitting.options import FitOptions
from colorquant.report.figure_kinds import Drawing
from colorquant.video.frames import ClipReading

if TYPE_CHECKING:
    from colorquant.analysis.auto_k import AutoK
    from colorquant.mapping.dithering import Dithering
    from colorquant.video.background import BackgroundOptions


@dataclass(frozen=True)
class ClipSettings:
    """The options of every clip of a run.

    ``options`` are those of the fit; ``paint``, ``assign``, ``dithering`` and ``auto`` are as in
    :class:`colorquant.batch.settings.JobOptions`. ``reading`` says how a clip is read. One frame in ``every`` is
    counted for the fit. ``refit`` is the value of ``--refit``: a number of frames, ``cuts``, both, or None for one fit.
    ``smooth`` and ``still`` are those of :class:`colorquant.clips.labelling.ClipLabeller`. With ``keep_partial`` a
    clip with a broken frame ends before that frame. ``crf`` is the quality of videos, None for the default. ``drawing``
    selects the figure. With ``background`` there is no fit: what moves is told apart from what stays.
    """

    options: FitOptions
    paint: str = "members"
    assign: str | None = None
    reading: ClipReading = ClipReading()  # noqa: RUF009  it is frozen
    auto: AutoK | None = None
    dithering: Dithering | None = None
    every: int = 1
    refit: str | None = None
    smooth: float = 0.0
    still: float = 4.0
    keep_partial: bool = False
    crf: int | None = None
    background: BackgroundOptions | None = None
    drawing: Drawing = Drawing("shares")  # noqa: RUF009  it is frozen
    method: ClassVar[str] = "em"  # of the options unless the user chooses

    def replace(self, **changes: object) -> ClipSettings:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]
