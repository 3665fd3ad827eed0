"""Starts of k-means: centres that splits, and then a search by splits and removals, find on coarse cells.

The points are in Morton order, so every cell of the octree over them is a run of consecutive rows. The octree yields
two coresets: a small one for the search, and a finer one on which its result settles. Each leaf is the exact weighted
mean of its points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from colorquant.blocks import blocks
from colorquant.fitting.kmeans.points import Points, PointSet, make_points
from colorquant.fitting.kmeans.steps import Lloyd, assign, assign_two, lloyd, reseed, sums, swing, totals
from colorquant.fitting.models import SearchStep
from colorquant.types import AnyArray, BoolArray, FloatArray, IntArray

LEVELS = 8  # of an octree: a Morton code has eight bits for each band
COARSE_POWER, FINE_POWER = 0.4, 0.5  # the leaves of the two coresets grow with these powers of k
LEAVES_PER_CENTER = 8  # at least
SETTLE_LEAST = 8  # iterations on the finer coreset, to which a quarter of the number of centres is added
SETTLE_BUDGET = 1 << 15  # iterations on the finer coreset times centres, at most
BREATH_SHARE = 0.75  # share of the centres that the first breath splits; the last one splits a single centre
BREATH_NOISE = 0.5  # standard deviation of the log-normal noise on the gains that pick the centres to split
BREATH_GROW, BREATH_SHRINK = 4, 20  # Lloyd iterations after the splits, swinging iterations after the removals
RUN_ROWS = 1 << 17  # rows whose weighted features are in memory at a time
NO_ROWS = np.empty(0, np.intp)
BREATH_MAX_CENTERS = 2048  # with more centres the search would take too long, and the start only settles


@dataclass(frozen=True)
class Effort:
    """How much work a fit may spend.

    ``coarse`` and ``fine`` scale the leaves of the two coresets, ``breaths`` and ``budget`` (breaths times centres)
    bound the search, ``settle`` the iterations on the finer coreset, ``updates`` the exact ones, which end when one
    lowers the inertia by less than ``gain`` of itself.
    """

    coarse: int
    fine: int
    breaths: int
    budget: int
    settle: int
    updates: int
    gain: float


EFFORTS = {
    "fast": Effort(150, 1000, 2, 128, 6, 1, 1e-2),
    "balanced": Effort(330, 2600, 15, 896, 28, 1, 1e-3),
    "best": Effort(660, 8000, 80, 8192, 60, 60, 1e-5),
}


class Splits(NamedTuple):
    """Two-way splits: a, b (k, d) the means of the halves, gain (k,) the fall of the loss, far (m,) True in half a."""

    a: FloatArray
    b: FloatArray
    gain: FloatArray
    far: BoolArray


def split_clusters(points: Points, labels: AnyArray, k: int, rounds: int = 2) -> Splits:
    """A good two-way split of every cluster: across its main direction, then between the halves' means.

    A locked centre stays as half a; only half b is a new mean.
    """
    w = totals(labels, points.w, k)
    labels = labels.astype(np.intp, copy=False)  # their type may have no room for k
    wx = _weighted(points)
    s = sums(labels, wx, k).T
    safe = np.where(w > 0, w, 1)
    mean = s / safe[:, None]
    axis = _main_axes(points, labels, w, mean)
    offset = np.einsum("ij,ij->i", axis, mean)
    for number in range(rounds):
        side = -offset[labels]
        for j, column in enumerate(points.x):
            side += axis[:, j][labels] * column
        far = side > 0
        half = np.where(far, labels, k)  # the other half goes into bin k
        wa = totals(half, points.w, k + 1)[:k]
        sa = sums(half, wx, k + 1)[:, :k].T
        wb = w - wa
        split = (np.minimum(wa, wb) > 1e-9 * w)[:, None]
        a = np.where(split, sa / np.where(wa > 0, wa, 1)[:, None], mean)
        b = np.where(split, (s - sa) / np.where(wb > 0, wb, 1)[:, None], mean)
        if points.locked is not None:
            _keep_locked(points.locked.centers, (a, b), (wa, wb), choose=number == 0)
        axis, offset = a - b, 0.5 * np.einsum("ij,ij->i", a - b, a + b)
    squares = np.einsum("ij,ij->i", axis, axis)
    gain = wa * wb / safe * squares
    gain[: points.fixed] = (wb * squares)[: points.fixed]
    return Splits(a, b, gain, far)


def _keep_locked(
    locked: FloatArray, halves: tuple[FloatArray, FloatArray], weights: tuple[FloatArray, FloatArray], *, choose: bool
) -> None:
    """Make half a of every locked cluster its centre, in place; with ``choose`` half b becomes what gains more alone.

    locked: (l, d);  halves: the means (k, d) of both halves, whose ``weights`` are (k,) each.
    """
    (a, b), fixed = halves, len(locked)
    if choose:
        gains = [
            w[:fixed] * np.square(half[:fixed] - locked).sum(axis=1) for half, w in zip(halves, weights, strict=True)
        ]
        b[:fixed] = np.where((gains[0] > gains[1])[:, None], a[:fixed], b[:fixed])
    a[:fixed] = locked


def _weighted(points: Points) -> FloatArray:
    return points.x * points.w if points.wx is None else points.wx


def _main_axes(points: Points, labels: IntArray, w: FloatArray, mean: FloatArray) -> FloatArray:
    """The main direction (k, d) of every cluster: the greatest column of the eighth power of its covariance."""
    k, d = mean.shape
    if d == 1:
        return np.ones((k, 1))
    wx = _weighted(points)
    cov = np.empty((k, d, d))
    for i in range(d):
        for j in range(i, d):
            cov[:, i, j] = cov[:, j, i] = totals(labels, wx[i] * points.x[j], k)
    cov -= w[:, None, None] * mean[:, :, None] * mean[:, None, :]
    for _ in range(3):
        cov /= np.maximum(np.abs(cov).max(axis=(1, 2)), 1e-300)[:, None, None]
        cov = cov @ cov
    column = np.einsum("kii->ki", cov).argmax(axis=1)
    axes: FloatArray = cov[np.arange(k), :, column]
    return axes


def lbg_start(points: Points, k: int) -> FloatArray:
    """At most k centres from splits of those that gain most, which double their number at each level (LBG 1980).

    Up to BREATH_MAX_CENTERS Lloyd iterations follow each level, from there on only the splits are made. There are fewer
    than k centres if fewer points are distinct.
    """
    labels = np.zeros(len(points), np.intp)
    centers: FloatArray = points.middle[None, :]
    if points.locked is not None:
        centers = points.locked.centers
        labels = assign(points, centers)
    while len(centers) < k:
        count = len(centers)
        splits = split_clusters(points, labels, count)
        chosen = _largest(splits.gain, min(count, k - count))
        if len(chosen) == 0:
            break
        centers = np.vstack([centers, splits.b[chosen]])
        centers[chosen] = splits.a[chosen]
        if len(centers) <= BREATH_MAX_CENTERS:
            centers, labels, _ = lloyd(points, centers, 2, 1e-3)
        else:
            twin = np.arange(count)
            twin[chosen] = np.arange(count, len(centers))
            labels = np.where(splits.far, labels, twin[labels])
    return centers


def _largest(values: FloatArray, count: int) -> IntArray:
    """Indices of the `count` greatest values, positive ones only, greatest first."""
    order = np.argsort(-values, kind="stable")[:count]
    positive: IntArray = order[values[order] > 0]
    return positive


def removals(points: Points, centers: FloatArray, count: int) -> IntArray:
    """The `count` centres whose removal costs least, none of them locked, or the nearest neighbour of another one."""
    k = len(centers)
    labels, rise = assign_two(points, centers)
    cost = totals(labels, points.w * rise, k)
    cost[: points.fixed] = np.inf
    scores = centers @ centers.T - 0.5 * np.einsum("ij,ij->i", centers, centers)
    np.fill_diagonal(scores, -np.inf)
    neighbour = scores.argmax(axis=1).tolist()
    frozen = [False] * k
    removed: list[int] = []
    kept: list[int] = []
    for c in np.argsort(cost, kind="stable").tolist():
        if frozen[c] or len(removed) == count:
            kept.append(c)
        else:
            removed.append(c)
            frozen[neighbour[c]] = True
    return np.array((removed + kept)[:count], np.intp)


def breathe(points: Points, state: Lloyd, count: int, rng: np.random.Generator) -> Lloyd:
    """One breath: split `count` centres, settle, remove as many, settle."""
    splits = split_clusters(points, state.labels, len(state.centers))
    noise = np.exp(BREATH_NOISE * rng.standard_normal(len(state.centers)))
    chosen = _largest(splits.gain * noise, count)
    grown = np.vstack([state.centers, splits.b[chosen]])
    grown[chosen] = splits.a[chosen]
    grown = lloyd(points, grown, BREATH_GROW, 0.0).centers
    kept = np.delete(grown, removals(points, grown, len(chosen)), axis=0)
    return swing(points, kept, BREATH_SHRINK, rng)


def search(
    points: Points, centers: FloatArray, breaths: int, rng: np.random.Generator, progress: Callable[[SearchStep], None]
) -> FloatArray:
    """Make ``breaths`` breaths and keep each that lowers the loss; the first split many centres, the last ones few.

    ``progress`` is called before each breath.
    """
    k = len(centers)
    state = swing(points, centers, BREATH_SHRINK, rng)
    if not 1 < k < len(points):
        return state.centers
    for i in range(breaths):
        progress(SearchStep("round", i + 1, breaths))
        count = max(1, round((BREATH_SHARE * k) ** (1 - i / breaths)))
        new = breathe(points, state, count, rng)
        if new.clusters.loss < state.clusters.loss:
            state = new
    return state.centers


@dataclass(frozen=True)
class Octree:
    """Levels of an octree over points in Morton order.

    For each level: the first rows of its cells, the scatter of the cells, and that of the cells above them. The scatter
    is estimated as weight times squared side; that of the finest cells counts as 0.
    """

    starts: list[IntArray]
    scatter: list[FloatArray]
    above: list[FloatArray]

    @classmethod
    def of(cls, points: PointSet, codes: NDArray[np.uint32], most: int, *, bands: int = 3) -> Octree:
        """The octree of points with the Morton codes (m,), ascending, for up to ``most`` leaves.

        ``bands`` is the number of bands that a code interleaves; with four a cell is divided into 16.
        """
        starts: list[IntArray] = []
        for level in range(2, LEVELS + 1):
            starts.append(_cell_starts(codes, bands * (LEVELS - level)))
            if len(starts[-1]) > 2 * most:
                break
        sums = [_run_weights(points, starts[-1])]
        parents: list[IntArray] = []
        for coarse, fine in zip(starts[-2::-1], starts[:0:-1], strict=True):
            first = np.searchsorted(fine, coarse)
            parents.insert(0, np.repeat(np.arange(len(coarse)), np.diff(first, append=len(fine))))
            sums.insert(0, np.add.reduceat(sums[0], first))
        scatter = [total / 4.0**level for level, total in enumerate(sums)]
        above = [np.full(len(starts[0]), np.inf)] + [s[p] for s, p in zip(scatter, parents, strict=False)]
        scatter[-1] = np.zeros(len(starts[-1]))
        return cls(starts, scatter, above)

    def leaves(self, wanted: int) -> IntArray:
        """First rows (m,) of about ``wanted`` leaves: cells are divided while their scatter exceeds a threshold."""
        low, high = 0.0, float(np.max(self.scatter[0])) * 1.01
        for _ in range(30):
            cut = float(np.sqrt(max(low, 1e-9 * high) * high))
            size = sum(int(np.count_nonzero(leaves)) for leaves in self._leaves(cut))
            if abs(size - wanted) < 0.05 * wanted:
                break
            low, high = (cut, high) if size > wanted else (low, cut)
        return np.sort(np.concatenate([s[leaves] for s, leaves in zip(self.starts, self._leaves(cut), strict=True)]))

    def _leaves(self, cut: float) -> list[BoolArray]:
        return [(s <= cut) & (a > cut) for s, a in zip(self.scatter, self.above, strict=True)]


def _cell_starts(codes: NDArray[np.uint32], shift: int) -> IntArray:
    """The first rows (c,) of the cells of ascending Morton codes (m,), whose last ``shift`` bits tell points apart."""
    parts = [np.zeros(min(1, len(codes)), np.intp)]
    for rows in blocks(len(codes)):
        first = max(rows.start - 1, 0)
        cells = codes[first : rows.stop] >> np.uint32(shift)
        parts.append(first + 1 + np.flatnonzero(cells[1:] != cells[:-1]))
    return np.concatenate(parts)


def coreset(points: PointSet, starts: IntArray) -> Points:
    """The weighted means of the runs of rows that begin at `starts` (m,)."""
    if isinstance(points, Points) and len(starts) == len(points):
        return points
    weight = _run_weights(points, starts)
    sums = np.empty((len(points.middle), len(starts)))
    for runs in _whole_runs(starts, len(points)):
        rows = _rows_of_runs(starts, runs, len(points))
        weights = points.weights_of(rows)
        for total, column in zip(sums, points.columns(rows), strict=True):
            total[runs] = np.add.reduceat(column * weights, starts[runs] - rows.start)
    locked = None if points.locked is None else points.locked._replace(rows=NO_ROWS, owners=NO_ROWS)
    return make_points(sums / weight, weight, locked=locked)


def _run_weights(points: PointSet, starts: IntArray) -> FloatArray:
    """The weights of the runs of rows that begin at ``starts`` (m,)."""
    sums = np.empty(len(starts))
    for runs in _whole_runs(starts, len(points)):
        rows = _rows_of_runs(starts, runs, len(points))
        sums[runs] = np.add.reduceat(points.weights_of(rows), starts[runs] - rows.start)
    return sums


def _rows_of_runs(starts: IntArray, runs: slice, m: int) -> slice:
    """The rows, of m, of a slice of the runs that begin at ``starts``."""
    return slice(int(starts[runs.start]), int(starts[runs.stop]) if runs.stop < len(starts) else m)


def _whole_runs(starts: IntArray, m: int) -> Iterator[slice]:
    """Slices of the runs that begin at ``starts``, of about RUN_ROWS of m rows together, or of a single longer run."""
    first = 0
    while first < len(starts):
        last = max(first + 1, int(np.searchsorted(starts, min(int(starts[first]) + RUN_ROWS, m))))
        yield slice(first, last)
        first = last


def coarse_centers(
    points: PointSet,
    tree: Octree,
    k: int,
    effort: Effort,
    *,
    rng: np.random.Generator,
    centers: FloatArray | None,
    progress: Callable[[SearchStep], None],
) -> FloatArray:
    """Centres (k, d) from a search on the coarse coreset that then settle on the fine one.

    The search starts at ``centers`` if they are given, else with splits. ``progress`` is called before each breath.
    """
    coarse, fine = (coreset(points, tree.leaves(size)) for size in leaves_wanted(k, effort))
    if centers is None:
        centers = lbg_start(coarse, k)
    if points.fixed < k <= BREATH_MAX_CENTERS:
        centers = search(coarse, centers, max(1, min(effort.breaths, effort.budget // k)), rng, progress)
    if len(centers) < k:
        centers = fill(points, centers, k)
    settle = min(effort.settle, SETTLE_LEAST + k // 4, max(1, SETTLE_BUDGET // k))
    return swing(fine, centers, settle, rng).centers


def leaves_wanted(k: int, effort: Effort) -> tuple[int, int]:
    """The numbers of leaves of the coarse and of the fine coreset for k centres."""
    least = LEAVES_PER_CENTER * k
    return max(least, int(effort.coarse * k**COARSE_POWER)), max(least, int(effort.fine * k**FINE_POWER))


def fill(points: PointSet, centers: FloatArray, k: int) -> FloatArray:
    """k centres: the missing ones are the points of greatest weighted error (fewer than k if too few points differ)."""
    labels = assign(points, centers)
    most = min(k, len(points) + points.fixed)
    grown = np.vstack([centers, np.full((most - len(centers), centers.shape[1]), np.nan)])
    grown = reseed(points, grown, labels, np.isnan(grown[:, 0]))
    filled: FloatArray = grown[np.isfinite(grown[:, 0])]
    return filled
