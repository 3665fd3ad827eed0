"""Posteriors, iterations, assignments and sweeps of a fit, checked against their definitions."""

import csv
import io
from itertools import pairwise

import numpy as np
import pytest
from support.pictures import random_picture

from colorquant import FitOptions, quantize
from colorquant.analysis import posteriors as posteriors_module
from colorquant.analysis import sweep as sweeps
from colorquant.analysis.posteriors import Posteriors
from colorquant.color.counted import CountedImage
from colorquant.color.spaces import Projection
from colorquant.errors import OptionError, OutputError
from colorquant.fitting import engines
from colorquant.fitting.models import ASSIGNMENTS, GaussianMixture
from colorquant.report import trace


@pytest.fixture(scope="module")
def picture(thumbnail):
    """The thumbnail, with a row of transparent pixels."""
    alpha = np.full(thumbnail.shape[:2], 255, np.uint8)
    alpha[3] = 0
    return CountedImage(thumbnail, alpha)


def em(picture, k=4, **changes):
    options = FitOptions("em", k, **{"max_iter": 20, **changes})
    return quantize(picture.rgb, options, alpha=picture.alpha, record=True)


@pytest.mark.parametrize("space", ["rgb", "ycrcb", "gray"])
def test_posteriors_are_those_of_the_formula(picture, space):
    quantized = em(picture, space=space)
    values = Posteriors.of(picture, quantized).at_pixels()
    assert values.dtype == np.float16
    assert values.shape == (*picture.rgb.shape[:2], 4)
    model = quantized.model
    features = Projection.of(space, None).features(picture.rgb.reshape(-1, 3))
    centered = features[:, None, :] - model.means
    distance = np.einsum("nki,kij,nkj->nk", centered, np.linalg.inv(model.covariances), centered)
    density = model.weights * np.exp(-distance / 2) / np.sqrt(np.linalg.det(2 * np.pi * model.covariances))
    direct = (density / density.sum(axis=1, keepdims=True)).reshape(values.shape)
    direct[3] = 0
    assert np.allclose(values, direct, atol=1e-3)


def test_the_label_is_the_most_probable_component(picture):
    quantized = em(picture)
    values = Posteriors.of(picture, quantized).at_pixels().astype(np.float32)
    visible = picture.alpha > 0
    chosen = np.take_along_axis(values, np.minimum(quantized.labels, 3)[:, :, None], axis=2)[:, :, 0]
    assert (chosen[visible] >= values.max(axis=2)[visible]).all()
    assert not values[~visible].any()


def test_uncertainty_is_the_entropy_of_the_posterior(picture):
    quantized = em(picture, k=3)
    values = Posteriors.of(picture, quantized).at_pixels().astype(np.float64)
    entropy = -np.where(values > 0, values * np.log(np.where(values > 0, values, 1)), 0).sum(axis=2) / np.log(3)
    assert np.abs(Posteriors.of(picture, quantized).uncertainty() - 255 * entropy).max() <= 1.5
    assert Posteriors.of(picture, quantized).uncertainty().max() > 100, "somewhere it is undecided"


def test_one_component_is_always_certain(picture):
    quantized = em(picture, k=1)
    assert not Posteriors.of(picture, quantized).uncertainty().any()
    assert set(np.unique(Posteriors.of(picture, quantized).at_pixels())) == {0, 1}


def test_kmeans_has_no_posteriors_and_too_many_are_refused(picture, monkeypatch):
    with pytest.raises(OptionError, match="k-means has no posteriors"):
        Posteriors.of(picture, quantize(picture.rgb, FitOptions(k=2)))
    monkeypatch.setattr(posteriors_module, "LARGEST", 1000)
    with pytest.raises(OutputError, match="would take"):
        Posteriors.of(picture, em(picture)).at_pixels()


@pytest.mark.parametrize("method", ["kmeans", "em"])
def test_history_ends_where_the_fit_does(thumbnail, method):
    options = FitOptions(method, 5, init="random", attempts=3, seed=2, max_iter=12)
    quantized = quantize(thumbnail, options, record=True)
    history = quantized.history
    assert [now.number for now in history] == list(range(len(history)))
    assert tuple(now.objective for now in history) == quantized.trace
    assert len(history) == quantized.n_iter + 1
    assert np.allclose(history[-1].model.points, quantized.model.points)
    assert np.array_equal(history[-1].sizes > 0, np.ones(5, bool))
    for now in history:
        assert now.sizes.sum() == pytest.approx(thumbnail.shape[0] * thumbnail.shape[1])
    if method == "kmeans":
        assert history[-1].sizes.tolist() == quantized.palette.counts.tolist()
        assert all(now.objective <= before.objective for before, now in pairwise(history))


