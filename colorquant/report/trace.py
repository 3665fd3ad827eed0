"""The iterations of a fit as CSV."""

from __future__ import annotations

from colorquant.fitting.models import largest_shift
from colorquant.quantization import Quantized
from colorquant.report.tables import csv_text


def trace_csv(quantized: Quantized) -> str:
    """The start and the iterations of a fit as CSV: objective, largest shift of a centre, and size of each cluster.

    The shift is a distance in the space's units, empty at the start. Sizes are pixels, for EM expected ones; a
    partly transparent pixel counts as its alpha / 255.
    """
    history = quantized.history
    objective = "inertia" if quantized.options.method == "kmeans" else "log_likelihood"
    sizes = [f"size_{label}" for label in range(len(quantized.model.points))]
    rows: list[list[object]] = []
    for number, iteration in enumerate(history):
        shift = largest_shift(history[number - 1].model, iteration.model) if number else None
        rows.append([iteration.number, iteration.objective, shift, *iteration.sizes.tolist()])
    return csv_text(["iteration", objective, "shift", *sizes], rows)
