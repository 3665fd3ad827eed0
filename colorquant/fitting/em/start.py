"""Starts of EM: cells that stand for many colours each, and mixtures of k-means partitions of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from colorquant.fitting.em.steps import (
    CovarianceConstraint,
    ExpandedFeatures,
    Features,
    Mixture,
    SufficientStatistics,
    blocks,
    iterate,
    natural,
    pairs,
    update,
)
from colorquant.fitting.kmeans.points import Points, make_points
from colorquant.fitting.kmeans.search import fill, lbg_start, search
from colorquant.fitting.kmeans.steps import assign, lloyd, plus_plus, totals
from colorquant.fitting.models import SearchStep
from colorquant.types import AnyArray, FloatArray, IntArray, UInt8Array

FIRST_BITS, LAST_BITS = 4, 8  # of the tree of cells, per axis
LLOYD_ITERATIONS = 20
BREATHS = 2  # rounds of splits and removals that the first k-means start gets; the others are plain k-means++
OTHERS = 2  # k-means++ starts beside a given mixture
LEAST_CELLS = 4  # per component: coarser cells are not used


def cell_keys(data: Features, target: int) -> tuple[NDArray[np.int32], int]:
    """The adaptive cell (n,) of each row, and a bound of their numbers; heavy cells are divided again.

    A cell is heavy if it has more than the total weight / ``target``. Cells are the nodes of a tree with 2**d children
    per node, from 2**FIRST_BITS steps per axis down to single levels, so narrow peaks keep their shape and wide tails
    take few cells. Clipped values (the least and the greatest of an axis) never share a cell with others: components as
    thin as a face of the colour cube are common, and would be blurred.
    """
    steps, nodes = _first_nodes(data)
    limit, base, d = data.total / target, 0, data.d
    for level in range(FIRST_BITS, LAST_BITS + 1):
        mass = np.zeros(int(np.max(nodes)) + 1)
        for rows in data.pieces():
            open_ = np.flatnonzero(nodes[rows] >= 0)
            np.add.at(mass, nodes[rows][open_], data.weights_of(rows)[open_])
        heavy = mass > (limit if level < LAST_BITS else np.inf)
        parents = (np.cumsum(heavy) - 1).astype(np.int32)
        for rows in data.pieces():
            part = nodes[rows]
            open_ = np.flatnonzero(part >= 0)
            node = part[open_]
            split = heavy[node]
            part[open_[~split]] = -1 - base - node[~split]  # settled cells are negative
            if split.any():
                child = (steps[:, rows][:, open_[split]] >> (LAST_BITS - level - 1)) & 1
                part[open_[split]] = (parents[node[split]] << d) | (1 << np.arange(d, dtype=np.int32)) @ child
        base += len(mass)
        if not heavy.any():
            break
    np.subtract(-1, nodes, out=nodes)
    return nodes, base


def _first_nodes(data: Features) -> tuple[UInt8Array, NDArray[np.int32]]:
    """The coordinates (d, n) of the rows on a grid with 2**LAST_BITS steps along the widest axis, and first cells.

    A cell (n,) is that of 2**FIRST_BITS steps per axis, and says on which faces of the bounding box the rows lie.
    """
    d = data.d
    ranges = [(part.min(axis=1), part.max(axis=1)) for part in map(data.points_at, data.pieces())]
    low, high = np.min([least for least, _ in ranges], axis=0), np.max([most for _, most in ranges], axis=0)
    width = float(np.max(high - low)) / 2**LAST_BITS or 1.0
    steps, nodes = np.empty((d, len(data)), np.uint8), np.empty(len(data), np.int32)
    for rows in data.pieces():
        points = data.points_at(rows)
        found = np.minimum(((points - low[:, None]) / width).astype(np.int64), 2**LAST_BITS - 1)
        sides = np.where(points == high[:, None], 2, points == low[:, None])
        faces = (3 ** np.arange(d)) @ sides.astype(np.int64)
        places = (1 << (FIRST_BITS * np.arange(d))) @ (found >> (LAST_BITS - FIRST_BITS))
        steps[:, rows], nodes[rows] = found, places + (faces << (FIRST_BITS * d))
    return steps, nodes


def coarsen(data: Features, keys: NDArray[np.int32], bound: int) -> ExpandedFeatures:
    """One row per key in use, below ``bound``: the mean of phi over its rows, and their weight."""
    used = np.zeros(bound, np.bool_)
    for rows in data.pieces():
        used[keys[rows]] = True
    numbers = np.cumsum(used) - 1
    moments = moments_by_label(data, lambda rows: numbers[keys[rows]], int(numbers[-1]) + 1)
    return ExpandedFeatures(
        np.ascontiguousarray((moments / moments[:, :1]).T), moments[:, 0].copy(), data.d, data.total
    )


def moments_by_label(data: Features, labels_of: Callable[[slice], IntArray], k: int) -> FloatArray:
    """The sums (k, q) of the weighted phi over the rows of each label; ``labels_of`` gives those of a slice of rows."""
    moments = np.zeros((1 + data.d + len(pairs(data.d)[0]), k))
    for rows in data.pieces():
        labels, weights = labels_of(rows), data.weights_of(rows)
        for sums, feature in zip(moments, data.phi_of(rows), strict=True):
            np.add.at(sums, labels, weights * feature)
    return moments.T


def pyramid(data: Features, target: int) -> list[Features]:
    """The data, finer cells and coarser cells of it; a level that is not much smaller than the last is left out.

    ``target`` is about the number of the coarser cells.
    """
    levels = [data]
    for share in (4 * target, target):
        cells = coarsen(levels[-1], *cell_keys(levels[-1], share))
        if len(cells) < 0.6 * len(levels[-1]):
            levels.append(cells)
    return levels


def hard_mixture(data: Features, labels: AnyArray, k: int, constraint: CovarianceConstraint) -> Mixture:
    """The M-step of a partition into ``labels`` (n,), as scikit-learn starts from the labels of its k-means."""
    moments = moments_by_label(data, lambda rows: labels[rows].astype(np.int64, copy=False), k)
    mixture = update(SufficientStatistics(moments, 0.0), constraint)
    return place_empty(data, mixture, moments[:, 0])


def place_empty(data: Features, mixture: Mixture, counts: FloatArray) -> Mixture:
    """Move means of components without rows to the data's mean, at weight zero."""
    empty = counts <= 0
    if not empty.any():
        return mixture
    sums = sum((data.points_at(rows) @ data.weights_of(rows) for rows in data.pieces()), np.zeros(data.d))
    centre = sums / data.total
    return replace(mixture, means=np.where(empty[:, None], centre, mixture.means))


