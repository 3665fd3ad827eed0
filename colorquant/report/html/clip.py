"""The page of ``video``: a player with the clip before and after, and the shares of its labels over time."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from colorquant.color.difference import psnr
from colorquant.report.clip_file import QuantizedClip
from colorquant.report.html import Fact, Json, data_uri, render
from colorquant.report.html.clip_previews import ClipPreview
from colorquant.report.html.facts import MOST_ENTRIES, fit_facts, palette_entries
from colorquant.report.html.strip import Strip, moment_words, share_strip
from colorquant.report.machine import Machine
from colorquant.report.records import printable
from colorquant.report.words import METHOD_NAMES, base_name, counted, percent, psnr_words, quality_words

SPEEDS = (0.25, 0.5, 1, 2, 4, 8)
MOST_SEGMENTS = 200  # most fits that are listed
STRIP = 64  # most colours of each


@dataclass(frozen=True)
class SegmentRow:
    """A fit of the clip: its frames in ``words``, its ``start`` in seconds, and the first of its colours."""

    words: str
    start: float
    colors: tuple[str, ...]


def clip_page(clip: QuantizedClip, preview: ClipPreview) -> bytes:
    """The page of a clip as HTML; ``preview`` is what it plays."""
    name, made, strip = base_name(clip.name), _made(clip), share_strip(clip)
    counts = clip.labels.counts.tolist()
    several = len(clip.fit.segments) > 1
    return render(
        "clip.html",
        f"{name}: {made}",
        {"player": _player(clip, preview, strip)},
        name=name,
        made=made,
        summary=_summary(clip),
        notes=_notes(clip),
        preview=preview,
        preview_note=_preview_note(clip, preview),
        speeds=SPEEDS,
        strip=strip,
        palette=palette_entries([clip.color_of(label) for label in range(len(counts))], counts),
        palette_note=_palette_note(clip),
        has_alpha=clip.fit.segments[0].palette.alpha is not None,
        segments=_segments(clip, strip) if several else [],
        segments_note=_segments_note(clip),
        metrics=_metrics(clip),
        command=printable(clip.command),
        options=_options(clip),
        versions=", ".join(f"{library} {number}" for library, number in Machine.this().versions.items()),
    )


def _made(clip: QuantizedClip) -> str:
    """What the clip was made of, such as "16 colours by EM, 3 fits"."""
    made = f"{counted(clip.fit.k, 'colour')} by {METHOD_NAMES[clip.options.method]}"
    segments = len(clip.fit.segments)
    made = made if segments == 1 else f"{made}, {counted(segments, 'fit')}"
    return made if clip.dithering is None else f"{made}, dithered by {clip.dithering.method}"


def _summary(clip: QuantizedClip) -> str:
    frames = counted(clip.frames, "frame")
    duration = "" if clip.duration is None else f", {moment_words(float(clip.duration), float(clip.duration))}"
    steadiness = clip.labels.steadiness
    flicker = "" if steadiness is None else f"; {percent(steadiness.flickering)} of the pixels flicker"
    return f"{frames}{duration}, {quality_words(psnr(clip.labels.mse))}{flicker}."


def _player(clip: QuantizedClip, preview: ClipPreview, strip: Strip) -> dict[str, Json]:
    """What the player reads."""
    return {
        "width": preview.width,
        "height": preview.height,
        "every": preview.every,
        "times": [round(float(time), 5) for time in preview.times],
        "end": round(float(preview.end), 5),
        "loop": clip.info.loops is not None,
        "stills": [[data_uri(still.before), data_uri(still.after)] for still in preview.stills],
        "video": base64.b64encode(preview.video).decode(),
        "shares": strip.data(),
    }


def _preview_note(clip: QuantizedClip, preview: ClipPreview) -> str:
    """What the player shows of the clip."""
    scaled = (preview.width, preview.height) != (clip.info.width, clip.info.height)
    parts = [f"{preview.width:,} × {preview.height:,} of its pixels"] if scaled else []
    parts += [f"one in {preview.every:,} frames"] if preview.every > 1 else []
    shown = f"The player shows the clip with {' and '.join(parts)}" if parts else "The player shows the whole clip"
    kind = ", compressed as a small video, so that colours are not exact" if preview.video else ""
    cut = f" It ends after {counted(len(preview.times), 'frame')}." if preview.cut else ""
    return f"{shown}{kind}.{cut} All numbers are about every pixel of every frame. It has no sound."


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


def _metrics(clip: QuantizedClip) -> list[Fact]:
    info, labels = clip.info, clip.labels
    codec = info.format if info.codec.lower() == info.format.lower() else f"{info.format}, {info.codec}"
    rows = [("input", codec), ("size", f"{info.width:,} × {info.height:,} pixels"), ("frames", f"{clip.frames:,}")]
    if clip.duration is not None:
        rows.append(("duration", f"{float(clip.duration):.6g} s"))
    if clip.rate is not None:
        rows.append(("frames per second", f"{clip.rate:.4g}{', on average' if info.variable else ''}"))
    rows += [
        ("frames counted for the fit", f"{clip.fit.counted:,}"),
        ("distinct colours in them", f"{clip.fit.colors_in:,}"),
        ("PSNR", psnr_words(psnr(labels.mse))),
        ("MSE, summed over the channels", f"{labels.mse:,.4f}"),
        *_steadiness(clip),
    ]
    if labels.transparent:
        share = labels.transparent / (clip.frames * info.width * info.height)
        rows.append(("fully transparent", f"{percent(share)} of the pixels"))
    rows.append(("bytes before", f"{info.bytes_in:,}"))
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
    reading = clip.reading
    others = {
        "paint": clip.paint,
        "assign": clip.assign,
        "every": clip.every,
        "refit": clip.refit,
        "smooth": f"{clip.smooth:g}",
        "still": f"{clip.still:g}",
        "start": None if reading.start is None else f"{float(reading.start):g}",
        "end": None if reading.end is None else f"{float(reading.end):g}",
        "fps": None if reading.fps is None else f"{float(reading.fps):g}",
        "scale": None if reading.scale is None else f"{reading.scale:g}",
    }
    if clip.dithering is not None:
        others["dither"] = clip.dithering.method
    return fit_facts(clip.options, others, clip.chosen)


def _notes(clip: QuantizedClip) -> list[str]:
    notes = [printable(note) for note in clip.notes]
    if clip.broken:
        notes.insert(0, f"The clip ends early: {printable(clip.broken)}.")
    if clip.chosen is not None:
        notes.append(f"{clip.chosen.words}.")
    if clip.labels.transparent:
        notes.append("Fully transparent pixels are not counted and have no label.")
    if clip.fit.segments[0].palette.chroma is not None:
        notes.append("Every pixel keeps its own lightness: a palette entry is the mean colour of its label's pixels.")
    return notes
