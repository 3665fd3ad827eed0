"""Small videos and animations, made when they are needed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from PIL import Image

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
    **options: str,
) -> bytes:
    """A video of frames (h, w, 3 or 4) uint8. ``times`` are those of the frames in units of ``time_base``."""
    import av

    stream = io.BytesIO()
    with av.open(stream, "w", format={"mkv": "matroska"}.get(kind, kind)) as container:
        video = container.add_stream(codec, rate=rate, options=options)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pixels
        video.codec_context.thread_count = 1
        if rotation is not None:
            video.set_display_rotation(rotation)
        if times is not None:
            video.codec_context.time_base = time_base
        for number, pixels_of_frame in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels_of_frame, "rgb24" if pixels_of_frame.shape[2] == 3 else "rgba")
            frame.pts = number if times is None else times[number]
            frame.time_base = Fraction(1, rate) if times is None else time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return stream.getvalue()


def animation(frames: Sequence[np.ndarray], kind: str = "GIF", **options: object) -> bytes:
    """An animation of frames (h, w, 3 or 4) uint8 that Pillow writes."""
    images = [Image.fromarray(frame) for frame in frames]
    stream = io.BytesIO()
    images[0].save(stream, kind, save_all=True, append_images=images[1:], **options)
    return stream.getvalue()
