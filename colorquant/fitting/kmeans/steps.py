"""The steps of Lloyd's iterations on weighted points: nearest centres, sums over clusters, and means.

Points are in Morton order (the bits of the bands interleaved), so that a block of rows is compact in space, and only
a few centres can be nearest to one of its points.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.strip_counting import smallest_type
from colorquant.fitting.kmeans.points import MANY_POINTS, Points, PointSet, Real
from colorquant.fitting.models import sums_by_label
from colorquant.types import AnyArray, BoolArray, FloatArray, IntArray

SCORE_ELEMENTS = 1 << 17  # of a block of scores (float32): 512 KiB, so that it stays in the second-level cache
PRUNE_ROWS = 1024  # rows of a block whose bounding box rules out centres before any distance is computed
PRUNE_GROUP = 16  # blocks for which centres are first ruled out together
PRUNE_CENTERS = 128  # with fewer centres, or fewer than PRUNE_POINTS points, ruling out costs more than it saves
PRUNE_POINTS = 64 * PRUNE_ROWS
PRUNE_ALWAYS = 1 << 27  # with more points times centres, centres are ruled out in any case
LEAST_ROWS = 16  # of a block of scores
DELTA_POINTS = 8192  # with more points, sums over the clusters are updated for the changed labels only
SWING_STEP = 2.0
SWING_MOMENTUM = (0.95, 0.75)  # of the first and of the last swinging iteration
SWING_JITTER = 0.1  # noise on the centres at the first swinging iteration, in mean deviations of the clusters


def plus_plus(points: Points, k: int, rng: np.random.Generator) -> FloatArray:
    """Centres (k, d), drawn among the points by weighted k-means++ (Arthur and Vassilvitskii 2007).

    Locked centres count as drawn first.
    """
    distance = np.full(len(points), np.inf)
    centers = np.empty((k, len(points.x)))
    if points.locked is None:
        centers[0] = points.x[:, int(rng.choice(len(points), p=points.w / points.w.sum()))]
    else:
        centers[: points.fixed] = points.locked.centers
    for drawn in range(1, k):
        offset = points.x - centers[drawn - 1][:, None]
        np.minimum(distance, np.einsum("ij,ij->j", offset, offset), out=distance)
        if drawn >= points.fixed:
            chance = np.cumsum(distance * points.w)
            row = int(min(np.searchsorted(chance, rng.random() * chance[-1], "right"), len(points) - 1))
            centers[drawn] = points.x[:, row]
    return centers


def score_matrix(points: PointSet, centers: FloatArray) -> Real:
    """(d+1, k) matrix whose product with Points.h is x.c - |c|^2/2, greatest for the nearest centre."""
    k, d = centers.shape
    centers = centers - points.middle
    matrix = np.empty((d + 1, k), points.precision)
    matrix[:d] = centers.T
    matrix[d] = -0.5 * np.einsum("ij,ij->i", centers, centers)
    return matrix


def assign(points: PointSet, centers: FloatArray) -> AnyArray:
    """Labels (m,): the nearest of the centers (k, d) to each point. A locked centre takes the points that lie on it.

    They are 64-bit integers, or of the smallest unsigned type that holds them where there are many points.
    """
    m, k = len(points), len(centers)
    matrix = score_matrix(points, centers)
    labels = np.empty(m, np.intp if m <= MANY_POINTS else smallest_type(k - 1))
    scratch = np.empty(max(SCORE_ELEMENTS, LEAST_ROWS * k), matrix.dtype)
    prunes = (k >= PRUNE_CENTERS and m >= PRUNE_POINTS) or k * m >= PRUNE_ALWAYS
    for piece in points.pieces():
        found = labels[piece.rows]
        if not prunes:
            _nearest(piece.h, matrix, scratch, found)
            continue
        for rows, candidates in candidate_blocks(piece.x, centers):
            _nearest(piece.h[rows], matrix[:, candidates], scratch, found[rows])
            found[rows] = candidates[found[rows]]
    if points.locked is not None:  # rounding may favour a centre that is almost there
        labels[points.locked.rows] = points.locked.owners
    return labels


def _nearest(h: Real, matrix: Real, scratch: Real, labels: AnyArray) -> None:
    """Write the best column of h (m, d+1) times matrix (d+1, k) to labels (m,), a block of rows at a time."""
    m, k = len(h), matrix.shape[1]
    step = max(LEAST_ROWS, min(4096, SCORE_ELEMENTS // k))
    for i in range(0, m, step):
        block = h[i : i + step]
        out = scratch[: len(block) * k].reshape(len(block), k)
        np.matmul(block, matrix, out=out)
        labels[i : i + step] = np.argmax(out, axis=1)


def candidate_blocks(x: FloatArray, centers: FloatArray) -> Iterator[tuple[slice, IntArray]]:
    """Blocks of rows, and the centres that can be nearest to one of them (the filter of Kanungo et al. 2002).

    x: (d, m) points in Morton order, so that blocks are compact;  centers: (k, d).
    """
    m = x.shape[1]
    starts = np.arange(0, m, PRUNE_ROWS)
    low = np.minimum.reduceat(x, starts, axis=1).T
    high = np.maximum.reduceat(x, starts, axis=1).T
    for g in range(0, len(starts), PRUNE_GROUP):
        lo, hi = low[g : g + PRUNE_GROUP], high[g : g + PRUNE_GROUP]
        near = np.flatnonzero(possible(lo.min(axis=0)[None], hi.max(axis=0)[None], centers)[0])
        for i, keep in enumerate(possible(lo, hi, centers[near]), g):
            first = int(starts[i])
            yield slice(first, min(first + PRUNE_ROWS, m)), near[keep]


def possible(low: FloatArray, high: FloatArray, centers: FloatArray) -> BoolArray:
    """(b, k): whether a centre can be nearest to a point of the box low, high (b, d).

    It cannot if the centre nearest to the middle of the box is nearer to all of its corners.
    """
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    norms = 0.5 * np.einsum("ij,ij->i", centers, centers)
    score = middle @ centers.T - norms  # greatest for the centre nearest to the middle
    best = score.argmax(axis=1)
    reach = score - score[np.arange(len(best)), best][:, None]
    for j in range(centers.shape[1]):
        reach += half[:, j : j + 1] * np.abs(centers[:, j] - centers[best, j : j + 1])
    slack = 1e-6 * (np.abs(middle).max() + np.abs(half).max() + 1e-300) ** 2
    near: BoolArray = reach >= -slack
    return near


def assign_two(points: Points, centers: FloatArray) -> tuple[IntArray, Real]:
    """Labels (m,), and by how much each squared distance would rise if the nearest centre were removed (m,)."""
    m, k = len(points), len(centers)
    matrix = score_matrix(points, centers)
    step = max(64, min(4096, SCORE_ELEMENTS // k))
    labels, rise = np.empty(m, np.intp), np.empty(m, points.h.dtype)
    for i in range(0, m, step):
        scores = points.h[i : i + step] @ matrix
        rows = np.arange(len(scores))
        nearest = scores.argmax(axis=1)
        best = scores[rows, nearest]
        scores[rows, nearest] = -np.inf
        labels[i : i + step] = nearest
        rise[i : i + step] = 2 * (best - scores.max(axis=1))
    return labels, rise


class Clusters(NamedTuple):
    """Sums over the members of each cluster.

    w: (k,) weights;  s: (d, k) weighted points;  loss: squared error about the means, or about locked centres;
    fixed: how many centres are locked.
    """

    w: FloatArray
    s: FloatArray
    loss: float
    fixed: int = 0

    @property
    def full(self) -> bool:
        """Whether every cluster that may move has members."""
        return bool(self.w[self.fixed :].all())

    @property
    def vacant(self) -> BoolArray:
        """Which clusters (k,) have no members, and may move to get some."""
        vacant: BoolArray = self.w == 0
        vacant[: self.fixed] = False
        return vacant

    def means(self, centers: FloatArray) -> FloatArray:
        """(k, d) means; a locked cluster, and one without members, keeps its row of ``centers`` (k, d)."""
        if not self.fixed and self.w.all():
            return np.ascontiguousarray((self.s / self.w).T)
        some = self.w > 0
        means = np.where(some[:, None], (self.s / np.where(some, self.w, 1)).T, centers)
        means[: self.fixed] = centers[: self.fixed]
        return means


def totals(labels: AnyArray, weights: FloatArray, k: int) -> FloatArray:
    """The sum (k,) of the weights (m,) of each label (m,), 0 to k - 1."""
    return np.bincount(labels, weights, k).astype(np.float64, copy=False)


def sums(labels: AnyArray, columns: FloatArray, k: int) -> FloatArray:
    """(d, k) sums of the columns (d, m) over the members."""
    out = np.empty((len(columns), k))
    for row, column in zip(out, columns, strict=True):
        row[:] = totals(labels, column, k)
    return out


def cluster_sums(points: PointSet, labels: AnyArray, k: int, before: Lloyd | None = None) -> Clusters:
    """Sums over the clusters.

    They are updated from those of ``before`` where there are many points and few labels have changed.
    """
    w, s = cluster_weights(points, labels, k), None
    if before and len(labels) > DELTA_POINTS:
        changes = sum(int(np.count_nonzero(labels[rows] != before.labels[rows])) for rows in blocks(len(labels)))
        if 3 * changes < len(labels):
            s = _updated_sums(points, labels, k, before)
    if s is None:
        s = _point_sums(points, labels, k)
    explained = np.einsum("ij,ij->j", s, s) / np.maximum(w, 1e-300)
    if points.locked is not None:
        locked, fixed = points.locked.centers, points.fixed
        squares = np.einsum("ij,ij->i", locked, locked)
        explained[:fixed] = 2 * np.einsum("ij,ji->i", locked, s[:, :fixed]) - w[:fixed] * squares
    return Clusters(w, s, points.total - float(explained.sum()), points.fixed)


def cluster_weights(points: PointSet, labels: AnyArray, k: int) -> FloatArray:
    """The weight (k,) of each cluster."""
    return sum((totals(labels[piece.rows], piece.w, k) for piece in points.pieces()), np.zeros(k))


def _point_sums(points: PointSet, labels: AnyArray, k: int) -> FloatArray:
    """(d, k) sums of the weighted points over the clusters."""
    if isinstance(points, Points) and points.wx is not None:
        return sums(labels, points.wx, k)
    found = np.zeros((len(points.middle), k))
    for piece in points.pieces():
        found += sums_by_label(labels[piece.rows], piece.w, piece.x, k)
    return found


def _updated_sums(points: PointSet, labels: AnyArray, k: int, before: Lloyd) -> FloatArray:
    """The sums of ``before`` for other labels."""
    new, old = np.zeros_like(before.clusters.s), np.zeros_like(before.clusters.s)
    for piece in points.pieces():
        now, then = labels[piece.rows], before.labels[piece.rows]
        changed = np.flatnonzero(now != then)
        columns = piece.x[:, changed] * piece.w[changed]
        new += sums(now[changed], columns, k)
        old += sums(then[changed], columns, k)
    return before.clusters.s + new - old


class Lloyd(NamedTuple):
    """The state of iterations: ``centers`` (k, d) are the means of the clusters that labels (m,) name, or locked."""

    centers: FloatArray
    labels: AnyArray
    clusters: Clusters


def lloyd(points: Points, centers: FloatArray, iterations: int, gain: float) -> Lloyd:
    """At most ``iterations`` of Lloyd (1982), until one lowers the loss by less than ``gain`` of itself."""
    state: Lloyd | None = None
    for _ in range(iterations):
        labels = assign(points, centers)
        clusters = cluster_sums(points, labels, len(centers), state)
        means = clusters.means(centers)
        before, state = state, Lloyd(means, labels, clusters)
        if before is not None and before.clusters.loss - clusters.loss <= gain * clusters.loss:
            break
        centers = means if clusters.full else reseed(points, means, labels, clusters.vacant)
    assert state is not None
    return state


def swing(points: Points, centers: FloatArray, iterations: int, rng: np.random.Generator) -> Lloyd:
    """Lloyd's iterations with long steps, momentum and noise that die away; returns the best state met.

    The centres overshoot, which carries them over shallow local minima. At equal cost the loss ends lower than after
    plain iterations that have converged.
    """
    best: Lloyd | None = None
    state: Lloyd | None = None
    velocity = np.zeros_like(centers)
    for i in range(1, iterations + 1):
        labels = assign(points, centers)
        clusters = cluster_sums(points, labels, len(centers), state)
        means = clusters.means(centers)
        state = Lloyd(means, labels, clusters)
        if best is None or clusters.loss < best.clusters.loss:
            best = state
        gone = i / iterations
        momentum = SWING_MOMENTUM[0] + gone * (SWING_MOMENTUM[1] - SWING_MOMENTUM[0])
        jitter = SWING_JITTER * (1 - gone) ** 2 * _deviation(points, clusters)
        velocity = SWING_STEP * (means - centers) + momentum * velocity
        centers = centers + velocity + jitter * rng.standard_normal(centers.shape)
        centers[: points.fixed] = means[: points.fixed]
        if not clusters.full:
            velocity[clusters.vacant] = 0
            centers = reseed(points, centers, labels, clusters.vacant)
    assert best is not None
    return best


def _deviation(points: Points, clusters: Clusters) -> float:
    """Root mean square deviation from the means, per dimension."""
    return float(np.sqrt(max(clusters.loss, 0.0) / clusters.w.sum() / len(points.x)))


def reseed(points: PointSet, centers: FloatArray, labels: AnyArray, vacant: BoolArray) -> FloatArray:
    """Move each of the ``vacant`` (k,) centres to another of the points with the largest weighted errors."""
    empty = np.flatnonzero(vacant)
    worst = _worst_fitted(points, centers, labels, 4 * len(empty) + 64)
    found = points.at(worst)
    _, first = np.unique(found, axis=1, return_index=True)
    first = np.sort(first)[: len(empty)]
    centers = centers.copy()
    centers[empty[: len(first)]] = found[:, first].T
    return centers


def _worst_fitted(points: PointSet, centers: FloatArray, labels: AnyArray, count: int) -> IntArray:
    """The rows of at most ``count`` points with the largest weighted errors, the largest first, none of them 0."""
    rows, errors = np.empty(0, np.intp), np.empty(0)
    for piece in points.pieces():
        error, owners = np.zeros(len(piece.w)), labels[piece.rows]
        for j, column in enumerate(piece.x):
            error += (column - centers[:, j][owners]) ** 2
        error *= piece.w
        worst = _largest(error, count)
        rows, errors = np.append(rows, piece.rows.start + worst), np.append(errors, error[worst])
        if len(rows) > len(worst):
            worst = _largest(errors, count)
            rows, errors = rows[worst], errors[worst]
    order = np.argsort(-errors, kind="stable")
    return rows[order[errors[order] > 0]]


def _largest(values: FloatArray, count: int) -> IntArray:
    """The positions of the ``count`` largest values (n,), or of all, in no particular order."""
    count = min(count, len(values))
    return np.argpartition(-values, count - 1)[:count]
