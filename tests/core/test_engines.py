"""Engines against the libraries that they call, and against the laws of their algorithms."""

import subprocess
import sys
import warnings

import cv2
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as SklearnMixture
from support.pictures import random_picture

from colorquant import FitOptions, quantize
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.color.spaces import Projection
from colorquant.errors import EngineError, OptionError
from colorquant.fitting import engines
from colorquant.fitting.em import fit as numpy_em
from colorquant.fitting.em.mixtures import random_start
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.kmeans import fit as numpy_kmeans
from colorquant.fitting.kmeans.points import make_points
from colorquant.fitting.models import Fit, GaussianMixture
from colorquant.fitting.options import COVARIANCES

SKLEARN_TYPES = {"spherical": "spherical", "diagonal": "diag", "full": "full", "tied": "tied"}


def samples_of(rgb: np.ndarray, space: str = "rgb", keep_luma: bool | None = None) -> WeightedFeatures:
    return WeightedFeatures.of(ColorHistogram.count(rgb), Projection.of(space, keep_luma))


def same_up_to_order(labels: np.ndarray, points: np.ndarray, quantized) -> bool:
    """Whether the labels and points of a direct call are those of ``quantized``, bit for bit, in another order."""
    ours = quantized.labels.ravel().astype(int)
    rank = np.full(len(points), -1)
    rank[labels.ravel()] = ours
    return np.array_equal(rank[labels.ravel()], ours) and np.array_equal(quantized.model.points[rank], points)


@pytest.mark.parametrize("init", ["pp", "random"])
@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("space", ["rgb", "gray", "ycrcb"])
def test_opencv_kmeans_is_the_direct_call(init, attempts, space, thumbnail):
    flags = {"pp": cv2.KMEANS_PP_CENTERS, "random": cv2.KMEANS_RANDOM_CENTERS}[init]
    data = {
        "rgb": thumbnail,
        "gray": cv2.cvtColor(thumbnail, cv2.COLOR_RGB2GRAY),
        "ycrcb": cv2.cvtColor(thumbnail, cv2.COLOR_RGB2YCrCb)[:, :, 1:],
    }[space]
    pixels = data.reshape(thumbnail.shape[0] * thumbnail.shape[1], -1).astype(np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 0.2)
    cv2.setRNGSeed(124)
    _, labels, centers = cv2.kmeans(pixels, 4, None, criteria, attempts, flags)
    options = FitOptions("kmeans", 4, space, None, "opencv", init, attempts, max_iter=10, tol=0.2, seed=124)
    assert same_up_to_order(labels, centers, quantize(thumbnail, options))


@pytest.mark.parametrize("space", ["rgb", "gray", "ycrcb"])
@pytest.mark.parametrize(("covariance", "kind"), [("spherical", 0), ("diagonal", 1), ("full", 2)])
def test_opencv_em_is_the_direct_call(space, covariance, kind, thumbnail):
    data = {
        "rgb": thumbnail,
        "gray": cv2.cvtColor(thumbnail, cv2.COLOR_RGB2GRAY),
        "ycrcb": cv2.cvtColor(thumbnail, cv2.COLOR_RGB2YCrCb)[:, :, 1:],
    }[space]
    pixels = data.reshape(thumbnail.shape[0] * thumbnail.shape[1], -1).astype(np.float32)
    em = cv2.ml.EM.create()
    em.setClustersNumber(3)
    em.setCovarianceMatrixType(kind)
    em.setTermCriteria((cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 0.2))
    cv2.setRNGSeed(5)
    _, log_likelihoods, labels, _ = em.trainEM(pixels)
    options = FitOptions("em", 3, space, None, "opencv", max_iter=10, tol=0.2, seed=5, covariance=covariance)
    quantized = quantize(thumbnail, options)
    assert same_up_to_order(labels, em.getMeans(), quantized)
    if covariance != "spherical":  # OpenCV's own is wrong there; and its last M-step comes after its last E-step
        assert quantized.log_likelihood == pytest.approx(log_likelihoods.mean(), abs=0.2)


