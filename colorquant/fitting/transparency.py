"""A cluster of their own for fully transparent pixels, so that they stay fully transparent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from colorquant.blocks import blocks
from colorquant.color.histogram import ColorHistogram
from colorquant.color.strip_counting import smallest_type
from colorquant.errors import EngineError
from colorquant.fitting.features import WeightedFeatures
from colorquant.fitting.models import Centroids, Fit
from colorquant.fitting.options import FitOptions
from colorquant.types import BoolArray, LabelArray

FitRest = Callable[[WeightedFeatures, FitOptions], Fit]


def keep_transparent(weighted: WeightedFeatures, fit: Fit, options: FitOptions, fit_rest: FitRest) -> Fit:
    """A fit to colours with alpha in which fully transparent pixels stay so; the given one where it does that.

    Elsewhere, since few pixels are fully transparent, they would be painted with some alpha. Then they get a cluster
    of their own, and ``fit_rest`` fits one cluster less to all other rows. A single cluster is left as it is. Raises
    EngineError where all clusters are locked colours.
    """
    transparent = np.flatnonzero(weighted.histogram.colors[:, 3] == 0)
    if not len(transparent):
        return fit
    locked = len(options.lock)
    if options.k == locked:
        raise EngineError(
            f"-k {options.k} leaves transparent pixels no entry beside {locked} locked colours: "
            f"use -k {locked + 1}, or with -k auto --min-k {locked + 1}"
        )
    if options.k < 2:
        return fit
    row = int(transparent[0])
    if fit.labels[row] >= locked and _hidden(weighted.histogram, fit.labels, fit.labels[row]):
        return fit
    others = np.ones(len(weighted), np.bool_)
    others[row] = False
    rest = fit_rest(weighted.rows(others), options.replace(k=options.k - 1))
    model = Centroids(np.concatenate([rest.model.points, weighted.features_of(slice(row, row + 1))]))
    labels = weighted.label(model.predict)
    if not _used(labels, len(model.centers))[locked:].all():  # it took all members of a fitted cluster
        labels = np.empty(len(weighted), smallest_type(len(model.centers) - 1))
        labels[others] = rest.labels
        labels[row] = len(model.centers) - 1
    return replace(rest, model=model, labels=labels, objective=None, trace=())


def _hidden(histogram: ColorHistogram, labels: LabelArray, label: int) -> bool:
    """Whether the mean alpha of the rows with this label rounds to 0."""
    opacity = total = 0
    for rows in blocks(len(labels)):
        members = labels[rows] == label
        weights = histogram.stored_weights[rows][members].astype(np.int64)
        opacity += int(weights @ histogram.colors[rows, 3][members].astype(np.int64))
        total += int(weights.sum())
    return 2 * opacity < total


def _used(labels: LabelArray, k: int) -> BoolArray:
    """Which of the labels 0 to k - 1 occur, (k,)."""
    used = np.zeros(k, np.bool_)
    for rows in blocks(len(labels)):
        used[labels[rows]] = True
    return used
