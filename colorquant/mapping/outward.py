"""A palette for dithering: its outer colours lie further out than the means of their pixels.

Dithering mixes only what lies between the colours of the palette. The means of clusters leave out the outermost
colours of a picture, so the palette of a fit is drawn apart: each colour moves away from its neighbours, which moves
inner colours little and outer ones much. docs/dithering.md has what this brings.
"""

from __future__ import annotations

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.packing import pack
from colorquant.fitting.options import FitOptions
from colorquant.mapping.labelling import Labelling, majority_rows
from colorquant.mapping.painting import OrderedPalette
from colorquant.palette.palette import Palette
from colorquant.types import BoolArray, FloatArray, IntArray, UInt8Array

NEIGHBOURS = 1.5  # distances to the nearest other colour within which another one counts as a neighbour
MOST_MOVED = 0.6  # of the distance to the mean of the neighbours, from about 24 colours on


def outward_colors(labelling: Labelling, colors: UInt8Array, order: IntArray, fixed: BoolArray) -> UInt8Array:
    """The colours (p, 3) uint8 of a palette, moved apart for dithering; they stay distinct.

    ``order`` (p,) is the label of each in ``labelling``. No colour moves further than the root mean square deviation
    of its pixels. Those that more than half of their pixels have, and those that are ``fixed`` (p,), do not move.
    """
    k = len(colors)
    share = float(np.clip(0.2 * np.log2(max(k, 1)) - 0.3, 0, MOST_MOVED))
    deviations, uniform = _deviations(labelling, colors, order)
    if k < 2 or share == 0:
        return colors
    vectors = _from_neighbours(colors.astype(np.float64))
    lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
    factors = np.where(fixed | uniform, 0, np.minimum(share, deviations / lengths))
    moved = np.clip(np.floor(colors + factors[:, None] * vectors + 0.5), 0, 255).astype(np.uint8)
    while len(repeated := _repeated(moved)):
        moved[repeated] = colors[repeated]
        if np.array_equal(moved, colors):
            break
    return moved


def _from_neighbours(colors: FloatArray) -> FloatArray:
    """The vector (p, 3) to each colour from the mean of its neighbours, which count by a Gaussian of their distance."""
    vectors = np.empty_like(colors)
    for rows in blocks(len(colors), 1024):
        squared = np.zeros((len(colors[rows]), len(colors)))
        for band in colors.T:
            squared += (band[rows, None] - band) ** 2
        squared[squared == 0] = np.inf
        nearest = squared.min(axis=1, keepdims=True)
        nearest[np.isinf(nearest)] = 1
        weights = np.exp(-squared / (NEIGHBOURS**2 * nearest))
        total = weights.sum(axis=1, keepdims=True)
        vectors[rows] = np.where(total > 0, colors[rows] - weights @ colors / np.maximum(total, 1e-300), 0)
    return vectors


def _deviations(labelling: Labelling, colors: UInt8Array, order: IntArray) -> tuple[FloatArray, BoolArray]:
    """The root mean square distance (p,) of pixels to their colour, and whether most of them have one colour (p,)."""
    position = np.zeros(labelling.k, np.int64)
    position[order] = np.arange(len(order))
    members, labels, weights = labelling.member_colors()
    entries, squared = position[labels], np.zeros(len(colors))
    for rows in blocks(len(entries)):
        distance = ((members[rows].astype(np.int64) - colors[entries[rows]]) ** 2).sum(axis=1)
        squared += np.bincount(entries[rows], distance * weights[rows], len(colors))
    totals = np.bincount(entries, weights, len(colors))
    uniform = np.zeros(len(colors), np.bool_)
    uniform[majority_rows(entries, weights, totals)[0]] = True
    return np.sqrt(squared / np.maximum(totals, 1)), uniform


def _repeated(colors: UInt8Array) -> IntArray:
    """The rows of ``colors`` that are the same as another one."""
    _, inverse, counts = np.unique(pack(colors), return_inverse=True, return_counts=True)
    repeated: IntArray = np.flatnonzero(counts[inverse] > 1)
    return repeated


def outward_palette(labelling: Labelling, ordered: OrderedPalette, options: FitOptions, paint: str) -> Palette:
    """A fitted palette for dithering: its colours moved apart by :func:`outward_colors`, if ``paint`` made means.

    A palette over RGBA, and colours that ``options`` lock, stay as they are.
    """
    palette = ordered.palette
    if palette.alpha is not None or paint not in ("members", "mean"):
        return palette
    locked = np.isin(palette.hex, options.lock)
    order = ordered.order[: len(palette)]
    return Palette(outward_colors(labelling, palette.colors, order, locked), palette.counts)