def test_opencv_spherical_log_likelihood_is_that_of_its_parameters(thumbnail):
    """cv2.ml.EM reports a wrong one; from the same parameters scikit-learn's formula gives ours."""
    options = FitOptions("em", 3, engine="opencv", max_iter=5, covariance="spherical")
    quantized = quantize(thumbnail, options)
    oracle = sklearn_mixture(quantized.model, "full")
    assert quantized.log_likelihood == pytest.approx(oracle.score(thumbnail.reshape(-1, 3).astype(float)), abs=1e-6)


def test_opencv_without_ml_is_one_line(monkeypatch, thumbnail):
    monkeypatch.delattr(cv2, "ml")
    with pytest.raises(EngineError, match=r"has no cv2\.ml.*--engine numpy"):
        quantize(thumbnail, FitOptions("em", 3, engine="opencv"))
    quantize(thumbnail, FitOptions("kmeans", 3, engine="opencv"))
    quantize(thumbnail, FitOptions("em", 3))


@pytest.mark.parametrize("init", ["pp", "random"])
def test_sklearn_kmeans_is_the_direct_call(init, thumbnail):
    samples = samples_of(thumbnail)
    kmeans = KMeans(5, init={"pp": "k-means++"}.get(init, init), n_init=2, max_iter=300, tol=0, random_state=3)
    kmeans.fit(samples.features, sample_weight=samples.weights)
    options = FitOptions("kmeans", 5, engine="sklearn", init=init, attempts=2, max_iter=300, tol=0, seed=3)
    assert quantize(thumbnail, options).inertia == pytest.approx(kmeans.inertia_, rel=1e-6)


def sklearn_mixture(start: GaussianMixture, kind: str, **options: object) -> SklearnMixture:
    """scikit-learn's mixture with the parameters of ours, ready to score or to fit from there."""
    precisions = np.linalg.inv(start.covariances)
    shaped = {
        "full": precisions,
        "tied": precisions[0],
        "diag": np.diagonal(precisions, axis1=1, axis2=2),
        "spherical": precisions[:, 0, 0],
    }[kind]
    mixture = SklearnMixture(len(start.weights), covariance_type=kind, **options)
    mixture.weights_init, mixture.means_init, mixture.precisions_init = start.weights, start.means, shaped
    mixture.weights_, mixture.means_, mixture.precisions_ = start.weights, start.means, shaped
    mixture.precisions_cholesky_ = np.linalg.cholesky(shaped) if kind in ("full", "tied") else np.sqrt(shaped)
    return mixture


def em_from(samples: WeightedFeatures, start: GaussianMixture, reg_covar: float, max_iter: int, tol: float) -> Fit:
    """The numpy engine's EM from ``start``."""
    frame = numpy_em.Frame.around(samples, start.covariance, reg_covar)
    return frame.iterated(frame.inside(start), max_iter, tol, engines.no_progress)


