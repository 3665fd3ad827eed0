"""Numbers beside points, placed so that they cover neither each other nor the points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from colorquant.report.figures import canvas
from colorquant.types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = 9  # points of the font
POINT = 5.0  # radius of a marked point, in points of print
REACHES = (11, 18, 26, 36)  # possible distances of a number from its point, nearest first, in points of print
DIRECTIONS = 16  # directions in which a number may stand
NEAR = 11  # distance beyond which a line connects a number to its point


def places(points: FloatArray, sizes: FloatArray, box: FloatArray) -> FloatArray:
    """Place labels of ``sizes`` (n, 2) beside ``points`` (n, 2). Returns the middles of the labels, (n, 2).

    All are in points of print; ``box`` is (left, bottom, right, top). One after the other, each label takes the nearest
    place inside the box that covers the least of the points and of the labels before it.
    """
    chosen = np.empty_like(points)
    angles = np.pi / 4 + 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS  # up and to the right first
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    steps = np.concatenate([reach * around for reach in REACHES])
    for number, point in enumerate(points):
        middles = point + steps
        half = sizes[number] / 2
        cost = sum((_overlap(middles, half, other, POINT) for other in points), np.zeros(len(steps)))
        for other, size in zip(chosen[:number], sizes[:number], strict=True):
            cost += _overlap(middles, half, other, size / 2)
        outside = np.maximum(box[:2] - (middles - half), 0) + np.maximum(middles + half - box[2:], 0)
        cost += 1e3 * outside.sum(axis=1)
        chosen[number] = middles[np.argmin(cost)]
    return chosen


def _overlap(middles: FloatArray, half: FloatArray, other: FloatArray, other_half: FloatArray | float) -> FloatArray:
    """The area that boxes about ``middles`` (m, 2) share with another box, (m,)."""
    shared = np.maximum(half + other_half - np.abs(middles - other), 0)
    return np.asarray(shared[:, 0] * shared[:, 1], np.float64)


def number_points(axes: Axes, points: FloatArray) -> None:
    """Write its number beside each of ``points`` (n, 2), in the units of the axes, whose limits must be final."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # computes the layout, and with it the size of the axes
    scale = 72 / figure.dpi
    at = axes.transData.transform(points) * scale
    box = axes.get_window_extent()
    sizes = np.array([[canvas.width(str(number), SIZE) * 72 + 3, SIZE + 2] for number in range(len(points))])
    corners = np.array([box.x0, box.y0, box.x1, box.y1]) * scale
    for number, offset in enumerate(places(at, sizes, corners) - at):
        line = {"arrowstyle": "-", "color": canvas.INK, "lw": 0.6, "shrinkA": 0, "shrinkB": POINT}
        axes.annotate(
            str(number),
            points[number],
            offset,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=SIZE,
            fontweight="bold",
            zorder=6,
            bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75},
            arrowprops=line if np.hypot(*offset) > NEAR + 1 else None,
            annotation_clip=True,
        )
