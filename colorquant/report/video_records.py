"""The result of one clip: a JSON record, and lines of text made from it."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, Required, TypedDict

from colorquant.clips.results import Segment, Steadiness
from colorquant.color.difference import psnr
from colorquant.fitting.options import FitOptions
from colorquant.report.choice_records import AutoRecord, DitherRecord, auto_record, auto_words, dither_record
from colorquant.report.clip_file import BackgroundClip, ClipFile, QuantizedClip
from colorquant.report.records import (
    change_words,
    iteration_words,
    printable,
    short_size,
    shortened,
    size_words,
)
from colorquant.report.words import counted, percent
from colorquant.video.background import LABELS

STAGES = ("read", "count", "fit", "label", "write")  # whose wall times are reported
SHOWN_SEGMENTS = 12  # segments that -v lists
SHOWN_ENTRIES = 6  # colours of each


class OutputRecord(TypedDict):
    """An output of a clip; where it has a file per frame or label, ``path`` is the first of its ``files``."""

    path: str
    bytes: int
    files: int


class SegmentRecord(TypedDict, total=False):
    """Consecutive frames that share a fit: those from number ``first``, at ``time``, to ``end`` - 1."""

    first: Required[int]
    end: Required[int]
    time: Required[float]
    colors: Required[list[str]]
    n_iter: int | None
    converged: bool | None
    searched: bool
    untouched: bool
    inertia: float | None
    log_likelihood: float | None


class UnsmoothedRecord(TypedDict):
    """What the same fit has without ``--smooth``."""

    flickering: float | None
    changed: float | None
    mse: float | None
    psnr: float | None


class BackgroundRecord(TypedDict):
    """How the background was modelled, and the number of pixels of each label in all frames."""

    method: str
    history: int
    var_threshold: float
    shadows: bool
    pixels: dict[str, int]


class ClipRecord(TypedDict, total=False):
    """The JSON object of a clip; docs/formats.md explains the keys, whose presence depends on the options."""

    input: Required[str]
    output: str | None
    status: Required[Literal["written", "partial", "skipped", "failed", "planned"]]
    error: str
    outputs: list[OutputRecord]
    command: str
    format: str
    codec: str
    width: int
    height: int
    frames: int
    fps: float | None
    duration: float | None
    variable: bool
    start: float
    end: float
    scale: float
    method: str
    engine: str
    space: str
    keep_luma: bool
    k: int
    init: str
    attempts: int
    max_iter: int
    tol: float
    seed: int
    effort: str
    covariance: str
    reg_covar: float
    standardize: bool
    lock: list[str]
    protect: str
    alpha: str | None
    paint: str
    assign: str
    every: int
    refit: str
    smooth: float
    still: float
    auto: AutoRecord
    dither: DitherRecord
    background: BackgroundRecord
    counted: int
    colors_in: int
    palette: list[tuple[str, int]]
    transparent: int
    segments: list[SegmentRecord]
    cuts: list[int] | None
    mse: float
    psnr: float | None
    flickering: float | None
    changed: float | None
    unsmoothed: UnsmoothedRecord
    seconds: dict[str, float]
    frames_per_second: float | None
    bytes_in: int
    bytes_out: int
    notes: list[str]
    warnings: list[str]


def clip_record(file: ClipFile) -> ClipRecord:
    """The JSON object of a clip. Times are seconds, sizes bytes; shares are from 0 to 1."""
    row = _head(file)
    if isinstance(file, QuantizedClip):
        _add_fit(row, file)
    if isinstance(file, BackgroundClip):
        _add_background(row, file)
    total = sum(file.seconds.values())
    row["seconds"] = {stage: round(file.seconds[stage], 6) for stage in STAGES if stage in file.seconds}
    row["frames_per_second"] = round(file.frames / total, 3) if total > 0 else None
    row["bytes_in"], row["bytes_out"] = file.info.bytes_in, file.bytes_out
    row["notes"], row["warnings"] = list(file.notes), list(file.warnings)
    return row


def _head(file: ClipFile) -> ClipRecord:
    """The record with the names of the files, and what is known of the clip."""
    info, reading = file.info, file.reading
    row: ClipRecord = {
        "input": file.name,
        "output": file.outputs[0].path if file.outputs else None,
        "status": "partial" if file.broken else "written",
    }
    if file.broken:
        row["error"] = file.broken
    row["outputs"] = [{"path": one.path, "bytes": one.bytes, "files": one.files} for one in file.outputs]
    row["command"] = "video"
    row["format"], row["codec"] = info.format, info.codec
    row["width"], row["height"], row["frames"] = info.width, info.height, file.frames
    row["fps"] = None if file.rate is None else round(file.rate, 6)
    row["duration"] = None if file.duration is None else round(float(file.duration), 6)
    row["variable"] = info.variable
    if reading.start is not None:
        row["start"] = float(reading.start)
    if reading.end is not None:
        row["end"] = float(reading.end)
    if reading.scale is not None:
        row["scale"] = reading.scale
    return row


def _add_fit(row: ClipRecord, file: QuantizedClip) -> None:
    """Add to the record how the clip was fitted and labelled, and with what result."""
    fit, labels, options = file.fit, file.labels, file.options
    row.update(_options(options))
    if options.alpha is None and file.info.has_alpha:  # colours are counted without it
        row["alpha"] = "keep"
    row["paint"], row["every"], row["smooth"], row["still"] = file.paint, file.every, file.smooth, file.still
    if file.assign is not None:
        row["assign"] = file.assign
    if file.refit is not None:
        row["refit"] = file.refit
    if file.chosen is not None:
        row["auto"] = auto_record(file.chosen)
    if file.dithering is not None:
        row["dither"] = dither_record(file.dithering)
    row["counted"], row["colors_in"] = fit.counted, fit.colors_in
    row["palette"] = [(file.color_of(label), count) for label, count in enumerate(labels.counts.tolist())]
    row["transparent"] = labels.transparent
    row["segments"] = [_segment(segment, options) for segment in fit.segments]
    row["cuts"] = None if fit.cuts is None else list(fit.cuts)
    row["mse"], row["psnr"] = labels.mse, _psnr(labels.mse)
    row["flickering"], row["changed"] = _shares(labels.steadiness)
    if labels.unsmoothed is not None or labels.unsmoothed_mse is not None:
        flickering, changed = _shares(labels.unsmoothed)
        error = labels.unsmoothed_mse
        row["unsmoothed"] = {
            "flickering": flickering,
            "changed": changed,
            "mse": error,
            "psnr": None if error is None else _psnr(error),
        }


def _add_background(row: ClipRecord, file: BackgroundClip) -> None:
    """Add to the record how background and foreground were told apart, and with what result."""
    options, counts = file.background, file.labels.counts.tolist()
    row["background"] = {
        "method": options.method,
        "history": options.history,
        "var_threshold": options.threshold,
        "shadows": options.shadows,
        "pixels": dict(zip(LABELS, counts, strict=False)),
    }
    row["transparent"] = file.labels.transparent


def _options(options: FitOptions) -> ClipRecord:
    """The options of the fit by their names, without those that have no value."""
    values = dataclasses.asdict(options)
    values["lock"] = list(options.lock) or None
    kept = {name: value for name, value in values.items() if value is not None}
    return {**kept, "alpha": options.alpha}  # type: ignore[typeddict-item]


def _segment(segment: Segment, options: FitOptions) -> SegmentRecord:
    palette = segment.palette
    row: SegmentRecord = {
        "first": segment.first,
        "end": segment.end,
        "time": float(segment.time),
        "colors": list(palette.hex),
        "n_iter": palette.n_iter,
        "converged": palette.converged,
        "searched": palette.searched,
        "untouched": palette.untouched,
    }
    if options.method == "kmeans":
        row["inertia"] = palette.inertia
    else:
        row["log_likelihood"] = palette.log_likelihood
    return row


def _psnr(error: float) -> float | None:
    value = psnr(error)
    return value if math.isfinite(value) else None


def _shares(steadiness: Steadiness | None) -> tuple[float | None, float | None]:
    return (None, None) if steadiness is None else (steadiness.flickering, steadiness.changed)


def skipped_clip(name: str, output: str) -> ClipRecord:
    """The JSON object of a clip that was skipped, since its outputs exist."""
    return {"input": name, "output": output, "status": "skipped"}


def failed_clip(name: str, error: str) -> ClipRecord:
    """The JSON object of a clip that failed, and for which nothing was written."""
    return {"input": name, "status": "failed", "error": error}


def clip_line(row: ClipRecord, width: int | None = None) -> str:
    """The line of a :func:`clip_record` or of a skipped clip; with ``width`` the name is shortened to fit.

    clip-em4.mp4: 250 frames · 4 colours · 29.27 dB · 0.8 % flicker · 340 kB
    """
    name = printable(row.get("output") or row["input"])
    if row["status"] == "skipped":
        words = "skipped, it exists"
    else:
        parts = [counted(row["frames"], "frame"), *_fit_words(row)]
        if row.get("outputs"):
            parts.append(" ".join(short_size(row["bytes_out"])))
        words = " · ".join(parts)
    return f"{name if width is None else shortened(name, width - len(words) - 2)}: {words}"


def _fit_words(row: ClipRecord) -> list[str]:
    """The parts of a clip's line that are about its colours; an empty list for a clip without a fit."""
    if "background" in row:
        pixels = row["background"]["pixels"]
        total = sum(pixels.values()) or 1
        return [f"{percent(pixels[label] / total)} {label}" for label in pixels if label != LABELS[0]]
    if "palette" not in row:
        return []
    used = sum(count > 0 for _, count in row["palette"])
    dither = [row["dither"]["method"]] if "dither" in row else []
    error = "no loss" if row["psnr"] is None else f"{row['psnr']:.2f} dB"
    flicker = [] if row["flickering"] is None else [f"{percent(row['flickering'])} flicker"]
    return [counted(used, "colour"), *dither, error, *flicker]


