"""Small videos and animations, made when they are needed."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import av

HEIGHT, WIDTH = 24, 32


def pictures(count: int, height: int = HEIGHT, width: int = WIDTH) -> list[np.ndarray]:
    """Pictures (height, width, 3) uint8: four areas of plain colours, and a white square that moves."""
    base = np.zeros((height, width, 3), np.uint8)
    base[: height // 2, : width // 2] = (200, 30, 30)
    base[: height // 2, width // 2 :] = (30, 160, 60)
    base[height // 2 :, : width // 2] = (40, 50, 190)
    base[height // 2 :, width // 2 :] = (90, 90, 90)
    found = []
    for number in range(count):
        picture = base.copy()
        picture[4:8, number : number + 4] = 240
        found.append(picture)
    return found


def video(
    frames: Sequence[np.ndarray],
    kind: str = "mp4",
    codec: str = "libx264",
    *,
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 1000),
    rate: int = 25,
    pixels: str = "yuv420p",
    rotation: int | None = None,
    flip: bool = False,
    audio: bool = False,
    attributes: Mapping[str, object] | None = None,
    muxer: Mapping[str, str] | None = None,
    **options: str,
) -> bytes:
    """A video of frames: (h, w, 3 or 4) uint8, or the planes Y, U and V, each (h, w), of which
    every second value is taken where ``pixels`` halve the chroma.

    ``times`` are those of the frames in units of ``time_base``. The display matrix turns by ``rotation`` degrees
    counterclockwise, with ``flip`` mirrored. ``attributes`` are those of the codec context, ``muxer`` has the options
    of the container.
    """
    import av

    place = tempfile.TemporaryDirectory()  # to move its index, FFmpeg opens a file again
    path = Path(place.name, f"clip.{kind}")
    with place, av.open(path, "w", format={"mkv": "matroska"}.get(kind, kind), options=dict(muxer or {})) as container:
        video = container.add_stream(codec, rate=rate, options=options)
        video.height, video.width = frames[0].shape[-2:] if frames[0].shape[0] == 3 else frames[0].shape[:2]
        video.pix_fmt = pixels
        video.codec_context.thread_count = 1
        if rotation is not None:
            video.set_display_rotation(rotation, hflip=flip)
        for name, value in (attributes or {}).items():
            setattr(video.codec_context, name, value)
        sound = container.add_stream("aac", rate=8000, layout="mono") if audio else None
        if times is not None:
            video.codec_context.time_base = time_base
        for number, values in enumerate(frames):
            frame = _planes(values, pixels) if values.shape[0] == 3 else _rgb(values)
            frame.pts = number if times is None else times[number]
            frame.time_base = Fraction(1, rate) if times is None else time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.sample_rate = 8000
            container.mux(sound.encode(silence))
            container.mux(sound.encode(None))
        container.close()
        return path.read_bytes()


def _rgb(values: np.ndarray) -> av.VideoFrame:
    import av

    return av.VideoFrame.from_ndarray(np.ascontiguousarray(values), "rgb24" if values.shape[2] == 3 else "rgba")


def _planes(values: np.ndarray, pixels: str) -> av.VideoFrame:
    import av

    frame = av.VideoFrame(values.shape[2], values.shape[1], pixels)
    for plane, levels in zip(frame.planes, values, strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        step = levels.shape[1] // plane.width  # halved chroma
        stored = np.ascontiguousarray(levels[::step, ::step]).view(np.uint8)
        rows[:, : stored.shape[1]] = stored
        plane.update(rows)
    return frame


def sound(kind: str = "mp3", *, cover: np.ndarray | None = None) -> bytes:
    """An audio file of silence, with a cover picture (h, w, 3) or without."""
    import av
    from av.stream import Disposition

    stream = io.BytesIO()
    codec = {"mp3": "libmp3lame", "mp4": "aac", "wav": "pcm_s16le"}[kind]
    with av.open(stream, "w", format=kind) as container:
        audio = container.add_stream(codec, rate=16000, layout="mono")
        if cover is not None:
            picture = container.add_stream("png", rate=1)
            picture.height, picture.width = cover.shape[:2]
            picture.pix_fmt = "rgb24"
            picture.disposition = Disposition.attached_pic
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), "s16", "mono")
        silence.sample_rate = 16000
        if cover is not None:
            container.mux(picture.encode(_rgb(cover)))
            container.mux(picture.encode(None))
        frames = av.AudioResampler(audio.codec_context.format, "mono", 16000).resample(silence)
        for frame in frames:
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return stream.getvalue()


def animation(frames: Sequence[np.ndarray], kind: str = "GIF", **options: object) -> bytes:
    """An animation of frames (h, w, 3 or 4) uint8 that Pillow writes."""
    images = [Image.fromarray(frame) for frame in frames]
    stream = io.BytesIO()
    images[0].save(stream, kind, save_all=True, append_images=images[1:], **options)
    return stream.getvalue()
