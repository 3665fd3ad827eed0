"""``cv2.kmeans`` on every pixel in picture order: the reference that the labs call."""

from __future__ import annotations

import numpy as np

from colorquant.engines import Progress
from colorquant.models import Centroids, Fit, FitOptions, Samples


def fit(samples: Samples, options: FitOptions, progress: Progress) -> Fit:
    """Labels and centres are bit for bit those of a direct ``cv2.kmeans`` call after ``cv2.setRNGSeed(seed)``.

    ``max_iter`` and ``tol`` go into TermCriteria as they are. OpenCV does not tell how many iterations it took, nor
    whether it stopped by itself.
    """
    import cv2

    assert options.max_iter is not None and options.tol is not None and options.attempts is not None
    flags = {"pp": cv2.KMEANS_PP_CENTERS, "random": cv2.KMEANS_RANDOM_CENTERS}[str(options.init)]
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, options.max_iter, options.tol)
    cv2.setRNGSeed(options.seed)
    compactness, labels, centers = cv2.kmeans(
        samples.per_pixel(np.float32), options.k, None, criteria, options.attempts, flags
    )  # type: ignore[call-overload]
    model = Centroids(np.asarray(centers, np.float64))
    return Fit(
        model,
        model.predict(samples.features),
        n_iter=None,
        converged=None,
        trace=(float(compactness),),
        pixel_labels=np.asarray(labels, np.int32).reshape(-1),
    )
