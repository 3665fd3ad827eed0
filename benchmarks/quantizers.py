"""The quantizers that are measured: a table of names, and a function from pixels to painted pixels for each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import partial
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.measures import distinct
from benchmarks.pictures import RGB
from benchmarks.wu import lloyd, means, wu_labels
from colorquant import quantize
from colorquant.fitting.options import FitOptions

Labels = npt.NDArray[np.integer]
Paint = Callable[[RGB, int], RGB]

OURS = "colorquant kmeans"
NEVER = 1 << 30


@dataclass(frozen=True)
class Quantizer:
    """One row: ``paint(rgb, k)`` does it in this process. From ``slow_from`` colours on it takes ``--slow``."""

    paint: Paint
    needs: str = "numpy"
    slow_from: int = NEVER

    @property
    def missing(self) -> str | None:
        """What is to be installed, or None."""
        return None if find_spec(self.needs.split(".")[0]) else f"the Python package {self.needs}"


def has_effort() -> bool:
    """Whether this version of colorquant knows ``effort``."""
    return any(field.name == "effort" for field in fields(FitOptions))


def ours(rgb: RGB, k: int, **options: object) -> RGB:
    """colorquant with its defaults, or with ``options``."""
    return quantize(rgb, FitOptions(k=k).replace(**options)).rgb


def paint_members(rgb: RGB, labels: Labels, k: int) -> RGB:
    """Pixels (h, w, 3) painted with the rounded mean of the pixels that share their label (h·w,)."""
    pixels = rgb.reshape(-1, 3)
    palette = means(pixels, np.ones(len(pixels), np.int64), np.asarray(labels, np.int64).reshape(-1), k)
    return _look_up(palette, labels, rgb)


def _look_up(palette: npt.NDArray[np.floating], labels: Labels, rgb: RGB) -> RGB:
    return np.asarray(np.rint(palette).clip(0, 255).astype(np.uint8)[labels.reshape(-1)].reshape(rgb.shape))


def imagequant(rgb: RGB, k: int, speed: int | None = None) -> RGB:
    """libimagequant through the package ``imagequant``, not dithered; its Python functions know no speed."""
    from imagequant._libimagequant import ffi, lib

    height, width = rgb.shape[:2]
    rgba = np.dstack([rgb, np.full((height, width), 255, np.uint8)])
    attributes = lib.liq_attr_create()
    lib.liq_set_max_colors(attributes, k)
    if speed is not None:
        lib.liq_set_speed(attributes, speed)
    image = lib.liq_image_create_rgba(attributes, ffi.from_buffer(rgba), width, height, 0)
    result = ffi.new("liq_result**")
    if lib.liq_image_quantize(image, attributes, result) != lib.LIQ_OK:
        raise RuntimeError("libimagequant failed")
    lib.liq_set_dithering_level(result[0], 0.0)
    labels = np.empty((height, width), np.uint8)
    lib.liq_write_remapped_image(result[0], image, ffi.from_buffer(labels), labels.size)
    found = lib.liq_get_palette(result[0])
    palette = np.array([(entry.r, entry.g, entry.b) for entry in list(found.entries)[: found.count]], np.uint8)
    lib.liq_result_destroy(result[0])
    lib.liq_image_destroy(image)
    lib.liq_attr_destroy(attributes)
    return np.asarray(palette[labels])


def pillow(rgb: RGB, k: int, method: Image.Quantize, kmeans: int = 0) -> RGB:
    """Pillow's ``quantize``; without a palette image it never dithers."""
    painted = Image.fromarray(rgb).quantize(k, method=method, kmeans=kmeans, dither=Image.Dither.NONE)
    return np.asarray(painted.convert("RGB"))


def opencv(rgb: RGB, k: int, attempts: int = 1, random: bool = False) -> RGB:
    """``cv2.kmeans`` on all pixels, 10 iterations, and the look-up."""
    import cv2

    cv2.setRNGSeed(0)
    flags = cv2.KMEANS_RANDOM_CENTERS if random else cv2.KMEANS_PP_CENTERS
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0)
    _, labels, centers = cv2.kmeans(rgb.reshape(-1, 3).astype(np.float32), k, None, stop, attempts, flags)
    return _look_up(centers, labels, rgb)


def sklearn_weighted(rgb: RGB, k: int, n_init: int = 1) -> RGB:
    """``KMeans`` on distinct colours with their counts as weights."""
    from sklearn.cluster import KMeans

    colors, counts, rows = distinct(rgb)
    fitted = KMeans(k, n_init=n_init, max_iter=300, random_state=0).fit(colors.astype(np.float64), sample_weight=counts)
    return _look_up(means(colors, counts, fitted.labels_, k), fitted.labels_[rows], rgb)