def cold_start(
    cells: ExpandedFeatures, k: int, constraint: CovarianceConstraint, *, random: bool, rng: np.random.Generator
) -> Mixture:
    """A mixture of k components from weighted k-means on the cells, or from random cells."""
    points = make_points(cells.points, cells.weights)
    if random:
        chosen = rng.choice(len(points), min(k, len(points)), replace=False, p=cells.weights / cells.total)
        centers = np.ascontiguousarray(points.x[:, chosen].T)
    else:
        centers = lloyd(points, plus_plus(points, k, rng), LLOYD_ITERATIONS, 0.0).centers
    return hard_mixture(cells, assign(points, centers), k, constraint)


def settled_mixture(
    levels: list[Features],
    k: int,
    constraint: CovarianceConstraint,
    *,
    starts: int,
    max_iter: int,
    tol: float,
    rng: np.random.Generator,
    progress: Callable[[SearchStep], None],
) -> Mixture:
    """The best of several mixtures that EM makes of k-means partitions, settled on cells.

    ``levels`` are those of :func:`pyramid`. EM runs from ``starts`` partitions of the coarsest cells, until an
    iteration gains less than ``tol`` log-likelihood per pixel. The mixture of the best :func:`merit` is iterated on the
    finer cells, not on the colours themselves. ``progress`` is called before each start.
    """
    cells, finer = _cells(levels, k)
    points = make_points(np.ascontiguousarray(cells.points), cells.weights)

    def drawn() -> Iterator[Mixture]:
        for number in range(starts):
            progress(SearchStep("start", number + 1, starts))
            centers = kmeans_centers(points, k, rng, searched=number == 0)
            yield hard_mixture(cells, assign(points, centers), k, constraint)

    best = _best_iterated(cells, drawn(), constraint, max_iter=max_iter, tol=tol)
    for level in finer:
        best, _, _ = iterate(level, best, constraint, max_iter=max_iter, tol=tol)
    return best


