"""Dithering that goes from pixel to pixel: rows in alternating directions, and a space-filling curve."""

from __future__ import annotations

from math import sqrt

import numpy as np

from colorquant.blocks import blocks
from colorquant.mapping.diagonals import Diffusion
from colorquant.mapping.kernels import Weights
from colorquant.types import AnyArray, BoolArray, Float32Array, FloatArray, IntArray, LabelArray, UInt8Array

QUEUE = 16  # pixels along the curve whose errors still count
OLDEST = 1 / 16  # weight of the oldest of them; that of the newest is 1


def serpentine(job: Diffusion, weights: Weights, labels: AnyArray) -> None:
    """Fill ``labels`` (h, w) by error diffusion: even rows from the left to the right, odd ones back.

    On the way back the kernel is mirrored. A row takes the errors of the rows above it as whole arrays, and then goes
    from pixel to pixel.
    """
    height, width, _ = job.pixels.shape
    ahead = {dx: weight for dx, dy, weight in weights if dy == 0}
    below = [(dx, dy, weight) for dx, dy, weight in weights if dy]
    margin = max(abs(dx) for dx, _, _ in below)
    walk = _Walk(job)
    errors = np.zeros((3, width + 2 * margin, 3))  # of this row and of two above it, in the order of the picture
    for y in range(height):
        row = walk.decode[job.pixels[y]]
        for dx, dy, weight in below:
            start = margin - dx if (y - dy) % 2 == 0 else margin + dx
            row += weight * errors[(y - dy) % 3, start : start + width]
        way = slice(None, None, -1 if y % 2 else 1)
        strengths = None if job.strengths is None else job.strengths[y, way].tolist()
        labels[y, way], passed = walk.row(row[way], ahead.get(1, 0.0), ahead.get(2, 0.0), strengths)
        errors[y % 3, margin : margin + width] = passed[way]


def riemersma(job: Diffusion, strength: float, mask: BoolArray | None, labels: AnyArray) -> None:
    """Fill ``labels`` (h, w) along a Hilbert curve: a pixel takes the errors of the last pixels, newer ones the more.

    Riemersma, "A balanced dithering technique" (1998). The error is that of the picture's own colour; its weight falls
    from 1 to OLDEST over QUEUE pixels. Pixels outside ``mask`` (h, w)
    are passed over.
    """
    places = hilbert_curve(*labels.shape)
    strengths = np.ones(labels.size, np.float32) if job.strengths is None else job.strengths.reshape(-1)
    if mask is not None:
        places = places[mask.reshape(-1)[places]]
    labels.reshape(-1)[places] = _Walk(job).curve(job.pixels.reshape(-1, 3), places, strength * strengths)


