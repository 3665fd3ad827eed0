"""What the page of a clip in the colours of its fit says, and that of background subtraction."""

from __future__ import annotations

from dataclasses import dataclass

from colorquant.color.difference import psnr
from colorquant.report.clip_file import BackgroundClip, ClipFile, QuantizedClip
from colorquant.report.html import Fact
from colorquant.report.html.facts import MOST_ENTRIES, PaletteEntry, fit_facts, palette_entries
from colorquant.report.html.strip import Strip, moment_words
from colorquant.report.records import printable
from colorquant.report.words import METHOD_NAMES, base_name, counted, percent, psnr_words, quality_words
from colorquant.video.background import LABELS

MOST_SEGMENTS = 200  # most fits that are listed
STRIP = 64  # most colours of each


@dataclass(frozen=True)
class SegmentRow:
    """A fit of the clip: its frames in ``words``, its ``start`` in seconds, and the first of its colours."""

    words: str
    start: float
    colors: tuple[str, ...]


@dataclass(frozen=True)
class ClipWords:
    """The words of a page: what was ``made`` of the clip, a ``summary``, ``notes``, and the tables.

    ``shown`` says what the strip has. ``palette`` and ``segments`` are empty where there is no fit, or only one.
    """

    made: str
    summary: str
    shown: str
    notes: list[str]
    metrics: list[Fact]
    options: list[Fact]
    palette: list[PaletteEntry]
    palette_note: str
    has_alpha: bool
    segments: list[SegmentRow]
    segments_note: str


def quantized_words(clip: QuantizedClip, strip: Strip) -> ClipWords:
    """The words about a clip in the colours of its fit."""
    counts = clip.labels.counts.tolist()
    return ClipWords(
        made=_made(clip),
        summary=_summary(clip),
        shown="The share of each label over time, the largest label at the bottom",
        notes=_notes(clip),
        metrics=_metrics(clip),
        options=_options(clip),
        palette=palette_entries([clip.color_of(label) for label in range(len(counts))], counts),
        palette_note=_palette_note(clip),
        has_alpha=clip.fit.segments[0].palette.alpha is not None,
        segments=_segments(clip, strip) if len(clip.fit.segments) > 1 else [],
        segments_note=_segments_note(clip),
    )


def background_words(clip: BackgroundClip) -> ClipWords:
    """The words about a clip in which what moves was told apart from what stays."""
    options, counts = clip.background, clip.labels.counts.tolist()
    shares = [percent(count / max(sum(counts), 1)) for count in counts]
    named = list(zip(LABELS[1:], shares[1:], strict=False))
    above = " and, above it, of shadows" if options.shadows else ""
    return ClipWords(
        made=f"background subtraction by {options.method.upper()}",
        summary=f"{_length(clip)}; {', '.join(f'{share} {name}' for name, share in named)}.",
        shown=f"The share of the foreground{above}",
        notes=_common_notes(clip, clip.labels.transparent),
        metrics=[*_input(clip), *((f"{name}, of all pixels", share) for name, share in named), *_bytes(clip)],
        options=[
            ("--background", options.method),
            ("--history", f"{options.history:,} frames"),
            ("--var-threshold", f"{options.threshold:g}"),
            ("--shadows", "yes" if options.shadows else "no"),
            *((flag, value) for flag, value in _reading(clip).items() if value is not None),
        ],
        palette=[],
        palette_note="",
        has_alpha=False,
        segments=[],
        segments_note="",
    )


def _made(clip: QuantizedClip) -> str:
    """What the clip was made of, such as "16 colours by EM, 3 fits"."""
    made = f"{counted(clip.fit.k, 'colour')} by {METHOD_NAMES[clip.options.method]}"
    segments = len(clip.fit.segments)
    made = made if segments == 1 else f"{made}, {counted(segments, 'fit')}"
    return made if clip.dithering is None else f"{made}, dithered by {clip.dithering.method}"


def _summary(clip: QuantizedClip) -> str:
    steadiness = clip.labels.steadiness
    flicker = "" if steadiness is None else f"; {percent(steadiness.flickering)} of the pixels flicker"
    return f"{_length(clip)}, {quality_words(psnr(clip.labels.mse))}{flicker}."


def _length(clip: ClipFile) -> str:
    """The length of the clip in words: 250 frames, 10 s."""
    duration = "" if clip.duration is None else f", {moment_words(float(clip.duration), float(clip.duration))}"
    return f"{counted(clip.frames, 'frame')}{duration}"


def _palette_note(clip: QuantizedClip) -> str:
    words = "Sorted by share of the counted pixels; the shares are those of all frames."
    if len(clip.fit.segments) > 1:
        words = "The colours are those of the first fit that has the label; the shares are those of all frames."
    entries = len(clip.labels.counts)
    return words if entries <= MOST_ENTRIES else f"{words} The first {MOST_ENTRIES} of {entries:,} are listed."


