"""A comparison as JSON records, CSV, words and a contact sheet. See docs/compare.md."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from colorquant.report import contact_sheet as sheets
from colorquant.report.records import printable, size_words
from colorquant.report.tables import csv_text
from colorquant.types import UInt8Array

LEGEND = (
    "PSNR: higher is better.",
    "CIEDE2000: mean difference of colours as seen, lower is better; 1 is just visible.",
)
WIDEST = 5  # thumbnails side by side that still suit a screen
METHODS = {"kmeans": "k-means", "em": "EM", "quantizer": "quantizer"}
MEASURES = (
    *("mse", "psnr", "ssim", "ciede2000_mean", "ciede2000_p95", "colors", "bytes", "bits_per_pixel", "index_bits"),
    *("n_iter", "converged", "log_likelihood", "bic", "aic", "seconds"),
)
STATISTICS = ("mean", "std", "min", "max")
COLUMNS = (
    *("input", "output", "cell", "method", "engine", "space", "covariance", "k", "seed"),
    *("width", "height", "colors_in", "bytes_in", *MEASURES),
    *(
        "seeds",
        *(f"mse_{name}" for name in STATISTICS),
        *(f"log_likelihood_{name}" for name in STATISTICS),
        "seeds_ari",
    ),
    *("truth_ari", "truth_mean_iou", "error"),
)


def records(name: str, comparison: Any) -> list[dict[str, Any]]:
    """The JSON objects of one image, one per cell; ``comparison`` is a Comparison."""
    return [_record(name, comparison, cell) for cell in comparison.cells]


def _record(name: str, comparison: Any, cell: Any) -> dict[str, Any]:
    options, measures = cell.options, cell.measures
    row = {
        "input": name,
        "output": None if cell.output is None else str(cell.output),
        "cell": cell.name,
        **{key: getattr(options, key) for key in ("method", "engine", "space", "covariance", "k")},
        "seed": None if options.method == "quantizer" else options.seed,
        **{key: getattr(comparison, key) for key in ("width", "height", "colors_in", "bytes_in")},
        **{key: None if measures is None else getattr(measures, key) for key in MEASURES},
    }
    if measures is not None:
        row["psnr"] = measures.psnr if math.isfinite(measures.psnr) else None
        row["seconds"] = round(measures.seconds, 6)
    return {
        **row,
        **_spread(cell.spread),
        "truth_ari": None if cell.truth is None else cell.truth.ari,
        "truth_mean_iou": None if cell.truth is None else cell.truth.mean_iou,
        "agreement": [{"cell": one.other, "ari": one.ari, "matched": one.matched} for one in cell.agreement],
        "notes": list(comparison.notes),
        "error": cell.error,
    }


def _spread(spread: Any) -> dict[str, Any]:
    """The same keys with and without several seeds."""
    found = {"mse": getattr(spread, "mse", None), "log_likelihood": getattr(spread, "log_likelihood", None)}
    return {
        "seeds": getattr(spread, "seeds", None),
        **{f"{key}_{name}": getattr(summary, name, None) for key, summary in found.items() for name in STATISTICS},
        "seeds_ari": getattr(spread, "ari", None),
    }


def failure(name: str, error: str | None) -> dict[str, Any]:
    """The JSON object of an image that could not be compared."""
    return {"input": name, "error": error}


def encode_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Records as CSV, a column for each key but ``agreement`` and ``notes``; an empty field where there is no value."""
    return csv_text(COLUMNS, [[row.get(key) for key in COLUMNS] for row in rows]).encode()


def agreement_words(comparison: Any) -> str | None:
    """How far cells of the same k agree in their labels, in one line; None where there are no two."""
    size = {cell.name: cell.options.k for cell in comparison.cells}
    place = {name: number for number, name in enumerate(size)}
    pairs = [
        (one.ari, cell.name, one.other)
        for cell in comparison.cells
        for one in cell.agreement
        if size[cell.name] == size[one.other] and place[cell.name] < place[one.other]
    ]
    if not pairs:
        return None
    (low, *least), (high, *most) = min(pairs), max(pairs)
    if len(pairs) == 1:
        return f"agreement of labels (adjusted Rand index): {low:.3f} of {least[0]} and {least[1]}"
    middle = statistics.median(pair[0] for pair in pairs)
    return (
        f"agreement of labels (adjusted Rand index), {len(pairs)} pairs of the same k: "
        f"{low:.3f} ({least[0]} and {least[1]}) to {high:.3f} ({most[0]} and {most[1]}), median {middle:.3f}"
    )


def tile_rows(comparison: Any, thumbnails: Mapping[str, UInt8Array | None]) -> list[list[sheets.Tile | None]]:
    """The cells as tiles, those of one k in a row or in a column, as suits a screen.

    ``thumbnails``, by the name of their cell, are those of :func:`colorquant.report.contact_sheet.thumbnail`.
    """
    tiles = {(cell.variant, cell.options.k): tile(cell, thumbnails.get(cell.name)) for cell in comparison.cells}
    ks = list(dict.fromkeys(cell.options.k for cell in comparison.cells))
    variants = list(dict.fromkeys(cell.variant for cell in comparison.cells))
    sizes = (len(ks), len(variants))
    if len(ks) == 1:
        across = min(4, max(2, math.ceil(math.sqrt(len(variants)))))
        starts = range(0, len(variants), across)
        return [[tiles[variant, ks[0]] for variant in variants[start : start + across]] for start in starts]
    if len(ks) == max((size for size in sizes if size <= WIDEST), default=min(sizes)):
        return [[tiles.get((variant, k)) for k in ks] for variant in variants]
    return [[tiles.get((variant, k)) for variant in variants] for k in ks]


def contact_sheet(
    name: str, original: UInt8Array, comparison: Any, thumbnails: Mapping[str, UInt8Array | None]
) -> bytes:
    """The PNG of the ``original``, a thumbnail like those of :func:`tile_rows`, and of the cells."""
    words = [*size_lines(comparison), "", *LEGEND]
    return sheets.contact_sheet(sheets.Tile(PurePath(name).name, words, original), tile_rows(comparison, thumbnails))


def size_lines(comparison: Any) -> list[str]:
    """How large the original is."""
    return [
        f"{comparison.width:,} by {comparison.height:,} pixels",
        f"{comparison.colors_in:,} colours · {size_words(comparison.bytes_in)}",
    ]


def tile(cell: Any, pixels: UInt8Array | None) -> sheets.Tile:
    """A cell with its title and words, as contact sheets show it."""
    options, measures = cell.options, cell.measures
    if options.method == "quantizer":
        title = f"{options.engine}, k = {options.k}"
        words = [options.space]
    else:
        title = f"{METHODS[options.method]}, k = {options.k}"
        words = [" · ".join(word for word in (options.engine, options.space, options.covariance) if word)]
    if measures is None:
        return sheets.Tile(title, [*words, f"failed: {cell.error}"], None)
    psnr = f"PSNR {measures.psnr:.1f} dB" if math.isfinite(measures.psnr) else "no loss"
    difference = f"CIEDE2000 {measures.ciede2000_mean:.2f}"
    return sheets.Tile(title, [*words, f"{psnr} · {difference} · {size_words(measures.bytes)}"], pixels)


def table_title(name: str, comparison: Any) -> str:
    """What the table of an image is called."""
    return (
        f"{printable(name)}: {comparison.width:,} × {comparison.height:,}, {comparison.colors_in:,} colours, "
        f"{size_words(comparison.bytes_in)}"
    )
