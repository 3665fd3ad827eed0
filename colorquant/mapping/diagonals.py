"""Error diffusion along anti-diagonals: equal to the scan pixel by pixel, but with whole arrays.

With a kernel of slope s, all pixels with the same t = x + s·y are independent of each other, and depend only on pixels
with a smaller t. Each step works on one such diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from colorquant.mapping.choosing import Chooser
from colorquant.mapping.kernels import Weights
from colorquant.mapping.light import Light
from colorquant.types import AnyArray, Float32Array, IntArray, UInt8Array

DECODED = 1 << 22  # pixels up to which all are decoded at once: faster, but it takes 12 bytes a pixel
MARGIN = 3  # pixels beside a diagonal whose error is 0: those outside the picture


@dataclass(frozen=True, eq=False)
class Held:
    """Labels of the frame before, which the pixels of a frame keep where that adds little to their error.

    ``labels`` (h, w) are entries of the palette; those above it are not kept. A label is kept where it adds at most
    ``allowance`` to the squared error in levels, summed over the channels, that the nearest entry has. The error is
    measured from the colour to which the errors of the neighbours were added, and it is passed on as ever, so that
    areas keep their mean colours.
    """

    labels: AnyArray
    allowance: float


@dataclass(frozen=True, eq=False)
class Diffusion:
    """What error diffusion works on.

    ``pixels`` (h, w, c) uint8; ``light`` converts them to the units in which the error is added up; ``chooser`` selects
    the entry of the palette. ``strengths`` (h, w) float32 multiplies the error that each pixel passes on, None for 1.
    ``reach`` (p,) float32 is the greatest length of an error per entry: longer ones are shortened. None for no limit.
    ``held`` are the labels that pixels keep where they suit nearly as well, None for none.
    """

    pixels: UInt8Array
    light: Light
    chooser: Chooser
    strengths: Float32Array | None = None
    reach: Float32Array | None = None
    held: Held | None = None


def diffuse(job: Diffusion, weights: Weights, slope: int, labels: AnyArray) -> None:
    """Fill ``labels`` (h, w) by error diffusion in scanning order, from the left to the right and downwards.

    ``weights`` and ``slope`` are those of :class:`colorquant.mapping.kernels.Kernel`. The sum of the errors that a
    pixel takes is added up in scanning order too, so that the result is that of a serial scan to the last bit.
    """
    height, width, channels = job.pixels.shape
    if width <= slope:  # the flat picture is read in steps of width - slope
        _diffuse_narrow(job, weights, slope, labels)
        return
    light, choose = job.light, _Choice(job).entries
    entries = light.entries(job.chooser.colors)
    source, target = job.pixels.reshape(-1, channels), labels.reshape(-1)
    decoded = light.decode.take(source) if len(source) <= DECODED else None
    strengths = None if job.strengths is None else job.strengths.reshape(-1, 1)
    scanned = reversed_scan(weights)
    taps = [(number, dx + slope * dy, dy) for number, (dx, dy, _) in enumerate(scanned)]
    factors = np.array([weight for _, _, weight in scanned], np.float32)[:, None, None]
    slots = max(back for _, back, _ in taps) + 1
    # The shares of the errors of the last diagonals, a row of arrays for each, an array for each weight.
    rings = [np.zeros((len(taps), height + 2 * MARGIN, channels), np.float32) for _ in range(slots)]
    shares = [list(ring) for ring in rings]
    longest = min(height, width // slope + 1)
    all_values, all_errors, all_entries = (np.empty((longest, channels), np.float32) for _ in range(3))
    low, high = (np.full((longest, channels), bound) for bound in (light.low, light.high))  # faster than one number
    all_bins = np.full((longest, channels + 1), len(light.encode) - 1)
    all_levels = np.empty((longest, channels + 1), np.float32)
    stride = width - slope
    for step in range(width + slope * (height - 1)):
        first = max(0, (step - width + slope) // slope)
        last = min(height - 1, step // slope) + 1
        ring = rings[step % slots]
        start, stop = first + MARGIN, last + MARGIN
        if first:
            ring[:, start - MARGIN : start] = 0  # behind the diagonal nothing was written yet
        count = last - first
        if count <= 0:
            continue
        values, error = all_values[:count], all_errors[:count]
        diagonal = slice(step + first * stride, step + (last - 1) * stride + 1, stride)
        if decoded is None:
            light.decode.take(source[diagonal], out=values, mode="clip")
        else:
            values[:] = decoded[diagonal]
        for number, back, dy in taps:
            np.add(values, shares[(step - back) % slots][number][start - dy : stop - dy], out=values)
        np.minimum(np.maximum(values, low[:count], out=values), high[:count], out=values)
        bins, levels = all_bins[:count], all_levels[:count]
        np.copyto(bins[:, :-1], values, casting="unsafe")
        chosen = choose(light.encode.take(bins, out=levels, mode="clip"), diagonal)
        target[diagonal] = chosen
        painted = all_entries[:count]
        entries.take(chosen, axis=0, out=painted, mode="clip")
        np.subtract(values, painted, out=error)
        if job.reach is not None:
            shorten(error, job.reach.take(chosen))
        if strengths is not None:
            np.multiply(error, strengths[diagonal], out=error)
        np.multiply(error, factors, out=ring[:, start:stop])


class _Choice:
    """The choice between the nearest entry of a pixel and its entry in the frame before, where that is held."""

    def __init__(self, job: Diffusion) -> None:
        self._choose, self._held = job.chooser.choose, job.held
        self._before = None if job.held is None else job.held.labels.reshape(-1).astype(np.intp)
        values = job.chooser.colors.astype(np.float32)
        rows = np.column_stack([-2 * values, np.einsum("ij,ij->i", values, values)])  # times (x, 1): |x - c|² - |x|²
        none = np.append(np.zeros(values.shape[1], np.float32), np.float32(np.inf))
        self._rows = np.concatenate([rows, none[None]])

    def entries(self, levels: Float32Array, pixels: slice) -> IntArray:
        """The entries (n,) of ``pixels`` whose colours are ``levels`` (n, 4), as in :meth:`Chooser.choose`."""
        nearest = self._choose(levels)
        if self._held is None or self._before is None:
            return nearest
        before = self._before[pixels]
        added = self._rows.take(before, axis=0, mode="clip")
        added -= self._rows.take(nearest, axis=0, mode="clip")
        np.copyto(nearest, before, where=np.einsum("ij,ij->i", added, levels) <= self._held.allowance)
        return nearest


def shorten(errors: AnyArray, reach: AnyArray) -> None:
    """Scale the rows of ``errors`` (n, c) that are longer than their entry in ``reach`` (n,) to that length."""
    lengths = np.sqrt(np.einsum("ij,ij->i", errors, errors))
    np.multiply(errors, np.minimum(1, reach / np.maximum(lengths, 1))[:, None], out=errors)


def reversed_scan(weights: Weights) -> list[tuple[int, int, float]]:
    """The weights in the order in which a pixel receives them when the picture is scanned: the farthest row first."""
    return sorted(weights, key=lambda tap: (-tap[1], -tap[0]))


def _diffuse_narrow(job: Diffusion, weights: Weights, slope: int, labels: AnyArray) -> None:
    """:func:`diffuse` for a picture with no more columns than the slope: widened by columns that pass nothing on."""
    height, width, _ = job.pixels.shape
    added = ((0, 0), (0, slope + 1 - width))
    strengths = np.ones((height, width), np.float32) if job.strengths is None else job.strengths
    wide = Diffusion(
        pixels=np.pad(job.pixels, (*added, (0, 0))),
        light=job.light,
        chooser=job.chooser,
        strengths=np.pad(strengths, added),
        reach=job.reach,
        held=None if job.held is None else replace(job.held, labels=np.pad(job.held.labels, added)),
    )
    wide_labels = np.empty((height, slope + 1), labels.dtype)
    diffuse(wide, weights, slope, wide_labels)
    labels[:] = wide_labels[:, :width]
