"""What the engines of EM share: z-scores, the default --reg-covar, and the random start."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from colorquant.color.spaces import Projection
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.gaussian import constrained
from colorquant.fitting.models import GaussianMixture
from colorquant.types import FloatArray, UInt8Array


@dataclass(frozen=True)
class Standardized(Projection):
    """Features as z-scores: less their ``mean`` (d,), divided by their ``deviation`` (d,)."""

    mean: FloatArray
    deviation: FloatArray

    def features(self, colors: UInt8Array) -> FloatArray:
        """Colours (n, 3) uint8 as z-scores (n, d)."""
        return (super().features(colors) - self.mean) / self.deviation


def default_reg_covar(weighted: WeightedFeatures, deviation: FloatArray | float = 1.0) -> float:
    """The variance of rounding to 8 bits, 1/12 of a squared level, in squared units of the features.

    ``deviation`` (d,) is what :func:`standardized` divided the bands by: the mean over the bands is taken.
    """
    return float(np.mean((weighted.projection.space.level / np.asarray(deviation)) ** 2) / 12)


def standardized(weighted: WeightedFeatures) -> tuple[WeightedFeatures, FloatArray, FloatArray]:
    """The features as z-scores over pixels, and the mean (d,) and deviation (d,) to undo it; a constant band has 1."""
    mean = weighted.mean(lambda features: features)
    deviation = np.sqrt(weighted.mean(lambda features: (features - mean) ** 2))
    deviation[deviation == 0] = 1.0
    projection = Standardized(weighted.projection.space, weighted.projection.keep_luma, mean, deviation)
    held = None if weighted.held is None else (weighted.held - mean) / deviation
    return dataclasses.replace(weighted, projection=projection, held=held), mean, deviation


def unstandardized(model: GaussianMixture, mean: FloatArray, deviation: FloatArray) -> GaussianMixture:
    """Convert a mixture that was fitted to z-scores back to the units of the colour space."""
    return dataclasses.replace(
        model,
        means=model.means * deviation + mean,
        covariances=model.covariances * np.outer(deviation, deviation),
    )


def rescaled(model: GaussianMixture, mean: FloatArray, deviation: FloatArray) -> GaussianMixture:
    """Convert a mixture from the units of the colour space to z-scores: the inverse of :func:`unstandardized`."""
    return unstandardized(model, -mean / deviation, 1 / deviation)


def random_start(
    weighted: WeightedFeatures, k: int, covariance: str, reg_covar: float, rng: np.random.Generator
) -> GaussianMixture:
    """k distinct colours drawn by their counts as means, equal weights, and the covariance of all pixels for each."""
    d = weighted.bands
    drawn = rng.choice(len(weighted), k, replace=False, p=weighted.weights / weighted.weights.sum())
    if covariance == "identity":
        whole = np.eye(d) * weighted.projection.space.level**2
    else:
        whole = np.atleast_2d(np.cov(weighted.features.T, aweights=weighted.weights, ddof=0)) + np.eye(d) * reg_covar
    covariances = constrained(np.repeat(whole[None], k, axis=0), covariance)
    return GaussianMixture(np.full(k, 1 / k), weighted.features_of(drawn), covariances, covariance)
