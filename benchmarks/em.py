"""EM: the default beside OpenCV's and scikit-learn's, the likelihood of the search, and what iterations cost."""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from benchmarks import cases, pictures
from benchmarks.cases import Asked, Comparison, Contest, Measured, Row, Run, Verdict
from benchmarks.cost import THIN
from benchmarks.measures import Judge, log_likelihood
from benchmarks.pictures import RGB
from benchmarks.quantizers import paint_members
from benchmarks.report import Cell, Section, Table
from benchmarks.settings import Settings, say
from benchmarks.timing import measure, run_child
from colorquant import quantize
from colorquant.fitting.models import GaussianMixture as Mixture
from colorquant.fitting.options import FitOptions
from colorquant.quantization import Quantized

K = 16
ITERATIONS = 10
REG_COVAR = 1 / 12  # the variance of rounding to 8 bits
OURS, OPENCV, SKLEARN = "colorquant em", "cv2.ml.EM", "scikit-learn GaussianMixture"
TIMES_LESS = {"0.27 MP": {OPENCV: 50, SKLEARN: 30}, "10 MP": {OPENCV: 150, SKLEARN: 100}}
LIKELIHOOD_KS = (4, 8, 16)
TYPES = {"spherical": "spherical", "diagonal": "diag", "full": "full", "tied": "tied"}
SHORTFALL = 0.002  # log-likelihood per pixel
SPACES = ("rgb", "ycrcb")
BEHIND = 0.01  # log-likelihood per pixel that the default may lack
MOST_TIMES = 2  # CPU time of a whole em in times of kmeans
DEFAULT_STEP = 4  # without --slow defaults are compared on every fourth pixel across and down
DEFAULTS = {
    OURS: FitOptions("em"),
    OPENCV: FitOptions("em", engine="opencv", max_iter=100, tol=1.1920929e-07),  # FLT_EPSILON
    SKLEARN: FitOptions("em", engine="sklearn", reg_covar=REG_COVAR),
}
SMALL_STEP = 3  # without --slow likelihoods are those of every third pixel across and down


def _ours(rgb: RGB) -> tuple[RGB, Mixture]:
    options = FitOptions(method="em", k=K, covariance="full", max_iter=ITERATIONS, tol=0.0, reg_covar=REG_COVAR)
    fitted = quantize(rgb, options)
    assert isinstance(fitted.model, Mixture)
    return fitted.rgb, fitted.model


def _opencv(rgb: RGB) -> tuple[RGB, Mixture]:
    import cv2

    cv2.setRNGSeed(0)
    em = cv2.ml.EM.create()
    em.setClustersNumber(K)
    em.setCovarianceMatrixType(cv2.ml.EM_COV_MAT_GENERIC)
    em.setTermCriteria((cv2.TERM_CRITERIA_COUNT, ITERATIONS, 0))
    _, _, labels, _ = em.trainEM(rgb.reshape(-1, 3).astype(np.float32))
    weights, means = np.asarray(em.getWeights(), np.float64).reshape(-1), np.asarray(em.getMeans(), np.float64)
    return paint_members(rgb, np.asarray(labels, np.int64), K), Mixture(weights, means, np.stack(em.getCovs()))


def _sklearn(rgb: RGB) -> tuple[RGB, Mixture]:
    model = _sklearn_model(K, "full", max_iter=ITERATIONS, tol=0.0)
    labels = _quietly(model.fit_predict, rgb)
    return paint_members(rgb, labels, K), Mixture(model.weights_, model.means_, model.covariances_)


def _sklearn_model(k: int, covariance_type: str, **options: object) -> Any:
    from sklearn.mixture import GaussianMixture

    return GaussianMixture(k, covariance_type=covariance_type, reg_covar=REG_COVAR, random_state=0, **options)


