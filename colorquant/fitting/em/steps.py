"""EM steps on weighted rows: ``summarize`` adds up one E-step, ``update`` makes parameters of the sums.

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

from colorquant.types import FloatArray

BLOCK_VALUES = 65536  # of a (k, rows) block of doubles: 512 KiB, so that it stays in the second-level cache
LOG_TINY = -690.0  # log of a weight that stands for zero
COUNT_EPS = 10 * np.finfo(float).eps  # scikit-learn's guard against an empty component
FALL = 1e-9  # by which a log-likelihood may fall and count as level
REVIVED = 0.1  # of a mean weight, for a component that was dead
DEAD = 1e-9  # pixels; a component with fewer is dead
PATIENCE = 3  # iterations below the best log-likelihood before EM stops


@dataclass(frozen=True)
class Mixture:
    """A Gaussian mixture: weights (k,), means (k, d), covariances (k, d, d)."""

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


@dataclass(frozen=True)
class Sums:
    """What one E-step adds up: moments (k, q) = sum of w r phi, and the sum of w log p."""

    moments: FloatArray
    log_likelihood: float


@dataclass(frozen=True)
class Rule:
    """The kind of covariance, the variance added to its diagonal, and the variance that ``identity`` is fixed at."""

    covariance: str
    reg_covar: float
    identity: float


@dataclass(frozen=True)
class Rows:
    """Weighted rows: phi (q, n) (of points, or averaged over a cell) and weights (n,)."""

    phi: FloatArray
    weights: FloatArray
    d: int
    total: float


@lru_cache
def pairs(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Index pairs i <= j of the second-order features, d(d+1)/2 of them."""
    return np.triu_indices(d)


def expand(points: FloatArray) -> FloatArray:
    """phi (q, n) of points (n, d): ones, the coordinates, their products."""
    n, d = points.shape
    rows, cols = pairs(d)
    phi = np.empty((1 + d + len(rows), n))
    phi[0] = 1.0
    phi[1 : 1 + d] = points.T
    for out, (i, j) in enumerate(zip(rows, cols, strict=True), start=1 + d):
        np.multiply(phi[1 + i], phi[1 + j], out=phi[out])
    return phi


