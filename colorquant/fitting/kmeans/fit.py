"""k-means on the colour histogram, from coarse to fine. Its cost depends on the number of distinct colours.

By default (``init`` split) a search on coarse cells finds the centres, and a few exact passes over every distinct
colour finish them. ``init`` pp and random run the textbook's algorithm: Lloyd's iterations from such a start.
From a given model, a shorter search begins at its centres, unless they already fit; the textbook's algorithm takes them
as its start.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from colorquant.color.packing import pack
from colorquant.color.strip_counting import smallest_type
from colorquant.fitting.engines import Progress, no_progress
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.kmeans.points import LockedCenters, Points, PointSet, points_of
from colorquant.fitting.kmeans.search import EFFORTS, Octree, coarse_centers, coreset, leaves_wanted
from colorquant.fitting.kmeans.steps import Lloyd, assign, cluster_sums, cluster_weights, plus_plus, reseed
from colorquant.fitting.locking import locked_colors, locked_rows
from colorquant.fitting.models import Centroids, Fit, Iteration, Model
from colorquant.fitting.options import FitOptions
from colorquant.types import AnyArray, FloatArray, IntArray

MAX_ITER, TOL = 100, 0.01  # of the textbook's algorithm, and if the user gives only one of them
WARM_SHARE = 3  # a search from given centres makes one breath for so many of those of a search from splits
WARM_LEAST = 3  # breaths, unless a search from splits makes fewer
MOST_KEPT = 1e-3  # of the inertia: given centres stay where an exact pass would gain no more
REPAIRS = 8  # rounds in which every centre gets a member and a colour of its own
PP_CELLS = 1 << 15  # about the most cells from which k-means++ draws: it examines all of them for every centre


class Passes(NamedTuple):
    """The result of exact passes: labels (n,) of the nearest of ``centers`` (k, d), and the inertia around them.

    ``trace`` has the inertia at the start and after each of ``n_iter`` updates.
    """

    centers: FloatArray
    labels: AnyArray
    inertia: float
    n_iter: int
    converged: bool
    trace: tuple[float, ...]


def fit(weighted: WeightedFeatures, options: FitOptions, progress: Progress, start: Model | None = None) -> Fit:
    """Return the best of ``attempts`` fits; the module's docstring describes one. From ``start`` there is only one.

    The locked colours are the first centres, whether they have members or not. Every other centre has a member and,
    rounded to 8 bits, a colour of its own.
    """
    locked = _locked(weighted, options.lock) if options.lock else None
    points = points_of(weighted, exact=options.init != "split", locked=locked)
    if start is not None:
        centers = start.points if locked is None else _around_locked(locked.centers, start.points)
        warm = _repaired(points, _from_centers(points, weighted, options, centers, progress), weighted)
        return replace(as_fit(warm), searched=options.init == "split" and points.fixed < options.k)
    best: Passes | None = None
    for attempt in range(options.attempts or 1):
        rng = np.random.default_rng([options.seed, attempt])
        for passes in _attempt(points, weighted, options, rng, progress):
            best = passes if best is None or passes.inertia < best.inertia else best
    assert best is not None
    best = _repaired(points, best, weighted)
    return replace(as_fit(best), searched=options.init == "split" and points.fixed < options.k)


def _locked(weighted: WeightedFeatures, lock: tuple[str, ...]) -> LockedCenters:
    """The locked colours as centres; the projection is injective, so that a row of the features is one colour."""
    colors = locked_colors(lock, alpha=weighted.histogram.has_alpha)
    return LockedCenters(weighted.projection.features(colors), *locked_rows(weighted.histogram, lock))


def _attempt(
    points: PointSet, weighted: WeightedFeatures, options: FitOptions, rng: np.random.Generator, progress: Progress
) -> list[Passes]:
    """One fit; with ``effort`` best a balanced one, and one by a longer search that goes on from it."""
    limited = options.max_iter is not None or options.tol is not None
    max_iter, tol = options.max_iter or MAX_ITER, TOL if options.tol is None else options.tol
    if options.init != "split":
        start = _textbook_start(points, weighted, str(options.init), options.k, rng)
        return [exact_passes(points, start, max_iter=max_iter, tol=tol, progress=progress)]
    results: list[Passes] = []
    efforts = [EFFORTS[name] for name in (("balanced", "best") if options.effort == "best" else (str(options.effort),))]
    most = max(leaves_wanted(options.k, effort)[1] for effort in efforts)
    tree = Octree.of(points, weighted.codes, most, bands=weighted.code_bands)
    for effort in efforts:
        before = results[-1].centers if results else None
        start = coarse_centers(points, tree, options.k, effort, rng=rng, centers=before, progress=progress)
        updates, gain = (max_iter, 0.0) if limited else (effort.updates, effort.gain)
        results.append(exact_passes(points, start, max_iter=updates, tol=tol, gain=gain, progress=progress))
    return results


def _from_centers(
    points: PointSet, weighted: WeightedFeatures, options: FitOptions, centers: FloatArray, progress: Progress
) -> Passes:
    """One fit that starts at ``centers`` (k, d), and keeps them where an exact pass would gain almost nothing."""
    limited = options.max_iter is not None or options.tol is not None
    max_iter, tol = options.max_iter or MAX_ITER, TOL if options.tol is None else options.tol
    if options.init != "split":
        return exact_passes(points, centers, max_iter=max_iter, tol=tol, progress=progress)
    effort = EFFORTS[str(options.effort)]
    kept = exact_passes(points, centers, max_iter=0, tol=tol, progress=progress)
    clusters = cluster_sums(points, kept.labels, len(centers))
    if clusters.full and kept.inertia - clusters.loss <= min(effort.gain, MOST_KEPT) * kept.inertia:
        return kept._replace(converged=True)
    shorter = replace(effort, breaths=max(-(-effort.breaths // WARM_SHARE), min(effort.breaths, WARM_LEAST)))
    tree = Octree.of(points, weighted.codes, leaves_wanted(options.k, effort)[1], bands=weighted.code_bands)
    rng = np.random.default_rng([options.seed, 0])
    start = coarse_centers(points, tree, options.k, shorter, rng=rng, centers=centers, progress=progress)
    updates, gain = (max_iter, 0.0) if limited else (effort.updates, effort.gain)
    return exact_passes(points, start, max_iter=updates, tol=tol, gain=gain, progress=progress)


def _around_locked(locked: FloatArray, centers: FloatArray) -> FloatArray:
    """The ``centers`` (k, d) in an order that has the ``locked`` ones (l, d) first, each in place of the nearest."""
    others = centers
    for center in locked:
        others = np.delete(others, int(np.square(others - center).sum(axis=1).argmin()), axis=0)
    return np.vstack([locked, others])


def exact_passes(
    points: PointSet, centers: FloatArray, *, max_iter: int, tol: float, gain: float = 0.0, progress: Progress
) -> Passes:
    """Lloyd's iterations over all points, and a last assignment, so that the labels belong to the centres.

    The iterations end when no centre moves further than ``tol``, when the inertia falls by less than ``gain`` of
    itself, or after ``max_iter`` updates.
    """
    trace: list[float] = []
    before: Lloyd | None = None
    converged = False
    while True:
        labels = assign(points, centers)
        clusters = cluster_sums(points, labels, len(centers), before)
        means = clusters.means(centers)
        moved = np.einsum("ij,ij->i", means - centers, means - centers)
        trace.append(max(clusters.loss, 0.0) + float(clusters.w @ moved))
        progress(Iteration(len(trace) - 1, trace[-1], Centroids(np.array(centers, np.float64)), clusters.w))
        converged = converged or (len(trace) > 1 and trace[-2] - trace[-1] <= gain * trace[-1])
        if converged or len(trace) > max_iter:
            return Passes(centers, labels, trace[-1], len(trace) - 1, converged, tuple(trace))
        converged = float(moved.max()) <= tol**2 and clusters.full
        before = Lloyd(means, labels, clusters)
        centers = means if clusters.full else reseed(points, means, labels, clusters.vacant)


def _repaired(points: PointSet, best: Passes, weighted: WeightedFeatures) -> Passes:
    """Move centres without members, and all but one of centres that round to the same colour, to badly fitted points.

    Locked centres stay. After REPAIRS rounds only centres without members are moved: painting then finds colours that
    differ.
    """
    for last in [False] * REPAIRS + [True] * len(best.centers):
        vacant = cluster_weights(points, best.labels, len(best.centers)) == 0
        if weighted.projection.injective and not last:
            vacant[_repeated(pack(weighted.projection.to_rgb(best.centers)))] = True
        vacant[: points.fixed] = False
        if not vacant.any():
            break
        centers = reseed(points, best.centers, best.labels, vacant)
        moved = exact_passes(points, centers, max_iter=1 - last, tol=0.0, progress=no_progress)
        best = moved._replace(n_iter=best.n_iter, converged=best.converged, trace=best.trace)
    return best


def _repeated(keys: npt.NDArray[np.uint32]) -> IntArray:
    """The indices of those keys (k,) that also occur earlier in the array."""
    order = np.argsort(keys, kind="stable")
    repeated: IntArray = order[1:][keys[order[1:]] == keys[order[:-1]]]
    return repeated


def as_fit(passes: Passes) -> Fit:
    """The passes' last state as an engine returns it."""
    labels = passes.labels.astype(smallest_type(len(passes.centers) - 1), copy=False)
    return Fit(Centroids(passes.centers), labels, passes.n_iter, passes.converged, passes.trace, passes.inertia)


def _textbook_start(
    points: PointSet, weighted: WeightedFeatures, init: str, k: int, rng: np.random.Generator
) -> FloatArray:
    """Centres (k, d): the locked ones, then distinct points drawn by their weights, or by k-means++."""
    if init == "random":
        w = points.weights
        if points.locked is None:
            return points.at(rng.choice(len(points), k, replace=False, p=w / w.sum())).T
        w = w.copy()
        w[points.locked.rows] = 0
        drawn = rng.choice(len(points), k - points.fixed, replace=False, p=w / w.sum())
        return np.vstack([points.locked.centers, points.at(drawn).T])
    if len(points) > PP_CELLS or not isinstance(points, Points):
        cells = max(PP_CELLS, 2 * k)
        points = coreset(points, Octree.of(points, weighted.codes, cells, bands=weighted.code_bands).leaves(cells))
    return plus_plus(points, k, rng)
