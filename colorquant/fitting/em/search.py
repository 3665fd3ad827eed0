"""Split-and-merge EM (Ueda, Nakano, Ghahramani and Hinton 2000) on cells: out of poor local maxima, cheaply.

A move merges two components and splits a third. The gain of a split and the loss of a merge are both bounds of the true
change, computed with the other components held: moves that must gain are made together, others are tried in turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from colorquant.fitting.em.start import cold_start
from colorquant.fitting.em.steps import (
    COUNT_EPS,
    Mixture,
    Rows,
    Rule,
    Sums,
    blocks,
    constrain,
    iterate,
    natural,
    responsibilities,
    solve_dimension,
    unpack_moments,
    update,
)
from colorquant.types import FloatArray

CELLS_PER_COMPONENT = 20
LEG = 6  # iterations after which a trial of the search is judged
SETTLED = 1e-5  # gain of log-likelihood per pixel that ends EM on cells


@dataclass(frozen=True)
class Effort:
    """How much searching is done on the cells before the exact iterations.

    ``starts`` (alternating between k-means and random cells where ``mixed``; ``budget`` bounds starts times components,
    but two are always made where two are allowed), at most ``rounds`` of moves each with so
    many ``trials``, on some thousands of cells (``cells`` scales them), ``settle`` iterations after a move, which must
    ``gain`` so much log-likelihood per pixel; the ``carried`` best are iterated on finer cells.
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
    """For every component its best two halves (a Mixture of k each) and the gain per pixel."""

    gains: FloatArray
    first: Mixture
    second: Mixture


def shares_covariance(rule: Rule) -> bool:
    """Whether components have no covariance of their own."""
    return rule.covariance in ("tied", "identity")


def side_by_side(mixture: Mixture, rule: Rule) -> tuple[Mixture, Mixture]:
    """Halves displaced along the principal axis, each narrower along it."""
    values, vectors = np.linalg.eigh(mixture.covariances)
    shift = 0.8 * np.sqrt(values[:, -1])[:, None] * vectors[:, :, -1]
    covariances = mixture.covariances
    if not shares_covariance(rule):
        narrow = covariances - shift[:, :, None] * shift[:, None, :]
        covariances = constrain(narrow, mixture.weights, replace(rule, reg_covar=0.0))
    half = mixture.weights / 2
    return (
        Mixture(half, mixture.means + shift, covariances),
        Mixture(half, mixture.means - shift, covariances),
    )


def core_and_halo(mixture: Mixture) -> tuple[Mixture, Mixture]:
    """Halves with one mean, one narrow and one wide: for peaks with heavy tails."""
    half = mixture.weights / 2
    return (
        Mixture(half, mixture.means, mixture.covariances * 0.25),
        Mixture(half, mixture.means, mixture.covariances * 1.75),
    )


def spike_and_rest(rows: Rows, mixture: Mixture, shares: FloatArray, rule: Rule) -> tuple[Mixture, Mixture]:
    """Halves of which one sits on the component's heaviest cell: for flat areas and clipped colours.

    Cells are split by weight, so the heaviest cell is one that could not be split.
    """
    heaviest = shares.argmax(axis=1)
    points = rows.phi[1 : 1 + rows.d, heaviest].T
    part = shares[np.arange(len(shares)), heaviest] / np.maximum(shares.sum(axis=1), 1e-300)
    narrow = 0.01 * mixture.covariances + rule.reg_covar * np.eye(rows.d)
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


def fit_halves(rows: Rows, shares: FloatArray, halves: Mixture, rule: Rule, rounds: int) -> tuple[FloatArray, Mixture]:
    """EM of every component's two halves (a mixture of 2k) on the component's share (k, n) of weight.

    Returns each pair's log-likelihood (k,) on its own share, and the halves.
    """
    for _ in range(rounds):
        moments, _ = halve(rows, shares, halves)
        fitted = update(Sums(moments, 0.0), rule, halves)
        keep = halves.covariances if shares_covariance(rule) else fitted.covariances
        halves = Mixture(fitted.weights, fitted.means, keep)
    return halve(rows, shares, halves)[1], halves


