"""EM steps on weighted data: ``summarize`` is the E-step with its sums, ``update`` the M-step.

n rows (distinct colours or cells), d features (1 to 3), k components, q = 1 + d + d(d+1)/2 entries of
φ(x) = [1, x_i, x_i·x_j (i ≤ j)]. The log-density of a Gaussian is linear in φ(x), so the E-step is one matrix product,
θ (k, q) · φ (q, n), and the sums of the M-step, Σ w r φ(x), another: a full covariance costs what a spherical one does.

A row may also be the *mean* of φ over the points of a cell: EM then maximises a lower bound of the log-likelihood in
which all points of a cell share their responsibilities (Verbeek, Nunnink and Vlassis 2006), with the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

import colorquant.blocks
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.gaussian import constrained, log_density_terms
from colorquant.types import FloatArray, IntArray

BLOCK_VALUES = 65536  # of a (k, rows) block of doubles: 512 KiB, so that it stays in the second-level cache
PIECE = 1 << 16  # rows of which φ is in memory where k does not matter
LOG_TINY = -690.0  # log of a weight that stands for zero
COUNT_EPS = 10 * np.finfo(float).eps  # scikit-learn's guard against an empty component
FALL = 1e-9  # a log-likelihood that falls by less counts as level
REVIVED = 0.1  # weight of a component that was dead, in mean weights
DEAD = 1e-9  # pixels; a component with fewer is dead
PATIENCE = 3  # iterations below the best log-likelihood before EM stops


@dataclass(frozen=True)
class Mixture:
    """A Gaussian mixture in the units of the fit: weights (k,), means (k, d), covariances (k, d, d), all float64."""

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


@dataclass(frozen=True)
class SufficientStatistics:
    """The sums that an E-step hands to the M-step: moments (k, q), Σ w r φ(x), and the log-likelihood Σ w log p(x)."""

    moments: FloatArray
    log_likelihood: float


@dataclass(frozen=True)
class CovarianceConstraint:
    """The shape of the covariances (``covariance``, one of COVARIANCES) and their least values.

    ``reg_covar`` is the variance added to the diagonal, ``identity`` the fixed variance of that shape, both in squared
    units of the fit.
    """

    covariance: str
    reg_covar: float
    identity: float


class Features:
    """Weighted data: n rows with φ(x), or its mean over a cell, and their weights, which are read block by block.

    ``d`` is the number of features, 1 to 3; ``total`` is the sum of the weights.
    """

    d: int
    total: float

    def __len__(self) -> int:
        raise NotImplementedError

    def phi_of(self, rows: slice) -> FloatArray:
        """phi (q, b) of a slice of rows."""
        raise NotImplementedError

    def weights_of(self, rows: slice) -> FloatArray:
        """The weights (b,) of a slice of rows."""
        raise NotImplementedError

    def points_at(self, rows: slice | IntArray) -> FloatArray:
        """The features (d, j) of some ``rows``, a slice or their numbers (j,)."""
        raise NotImplementedError

    def expanded(self) -> ExpandedFeatures:
        """The same, held in memory."""
        raise NotImplementedError

    def pieces(self) -> Iterator[slice]:
        """Slices of rows whose φ is in memory at a time."""
        return colorquant.blocks.blocks(len(self), PIECE)


@dataclass(frozen=True)
class ExpandedFeatures(Features):
    """Features that are held in memory: phi (q, n) and weights (n,)."""

    phi: FloatArray
    weights: FloatArray
    d: int
    total: float

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def points(self) -> FloatArray:
        """The features themselves, (d, n)."""
        return self.phi[1 : 1 + self.d]

    def phi_of(self, rows: slice) -> FloatArray:
        """See :class:`Features`."""
        return self.phi[:, rows]

    def weights_of(self, rows: slice) -> FloatArray:
        """See :class:`Features`."""
        return self.weights[rows]

    def points_at(self, rows: slice | IntArray) -> FloatArray:
        """See :class:`Features`."""
        return self.points[:, rows]

    def expanded(self) -> ExpandedFeatures:
        """See :class:`Features`."""
        return self


@dataclass(frozen=True)
class ComputedFeatures(Features):
    """Features less ``center`` (d,) and divided by ``scale``; their φ is computed whenever it is read."""

    d: int
    total: float
    weighted: WeightedFeatures
    center: FloatArray
    scale: float

    def __len__(self) -> int:
        return len(self.weighted)

    def phi_of(self, rows: slice) -> FloatArray:
        """See :class:`Features`."""
        return expand((self.weighted.features_of(rows) - self.center) / self.scale)

    def weights_of(self, rows: slice) -> FloatArray:
        """See :class:`Features`."""
        return self.weighted.weights_of(rows)

    def points_at(self, rows: slice | IntArray) -> FloatArray:
        """See :class:`Features`."""
        points: FloatArray = ((self.weighted.features_of(rows) - self.center) / self.scale).T
        return points

    def expanded(self) -> ExpandedFeatures:
        """See :class:`Features`."""
        rows = slice(0, len(self))
        return ExpandedFeatures(self.phi_of(rows), self.weights_of(rows), self.d, self.total)


@lru_cache
def pairs(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Index pairs i <= j of the second-order features, d(d+1)/2 of them."""
    return np.triu_indices(d)


