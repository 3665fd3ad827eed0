"""Dithering: labels whose colours, seen from afar, mix to those of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from colorquant.color.counted import CountedImage
from colorquant.color.rgba import rgba_grid
from colorquant.color.spaces import SPACES
from colorquant.errors import OptionError
from colorquant.mapping.adapting import adaptive_strengths
from colorquant.mapping.choosing import PACKED, Chooser, RGBChooser
from colorquant.mapping.diagonals import Diffusion, Held, diffuse
from colorquant.mapping.kernels import KERNELS
from colorquant.mapping.light import CURVES, Light
from colorquant.mapping.nearest import nearest_to
from colorquant.mapping.ordered import order
from colorquant.mapping.rgba_dithering import diffuse_rgba
from colorquant.mapping.serial import riemersma, serpentine
from colorquant.palette.making import label_type
from colorquant.palette.palette import Palette
from colorquant.threads import one_thread
from colorquant.types import Float32Array, LabelArray

Kind = Literal["diffusion", "ordered", "curve"]
DITHERS: dict[str, Kind] = {
    **dict.fromkeys(KERNELS, "diffusion"),
    **dict.fromkeys(("bayer2", "bayer4", "bayer8", "bayer16", "blue-noise"), "ordered"),
    "riemersma": "curve",
}
# Errors that no entry can make up for must not add up. With few entries, an error is no longer than twice the distance
# to the next entry; with more, 8 % of it are lost at each step, which is faster and as good (docs/dithering.md).
FEW = 16  # entries
REACH = 2.0
PASSED = 0.92
SMALL = 1 << 22  # pixels up to which the entry of a colour is computed again, instead of being remembered,
FEW_ENTRIES = 512  # if there are no more entries than this; in larger pictures with no more than PACKED


@dataclass(frozen=True)
class Dithering:
    """How a picture is dithered.

    ``method`` is a key of DITHERS. ``strength``, 0 to 1, weighs the error that is passed on. With ``serpentine`` every
    other row is scanned backwards. ``space``, a key of CURVES, is that in which errors are added up. With ``adaptive``
    the strength is smaller where the picture is rough and where a pixel is near to its colour. Raises OptionError for
    unknown names, a strength out of range, and options that the method does not have.
    """

    method: str
    strength: float = 1.0
    serpentine: bool = False
    space: str = "linear"
    adaptive: bool = False

    def __post_init__(self) -> None:
        if self.method not in DITHERS:
            raise OptionError(f"--dither {self.method} is unknown: use one of {', '.join(('none', *DITHERS))}")
        if self.space not in CURVES:
            raise OptionError(f"--dither-space {self.space} is unknown: use {' or '.join(CURVES)}")
        if not isinstance(self.strength, (int, float)) or not 0 <= self.strength <= 1:
            raise OptionError(f"--dither-strength {self.strength} is out of range: use a number from 0 to 1")
        if self.serpentine and self.kind != "diffusion":
            raise OptionError(f"--serpentine is for error diffusion, not for --dither {self.method}: leave it out")
        if self.adaptive and self.kind == "ordered":
            raise OptionError(f"--dither-adaptive is for error diffusion, not for --dither {self.method}: leave it out")

    @classmethod
    def requested(
        cls,
        method: str,
        *,
        strength: float | None = None,
        serpentine: bool = False,
        space: str | None = None,
        adaptive: bool = False,
    ) -> Dithering | None:
        """The dithering that a user requests; None for the method ``none``.

        ``strength`` and ``space`` are None where the user gave none. Raises OptionError as the class does, and for
        anything that describes the method ``none``.
        """
        if method != "none":
            given_strength = 1.0 if strength is None else strength
            return cls(method, given_strength, serpentine, "linear" if space is None else space, adaptive)
        details = {
            "--dither-strength": strength is not None,
            "--serpentine": serpentine,
            "--dither-space": space is not None,
            "--dither-adaptive": adaptive,
        }
        for flag, given in details.items():
            if given:
                raise OptionError(f"{flag} describes how a picture is dithered: add --dither floyd-steinberg")
        return None

    @property
    def kind(self) -> Kind:
        """The kind of the method."""
        return DITHERS[self.method]

    @property
    def holds(self) -> bool:
        """Whether pixels can keep the labels of the frame before: see :class:`colorquant.mapping.diagonals.Held`."""
        return self.kind == "diffusion" and not self.serpentine

    def takes_alpha(self, space: str) -> bool:
        """Whether pictures in palettes over RGBA that were fitted in ``space`` can be dithered so."""
        return space == "rgb" and self.kind == "diffusion" and not self.serpentine and not self.adaptive

    def check_alpha(self, space: str) -> None:
        """Raises OptionError where :meth:`takes_alpha` is False, for a user who asks for colour and alpha together."""
        if not self.takes_alpha(space):
            words = "only error diffusion without --serpentine and --dither-adaptive, in --space rgb, can do that"
            raise OptionError(f"--dither {self.method} cannot be honoured with --alpha palette: {words}")


def dither(
    image: CountedImage,
    palette: Palette,
    dithering: Dithering,
    *,
    space: str = "rgb",
    distance: str = "euclidean",
    held: Held | None = None,
) -> LabelArray:
    """The label of each pixel of the image, (h, w), of the smallest integer type; the palette keeps its order.

    The colour of a pixel and the error that it takes are added up in ``dithering.space`` and rounded to 8 bits; the
    pixel gets the entry that is nearest by ``space`` and ``distance``, as in
    :func:`colorquant.mapping.nearest.nearest_to`, which says what is raised. Errors fade as FEW, REACH and PASSED say.
    Fully transparent pixels take no error and pass none; their label is ``len(palette)``. ``held`` are labels of the
    frame before that pixels keep, where ``dithering.holds`` and the entries are opaque.

    Where the entries have alpha, colour and alpha are diffused together, in sRGB levels: see
    :func:`colorquant.mapping.rgba_dithering.diffuse_rgba`.
    """
    if palette.alpha is not None:
        return _dithered_rgba(image.with_alpha, palette, dithering)
    nearest = nearest_to(palette, space, distance)
    if space == "gray":  # the error of chroma, which no gray can make up for, must not add up
        grays = SPACES["gray"].forward(image.histogram.colors)[:, 0].astype(np.uint8)
        image = CountedImage(np.repeat(image.spread(grays)[:, :, None], 3, axis=2), image.alpha)
    if space == "rgb":
        small = image.rgb.shape[0] * image.rgb.shape[1] <= SMALL and len(palette) <= FEW_ENTRIES
        chooser: Chooser = RGBChooser(palette.colors, nearest, computes=small or len(palette) <= PACKED)
    else:
        chooser = Chooser(palette.colors, nearest)
    with one_thread():
        labels = _dithered(image, chooser, dithering, held)
    labels = labels.astype(label_type(len(palette) + (image.mask is not None)), copy=False)
    if image.mask is not None:
        labels[~image.mask] = len(palette)
    return labels


def _dithered(image: CountedImage, chooser: Chooser, dithering: Dithering, held: Held | None) -> LabelArray:
    """The labels (h, w); those of fully transparent pixels mean nothing."""
    light, strength = Light.of(dithering.space), dithering.strength
    if dithering.kind == "ordered":
        return order(image, light, chooser, dithering.method, strength)
    labels = np.zeros(image.rgb.shape[:2], label_type(len(chooser.colors) + 1))
    few = len(chooser.colors) < FEW
    reach = _reach(light.entries(chooser.colors)) if few else None
    strengths = adaptive_strengths(image, chooser) if dithering.adaptive else None
    if image.mask is not None:
        strengths = image.mask.astype(np.float32) if strengths is None else strengths * image.mask
    job = Diffusion(image.rgb, light, chooser, strengths, reach, held)
    if dithering.kind == "curve":
        riemersma(job, strength, image.mask, labels)
        return labels
    kernel = KERNELS[dithering.method]
    factor = _factor(dithering, few)
    weights = tuple((dx, dy, weight * factor) for dx, dy, weight in kernel.weights)
    if dithering.serpentine:
        serpentine(job, weights, labels)
    else:
        diffuse(job, weights, kernel.slope, labels)
    return labels


def _dithered_rgba(image: CountedImage, palette: Palette, dithering: Dithering) -> LabelArray:
    """The labels (h, w) of an image with a histogram of colour and alpha."""
    few = len(palette) < FEW
    reach = _reach(Light.of("srgb").entries(rgba_grid(palette.rows))) if few else None
    with one_thread():
        return diffuse_rgba(image, palette, KERNELS[dithering.method], _factor(dithering, few), reach)


def _factor(dithering: Dithering, few: bool) -> float:
    """The share of the error that is passed on."""
    return dithering.strength * (1.0 if few else min(1.0, PASSED / KERNELS[dithering.method].total))


def _reach(entries: Float32Array) -> Float32Array:
    """The greatest length of an error for each of ``entries`` (p, c): REACH distances to the next other one."""
    squared = ((entries[:, None] - entries) ** 2).sum(axis=2)
    nearest = np.where(squared > 0, squared, np.inf).min(axis=1)
    reach: Float32Array = (REACH * np.sqrt(nearest)).astype(np.float32)
    return reach
