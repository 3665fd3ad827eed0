"""Starts of EM: cells that stand for many colours each, and mixtures of k-means partitions of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from colorquant.fitting.em.steps import (
    CovarianceConstraint,
    ExpandedFeatures,
    Mixture,
    SufficientStatistics,
    blocks,
    iterate,
    natural,
    pairs,
    update,
)
from colorquant.fitting.kmeans.search import fill, lbg_start, search
from colorquant.fitting.kmeans.steps import Points, assign, lloyd, make_points, plus_plus, totals
from colorquant.fitting.models import SearchStep
from colorquant.types import FloatArray, IntArray

FIRST_BITS, LAST_BITS = 4, 8  # of the tree of cells, per axis
LLOYD_ITERATIONS = 20
BREATHS = 2  # rounds of splits and removals that the first k-means start gets; the others are plain k-means++
OTHERS = 2  # k-means++ starts beside a given mixture
LEAST_CELLS = 4  # per component: coarser cells are not used


def grid_steps(points: FloatArray, bits: int) -> NDArray[np.int64]:
    """Integer coordinates (n, d) on a grid with 2**bits steps along the widest axis."""
    low = points.min(axis=0)
    width = float(np.max(points - low)) / 2**bits or 1.0
    steps: IntArray = np.minimum(((points - low) / width).astype(np.int64), 2**bits - 1)
    return steps


def faces(points: FloatArray) -> NDArray[np.int64]:
    """A number below 3**d (n,) for each point (n, d) that says on which faces of the bounding box it lies."""
    sides = np.where(points == points.max(axis=0), 2, points == points.min(axis=0))
    return sides.astype(np.int64) @ (3 ** np.arange(points.shape[1]))


def cell_keys(points: FloatArray, weights: FloatArray, target: int) -> NDArray[np.int64]:
    """The adaptive cell (n,) of each point (n, d): cells heavier than the total weight / ``target`` are divided again.

    Cells are the nodes of a tree with 2**d children per node, from 2**FIRST_BITS steps per axis down to single levels,
    so narrow peaks keep their shape and wide tails take few cells. Clipped values (the least and the greatest of an
    axis) never share a cell with others: components as thin as a face of the colour cube are common, and would be
    blurred.
    """
    steps, d = grid_steps(points, LAST_BITS), points.shape[1]
    limit = weights.sum() / target
    keys, base = np.empty(len(weights), np.int64), 0
    open_ = np.arange(len(weights))
    nodes = (steps >> (LAST_BITS - FIRST_BITS)) @ (1 << (FIRST_BITS * np.arange(d)))
    nodes += faces(points) << (FIRST_BITS * d)
    for level in range(FIRST_BITS, LAST_BITS + 1):
        mass = np.bincount(nodes, weights[open_])
        heavy = mass > (limit if level < LAST_BITS else np.inf)
        split = heavy[nodes]
        keys[open_[~split]] = base + nodes[~split]
        base += len(mass)
        open_ = open_[split]
        if not len(open_):
            break
        parents = (np.cumsum(heavy) - 1)[nodes[split]]
        child = (steps[open_] >> (LAST_BITS - level - 1)) & 1
        nodes = (parents << d) | (child @ (1 << np.arange(d)))
    return keys


def coarsen(data: ExpandedFeatures, keys: NDArray[np.int64]) -> ExpandedFeatures:
    """One row per key in use: the mean of phi over its rows, and their weight."""
    used = np.bincount(keys) > 0
    index = (np.cumsum(used) - 1)[keys]
    cells = int(np.max(index)) + 1
    weights = totals(index, data.weights, cells)
    phi = np.stack([totals(index, data.weights * feature, cells) for feature in data.phi])
    return ExpandedFeatures(phi / weights, weights, data.d, data.total)


def pyramid(data: ExpandedFeatures, target: int) -> list[ExpandedFeatures]:
    """The data, finer cells and coarser cells of it; a level that is not much smaller than the last is left out.

    ``target`` is about the number of the coarser cells.
    """
    levels = [data]
    for share in (4 * target, target):
        finer = levels[-1]
        points = np.ascontiguousarray(finer.points.T)
        cells = coarsen(finer, cell_keys(points, finer.weights, share))
        if len(cells.weights) < 0.6 * len(finer.weights):
            levels.append(cells)
    return levels


def hard_mixture(data: ExpandedFeatures, labels: NDArray[np.intp], k: int, constraint: CovarianceConstraint) -> Mixture:
    """The M-step of a partition into ``labels`` (n,), as scikit-learn starts from the labels of its k-means."""
    moments = np.stack([totals(labels, data.weights * feature, k) for feature in data.phi], axis=1)
    mixture = update(SufficientStatistics(moments, 0.0), constraint)
    return place_empty(data, mixture, moments[:, 0])


def place_empty(data: ExpandedFeatures, mixture: Mixture, counts: FloatArray) -> Mixture:
    """Move means of components without rows to the data's mean, at weight zero."""
    empty = counts <= 0
    if not empty.any():
        return mixture
    centre = data.points @ data.weights / data.total
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
    levels: list[ExpandedFeatures],
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
    levels: list[ExpandedFeatures],
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


def _cells(levels: list[ExpandedFeatures], k: int) -> tuple[ExpandedFeatures, list[ExpandedFeatures]]:
    """The coarsest of the ``levels`` that suits k components, and the finer cells, the coarser first."""
    usable = [level for level in levels[1:] if len(level.weights) >= LEAST_CELLS * k]
    return (usable[-1], usable[-2::-1]) if usable else (levels[0], [])


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
