"""Split-and-merge EM (Ueda, Nakano, Ghahramani and Hinton 2000) on cells: it leaves poor local maxima cheaply.

A move merges two components and splits a third. The gain of a split and the loss of a merge are both bounds of the true
change, computed with the other components held fixed. Moves that are predicted to gain and share no component are
made together first, and then the most promising ones are tried one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from colorquant.fitting.em.start import cold_start
from colorquant.fitting.em.steps import (
    COUNT_EPS,
    CovarianceConstraint,
    ExpandedFeatures,
    Features,
    Mixture,
    SufficientStatistics,
    blocks,
    iterate,
    natural,
    regularized,
    responsibilities,
    solve_dimension,
    unpack_moments,
    update,
)
from colorquant.fitting.gaussian import constrained
from colorquant.fitting.models import SearchStep
from colorquant.types import FloatArray

CELLS_PER_COMPONENT = 20
LEG = 6  # iterations after which a trial of the search is judged
SETTLED = 1e-5  # gain of log-likelihood per pixel that ends EM on cells


@dataclass(frozen=True)
class Effort:
    """How much work the search on the cells may spend before the exact iterations.

    ``starts`` starts are made, k-means in turn with random cells where ``mixed``; starts times components are at most
    ``budget``, but two starts are made in any case where ``starts`` allows two. From each start at most ``rounds``
    moves are made; a round tries up to ``trials`` single moves, lets EM settle for ``settle`` iterations after each,
    and accepts one that gains at least ``gain`` log-likelihood per pixel. ``cells`` is about the number of the coarsest
    cells. The ``carried`` best results are iterated on finer cells.
    """

    starts: int
    budget: int
    rounds: int
    trials: int
    cells: int
    settle: int
    carried: int = 1
    mixed: bool = False
    gain: float = 1e-4


EFFORTS = {
    "fast": Effort(starts=1, budget=1, rounds=2, trials=1, cells=600, settle=12),
    "balanced": Effort(starts=8, budget=128, rounds=12, trials=6, cells=1000, settle=30, carried=2, mixed=True),
    "best": Effort(starts=12, budget=1024, rounds=40, trials=12, cells=3000, settle=60, carried=4, mixed=True),
}


@dataclass(frozen=True)
class Splits:
    """The best split of every component: the gain of log-likelihood per pixel (k,), and both halves (k each)."""

    gains: FloatArray
    first: Mixture
    second: Mixture


def shares_covariance(constraint: CovarianceConstraint) -> bool:
    """Whether components have no covariance of their own."""
    return constraint.covariance in ("tied", "identity")


def side_by_side(mixture: Mixture, constraint: CovarianceConstraint) -> tuple[Mixture, Mixture]:
    """Starts for halves (k each): displaced along the principal axis, and narrower along it."""
    values, vectors = np.linalg.eigh(mixture.covariances)
    shift = 0.8 * np.sqrt(values[:, -1])[:, None] * vectors[:, :, -1]
    covariances = mixture.covariances
    if not shares_covariance(constraint):
        narrow = covariances - shift[:, :, None] * shift[:, None, :]
        covariances = constrained(narrow, constraint.covariance)
    half = mixture.weights / 2
    return (
        Mixture(half, mixture.means + shift, covariances),
        Mixture(half, mixture.means - shift, covariances),
    )


def core_and_halo(mixture: Mixture) -> tuple[Mixture, Mixture]:
    """Starts for halves (k each) with the same mean, one narrow and one wide: for peaks with heavy tails."""
    half = mixture.weights / 2
    return (
        Mixture(half, mixture.means, mixture.covariances * 0.25),
        Mixture(half, mixture.means, mixture.covariances * 1.75),
    )


def spike_and_rest(
    data: ExpandedFeatures, mixture: Mixture, shares: FloatArray, constraint: CovarianceConstraint
) -> tuple[Mixture, Mixture]:
    """Starts for halves (k each), the first on the component's heaviest cell: for flat areas and clipped colours.

    ``shares`` (k, n) are the components' shares of the weights. Cells are divided by weight, so the heaviest cell is
    one that could not be divided.
    """
    heaviest = shares.argmax(axis=1)
    points = data.points[:, heaviest].T
    part = shares[np.arange(len(shares)), heaviest] / np.maximum(shares.sum(axis=1), 1e-300)
    narrow = 0.01 * mixture.covariances + constraint.reg_covar * np.eye(data.d)
    return (
        Mixture(mixture.weights * part, points, narrow),
        Mixture(mixture.weights * (1 - part), mixture.means, mixture.covariances),
    )


def stack(first: Mixture, second: Mixture) -> Mixture:
    """The mixture of all components of both."""
    return Mixture(
        np.concatenate([first.weights, second.weights]),
        np.concatenate([first.means, second.means]),
        np.concatenate([first.covariances, second.covariances]),
    )


def take(mixture: Mixture, index: slice | NDArray[np.intp]) -> Mixture:
    """Some components of a mixture."""
    return Mixture(mixture.weights[index], mixture.means[index], mixture.covariances[index])


def fit_halves(
    data: ExpandedFeatures, shares: FloatArray, halves: Mixture, constraint: CovarianceConstraint, rounds: int
) -> tuple[FloatArray, Mixture]:
    """Run EM for the two halves of every component, on the component's share of the weights.

    ``shares`` (k, n) are those shares, ``halves`` all first halves and then all second halves (2k), ``rounds`` the
    number of iterations. Returns each pair's log-likelihood (k,) on its own share, and the halves.
    """
    for _ in range(rounds):
        moments, _ = halve(data, shares, halves)
        fitted = update(SufficientStatistics(moments, 0.0), constraint, halves)
        keep = halves.covariances if shares_covariance(constraint) else fitted.covariances
        halves = Mixture(fitted.weights, fitted.means, keep)
    return halve(data, shares, halves)[1], halves


def halve(data: ExpandedFeatures, shares: FloatArray, halves: Mixture) -> tuple[FloatArray, FloatArray]:
    """E-step within pairs: the moments (2k, q) of the halves, and each pair's log-likelihood (k,) on its own share.

    Each half's moments are summed for themselves: the whole less the first half would be rounding noise where the
    second half is nearly empty, and its covariance then not positive definite.
    """
    theta, k, n = natural(halves), len(shares), len(data.weights)
    first, gap = theta[:k], theta[k:] - theta[:k]
    moments, values = np.zeros_like(theta), np.einsum("kq,kq->k", first, shares @ data.phi.T)
    buffer = np.empty((k, next(blocks(n, k)).stop))
    for block in blocks(n, k):
        phi, share = data.phi[:, block], shares[:, block]
        odds = buffer[:, : share.shape[1]]
        np.matmul(gap, phi, out=odds)
        np.clip(odds, -50.0, 50.0, out=odds)
        np.exp(odds, out=odds)
        odds += 1.0
        values += np.einsum("kn,kn->k", share, np.log(odds))
        np.divide(share, odds, out=odds)
        moments[:k] += odds @ phi.T
        np.subtract(share, odds, out=odds)
        moments[k:] += odds @ phi.T
    return moments, values


def find_splits(
    data: ExpandedFeatures, mixture: Mixture, resp: FloatArray, constraint: CovarianceConstraint, rounds: int = 6
) -> Splits:
    """The best of several ways to split each component, and a lower bound of what that gains.

    ``resp`` (k, n) are the responsibilities.
    """
    k, shares = len(resp), resp * data.weights
    alone = np.einsum("kq,kq->k", natural(mixture), shares @ data.phi.T)
    values, best = fit_halves(data, shares, stack(*side_by_side(mixture, constraint)), constraint, rounds)
    others = []
    if not shares_covariance(constraint):
        others = [core_and_halo(mixture), spike_and_rest(data, mixture, shares, constraint)]
    for halves in others:
        other, fitted = fit_halves(data, shares, stack(*halves), constraint, rounds)
        best = choose(np.tile(other > values, 2), fitted, best)
        values = np.maximum(other, values)
    gains = (values - alone) / data.total
    return Splits(gains, take(best, slice(0, k)), take(best, slice(k, None)))


def choose(which: NDArray[np.bool_], yes: Mixture, no: Mixture) -> Mixture:
    """The components of ``yes`` where ``which`` (k,) is true, else those of ``no``."""
    return Mixture(
        np.where(which, yes.weights, no.weights),
        np.where(which[:, None], yes.means, no.means),
        np.where(which[:, None, None], yes.covariances, no.covariances),
    )


def expected_value(
    moments: FloatArray, constraint: CovarianceConstraint, total: float, shared: FloatArray
) -> FloatArray:
    """The expected log-likelihood (m,) of components with the best parameters for their moments (m, q).

    ``total`` is the weight of all data, ``shared`` (d, d) the covariance where all components have the same.
    """
    d = solve_dimension(moments.shape[1])
    counts, first, second = unpack_moments(moments, d)
    guarded = counts + COUNT_EPS
    means = first / guarded[:, None]
    scatter = second / guarded[:, None, None] - means[:, :, None] * means[:, None, :]
    own = shared if shares_covariance(constraint) else regularized(scatter, guarded, constraint)
    covariances = np.broadcast_to(own, scatter.shape)
    trace = np.einsum("kij,kji->k", np.linalg.inv(covariances), scatter)
    value: FloatArray = counts * (np.log(guarded / total) - 0.5 * (np.linalg.slogdet(covariances)[1] + trace))
    return value


def merge_losses(
    data: ExpandedFeatures, mixture: Mixture, resp: FloatArray, constraint: CovarianceConstraint, limit: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]:
    """The ``limit`` cheapest pairs i, j to merge, and an upper bound of the loss of each per pixel, ascending.

    With merged responsibilities r_m = r_i + r_j the bound changes by the expected log-likelihoods and by the entropy of
    r_i and r_j within r_m; the rest stays.
    """
    k = len(resp)
    moments = (resp * data.weights) @ data.phi.T
    shared = mixture.covariances[0]
    alone = expected_value(moments, constraint, data.total, shared)
    i, j = np.triu_indices(k, 1)
    joint = expected_value(moments[i] + moments[j], constraint, data.total, shared)
    loss = alone[i] + alone[j] - joint
    near = np.argsort(loss)[: 8 * k]
    i, j, loss = i[near], j[near], loss[near]
    entropy = (resp * np.log(resp)) @ data.weights
    for at, (a, b) in enumerate(zip(i, j, strict=True)):
        both = resp[a] + resp[b]
        shared_entropy = (both * np.log(both)) @ data.weights
        loss[at] += shared_entropy - entropy[a] - entropy[b]
    order = np.argsort(loss)[:limit]
    return i[order], j[order], loss[order] / data.total


@dataclass(frozen=True)
class Move:
    """Merge components i and j and split component s; ``gain`` is the predicted gain per pixel."""

    i: int
    j: int
    s: int
    gain: float


def propose(splits: Splits, i: NDArray[np.intp], j: NDArray[np.intp], losses: FloatArray, limit: int) -> list[Move]:
    """The ``limit`` moves of largest predicted gain, best first, from splits and from merges of pairs i, j."""
    gains = np.subtract.outer(splits.gains, losses)
    clash = np.arange(len(splits.gains))[:, None]
    gains[(clash == i) | (clash == j)] = -np.inf
    order = np.argsort(-gains, axis=None)[:limit]
    at = [np.unravel_index(flat, gains.shape) for flat in order]
    return [Move(int(i[m]), int(j[m]), int(s), float(gains[s, m])) for s, m in at]


def disjoint(moves: list[Move]) -> list[Move]:
    """The moves of positive predicted gain that have no component in common, best first."""
    touched: set[int] = set()
    kept = []
    for move in moves:
        components = {move.i, move.j, move.s}
        if move.gain > 0 and not (components & touched):
            kept.append(move)
            touched |= components
    return kept


def apply_moves(mixture: Mixture, splits: Splits, moves: list[Move]) -> Mixture:
    """The mixture after disjoint moves: i becomes i + j, s and j the halves of s."""
    weights, means = mixture.weights.copy(), mixture.means.copy()
    covariances = np.array(mixture.covariances)
    for move in moves:
        pair = [move.i, move.j]
        mass = weights[pair].sum() + 1e-300
        part = weights[pair] / mass
        mean = part @ means[pair]
        gap = means[pair] - mean
        pooled = np.tensordot(part, covariances[pair] + gap[:, :, None] * gap[:, None, :], axes=1)
        weights[move.i], means[move.i], covariances[move.i] = mass, mean, pooled
        for at, half in ((move.s, splits.first), (move.j, splits.second)):
            weights[at], means[at] = half.weights[move.s], half.means[move.s]
            covariances[at] = half.covariances[move.s]
    return Mixture(weights / weights.sum(), means, covariances)


def pursue(
    data: ExpandedFeatures, mixture: Mixture, constraint: CovarianceConstraint, effort: Effort, floor: float
) -> tuple[Mixture, float]:
    """EM on cells, given up after LEG iterations where the pace of gains will not lead above ``floor``.

    Returns the mixture and its log-likelihood per pixel.
    """
    mixture, trace, done = iterate(data, mixture, constraint, max_iter=LEG, tol=SETTLED)
    left = effort.settle - LEG
    if not done and left > 0 and trace[-1] + left * (trace[-1] - trace[-2]) > floor:
        mixture, trace, _ = iterate(data, mixture, constraint, max_iter=left, tol=SETTLED)
    return mixture, trace[-1]


def search(
    data: ExpandedFeatures, mixture: Mixture, constraint: CovarianceConstraint, effort: Effort
) -> tuple[Mixture, float]:
    """Moves from ``mixture``, each kept if it gains; returns the mixture and its log-likelihood per pixel."""
    mixture, value = pursue(data, mixture, constraint, effort, -np.inf)
    if len(mixture.weights) < 3:
        return mixture, value
    for _ in range(effort.rounds):
        moved = _moved(data, mixture, value, constraint, effort)
        if moved is None:
            break
        mixture, value = moved
    return mixture, value


def _moved(
    data: ExpandedFeatures, mixture: Mixture, value: float, constraint: CovarianceConstraint, effort: Effort
) -> tuple[Mixture, float] | None:
    """The first of the most promising moves that gains, or None."""
    resp = responsibilities(data, mixture)
    splits = find_splits(data, mixture, resp, constraint)
    moves = propose(splits, *merge_losses(data, mixture, resp, constraint, 4 * len(resp)), 200)
    together = disjoint(moves)
    for attempt in ([together] if len(together) > 1 else []) + [[move] for move in moves[: effort.trials]]:
        moved = shape(apply_moves(mixture, splits, attempt), constraint, mixture)
        moved, gained = pursue(data, moved, constraint, effort, value + effort.gain)
        if gained > value + effort.gain:
            return moved, gained
    return None


def shape(mixture: Mixture, constraint: CovarianceConstraint, previous: Mixture) -> Mixture:
    """Give merged covariances the shape of the constraint again; shared ones are those of ``previous``."""
    if shares_covariance(constraint):
        return replace(mixture, covariances=previous.covariances)
    return replace(
        mixture,
        covariances=constrained(mixture.covariances, constraint.covariance),
    )


def coarse_mixture(
    levels: list[Features],
    k: int,
    constraint: CovarianceConstraint,
    effort: Effort,
    seed: int,
    progress: Callable[[SearchStep], None],
) -> Mixture:
    """The best mixture found on the coarsest of ``levels``, then iterated on the finer cells (not on the first level).

    ``progress`` is called before each start.
    """
    rng, coarsest = np.random.default_rng(seed), levels[-1].expanded()
    candidates = []
    starts = min(effort.starts, max(2, effort.budget // k))
    for number in range(starts):
        progress(SearchStep("start", number + 1, starts))
        start = cold_start(coarsest, k, constraint, random=effort.mixed and number % 2 == 1, rng=rng)
        candidates.append(search(coarsest, start, constraint, effort))
    candidates.sort(key=_value)
    for level in (finer.expanded() for finer in reversed(levels[1:-1])):
        kept = candidates[: effort.carried]
        candidates = [_carried(level, mixture, constraint, effort) for mixture, _ in kept]
        candidates.sort(key=_value)
    return candidates[0][0]


def _value(pair: tuple[Mixture, float]) -> float:
    return -pair[1]


def _carried(
    level: ExpandedFeatures, mixture: Mixture, constraint: CovarianceConstraint, effort: Effort
) -> tuple[Mixture, float]:
    mixture, trace, _ = iterate(level, mixture, constraint, max_iter=2 * effort.settle, tol=SETTLED)
    return mixture, trace[-1]