def clip_detail_lines(row: ClipRecord) -> list[str]:
    """The lines that ``-v`` adds to the line of a clip: the clip, its fit, steadiness, segments, times and outputs."""
    lines = [_clip_words(row)]
    if "auto" in row:
        lines.append(auto_words(row["k"], row["auto"]))
    if "palette" in row:
        lines += [*_fit_lines(row), *_steadiness_lines(row)]
    times = [f"{stage} {seconds:.2f} s" for stage, seconds in row["seconds"].items()]
    rate = row["frames_per_second"]
    lines += [" · ".join(times), *([] if rate is None else [f"{rate:,.1f} frames per second, all stages together"])]
    lines += [_output_words(one) for one in row["outputs"][1:]]
    return [f"  {line}" for line in lines]


def _clip_words(row: ClipRecord) -> str:
    """What the clip is: mp4, h264, 640 × 360, 10 s, 25 frames per second."""
    parts = [row["format"], *([row["codec"]] if row["codec"].lower() != row["format"].lower() else [])]
    parts.append(f"{row['width']:,} × {row['height']:,}")
    if row["duration"] is not None:
        parts.append(f"{row['duration']:.6g} s")
    if row["fps"] is not None:
        rate = f"{row['fps']:.4g}"
        parts.append(f"{'on average ' * row['variable']}{rate} {'frame' if rate == '1' else 'frames'} per second")
    sizes = [change_words(row["bytes_in"], row["bytes_out"])] if row["outputs"] else []
    return " · ".join([", ".join(parts), *sizes])