def expand(points: FloatArray) -> FloatArray:
    """phi (q, n) of points (n, d): ones, the coordinates, their products."""
    n, d = points.shape
    left, right = pairs(d)
    phi = np.empty((1 + d + len(left), n))
    phi[0] = 1.0
    phi[1 : 1 + d] = points.T
    for out, (i, j) in enumerate(zip(left, right, strict=True), start=1 + d):
        np.multiply(phi[1 + i], phi[1 + j], out=phi[out])
    return phi


def unpack_moments(moments: FloatArray, d: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Split sums (k, q) into counts (k,), first moments (k, d), second moments (k, d, d)."""
    left, right = pairs(d)
    second = np.empty((len(moments), d, d))
    second[:, left, right] = moments[:, 1 + d :]
    second[:, right, left] = moments[:, 1 + d :]
    return moments[:, 0], moments[:, 1 : 1 + d], second


def natural(mixture: Mixture) -> FloatArray:
    """theta (k, q) with theta @ phi(x) = log(weight) + log N(x | mean, covariance)."""
    k, d = mixture.means.shape
    left, right = pairs(d)
    log_weights = np.log(np.maximum(mixture.weights, np.exp(LOG_TINY)))
    terms = log_density_terms(log_weights, mixture.means, mixture.covariances)
    theta = np.empty((k, 1 + d + len(left)))
    theta[:, 0] = terms.constant
    theta[:, 1 : 1 + d] = terms.linear
    theta[:, 1 + d :] = -0.5 * terms.precisions[:, left, right] * np.where(left == right, 1.0, 2.0)
    return theta


def blocks(n: int, k: int) -> Iterator[slice]:
    """Slices of rows for which k values each stay in the second-level cache."""
    step = max(256, BLOCK_VALUES // k)
    return (slice(begin, min(begin + step, n)) for begin in range(0, n, step))


def summarize(data: Features, mixture: Mixture) -> SufficientStatistics:
    """E-step (log-sum-exp) and the sums of the M-step, in blocks of columns of phi.

    The buffers are reused: a fresh array of this size costs more in page faults than its contents.
    """
    theta = natural(mixture)
    k, n = len(theta), len(data)
    width = next(blocks(n, k)).stop
    joint, scaled = np.empty((k, width)), np.empty((theta.shape[1], width))
    moments, total = np.zeros_like(theta), 0.0
    for block in blocks(n, k):
        phi, weights = data.phi_of(block), data.weights_of(block)
        part, shares = joint[:, : len(weights)], scaled[:, : len(weights)]
        np.matmul(theta, phi, out=part)
        peak = part.max(axis=0)
        part -= peak
        np.exp(part, out=part)
        mass = part.sum(axis=0)
        total += weights @ (peak + np.log(mass))
        np.multiply(phi, weights / mass, out=shares)
        moments += part @ shares.T
    return SufficientStatistics(moments, float(total))


def responsibilities(data: ExpandedFeatures, mixture: Mixture) -> FloatArray:
    """Responsibilities (k, n), at least 1e-26 (so that logarithms stay finite)."""
    theta = natural(mixture)
    joint = np.empty((len(theta), len(data.weights)))
    for block in blocks(len(data.weights), len(theta)):
        part = theta @ data.phi[:, block]
        part -= part.max(axis=0)
        np.maximum(part, -60.0, out=part)
        np.exp(part, out=part)
        np.divide(part, part.sum(axis=0), out=joint[:, block])
    return joint


def update(
    statistics: SufficientStatistics, constraint: CovarianceConstraint, previous: Mixture | None = None
) -> Mixture:
    """M-step: the mixture of largest expected log-likelihood (scikit-learn's definitions).

    A component without weight keeps its previous mean and covariance, at weight zero.
    """
    d = solve_dimension(statistics.moments.shape[1])
    counts, first, second = unpack_moments(statistics.moments, d)
    guarded = counts + COUNT_EPS
    means = first / guarded[:, None]
    scatter = second / guarded[:, None, None] - means[:, :, None] * means[:, None, :]
    covariances = regularized(scatter, guarded, constraint)
    mixture = Mixture(guarded / guarded.sum(), means, covariances)
    return mixture if previous is None else keep_empty(mixture, previous, counts)


def solve_dimension(q: int) -> int:
    """The d for which 1 + d + d(d+1)/2 = q."""
    return {3: 1, 6: 2, 10: 3}[q]


def regularized(scatter: FloatArray, counts: FloatArray, constraint: CovarianceConstraint) -> FloatArray:
    """Covariances (k, d, d) that obey the constraint, from scatter matrices per unit of weight (k, d, d).

    ``counts`` (k,) weigh the components where they share one covariance.
    """
    eye = np.eye(scatter.shape[1])
    if constraint.covariance == "identity":
        return np.broadcast_to(constraint.identity * eye, scatter.shape)
    if constraint.covariance == "tied":
        pooled = np.tensordot(counts / counts.sum(), scatter, axes=1) + constraint.reg_covar * eye
        return np.broadcast_to(pooled, scatter.shape)
    return constrained(scatter, constraint.covariance) + constraint.reg_covar * eye


def keep_empty(mixture: Mixture, previous: Mixture, counts: FloatArray) -> Mixture:
    """Give components without weight their previous mean and covariance, so that they stay finite."""
    dead = counts < DEAD
    if not dead.any():
        return mixture
    means = np.where(dead[:, None], previous.means, mixture.means)
    covariances = np.where(dead[:, None, None], previous.covariances, mixture.covariances)
    return Mixture(mixture.weights, means, covariances)


def reseeded(data: Features, mixture: Mixture, statistics: SufficientStatistics) -> Mixture:
    """Move components without weight to the rows that the mixture explains worst (weight × missing log-density)."""
    dead = np.flatnonzero(statistics.moments[:, 0] < DEAD)
    theta = natural(mixture)
    missing = np.empty(len(data))
    for block in blocks(len(missing), len(theta)):
        missing[block] = (theta @ data.phi_of(block)).max(axis=0)
    most = float(np.max(missing))
    for block in data.pieces():
        missing[block] = (most - missing[block]) * data.weights_of(block)
    worst = _greatest(missing, len(dead))
    weights, means, covariances = mixture.weights.copy(), mixture.means.copy(), mixture.covariances.copy()
    covariances[dead] = np.tensordot(mixture.weights, covariances, axes=1)  # wide enough to gather others
    weights[dead] = REVIVED / len(weights)
    means[dead[: len(worst)]] = data.points_at(worst).T
    return Mixture(weights / weights.sum(), means, covariances)


def _greatest(values: FloatArray, count: int) -> IntArray:
    """The positions of the ``count`` greatest values (n,), the greatest first, and the first of equals."""
    if count >= len(values):
        return np.argsort(-values, kind="stable")
    least = np.partition(values, len(values) - count)[len(values) - count]
    candidates = np.flatnonzero(values >= least)
    order: IntArray = candidates[np.argsort(-values[candidates], kind="stable")][:count]
    return order


# Called with the start and after each iteration.
OnIteration = Callable[[int, float, Mixture, SufficientStatistics], None]


def ignore_iteration(number: int, log_likelihood: float, mixture: Mixture, statistics: SufficientStatistics) -> None:
    """Default for ``on_iteration``: does nothing."""


def iterate(
    data: Features,
    mixture: Mixture,
    constraint: CovarianceConstraint,
    *,
    max_iter: int,
    tol: float,
    on_iteration: OnIteration = ignore_iteration,
) -> tuple[Mixture, list[float], bool]:
    """Run EM until the log-likelihood per pixel gains less than ``tol``, or ``max_iter`` iterations are done.

    Returns the best mixture, the best log-likelihood so far after 0, 1, ... iterations (so it never falls, and its last
    entry is that of the mixture), and whether EM converged, that is, whether ``tol`` ended it. Since ``reg_covar`` is
    added, the M-step is not an exact maximiser, and the log-likelihood may fall for a while: PATIENCE such iterations
    in a row are accepted. After more, EM counts as converged, to a mixture slightly less likely than the best one,
    which is returned. Components without weight are moved once, see :func:`reseeded`. ``on_iteration`` is called with
    the iteration's number, the best log-likelihood so far, the mixture and its statistics.
    """
    statistics = summarize(data, mixture)
    best, trace, dips, may_reseed = mixture, [statistics.log_likelihood / data.total], 0, True
    on_iteration(0, trace[0], mixture, statistics)
    for number in range(1, max_iter + 1):
        mixture = update(statistics, constraint, mixture)
        if may_reseed and (statistics.moments[:, 0] < DEAD).any():
            mixture, may_reseed = reseeded(data, mixture, statistics), False
        statistics = summarize(data, mixture)
        gain = statistics.log_likelihood / data.total - trace[-1]
        trace.append(trace[-1] + max(gain, 0.0))
        on_iteration(number, trace[-1], mixture, statistics)
        if gain > 0:
            best = mixture
        dips = dips + 1 if gain < -FALL else 0
        if dips > PATIENCE or (dips == 0 and gain < tol):
            return best, trace, True
    return best, trace, False