class _Walk:
    """The steps from pixel to pixel. They use plain numbers: arrays of three numbers would be slower."""

    def __init__(self, job: Diffusion) -> None:
        levels = job.light.encode.astype(np.int64)
        self.red, self.green, self.blue = ((levels << shift).tolist() for shift in (16, 8, 0))
        self.entries = job.light.entries(job.chooser.colors).astype(np.float64).tolist()
        self.decode = job.light.decode.astype(np.float64)
        self.reach = None if job.reach is None else job.reach.astype(np.float64).tolist()
        self.low, self.high = float(job.light.low), float(job.light.high)
        self.known, self.learn = memoryview(job.chooser.known.data), job.chooser.learn

    def row(
        self, values: FloatArray, near: float, far: float, strengths: list[float] | None
    ) -> tuple[list[int], FloatArray]:
        """The labels, and the errors (n, 3), of a row of pixels with ``values`` (n, 3).

        A pixel passes the shares ``near`` and ``far`` of its error on to the next two of the row.
        """
        red, green, blue, known, entries = self.red, self.green, self.blue, self.known, self.entries
        low, high, reach = self.low, self.high, self.reach
        labels, errors = [], []
        r1 = g1 = b1 = r2 = g2 = b2 = 0.0
        for place, (r, g, b) in enumerate(values.tolist()):
            r = min(max(r + far * r2 + near * r1, low), high)
            g = min(max(g + far * g2 + near * g1, low), high)
            b = min(max(b + far * b2 + near * b1, low), high)
            key = red[int(r)] | green[int(g)] | blue[int(b)]
            label = known[key] - 1
            if label < 0:
                label = self.learn(key)
            entry = entries[label]
            r2, g2, b2 = r1, g1, b1
            r1, g1, b1 = r - entry[0], g - entry[1], b - entry[2]
            if reach is not None:
                factor = min(1.0, reach[label] / max(sqrt(r1 * r1 + g1 * g1 + b1 * b1), 1.0))
                r1, g1, b1 = factor * r1, factor * g1, factor * b1
            if strengths is not None:
                strength = strengths[place]
                r1, g1, b1 = strength * r1, strength * g1, strength * b1
            labels.append(label)
            errors.append((r1, g1, b1))
        return labels, np.array(errors)

    def curve(self, pixels: UInt8Array, places: IntArray, strengths: Float32Array) -> LabelArray:
        """The labels (n,) of ``pixels`` (h·w, 3) in the order of ``places`` (n,); ``strengths`` (h·w,) weigh errors."""
        red, green, blue, known, entries = self.red, self.green, self.blue, self.known, self.entries
        low, high = self.low, self.high
        ratio = OLDEST ** (1 / (QUEUE - 1))
        gone = ratio**QUEUE
        queue = [(0.0, 0.0, 0.0)] * QUEUE  # the errors of the last pixels; the newest replaces the oldest
        labels = np.empty(len(places), np.int64)
        red_sum = green_sum = blue_sum = 0.0
        for rows in blocks(len(places)):
            values, chosen = self.decode[pixels[places[rows]]].tolist(), []
            for place, (strength, (r, g, b)) in enumerate(zip(strengths[places[rows]].tolist(), values, strict=True)):
                key = (
                    red[int(min(max(r + strength * red_sum, low), high))]
                    | green[int(min(max(g + strength * green_sum, low), high))]
                    | blue[int(min(max(b + strength * blue_sum, low), high))]
                )
                label = known[key] - 1
                if label < 0:
                    label = self.learn(key)
                entry = entries[label]
                oldest = queue[place % QUEUE]  # blocks are multiples of QUEUE
                queue[place % QUEUE] = error = r - entry[0], g - entry[1], b - entry[2]
                red_sum = ratio * red_sum + error[0] - gone * oldest[0]
                green_sum = ratio * green_sum + error[1] - gone * oldest[1]
                blue_sum = ratio * blue_sum + error[2] - gone * oldest[2]
                chosen.append(label)
            labels[rows] = chosen
        return labels


def hilbert_curve(height: int, width: int) -> IntArray:
    """The places y·width + x of all pixels, (h·w,) int64, in the order of a curve that fills the picture.

    It is a row of Hilbert's curves, each in a square as wide as the shorter side or wider; it leaves the picture and
    comes back where a square stands out. Within the squares each step goes to a neighbour.
    """
    side = 1
    while side < min(height, width):
        side *= 2
    across, along = _hilbert_square(side)
    squares = -(-max(height, width) // side)
    along = np.concatenate([along + square * side for square in range(squares)])
    across = np.tile(across, squares)
    y, x = (across, along) if width >= height else (along, across)
    inside = (y < height) & (x < width)
    return y[inside] * width + x[inside]


def _hilbert_square(side: int) -> tuple[IntArray, IntArray]:
    """Hilbert's curve in a square whose side is a power of two: y (side²,) and x (side²,) of its points.

    It begins at (0, 0) and ends at y = 0, x = side - 1. A square consists of four smaller ones, of which the first and
    the last are mirrored at a diagonal.
    """
    y = x = np.zeros(1, np.int64)
    size = 1
    while size < side:
        last = size - 1
        y, x = (
            np.concatenate([x, y + size, y + size, last - x]),
            np.concatenate([y, x, x + size, size + last - y]),
        )
        size *= 2
    return y, x
