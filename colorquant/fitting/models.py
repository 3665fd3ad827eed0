"""The results of fits: centroids or a Gaussian mixture. Labels come from their ``predict``, and from nowhere else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from colorquant.blocks import blocks, row_blocks
from colorquant.fitting.gaussian import log_density_terms
from colorquant.types import AnyArray, FloatArray, Int32Array, IntArray, LabelArray, UInt8Array

BLOCK_ROWS = 1 << 16  # rows per sum


@dataclass(frozen=True, eq=False)
class Centroids:
    """The result of k-means: ``centers`` (k, d) float64 in the space's units."""

    centers: FloatArray

    @property
    def points(self) -> FloatArray:
        """The position (k, d) of each cluster."""
        return self.centers

    def predict(self, features: FloatArray) -> Int32Array:
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


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """The result of EM.

    ``weights`` (k,) sum to 1; ``means`` (k, d) and ``covariances`` (k, d, d) are float64 in the space's units, whatever
    the constraint ``covariance`` of the fit, one of COVARIANCES.
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
        """(k, 1 + d + d²): ``log_joint`` as a linear function of [1, y, y⊗y], y measured from ``_offset``."""
        k, d = self.means.shape
        with np.errstate(divide="ignore"):  # a component without weight has log π = -inf: it labels nothing
            log_weights = np.log(self.weights)
        terms = log_density_terms(log_weights, self.means - self._offset, self.covariances)
        return np.concatenate([terms.constant[:, None], terms.linear, -terms.precisions.reshape(k, d * d) / 2], axis=1)

    @cached_property
    def _offset(self) -> FloatArray:
        offset: FloatArray = self.means.mean(axis=0)
        return offset

    def log_joint(self, features: FloatArray) -> FloatArray:
        """log π_j N(x_i | μ_j, Σ_j) of each row of ``features`` (n, d) under each component, (n, k)."""
        n, d = features.shape
        terms = np.empty((d + d * d, n))  # by column, as numpy computes long rows fastest
        np.subtract(features.T, self._offset[:, None], out=terms[:d])
        np.multiply(terms[:d, None], terms[None, :d], out=terms[d:].reshape(d, d, n))
        log_joint: FloatArray = terms.T @ self._coefficients[:, 1:].T
        log_joint += self._coefficients[:, 0]
        return log_joint

    def predict(self, features: FloatArray) -> Int32Array:
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
        return self.summed(features, weights) / float(weights.sum())

    def summed(self, features: FloatArray, weights: FloatArray) -> float:
        """The sum over pixels of log p(x); arguments as for :meth:`log_likelihood`."""
        total = 0.0
        for rows in row_blocks(len(features), len(self.weights)):
            log_joint = self.log_joint(features[rows])
            peak = log_joint.max(axis=1)
            total += float((np.log(np.exp(log_joint - peak[:, None]).sum(axis=1)) + peak) @ weights[rows])
        return total

    def reordered(self, order: IntArray) -> GaussianMixture:
        """The same mixture, ``order[i]`` becoming component i."""
        return dataclasses.replace(
            self, weights=self.weights[order], means=self.means[order], covariances=self.covariances[order]
        )


Model = Centroids | GaussianMixture


def nearest_l1(points: FloatArray, features: FloatArray) -> Int32Array:
    """For each of ``features`` (n, d) the index of the nearest of ``points`` (k, d) by city-block distance, (n,)."""
    labels = np.empty(len(features), np.int32)
    for rows in row_blocks(len(features), len(points) * features.shape[1]):
        labels[rows] = np.argmin(np.abs(features[rows, None, :] - points).sum(axis=2), axis=1)
    return labels


ASSIGNMENTS: dict[str, Callable[[GaussianMixture, FloatArray], Int32Array]] = {
    "posterior": lambda model, features: model.predict(features),
    "nearest": lambda model, features: Centroids(model.means).predict(features),
    "nearest-l1": lambda model, features: nearest_l1(model.means, features),
}


def assigned(model: Model, features: FloatArray, assign: str | None) -> Int32Array:
    """The label of each row of ``features`` (n, d), (n,) int32; ``assign``, a key of ASSIGNMENTS, is for mixtures."""
    if assign is None or not isinstance(model, GaussianMixture):
        return model.predict(features)
    return ASSIGNMENTS[assign](model, features)


@dataclass(frozen=True, eq=False)
class Iteration:
    """The state of a fit after ``number`` iterations; 0 is its start.

    ``objective`` is the inertia, or the log-likelihood per pixel, of ``model`` (or, if a step of EM lowered it, of the
    best model so far); ``sizes`` (k,) float64 is the weight of each cluster in pixels, for a mixture the expected one.
    """

    number: int
    objective: float
    model: Model
    sizes: FloatArray


@dataclass(frozen=True, eq=False)
class SearchStep:
    """The beginning of a step of the search for a start: ``number``, from 1, of ``total`` steps of one kind.

    ``kind`` is "start" (of EM), or "round" (of the splits and removals of k-means).
    """

    kind: str
    number: int
    total: int


def largest_shift(before: Model, after: Model) -> float:
    """The largest distance that a cluster moved, in the space's units."""
    return float(np.max(np.linalg.norm(after.points - before.points, axis=1)))


@dataclass(frozen=True, eq=False)
class Fit:
    """The result of an engine.

    ``labels`` (m,), of any integer type, are those of the rows of the weighted features. ``trace`` has the objective
    after each iteration (inertia, or log-likelihood per pixel); it is empty, and ``n_iter`` and ``converged`` are None,
    where the engine does not report them. ``objective`` is that of ``model`` and ``labels`` over all pixels, if the
    engine computes it. ``pixel_labels`` (pixels,), in picture order, replace ``labels`` if the engine labels pixels
    itself. ``fitted`` is false where each row became a cluster of its own. ``searched`` is true where a search on
    coarse cells came before the iterations, so that few of them were left to do. The first clusters are those of the
    ``locked`` colours (l, 3) uint8, which the palette has whether they have pixels or not.
    """

    model: Model
    labels: LabelArray
    n_iter: int | None
    converged: bool | None
    trace: tuple[float, ...] = ()
    objective: float | None = None
    pixel_labels: Int32Array | None = None
    fitted: bool = True
    searched: bool = False
    locked: UInt8Array | None = None


def totals_by_label(labels: AnyArray, weights: AnyArray, k: int) -> FloatArray:
    """Per label, 0 to k - 1, the sum of the ``weights`` (n,) of its rows, (k,) float64, block by block."""
    totals = np.zeros(k)
    for rows in blocks(len(labels), max(BLOCK_ROWS, 4 * k)):
        totals += np.bincount(labels[rows], weights[rows], k)
    return totals


def sums_by_label(labels: AnyArray, weights: AnyArray, columns: AnyArray, k: int) -> FloatArray:
    """Per label, 0 to k - 1, the sum of ``columns`` (c, n) times ``weights`` (n,) over its rows, (c, k) float64.

    Sums of integers are exact. It works block by block, so that the products stay in the processor's cache.
    """
    sums = np.zeros((len(columns), k))
    for rows in blocks(len(labels), max(BLOCK_ROWS, 4 * k)):
        for total, column in zip(sums, columns, strict=True):
            total += np.bincount(labels[rows], np.multiply(weights[rows], column[rows], dtype=np.float64), k)
    return sums