def continued_mixture(
    levels: list[Features],
    start: Mixture,
    constraint: CovarianceConstraint,
    *,
    max_iter: int,
    tol: float,
    rng: np.random.Generator,
) -> Mixture:
    """The best of several mixtures on cells: EM from ``start``, from a k-means partition around its means, and others.

    EM from the start alone follows colours that change, but keeps no good partition of them. The others are from
    OTHERS partitions by k-means++. The other arguments are those of :func:`settled_mixture`.
    """
    k = len(start.weights)
    cells, finer = _cells(levels, k)
    points = make_points(np.ascontiguousarray(cells.points), cells.weights)
    centers = search(points, start.means.copy(), BREATHS, rng, lambda step: None)
    drawn = [kmeans_centers(points, k, rng, searched=False) for _ in range(OTHERS)]
    starts = [start, *(hard_mixture(cells, assign(points, some), k, constraint) for some in (centers, *drawn))]
    best = _best_iterated(cells, starts, constraint, max_iter=max_iter, tol=tol)
    for level in finer:
        best, _, _ = iterate(level, best, constraint, max_iter=max_iter, tol=tol)
    return best


def _cells(levels: list[Features], k: int) -> tuple[ExpandedFeatures, list[ExpandedFeatures]]:
    """The coarsest of the ``levels`` that suits k components, and the finer cells, the coarser first."""
    usable = [level.expanded() for level in levels[1:] if len(level) >= LEAST_CELLS * k]
    return (usable[-1], usable[-2::-1]) if usable else (levels[0].expanded(), [])


def _best_iterated(
    cells: ExpandedFeatures, starts: Iterable[Mixture], constraint: CovarianceConstraint, *, max_iter: int, tol: float
) -> Mixture:
    """The mixture of the best :func:`merit` among those that EM on cells makes of the ``starts``."""
    best, most = None, -np.inf
    for start in starts:
        mixture, trace, _ = iterate(cells, start, constraint, max_iter=max_iter, tol=tol)
        value = merit(cells, mixture, trace[-1], constraint)
        if best is None or value > most:
            best, most = mixture, value
    assert best is not None
    return best


def kmeans_centers(points: Points, k: int, rng: np.random.Generator, *, searched: bool) -> FloatArray:
    """Centres (at most k, d) of weighted k-means, from k-means++ or, where ``searched``, from splits and removals."""
    if not searched:
        return lloyd(points, plus_plus(points, k, rng), LLOYD_ITERATIONS, 0.0).centers
    centers = search(points, lbg_start(points, k), BREATHS, rng, lambda step: None)
    return fill(points, centers, k) if len(centers) < k else centers


def merit(data: ExpandedFeatures, mixture: Mixture, log_likelihood: float, constraint: CovarianceConstraint) -> float:
    """What a mixture is chosen by: its ``log_likelihood`` per pixel, less the logarithm of its root mean square error.

    The likeliest mixture may paint a poor picture, because components on dense clouds of colour are likely but save
    little error. The error is the distance of a pixel to the mean of its label's members; ``reg_covar`` is added to its
    square, so that the logarithm stays finite.
    """
    theta = natural(mixture)
    labels = np.empty(len(data.weights), np.intp)
    for block in blocks(len(labels), len(theta)):
        labels[block] = (theta @ data.phi[:, block]).argmax(axis=0)
    counts = totals(labels, data.weights, len(theta))
    sums = np.stack([totals(labels, data.weights * column, len(theta)) for column in data.points])
    left, right = pairs(data.d)
    squares = float((data.phi[1 + data.d :][left == right] @ data.weights).sum())
    explained = float((np.square(sums).sum(axis=0) / np.maximum(counts, 1e-300)).sum())
    error = max(squares - explained, 0.0) / data.total + constraint.reg_covar
    return log_likelihood - 0.5 * float(np.log(error))