def _segments(clip: QuantizedClip, strip: Strip) -> list[SegmentRow]:
    """The first fits of a clip that has several."""
    end = strip.timeline.end
    return [
        SegmentRow(
            f"frames {segment.first:,} to {segment.end - 1:,}, from {moment_words(start, end)}",
            start,
            segment.palette.hex[:STRIP],
        )
        for segment, start in zip(clip.fit.segments[:MOST_SEGMENTS], strip.timeline.starts, strict=False)
    ]


def _segments_note(clip: QuantizedClip) -> str:
    number = len(clip.fit.segments)
    rest = f" The first {MOST_SEGMENTS} of {number:,} are listed." if number > MOST_SEGMENTS else ""
    return f"Label i of each fit continues label i of the one before.{rest}"


def _input(clip: ClipFile) -> list[Fact]:
    info = clip.info
    codec = info.format if info.codec.lower() == info.format.lower() else f"{info.format}, {info.codec}"
    rows = [("input", codec), ("size", f"{info.width:,} × {info.height:,} pixels"), ("frames", f"{clip.frames:,}")]
    if clip.duration is not None:
        rows.append(("duration", f"{float(clip.duration):.6g} s"))
    if clip.rate is not None:
        rows.append(("frames per second", f"{clip.rate:.4g}{', on average' if info.variable else ''}"))
    return rows


def _metrics(clip: QuantizedClip) -> list[Fact]:
    info, labels = clip.info, clip.labels
    rows = [
        *_input(clip),
        ("frames counted for the fit", f"{clip.fit.counted:,}"),
        ("distinct colours in them", f"{clip.fit.colors_in:,}"),
        ("PSNR", psnr_words(psnr(labels.mse))),
        ("MSE, summed over the channels", f"{labels.mse:,.4f}"),
        *_steadiness(clip),
    ]
    if labels.transparent:
        share = labels.transparent / (clip.frames * info.width * info.height)
        rows.append(("fully transparent", f"{percent(share)} of the pixels"))
    return [*rows, *_bytes(clip)]


def _bytes(clip: ClipFile) -> list[Fact]:
    rows = [("bytes before", f"{clip.info.bytes_in:,}")]
    for one in clip.outputs:
        files = f" and {one.files - 1:,} more" if one.files > 1 else ""
        rows.append((f"bytes of {base_name(one.path)}{files}", f"{one.bytes:,}"))
    return rows


def _steadiness(clip: QuantizedClip) -> list[Fact]:
    labels = clip.labels
    if labels.steadiness is None:
        return []
    still = f"{labels.steadiness.still:g}"
    rows = [
        ("labels that change from frame to frame", percent(labels.steadiness.changed)),
        (f"flickering (the colour moves by less than {still} levels)", percent(labels.steadiness.flickering)),
    ]
    if labels.unsmoothed is not None and labels.unsmoothed_mse is not None:
        rows += [
            ("flickering without --smooth", percent(labels.unsmoothed.flickering)),
            ("MSE without --smooth", f"{labels.unsmoothed_mse:,.4f}"),
        ]
    return rows


def _options(clip: QuantizedClip) -> list[Fact]:
    """Every option by its flag, the engine's defaults included."""
    others: dict[str, object] = {
        "paint": clip.paint,
        "assign": clip.assign,
        "every": clip.every,
        "refit": clip.refit,
        "smooth": f"{clip.smooth:g}",
        "still": f"{clip.still:g}",
    }
    if clip.dithering is not None:
        others["dither"] = clip.dithering.method
    reading = {flag[2:]: value for flag, value in _reading(clip).items()}
    return fit_facts(clip.options, {**others, **reading}, clip.chosen)


def _reading(clip: ClipFile) -> dict[str, str | None]:
    """The options of reading by their flags; None for those that were not given."""
    reading = clip.reading
    return {
        "--start": None if reading.start is None else f"{float(reading.start):g} s",
        "--end": None if reading.end is None else f"{float(reading.end):g} s",
        "--fps": None if reading.fps is None else f"{float(reading.fps):g}",
        "--scale": None if reading.scale is None else f"{reading.scale:g}",
    }


def _notes(clip: QuantizedClip) -> list[str]:
    notes = _common_notes(clip, clip.labels.transparent)
    if clip.chosen is not None:
        notes.append(f"{clip.chosen.words}.")
    if clip.fit.segments[0].palette.chroma is not None:
        notes.append("Every pixel keeps its own lightness: a palette entry is the mean colour of its label's pixels.")
    return notes


def _common_notes(clip: ClipFile, transparent: int) -> list[str]:
    notes = [f"The clip ends early: {printable(clip.broken)}."] if clip.broken else []
    notes += [printable(note) for note in clip.notes]
    return notes + (["Fully transparent pixels are not counted and have no label."] if transparent else [])
