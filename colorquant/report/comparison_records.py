"""Comparisons as JSON records, CSV, text and contact sheets. See docs/compare.md."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any

from colorquant.analysis.baselines import BaselineOptions
from colorquant.analysis.compare import (
    STATISTICS,
    TRUTH_MEASURES,
    Cell,
    Comparison,
    SeedRun,
    Spread,
    Statistics,
)
from colorquant.analysis.grid import covariance_of, dither_name
from colorquant.analysis.measures import MEASURES, Column, Value
from colorquant.report import contact_sheet as sheets
from colorquant.report.records import printable, size_words
from colorquant.report.tables import csv_text
from colorquant.types import UInt8Array
from colorquant.urls import Place

LEGEND = (
    "PSNR: higher is better.",
    "CIEDE2000: mean difference of colours as seen, lower is better; 1 is just visible.",
)
METHODS = {"kmeans": "k-means", "em": "EM", "quantizer": "quantizer"}
SPREAD_MEASURES = ("mse", "log_likelihood")  # measures whose statistics over seeds have columns of their own
COLUMNS = (  # the keys of a record, in order; those with a heading are columns of every table
    *map(Column, ("input", "output", "cell")),
    *(Column(key, key) for key in ("method", "engine", "space")),
    Column("covariance", "covariance", rank=1),
    Column("dither", "dither", rank=1),
    Column("alpha", "alpha", rank=1),
    Column("k", "k", "{:,}"),
    *map(Column, ("seed", "width", "height", "colors_in", "bytes_in")),
    *MEASURES,
    Column("seeds"),
    *(Column(f"{key}_{statistic}") for key in SPREAD_MEASURES for statistic in STATISTICS),
    Column("seeds_ari", "ARI of seeds", "{:.3f}", "higher", 2),
    *TRUTH_MEASURES,
    Column("error"),
)
JSON_ONLY = ("agreement", "statistics", "notes")  # keys that are in JSON only
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Previews:
    """The pictures of a page, PNGs or JPEGs of ``size`` (width, height) pixels: the original, and one for each cell.

    ``middles`` has the middle of the original and of the cells, pixel by pixel, of ``middle_size`` (height, width)
    pixels; it is empty where no cell is dithered.
    """

    size: tuple[int, int]
    original: bytes
    cells: Mapping[str, bytes] = field(default_factory=dict)
    middles: Mapping[str, bytes] = field(default_factory=dict)
    middle_size: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class ComparedImage:
    """A comparison with facts about the file of its image and about the files that were written.

    ``name`` is the name that the user gave. ``notes`` say what was lost when the image was read; ``warnings`` are the
    notes that are always shown. ``pictures`` maps the names of cells to their files, ``sheet`` is the contact sheet's.
    ``previews`` is None unless a page is written.
    """

    name: str
    comparison: Comparison
    bytes_in: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pictures: Mapping[str, Place] = field(default_factory=dict)
    sheet: Place | None = None
    previews: Previews | None = None


def records(image: ComparedImage) -> list[dict[str, Any]]:
    """The JSON objects of one image, one per cell."""
    return [_record(image, cell) for cell in image.comparison.cells]


def _record(image: ComparedImage, cell: Cell) -> dict[str, Any]:
    options, comparison = cell.options, image.comparison
    output = image.pictures.get(cell.name)
    row = {
        "input": image.name,
        "output": None if output is None else str(output),
        "cell": cell.name,
        "method": options.method,
        "engine": options.engine,
        "space": options.space,
        "covariance": covariance_of(options),
        "dither": dither_name(options),
        "alpha": cell.alpha,
        "k": options.k,
        "seed": None if isinstance(options, BaselineOptions) else options.seed,
        "width": comparison.width,
        "height": comparison.height,
        "colors_in": comparison.colors_in,
        "bytes_in": image.bytes_in,
        **_values(cell),
        **_spread(cell.spread),
        "agreement": [
            {"cell": agreement.other, "ari": agreement.ari, "matched": agreement.matched}
            for agreement in cell.agreement
        ],
        "notes": list(image.notes),
        "error": cell.error,
    }
    keys = [*(column.key for column in COLUMNS), *JSON_ONLY]
    keys.remove("error")
    return {key: row[key] for key in [*keys, "error"]}


def _values(result: Cell | SeedRun) -> dict[str, Value]:
    """All measures of a result; null where it has none, or where it is infinite, which JSON cannot say."""
    row: dict[str, Value] = {column.key: getattr(result.measures, column.key, None) for column in MEASURES}
    row.update({column.key: getattr(result.truth, column.key, None) for column in TRUTH_MEASURES})
    if result.measures is not None:
        row["psnr"] = result.measures.psnr if math.isfinite(result.measures.psnr) else None
        row["seconds"] = round(result.measures.seconds, 6)
    return row


def _spread(spread: Spread | None) -> dict[str, Any]:
    """The statistics over the seeds of a cell; with a single seed the same keys are null."""
    measures = [*MEASURES, *TRUTH_MEASURES]
    runs = [] if spread is None else [_values(run) for run in spread.runs]
    summary = {measure.key: _statistics([run[measure.key] for run in runs]) for measure in measures}
    flat = {
        f"{key}_{statistic}": (summary[key] or {}).get(statistic) for key in SPREAD_MEASURES for statistic in STATISTICS
    }
    return {
        "seeds": None if spread is None else len(spread.runs),
        **flat,
        "seeds_ari": None if spread is None else spread.ari,
        "statistics": {key: value for key, value in summary.items() if value is not None} or None,
    }


def _statistics(values: Sequence[Value]) -> dict[str, float | None] | None:
    """The statistics of the values of all seeds as JSON; None if a seed has no number."""
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    summary = Statistics.of(numbers) if len(numbers) == len(values) else None
    return None if summary is None else asdict(summary)


def failure(name: str, error: str | None) -> dict[str, str | None]:
    """The JSON object of an image that could not be compared."""
    return {"input": name, "error": error}


def encode_csv(images: Sequence[ComparedImage], failures: Sequence[tuple[str, str]] = ()) -> bytes:
    """All cells as CSV: a column per entry of COLUMNS, and a row per cell, or per seed of a cell with several.

    ``failures`` has the name of each image that could not be compared, and the reason. Fields without a value are
    empty.
    """
    rows: list[Row] = [row for image in images for row in seed_records(image)]
    rows += [failure(name, error) for name, error in failures]
    keys = [column.key for column in COLUMNS]
    return csv_text(keys, [[row.get(key) for key in keys] for row in rows]).encode()


def seed_records(image: ComparedImage) -> list[dict[str, Any]]:
    """The records of an image; a cell with several seeds has one for each, with that seed's measures."""
    rows = []
    for cell, row in zip(image.comparison.cells, records(image), strict=True):
        if cell.spread is None:
            rows.append(row)
            continue
        for number, run in enumerate(cell.spread.runs):
            output = row["output"] if number == 0 else None
            rows.append({**row, "output": output, "seed": run.seed, **_values(run)})
    return rows