def _steadiness_lines(row: ClipRecord) -> list[str]:
    """How steady the labels are, and what smoothing did."""
    flickering, changed = row["flickering"], row["changed"]
    if flickering is None or changed is None:
        return []
    words = f"{percent(changed)} of the labels change from frame to frame"
    lines = [f"{words}, {percent(flickering)} flicker (--still {row['still']:g})"]
    before = row.get("unsmoothed")
    if before is not None and before["flickering"] is not None and before["mse"] is not None:
        error = f"mse {before['mse']:.2f} → {row['mse']:.2f}"
        lines.append(
            f"--smooth {row['smooth']:g}: flicker {percent(before['flickering'])} → {percent(flickering)}, {error}"
        )
    return lines


def _fit_lines(row: ClipRecord) -> list[str]:
    """What was fitted: a line for one fit, and for several a line for each of the first."""
    segments = row["segments"]
    counts = f"{counted(row['colors_in'], 'distinct colour')} in {counted(row['counted'], 'frame')}"
    if len(segments) == 1:
        return [counts, f"{_objective_words(segments[0])} · {iteration_words(segments[0])}"]
    lines = [f"{counts}, {counted(len(segments), 'fit')}:"]
    for segment in segments[:SHOWN_SEGMENTS]:
        colors = segment["colors"]
        shown = f"{' '.join(colors[:SHOWN_ENTRIES])}{' …' if len(colors) > SHOWN_ENTRIES else ''}"
        lines.append(f"  frames {segment['first']:,} to {segment['end'] - 1:,}: {shown}")
    rest = len(segments) - SHOWN_SEGMENTS
    return lines + ([f"  and {rest:,} more: --json has all"] if rest > 0 else [])


def _objective_words(segment: SegmentRecord) -> str:
    likelihood, inertia = segment.get("log_likelihood"), segment.get("inertia")
    if likelihood is not None:
        return f"log-likelihood {likelihood:.4f} per pixel"
    return "nothing to fit" if inertia is None else f"inertia {inertia:.6g}"


def _output_words(one: OutputRecord) -> str:
    files = f" and {one['files'] - 1:,} more" if one["files"] > 1 else ""
    return f"{printable(one['path'])}{files}, {size_words(one['bytes'])}"
