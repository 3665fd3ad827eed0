"""Laws of EM on flat graphics: positive definite covariances after every step, and a ceiling on the likelihood."""

import math

import numpy as np
import pytest
from PIL import Image, ImageDraw

from colorquant import FitOptions, quantize
from colorquant.color.spaces import Projection
from colorquant.fitting.em import search as em_search
from colorquant.fitting.em import start as em_start
from colorquant.fitting.em import steps as em_steps
from colorquant.fitting.models import GaussianMixture
from colorquant.fitting.options import COVARIANCES

SPACES = ("rgb", "gray", "lab", "ycrcb")


def flat_graphic(seed: int) -> np.ndarray:
    """The pixels (1, n, 3) of an interface: two or three large flat areas, and few pixels each of edges and details."""
    rng = np.random.default_rng(seed)
    areas = rng.integers(0, 256, (rng.integers(2, 4), 3))
    m = rng.integers(3, 9)
    a, b = areas[rng.integers(len(areas), size=m)], areas[rng.integers(len(areas), size=m)]
    edges = np.rint(a + (b - a) * rng.choice([0.02, 0.1, 0.5, 0.8], size=(m, 1))).astype(int)
    details = np.clip(areas[rng.integers(len(areas), size=m)] + rng.integers(-3, 4, (m, 3)), 0, 255)
    colors = np.concatenate([areas, edges, details]).astype(np.uint8)
    counts = np.concatenate([rng.integers(200, 3000, len(areas)), rng.integers(1, 5, 2 * m)])
    return np.repeat(colors, counts, axis=0)[None]


def drawn_interface(seed: int) -> np.ndarray:
    """A small drawing (h, w, 3) of boxes and discs with antialiased edges."""
    rng = np.random.default_rng(seed)
    width, height = (int(side) for side in rng.integers(12, 40, 2))
    fills = [tuple(int(level) for level in color) for color in rng.integers(0, 256, (4, 3))]
    large = Image.new("RGB", (4 * width, 4 * height), fills[0])
    draw = ImageDraw.Draw(large)
    for shape in (draw.rectangle, draw.ellipse, draw.rounded_rectangle):
        left, top = int(rng.integers(large.width)), int(rng.integers(large.height))
        right, bottom = left + int(rng.integers(1, large.width)), top + int(rng.integers(1, large.height))
        shape((left, top, right, bottom), fill=fills[rng.integers(1, 4)])
    return np.asarray(large.resize((width, height), Image.Resampling.BOX))


@pytest.fixture
def checked_steps(monkeypatch):
    """Checks every mixture that is evaluated, and every result of an M-step, while a fit runs; counts them."""
    natural, update, calls = em_steps.natural, em_steps.update, []

    def checked_natural(mixture):
        assert np.linalg.eigvalsh(mixture.covariances).min() > 0
        theta = natural(mixture)
        assert np.isfinite(theta).all()
        calls.append("natural")
        return theta

    def checked_update(statistics, constraint, previous=None):
        mixture = update(statistics, constraint, previous)
        assert (statistics.moments[:, 0] >= 0).all()
        if constraint.covariance != "identity":
            used = mixture.covariances[statistics.moments[:, 0] >= em_steps.DEAD]
            assert np.linalg.eigvalsh(used).min(initial=np.inf) >= constraint.reg_covar * (1 - 1e-3)
        calls.append("update")
        return mixture

    for module in (em_steps, em_search, em_start):
        monkeypatch.setattr(module, "natural", checked_natural)
        monkeypatch.setattr(module, "update", checked_update)
    return calls


def ceiling(options: FitOptions, dimensions: int) -> float:
    """The most that the log-likelihood per pixel can be where no variance is below ``--reg-covar``, in natural units.

    Every component's density is at most that of its mean: log N(μ | μ, Σ) = -½(d·log 2π + log|Σ|), and |Σ| is at least
    the floor to the power d.
    """
    level = Projection.of(options.space, None).space.level
    floor = level**2 / 12 if options.reg_covar is None else options.reg_covar
    if options.covariance == "identity":
        floor = level**2
    return -dimensions / 2 * math.log(2 * math.pi * floor)


def check_fit(rgb: np.ndarray, options: FitOptions) -> None:
    quantized = quantize(rgb, options)
    model = quantized.model
    assert isinstance(model, GaussianMixture)
    assert np.linalg.eigvalsh(model.covariances).min() > 0
    if quantized.log_likelihood is None:
        return  # no more colours than components: nothing was fitted
    limit = ceiling(options, model.means.shape[1])
    assert quantized.log_likelihood <= limit + 1e-9
    assert max(quantized.trace) <= limit + 1e-9


def test_seven_flat_colours_keep_their_two_halves_apart():
    """A half of a split that was nearly empty had a covariance of rounding noise, and the search took it for best."""
    colors = [(61, 246, 45), (77, 3, 184), (77, 6, 184), (78, 5, 185), (92, 25, 190), (96, 200, 155), (122, 249, 111)]
    pixels = np.repeat(np.array(colors, np.uint8), [2331, 2690, 1, 4, 2, 1, 1], axis=0).reshape(503, 10, 3)
    for init in ("search", "kmeans"):
        quantized = quantize(pixels, FitOptions("em", 5, init=init, covariance="diagonal"))
        assert quantized.log_likelihood < 0.971
        assert len(quantized.palette) == 5
        assert quantized.mse < 1


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_searches_of_flat_graphics_stay_below_the_ceiling(covariance, space, checked_steps):
    for seed in {"rgb": (14, 34), "lab": (40, 46), "ycrcb": (13, 16), "gray": (2, 3)}[space]:
        options = FitOptions("em", 3 + seed % 4, space=space, init="search", covariance=covariance)
        check_fit(flat_graphic(seed), options)
    assert {"natural", "update"} <= set(checked_steps)


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("init", ["kmeans", "random", "search"])
@pytest.mark.parametrize("reg_covar", [None, pytest.param(1e-3, marks=pytest.mark.slow), 1e-7])
@pytest.mark.parametrize("seeds", [(0, 1), pytest.param((2, 3), marks=pytest.mark.slow)])
def test_every_start_and_variance_stays_below_the_ceiling(init, covariance, reg_covar, seeds, checked_steps):
    effort = "fast" if init == "search" else None
    spaces = SPACES if covariance in ("full", "tied", "identity") else SPACES[::-1]
    for seed in seeds:
        options = FitOptions("em", 4, space=spaces[seed], init=init, covariance=covariance, effort=effort)
        options = options.replace(reg_covar=None if covariance == "identity" else reg_covar)
        check_fit(flat_graphic(seed), options)
        check_fit(drawn_interface(seed), options)


@pytest.mark.parametrize("init", ["kmeans", "search"])
def test_few_pixels_far_from_a_million_of_one_colour(init, checked_steps):
    """Their squared distance, in deviations, is so large that its rounding would drown a tiny --reg-covar."""
    colors = [(7, 7, 7), (250, 249, 251), (251, 251, 253), (252, 250, 255), (255, 252, 250), (8, 7, 7), (7, 9, 7)]
    pixels = np.repeat(np.array(colors, np.uint8), [1_000_000, 1, 2, 1, 3, 2, 1], axis=0)[None]
    check_fit(pixels, FitOptions("em", 3, init=init, covariance="full", reg_covar=1e-12))