def halve(rows: Rows, shares: FloatArray, halves: Mixture) -> tuple[FloatArray, FloatArray]:
    """E-step within pairs: the moments (2k, q) of the halves and each pair's log-likelihood (k,)."""
    theta, k, n = natural(halves), len(shares), len(rows.weights)
    first, gap = theta[:k], theta[k:] - theta[:k]
    moments, values = np.zeros_like(theta), np.einsum("kq,kq->k", first, shares @ rows.phi.T)
    buffer = np.empty((k, next(blocks(n, k)).stop))
    for block in blocks(n, k):
        phi, share = rows.phi[:, block], shares[:, block]
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


def find_splits(rows: Rows, mixture: Mixture, resp: FloatArray, rule: Rule, rounds: int = 6) -> Splits:
    """The best of several ways to split each component, and what it gains (a lower bound)."""
    k, shares = len(resp), resp * rows.weights
    alone = np.einsum("kq,kq->k", natural(mixture), shares @ rows.phi.T)
    values, best = fit_halves(rows, shares, stack(*side_by_side(mixture, rule)), rule, rounds)
    others = []
    if not shares_covariance(rule):
        others = [core_and_halo(mixture), spike_and_rest(rows, mixture, shares, rule)]
    for halves in others:
        other, fitted = fit_halves(rows, shares, stack(*halves), rule, rounds)
        best = choose(np.tile(other > values, 2), fitted, best)
        values = np.maximum(other, values)
    gains = (values - alone) / rows.total
    return Splits(gains, take(best, slice(0, k)), take(best, slice(k, None)))


def choose(which: NDArray[np.bool_], yes: Mixture, no: Mixture) -> Mixture:
    """Component by component, one mixture or the other."""
    return Mixture(
        np.where(which, yes.weights, no.weights),
        np.where(which[:, None], yes.means, no.means),
        np.where(which[:, None, None], yes.covariances, no.covariances),
    )


def expected_value(moments: FloatArray, rule: Rule, total: float, shared: FloatArray) -> FloatArray:
    """Per component, the expected log-likelihood (m,) of its own best parameters for moments (m, q)."""
    d = solve_dimension(moments.shape[1])
    counts, first, second = unpack_moments(moments, d)
    guarded = counts + COUNT_EPS
    means = first / guarded[:, None]
    scatter = second / guarded[:, None, None] - means[:, :, None] * means[:, None, :]
    own = shared if shares_covariance(rule) else constrain(scatter, guarded, rule)
    covariances = np.broadcast_to(own, scatter.shape)
    trace = np.einsum("kij,kji->k", np.linalg.inv(covariances), scatter)
    value: FloatArray = counts * (np.log(guarded / total) - 0.5 * (np.linalg.slogdet(covariances)[1] + trace))
    return value


def merge_losses(
    rows: Rows, mixture: Mixture, resp: FloatArray, rule: Rule, limit: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]:
    """Pairs i, j and what merging them costs at most, per pixel: the `limit` cheapest, ascending.

    With shared responsibilities r_m = r_i + r_j the bound changes by the expected log-likelihoods
    and by the entropy of r_i and r_j within r_m; all else stays.
    """
    k = len(resp)
    moments = (resp * rows.weights) @ rows.phi.T
    shared = mixture.covariances[0]
    alone = expected_value(moments, rule, rows.total, shared)
    i, j = np.triu_indices(k, 1)
    joint = expected_value(moments[i] + moments[j], rule, rows.total, shared)
    loss = alone[i] + alone[j] - joint
    near = np.argsort(loss)[: 8 * k]
    i, j, loss = i[near], j[near], loss[near]
    entropy = (resp * np.log(resp)) @ rows.weights
    for at, (a, b) in enumerate(zip(i, j, strict=True)):
        both = resp[a] + resp[b]
        shared_entropy = (both * np.log(both)) @ rows.weights
        loss[at] += shared_entropy - entropy[a] - entropy[b]
    order = np.argsort(loss)[:limit]
    return i[order], j[order], loss[order] / rows.total


@dataclass(frozen=True)
class Move:
    """Merge components i and j, split component s; the gain is predicted per pixel."""

    i: int
    j: int
    s: int
    gain: float