def agreement_words(comparison: Comparison) -> str | None:
    """One line on how far the labels of cells of the same k agree; None where no two cells have the same k."""
    size = {cell.name: cell.options.k for cell in comparison.cells}
    place = {name: number for number, name in enumerate(size)}
    pairs = [
        (agreement.ari, cell.name, agreement.other)
        for cell in comparison.cells
        for agreement in cell.agreement
        if size[cell.name] == size[agreement.other] and place[cell.name] < place[agreement.other]
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


def tile_rows(comparison: Comparison, thumbnails: Mapping[str, UInt8Array]) -> list[list[sheets.Tile | None]]:
    """The cells as tiles; those of the same k make a row or a column, whichever suits a screen better.

    ``thumbnails`` maps the names of cells to the result of :func:`colorquant.report.contact_sheet.thumbnail`.
    """
    tiles = {(cell.variant, cell.options.k): tile(cell, thumbnails.get(cell.name)) for cell in comparison.cells}
    ks = list(dict.fromkeys(cell.options.k for cell in comparison.cells))
    variants = list(dict.fromkeys(cell.variant for cell in comparison.cells))
    sizes = (len(ks), len(variants))
    if len(ks) == 1:
        return sheets.filled_rows([tiles[variant, ks[0]] for variant in variants])
    if len(ks) == max((size for size in sizes if size <= sheets.MOST_ACROSS), default=min(sizes)):
        return [[tiles.get((variant, k)) for k in ks] for variant in variants]
    return [[tiles.get((variant, k)) for variant in variants] for k in ks]


def contact_sheet(image: ComparedImage, original: UInt8Array, thumbnails: Mapping[str, UInt8Array]) -> bytes:
    """The contact sheet as PNG: the ``original``, a thumbnail like those of :func:`tile_rows`, then the cells."""
    words = [*size_lines(image), "", *LEGEND]
    head = sheets.Tile(PurePath(image.name).name, words, original)
    return sheets.contact_sheet(head, tile_rows(image.comparison, thumbnails))


def size_lines(image: ComparedImage) -> list[str]:
    """The size of the original: its pixels, colours and bytes, in two lines."""
    comparison = image.comparison
    return [
        f"{comparison.width:,} by {comparison.height:,} pixels",
        f"{comparison.colors_in:,} colours · {size_words(image.bytes_in)}",
    ]


def tile(cell: Cell, pixels: UInt8Array | None) -> sheets.Tile:
    """A cell with its title and text, as contact sheets show it."""
    options, measures = cell.options, cell.measures
    if isinstance(options, BaselineOptions):
        title = f"{options.engine}, k = {options.k}"
        words = [options.space]
    else:
        title = f"{METHODS[options.method]}, k = {options.k}"
        words = [" · ".join(word for word in (options.engine, options.space, options.covariance) if word)]
    if dither_name(options) is not None:
        words.append(str(dither_name(options)))
    if measures is None:
        return sheets.Tile(title, [*words, f"failed: {cell.error}"], None)
    psnr = f"PSNR {measures.psnr:.1f} dB" if math.isfinite(measures.psnr) else "no loss"
    difference = f"CIEDE2000 {measures.ciede2000_mean:.2f}"
    return sheets.Tile(title, [*words, f"{psnr} · {difference} · {size_words(measures.bytes)}"], pixels)


def table_title(name: str, image: ComparedImage) -> str:
    """The title of an image's table."""
    comparison = image.comparison
    return (
        f"{printable(name)}: {comparison.width:,} × {comparison.height:,}, {comparison.colors_in:,} colours, "
        f"{size_words(image.bytes_in)}"
    )
