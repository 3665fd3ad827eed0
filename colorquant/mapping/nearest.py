"""The nearest entry of a given palette for each colour."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from colorquant.blocks import row_blocks
from colorquant.color.difference import ciede2000
from colorquant.color.histogram import ColorHistogram
from colorquant.color.rgba import RGBA_SPACES, RgbaProjection
from colorquant.color.spaces import SPACES, Projection
from colorquant.errors import OptionError
from colorquant.fitting.models import Centroids
from colorquant.palette.palette import Palette
from colorquant.types import FloatArray, IntArray, UInt8Array

DISTANCES = ("euclidean", "ciede2000")
STEEPEST_LIGHTNESS = 1 + 0.015 * 50**2 / (20 + 50**2) ** 0.5  # the largest S_L of CIEDE2000, at L* 0 and 100


Nearest = Callable[[UInt8Array], IntArray]  # colours (n, 3) uint8 -> the entry of each, (n,) int64


def nearest_entries(histogram: ColorHistogram, palette: Palette, space: str, distance: str = "euclidean") -> IntArray:
    """The entry of the palette that is nearest to each colour of the histogram, (n,) int64; the first of equals.

    ``space`` and ``distance`` as for :func:`nearest_to`, which says what is raised.
    """
    return nearest_to(palette, space, distance)(histogram.colors)


def nearest_to(palette: Palette, space: str, distance: str = "euclidean") -> Nearest:
    """The function that gives the entry of the palette that is nearest to each colour; the first of equals.

    ``distance`` is one of DISTANCES: euclidean in ``space``, a key of SPACES, or ciede2000, for which ``space`` is
    lab. Raises OptionError for an empty palette, an unknown space or distance, and ciede2000 in another space.
    Where the palette has alpha, colours are (n, 4); see :class:`colorquant.color.rgba.RgbaProjection`.
    """
    if not len(palette):
        raise OptionError("the palette is empty: give at least one colour")
    if distance not in DISTANCES:
        raise OptionError(f"distance {distance!r} is unknown: use {' or '.join(DISTANCES)}")
    if distance == "ciede2000":
        if space != "lab":
            raise OptionError(f"distance ciede2000 is defined in lab, not in {space}: use space lab")
        lab = SPACES["lab"].forward
        labs = lab(palette.colors)
        return lambda colors: _nearest_by_ciede2000(lab(colors), labs)
    projection = Projection.of(space, keep_luma=False)
    if palette.alpha is not None:
        if space not in RGBA_SPACES:
            raise OptionError(f"entries with alpha cannot be compared in {space}: use {' or '.join(RGBA_SPACES)}")
        projection = RgbaProjection.in_space(space)
    entries = Centroids(projection.features(palette.rows))
    return lambda colors: entries.predict(projection.features(colors)).astype(np.int64)


def _nearest_by_ciede2000(colors: FloatArray, entries: FloatArray) -> IntArray:
    """The row of ``entries`` (p, 3) with the smallest CIEDE2000 to each of ``colors`` (n, 3), both CIELAB, (n,) int64.

    The formula is evaluated only for the entries that a lower bound of it cannot rule out.
    """
    nearest = np.empty(len(colors), np.int64)
    for rows in row_blocks(len(colors), 8 * len(entries)):
        some = colors[rows]
        bounds = _ciede2000_bounds(some, entries)
        best = ciede2000(some, entries[np.argmin(bounds, axis=1)])
        color, entry = np.nonzero(bounds <= best[:, None] + 1e-9)
        differences = np.full(bounds.shape, np.inf)
        differences[color, entry] = ciede2000(some[color], entries[entry])
        nearest[rows] = np.argmin(differences, axis=1)
    return nearest


def _ciede2000_bounds(colors: FloatArray, entries: FloatArray) -> FloatArray:
    """A lower bound (n, p) of the CIEDE2000 of each of ``colors`` (n, 3) to each of ``entries`` (p, 3), both CIELAB.

    In the notation of :func:`colorquant.color.difference.ciede2000`: S_L is at most STEEPEST_LIGHTNESS; ΔC'² + ΔH'² is
    Δa'² + Δb², at least Δa² + Δb²; S_H is at most S_C = 1 + 0.045 C', with C' at most 1.5 C; and the mixed term takes
    away at most sin(60°) R_C / 2 of the chromatic part.
    """
    squared = [(colors[:, None, band] - entries[None, :, band]) ** 2 for band in range(3)]
    chroma = (np.hypot(colors[:, 1], colors[:, 2])[:, None] + np.hypot(entries[:, 1], entries[:, 2])) * 0.75
    power = chroma**7
    left = 1 - np.sin(np.radians(60)) * np.sqrt(power / (power + 25.0**7))
    bound: FloatArray = squared[0] / STEEPEST_LIGHTNESS**2
    bound += left * (squared[1] + squared[2]) / (1 + 0.045 * chroma) ** 2
    return np.sqrt(bound)
