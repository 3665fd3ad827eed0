"""Making a palette: the colour of each label, from the model or from the label's members."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from colorquant.blocks import blocks
from colorquant.color.packing import pack
from colorquant.color.rgba import OPAQUE
from colorquant.color.spaces import Projection
from colorquant.fitting.models import Model
from colorquant.mapping.labelling import Labelling, heaviest_rows, majority_rows
from colorquant.types import AnyArray, BoolArray, FloatArray, IntArray, UInt8Array

PAINTS = {
    "members": "the mean RGB of the label's pixels, or the colour that more than half of them have",
    "mean": "the mean RGB of the label's pixels: the lowest MSE that these labels allow",
    "dominant": "the most frequent colour among the label's pixels",
    "centers": "the model's own centre or mean, converted back to RGB",
}


def member_colors(labelling: Labelling, paint: str) -> UInt8Array:
    """The colour (k, 3) uint8 of each label, computed from its members; black where a label has none.

    ``paint`` is members, mean or dominant, of :data:`PAINTS`. A mean is rounded half up. With alpha the colours are
    (k, 4).
    """
    colors = labelling.mean_colors
    if paint != "mean":
        members, labels, member_weights = labelling.member_colors()
        if paint == "dominant":
            owners, rows = heaviest_rows(labels, member_weights)
        else:
            owners, rows = majority_rows(labels, member_weights, labelling.fit_totals)
            if members.shape[1] == 4:  # among soft edges a majority is chance, and the mean is nearer to the others
                opaque = members[rows, 3] == OPAQUE
                owners, rows = owners[opaque], rows[opaque]
        colors[owners] = members[rows]
    return colors


def paint_points(labelling: Labelling, model: Model, paint: str) -> FloatArray:
    """The features (k, d) with which each label is painted; ``paint`` is a key of :data:`PAINTS`."""
    points = model.points
    if paint == "centers":
        return points
    weights = labelling.fit_totals[:, None]
    points = np.where(weights > 0, labelling.fit_feature_sums / np.maximum(weights, 1), points)
    if paint != "mean":
        rows, labels, member_weights = labelling.member_features()
        if paint == "dominant":
            owners, places = heaviest_rows(labels, member_weights)
        else:
            owners, places = majority_rows(labels, member_weights, labelling.fit_totals)
        points[owners] = labelling.weighted.features_of(places if rows is None else rows[places])
    return points


def paint_palette(labelling: Labelling, model: Model, projection: Projection, paint: str) -> UInt8Array:
    """The colour (k, 3) uint8 of each label where one colour stands for it, that is, without ``keep_luma``.

    With alpha it is (k, 4). Of several labels, that of fully transparent pixels is fully transparent.
    """
    if paint == "centers" or not projection.lossless:
        return projection.to_rgb(paint_points(labelling, model, paint))
    colors = member_colors(labelling, paint)
    if labelling.weighted.histogram.has_alpha and labelling.k > 1:
        colors[labelling.labels[labelling.colors[:, 3] == 0]] = 0
    return colors


def distinct_palette(palette: UInt8Array, labelling: Labelling) -> UInt8Array:
    """A palette without repetition: of labels that share a colour, all but the largest take a member's own colour.

    They take the member nearest to the shared colour. Members of different labels differ, so the loop ends. Locked
    colours stay: pixels that have one are members of its label.
    """
    wanted, settled = labelling.in_palette, np.arange(len(palette)) < len(labelling.locked)
    clashing = _clashing(palette, labelling.sizes, wanted, settled)
    if not len(clashing):
        return palette
    palette = palette.copy()
    while len(clashing):
        rows = _rows_of(labelling.labels, clashing, len(palette))
        owners = labelling.labels[rows]
        by_label = labelling.colors[rows[np.argsort(owners, kind="stable")]]
        ends = np.cumsum(np.bincount(owners, minlength=len(palette)))
        for label in clashing:
            members = by_label[ends[label - 1] if label else 0 : ends[label]]
            distance = ((members.astype(np.int64) - palette[label]) ** 2).sum(axis=1)
            palette[label] = members[np.argmin(distance)]
        settled[clashing] = True
        clashing = _clashing(palette, labelling.sizes, wanted, settled)
    return palette


def _rows_of(labels: AnyArray, wanted: IntArray, k: int) -> IntArray:
    """The rows (j,) whose label is one of the ``wanted``; ``labels`` (n,) are 0 to k - 1."""
    chosen = np.zeros(k, np.bool_)
    chosen[wanted] = True
    parts = [rows.start + np.flatnonzero(chosen[labels[rows]]) for rows in blocks(len(labels))]
    return np.concatenate(parts)


def _clashing(palette: UInt8Array, sizes: IntArray, wanted: BoolArray, settled: BoolArray) -> IntArray:
    """Labels among the ``wanted`` (k,) whose colour belongs to a settled label, or else to a larger one."""
    keys = pack(palette)
    order = np.lexsort((-sizes, ~settled, keys))
    order = order[wanted[order]]
    repeated: IntArray = order[1:][keys[order[1:]] == keys[order[:-1]]]
    return repeated[~settled[repeated]]


def label_order(sizes: IntArray, colors: UInt8Array) -> IntArray:
    """The fixed order of labels: by falling pixel count, ties by colour (r, then g, then b)."""
    return np.lexsort((pack(colors), -sizes))


def label_type(labels: int) -> npt.DTypeLike:
    """The smallest type for label maps with this many different values."""
    return np.uint8 if labels <= 256 else np.uint16 if labels <= 65536 else np.int32


def ranked(
    sizes: IntArray, palette: UInt8Array, *, used: BoolArray, transparent: bool
) -> tuple[IntArray, int, npt.NDArray[Any]]:
    """The :func:`label_order` (k,), how many of the labels are ``used`` (k,), and the new number (k,) of each.

    Unused labels come last, and share a number. With ``transparent`` their type has room for one more label.
    """
    order = label_order(sizes, palette)
    order = np.concatenate([order[used[order]], order[~used[order]]])
    count = int(np.count_nonzero(used))
    rank = np.empty(len(order), label_type(count + transparent))
    rank[order] = np.minimum(np.arange(len(order)), count)
    return order, count, rank