def unpack_moments(moments: FloatArray, d: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Split sums (k, q) into counts (k,), first moments (k, d), second moments (k, d, d)."""
    rows, cols = pairs(d)
    second = np.empty((len(moments), d, d))
    second[:, rows, cols] = moments[:, 1 + d :]
    second[:, cols, rows] = moments[:, 1 + d :]
    return moments[:, 0], moments[:, 1 : 1 + d], second


def natural(mixture: Mixture) -> FloatArray:
    """theta (k, q) with theta @ phi(x) = log(weight) + log N(x | mean, covariance)."""
    k, d = mixture.means.shape
    rows, cols = pairs(d)
    precision = np.linalg.inv(mixture.covariances)
    linear = np.einsum("kij,kj->ki", precision, mixture.means)
    log_det = np.linalg.slogdet(mixture.covariances)[1]
    mahalanobis = np.einsum("ki,ki->k", linear, mixture.means)
    log_weights = np.log(np.maximum(mixture.weights, np.exp(LOG_TINY)))
    theta = np.empty((k, 1 + d + len(rows)))
    theta[:, 0] = log_weights - 0.5 * (d * np.log(2 * np.pi) + log_det + mahalanobis)
    theta[:, 1 : 1 + d] = linear
    theta[:, 1 + d :] = -0.5 * precision[:, rows, cols] * np.where(rows == cols, 1.0, 2.0)
    return theta


def blocks(n: int, k: int) -> Iterator[slice]:
    """Slices of rows for which k values each stay in the second-level cache."""
    step = max(256, BLOCK_VALUES // k)
    return (slice(begin, min(begin + step, n)) for begin in range(0, n, step))


def summarize(rows: Rows, mixture: Mixture) -> Sums:
    """E-step (log-sum-exp) and the sums of the M-step, in blocks of columns of phi.

    The buffers are reused: a fresh array of this size costs more in page faults than its contents.
    """
    theta = natural(mixture)
    k, n = len(theta), len(rows.weights)
    width = next(blocks(n, k)).stop
    joint, scaled = np.empty((k, width)), np.empty((len(rows.phi), width))
    moments, total = np.zeros_like(theta), 0.0
    for block in blocks(n, k):
        phi, weights = rows.phi[:, block], rows.weights[block]
        part, shares = joint[:, : len(weights)], scaled[:, : len(weights)]
        np.matmul(theta, phi, out=part)
        peak = part.max(axis=0)
        part -= peak
        np.exp(part, out=part)
        mass = part.sum(axis=0)
        total += weights @ (peak + np.log(mass))
        np.multiply(phi, weights / mass, out=shares)
        moments += part @ shares.T
    return Sums(moments, float(total))


def responsibilities(rows: Rows, mixture: Mixture) -> FloatArray:
    """Responsibilities (k, n), at least 1e-26 (so that logarithms stay finite)."""
    theta = natural(mixture)
    joint = np.empty((len(theta), len(rows.weights)))
    for block in blocks(len(rows.weights), len(theta)):
        part = theta @ rows.phi[:, block]
        part -= part.max(axis=0)
        np.maximum(part, -60.0, out=part)
        np.exp(part, out=part)
        np.divide(part, part.sum(axis=0), out=joint[:, block])
    return joint


def update(sums: Sums, rule: Rule, previous: Mixture | None = None) -> Mixture:
    """M-step: the mixture of largest expected log-likelihood (scikit-learn's definitions).

    A component without weight keeps its previous mean and covariance, at weight zero.
    """
    d = solve_dimension(sums.moments.shape[1])
    counts, first, second = unpack_moments(sums.moments, d)
    guarded = counts + COUNT_EPS
    means = first / guarded[:, None]
    scatter = second / guarded[:, None, None] - means[:, :, None] * means[:, None, :]
    covariances = constrain(scatter, guarded, rule)
    mixture = Mixture(guarded / guarded.sum(), means, covariances)
    return mixture if previous is None else keep_dead(mixture, previous, counts)


def solve_dimension(q: int) -> int:
    """The d for which 1 + d + d(d+1)/2 = q."""
    return {3: 1, 6: 2, 10: 3}[q]


def constrain(scatter: FloatArray, counts: FloatArray, rule: Rule) -> FloatArray:
    """Covariances (k, d, d) of one kind from scatter matrices per unit of weight (k, d, d)."""
    eye = np.eye(scatter.shape[1])
    if rule.covariance == "identity":
        return np.broadcast_to(rule.identity * eye, scatter.shape)
    if rule.covariance == "full":
        return scatter + rule.reg_covar * eye
    if rule.covariance == "diagonal":
        return (scatter + rule.reg_covar) * eye
    if rule.covariance == "spherical":
        variance = np.trace(scatter, axis1=1, axis2=2) / scatter.shape[1] + rule.reg_covar
        return np.asarray(variance[:, None, None] * eye)
    pooled = np.tensordot(counts / counts.sum(), scatter, axes=1) + rule.reg_covar * eye
    return np.broadcast_to(pooled, scatter.shape)


def keep_dead(mixture: Mixture, previous: Mixture, counts: FloatArray) -> Mixture:
    """Give components without weight their previous place, so that they stay finite."""
    dead = counts < DEAD
    if not dead.any():
        return mixture
    means = np.where(dead[:, None], previous.means, mixture.means)
    covariances = np.where(dead[:, None, None], previous.covariances, mixture.covariances)
    return Mixture(mixture.weights, means, covariances)


def revived(rows: Rows, mixture: Mixture, sums: Sums) -> Mixture:
    """Components without weight on the rows that the mixture explains worst (weight times missing log-density)."""
    dead = np.flatnonzero(sums.moments[:, 0] < DEAD)
    theta = natural(mixture)
    missing = np.empty(len(rows.weights))
    for block in blocks(len(missing), len(theta)):
        missing[block] = (theta @ rows.phi[:, block]).max(axis=0)
    missing = (np.max(missing) - missing) * rows.weights
    worst = np.argsort(-missing, kind="stable")[: len(dead)]
    weights, means, covariances = mixture.weights.copy(), mixture.means.copy(), mixture.covariances.copy()
    covariances[dead] = np.tensordot(mixture.weights, covariances, axes=1)  # wide enough to gather others
    weights[dead] = REVIVED / len(weights)
    means[dead[: len(worst)]] = rows.phi[1 : 1 + rows.d, worst].T
    return Mixture(weights / weights.sum(), means, covariances)


Watch = Callable[[int, float, Mixture, Sums], None]  # called with the start, and after each iteration


def unwatched(number: int, log_likelihood: float, mixture: Mixture, sums: Sums) -> None:
    """A watch that nobody keeps."""


def iterate(
    rows: Rows, mixture: Mixture, rule: Rule, max_iter: int, tol: float, watch: Watch = unwatched
) -> tuple[Mixture, list[float], bool]:
    """EM until the log-likelihood per pixel gains less than ``tol``.

    Returns the best mixture met, the best log-likelihood met after 0, 1, ... iterations (so it never falls, and its
    last entry is that of the mixture), and whether it converged: whether the tolerance ended it, not ``max_iter``. With
    ``reg_covar`` added the M-step is no exact maximiser, and a fall, which is less than any tolerance, can be passing:
    PATIENCE of them are endured. What falls longer has converged too, to a mixture that is a little less likely than
    the best one, which is returned. Dead components are revived, once. ``watch`` is told the number, the best
    log-likelihood so far, the mixture and its sums.
    """
    sums = summarize(rows, mixture)
    best, trace, dips, revivable = mixture, [sums.log_likelihood / rows.total], 0, True
    watch(0, trace[0], mixture, sums)
    for number in range(1, max_iter + 1):
        mixture = update(sums, rule, mixture)
        if revivable and (sums.moments[:, 0] < DEAD).any():
            mixture, revivable = revived(rows, mixture, sums), False
        sums = summarize(rows, mixture)
        gain = sums.log_likelihood / rows.total - trace[-1]
        trace.append(trace[-1] + max(gain, 0.0))
        watch(number, trace[-1], mixture, sums)
        if gain > 0:
            best = mixture
        dips = dips + 1 if gain < -FALL else 0
        if dips > PATIENCE or (dips == 0 and gain < tol):
            return best, trace, True
    return best, trace, False
