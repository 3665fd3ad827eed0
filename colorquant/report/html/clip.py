"""The page of ``video``: a player with the clip before and after, and the shares of its labels over time."""

from __future__ import annotations

import base64

from colorquant.report.clip_file import BackgroundClip, ClipFile, QuantizedClip
from colorquant.report.html import Json, data_uri, render
from colorquant.report.html.clip_facts import background_words, quantized_words
from colorquant.report.html.clip_previews import ClipPreview
from colorquant.report.html.strip import Strip, share_strip
from colorquant.report.machine import Machine
from colorquant.report.records import printable
from colorquant.report.words import base_name, counted

SPEEDS = (0.25, 0.5, 1, 2, 4, 8)


def clip_page(clip: QuantizedClip | BackgroundClip, preview: ClipPreview) -> bytes:
    """The page of a clip as HTML; ``preview`` is what it plays."""
    name, strip = base_name(clip.name), share_strip(clip)
    words = background_words(clip) if isinstance(clip, BackgroundClip) else quantized_words(clip, strip)
    return render(
        "clip.html",
        f"{name}: {words.made}",
        {"player": _player(clip, preview, strip)},
        name=name,
        words=words,
        preview=preview,
        preview_note=_preview_note(clip, preview),
        speeds=SPEEDS,
        strip=strip,
        command=printable(clip.command),
        versions=Machine.this().version_words,
    )


def _player(clip: ClipFile, preview: ClipPreview, strip: Strip) -> dict[str, Json]:
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


def _preview_note(clip: ClipFile, preview: ClipPreview) -> str:
    """What the player shows of the clip."""
    scaled = (preview.width, preview.height) != (clip.info.width, clip.info.height)
    parts = [f"{preview.width:,} × {preview.height:,} of its pixels"] if scaled else []
    parts += [f"one in {preview.every:,} frames"] if preview.every > 1 else []
    shown = f"The player shows the clip with {' and '.join(parts)}" if parts else "The player shows the whole clip"
    kind = ", compressed as a small video, so that colours are not exact" if preview.video else ""
    cut = f" It ends after {counted(len(preview.times), 'frame')}." if preview.cut else ""
    return f"{shown}{kind}.{cut} All numbers are about every pixel of every frame. It has no sound."