def propose(splits: Splits, i: NDArray[np.intp], j: NDArray[np.intp], losses: FloatArray, limit: int) -> list[Move]:
    """Moves in order of predicted gain."""
    gains = np.subtract.outer(splits.gains, losses)
    clash = np.arange(len(splits.gains))[:, None]
    gains[(clash == i) | (clash == j)] = -np.inf
    order = np.argsort(-gains, axis=None)[:limit]
    at = [np.unravel_index(flat, gains.shape) for flat in order]
    return [Move(int(i[m]), int(j[m]), int(s), float(gains[s, m])) for s, m in at]


def disjoint(moves: list[Move]) -> list[Move]:
    """The moves of positive predicted gain that do not touch one another, best first."""
    touched: set[int] = set()
    kept = []
    for move in moves:
        mine = {move.i, move.j, move.s}
        if move.gain > 0 and not (mine & touched):
            kept.append(move)
            touched |= mine
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


def pursue(rows: Rows, mixture: Mixture, rule: Rule, effort: Effort, floor: float) -> tuple[Mixture, float]:
    """EM on cells, given up early where the present pace does not lead above ``floor``."""
    mixture, trace, done = iterate(rows, mixture, rule, LEG, SETTLED)
    left = effort.settle - LEG
    if not done and left > 0 and trace[-1] + left * (trace[-1] - trace[-2]) > floor:
        mixture, trace, _ = iterate(rows, mixture, rule, left, SETTLED)
    return mixture, trace[-1]


def search(rows: Rows, mixture: Mixture, rule: Rule, effort: Effort) -> tuple[Mixture, float]:
    """Moves from ``mixture``, each kept if it gains; returns the mixture and its log-likelihood per pixel."""
    mixture, value = pursue(rows, mixture, rule, effort, -np.inf)
    if len(mixture.weights) < 3:
        return mixture, value
    for _ in range(effort.rounds):
        moved = _moved(rows, mixture, value, rule, effort)
        if moved is None:
            break
        mixture, value = moved
    return mixture, value


def _moved(rows: Rows, mixture: Mixture, value: float, rule: Rule, effort: Effort) -> tuple[Mixture, float] | None:
    """The first of the most promising moves that gains, or None."""
    resp = responsibilities(rows, mixture)
    splits = find_splits(rows, mixture, resp, rule)
    moves = propose(splits, *merge_losses(rows, mixture, resp, rule, 4 * len(resp)), 200)
    together = disjoint(moves)
    for attempt in ([together] if len(together) > 1 else []) + [[move] for move in moves[: effort.trials]]:
        moved = shape(apply_moves(mixture, splits, attempt), rule, mixture)
        moved, gained = pursue(rows, moved, rule, effort, value + effort.gain)
        if gained > value + effort.gain:
            return moved, gained
    return None


def shape(mixture: Mixture, rule: Rule, previous: Mixture) -> Mixture:
    """Bring merged covariances back to the rule's kind."""
    if shares_covariance(rule):
        return replace(mixture, covariances=previous.covariances)
    return replace(
        mixture,
        covariances=constrain(mixture.covariances, mixture.weights, replace(rule, reg_covar=0.0)),
    )


def coarse_mixture(levels: list[Rows], k: int, rule: Rule, effort: Effort, seed: int) -> Mixture:
    """The best mixture found on the coarsest of ``levels``, carried down to the finest cells (not the first level)."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(min(effort.starts, max(2, effort.budget // k))):
        start = cold_start(levels[-1], k, rule, random=effort.mixed and number % 2 == 1, rng=rng)
        found.append(search(levels[-1], start, rule, effort))
    found.sort(key=_value)
    for level in reversed(levels[1:-1]):
        found = [_carried(level, mixture, rule, effort) for mixture, _ in found[: effort.carried]]
        found.sort(key=_value)
    return found[0][0]


def _value(pair: tuple[Mixture, float]) -> float:
    return -pair[1]


def _carried(level: Rows, mixture: Mixture, rule: Rule, effort: Effort) -> tuple[Mixture, float]:
    mixture, trace, _ = iterate(level, mixture, rule, 2 * effort.settle, SETTLED)
    return mixture, trace[-1]
