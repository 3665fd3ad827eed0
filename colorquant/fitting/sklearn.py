"""scikit-learn's ``KMeans`` on the histogram, with counts as weights, and ``GaussianMixture`` on every pixel."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from colorquant.color.counted import CountedImage
from colorquant.fitting.em.mixtures import default_reg_covar, random_start, standardized, unstandardized
from colorquant.fitting.engines import Progress
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.models import Centroids, Fit, GaussianMixture, Model
from colorquant.fitting.options import FitOptions
from colorquant.threads import one_thread
from colorquant.types import FloatArray

TYPES = {"spherical": "spherical", "diagonal": "diag", "full": "full", "tied": "tied"}


def fit_kmeans(weighted: WeightedFeatures, options: FitOptions, progress: Progress, start: Model | None = None) -> Fit:
    """Fit with Lloyd's algorithm of scikit-learn, once from ``start`` if it is given.

    scikit-learn stops by the Frobenius norm of all shifts, relative to the variance of the features. ``tol`` is
    converted, so that no centre moved further than ``tol`` in the last iteration.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    assert options.tol is not None
    variance = float(np.mean(np.var(weighted.features, axis=0)))  # KMeans multiplies its own tol by it
    kmeans = KMeans(
        options.k,
        init={"pp": "k-means++", "random": "random"}[str(options.init)] if start is None else start.points,
        n_init=options.attempts if start is None else 1,
        max_iter=options.max_iter,
        tol=options.tol**2 / variance,
        random_state=options.seed,
        algorithm="lloyd",
    )
    with one_thread(), warnings.catch_warnings():  # scikit-learn is only loaded now
        warnings.simplefilter("ignore", ConvergenceWarning)  # converged says it
        kmeans.fit(weighted.features, sample_weight=weighted.weights)
    model = Centroids(np.asarray(kmeans.cluster_centers_, np.float64))
    labels = weighted.label(model.predict)
    return Fit(
        model, labels, int(kmeans.n_iter_), bool(kmeans.n_iter_ < (options.max_iter or 0)), (float(kmeans.inertia_),)
    )


def fit_em(weighted: WeightedFeatures, options: FitOptions, progress: Progress, image: CountedImage) -> Fit:
    """Fit with EM of scikit-learn.

    ``init`` kmeans is its own start; random starts from k distinct colours, drawn by their counts.
    """
    mean, deviation = np.zeros(weighted.bands), np.ones(weighted.bands)
    scaled = weighted
    if options.standardize:
        scaled, mean, deviation = standardized(weighted)
    reg_covar = default_reg_covar(weighted, deviation) if options.reg_covar is None else options.reg_covar
    best = _best_of_attempts(scaled, image, options, reg_covar)
    covariances = _full_covariances(best.covariances_, str(options.covariance), *best.means_.shape)
    model = GaussianMixture(best.weights_, best.means_, covariances, str(options.covariance))
    if options.standardize:
        model = unstandardized(model, mean, deviation)
    return Fit(model, weighted.label(model.predict), int(best.n_iter_), bool(best.converged_))


def _best_of_attempts(weighted: WeightedFeatures, image: CountedImage, options: FitOptions, reg_covar: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture as SklearnMixture

    pixels = weighted.per_pixel(image, np.float64)
    rng = np.random.default_rng(options.seed)
    kinds = {"n_components": options.k, "covariance_type": TYPES[str(options.covariance)], "reg_covar": reg_covar}
    stops = {"max_iter": options.max_iter, "tol": options.tol, "random_state": options.seed}
    with one_thread(), warnings.catch_warnings():  # scikit-learn is only loaded now
        warnings.simplefilter("ignore", ConvergenceWarning)  # converged says it
        if options.init == "kmeans":
            return SklearnMixture(**kinds, **stops, n_init=options.attempts).fit(pixels)
        fits = []
        for _ in range(options.attempts or 1):
            start = random_start(weighted, options.k, str(options.covariance), reg_covar, rng)
            precisions = _sklearn_precisions(start.covariances, str(options.covariance))
            given = {"weights_init": start.weights, "means_init": start.means, "precisions_init": precisions}
            fits.append(SklearnMixture(**kinds, **stops, **given).fit(pixels))
    return max(fits, key=lambda mixture: mixture.lower_bound_)


def _sklearn_precisions(covariances: FloatArray, covariance: str) -> FloatArray:
    """The inverses of covariances (k, d, d) in the shape that scikit-learn uses for this type."""
    precisions = np.asarray(np.linalg.inv(covariances))
    if covariance == "full":
        return precisions
    if covariance == "tied":
        return np.asarray(precisions[0])
    diagonals = np.diagonal(precisions, axis1=1, axis2=2)
    return diagonals if covariance == "diagonal" else diagonals.mean(axis=1)


def _full_covariances(covariances: FloatArray, covariance: str, k: int, d: int) -> FloatArray:
    """scikit-learn's covariances, whose shape depends on their type, as (k, d, d)."""
    if covariance == "full":
        return covariances
    if covariance == "tied":
        return np.repeat(covariances[None], k, axis=0)
    return np.asarray(np.eye(d) * covariances.reshape(k, -1)[:, :, None])
