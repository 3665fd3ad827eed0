"""``sklearn.cluster.KMeans`` on the histogram, with counts as ``sample_weight``: the oracle."""

from __future__ import annotations

import warnings

import numpy as np

from colorquant.engines import Progress, one_thread
from colorquant.models import Centroids, Fit, FitOptions, Samples


def fit(samples: Samples, options: FitOptions, progress: Progress) -> Fit:
    """scikit-learn's Lloyd.

    It stops by the Frobenius norm of all shifts, relative to the features' variance; ``tol`` is converted so that no
    centre moved further than ``tol`` when it stops.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    assert options.tol is not None
    variance = float(np.mean(np.var(samples.features, axis=0)))  # what KMeans multiplies its own tol by
    kmeans = KMeans(
        options.k,
        init={"pp": "k-means++", "random": "random"}[str(options.init)],
        n_init=options.attempts,
        max_iter=options.max_iter,
        tol=options.tol**2 / variance,
        random_state=options.seed,
        algorithm="lloyd",
    )
    with one_thread(), warnings.catch_warnings():  # scikit-learn is only loaded now
        warnings.simplefilter("ignore", ConvergenceWarning)  # converged says it
        kmeans.fit(samples.features, sample_weight=samples.weights)
    model = Centroids(np.asarray(kmeans.cluster_centers_, np.float64))
    labels = model.predict(samples.features)
    return Fit(
        model, labels, int(kmeans.n_iter_), bool(kmeans.n_iter_ < (options.max_iter or 0)), (float(kmeans.inertia_),)
    )
