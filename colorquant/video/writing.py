"""The kinds of files that the frames of a clip are written to, and their writers.

Options, names and docs read the tables. A writer is imported when it is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from colorquant.errors import OptionError
from colorquant.types import Float32Array
from colorquant.video.extra import require_pyav
from colorquant.video.frames import Destination, FrameWriter


def _video(kind: str) -> Callable[[Destination], FrameWriter]:
    def open_video(destination: Destination) -> FrameWriter:
        from colorquant.video.av_writing import video_writer

        return video_writer(kind, destination)

    return open_video


def _gif(destination: Destination) -> FrameWriter:
    from colorquant.video.gif_writing import GifWriter

    return GifWriter(destination.path, destination.staged, destination.info)


def _apng(destination: Destination) -> FrameWriter:
    from colorquant.video.apng_writing import ApngWriter

    return ApngWriter(destination.path, destination.staged, destination.info)


def _webp(destination: Destination) -> FrameWriter:
    from colorquant.video.webp_writing import WebpWriter

    return WebpWriter(destination.path, destination.staged, destination.info)


def _frames(destination: Destination) -> FrameWriter:
    from colorquant.video.frame_files import picture_writer

    return picture_writer(destination.path, destination.staged, digits=destination.digits)


@dataclass(frozen=True)
class ClipKind:
    """A kind of file for painted frames.

    ``open`` makes its writer. ``suffix`` is the ending of its name. With ``pyav`` it needs PyAV. ``alpha`` says whether
    it keeps the alpha of pixels: ``full``, ``binary`` where a pixel is either opaque or transparent, or ``none``.
    ``audio`` says whether it can carry audio. ``crf`` are the smallest and the largest value of ``--crf``, None where
    it has no such quality. ``per_frame`` says that there is a file for each frame.
    """

    open: Callable[[Destination], FrameWriter]
    suffix: str
    pyav: bool = False
    alpha: str = "full"
    audio: bool = False
    crf: tuple[int, int] | None = None
    per_frame: bool = False


CLIP_KINDS: dict[str, ClipKind] = {
    "mp4": ClipKind(_video("mp4"), ".mp4", pyav=True, alpha="none", audio=True, crf=(1, 51)),
    "mkv": ClipKind(_video("mkv"), ".mkv", pyav=True, alpha="none", audio=True, crf=(0, 51)),
    "webm": ClipKind(_video("webm"), ".webm", pyav=True, audio=True, crf=(1, 63)),
    "gif": ClipKind(_gif, ".gif", alpha="binary"),
    "png": ClipKind(_apng, ".png"),
    "webp": ClipKind(_webp, ".webp"),
    "frames": ClipKind(_frames, ".png", per_frame=True),
}
BY_SUFFIX = {row.suffix: kind for kind, row in CLIP_KINDS.items() if not row.per_frame} | {".apng": "png"}


def check_kind(kind: str, *, crf: int | None = None) -> None:
    """Raises OptionError or EngineError where painted frames cannot be written to ``kind``, a key of CLIP_KINDS."""
    row = CLIP_KINDS[kind]
    if row.pyav:
        require_pyav(f"writing {row.suffix}")
    if crf is None:
        return
    if row.crf is None:
        kinds = ", ".join(name for name, other in CLIP_KINDS.items() if other.crf is not None)
        raise OptionError(f"--crf is the quality of a video, not of {kind}: leave it out, or write one of {kinds}")
    if not row.crf[0] <= crf <= row.crf[1]:
        hint = "; write mkv for a lossless video" if crf == 0 else ""
        raise OptionError(f"--crf {crf}: {kind} takes {row.crf[0]} to {row.crf[1]}{hint}")


def open_writer(kind: str, destination: Destination) -> FrameWriter:
    """The writer of painted frames to a file of ``kind``, a key of CLIP_KINDS.

    Raises OptionError and EngineError as :func:`check_kind` does, and OutputError.
    """
    check_kind(kind, crf=destination.crf)
    return CLIP_KINDS[kind].open(destination)


LABEL_KINDS = {"mkv": "a lossless gray video (FFV1)", "npy": "one array", "png": "a gray PNG per frame"}
POSTERIOR_KINDS = ("npy", "png")
PER_FRAME = {"png"}  # the kinds of labels and posteriors that have files for each frame


def check_label_kind(kind: str) -> None:
    """Raises EngineError where labels cannot be written to ``kind``, a key of LABEL_KINDS."""
    if kind == "mkv":
        require_pyav("--labels mkv")


def open_label_writer(kind: str, destination: Destination, *, k: int) -> FrameWriter:
    """The writer of the labels of frames to ``kind``, a key of LABEL_KINDS.

    They have 8 bits where ``k`` labels fit beside transparency, else 16. Fully transparent pixels have the largest
    value. Raises EngineError as :func:`check_label_kind` does, and OutputError.
    """
    from colorquant.video import frame_files

    check_label_kind(kind)
    dtype = frame_files.label_dtype(k, has_alpha=destination.info.has_alpha)
    path, staged = destination.path, destination.staged
    if kind == "npy":
        return frame_files.label_array_writer(path, staged, dtype=dtype)
    if kind == "png":
        return frame_files.label_png_writer(path, staged, digits=destination.digits, dtype=dtype)
    from colorquant.video.av_writing import label_video_writer

    return label_video_writer(destination, dtype=dtype)


def open_mask_writer(destination: Destination, *, k: int) -> FrameWriter:
    """The writer of a mask for each of ``k`` labels and each frame: mask.png becomes mask-07-000001.png."""
    from colorquant.video import frame_files

    return frame_files.mask_writer(destination.path, destination.staged, digits=destination.digits, k=k)


class PosteriorWriter(Protocol):
    """Writes the posteriors of frames; a context manager, and otherwise as :class:`FrameWriter`."""

    def write(self, frame: Float32Array) -> None:
        """Write the posteriors (h, w, n) of the next frame, 0 where a pixel is transparent. Raises OutputError."""
        ...

    def finish(self) -> None:
        """Complete the files. Raises OutputError, also where no frame was written."""
        ...

    def __enter__(self) -> PosteriorWriter: ...

    def __exit__(self, *_: object) -> None: ...


def open_posterior_writer(kind: str, destination: Destination, *, k: int) -> PosteriorWriter:
    """The writer of posteriors of at most ``k`` components to ``kind``, one of POSTERIOR_KINDS.

    ``npy`` is an array (frames, h, w, k) float16; ``png`` are gray files such as posteriors-07-000001.png, 255 for 1.
    """
    from colorquant.video import frame_files

    path, staged = destination.path, destination.staged
    if kind == "npy":
        return frame_files.posterior_array_writer(path, staged, k=k)
    return frame_files.posterior_png_writer(path, staged, digits=destination.digits, k=k)
