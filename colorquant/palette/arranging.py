"""The colours of a palette among each other: how far apart they are, sorting, merging near ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from colorquant.color.difference import ciede2000
from colorquant.color.spaces import SPACES
from colorquant.errors import OptionError
from colorquant.types import FloatArray, IntArray, UInt8Array

MOST_COMPARED = 4096  # colours; the differences of more pairs would take minutes
GRAY_CHROMA = 0.02  # of OKLab; below, a colour has no hue that one sees
LARGEST_S_L = 1 + 0.015 * 2500 / np.sqrt(2520)  # of CIEDE2000, for black and white
REC709 = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True, eq=False)
class Nearest:
    """For each colour of a palette the nearest other one.

    ``rows`` (p,) int64 is its number, -1 where there is none; ``differences`` (p,) float64 are CIEDE2000, infinite
    where there is none.
    """

    rows: IntArray
    differences: FloatArray


def nearest_others(colors: UInt8Array, alpha: UInt8Array) -> Nearest:
    """For each colour (p, 3) uint8 the nearest other one of the same ``alpha`` (p,).

    Fully transparent colours do not differ. Raises OptionError for more than MOST_COMPARED colours.
    """
    _check_number(len(colors))
    nearest = Nearest(np.full(len(colors), -1, np.int64), np.full(len(colors), np.inf))
    lab = _lab(colors, alpha)
    for level in np.unique(alpha):
        _find_nearest(lab, np.flatnonzero(alpha == level), nearest)
    return nearest


def _check_number(number: int) -> None:
    if number > MOST_COMPARED:
        raise OptionError(
            f"{number:,} colours are too many to compare with each other: give a palette of at most {MOST_COMPARED:,}"
        )


def _lab(colors: UInt8Array, alpha: UInt8Array) -> FloatArray:
    lab = SPACES["lab"].forward(colors)
    return np.where(alpha[:, None] == 0, 0.0, lab)


def _find_nearest(lab: FloatArray, rows: IntArray, nearest: Nearest) -> None:
    """Fill in ``nearest`` for these ``rows``, compared with each other.

    CIEDE2000 is at least the difference in L* by the largest S_L, since what is added for chroma and hue is not
    negative. So the colours are sorted by L*, and compared with those up to where this alone is too far.
    """
    rows = rows[np.argsort(lab[rows, 0], kind="stable")]
    lightness = lab[rows, 0] / LARGEST_S_L
    for step in range(1, len(rows)):
        first, second = rows[:-step], rows[step:]
        known = np.maximum(nearest.differences[first], nearest.differences[second])
        near = lightness[step:] - lightness[:-step] <= known
        if not near.any():
            return
        first, second = first[near], second[near]
        found = ciede2000(lab[first], lab[second])
        for one, other in ((first, second), (second, first)):
            closer = found < nearest.differences[one]
            nearest.differences[one[closer]], nearest.rows[one[closer]] = found[closer], other[closer]


def _by_share(colors: UInt8Array, counts: IntArray | None) -> IntArray:
    if counts is None:
        raise OptionError("--sort share needs numbers of pixels: give an image, or a .json or .csv palette with them")
    return np.argsort(-counts, kind="stable")


def _by_luma(colors: UInt8Array, counts: IntArray | None) -> IntArray:
    """Dark first: the luma of ITU-R BT.709, of the levels as they are."""
    return np.argsort(colors @ REC709, kind="stable")


def _by_hue(colors: UInt8Array, counts: IntArray | None) -> IntArray:
    """Grays first, dark before light; then by the angle of the hue in OKLab, from red over yellow, green and blue."""
    lightness, a, b = SPACES["oklab"].forward(colors).T
    gray = np.hypot(a, b) < GRAY_CHROMA
    hue = np.where(gray, -1.0, np.degrees(np.arctan2(b, a)) % 360)
    return np.lexsort((lightness, hue))


ORDERS: dict[str, Callable[[UInt8Array, IntArray | None], IntArray]] = {
    "as-is": lambda colors, counts: np.arange(len(colors)),
    "share": _by_share,
    "luma": _by_luma,
    "hue": _by_hue,
}


@dataclass(frozen=True, eq=False)
class Merged:
    """A palette whose near colours were merged.

    ``colors`` (q, 3) uint8 are the new ones, in the order of the first of each group; ``groups`` (p,) int64 is the new
    number of each old colour; ``heaviest`` (q,) int64 the old number of the one with most weight in its group.
    """

    colors: UInt8Array
    groups: IntArray
    heaviest: IntArray


def merge_near(colors: UInt8Array, alpha: UInt8Array, weights: IntArray, below: float) -> Merged:
    """Merge the two nearest colours of the same alpha, again and again, until none differ by less than ``below``.

    Differences are CIEDE2000. A merged colour is the mean RGB of its colours (p, 3) by ``weights`` (p,), numbers of
    pixels: what k-means would give to their union. Raises OptionError for more than MOST_COMPARED colours.
    """
    _check_number(len(colors))
    owners = np.arange(len(colors))
    merged = colors.copy()
    for level in np.unique(alpha):
        rows = np.flatnonzero(alpha == level)
        _merge(merged, owners, rows, weights, below, visible=bool(level))
    first = np.flatnonzero(owners == np.arange(len(colors)))
    groups = np.searchsorted(first, owners)
    order = np.lexsort((-weights, groups))
    heaviest = order[np.searchsorted(groups[order], np.arange(len(first)))]
    return Merged(merged[first], groups, heaviest)


def _merge(
    colors: UInt8Array, owners: IntArray, rows: IntArray, weights: IntArray, below: float, *, visible: bool
) -> None:
    """Merge ``rows`` among each other: ``owners`` gets the row that each belongs to, and ``colors`` its new colour."""
    lab = SPACES["lab"].forward(colors[rows]) * visible
    number = len(rows)
    differences = np.full((number, number), np.inf, np.float32)
    for row in range(1, number):
        differences[row, :row] = ciede2000(np.repeat(lab[row : row + 1], row, axis=0), lab[:row])
        differences[:row, row] = differences[row, :row]
    mass = weights[rows].astype(np.float64)
    means = colors[rows].astype(np.float64)
    alive = np.ones(number, np.bool_)
    closest = differences.argmin(axis=1)
    least = differences[np.arange(number), closest]
    while number > 1 and least.min() < below:
        one = int(least.argmin())
        one, other = sorted((one, int(closest[one])))
        share = mass[other] / (mass[one] + mass[other]) if mass[one] + mass[other] else 0.5
        means[one] += share * (means[other] - means[one])
        mass[one] += mass[other]
        alive[other] = False
        owners[owners == rows[other]] = rows[one]
        colors[rows[one]] = np.floor(means[one] + 0.5)
        lab[one] = SPACES["lab"].forward(colors[rows[one]][None])[0] * visible
        among = np.flatnonzero(alive)
        among = among[among != one]
        differences[other], differences[:, other] = np.inf, np.inf
        differences[one, among] = ciede2000(np.repeat(lab[one : one + 1], len(among), axis=0), lab[among])
        differences[among, one] = differences[one, among]
        changed = np.flatnonzero((closest == one) | (closest == other) | (differences[:, one] < least))
        changed = np.union1d(changed, [one, other])
        closest[changed] = differences[changed].argmin(axis=1)
        least[changed] = differences[changed, closest[changed]]