def test_a_standardized_history_is_in_the_units_of_the_space(thumbnail):
    quantized = quantize(thumbnail, FitOptions("em", 3, standardize=True, max_iter=5), record=True)
    assert np.allclose(quantized.history[-1].model.means, quantized.model.means)
    assert quantized.history[-1].objective == pytest.approx(quantized.log_likelihood, abs=1e-9)


def test_iterations_are_recorded_on_request_by_engines_that_report_them(thumbnail):
    assert quantize(thumbnail, FitOptions(k=4)).history == ()
    for engine, methods in engines.ENGINES.items():
        for method, row in methods.items():
            quantized = quantize(thumbnail[:20, :20], FitOptions(method, 3, engine=engine, max_iter=5), record=True)
            assert bool(quantized.history) == row.reports_iterations


def test_the_trace_has_a_row_per_iteration(thumbnail):
    quantized = quantize(thumbnail, FitOptions("kmeans", 3, init="pp"), record=True)
    head, *rows = csv.reader(io.StringIO(trace.trace_csv(quantized)))
    assert head == ["iteration", "inertia", "shift", "size_0", "size_1", "size_2"]
    assert [int(row[0]) for row in rows] == list(range(quantized.n_iter + 1))
    assert rows[0][2] == ""
    shifts = [float(row[2]) for row in rows[1:]]
    assert shifts[-1] <= 0.01 < shifts[0], "it stopped at the tolerance"
    assert [float(size) for size in rows[-1][3:]] == quantized.palette.counts.tolist()


def test_assignments_match_their_definitions():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(500, 3)) * 50
    wide = np.array([np.eye(3) * 2500, np.eye(3), np.eye(3) * 100])
    model = GaussianMixture(np.full(3, 1 / 3), rng.normal(size=(3, 3)) * 30, wide)
    difference = features[:, None, :] - model.means
    assert np.array_equal(ASSIGNMENTS["nearest"](model, features), (difference**2).sum(axis=2).argmin(axis=1))
    assert np.array_equal(ASSIGNMENTS["nearest-l1"](model, features), np.abs(difference).sum(axis=2).argmin(axis=1))
    assert not np.array_equal(ASSIGNMENTS["posterior"](model, features), ASSIGNMENTS["nearest"](model, features))


@pytest.mark.parametrize("engine", ["numpy", "opencv", "sklearn"])
def test_assign_changes_labels_not_the_fit(engine, thumbnail):
    rgb = np.ascontiguousarray(thumbnail[::2, ::2])
    options = FitOptions("em", 4, engine=engine, max_iter=10)
    usual, nearest = quantize(rgb, options), quantize(rgb, options, assign="nearest")
    assert usual.log_likelihood == nearest.log_likelihood
    assert nearest.mse != usual.mse
    colors = nearest.model.means[: len(nearest.palette)]
    distance = ((rgb.reshape(-1, 1, 3) - colors) ** 2).sum(axis=2)
    assert np.array_equal(distance.argmin(axis=1), nearest.labels.ravel())


@pytest.mark.parametrize(("method", "assign"), [("kmeans", "nearest"), ("em", "best")])
def test_impossible_assignments_are_refused(method, assign):
    with pytest.raises(OptionError, match="--assign"):
        quantize(random_picture(0, 4, 4), FitOptions(method, 2), assign=assign)


@pytest.mark.parametrize(
    ("k", "ks"),
    [
        (4, [2, 3, 4, 5, 8, 10, 16]),
        (12, [2, 3, 4, 5, 8, 10, 12, 16]),
        (300, [2, 3, 4, 5, 8, 10, 16, 32, 64, 128, 256, 300]),
    ],
)
def test_a_sweep_surrounds_k(k, ks):
    assert sweeps.sweep_ks(k) == ks


def test_a_sweep_is_the_picture_at_each_k(picture):
    own = quantize(picture.rgb, FitOptions("kmeans", 4, seed=3), alpha=picture.alpha)
    swept = sweeps.sweep(picture, own)
    assert [run.options.k for run in swept.runs] == sweeps.sweep_ks(4)
    assert (swept.image is picture, swept.failures) == (True, ())
    for run in swept.runs:
        alone = quantize(picture.rgb, own.options.replace(k=run.options.k), alpha=picture.alpha)
        assert np.array_equal(run.labels, alone.labels)
    assert own in swept.runs


def test_a_sweep_of_a_large_picture_is_of_a_sample_unless_every_pixel_is_wanted(picture, monkeypatch):
    own = quantize(picture.rgb, FitOptions("kmeans", 3), alpha=picture.alpha)
    monkeypatch.setattr(sweeps, "LARGEST", 1000)
    swept = sweeps.sweep(picture, own)
    height, width = swept.image.rgb.shape[:2]
    assert (swept.is_sample, height * width <= 1000 or max(height, width) <= 960) == (True, True)
    assert all(run.labels.shape == (height, width) for run in swept.runs)
    every = sweeps.sweep(picture, own, every_pixel=True)
    assert (every.is_sample, every.image is picture, own in every.runs) == (False, True, True)
