"""The step of a job in which an image gets its palette: by a fit, by ``-k auto``, or from a palette that exists."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorquant.batch.outputs import OUTPUTS, OutputPaths
from colorquant.batch.settings import JobOptions
from colorquant.color.counted import CountedImage
from colorquant.fitting import engines
from colorquant.fitting.options import FitOptions
from colorquant.quantization import IndexedImage, Quantized, quantize
from colorquant.report.figure_kinds import FIGURES

if TYPE_CHECKING:  # a plain run loads neither
    from colorquant.analysis.auto_k import AutoK, ChosenK
    from colorquant.analysis.k_trials import AutoResult


@dataclass(frozen=True)
class Made:
    """The image in the colours of a palette; with ``-k auto`` also its choice, what it tried, and the encoded image."""

    quantized: IndexedImage
    chosen: ChosenK | None = None
    runs: tuple[Quantized, ...] = ()
    png: bytes | None = None


def make(
    image: CountedImage,
    settings: JobOptions,
    paths: OutputPaths,
    *,
    seconds: dict[str, float],
    progress: engines.Progress | None,
    trying: Callable[[int], None] | None,
    encode: Callable[[IndexedImage], bytes],
) -> Made:
    """Give an image its own palette, or map it onto another.

    The wall times of the stages are added to ``seconds``. ``progress`` and ``trying`` are those of a QuantizeJob;
    ``encode`` gives the bytes of a picture, for a target of ``-k auto`` in bytes. Raises what the fit raises, and
    TargetError where no number of colours reaches the target.
    """
    options, start = settings.options, time.perf_counter()
    if not isinstance(options, FitOptions):
        from colorquant.applying import apply_palette

        mapped = apply_palette(
            options.palette,
            image,
            options.metric_space,
            distance=options.distance,
            dithering=settings.dithering,
            keep_alpha=options.keep_alpha,
        )
        seconds["paint"] = time.perf_counter() - start
        return Made(mapped)
    if settings.shared is not None:
        from colorquant.applying import quantize_with

        quantized = quantize_with(
            settings.shared.palette, image, shared=settings.shared.images, dithering=settings.dithering
        )
        seconds["paint"] = time.perf_counter() - start
        return Made(quantized, settings.shared.chosen)
    record = _needs_iterations(settings, paths)
    fits = _Fits(image, settings, options, seconds=seconds, record=record, progress=progress, trying=trying)
    if settings.auto is None:
        return Made(fits.run(options.k))
    auto = _choose(fits, settings.auto, paths, encode=encode)
    return Made(auto.quantized, auto.chosen, auto.runs, auto.png)


@dataclass(frozen=True)
class _Fits:
    """Quantizes an image with any number of colours; the times of the stages are added to ``seconds``."""

    image: CountedImage
    settings: JobOptions
    options: FitOptions
    seconds: dict[str, float]
    record: bool
    progress: engines.Progress | None
    trying: Callable[[int], None] | None

    def run(self, k: int) -> Quantized:
        """The image with ``k`` colours."""
        quantized = quantize(
            self.image,
            self.options.replace(k=k),
            paint=self.settings.paint,
            assign=self.settings.assign,
            record=self.record,
            progress=self.progress,
            dithering=self.settings.dithering,
        )
        for stage, duration in quantized.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + duration
        return quantized

    def try_k(self, k: int) -> Quantized:
        """The image with ``k`` colours, as ``-k auto`` tries them."""
        if self.trying is not None:
            self.trying(k)
        return self.run(k)


def _choose(fits: _Fits, auto: AutoK, paths: OutputPaths, *, encode: Callable[[Quantized], bytes]) -> AutoResult:
    """The number of colours of ``-k auto``; all pictures that were tried are kept for a file that shows them."""
    from colorquant.analysis.k_trials import choose_k, distinct_colors

    drawing = fits.settings.drawing
    start = time.perf_counter()
    dithering = fits.settings.dithering
    dithers = dithering is not None and not dithering.takes_alpha(fits.options.space)
    colors = distinct_colors(fits.image, fits.options, dithers=dithers)
    fits.seconds["count"] = time.perf_counter() - start
    shows_all = "html" in paths.others or (drawing is not None and FIGURES[drawing.kind].pictures)
    return choose_k(fits.image, auto, fits.try_k, encode, colors=colors, keep_all=shows_all)


def _needs_iterations(settings: JobOptions, paths: OutputPaths) -> bool:
    """Whether a file of ``paths`` shows the iterations of the fit."""
    drawn = settings.drawing is not None and FIGURES[settings.drawing.kind].history
    return drawn or any(OUTPUTS[kind].needs_iterations or OUTPUTS[kind].uses_iterations for kind in paths.others)
