"""What a fit depends on, and what it yields. ``predict`` lives here and only here."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from colorquant.errors import OptionError
from colorquant.histogram import AnyArray, ColorHistogram, Voters, blocks, morton_codes, morton_order
from colorquant.spaces import Projection

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
LabelArray = npt.NDArray[np.int32]
UInt8Array = npt.NDArray[np.uint8]

MAX_COLORS = 65536
LARGEST = 1e9  # of a tolerance or a variance: OpenCV squares it, and crashes on infinity
MAX_SEED = 2**31 - 1  # OpenCV's generator takes a C int
COVARIANCES = ("spherical", "diagonal", "full", "tied", "identity")
Real = TypeVar("Real", np.float32, np.float64)
BLOCK_ROWS = 1 << 16  # rows per sum
BLOCK = 2048  # rows per matrix product: rows × components stay in the processor's cache


@dataclass(frozen=True)
class FitOptions:
    """All that a fit depends on; each field is named like its flag.

    None means that the user did not say: :func:`colorquant.engines.resolve` fills in the engine's default.
    ``tol`` is the largest shift of a centre in the space's units (kmeans) or the gain of log-likelihood per pixel (em)
    at which to stop; ``reg_covar`` is a variance in squared units of what is fitted: the space's, with
    ``standardize`` z-scores'.
    """

    method: str = "kmeans"
    k: int = 16
    space: str = "rgb"
    keep_luma: bool | None = None
    engine: str = "numpy"
    init: str | None = None
    attempts: int | None = None
    max_iter: int | None = None
    tol: float | None = None
    seed: int = 0
    effort: str | None = None
    covariance: str | None = None
    reg_covar: float | None = None
    standardize: bool | None = None

    def __post_init__(self) -> None:
        _check_range("-k", self.k, 1, MAX_COLORS)
        _check_range("--attempts", self.attempts, 1, 10_000)
        _check_range("--max-iter", self.max_iter, 1, 1_000_000)
        _check_range("--seed", self.seed, 0, MAX_SEED)
        if self.tol is not None and not 0 <= self.tol <= LARGEST:
            raise OptionError(f"--tol {self.tol:g} is out of range: take a number from 0 to {LARGEST:g}")
        if self.reg_covar is not None and not 0 < self.reg_covar <= LARGEST:
            raise OptionError(f"--reg-covar {self.reg_covar:g} is out of range: take one above 0, up to {LARGEST:g}")

    def replace(self, **changes: object) -> FitOptions:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


def _check_range(flag: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise OptionError(f"{flag} {value} is out of range: take a whole number from {least} to {most}")


@dataclass(frozen=True)
class Samples:
    """What an engine fits: the histogram's colours as features.

    ``features`` (m, d) float64 are distinct, ``weights`` (m,) float64 their pixels, a partly transparent one counting
    as its alpha / 255. ``index`` (n,) gives each colour of ``histogram`` its row where several share one (gray,
    chroma); None where each has its own. Rows stand in Morton order: near rows are near in space. ``rgb`` (…, 3) uint8
    are the pixels in picture order, ``alpha`` (pixels,) uint8 theirs, None where all are opaque.
    """

    histogram: ColorHistogram
    projection: Projection
    features: FloatArray
    weights: FloatArray
    index: IntArray | None
    rgb: UInt8Array
    alpha: UInt8Array | None = None

    @classmethod
    def of(cls, histogram: ColorHistogram, projection: Projection, voters: Voters, *, merge: bool = True) -> Samples:
        """The samples of ``voters`` whose colours are counted in ``histogram``.

        Without ``merge`` colours that share their features stay apart.
        """
        features = projection.features(histogram.colors)
        votes, whole = histogram.votes.astype(np.float64), histogram.whole
        if projection.injective or not merge:
            return cls(histogram, projection, features, votes / whole, None, voters.rgb, voters.alpha)
        _, first, index = np.unique(_feature_keys(features, projection), return_index=True, return_inverse=True)
        features = features[first]
        order = morton_order(morton_codes(_grid(features)))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        index = rank[index]
        weights = np.bincount(index, votes).astype(np.float64) / whole
        return cls(histogram, projection, features[order], weights, index, voters.rgb, voters.alpha)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def codes(self) -> npt.NDArray[np.uint32]:
        """The Morton codes (m,) of the rows, ascending."""
        return morton_codes(self.histogram.colors if self.index is None else _grid(self.features))

    @property
    def columns(self) -> FloatArray:
        """The features by band, (d, m), contiguous: no copy, as the features lie in memory so."""
        return np.ascontiguousarray(self.features.T)

    def per_pixel(self, dtype: type[Real]) -> npt.NDArray[Real]:
        """The features of every pixel in picture order, (pixels, d), for engines that take no weights."""
        rows = np.arange(len(self), dtype=np.int32) if self.index is None else self.index.astype(np.int32)
        return self.features.astype(dtype)[self.histogram.spread(rows, self.rgb.reshape(1, -1, 3)).reshape(-1)]

    def per_color(self, values: AnyArray) -> AnyArray:
        """``values`` (m, …) of the rows as values of the histogram's colours, (n, …)."""
        return values if self.index is None else values[self.index]


