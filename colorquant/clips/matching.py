"""Labels that go on from one fit to the next: which entry of a palette stands for which entry of the one before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from colorquant.color.packing import pack
from colorquant.color.rgba import OPAQUE, RgbaProjection
from colorquant.color.spaces import Projection
from colorquant.fitted_palette import FittedPalette
from colorquant.fitting.features import projection_of
from colorquant.fitting.models import Centroids, GaussianMixture, Model
from colorquant.types import BoolArray, FloatArray, IntArray, UInt8Array

MOST_MATCHED = 2048  # entries: the assignment of so many takes a second
LEAST_SHARE = 1e-9  # of the pixels, so that entries without pixels find their like as well


def continued(palette: FittedPalette, before: FittedPalette) -> FittedPalette:
    """The ``palette`` in an order that continues the one ``before``: entry i stands for what entry i stood for.

    Entries of the same colour belong together. The others are assigned so that the sum of their distances is least, in
    the space of the fit, each weighted by the shares of pixels of the two entries. Entries that the palette has in
    addition come last, in their order. Where it has fewer, those that nothing continues keep their colour without a
    pixel: the palette is never shorter than the one before.
    """
    order = _clusters(palette, before)
    model = _with_unused(palette, before, order)
    kept = order < len(palette)
    rows = _rows(before, alpha=palette.alpha is not None)
    rows = np.concatenate([rows, np.zeros((len(order) - len(rows), rows.shape[1]), np.uint8)])
    rows[kept] = palette.rows[order[kept]]
    counts = np.zeros(len(order), np.int64)
    if palette.counts is not None:
        counts[kept] = palette.counts[order[kept]]
    chroma = palette.chroma
    if chroma is not None:
        entries = chroma
        chroma = projection_of(palette.options).features(rows)
        chroma[kept] = entries[order[kept]]
    rest = np.setdiff1d(np.arange(len(model.points)), order)
    return replace(
        palette,
        colors=np.ascontiguousarray(rows[:, :3]),
        alpha=None if palette.alpha is None else np.ascontiguousarray(rows[:, 3]),
        counts=counts,
        model=model.reordered(np.concatenate([order, rest])),
        chroma=chroma,
    )


def _clusters(palette: FittedPalette, before: FittedPalette) -> IntArray:
    """For each entry the number of its cluster in the palette's model, (max(p, q),) for p entries after q.

    Numbers from p on are clusters without pixels: those of the model first, then ones that it does not have.
    """
    old, new = _matched(palette, before)
    numbers = np.full(max(len(palette), len(before)), -1)
    numbers[old] = new
    others = np.setdiff1d(np.arange(len(palette)), new)
    numbers[len(before) :] = others
    lost = np.flatnonzero(numbers < 0)
    numbers[lost] = len(palette) + np.arange(len(lost))
    return numbers


def _matched(palette: FittedPalette, before: FittedPalette) -> tuple[IntArray, IntArray]:
    """The entries of ``before`` and of ``palette`` that belong together, min(p, q) pairs."""
    alpha = palette.alpha is not None or before.alpha is not None
    rows = [_rows(before, alpha=alpha), _rows(palette, alpha=alpha)]
    _, *same = np.intersect1d(pack(rows[0]), pack(rows[1]), return_indices=True)
    left = [np.setdiff1d(np.arange(len(part)), found) for part, found in zip(rows, same, strict=True)]
    if not min(map(len, left)):
        return same[0], same[1]
    from scipy.optimize import linear_sum_assignment  # it comes with scikit-learn; a single fit does not need it

    options = palette.options
    projection = RgbaProjection.in_space(options.space) if alpha else Projection.of(options.space, options.keep_luma)
    positions = [projection.features(part[entries]) for part, entries in zip(rows, left, strict=True)]
    shares = [_shares(part)[entries] for part, entries in zip((before, palette), left, strict=True)]
    distances = np.sqrt(sum(np.subtract.outer(*bands) ** 2 for bands in zip(*(p.T for p in positions), strict=True)))
    found = linear_sum_assignment(distances * np.add.outer(*shares))
    pairs = [np.concatenate([one, part[index]]) for one, part, index in zip(same, left, found, strict=True)]
    return pairs[0], pairs[1]


def _shares(palette: FittedPalette) -> FloatArray:
    """The share of the pixels that each entry has, (p,)."""
    counts = np.zeros(len(palette)) if palette.counts is None else palette.counts.astype(np.float64)
    shares: FloatArray = counts / max(counts.sum(), 1) + LEAST_SHARE
    return shares


def _rows(palette: FittedPalette, *, alpha: bool) -> UInt8Array:
    """The entries as (p, 4) uint8 with ``alpha``, else as (p, 3)."""
    if not alpha or palette.alpha is not None:
        return palette.rows if alpha else palette.colors
    return np.column_stack([palette.colors, np.full(len(palette), OPAQUE, np.uint8)])


def _with_unused(palette: FittedPalette, before: FittedPalette, numbers: IntArray) -> Model:
    """The model of the palette, with clusters for those of the ``numbers`` (m,) that it does not have.

    They stand where the entries of ``before`` are that nothing continues. All colours that were fitted have a cluster
    of their own then, so that no pixel of these gets one of the others.
    """
    model = palette.model
    added: BoolArray = numbers >= len(model.points)
    if not added.any():
        return model
    rows = _rows(before, alpha=palette.alpha is not None)[np.flatnonzero(added)[np.argsort(numbers[added])]]
    points = np.concatenate([model.points, projection_of(palette.options).features(rows)])
    if isinstance(model, Centroids):
        return Centroids(points)
    covariances = np.concatenate([model.covariances, np.repeat(model.covariances[:1], len(rows), axis=0)])
    weights = np.concatenate([model.weights, np.zeros(len(rows))])
    return GaussianMixture(weights, points, covariances, model.covariance)
