"""Wu's quantizer (Xiaolin Wu, "Efficient statistical computations for optimal color quantization", 1992) in numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.pictures import RGB

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BITS = 5
SIDE = 1 << BITS
BLOCK = 2048


class Moments:
    """Cumulative moments of the histogram with 32 bins per channel: count, three sums, sum of squares."""

    def __init__(self, colors: RGB, counts: Ints) -> None:
        bins = (colors >> (8 - BITS)).astype(np.int64) + 1  # the planes at 0 stay empty, for differences
        self.bins = np.ravel_multi_index(tuple(bins.T), (SIDE + 1,) * 3)
        values = colors.astype(np.float64)
        rows = [np.ones(len(values)), *values.T, (values**2).sum(axis=1)]
        table = np.stack([np.bincount(self.bins, counts * row, (SIDE + 1) ** 3) for row in rows])
        self.table = table.reshape(5, *(SIDE + 1,) * 3).cumsum(1).cumsum(2).cumsum(3)

    def profile(self, box: Ints, axis: int) -> Floats:
        """Moments (5, 33) of the box cut off at each plane of ``axis``; ``box`` (2, 3) is (above, up to)."""
        first, second = (other for other in range(3) if other != axis)
        table = np.moveaxis(self.table, axis + 1, 1)
        (low1, high1), (low2, high2) = box[:, first], box[:, second]
        return np.asarray(
            table[:, :, high1, high2] - table[:, :, low1, high2] - table[:, :, high1, low2] + table[:, :, low1, low2]
        )

    def whole(self, box: Ints) -> Floats:
        """Moments (5,) of the box."""
        profile = self.profile(box, 0)
        return np.asarray(profile[:, box[1, 0]] - profile[:, box[0, 0]])

    def error(self, box: Ints) -> float:
        """Squared error of the box about its mean."""
        count, *sums, squares = self.whole(box)
        return float(squares - np.square(sums).sum() / count) if count > 0 else 0.0


def _cut(moments: Moments, box: Ints) -> tuple[Ints, Ints] | None:
    """The two halves of the box with the least squared error together; None where it cannot be cut."""
    best, halves = -1.0, None
    for axis in range(3):
        low, high = box[:, axis]
        profile = moments.profile(box, axis)
        below = profile[:, low + 1 : high] - profile[:, low, None]
        above = profile[:, high, None] - profile[:, low + 1 : high]
        full = (below[0] > 0) & (above[0] > 0)
        if not full.any():
            continue
        gains = sum(np.square(half[1:4]).sum(0) / np.maximum(half[0], 1) for half in (below, above))
        gains = np.where(full, gains, -1.0)
        place = int(np.argmax(gains))
        if gains[place] > best:
            best, halves = float(gains[place]), (box.copy(), box.copy())
            halves[0][1, axis] = halves[1][0, axis] = low + 1 + place
    return halves


def wu_labels(colors: RGB, counts: Ints, k: int) -> Ints:
    """Labels (n,) of distinct colours (n, 3) with counts (n,): the box each falls in, at most k of them."""
    moments = Moments(colors, counts)
    boxes = [np.array([[0, 0, 0], [SIDE, SIDE, SIDE]])]
    errors = [moments.error(boxes[0])]
    while len(boxes) < k and max(errors) > 0:
        widest = int(np.argmax(errors))
        halves = _cut(moments, boxes[widest])
        if halves is None:
            errors[widest] = 0.0
            continue
        boxes[widest] = halves[0]
        boxes.append(halves[1])
        errors[widest] = moments.error(halves[0])
        errors.append(moments.error(halves[1]))
    cube = np.zeros((SIDE + 1,) * 3, np.int64)
    for label, (low, high) in enumerate(boxes):
        cube[low[0] + 1 : high[0] + 1, low[1] + 1 : high[1] + 1, low[2] + 1 : high[2] + 1] = label
    return np.asarray(cube.reshape(-1)[moments.bins])


def means(colors: RGB | Floats, counts: Ints, labels: Ints, k: int) -> Floats:
    """Mean colour (k, 3) of each label; of an empty one, black."""
    mass = np.maximum(np.bincount(labels, counts, k), 1e-300)
    return (
        np.stack([np.bincount(labels, counts * band, k) for band in colors.T.astype(np.float64)], axis=1)
        / mass[:, None]
    )


def lloyd(colors: RGB, counts: Ints, labels: Ints, k: int, tolerance: float = 1e-4, most: int = 300) -> Ints:
    """Weighted Lloyd iterations from ``labels`` until the squared error falls by less than ``tolerance`` of itself."""
    values = colors.astype(np.float64)
    last = np.inf
    for _ in range(most):
        labels, error = _nearest(values, counts, means(values, counts, labels, k))
        if last - error <= tolerance * error:
            break
        last = error
    return labels


def _nearest(values: Floats, counts: Ints, centers: Floats) -> tuple[Ints, float]:
    labels = np.empty(len(values), np.int64)
    half = 0.5 * (centers**2).sum(axis=1)
    for start in range(0, len(values), BLOCK):
        rows = slice(start, start + BLOCK)
        labels[rows] = np.argmax(values[rows] @ centers.T - half, axis=1)
    return labels, float(((values - centers[labels]) ** 2).sum(axis=1) @ counts)