def sklearn_pixels(rgb: RGB, k: int, kind: str = "KMeans", sample: int | None = None) -> RGB:
    """A class of ``sklearn.cluster`` on all pixels, or on ``sample`` of them, as in scikit-learn's own example."""
    import sklearn.cluster

    pixels = rgb.reshape(-1, 3).astype(np.float32)
    model = getattr(sklearn.cluster, kind)(k, n_init=1, random_state=0)
    if sample is None:
        labels = model.fit(pixels).labels_
    else:
        labels = model.fit(np.random.default_rng(0).choice(pixels, sample, replace=False)).predict(pixels)
    return _look_up(model.cluster_centers_, labels, rgb)


def sklearn_mixture(rgb: RGB, k: int) -> RGB:
    """``GaussianMixture``, full covariances, on all pixels."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = GaussianMixture(k, reg_covar=1 / 12, random_state=0).fit_predict(rgb.reshape(-1, 3).astype(np.float64))
    return paint_members(rgb, labels, k)


def opencv_mixture(rgb: RGB, k: int) -> RGB:
    """``cv2.ml.EM``, full covariances, on all pixels, with its own 100 iterations at most."""
    import cv2

    cv2.setRNGSeed(0)
    em = cv2.ml.EM.create()
    em.setClustersNumber(k)
    em.setCovarianceMatrixType(cv2.ml.EM_COV_MAT_GENERIC)
    _, _, labels, _ = em.trainEM(rgb.reshape(-1, 3).astype(np.float32))
    return paint_members(rgb, np.asarray(labels, np.int64), k)


def wu(rgb: RGB, k: int, refine: bool = False) -> RGB:
    """Wu's quantizer, 32 bins per channel; ``refine`` adds weighted Lloyd iterations to 1e-4."""
    colors, counts, rows = distinct(rgb)
    labels = wu_labels(colors, counts, k)
    if refine:
        labels = lloyd(colors, counts, labels, k)
    return _look_up(means(colors, counts, labels, k), labels[rows], rgb)


def warm_up(quantizers: Iterable[Quantizer]) -> None:
    """Run each once on a tiny picture, so that no row pays for loading its library."""
    tiny = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    for quantizer in quantizers:
        quantizer.paint(tiny, 4)


def _efforts() -> dict[str, Quantizer]:
    if not has_effort():
        return {}
    return {f"{OURS}, {effort}": Quantizer(partial(ours, effort=effort)) for effort in ("fast", "best")}


QUANTIZERS: dict[str, Quantizer] = {
    OURS: Quantizer(ours),
    **_efforts(),
    "colorquant em": Quantizer(partial(ours, method="em"), slow_from=64),
    "imagequant": Quantizer(imagequant, "imagequant"),
    "imagequant, speed 3": Quantizer(partial(imagequant, speed=3), "imagequant"),
    "Pillow, median cut": Quantizer(partial(pillow, method=Image.Quantize.MEDIANCUT)),
    "Pillow, median cut + kmeans": Quantizer(partial(pillow, method=Image.Quantize.MEDIANCUT, kmeans=1)),
    "Pillow, fast octree": Quantizer(partial(pillow, method=Image.Quantize.FASTOCTREE)),
    "cv2.kmeans, PP": Quantizer(opencv, "cv2"),
    "cv2.kmeans, RANDOM": Quantizer(partial(opencv, random=True), "cv2", slow_from=256),
    "cv2.kmeans, PP, 3 attempts": Quantizer(partial(opencv, attempts=3), "cv2", slow_from=64),
    "cv2.kmeans, RANDOM, 3 attempts": Quantizer(partial(opencv, attempts=3, random=True), "cv2", slow_from=64),
    "cv2.ml.EM": Quantizer(opencv_mixture, "cv2", slow_from=4),
    "scikit-learn KMeans, weighted colours": Quantizer(sklearn_weighted, "sklearn", slow_from=256),
    "scikit-learn KMeans, weighted colours, n_init=10": Quantizer(
        partial(sklearn_weighted, n_init=10), "sklearn", slow_from=4
    ),
    "scikit-learn KMeans, pixels": Quantizer(sklearn_pixels, "sklearn", slow_from=64),
    "scikit-learn KMeans, 1,000 pixels": Quantizer(partial(sklearn_pixels, sample=1000), "sklearn"),
    "scikit-learn MiniBatchKMeans": Quantizer(partial(sklearn_pixels, kind="MiniBatchKMeans"), "sklearn"),
    "scikit-learn GaussianMixture": Quantizer(sklearn_mixture, "sklearn", slow_from=4),
    "Wu": Quantizer(wu),
    "Wu + weighted Lloyd": Quantizer(partial(wu, refine=True)),
}
REFERENCE = "scikit-learn KMeans, weighted colours, n_init=10"
PERCEPTUAL_OURS: dict[str, Quantizer] = {
    f"{OURS}, {space}": Quantizer(partial(ours, space=space)) for space in ("lab", "oklab")
}
