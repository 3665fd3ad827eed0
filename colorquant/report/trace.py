"""The iterations of a fit as CSV."""

from __future__ import annotations

from colorquant.fitting.models import largest_shift
from colorquant.quantization import Quantized
from colorquant.report.tables import csv_text


def trace_csv(quantized: Quantized) -> str:
    """The fit's start and iterations as CSV: objective, the largest shift of a centre, and the size of each cluster.

    The shift is a distance in the space's units, and none at the start. Sizes are pixels, for EM expected ones; a
    partly transparent pixel counts as its alpha / 255.
    """
    history = quantized.history
    objective = "inertia" if quantized.options.method == "kmeans" else "log_likelihood"
    sizes = [f"size_{label}" for label in range(len(quantized.model.points))]
    rows: list[list[object]] = []
    for number, now in enumerate(history):
        shift = largest_shift(history[number - 1].model, now.model) if number else None
        rows.append([now.number, now.objective, shift, *now.sizes.tolist()])
    return csv_text(["iteration", objective, "shift", *sizes], rows)
