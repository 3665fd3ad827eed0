"""Features in cells: what mixtures of clips with very many colours are fitted to."""

import numpy as np
import pytest

from colorquant import fitted_palette
from colorquant.color.histogram import ColorHistogram
from colorquant.color.spaces import Projection
from colorquant.fitted_palette import fit_palette
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.options import FitOptions

RNG = np.random.default_rng(0)
POINTS = np.concatenate([RNG.normal(mean, 9, (4000, 3)) for mean in ((60, 60, 60), (120, 150, 90), (200, 60, 190))])
HISTOGRAM = ColorHistogram.count(np.clip(POINTS, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("space", ["rgb", "oklab"])
@pytest.mark.parametrize("most", [8000, 3000, 500, 1])
def test_cells_keep_the_weight_and_the_mean(space, most):
    whole = WeightedFeatures.of(HISTOGRAM, Projection.of(space, None))
    cells = whole.in_cells(most)
    assert len(cells) <= most < len(whole)
    assert np.array_equal(np.bincount(cells.index, whole.weights), cells.weights)
    for band, means in zip(whole.features.T, cells.features.T, strict=True):
        assert np.allclose(np.bincount(cells.index, band * whole.weights) / cells.weights, means)
    assert np.all(np.diff(cells.codes.astype(np.int64)) >= 0)
    side = next(2**bits for bits in range(9) if len(np.unique(HISTOGRAM.colors >> bits, axis=0)) <= most)
    spread = [np.ptp(HISTOGRAM.colors[cells.index == row], axis=0).max() for row in range(0, len(cells), 50)]
    assert max(spread) < side


def test_few_rows_and_rows_that_colours_share_stay_as_they_are():
    whole = WeightedFeatures.of(HISTOGRAM, Projection.of("rgb", None))
    assert whole.in_cells(len(whole)) is whole
    gray = WeightedFeatures.of(HISTOGRAM, Projection.of("gray", None))
    assert gray.in_cells(10) is gray


def test_a_mixture_of_cells_is_about_that_of_the_colours(monkeypatch):
    options = FitOptions("em", 3)
    exact = fit_palette(HISTOGRAM, options)
    monkeypatch.setattr(fitted_palette, "MOST_ROWS", 6000)
    assert np.array_equal(fit_palette(HISTOGRAM, options).colors, exact.colors)
    near = fit_palette(HISTOGRAM, options, cells=True)
    assert not np.array_equal(near.model.means, exact.model.means)
    assert np.allclose(near.model.means, exact.model.means, atol=0.5)
    assert near.log_likelihood == pytest.approx(exact.log_likelihood, abs=0.05)
    kmeans = FitOptions("kmeans", 3)
    assert np.array_equal(fit_palette(HISTOGRAM, kmeans, cells=True).colors, fit_palette(HISTOGRAM, kmeans).colors)
