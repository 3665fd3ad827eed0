"""The formulas of Gaussian components that fitting and labelling share: log-densities and constrained covariances."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from colorquant.types import FloatArray


class LogDensityTerms(NamedTuple):
    """log πN(x|μ,Σ) of k components as a polynomial in x: constant + linear·x - ½ xᵀ·precisions·x.

    ``constant`` (k,), ``linear`` (k, d) and ``precisions`` (k, d, d), the inverse covariances.
    """

    constant: FloatArray
    linear: FloatArray
    precisions: FloatArray


def log_density_terms(log_weights: FloatArray, means: FloatArray, covariances: FloatArray) -> LogDensityTerms:
    """The terms for ``log_weights`` (k,), ``means`` (k, d) and positive definite ``covariances`` (k, d, d).

    log πN(x|μ,Σ) = log π - ½(d·log 2π + log|Σ|) - ½(x-μ)ᵀΣ⁻¹(x-μ) (Bishop 2006, eq. 2.43), expanded.
    """
    d = means.shape[1]
    precisions = np.asarray(np.linalg.inv(covariances), np.float64)
    linear = np.einsum("kij,kj->ki", precisions, means)
    log_det = np.linalg.slogdet(covariances)[1]
    mahalanobis = np.einsum("ki,ki->k", linear, means)
    constant = log_weights - 0.5 * (d * math.log(2 * math.pi) + log_det + mahalanobis)
    return LogDensityTerms(constant, linear, precisions)


def constrained(covariances: FloatArray, covariance: str) -> FloatArray:
    """``covariances`` (k, d, d) in the shape that ``covariance``, one of COVARIANCES, allows.

    Diagonal keeps the variances of the bands, spherical their mean; full and tied change nothing, since pooling a
    tied covariance is left to the caller.
    """
    d = covariances.shape[1]
    if covariance in ("full", "tied"):
        return covariances
    diagonals = np.diagonal(covariances, axis1=1, axis2=2)
    if covariance == "spherical":
        diagonals = np.repeat(diagonals.mean(axis=1, keepdims=True), d, axis=1)
    return np.asarray(diagonals[:, :, None] * np.eye(d))