def _quietly(function: Callable[[Any], Any], rgb: RGB) -> Any:
    """Call with all pixels as float64; that the iterations run out is meant."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return function(rgb.reshape(-1, 3).astype(np.float64))


FITS: dict[str, Callable[[RGB], tuple[RGB, Mixture]]] = {OURS: _ours, OPENCV: _opencv, SKLEARN: _sklearn}


def missing(name: str) -> str | None:
    """What this row needs and this machine lacks."""
    if name == OPENCV:
        has_ml = find_spec("cv2") is not None and hasattr(import_module("cv2"), "ml")
        return None if has_ml else "OpenCV with cv2.ml (4.x)"
    return "the Python package sklearn" if name == SKLEARN and find_spec("sklearn") is None else None


def _fit(name: str, rgb: RGB, step: int) -> Run:
    """One fit, on every ``step``-th pixel across and down; the likelihood is that of all pixels."""
    part = pictures.thinned(rgb, step)
    (after, mixture), usage = measure(partial(FITS[name], part))
    found = Judge(part)(after)
    found["log_likelihood"] = log_likelihood(rgb, mixture.weights, mixture.means, mixture.covariances)
    return Run(usage if step == 1 else usage.times(step**2), measures=found)


def _contest(settings: Settings, size: str, rgb: RGB) -> Contest:
    """Ten iterations of each; without ``--slow`` the quantizers see a part of a large picture."""
    step = 1 if settings.slow or rgb.size < 3e6 else THIN
    rows = {OURS: Row(partial(_fit, OURS, rgb, 1))}
    comparisons = []
    for name in (OPENCV, SKLEARN):
        if missing(name) is None:
            label = name if step == 1 else f"{name} ({step**2} × every {step**2}th pixel)"
            rows[label] = Row(partial(_fit, name, rgb, step), rounds=1 if name == OPENCV or rgb.size > 3e6 else None)
            what = f"em, full, K={K}, {ITERATIONS} iterations, {size}"
            comparisons.append(Comparison(what, OURS, label, Asked("less", TIMES_LESS[size][name])))
    return Contest(f"em at {size}", lambda: [rgb], rows, comparisons, settings.rounds)


def likelihoods(settings: Settings) -> Table:
    """Of ``--init search``, after convergence: ours against three starts of scikit-learn's."""
    rows: list[list[Cell]] = []
    limit = settings.images if settings.slow else 2
    for picture in pictures.small(settings.folder, limit):
        rgb = pictures.thinned(picture.rgb(), 1 if settings.slow else SMALL_STEP)
        for covariance in TYPES:
            say(f"likelihood: {picture.name}, {covariance}")
            rows += [[picture.name, *_likelihood(rgb, covariance, k)] for k in LIKELIHOOD_KS]
    headers = ["picture", "covariance", "K", "ours", "scikit-learn", "ahead by", "reached"]
    seen = "all pixels" if settings.slow else f"every {SMALL_STEP**2}th pixel"
    asked = f"To reach: no more than {SHORTFALL} behind. On {seen}; GaussianMixture(n_init=3), reg_covar 1/12 for both."
    title = "Log-likelihood per pixel after convergence"
    return Table(title, [*headers, "CPU s ours", "CPU s theirs", "MSE ours", "MSE theirs"], rows, asked)


def _likelihood(rgb: RGB, covariance: str, k: int) -> list[Cell]:
    options = FitOptions(method="em", k=k, init="search", covariance=covariance, reg_covar=REG_COVAR)
    fitted, own = measure(partial(quantize, rgb, options))
    model = _sklearn_model(k, TYPES[covariance], n_init=3)
    start = time.process_time()
    labels = _quietly(model.fit_predict, rgb)
    seconds = time.process_time() - start
    theirs, ours = float(_quietly(model.score, rgb)), float(fitted.log_likelihood or np.nan)
    reached = "yes" if ours >= theirs - SHORTFALL else "**no**"
    error = Judge(rgb)(paint_members(rgb, labels, k))["mse"]
    return [covariance, k, ours, theirs, round(ours - theirs, 4), reached, own.cpu, seconds, fitted.mse, error]


