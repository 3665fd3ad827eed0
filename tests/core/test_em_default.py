"""The default of EM: several k-means starts on cells, of which the best is finished on every colour."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.mixture import GaussianMixture as SklearnMixture

from colorquant import FitOptions, quantize
from colorquant.color.histogram import ColorHistogram
from colorquant.color.spaces import Projection
from colorquant.fitting import engines
from colorquant.fitting.em.fit import Frame
from colorquant.fitting.em.mixtures import default_reg_covar
from colorquant.fitting.em.start import merit
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.models import Iteration, SearchStep

MALAGA = Path(__file__).resolve().parents[2] / "sample_images" / "malaga.png"


@pytest.fixture(scope="module")
def malaga() -> np.ndarray:
    """The sample image at a quarter of its width and height."""
    return np.ascontiguousarray(np.asarray(Image.open(MALAGA).convert("RGB"))[::4, ::4])


def events_of(rgb: np.ndarray, options: FitOptions) -> list[Iteration | SearchStep]:
    events: list[Iteration | SearchStep] = []
    features = WeightedFeatures.of(ColorHistogram.count(rgb), Projection.of(options.space, options.keep_luma))
    engines.fit(features, options, events.append)
    return events


@pytest.mark.parametrize("engine", ["numpy", "opencv", "sklearn"])
def test_every_engine_fits_diagonal_covariances_from_k_means_by_default(engine):
    options = engines.resolve(FitOptions("em", engine=engine))
    assert (options.init, options.covariance) == ("kmeans", "diagonal")


@pytest.mark.parametrize("space", ["rgb", "ycrcb"])
def test_the_default_is_about_as_likely_as_scikit_learns_and_paints_no_worse(space, china, flower, malaga):
    ours, theirs = [], []
    for rgb in (china[::6, ::6], flower[::6, ::6], malaga):
        for k in (4, 8):
            ours.append(quantize(rgb, FitOptions("em", k, space)))
            theirs.append(quantize(rgb, FitOptions("em", k, space, engine="sklearn")))
    assert np.mean([one.mse for one in ours]) <= 1.01 * np.mean([one.mse for one in theirs])
    ahead = [one.log_likelihood - other.log_likelihood for one, other in zip(ours, theirs, strict=True)]
    assert np.mean(ahead) > -0.02


def test_malaga_keeps_the_blue_of_its_sea(malaga):
    quantized = quantize(malaga, FitOptions("em", 4, "ycrcb"))
    assert quantized.psnr > 25.5
    sea = quantized.rgb[75:80, 105:120].reshape(-1, 3).mean(axis=0)
    assert sea[2] > sea[0] + 40


def test_a_limit_makes_it_the_textbooks_algorithm(malaga):
    settled = quantize(malaga, FitOptions("em", 6), record=True)
    textbook = quantize(malaga, FitOptions("em", 6, max_iter=7, tol=0), record=True)
    assert (settled.searched, textbook.searched) == (True, False)
    assert (textbook.n_iter, len(textbook.history)) == (7, 8)
    assert settled.trace[0] > textbook.trace[0], "a mixture that has settled on cells, and a k-means partition"


@pytest.mark.parametrize(
    ("method", "init", "kind"), [("em", "kmeans", "start"), ("em", "search", "start"), ("kmeans", "split", "round")]
)
def test_the_steps_of_a_search_are_reported_before_the_iterations(method, init, kind, malaga):
    events = events_of(malaga, FitOptions(method, 5, init=init))
    steps = [event for event in events if isinstance(event, SearchStep)]
    assert events[: len(steps)] == steps
    assert [step.number for step in steps] == list(range(1, steps[0].total + 1))
    assert {(step.kind, step.total) for step in steps} == {(kind, len(steps))}
    assert [event.number for event in events[len(steps) :]] == list(range(len(events) - len(steps)))


@pytest.mark.parametrize(("k", "starts"), [(4, 12), (64, 4), (300, 1)])
def test_many_components_get_fewer_starts(k, starts, malaga):
    assert sum(isinstance(event, SearchStep) for event in events_of(malaga, FitOptions("em", k))) == starts


def test_merit_is_the_likelihood_less_the_log_of_the_error(malaga):
    options = FitOptions("em", 5)
    features = WeightedFeatures.of(ColorHistogram.count(malaga), Projection.of("rgb", None))
    frame = Frame.around(features, "diagonal", default_reg_covar(features))
    quantized = quantize(malaga, options)
    labels = quantized.model.predict(malaga.reshape(-1, 3).astype(float))
    pixels = malaga.reshape(-1, 3) / frame.scale
    means = np.stack([pixels[labels == label].mean(axis=0) for label in range(5)])
    error = ((pixels - means[labels]) ** 2).sum(axis=1).mean() + frame.constraint.reg_covar
    value = merit(frame.data.expanded(), frame.inside(quantized.model), -1.5, frame.constraint)
    assert math.isclose(value, -1.5 - math.log(error) / 2, rel_tol=1e-9)


def test_scikit_learn_agrees_with_the_reported_likelihood(malaga):
    quantized = quantize(malaga, FitOptions("em", 4))
    model = quantized.model
    oracle = SklearnMixture(4, covariance_type="full")
    oracle.weights_, oracle.means_ = model.weights, model.means
    oracle.precisions_cholesky_ = np.linalg.cholesky(np.linalg.inv(model.covariances))
    assert quantized.log_likelihood == pytest.approx(oracle.score(malaga.reshape(-1, 3).astype(float)), abs=1e-9)
