"""What is said of one quantized file: a JSON record, and a line for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from colorquant.fitting.models import GaussianMixture, Iteration, SearchStep
from colorquant.palette.files import hex_color


def record(name: str, output: str, result: Any) -> dict[str, Any]:
    """The JSON object of a quantized file; see docs/formats.md. ``result`` is a Result.

    ``mse`` sums the squared error over the three channels; ``psnr`` is null where nothing was lost.
    """
    quantized = result.quantized
    options = quantized.options
    height, width = quantized.labels.shape
    objective = (
        {"inertia": quantized.inertia}
        if options.method == "kmeans"
        else {"log_likelihood": quantized.log_likelihood, "bic": quantized.bic}
    )
    stages = ("read", "count", "fit", "paint", "write")
    return {
        "input": name,
        "output": output,
        "status": "written",
        "command": options.method,
        "engine": options.engine,
        "space": options.space,
        "k": options.k,
        "colors_in": quantized.colors_in,
        "colors_out": quantized.colors_out,
        "width": width,
        "height": height,
        "n_iter": quantized.n_iter,
        "converged": quantized.converged,
        "untouched": quantized.untouched,
        "mse": quantized.mse,
        "psnr": quantized.psnr if math.isfinite(quantized.psnr) else None,
        **objective,
        "palette": [
            [hex_color(color), int(pixels)]
            for color, pixels in zip(quantized.palette.colors, quantized.palette.counts, strict=True)
        ],
        "seconds": {stage: round(result.seconds[stage], 6) for stage in stages},
        "bytes_in": result.bytes_in,
        "bytes_out": result.bytes_out,
        "seed": options.seed,
        "notes": list(result.notes),
        "warnings": list(result.warnings),
    }


def skipped(name: str, output: str) -> dict[str, Any]:
    """The JSON object of an input whose outputs existed."""
    return {"input": name, "output": output, "status": "skipped"}


def failed(name: str, error: str) -> dict[str, Any]:
    """The JSON object of an input that could not be quantized."""
    return {"input": name, "status": "failed", "error": error}


def sentence(row: dict[str, Any]) -> str:
    """A :func:`record`, or what stands for it, in words, on one line."""
    if row["status"] == "skipped":
        return f"{printable(row['input'])}: skipped, {printable(row['output'])} exists"
    if row["untouched"]:
        quality = f"untouched: it has no more than {row['k']:,} colours"
    else:
        psnr = "no loss" if row["psnr"] is None else f"PSNR {row['psnr']:.2f} dB"
        likelihood = row.get("log_likelihood")
        fitted = [] if likelihood is None else [f"log-likelihood {likelihood:.2f}"]
        quality = ", ".join([psnr, *fitted, _iterations(row)])
    seconds = sum(row["seconds"].values())
    sizes = f"{size_words(row['bytes_in'])} → {size_words(row['bytes_out'])}"
    colors = f"{row['colors_in']:,} → {row['colors_out']:,} colours"
    return f"{printable(row['input'])} → {printable(row['output'])}: {colors}, {quality}, {seconds:.2f} s, {sizes}"


def notes_line(notes: Sequence[str]) -> str:
    """What was lost of a picture, on one line: profiles' names come from the file."""
    return f"  note: {printable('; '.join(notes))}"


def _iterations(row: dict[str, Any]) -> str:
    if row["n_iter"] is None:
        return "iterations not told by OpenCV"
    plural = "" if row["n_iter"] == 1 else "s"
    return f"{row['n_iter']} iteration{plural} ({'converged' if row['converged'] else 'not converged'})"


def progress_words(now: Iteration | SearchStep) -> str:
    """An event of a fit in words: "searching: start 3 of 8", "iteration 7, log-likelihood per pixel -11.2345"."""
    if isinstance(now, SearchStep):
        return f"searching: {now.kind} {now.number} of {now.total}"
    mixture = isinstance(now.model, GaussianMixture)
    objective = f"log-likelihood per pixel {now.objective:.7g}" if mixture else f"inertia {now.objective:.7g}"
    return f"iteration {now.number}, {objective}"


def size_words(size: int) -> str:
    """A number of bytes in words: 64.2 kB."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.2f} MB"


def printable(name: str) -> str:
    """A file name that a terminal survives: control characters and bytes that are not UTF-8 as escapes."""
    decoded = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in decoded)
