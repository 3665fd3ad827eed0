"""Open a clip: its content decides whether Pillow reads it, an animation, or PyAV, a video."""

from __future__ import annotations

import stat
from pathlib import Path

from colorquant.errors import ImageReadError
from colorquant.images.alpha import check_alpha
from colorquant.images.animation import is_animation_format, is_still, open_animation, still_format
from colorquant.images.file_bytes import check_readable, read_bytes
from colorquant.images.videos import SAMPLE, VIDEO_SUFFIXES, is_video, why_unknown
from colorquant.video.animated import AnimatedImage
from colorquant.video.extra import has_pyav
from colorquant.video.frames import Clip, ClipReading
from colorquant.video.selection import check_selection

ANIMATION_SUFFIXES = frozenset((".gif", ".png", ".apng", ".webp"))


def is_clip(name: str) -> bool:
    """Whether a file in a folder is a clip by its ending, and not a still image."""
    suffix = Path(name).suffix.lower()
    return suffix in VIDEO_SUFFIXES or (suffix in ANIMATION_SUFFIXES and not is_still(Path(name)))


def open_clip(source: Path | bytes, reading: ClipReading = ClipReading()) -> Clip:  # noqa: B008  it is frozen
    """Open a video or an animation, a file or its bytes; no more than its first frame is decoded.

    A still PNG, WebP or GIF is a clip of one frame. Raises ImageReadError where it is no clip, is damaged, or has
    larger frames than ``reading`` allows; EngineError for a video where PyAV is not installed; OptionError for times, a
    rate, a scale or an alpha that no clip can have.
    """
    check_selection(reading)
    check_alpha(reading.alpha)
    if isinstance(source, Path):
        check_readable(source)
        if stat.S_ISFIFO(source.stat().st_mode):
            source = read_bytes(source)
    first = source[:SAMPLE] if isinstance(source, bytes) else read_bytes(source, SAMPLE)
    if not first:
        raise ImageReadError("the file is empty: give a video or an animation")
    if is_animation_format(first):
        data = source if isinstance(source, bytes) else read_bytes(source)
        return AnimatedImage(open_animation(data, reading.max_pixels), reading)
    if not is_video(first):
        still = still_format(source)
        if still is not None:
            raise ImageReadError(f"is a still image ({still}): use colorquant kmeans or colorquant em")
        if not has_pyav():
            raise ImageReadError(why_unknown(first))
    from colorquant.video.av_reading import open_video

    return open_video(source, reading)
