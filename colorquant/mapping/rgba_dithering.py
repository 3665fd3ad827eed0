"""Error diffusion of colour and alpha together, for palettes over RGBA."""

from __future__ import annotations

import numpy as np

from colorquant.color.counted import CountedImage
from colorquant.color.rgba import rgba_grid
from colorquant.mapping.choosing import RGBChooser
from colorquant.mapping.diagonals import Diffusion, diffuse
from colorquant.mapping.kernels import Kernel
from colorquant.mapping.light import Light
from colorquant.palette.making import label_type
from colorquant.palette.palette import Palette
from colorquant.types import Float32Array, IntArray, LabelArray, UInt8Array


def diffuse_rgba(
    image: CountedImage, palette: Palette, kernel: Kernel, factor: float, reach: Float32Array | None
) -> LabelArray:
    """The label of each pixel of the image, (h, w), by error diffusion onto a palette with alpha.

    Pixels and entries are those of :func:`colorquant.color.rgba.rgba_grid`, which compositing onto a background maps
    linearly to levels: so what is diffused is the error on every background at once. The weights of ``kernel`` are
    multiplied by ``factor``; ``reach`` is as in Diffusion. Fully transparent pixels take no error and pass none.
    """
    rows = image.visible.rgb
    grid = rgba_grid(rows.reshape(-1, 4)).reshape(rows.shape)
    chooser = RGBChooser(rgba_grid(palette.rows), _no_look_up)
    hidden = rows[:, :, 3] == 0
    job = Diffusion(grid, Light.of("srgb"), chooser, (~hidden).astype(np.float32) if hidden.any() else None, reach)
    labels = np.zeros(rows.shape[:2], label_type(len(palette)))
    diffuse(job, tuple((dx, dy, weight * factor) for dx, dy, weight in kernel.weights), kernel.slope, labels)
    if hidden.any():
        labels[hidden] = int(np.argmin(palette.opacities))
    return labels


def _no_look_up(colors: UInt8Array) -> IntArray:
    raise AssertionError("its chooser computes")
