"""The passes over the frames of one clip: the first counts colours for the fit, the second labels and writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING

from colorquant.batch.video_settings import ClipSettings
from colorquant.batch.video_writing import ClipWriters, Labeller
from colorquant.clips.fitting import Refit, fit_clip
from colorquant.clips.results import ClipFit
from colorquant.color.histogram import ColorHistogram
from colorquant.errors import ImageReadError
from colorquant.fitted_palette import FittedPalette
from colorquant.fitting.engines import Progress
from colorquant.report.words import counted
from colorquant.video.frames import Clip, Frame

if TYPE_CHECKING:
    from colorquant.analysis.auto_k import ChosenK

COUNTING, WRITING = "counting colours", "writing frames"  # the two passes
ClipProgress = Callable[[str, int, int | None], None]  # the pass, how many frames it has done, and of how many


class ClipFrames:
    """The frames of a clip, for both passes alike.

    With ``keep_partial`` they end before a broken frame, unless that is the first; then ``broken`` says so.
    ``duration`` is the sum of their durations, in seconds.
    """

    def __init__(self, clip: Clip, keep_partial: bool) -> None:
        self._clip, self._keep_partial = clip, keep_partial
        self._limit: int | None = None
        self.broken = ""
        self._reading = self._using = 0.0
        self.duration = Fraction(0)

    def __iter__(self) -> Iterator[Frame]:
        frames, number = iter(self._clip.frames()), 0
        self.duration = Fraction(0)
        while number != self._limit:
            start = time.perf_counter()
            try:
                frame = next(frames, None)
            except ImageReadError as error:
                if not (self._keep_partial and number):
                    raise
                self._limit = number
                self.broken = f"{error}; --keep-partial wrote the {counted(number, 'frame')} before it"
                return
            finally:
                self._reading += time.perf_counter() - start
            if frame is None:
                return
            number += 1
            self.duration += frame.duration
            start = time.perf_counter()
            yield frame
            self._using += time.perf_counter() - start

    def times(self) -> tuple[float, float]:
        """The seconds since the last call that reading took, and what was done with the frames between two of them."""
        times = self._reading, self._using
        self._reading = self._using = 0.0
        return times


class ClipPasses:
    """The passes over the ``frames`` of a clip; ``seconds`` has the wall time of each stage.

    ``progress``, ``shown`` and ``trying`` are those of :class:`colorquant.batch.video_job.ClipJob`.
    """

    def __init__(
        self,
        clip: Clip,
        settings: ClipSettings,
        *,
        progress: Progress | None = None,
        shown: ClipProgress | None = None,
        trying: Callable[[int], None] | None = None,
    ) -> None:
        self.frames = ClipFrames(clip, settings.keep_partial)
        self.seconds = {"read": 0.0}
        self._expected = clip.info.frames
        self._settings, self._progress, self._shown, self._trying = settings, progress, shown, trying

    def fit(self) -> tuple[ClipFit, ChosenK | None]:
        """The fit, from a first pass, and how ``-k auto`` chose the number of colours. Raises what fit_clip raises."""
        settings, chosen, number = self._settings, [], 0

        def show() -> None:
            nonlocal number
            number += 1
            self._show(COUNTING, number)

        def choose(total: ColorHistogram, fit: Callable[[int], FittedPalette]) -> FittedPalette:
            from colorquant.analysis.shared_k import choose_shared_k

            assert settings.auto is not None

            def attempt(k: int) -> FittedPalette:
                if self._trying is not None:
                    self._trying(k)
                return fit(k)

            choice, palette = choose_shared_k(total, settings.auto, attempt)
            chosen.append(choice)
            return palette

        start = time.perf_counter()
        fit = fit_clip(
            self.frames,
            settings.options,
            every=settings.every,
            refit=None if settings.refit is None else Refit.of(settings.refit),
            paint=settings.paint,
            assign=settings.assign,
            dithering=settings.dithering,
            choose=None if settings.auto is None else choose,
            progress=self._progress,
            counted=show,
        )
        reading, _ = self.frames.times()
        counting = max(0.0, time.perf_counter() - start - reading - fit.seconds)
        self.seconds |= {"read": reading, "count": counting, "fit": fit.seconds}
        self._expected = fit.frames
        return fit, chosen[0] if chosen else None

    def label(self, labeller: Labeller, open_writers: Callable[[ExitStack], ClipWriters], fit: ClipFit | None) -> int:
        """Label all frames and write them, in a second pass, or without a ``fit`` the only one.

        Returns the number of frames. Raises ImageReadError where they are others than those of the fit, and
        OutputError.
        """
        number, labelling, writing = 0, 0.0, 0.0
        with ExitStack() as stack:
            writers = open_writers(stack)
            for number, frame in enumerate(self.frames, 1):
                if fit is not None and number > fit.frames:
                    break
                start = time.perf_counter()
                indexed = labeller.label(frame)
                labelled = time.perf_counter()
                writers.write(frame, indexed)
                labelling += labelled - start
                writing += time.perf_counter() - labelled
                self._show(WRITING, number)
            if fit is not None and number != fit.frames:
                raise ImageReadError(
                    f"it had {counted(fit.frames, 'frame')} when its colours were counted, and now it has "
                    f"{'more' if number > fit.frames else number}: run again once the file is complete"
                )
            start = time.perf_counter()
            writers.finish()
            writing += time.perf_counter() - start
        self.seconds["read"] += self.frames.times()[0]
        self.seconds |= {"label": labelling, "write": writing}
        return number

    def _show(self, words: str, number: int) -> None:
        if self._shown is not None:
            self._shown(words, number, self._expected)
