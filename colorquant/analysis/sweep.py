"""One image quantized with several numbers of colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from colorquant.color.counted import CountedImage
from colorquant.errors import EngineError
from colorquant.images.downsampling import Downsampling
from colorquant.quantization import Quantized, quantize

KS = (2, 3, 4, 5, 8, 10, 16, 32, 64, 128, 256)
ENOUGH = 4  # known results that are a sweep by themselves
LARGEST = 2_000_000  # pixels; a larger image is sampled, unless every pixel is wanted, so that a sweep takes seconds
SAMPLE_SIDES = (16, 960)  # shortest and longest of the longest side of a sample, in pixels
WORK = {  # pixels times numbers of colours that engines which fit every pixel handle in seconds
    ("opencv", "kmeans"): 1 << 24,
    ("opencv", "em"): 1 << 20,
    ("sklearn", "kmeans"): 1 << 24,
    ("sklearn", "em"): 1 << 22,
}


@dataclass(frozen=True)
class Sweep:
    """An image quantized with several numbers of colours.

    ``image`` holds the pixels that were fitted: all of them, or a sample where ``is_sample``. ``runs`` are the
    results by rising k. ``failures`` has one sentence for each k whose fit failed.
    """

    image: CountedImage
    runs: tuple[Quantized, ...]
    failures: tuple[str, ...] = ()
    is_sample: bool = False


def sweep_ks(k: int) -> list[int]:
    """The numbers of colours to compare with ``k``: those of KS up to 16 or 2k, whichever is more, and k itself."""
    return sorted({*(other for other in KS if other <= max(16, 2 * k)), k})


def sweep(
    image: CountedImage,
    own: Quantized,
    *,
    paint: str = "members",
    assign: str | None = None,
    every_pixel: bool = False,
    known: Sequence[Quantized] = (),
) -> Sweep:
    """Quantize ``image`` with the numbers of colours around that of ``own``, its result with one of them.

    All other options are those of ``own``; the numbers are not below that of its locked colours.
    Of the numbers that reach the image's distinct colours only the first is used.
    Without ``every_pixel`` a large image, or one for a slow engine, is replaced by a sample, and ``own`` is then
    fitted again to the same sample, so that all results can be compared. ``known`` are results for the whole image
    with other numbers of colours; a few of them are all that is shown.
    """
    if len(known) >= ENOUGH:
        return Sweep(image, tuple(known))
    options = own.options
    least = len(options.lock) + bool(options.lock and options.alpha == "palette")  # an entry for transparent pixels
    ks = [k for k in sweep_ks(options.k) if k >= least]
    enough = [k for k in ks if k >= own.colors_in]
    ks = [k for k in ks if k < own.colors_in or k == enough[0]]
    work = WORK.get((options.engine, options.method), 1 << 62)
    fitted = image if every_pixel else affordable_image(image, sum(ks), work)
    is_sample = fitted is not image
    runs, failures = [], []
    for k in ks:
        try:
            again = is_sample or k != options.k
            runs.append(quantize_again(fitted, own, k, paint=paint, assign=assign) if again else own)
        except EngineError as error:
            failures.append(f"{k} colours failed: {error}.")
    return Sweep(fitted, tuple(runs), tuple(failures), is_sample)


def quantize_again(image: CountedImage, own: Quantized, k: int, *, paint: str, assign: str | None) -> Quantized:
    """The image with ``k`` colours; all other options are those of ``own``."""
    return quantize(image, own.options.replace(k=k), paint=paint, assign=assign, dithering=own.dithering)


def affordable_image(image: CountedImage, colors: int, work: int) -> CountedImage:
    """The image itself, or a sample of its pixels if fitting all of them would take long.

    It would if the image has more than LARGEST pixels, or if its pixels times ``colors``, the sum of all numbers of
    colours to fit, are more than ``work``.
    """
    height, width = image.rgb.shape[:2]
    if height * width <= min(LARGEST, work // colors):
        return image
    side = max(height, width) * (work / colors / (height * width)) ** 0.5
    shortest, longest = SAMPLE_SIDES
    sample = Downsampling.of(image.rgb, max(shortest, int(min(side, longest))))
    alpha, importance = (None if layer is None else sample.take(layer) for layer in (image.alpha, image.importance))
    return CountedImage(sample.take(image.rgb), alpha, importance)