def _grid(features: FloatArray) -> UInt8Array:
    """The place of each row of features (m, d) on a grid of 256 steps along the widest band, (m, d) uint8."""
    low = features.min(axis=0, initial=np.inf)
    width = float(np.max(features.max(axis=0, initial=-np.inf) - low)) or 1.0
    return np.asarray((features - low) * (255 / width)).astype(np.uint8)


def _feature_keys(features: FloatArray, projection: Projection) -> IntArray:
    """One int64 (n,) per row of ``features`` (n, d), equal where the rows are: to 2^-20 of a level for float spaces."""
    scale = 1.0 if projection.space.level == 1 else 2**20 / projection.space.level
    shift = 62 // features.shape[1]
    keys = np.zeros(len(features), np.int64)
    for band in np.rint(features * scale).astype(np.int64).T:
        keys = (keys << shift) + band
    return keys


@dataclass(frozen=True)
class Centroids:
    """What k-means yields: ``centers`` (k, d) float64 in the space's units."""

    centers: FloatArray

    @property
    def points(self) -> FloatArray:
        """The position (k, d) of each cluster."""
        return self.centers

    def predict(self, features: FloatArray) -> LabelArray:
        """The nearest centre of each row of ``features`` (n, d); the first of equals. (n,) int32."""
        labels = np.empty(len(features), np.int32)
        offset = self.centers.sum(axis=0) / max(
            1, len(self.centers)
        )  # small numbers lose no digits in the product below
        centers = self.centers - offset
        half_norms = np.einsum("ij,ij->i", centers, centers) / 2
        for rows in row_blocks(len(features), len(centers)):
            labels[rows] = np.argmax((features[rows] - offset) @ centers.T - half_norms, axis=1)
        return labels

    def inertia(self, features: FloatArray, weights: FloatArray, labels: npt.NDArray[np.integer]) -> float:
        """Weighted sum of squared distances of ``features`` (n, d) to the centres that ``labels`` (n,) name."""
        total = 0.0
        for rows in blocks(len(features)):
            difference = features[rows] - self.centers[labels[rows]]
            total += float(np.einsum("ij,ij->i", difference, difference) @ weights[rows])
        return total

    def reordered(self, order: IntArray) -> Centroids:
        """The same clusters, ``order[i]`` becoming number i."""
        return Centroids(self.centers[order])


