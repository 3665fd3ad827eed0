"""The fit of a clip: the colours of its frames are counted in one pass, and their sum is fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from colorquant.clips.results import ClipFit, Segment
from colorquant.color.frame_counting import FrameCounter
from colorquant.color.histogram import ColorHistogram
from colorquant.errors import EngineError, ImageReadError, OptionError
from colorquant.fitting.engines import Progress, histogram_for, resolve
from colorquant.fitting.options import FitOptions
from colorquant.shared_palette import FittedPalette, check_sums, counts_alpha, fit_palette
from colorquant.video.frames import Frame

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.mapping.dithering import Dithering

# Returns the palette of the best number of colours for a histogram; it calls the function that fits so many.
ChooseK = Callable[[ColorHistogram, Callable[[int], FittedPalette]], FittedPalette]


def ignore_frame() -> None:
    """Default for ``counted``: does nothing."""


def fit_clip(
    frames: Iterable[Frame],
    options: FitOptions,
    *,
    every: int = 1,
    paint: str = "members",
    assign: str | None = None,
    dithering: Dithering | None = None,
    choose: ChooseK | None = None,
    progress: Progress | None = None,
    counted: Callable[[], None] = ignore_frame,
) -> ClipFit:
    """Fit one palette to the sum of the histograms of all ``frames``, or of every one in ``every``.

    ``choose`` chooses the number of colours, else it is ``options.k``; the other options are those of
    :func:`colorquant.shared_palette.fit_palette`. ``counted`` is called after each frame. Raises OptionError for an
    engine that fits pixels and for an ``every`` below 1, ImageReadError where there is no frame, EngineError where no
    pixel is visible, and as ``fit_palette`` and ``frames`` do.
    """
    if every < 1:
        raise OptionError(f"--every {every} is out of range: use a whole number from 1 on")
    options = resolve(options)
    check_sums(options, "a clip")
    counter = FrameCounter(with_alpha=counts_alpha(options, dithering))
    number = 0
    for number, frame in enumerate(frames, start=1):
        if (number - 1) % every == 0:
            counter.add(frame.rgb, frame.alpha)
        counted()
    if not number:
        raise ImageReadError("the clip has no frames: nothing is left to fit")
    total = histogram_for(options, counter.total())
    if not len(total):
        raise EngineError("no frame has a visible pixel: there is nothing to fit")

    def fit(k: int) -> FittedPalette:
        return fit_palette(
            total, options.replace(k=k), paint=paint, assign=assign, progress=progress, dithering=dithering
        )

    palette = fit(options.k) if choose is None else choose(total, fit)
    return ClipFit((Segment(0, number, palette),), number, -(-number // every), len(total))
