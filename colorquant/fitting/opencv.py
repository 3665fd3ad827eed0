"""``cv2.kmeans`` and ``cv2.ml.EM`` on every pixel in picture order: the functions that the labs call."""

from __future__ import annotations

import numpy as np

from colorquant.color.counted import CountedImage
from colorquant.errors import EngineError
from colorquant.fitting.em.mixtures import standardized, unstandardized
from colorquant.fitting.engines import Progress
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.models import Centroids, Fit, GaussianMixture
from colorquant.fitting.options import FitOptions
from colorquant.types import FloatArray

LEAST_VARIANCE = (
    1e-6  # squared 8-bit levels: far below any real variance, yet large enough to invert in double precision
)


def fit_kmeans(weighted: WeightedFeatures, options: FitOptions, progress: Progress, image: CountedImage) -> Fit:
    """Labels and centres are bit for bit those of a direct ``cv2.kmeans`` call after ``cv2.setRNGSeed(seed)``.

    ``max_iter`` and ``tol`` go into TermCriteria as they are. OpenCV does not report how many iterations it
    made, nor whether it converged.
    """
    import cv2

    assert options.max_iter is not None and options.tol is not None and options.attempts is not None
    flags = {"pp": cv2.KMEANS_PP_CENTERS, "random": cv2.KMEANS_RANDOM_CENTERS}[str(options.init)]
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, options.max_iter, options.tol)
    cv2.setRNGSeed(options.seed)
    compactness, labels, centers = cv2.kmeans(
        weighted.per_pixel(image, np.float32), options.k, None, criteria, options.attempts, flags
    )  # type: ignore[call-overload]
    model = Centroids(np.asarray(centers, np.float64))
    return Fit(
        model,
        weighted.label(model.predict),
        n_iter=None,
        converged=None,
        trace=(float(compactness),),
        pixel_labels=np.asarray(labels, np.int32).reshape(-1),
    )


def fit_em(weighted: WeightedFeatures, options: FitOptions, progress: Progress, image: CountedImage) -> Fit:
    """Labels and means are bit for bit those of ``cv2.ml.EM.trainEM`` after ``cv2.setRNGSeed(seed)``.

    OpenCV's own log-likelihood is wrong for spherical covariances and is not used. OpenCV lets a component collapse
    onto one colour: such a variance is raised to ``LEAST_VARIANCE``. Raises EngineError where this OpenCV has no
    ``cv2.ml``, or where the training fails.
    """
    import cv2

    if not hasattr(cv2, "ml"):
        raise EngineError(
            f"--engine opencv: OpenCV {cv2.__version__} has no cv2.ml; "
            "install 'opencv-python-headless>=4.10,<5' and no other OpenCV, or use --engine numpy"
        )
    assert options.max_iter is not None and options.tol is not None
    types = {
        "spherical": cv2.ml.EM_COV_MAT_SPHERICAL,
        "diagonal": cv2.ml.EM_COV_MAT_DIAGONAL,
        "full": cv2.ml.EM_COV_MAT_GENERIC,
    }
    scaled, mean, deviation = standardized(weighted) if options.standardize else (weighted, None, None)
    em = cv2.ml.EM.create()
    em.setClustersNumber(options.k)
    em.setCovarianceMatrixType(types[str(options.covariance)])
    em.setTermCriteria((cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, options.max_iter, options.tol))
    cv2.setRNGSeed(options.seed)
    try:
        trained, _, labels, _ = em.trainEM(scaled.per_pixel(image, np.float32))
    except cv2.error as error:
        raise EngineError(
            f"--engine opencv: cv2.ml.EM failed ({error.err}); use fewer colours, or --engine numpy"
        ) from error
    if not trained:
        raise EngineError("--engine opencv: cv2.ml.EM found no mixture; use fewer colours, or --engine numpy")
    means, weights = np.asarray(em.getMeans(), np.float64), np.asarray(em.getWeights(), np.float64).reshape(-1)
    covariances = _invertible(np.stack(em.getCovs()), LEAST_VARIANCE * scaled.projection.space.level**2)
    model = GaussianMixture(weights / weights.sum(), means, covariances, str(options.covariance))
    if mean is not None and deviation is not None:
        model = unstandardized(model, mean, deviation)
    pixel_labels = np.asarray(labels, np.int32).reshape(-1)
    return Fit(model, weighted.label(model.predict), n_iter=None, converged=None, pixel_labels=pixel_labels)


def _invertible(covariances: FloatArray, least: float) -> FloatArray:
    """Raise eigenvalues of covariances (k, d, d) that are below ``least``; other covariances keep their bits."""
    values, vectors = np.linalg.eigh(covariances)
    raised = (vectors * np.maximum(values, least)[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    collapsed = values.min(axis=1, keepdims=True)[:, :, None] < least
    return np.where(collapsed, raised, covariances)