@dataclass(frozen=True)
class GaussianMixture:
    """What EM yields.

    ``weights`` (k,) sum to 1; ``means`` (k, d) and ``covariances`` (k, d, d) are float64 in the space's units, whatever
    the constraint ``covariance`` under which they were fitted.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    covariance: str = "full"

    @property
    def points(self) -> FloatArray:
        """The position (k, d) of each component."""
        return self.means

    @property
    def n_parameters(self) -> int:
        """The number of free parameters, as BIC counts them."""
        k, d = self.means.shape
        full = d * (d + 1) // 2
        free = {"spherical": k, "diagonal": k * d, "full": k * full, "tied": full, "identity": 0}
        return int(k - 1 + k * d + free[self.covariance])

    @cached_property
    def _coefficients(self) -> FloatArray:
        """(k, 1 + d + d²): ``log_joint`` as a linear function of [1, y, y⊗y], y measured from ``_offset``.

        log πN(x|μ,Σ) = log π - ½(d·log 2π + log|Σ|) - ½(x-μ)ᵀΣ⁻¹(x-μ) (Bishop 2006, eq. 2.43), multiplied out.
        """
        k, d = self.means.shape
        precisions = np.linalg.inv(self.covariances)
        means = self.means - self._offset
        linear = np.einsum("kij,kj->ki", precisions, means)
        with np.errstate(divide="ignore"):  # a component without weight has log π = -inf: it labels nothing
            log_weights = np.log(self.weights)
        log_det = np.linalg.slogdet(self.covariances)[1]
        constant = log_weights - (d * math.log(2 * math.pi) + log_det + np.einsum("ki,ki->k", linear, means)) / 2
        return np.concatenate([constant[:, None], linear, -precisions.reshape(k, d * d) / 2], axis=1)

    @cached_property
    def _offset(self) -> FloatArray:
        offset: FloatArray = self.means.mean(axis=0)
        return offset

    def log_joint(self, features: FloatArray) -> FloatArray:
        """log π_j N(x_i | μ_j, Σ_j) of each row of ``features`` (n, d) under each component, (n, k)."""
        centered = features - self._offset
        products = (centered[:, :, None] * centered[:, None, :]).reshape(len(features), -1)
        log_joint: FloatArray = (
            np.concatenate([centered, products], axis=1) @ self._coefficients[:, 1:].T + self._coefficients[:, 0]
        )
        return log_joint

    def predict(self, features: FloatArray) -> LabelArray:
        """The component of highest posterior for each row of ``features`` (n, d); the first of equals. (n,) int32."""
        labels = np.empty(len(features), np.int32)
        for rows in row_blocks(len(features), len(self.weights)):
            labels[rows] = np.argmax(self.log_joint(features[rows]), axis=1)
        return labels

    def posteriors(self, features: FloatArray) -> npt.NDArray[np.float32]:
        """The probability of each component given each row of ``features`` (n, d), (n, k); rows sum to 1."""
        posteriors = np.empty((len(features), len(self.weights)), np.float32)
        for rows in row_blocks(len(features), len(self.weights)):
            log_joint = self.log_joint(features[rows])
            joint = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
            posteriors[rows] = joint / joint.sum(axis=1, keepdims=True)
        return posteriors

    def log_likelihood(self, features: FloatArray, weights: FloatArray) -> float:
        """Mean over pixels of log p(x), natural; ``features`` (n, d) with their pixel counts ``weights`` (n,)."""
        total = 0.0
        for rows in row_blocks(len(features), len(self.weights)):
            log_joint = self.log_joint(features[rows])
            peak = log_joint.max(axis=1)
            total += float((np.log(np.exp(log_joint - peak[:, None]).sum(axis=1)) + peak) @ weights[rows])
        return total / float(weights.sum())

    def reordered(self, order: IntArray) -> GaussianMixture:
        """The same mixture, ``order[i]`` becoming component i."""
        return dataclasses.replace(
            self, weights=self.weights[order], means=self.means[order], covariances=self.covariances[order]
        )


Model = Centroids | GaussianMixture


def nearest_l1(points: FloatArray, features: FloatArray) -> LabelArray:
    """The one of ``points`` (k, d) at the least sum of absolute differences to each of ``features`` (n, d), (n,)."""
    labels = np.empty(len(features), np.int32)
    for rows in row_blocks(len(features), len(points) * features.shape[1]):
        labels[rows] = np.argmin(np.abs(features[rows, None, :] - points).sum(axis=2), axis=1)
    return labels


ASSIGNMENTS: dict[str, Callable[[GaussianMixture, FloatArray], LabelArray]] = {
    "posterior": lambda model, features: model.predict(features),
    "nearest": lambda model, features: Centroids(model.means).predict(features),
    "nearest-l1": lambda model, features: nearest_l1(model.means, features),
}


def assigned(model: Model, features: FloatArray, assign: str | None) -> LabelArray:
    """The label of each row of ``features`` (n, d), (n,) int32: a mixture's by ``assign``, of ASSIGNMENTS."""
    if assign is None or not isinstance(model, GaussianMixture):
        return model.predict(features)
    return ASSIGNMENTS[assign](model, features)


@dataclass(frozen=True)
class Iteration:
    """Where a fit stands after ``number`` iterations; 0 is its start.

    ``objective`` is the inertia, or the log-likelihood per pixel, of ``model`` (or, where a step of EM fell, of the
    best one so far); ``sizes`` (k,) float64 is what each cluster weighs, in pixels, for a mixture on average.
    """

    number: int
    objective: float
    model: Model
    sizes: FloatArray


def largest_shift(before: Model, after: Model) -> float:
    """How far the cluster moved that moved furthest, in the space's units."""
    return float(np.max(np.linalg.norm(after.points - before.points, axis=1)))


@dataclass(frozen=True)
class Fit:
    """What an engine returns.

    ``labels`` (m,) int32 belong to the rows of the samples. ``trace`` has the objective after each iteration (inertia,
    or log-likelihood per pixel); it, ``n_iter`` and ``converged`` as far as the engine tells. ``objective`` is that of
    ``model`` and ``labels``, over all pixels, where the engine knows it. ``pixel_labels`` (pixels,) stand in picture
    order where the engine labels pixels itself, and are then the ones that count. ``fitted`` is false where each row
    became a cluster of its own.
    """

    model: Model
    labels: LabelArray
    n_iter: int | None
    converged: bool | None
    trace: tuple[float, ...] = ()
    objective: float | None = None
    pixel_labels: LabelArray | None = None
    fitted: bool = True


def sums_by_label(labels: AnyArray, weights: AnyArray, columns: AnyArray, k: int) -> FloatArray:
    """Per label, 0 to k - 1, the sum of ``columns`` (c, n) times ``weights`` (n,) over its rows, (c, k) float64.

    Sums of integers are exact. Block by block, so that the products stay in the processor's cache.
    """
    sums = np.zeros((len(columns), k))
    for rows in blocks(len(labels), max(BLOCK_ROWS, 4 * k)):
        for total, column in zip(sums, columns, strict=True):
            total += np.bincount(labels[rows], np.multiply(weights[rows], column[rows], dtype=np.float64), k)
    return sums


def row_blocks(n: int, k: int) -> Iterator[slice]:
    """Slices of ``n`` rows, such that a block of rows × ``k`` numbers stays in the processor's cache."""
    step = max(16, min(BLOCK, (1 << 19) // max(k, 1)))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))
