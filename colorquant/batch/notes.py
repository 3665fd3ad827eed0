"""Sentences about a result that the user may not expect."""

from __future__ import annotations

from colorquant.fitting import engines
from colorquant.quantization import IndexedImage, Quantized

MOST_ENTRIES = 256  # of the palette of a PNG


def palette_notes(image: IndexedImage) -> tuple[str, ...]:
    """Notes about entries that a fit or its image leaves empty, and about a given palette that no PNG can hold."""
    if isinstance(image, Quantized):
        if image.shared is not None:
            return ()  # any entry may be without pixels in one of the images
        return (*_empty_clusters(image), *_locked_without_pixels(image))
    entries = len(image.palette)
    if entries <= MOST_ENTRIES:
        return ()
    return (f"the palette has {entries:,} entries, more than {MOST_ENTRIES}: the PNG is truecolour",)


def uncounted_alpha(image: IndexedImage) -> tuple[str, ...]:
    """A note if there are partly transparent pixels and the engine could not weight them by alpha."""
    if not isinstance(image, Quantized):
        return ()
    options, counts = image.options, image.palette.counts
    fits_pixels = engines.ENGINES[options.engine][options.method].per_pixel
    if not fits_pixels or counts is None or image.weight == int(counts.sum()):
        return ()
    return (f"partly transparent pixels count whole in the fit: --engine {options.engine} takes no weights",)


def _empty_clusters(quantized: Quantized) -> tuple[str, ...]:
    """A note if clusters of the fit have no pixel, so that the image has fewer colours than k."""
    clusters = len(quantized.model.points)
    empty = clusters - len(quantized.palette)
    if quantized.untouched or empty <= 0:
        return ()
    noun = "component" if quantized.options.method == "em" else "cluster"
    verb, its = ("is", "it") if empty == 1 else ("are", "them")
    return (f"{empty} of {clusters} {noun}s {verb} empty: no pixel belongs to {its}",)


def _locked_without_pixels(quantized: Quantized) -> tuple[str, ...]:
    """A note if locked colours are in the palette though no pixel got them."""
    palette = quantized.palette
    if palette.counts is None or palette.counts.all():
        return ()
    unused = [color for color, count in zip(palette.hex, palette.counts, strict=True) if count == 0]
    return (f"no pixel has the locked colour{'s' * (len(unused) > 1)} {', '.join(unused)}",)
