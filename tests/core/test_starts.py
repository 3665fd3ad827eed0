"""Fits that start from the model of another fit."""

import numpy as np
import pytest

from colorquant.color.histogram import ColorHistogram
from colorquant.errors import OptionError
from colorquant.fitting import engines
from colorquant.fitting.features import WeightedFeatures, projection_of
from colorquant.fitting.models import GaussianMixture
from colorquant.fitting.options import FitOptions

FITS = {
    "kmeans": FitOptions("kmeans", 6),
    "kmeans fast": FitOptions("kmeans", 6, effort="fast"),
    "kmeans pp": FitOptions("kmeans", 6, init="pp", tol=0.0),
    "kmeans in lab": FitOptions("kmeans", 6, space="lab", lock=("#ff0000", "#00ffff")),
    "kmeans of chroma": FitOptions("kmeans", 6, space="oklab", keep_luma=True),
    "kmeans sklearn": FitOptions("kmeans", 6, engine="sklearn"),
    "em": FitOptions("em", 4),
    "em full": FitOptions("em", 4, covariance="full", standardize=True, effort="fast"),
    "em tied": FitOptions("em", 4, covariance="tied", space="ycrcb"),
    "em identity": FitOptions("em", 4, covariance="identity"),
    "em search": FitOptions("em", 3, init="search", covariance="spherical", space="gray"),
    "em random": FitOptions("em", 4, init="random", tol=1e-4),
}


def weighted_of(rgb, options):
    return WeightedFeatures.of(ColorHistogram.count(rgb), projection_of(options))


@pytest.fixture(scope="module")
def halves(china):
    small = np.ascontiguousarray(china[::12, ::12])
    return small[:, :27], small[:, 27:]


def error(weighted, model):
    """The inertia of centres, or the negative log-likelihood of a mixture."""
    if isinstance(model, GaussianMixture):
        return -model.log_likelihood(weighted.features, weighted.weights)
    return model.inertia(weighted.features, weighted.weights, model.predict(weighted.features))


@pytest.mark.parametrize("case", FITS)
def test_a_fit_from_its_own_result_ends_at_once_and_keeps_it(halves, case):
    options = FITS[case]
    weighted = weighted_of(halves[0], options)
    first = engines.fit(weighted, options)
    for _ in range(9):  # a fit may end before it has converged
        before, first = first, engines.fit(weighted, options, start=first.model)
        if first.n_iter <= 1 and first.converged:
            break
    assert first.n_iter <= 1
    np.testing.assert_allclose(first.model.points, before.model.points, rtol=1e-2, atol=0.2)
    np.testing.assert_array_equal(first.labels, first.model.predict(weighted.features))
    assert np.mean(first.labels == before.labels) > 0.99


@pytest.mark.parametrize("case", FITS)
def test_a_fit_from_another_image_is_about_as_good_as_one_without_a_start(halves, case):
    options = FITS[case]
    one, other = (weighted_of(half, options) for half in halves)
    start = engines.fit(one, options).model
    warm, cold = engines.fit(other, options, start=start), engines.fit(other, options)
    worst = 0.1 if options.method == "em" else 0.06 * error(other, cold.model)
    if options.init not in ("pp", "random"):  # the textbook's algorithm ends in the optimum that is next to its start
        assert error(other, warm.model) <= error(other, cold.model) + worst
    assert error(other, warm.model) <= error(other, start) + 1e-9
    again = engines.fit(other, options, start=start)
    np.testing.assert_array_equal(again.model.points, warm.model.points)
    assert len(warm.model.points) == options.k


def test_a_start_far_away_leaves_no_cluster_without_members():
    colors = np.random.default_rng(0).integers(0, 60, (40, 40, 3)).astype(np.uint8)
    options = FitOptions("kmeans", 12)
    far = engines.fit(weighted_of(colors + 190, options), options).model
    fit = engines.fit(weighted_of(colors, options), options, start=far)
    assert np.bincount(fit.labels, minlength=12).all()


def test_locked_colours_stay_whatever_the_start(halves):
    plain, locked = FitOptions("kmeans", 5), FitOptions("kmeans", 5, lock=("#00ff00", "#ff00ff"))
    start = engines.fit(weighted_of(halves[0], plain), plain).model
    fit = engines.fit(weighted_of(halves[1], locked), locked, start=start)
    np.testing.assert_array_equal(fit.model.points[:2], [[0, 255, 0], [255, 0, 255]])
    assert len(fit.model.points) == 5


def test_fully_transparent_pixels_stay_so_after_a_start():
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 255, (2, 40, 40, 3)).astype(np.uint8)
    alpha = np.full((40, 40), 30, np.uint8)
    alpha[:4] = 0
    alpha[20:] = 255
    options = engines.resolve(FitOptions("kmeans", 6, alpha="palette"))
    weighted = [
        WeightedFeatures.of(ColorHistogram.count_rgba(part, alpha), projection_of(options), merge=True) for part in rgb
    ]
    start = engines.fit(weighted[0], options).model
    fit = engines.fit(weighted[1], options, start=start)
    transparent = np.flatnonzero(weighted[1].histogram.colors[:, 3] == 0)
    assert np.sum(fit.labels == fit.labels[transparent[0]]) < 20
    assert len(fit.model.points) == 6


def test_few_colours_need_no_start(halves):
    options = FitOptions("kmeans", 6)
    start = engines.fit(weighted_of(halves[0], options), options).model
    flat = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    np.testing.assert_array_equal(engines.fit(weighted_of(flat, options), options, start=start).model.points, flat[0])


def test_a_start_that_does_not_suit_is_refused(halves):
    options = {method: FitOptions(method, 4) for method in ("kmeans", "em")}
    weighted = weighted_of(halves[0], options["kmeans"])
    models = {method: engines.fit(weighted, options[method]).model for method in options}
    for method, start in (("kmeans", models["em"]), ("em", models["kmeans"])):
        with pytest.raises(OptionError, match="the start is not a model of"):
            engines.fit(weighted, options[method], start=start)
    with pytest.raises(OptionError, match=r"the start is not a model of kmeans with \(clusters, bands\) \(5, 3\)"):
        engines.fit(weighted, options["kmeans"].replace(k=5), start=models["kmeans"])
    with pytest.raises(OptionError, match="--engine sklearn in em has a start of its own"):
        engines.fit(weighted, options["em"].replace(engine="sklearn"), start=models["em"])
