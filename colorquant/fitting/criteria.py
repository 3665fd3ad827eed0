"""Information criteria: how many components a mixture should have."""

from __future__ import annotations

import math


def bic(log_likelihood: float, pixels: float, parameters: int) -> float:
    """Bayesian information criterion (Schwarz 1978) from the log-likelihood per pixel: lower is better."""
    return parameters * math.log(pixels) - 2 * log_likelihood * pixels


def aic(log_likelihood: float, pixels: float, parameters: int) -> float:
    """Akaike's information criterion (Akaike 1974) from the log-likelihood per pixel: lower is better."""
    return 2 * parameters - 2 * log_likelihood * pixels
