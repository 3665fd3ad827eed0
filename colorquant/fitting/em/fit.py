"""EM on the colour histogram. Its cost depends on the number of distinct colours.

By default (``init`` kmeans) EM runs from several k-means partitions of coarse cells, and exact iterations over every
distinct colour finish the best mixture. Where the user gives ``max_iter`` or ``tol``, it is the textbook's algorithm:
those iterations over every colour, from one k-means partition. ``init`` random is the textbook's algorithm from random
colours. ``init`` search looks for the most likely mixture by split-and-merge EM on cells.

From a given mixture, EM runs on cells twice, from it and from a k-means partition that starts at its means, unless it
already fits; the textbook's algorithm takes it as its start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from colorquant.fitting.em.mixtures import default_reg_covar, random_start, rescaled, standardized, unstandardized
from colorquant.fitting.em.search import CELLS_PER_COMPONENT, EFFORTS, coarse_mixture
from colorquant.fitting.em.start import continued_mixture, hard_mixture, pyramid, settled_mixture
from colorquant.fitting.em.steps import (
    ComputedFeatures,
    CovarianceConstraint,
    Features,
    Mixture,
    SufficientStatistics,
    iterate,
)
from colorquant.fitting.engines import Progress, no_progress
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.kmeans import fit as numpy_kmeans
from colorquant.fitting.models import Fit, GaussianMixture, Iteration, Model, SearchStep
from colorquant.fitting.options import FitOptions
from colorquant.types import FloatArray

MAX_ITER, TOL = 100, 1e-3
SETTLED_TOL = {1: 1e-3, 2: 1e-3, 3: 3e-3}  # by the number of bands, for EM from k-means on cells and after it
SEARCHED_TOL = 5e-4  # after a search, where EM starts on a plateau and 1e-3 would end it at once
NO_LABELS = np.empty(0, np.int32)
LEAST_VARIANCE = 1e-9  # of the colours' mean variance: less would be lost in the rounding of a double
LEAST_OF_SQUARE = 1e-12  # likewise, of the largest squared distance of a colour from their mean
KMEANS_STARTS = {"fast": 1, "balanced": 12, "best": 48}  # the best one on cells is kept
KMEANS_BUDGET = {"fast": 1, "balanced": 256, "best": 4096}  # starts times components, at most


@dataclass(frozen=True)
class Frame:
    """The coordinates in which EM runs: the features, centred, in units of their root mean square deviation.

    Small numbers lose no digits. ``data`` and ``constraint`` are in these units; ``center`` (d,) and ``scale`` convert
    them back to those of ``weighted``.
    """

    weighted: WeightedFeatures
    data: Features
    constraint: CovarianceConstraint
    center: FloatArray
    scale: float

    @classmethod
    def around(cls, weighted: WeightedFeatures, covariance: str, reg_covar: float) -> Frame:
        """The frame of ``weighted``; ``covariance`` is one of COVARIANCES, ``reg_covar`` in their squared units."""
        center = weighted.mean(lambda features: features)

        def squares(features: FloatArray) -> FloatArray:
            return np.square(features - center)

        scale = float(np.sqrt(weighted.mean(lambda features: squares(features).mean(axis=1)[:, None])[0])) or 1.0
        largest = max(float(squares(weighted.features_of(rows)).sum(axis=1).max()) for rows in weighted.pieces())
        largest /= scale**2
        data = ComputedFeatures(weighted.bands, weighted.total, weighted, center, scale)
        level = weighted.projection.space.level
        variance = max(reg_covar / scale**2, LEAST_VARIANCE, LEAST_OF_SQUARE * largest)
        return cls(weighted, data, CovarianceConstraint(covariance, variance, level**2 / scale**2), center, scale)

    def inside(self, model: GaussianMixture) -> Mixture:
        """Convert a mixture from the units of the weighted features to those of the frame."""
        return Mixture(model.weights, (model.means - self.center) / self.scale, model.covariances / self.scale**2)

    def outside(self, mixture: Mixture) -> GaussianMixture:
        """Convert a mixture from the units of the frame to those of the weighted features."""
        means, covariances = mixture.means * self.scale + self.center, mixture.covariances * self.scale**2
        return GaussianMixture(mixture.weights / mixture.weights.sum(), means, covariances, self.constraint.covariance)

    def iterated(self, start: Mixture, max_iter: int, tol: float, progress: Progress) -> Fit:
        """Iterate over every colour from ``start``; the result has their units, and no labels yet."""
        shift = self.data.d * float(np.log(self.scale))

        def on_iteration(number: int, value: float, mixture: Mixture, statistics: SufficientStatistics) -> None:
            progress(Iteration(number, value - shift, self.outside(mixture), statistics.moments[:, 0].copy()))

        mixture, trace, converged = iterate(
            self.data, start, self.constraint, max_iter=max_iter, tol=tol, on_iteration=on_iteration
        )
        objectives = tuple(value - shift for value in trace)
        return Fit(self.outside(mixture), NO_LABELS, len(trace) - 1, converged, objectives, objectives[-1])


def fit(weighted: WeightedFeatures, options: FitOptions, progress: Progress, start: Model | None = None) -> Fit:
    """Return the most likely of ``attempts`` fits; the module's docstring describes one.

    From ``start``, a mixture, there is only one.
    """
    scaled, mean, deviation = weighted, np.zeros(1), np.ones(1)
    if options.standardize:
        scaled, mean, deviation = standardized(weighted)
    frame = Frame.around(scaled, str(options.covariance), options.reg_covar or default_reg_covar(weighted, deviation))
    shift = float(np.log(deviation).sum()) if options.standardize else 0.0

    def in_bands(model: Model) -> GaussianMixture:
        assert isinstance(model, GaussianMixture)
        return unstandardized(model, mean, deviation) if options.standardize else model

    def report(event: Iteration | SearchStep) -> None:
        if isinstance(event, Iteration):
            event = replace(event, objective=event.objective - shift, model=in_bands(event.model))
        progress(event)

    if isinstance(start, GaussianMixture):
        fits = [_from_mixture(frame, options, frame.inside(rescaled(start, mean, deviation)), report)]
    else:
        fits = [
            fitted
            for attempt in range(options.attempts or 1)
            for fitted in _attempt(frame, options, options.seed + attempt, report)
        ]
    best = max(fits, key=lambda fitted: fitted.trace[-1])
    trace = tuple(value - shift for value in best.trace)
    best = replace(best, model=in_bands(best.model), trace=trace, objective=trace[-1], searched=_searches(options))
    return replace(best, labels=weighted.label(best.model.predict))


def _searches(options: FitOptions) -> bool:
    """Whether the iterations over every colour start from a mixture that has settled on cells."""
    limited = options.max_iter is not None or options.tol is not None
    return options.init == "search" or (options.init == "kmeans" and not limited)


def _attempt(frame: Frame, options: FitOptions, seed: int, progress: Progress) -> list[Fit]:
    """One fit; with ``effort`` best after a search, a balanced fit and one with a longer search."""
    max_iter = options.max_iter or MAX_ITER
    if not _searches(options):
        tol = TOL if options.tol is None else options.tol
        start = (_kmeans_start if options.init == "kmeans" else _random_start)(frame, options.k, seed)
        return [frame.iterated(start, max_iter, tol, progress)]
    tol = _settled_tol(frame, options)
    fits = []
    for effort in ("balanced", "best") if options.effort == "best" else (str(options.effort),):
        levels = pyramid(frame.data, _cells(options, effort))
        if options.init == "search":
            start = coarse_mixture(levels, options.k, frame.constraint, EFFORTS[effort], seed, progress)
        else:
            start = settled_mixture(
                levels,
                options.k,
                frame.constraint,
                starts=max(1, min(KMEANS_STARTS[effort], KMEANS_BUDGET[effort] // options.k)),
                max_iter=MAX_ITER,
                tol=tol,
                rng=np.random.default_rng(seed),
                progress=progress,
            )
        fits.append(frame.iterated(start, max_iter, tol, progress))
    return fits


def _from_mixture(frame: Frame, options: FitOptions, start: Mixture, progress: Progress) -> Fit:
    """One fit from ``start``, in the units of the frame; the start itself where an iteration gains less than tol."""
    max_iter, tol = options.max_iter or MAX_ITER, TOL if options.tol is None else options.tol
    if not _searches(options):
        return frame.iterated(start, max_iter, tol, progress)
    tol = _settled_tol(frame, options)
    first = frame.iterated(start, 1, tol, progress)
    if first.trace[-1] - first.trace[0] < tol:
        trace = first.trace[:1]
        return Fit(frame.outside(start), NO_LABELS, 0, True, trace, trace[0])
    levels = pyramid(frame.data, _cells(options, str(options.effort)))
    rng = np.random.default_rng(options.seed)
    settled = continued_mixture(levels, start, frame.constraint, max_iter=max_iter, tol=tol, rng=rng)
    return frame.iterated(settled, max_iter, tol, progress)


def _settled_tol(frame: Frame, options: FitOptions) -> float:
    """The gain of log-likelihood per pixel that ends the iterations on cells and after them."""
    usual = SEARCHED_TOL if options.init == "search" else SETTLED_TOL[frame.data.d]
    return usual if options.tol is None else options.tol


def _cells(options: FitOptions, effort: str) -> int:
    """The number of the coarser cells."""
    return max(EFFORTS[effort].cells, CELLS_PER_COMPONENT * options.k)


def _random_start(frame: Frame, k: int, seed: int) -> Mixture:
    rng = np.random.default_rng(seed)
    reg_covar = frame.constraint.reg_covar * frame.scale**2
    return frame.inside(random_start(frame.weighted, k, frame.constraint.covariance, reg_covar, rng))


def _kmeans_start(frame: Frame, k: int, seed: int) -> Mixture:
    """The M-step of a k-means partition, as scikit-learn starts."""
    options = FitOptions("kmeans", k, init="split", attempts=1, seed=seed, effort="fast")
    labels = numpy_kmeans.fit(frame.weighted, options, no_progress).labels
    return hard_mixture(frame.data, labels, k, frame.constraint)