@pytest.mark.parametrize("covariance", SKLEARN_TYPES)
@pytest.mark.parametrize("space", ["rgb", "gray", "ycrcb", "lab"])
@pytest.mark.parametrize("iterations", [1, 25])
def test_weighted_em_over_colours_is_sklearns_over_pixels(covariance, space, iterations, thumbnail):
    samples = samples_of(thumbnail, space)
    start = random_start(samples, 4, covariance, 0.1, np.random.default_rng(0))
    ours = em_from(samples, start, reg_covar=0.1, max_iter=iterations, tol=0)
    oracle = sklearn_mixture(start, SKLEARN_TYPES[covariance], reg_covar=0.1, max_iter=iterations, tol=0)
    pixels = samples.per_pixel(CountedImage(thumbnail), np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        oracle.fit(pixels)
    model = ours.model
    assert isinstance(model, GaussianMixture)
    assert ours.n_iter == iterations
    np.testing.assert_allclose(model.means, oracle.means_, atol=1e-6)
    np.testing.assert_allclose(model.weights, oracle.weights_, atol=1e-6)
    shape = {"full": (4, -1), "tied": (1, -1), "diagonal": (4, -1), "spherical": (4, 1)}[covariance]
    shaped = {
        "full": model.covariances,
        "tied": model.covariances[:1],
        "diagonal": np.diagonal(model.covariances, axis1=1, axis2=2),
        "spherical": model.covariances[:, 0, 0],
    }[covariance]
    np.testing.assert_allclose(shaped.reshape(shape), np.reshape(oracle.covariances_, shape), atol=1e-6)
    assert model.log_likelihood(samples.features, samples.weights) == pytest.approx(oracle.score(pixels), abs=1e-6)
    assert ours.trace[-1] == pytest.approx(oracle.score(pixels), abs=1e-6)
    assert model.n_parameters == oracle._n_parameters()


@pytest.mark.parametrize("space", ["rgb", "gray", "lab"])
@pytest.mark.parametrize("k", [3, 40])
def test_weighted_lloyd_over_colours_is_sklearns_over_pixels(space, k, thumbnail):
    samples = samples_of(thumbnail, space)
    drawn = np.random.default_rng(1).choice(len(samples), k, replace=False, p=samples.weights / samples.weights.sum())
    nudge = np.random.default_rng(2).normal(
        0, 0.1, (k, samples.features.shape[1])
    )  # no ties, which both break by noise
    centers = samples.features[drawn] + nudge
    points = make_points(samples.columns, samples.weights, exact=True)
    ours = numpy_kmeans.as_fit(
        numpy_kmeans.exact_passes(points, centers, max_iter=1000, tol=0, progress=engines.no_progress)
    )
    oracle = KMeans(k, init=centers, n_init=1, max_iter=1000, tol=0, algorithm="lloyd").fit(
        samples.per_pixel(CountedImage(thumbnail), np.float64)
    )
    assert ours.converged
    inertia = ours.model.inertia(samples.features, samples.weights, ours.labels)
    assert inertia == pytest.approx(oracle.inertia_, rel=1e-4)


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("init", ["kmeans", "random"])
@pytest.mark.parametrize("k", [2, 30])
def test_the_log_likelihood_never_falls(covariance, init, k, flower):
    rgb = flower[::6, ::6]  # large saturated areas: components collapse onto them
    samples = samples_of(rgb)
    fit = engines.fit(samples, FitOptions("em", k, init=init, covariance=covariance, max_iter=40, tol=0))
    assert len(fit.trace) > 1
    assert np.diff(fit.trace).min() >= -1e-9
    assert fit.trace[-1] == pytest.approx(fit.model.log_likelihood(samples.features, samples.weights), abs=1e-9)


@pytest.mark.parametrize("init", ["pp", "random"])
def test_the_inertia_never_rises(init, thumbnail):
    fit = engines.fit(samples_of(thumbnail), FitOptions("kmeans", 12, init=init, max_iter=50, tol=0))
    assert len(fit.trace) > 1
    assert np.diff(fit.trace).max() <= 1e-9 * fit.trace[0]


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_covariances_have_the_shape_that_was_asked_for(covariance, thumbnail):
    covariances = quantize(thumbnail, FitOptions("em", 3, covariance=covariance, max_iter=5)).model.covariances
    if covariance == "identity":
        assert np.array_equal(covariances, np.broadcast_to(np.eye(3), (3, 3, 3)))
    if covariance == "tied":
        assert np.allclose(covariances, covariances[0])
    if covariance in ("spherical", "diagonal", "identity"):
        assert np.count_nonzero(covariances - covariances * np.eye(3)) == 0
    if covariance == "spherical":
        assert np.allclose(covariances, covariances[:, :1, :1] * np.eye(3))


@pytest.mark.parametrize("engine", ["numpy", "opencv", "sklearn"])
def test_standardized_fits_are_told_in_the_spaces_units(engine, thumbnail):
    quantized = quantize(thumbnail, FitOptions("em", 3, engine=engine, max_iter=10, standardize=True))
    pixels = thumbnail.reshape(-1, 3).astype(float)
    mixture_mean = quantized.model.weights @ quantized.model.means
    assert np.abs(mixture_mean - pixels.mean(axis=0)).max() < 3
    assert quantized.log_likelihood < -8


def test_more_tries_are_never_worse(thumbnail):
    samples = samples_of(thumbnail)
    for method, worse in (("kmeans", 1), ("em", -1)):
        one, many = (
            engines.fit(samples, FitOptions(method, 9, init="random", attempts=attempts)) for attempts in (1, 4)
        )
        assert worse * many.trace[-1] <= worse * one.trace[-1]


def test_max_iter_and_tol_are_obeyed(thumbnail):
    samples = samples_of(thumbnail)
    for method in ("kmeans", "em"):
        exact = engines.fit(samples, FitOptions(method, 6, max_iter=3, tol=0, init="random"))
        assert (exact.n_iter, exact.converged) == (3, False)
        loose = engines.fit(samples, FitOptions(method, 6, max_iter=500, tol=1.0))
        assert loose.converged
        assert 1 <= loose.n_iter < 50


def test_em_that_falls_for_good_has_converged(thumbnail):
    """With much added to the covariances EM ends below its best; the tolerance, however small, ends it there."""
    samples = samples_of(thumbnail)
    options = FitOptions("em", 4, max_iter=1000, tol=1e-12, init="kmeans", standardize=True, reg_covar=0.05)
    found = engines.fit(samples, options)
    assert found.converged
    assert found.n_iter < 1000
    assert len(set(found.trace[-4:])) == 1 < len(set(found.trace)), "the last iterations brought nothing"
    longer = engines.fit(samples, options.replace(tol=0, max_iter=5000))
    assert (longer.objective, longer.n_iter) == (found.objective, found.n_iter)


def test_every_engine_refuses_what_it_cannot_honour():
    for engine, methods in engines.ENGINES.items():
        for method, entry in methods.items():
            for name, value in {"reg_covar": 1.0, "standardize": True, "attempts": 2, "covariance": "tied"}.items():
                options = FitOptions(method, engine=engine, **{name: value})
                if name in entry.defaults and value in entry.choices.get(name, (value,)):
                    engines.resolve(options)
                else:
                    with pytest.raises(OptionError, match=f"--{name.replace('_', '-')}.*--engine {engine}"):
                        engines.resolve(options)


def test_threads_are_limited_until_the_last_caller_is_done():
    from threadpoolctl import threadpool_info

    def most() -> int:
        return max(pool["num_threads"] for pool in threadpool_info())

    before = most()
    with engines.one_thread():
        with engines.one_thread():
            assert most() == 1
        assert most() == 1
    assert most() == before


def test_a_library_that_loads_late_is_limited_too():
    code = """
from threadpoolctl import threadpool_info
from colorquant.threads import one_thread
with one_thread():
    import sklearn.cluster
    with one_thread():
        assert max(pool["num_threads"] for pool in threadpool_info()) == 1
import os
assert max(pool["num_threads"] for pool in threadpool_info()) == len(os.sched_getaffinity(0))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_noise_with_as_many_clusters_as_half_its_colours():
    rgb = random_picture(0, 30, 30)
    for space in ("rgb", "gray", "ycrcb"):
        fit = engines.fit(samples_of(rgb, space), FitOptions("em", 100, space, max_iter=5))
        assert np.isfinite(fit.trace).all()


def test_a_component_that_dies_is_moved_to_where_it_helps(thumbnail):
    samples = samples_of(thumbnail)
    start = random_start(samples, 4, "full", 1.0, np.random.default_rng(0))
    start.means[3] = 1e4  # far from every colour: without a pixel after the first step
    start.covariances[3] = np.eye(3)
    fit = em_from(samples, start, reg_covar=0.1, max_iter=30, tol=1e-6)
    assert fit.model.weights.min() > 1e-3
    assert fit.model.means.max() < 256
    assert np.diff(fit.trace).min() >= -1e-9
    assert fit.trace[-1] == pytest.approx(fit.model.log_likelihood(samples.features, samples.weights), abs=1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_best_is_never_worse_than_balanced(seed, thumbnail):
    samples = samples_of(np.ascontiguousarray(thumbnail[::3, ::3]))
    for method, options, worse in (("kmeans", {"k": 20}, 1), ("em", {"k": 5, "covariance": "diagonal"}, -1)):
        balanced, best = (
            engines.fit(samples, FitOptions(method, seed=seed, effort=effort, **options))
            for effort in ("balanced", "best")
        )
        assert worse * best.objective <= worse * balanced.objective


def test_no_engine_but_numpy_has_an_effort():
    for engine in ("opencv", "sklearn"):
        with pytest.raises(OptionError, match=f"--effort best cannot be honoured by --engine {engine}"):
            engines.resolve(FitOptions("kmeans", engine=engine, effort="best"))
