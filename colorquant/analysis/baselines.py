"""Baselines: quantizers of other libraries to compare with. ``BASELINES`` maps their names to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from colorquant.color.counted import CountedImage
from colorquant.errors import EngineError, OptionError
from colorquant.images.pillow_quantizers import PILLOW_QUANTIZERS, PILLOW_WITH_ALPHA, pillow_quantize
from colorquant.mapping.dithering import Dithering
from colorquant.palette.making import ranked
from colorquant.palette.palette import Palette
from colorquant.types import BoolArray, LabelArray, UInt8Array

OWN_DITHERING = Dithering("floyd-steinberg")  # stands for a baseline's own
Quantize = Callable[[UInt8Array, int], tuple[LabelArray, UInt8Array]]  # the last axis has 3 channels, or 4


@dataclass(frozen=True)
class Baseline:
    """One row of :data:`BASELINES`.

    ``quantize`` takes pixels (h, w, 3) uint8 and k, from ``least`` to ``most``, and returns labels (h, w) and a palette
    (p, 3) uint8. ``package`` is the Python package that it needs, if that is not a dependency of colorquant.
    ``dithered`` is the same with the baseline's own Floyd-Steinberg dithering. ``with_alpha`` takes pixels (h, w, 4)
    and gives a palette (p, 4); None where the baseline knows no alpha.
    """

    quantize: Quantize
    least: int = 1
    most: int = 256
    package: str | None = None
    dithered: Quantize | None = None
    with_alpha: Quantize | None = None

    @property
    def missing(self) -> bool:
        """Whether its package is not installed."""
        return self.package is not None and find_spec(self.package) is None


@dataclass(frozen=True)
class BaselineOptions:
    """A baseline with its number of colours: the entry of a grid in place of :class:`colorquant.FitOptions`.

    ``engine`` is a key of :data:`BASELINES`. ``dithering`` is None or OWN_DITHERING. ``alpha`` is that of FitOptions.
    Baselines quantize in RGB and have no seed, start or iterations. Raises OptionError for an unknown name, and for a
    number of colours, a dithering, or a treatment of alpha that the baseline does not support.
    """

    engine: str
    k: int
    dithering: Dithering | None = None
    alpha: str | None = None

    def __post_init__(self) -> None:
        if self.engine not in BASELINES:
            raise OptionError(f"no baseline {self.engine!r}: use one of {', '.join(BASELINES)}")
        baseline = BASELINES[self.engine]
        if not baseline.least <= self.k <= baseline.most:
            raise OptionError(f"{self.engine} makes {baseline.least} to {baseline.most} colours, not {self.k}")
        if self.dithering not in (None, OWN_DITHERING):
            raise OptionError(f"{self.engine} has only its own dithering: use --dither {OWN_DITHERING.method}")

        if self.alpha == "palette" and not self.fits_alpha:
            raise OptionError(f"--alpha palette cannot be honoured by {self.engine}: use --alpha keep")

    @property
    def fits_alpha(self) -> bool:
        """Whether the baseline makes palettes over RGBA. It does not dither them."""
        return BASELINES[self.engine].with_alpha is not None and self.dithering is None

    def quantizes_alpha(self, image: CountedImage) -> bool:
        """Whether the baseline makes a palette over RGBA of the image, as colorquant would."""
        if image.opaque or self.alpha == "keep" or not self.fits_alpha:
            return False
        return self.alpha == "palette" or image.partly_transparent

    @property
    def method(self) -> str:
        """The word that records and file names have in place of a method."""
        return "quantizer"

    @property
    def space(self) -> str:
        """The colour space of every baseline."""
        return "rgb"


def _imagequant(rgb: UInt8Array, k: int, *, level: float = 0.0) -> tuple[LabelArray, UInt8Array]:
    """libimagequant with its defaults, dithered with ``level``, 0 to 1, by the package ``imagequant``."""
    labels, palette = _imagequant_rgba(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]), k, level=level)
    return labels, palette[:, :3]


def _imagequant_rgba(rgba: UInt8Array, k: int, *, level: float = 0.0) -> tuple[LabelArray, UInt8Array]:
    import imagequant

    height, width = rgba.shape[:2]
    try:
        indices, palette = imagequant.quantize_raw_rgba_bytes(
            rgba.tobytes(), width, height, dithering_level=level, max_colors=k
        )
    except RuntimeError as error:
        raise EngineError(f"--engine imagequant failed ({error}); use another engine") from error
    labels = np.frombuffer(indices, np.uint8).reshape(height, width)
    return labels, np.array(palette, np.uint8).reshape(-1, 4)


BASELINES: dict[str, Baseline] = {
    **{
        name: Baseline(
            partial(pillow_quantize, name=name),
            dithered=partial(pillow_quantize, name=name, dithered=True),
            with_alpha=partial(pillow_quantize, name=name) if name in PILLOW_WITH_ALPHA else None,
        )
        for name in PILLOW_QUANTIZERS
    },
    "imagequant": Baseline(
        _imagequant,
        least=2,
        package="imagequant",
        dithered=partial(_imagequant, level=1.0),
        with_alpha=_imagequant_rgba,
    ),
}


def load(name: str) -> None:
    """Import the package of a baseline, so that the import is not timed."""
    package = BASELINES[name].package
    if package is not None:
        import_module(package)


def quantize(rgb: UInt8Array, mask: BoolArray | None, options: BaselineOptions) -> tuple[LabelArray, UInt8Array]:
    """The labels (h, w) by falling pixel count, and the palette (p, 3) uint8 of the labels that have pixels.

    ``mask`` (h, w) bool marks the visible pixels of ``rgb`` (h, w, 3) uint8; None if all are. A baseline gets only
    these, as one row of pixels; the others get the label p. Raises EngineError where such pixels would be dithered.
    """
    baseline = BASELINES[options.engine]
    run = baseline.quantize
    if options.dithering is not None:
        if mask is not None or baseline.dithered is None:
            raise EngineError(f"--engine {options.engine} dithers opaque pictures only: leave --dither out")
        run = baseline.dithered
    visible = rgb if mask is None else rgb[mask][None]
    if not visible.size:
        return np.zeros(rgb.shape[:2], np.uint8), np.empty((0, 3), np.uint8)
    numbers, palette = run(visible, options.k)
    sizes = np.bincount(numbers.reshape(-1), minlength=len(palette))
    order, used, rank = ranked(sizes, palette, used=sizes > 0, transparent=mask is not None)
    if mask is None:
        return rank[numbers], palette[order[:used]]
    labels = np.full(rgb.shape[:2], used, rank.dtype)
    labels[mask] = rank[numbers].reshape(-1)
    return labels, palette[order[:used]]


def quantize_with_alpha(image: CountedImage, options: BaselineOptions) -> tuple[LabelArray, Palette]:
    """The labels (h, w) by falling pixel count, and the palette over RGBA of the labels that have pixels."""
    run = BASELINES[options.engine].with_alpha
    assert run is not None, "quantizes_alpha() says where a baseline can do this"
    numbers, rows = run(image.with_alpha.visible.rgb, options.k)
    sizes = np.bincount(numbers.reshape(-1), minlength=len(rows))
    order, used, rank = ranked(sizes, rows, used=sizes > 0, transparent=False)
    return rank[numbers], Palette.of_rows(rows[order[:used]])
