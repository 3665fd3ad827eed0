"""The fit of a clip: the colours of its frames are counted in one pass, and their sums are fitted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from colorquant.clips.cuts import find_cuts
from colorquant.clips.matching import MOST_MATCHED, continued
from colorquant.clips.results import ClipFit, Segment
from colorquant.color.frame_counting import FrameCounter
from colorquant.color.histogram import ColorHistogram
from colorquant.color.packing import distinct_keys, pack
from colorquant.color.rgba import OPAQUE
from colorquant.errors import EngineError, ImageReadError, OptionError
from colorquant.fitted_palette import FittedPalette, check_sums, counts_alpha, fit_palette
from colorquant.fitting.engines import Progress, histogram_for, resolve
from colorquant.fitting.options import FitOptions
from colorquant.types import UInt32Array
from colorquant.video.frames import Frame

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.mapping.dithering import Dithering

# Returns the palette of the best number of colours for a histogram; it calls the function that fits so many.
ChooseK = Callable[[ColorHistogram, Callable[[int], FittedPalette]], FittedPalette]


def ignore_frame() -> None:
    """Default for ``counted``: does nothing."""


@dataclass(frozen=True)
class Refit:
    """Where a new fit begins: after so many ``frames``, None for no limit, and with ``cuts`` at each new scene.

    Raises OptionError for a number of frames below 1.
    """

    frames: int | None = None
    cuts: bool = False

    def __post_init__(self) -> None:
        if self.frames is not None and self.frames < 1:
            raise OptionError(f"--refit {self.frames} is out of range: use a number of frames from 1 on, or cuts")

    @classmethod
    def of(cls, value: str) -> Refit:
        """The value of ``--refit``: a number of frames, ``cuts``, or both with a comma. Raises OptionError."""
        words = [word.strip() for word in value.split(",")]
        numbers = [word for word in words if word != "cuts"]
        if len(numbers) > 1 or len(words) - len(numbers) > 1 or not all(map(str.isdecimal, numbers)):
            raise OptionError(
                f"--refit {value!r} cannot be read: use a number of frames, cuts, or both, as in cuts,250"
            )
        return cls(int(numbers[0]) if numbers else None, cuts=len(numbers) < len(words))


def fit_clip(
    frames: Iterable[Frame],
    options: FitOptions,
    *,
    every: int = 1,
    refit: Refit | None = None,
    paint: str = "members",
    assign: str | None = None,
    dithering: Dithering | None = None,
    choose: ChooseK | None = None,
    progress: Progress | None = None,
    counted: Callable[[], None] = ignore_frame,
) -> ClipFit:
    """Fit one palette to the sum of the histograms of all ``frames``, or of every one in ``every``.

    With ``refit`` each segment of the clip has a fit of its own, which starts from the one before; its labels go on as
    :func:`colorquant.clips.matching.continued` says. Frames without a visible pixel belong to the segment before them.

    ``choose`` chooses the number of colours, for the first segment, and is ``options.k`` without it; the other options
    are those of :func:`colorquant.fitted_palette.fit_palette`. ``counted`` is called after each frame. Raises
    OptionError for an engine that fits pixels, for an ``every`` below 1 and for more colours than can be matched,
    ImageReadError where there is no frame, EngineError where no pixel is visible, and as ``fit_palette`` and ``frames``
    do.
    """
    check_clip(options, every=every, refit=refit)
    options = resolve(options)
    segments = _Segments(options, paint, assign, dithering, choose, progress)
    cuts: list[int] = []
    number = 0
    for number, (frame, cut) in enumerate(_with_cuts(frames, refit), start=1):
        if cut:
            cuts.append(number - 1)
        if refit is not None and (cut or segments.frames == refit.frames):
            segments.finish()
        segments.add(frame, count=segments.frames % every == 0)
        counted()
    if not number:
        raise ImageReadError("the clip has no frames: nothing is left to fit")
    segments.finish()
    if not segments.done:
        raise EngineError("no frame has a visible pixel: there is nothing to fit")
    found = tuple(cuts) if refit is not None and refit.cuts else None
    return ClipFit(tuple(segments.done), number, segments.counted, segments.colors, found, segments.seconds)


def check_clip(options: FitOptions, *, every: int = 1, refit: Refit | None = None) -> None:
    """Raises OptionError for what :func:`fit_clip` cannot do, before a frame is read."""
    if every < 1:
        raise OptionError(f"--every {every} is out of range: use a whole number from 1 on")
    check_sums(resolve(options), "a clip")
    if refit is not None and options.k > MOST_MATCHED:
        raise OptionError(
            f"--refit matches at most {MOST_MATCHED} colours, not {options.k}: use fewer, or leave it out"
        )


def _with_cuts(frames: Iterable[Frame], refit: Refit | None) -> Iterator[tuple[Frame, bool]]:
    """Each frame, and whether a new scene begins with it, where that is asked."""
    if refit is not None and refit.cuts:
        return find_cuts(frames)
    return ((frame, False) for frame in frames)


class _Segments:
    """The segments of a clip: their frames are counted, and each is fitted when it ends, from the one before."""

    def __init__(
        self,
        options: FitOptions,
        paint: str,
        assign: str | None,
        dithering: Dithering | None,
        choose: ChooseK | None,
        progress: Progress | None,
    ) -> None:
        self._options, self._paint, self._assign, self._dithering = options, paint, assign, dithering
        self._choose, self._progress = choose, progress
        self._with_alpha = counts_alpha(options, dithering)
        self._counter: FrameCounter | None = None
        self._seen: UInt32Array = np.empty(0, np.uint32)  # the colours of the segments that are done
        self._first, self._time = 0, Fraction(0)  # of the next segment that will be done
        self._read = 0
        self.done: list[Segment] = []
        self.frames = 0  # of the segment that is not finished
        self.counted = 0
        self.seconds = 0.0  # wall time of the fits

    @property
    def colors(self) -> int:
        """The number of distinct colours that were counted."""
        return len(self._seen)

    def add(self, frame: Frame, *, count: bool) -> None:
        """Add a frame to the segment that is not finished, and ``count`` it or not."""
        if self._read == self._first:
            self._time = frame.time
        self._read += 1
        self.frames += 1
        if count:
            self._counter = self._counter or FrameCounter(with_alpha=self._with_alpha)
            self._counter.add(frame.rgb, frame.alpha)
            self.counted += 1

    def finish(self) -> None:
        """Fit the segment, if a pixel of it is visible, and forget its colours."""
        total = histogram_for(self._options, (self._counter or FrameCounter()).total())
        self.frames, self._counter = 0, None
        if len(total):
            keys = pack(total.colors)
            keys = keys if total.has_alpha else keys << np.uint32(8) | np.uint32(OPAQUE)
            self._seen = distinct_keys(self._seen, keys)
            start = time.perf_counter()
            self.done.append(Segment(self._first, self._read, self._fitted(total), self._time))
            self.seconds += time.perf_counter() - start
        elif self.done:
            self.done[-1] = replace(self.done[-1], end=self._read)
        if self.done:
            self._first = self._read

    def _fitted(self, total: ColorHistogram) -> FittedPalette:
        """The palette of a segment, which continues that of the segment before."""
        before = self.done[-1].palette if self.done else None

        def fit(k: int) -> FittedPalette:
            return fit_palette(
                total,
                self._options.replace(k=k),
                paint=self._paint,
                assign=self._assign,
                progress=self._progress,
                dithering=self._dithering,
                start=before,
                cells=True,
            )

        if before is not None:
            return continued(fit(before.options.k), before)
        return fit(self._options.k) if self._choose is None else self._choose(total, fit)
