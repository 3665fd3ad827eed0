"""The result of one input: a JSON record, and lines of text made from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Required, TypedDict

from colorquant.fitting.models import GaussianMixture, Iteration, SearchStep
from colorquant.report.choice_records import AutoRecord, DitherRecord, auto_record, auto_words, dither_record
from colorquant.urls import masked

if TYPE_CHECKING:
    from colorquant.analysis.auto_k import ChosenK
    from colorquant.mapping.options import MappingOptions
    from colorquant.quantization import IndexedImage, Quantized

STAGES = ("read", "count", "fit", "paint", "write")  # whose wall times are reported
SHOWN_COLORS = 32  # colours of a palette that -v shows


class PaletteRow(TypedDict, total=False):
    """The part of a record that is shown as a palette: colours with their numbers of pixels."""

    palette: list[tuple[str, int]]


class IterationRow(TypedDict, total=False):
    """The part of a record about the iterations of a fit."""

    n_iter: int | None
    converged: bool | None
    searched: bool


class FileRecord(TypedDict, total=False):
    """The JSON object of an input; docs/formats.md explains the keys, whose presence depends on ``status``."""

    input: Required[str]
    output: str
    status: Required[Literal["written", "larger", "skipped", "failed", "planned"]]
    error: str
    others: list[str]
    command: str
    engine: str
    space: str
    distance: str
    alpha: str | None
    k: int
    colors_in: int
    colors_out: int
    width: int
    height: int
    n_iter: int | None
    converged: bool | None
    searched: bool
    untouched: bool
    shared: int
    mse: float
    psnr: float | None
    inertia: float | None
    log_likelihood: float | None
    bic: float | None
    palette: list[tuple[str, int]]
    seconds: dict[str, float]
    bytes_in: int
    bytes_out: int
    seed: int
    lock: list[str]
    auto: AutoRecord
    protect: str
    weights: str
    dither: DitherRecord
    strips: bool
    notes: list[str]
    warnings: list[str]


def record(
    name: str,
    output: str,
    quantized: Quantized,
    *,
    bytes_in: int,
    bytes_out: int,
    seconds: Mapping[str, float],
    notes: Sequence[str] = (),
    warnings: Sequence[str] = (),
    chosen: ChosenK | None = None,
    weights: str | None = None,
) -> FileRecord:
    """The JSON object of a quantized file. ``name`` and ``output`` are the paths; sizes are in bytes.

    ``mse`` sums the squared error over the three channels; ``psnr`` is null where nothing was lost.
    ``chosen`` says how ``-k auto`` chose the number of colours; ``weights`` is the path of the map of importance.
    """
    options = quantized.options
    height, width = quantized.labels.shape
    row: FileRecord = {
        "input": name,
        "output": output,
        "status": "written",
        "command": options.method,
        "engine": options.engine,
        "space": options.space,
        "alpha": options.alpha,
        "k": options.k,
        "colors_in": quantized.colors_in,
        "colors_out": quantized.colors_out,
        "width": width,
        "height": height,
        "n_iter": quantized.n_iter,
        "converged": quantized.converged,
        "searched": quantized.searched,
        "untouched": quantized.untouched,
        "mse": quantized.mse,
        "psnr": quantized.psnr if math.isfinite(quantized.psnr) else None,
    }
    if options.method == "kmeans":
        row["inertia"] = quantized.inertia
    else:
        row["log_likelihood"], row["bic"] = quantized.log_likelihood, quantized.bic
    row["palette"] = _palette(quantized)
    row["seconds"] = {stage: round(seconds[stage], 6) for stage in STAGES if stage in seconds}
    row["bytes_in"], row["bytes_out"] = bytes_in, bytes_out
    row["seed"] = options.seed
    if options.lock:
        row["lock"] = list(options.lock)
    if quantized.shared is not None:
        row["shared"] = quantized.shared
    if chosen is not None:
        row["auto"] = auto_record(chosen)
    if options.protect is not None:
        row["protect"] = options.protect
    if weights is not None:
        row["weights"] = masked(weights)
    _add_dither(row, quantized)
    row["notes"], row["warnings"] = list(notes), list(warnings)
    return row


def mapped_record(
    name: str,
    output: str,
    image: IndexedImage,
    options: MappingOptions,
    *,
    bytes_in: int,
    bytes_out: int,
    seconds: Mapping[str, float],
    notes: Sequence[str] = (),
    warnings: Sequence[str] = (),
) -> FileRecord:
    """The JSON object of a picture that was mapped onto a given palette; arguments as for :func:`record`."""
    height, width = image.labels.shape
    row: FileRecord = {
        "input": name,
        "output": output,
        "status": "written",
        "command": options.method,
        "space": options.metric_space,
        "alpha": "palette" if image.palette.alpha is not None else None if image.alpha is None else "keep",
        "distance": options.distance,
        "colors_in": image.colors_in,
        "colors_out": image.colors_out,
        "width": width,
        "height": height,
        "mse": image.mse,
        "psnr": image.psnr if math.isfinite(image.psnr) else None,
        "palette": _palette(image),
        "seconds": {stage: round(seconds[stage], 6) for stage in STAGES if stage in seconds},
        "bytes_in": bytes_in,
        "bytes_out": bytes_out,
        "notes": list(notes),
        "warnings": list(warnings),
    }
    _add_dither(row, image)
    return row


def _add_dither(row: FileRecord, image: IndexedImage) -> None:
    """Say in the record how the image was dithered, if it was."""
    if image.dithering is not None:
        row["dither"] = dither_record(image.dithering)


def _palette(image: IndexedImage) -> list[tuple[str, int]]:
    counts = image.palette.counts
    return [] if counts is None else list(zip(image.palette.hex, counts.tolist(), strict=True))


def skipped(name: str, output: str) -> FileRecord:
    """The JSON object of an input that was skipped, since its outputs exist."""
    return {"input": name, "output": output, "status": "skipped"}


def failed(name: str, error: str) -> FileRecord:
    """The JSON object of an input that could not be quantized."""
    return {"input": name, "status": "failed", "error": error}


def summary_line(row: FileRecord, width: int | None = None) -> str:
    """The line of a :func:`record` or of a :func:`skipped` input; with ``width`` the name is shortened to fit.

    photo-kmeans16.png: 31,716 → 16 colours · 29.27 dB · 620 → 74 kB (−88 %)
    """
    name = row["input"] if row["output"] == "-" or row["status"] == "larger" else row["output"]
    name = "standard input" if name == "-" else printable(name)
    if row["status"] == "skipped":
        words = "skipped, it exists"
    elif row["status"] == "larger":
        words = f"kept, would not be smaller: {change_words(row['bytes_in'], row['bytes_out'])}"
    else:
        words = f"{_color_words(row)} · {change_words(row['bytes_in'], row['bytes_out'])}"
    return f"{name if width is None else shortened(name, width - len(words) - 2)}: {words}"


def shared_line(colors: int, images: int, distinct: int) -> str:
    """A line about the one palette of a run: its ``colors``, fitted to ``distinct`` colours of ``images`` images."""
    numbers = [(colors, "colour"), (images, "image"), (distinct, "distinct colour")]
    entries, files, counted = (f"{number:,} {noun}{'' if number == 1 else 's'}" for number, noun in numbers)
    return f"one palette of {entries}, fitted to the {counted} of {files}"


def _color_words(row: FileRecord) -> str:
    plural = "" if row["colors_out"] == 1 else "s"
    plural += " with alpha" if row.get("alpha") == "palette" else ""
    if row.get("untouched"):
        return f"{row['colors_out']:,} colour{plural}, all kept"
    psnr = "no loss" if row["psnr"] is None else f"{row['psnr']:.2f} dB"
    dither = f" · {row['dither']['method']}" if "dither" in row else ""
    return f"{row['colors_in']:,} → {row['colors_out']:,} colour{plural}{dither} · {psnr}"


def change_words(before: int, after: int) -> str:
    """Two numbers of bytes and their difference in percent: 620 → 74 kB (−88 %)."""
    first, second = short_size(before), short_size(after)
    if first[1] == second[1]:
        sizes = f"{first[0]} → {second[0]} {second[1]}"
    else:
        sizes = f"{' '.join(first)} → {' '.join(second)}"
    percent = round(100 * (after - before) / max(before, 1))
    sign = "+" if percent > 0 else "−" if percent < 0 else "±"
    return f"{sizes} ({sign}{abs(percent):,} %)"


def short_size(size: int) -> tuple[str, str]:
    """A number of bytes as two or more digits, and its unit."""
    if size < 1000:
        return str(size), "B"
    value, unit = (size / 1000, "kB") if size < 999_500 else (size / 1e6, "MB")
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}", unit


def shortened(name: str, width: int) -> str:
    """A file name shortened to ``width`` characters (at least 16): without its folders or, if needed, its middle."""
    width = max(width, 16)
    if len(name) <= width:
        return name
    last = name.replace("\\", "/").rpartition("/")[2]
    if len(last) + 2 <= width:
        return f"…/{last}"
    if len(last) <= width:
        return last
    tail = width * 2 // 3
    return f"{last[: width - tail - 1]}…{last[-tail:]}"


def detail_lines(row: FileRecord) -> list[str]:
    """The lines that ``-v`` adds to the line of a :func:`record`: the fit, and the wall time of each stage."""
    times = " · ".join(f"{stage} {seconds:.2f} s" for stage, seconds in row["seconds"].items())
    if row.get("command") == "apply":
        used = sum(count > 0 for _, count in row["palette"])
        measure = "CIEDE2000" if row["distance"] == "ciede2000" else f"{row['distance']} in {row['space']}"
        return [f"  {used:,} of {len(row['palette']):,} entries used · nearest by {measure}", f"  {times}"]
    objective = row.get("log_likelihood")
    if objective is not None:
        words = f"log-likelihood {objective:.4f} per pixel"
    elif row.get("inertia") is not None:
        words = f"inertia {row['inertia']:.6g}"
    else:
        words = "nothing to fit"
    auto = [f"  {auto_words(row['k'], row['auto'])}"] if "auto" in row else []
    return [*auto, f"  {words} · {iteration_words(row)}", f"  {times}"]


def palette_lines(row: PaletteRow, width: int = 80) -> list[str]:
    """The palette of a :func:`record` as text, a few colours a line: #1f77b4 12.5 %."""
    shares = palette_shares(row)
    longest = max((len(color) for color, _ in shares), default=0)
    cells = [f"{color:{longest}} {share:>6}" for color, share in shares]
    per_line = max(1, (width - 2) // (longest + 11))
    lines = ["  " + "    ".join(cells[start : start + per_line]) for start in range(0, len(cells), per_line)]
    return lines + more_colors(row)


def palette_shares(row: PaletteRow) -> list[tuple[str, str]]:
    """The first colours of a record's palette, as #rrggbb and a share such as 12.5 %."""
    pixels = sum(count for _, count in row["palette"]) or 1
    return [(color, f"{100 * count / pixels:.1f} %") for color, count in row["palette"][:SHOWN_COLORS]]


def more_colors(row: PaletteRow) -> list[str]:
    """A line that says how many colours :func:`palette_shares` leaves out; an empty list if it has all."""
    rest = len(row["palette"]) - SHOWN_COLORS
    return [f"  and {rest:,} more: see --palette-out"] if rest > 0 else []


def notes_line(notes: Sequence[str]) -> str:
    """The notes of an image on one line, escaped, since the names of colour profiles come from the file."""
    return f"  note: {printable('; '.join(notes))}"


def iteration_words(row: IterationRow) -> str:
    """The iterations of a fit as text: "12 iterations on all colours, converged"."""
    if row["n_iter"] is None:
        return "OpenCV does not report iterations"
    plural = "" if row["n_iter"] == 1 else "s"
    search = "search on coarse cells, then " if row["searched"] else ""
    ended = "converged" if row["converged"] else "not converged"
    return f"{search}{row['n_iter']} iteration{plural} on all colours, {ended}"


def progress_words(step: Iteration | SearchStep) -> str:
    """A step of a fit as text: "searching: start 3 of 8", "iteration 7, log-likelihood per pixel -11.2345"."""
    if isinstance(step, SearchStep):
        return f"searching: {step.kind} {step.number} of {step.total}"
    mixture = isinstance(step.model, GaussianMixture)
    objective = f"log-likelihood per pixel {step.objective:.7g}" if mixture else f"inertia {step.objective:.7g}"
    return f"iteration {step.number}, {objective}"


def size_words(size: int) -> str:
    """A number of bytes as text: 64.2 kB."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.2f} MB"


def printable(name: str) -> str:
    """A file name that is safe to print: control characters and bytes that are not UTF-8 become escapes."""
    decoded = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in decoded)
