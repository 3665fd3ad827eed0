"""Reading videos: frames per CPU second, and how far the colours are from what the file says."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.clips import pan
from benchmarks.pictures import RGB
from benchmarks.report import Section, Table
from benchmarks.settings import Settings, say
from benchmarks.timing import interleaved, measure
from colorquant.video.opening import open_clip

FRAMES, COMPARED = 200, 5
OPENCV, PYAV, OURS = "cv2.VideoCapture, and BGR to RGB", "PyAV, as FFmpeg converts by default", "colorquant"


@dataclass(frozen=True)
class Read:
    """A row: medians over rounds, and the error of colours in levels (signed mean, largest)."""

    row: str
    frames_per_cpu_second: float
    ratio: float
    mean_error: float
    worst_error: float


def _opencv(path: Path) -> Iterator[RGB]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    while True:
        is_frame, bgr = capture.read()
        if not is_frame:
            return
        yield cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _pyav(path: Path) -> Iterator[RGB]:
    reformatter = av.video.reformatter.VideoReformatter()
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            yield reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()


def _ours(path: Path) -> Iterator[RGB]:
    return (frame.rgb for frame in open_clip(path).frames())


READERS: dict[str, Callable[[Path], Iterator[RGB]]] = {OPENCV: _opencv, PYAV: _pyav, OURS: _ours}


def _exact(path: Path) -> Iterator[RGB]:
    """The colours (h, w, 3), not rounded: BT.601, limited range, each sample of chroma for four pixels."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            y, u, v = (
                np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width].astype(float)
                for plane in frame.planes
            )
            luma = (y - 16) / 219
            blue, red = ((plane.repeat(2, axis=0).repeat(2, axis=1) - 128) / 224 for plane in (u, v))
            r, b = luma + 1.402 * red, luma + 1.772 * blue
            yield np.clip(255 * np.dstack([r, (luma - 0.299 * r - 0.114 * b) / 0.587, b]), 0, 255)


def _write(path: Path, folder: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "veryfast", "crf": "20"})
        for number, rgb in enumerate(islice(pan(folder), FRAMES)):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            if number == 0:
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def run(settings: Settings) -> Section:
    """The section of the report."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        _write(path, settings.folder)
        exact = list(islice(_exact(path), COMPARED))
        calls = {
            name: (lambda reader=reader: measure(lambda: sum(1 for _ in reader(path)))[1].cpu)
            for name, reader in READERS.items()
        }
        seconds = interleaved(calls, dict.fromkeys(READERS, settings.rounds + 2))
        records = []
        for name, reader in READERS.items():
            errors = [rgb - right for rgb, right in zip(islice(reader(path), COMPARED), exact, strict=True)]
            ratios = [theirs / own for own, theirs in zip(seconds[name], seconds[OPENCV], strict=True)]
            speed = FRAMES / statistics.median(seconds[name])
            worst = float(np.max(np.abs(errors)))
            records.append(Read(name, speed, statistics.median(ratios), float(np.mean(errors)), worst))
            say(name)
    table = Table(
        f"{FRAMES} frames of 640 × 360, H.264, one thread",
        ("reader", "frames per CPU second", "relative to OpenCV", "mean error, levels", "worst error"),
        [(row.row, row.frames_per_cpu_second, row.ratio, row.mean_error, row.worst_error) for row in records],
    )
    return Section("Reading videos", [table], records)