def defaults(settings: Settings) -> Table:
    """Means over pictures of our default, and of diagonal mixtures by OpenCV and scikit-learn with theirs."""
    engines = {name: options for name, options in DEFAULTS.items() if missing(name) is None}
    step = 2 if settings.slow else DEFAULT_STEP
    chosen = pictures.small(settings.folder, settings.images if settings.slow else 4)
    rows: list[list[Cell]] = []
    for space, k in itertools.product(SPACES, LIKELIHOOD_KS):
        fits: dict[str, list[Quantized]] = {name: [] for name in engines}
        for picture in chosen:
            rgb = pictures.thinned(picture.rgb(), step)
            for name, options in engines.items():
                say(f"default of EM: {picture.name}, {space}, K={k}, {name}")
                fits[name].append(quantize(rgb, options.replace(k=k, space=space)))
        errors = {name: fmean(fit.mse for fit in own) for name, own in fits.items()}
        likelihoods = {name: fmean(fit.log_likelihood or np.nan for fit in own) for name, own in fits.items()}
        reached = (
            errors[OURS] <= min(errors.values()) and likelihoods[OURS] >= likelihoods.get(SKLEARN, -np.inf) - BEHIND
        )
        values = [[errors.get(name), likelihoods.get(name)] for name in DEFAULTS]
        rows.append([space, k, *itertools.chain(*values), "yes" if reached else "**no**"])
    headers = [f"{what} {name}" for name in DEFAULTS for what in ("MSE of", "log-likelihood of")]
    note = (
        f"To reach: no more squared error than either, and a log-likelihood per pixel at most {BEHIND} below "
        f"scikit-learn's. Means over {len(chosen)} pictures, every {step**2}th pixel. Diagonal covariances; OpenCV has "
        "its own criteria (100 iterations, epsilon 1.2e-7), scikit-learn its own and reg_covar 1/12, as ours. "
        "OpenCV lets components shrink to one colour, so its likelihood is no measure."
    )
    return Table("The default of EM", ["space", "K", *headers, "reached"], rows, note)


def processes(settings: Settings) -> Table:
    """The median ratio of a whole ``em`` to a whole ``kmeans``, CPU seconds, on pictures of 0.39 MP."""
    rows: list[list[Cell]] = []
    chosen = pictures.small(settings.folder, settings.images if settings.slow else 2)
    with tempfile.TemporaryDirectory() as folder:
        sources = [pictures.write_png(Path(folder) / f"{number}.png", one.rgb()) for number, one in enumerate(chosen)]
        for space, k in itertools.product(SPACES, LIKELIHOOD_KS):
            seconds: dict[str, list[float]] = {"kmeans": [], "em": []}
            for source, _ in itertools.product(sources, range(settings.rounds)):
                for method, found in seconds.items():
                    words = [method, source, "-k", str(k), "--space", space, "-o", Path(folder) / "out.png", "-f", "-q"]
                    found.append(run_child([sys.executable, "-m", "colorquant", *words]).cpu)
            ratio = median(em / kmeans for em, kmeans in zip(seconds["em"], seconds["kmeans"], strict=True))
            reached = "yes" if ratio <= MOST_TIMES else "**no**"
            rows.append([space, k, median(seconds["kmeans"]), median(seconds["em"]), ratio, reached])
    headers = ["space", "K", "CPU s kmeans", "CPU s em", "em / kmeans", "reached"]
    note = f"Medians over pictures and rounds, in turn. To reach: at most {MOST_TIMES} times."
    return Table("Whole processes of em and kmeans", headers, rows, note)


def run(settings: Settings) -> Section:
    """Cost at 0.27 and 10 MP, the defaults, whole processes, then likelihoods of the search."""
    measured: list[Measured] = []
    verdicts: list[Verdict] = []
    sizes = {"0.27 MP": pictures.bundled("china").rgb(), "10 MP": pictures.large_rgb(settings.folder, settings.large)}
    for size, rgb in sizes.items():
        rows, lines = cases.hold(_contest(settings, size, rgb))  # libraries load in the first, of which there are more
        measured += rows
        verdicts += lines
    skipped = [f"{name}: needs {missing(name)}" for name in FITS if missing(name)]
    tables = cases.tables("Cost of EM", measured, verdicts)
    tables += [defaults(settings), processes(settings)]
    if missing(SKLEARN) is None:
        tables.append(likelihoods(settings))
    return Section("EM", tables, [*measured, *verdicts], skipped)
