"""Sentences about a result that the user may not expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colorquant.fitting import engines
from colorquant.fitting.models import Model
from colorquant.fitting.options import FitOptions
from colorquant.images.png import MOST_ENTRIES
from colorquant.palette.files import alpha_notes
from colorquant.palette.palette import Palette
from colorquant.quantization import IndexedImage, Quantized

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.fitted_palette import FittedPalette

MOST_NAMED = 8  # colours in one note


def picture_notes(image: IndexedImage, *, truecolour: bool, palette: str | None) -> tuple[str, ...]:
    """Notes on the picture that is written, a ``truecolour`` PNG or not; ``palette`` is the file of its palette."""
    lost = () if palette is None else alpha_notes(palette, image.palette.alpha)
    return (*_palette_notes(image), *_truecolour_notes(image, truecolour=truecolour), *lost)


def _palette_notes(image: IndexedImage) -> tuple[str, ...]:
    """Notes about entries that a fit or its image leaves empty."""
    if not isinstance(image, Quantized) or image.shared is not None:
        return ()  # any entry may be without pixels in one of the images
    return _fit_notes(image.palette, image.model, image.options, untouched=image.untouched)


def _truecolour_notes(image: IndexedImage, *, truecolour: bool) -> tuple[str, ...]:
    """Why the PNG of an image is ``truecolour``, where the user may have expected an indexed one."""
    entries = len(image.palette)
    if not truecolour or image.painted is not None:
        return ()
    if not isinstance(image, Quantized) and entries > MOST_ENTRIES:
        return (f"the palette has {entries:,} entries, more than {MOST_ENTRIES}: the PNG is truecolour",)
    if image.dithering is not None and image.alpha is not None and entries < MOST_ENTRIES:
        pairs = f"more than {MOST_ENTRIES} pairs of colour and alpha"
        return (f"each pixel keeps its alpha, which makes {pairs}: the PNG is truecolour",)
    return ()


def uncounted_alpha(image: IndexedImage) -> tuple[str, ...]:
    """A note if there are partly transparent pixels and the engine could not weight them by alpha."""
    if not isinstance(image, Quantized):
        return ()
    options, counts = image.options, image.palette.counts
    fits_pixels = engines.ENGINES[options.engine][options.method].per_pixel
    if not fits_pixels or counts is None or image.weight == int(counts.sum()):
        return ()
    return (f"partly transparent pixels count whole in the fit: --engine {options.engine} takes no weights",)


def shared_notes(palette: FittedPalette) -> tuple[str, ...]:
    """Notes about entries that the fit of one palette to all images leaves empty."""
    return _fit_notes(palette, palette.model, palette.options, untouched=palette.untouched)


def _fit_notes(palette: Palette, model: Model, options: FitOptions, *, untouched: bool) -> tuple[str, ...]:
    """Notes about clusters without pixels, which the palette lacks, and about locked colours that no pixel got."""
    notes = []
    clusters = len(model.points)
    empty = clusters - len(palette)
    if not untouched and empty > 0:
        noun = "component" if options.method == "em" else "cluster"
        verb, its = ("is", "it") if empty == 1 else ("are", "them")
        notes.append(f"{empty} of {clusters} {noun}s {verb} empty: no pixel belongs to {its}")
    counts = [] if palette.counts is None else palette.counts.tolist()
    locked = frozenset(options.lock)
    unused = [color for color, count in zip(palette.hex, counts, strict=False) if count == 0 and color[:7] in locked]
    if unused:
        more = f" and {len(unused) - MOST_NAMED:,} more" * (len(unused) > MOST_NAMED)
        named = f"{', '.join(unused[:MOST_NAMED])}{more}"
        notes.append(f"no pixel has the locked colour{'s' * (len(unused) > 1)} {named}")
    return tuple(notes)
