"""How painted frames and labels are encoded as videos: H.264, VP9 and FFV1, with their settings."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from colorquant.types import AnyArray, UInt8Array
from colorquant.video.frame_files import LabelType, label_values
from colorquant.video.frames import ClipInfo, IndexedFrame
from colorquant.video.ycbcr import alpha_of, full_planes, planes, planes_with_alpha

DEFAULT_CRF = {"mp4": 16, "mkv": 16, "webm": 20}
LOOKAHEAD = 64 << 20  # bytes, about, of the frames that an encoder keeps to look ahead
FEWEST_AHEAD, MOST_AHEAD = 10, 40  # frames
QUARTER = {"chroma_sample_location": "center"}  # chroma lies in the middle of the four pixels that it is the mean of
# What x264 uses of a processor, as it numbers it: MMX2, SSE and fast SSE2, which every x86-64 one has. With AVX-512
# its macroblock tree depends on what the memory happens to hold, and other processors give other bytes.
SSE2 = 0x10000F
SPLIT = 16  # pixels: FFV1 cannot cut smaller frames into slices


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded: the names of FFmpeg for the container, the encoder and the layout of its pixels.

    ``planes`` makes the planes of a frame, each (h, w) or (h, w, channels), in the order of the layout. With ``even``
    they have even sides. ``yuv`` says that they are Y, Cb and Cr instead of RGB or labels. ``largest`` is the longest
    side in pixels that the encoder takes, and ``keeps_aspect`` whether the file says that pixels are not square.
    """

    container: str
    codec: str
    layout: str
    planes: Callable[[IndexedFrame], Sequence[AnyArray]]
    options: dict[str, str]
    even: bool = False
    yuv: bool = False
    largest: int = 65_535
    keeps_aspect: bool = False


def h264(container: str, info: ClipInfo, crf: int) -> Encoding:
    """H.264: in MP4 with a quarter of the chroma, which every player shows, and in Matroska with all of it.

    With B frames an MP4 cannot hold how long frames of different durations last.
    """
    mp4 = container == "mp4"
    ahead = LOOKAHEAD // (info.width * info.height * 3 // 2)
    options = {"preset": "faster", "tune": "animation", "crf": str(crf)}
    options["bf"] = "0" if mp4 and info.variable else "3"
    options["rc-lookahead"] = str(min(max(ahead, FEWEST_AHEAD), MOST_AHEAD))
    options |= QUARTER if mp4 else {}
    parameters = [] if mp4 else ["chroma-qp-offset=-6"]  # x264 adds 6 where there is all of the chroma
    if platform.machine().lower() in ("x86_64", "amd64"):
        parameters.append(f"asm={SSE2}")
    if parameters:
        options["x264-params"] = ":".join(parameters)
    return Encoding(
        container,
        "libx264",
        "yuv420p" if mp4 else "yuv444p",
        (lambda frame: planes(frame, even=True)) if mp4 else full_planes,
        options,
        even=mp4,
        yuv=True,
        largest=16_384,
        keeps_aspect=True,
    )


def vp9(info: ClipInfo, crf: int) -> Encoding:
    """VP9 with a quarter of the chroma, and alpha if the clip has it."""
    options = {"crf": str(crf), "b": "0", "deadline": "realtime", "cpu-used": "5", "row-mt": "1", **QUARTER}
    if info.has_alpha:
        return Encoding("webm", "libvpx-vp9", "yuva420p", planes_with_alpha, options, yuv=True)
    return Encoding("webm", "libvpx-vp9", "yuv420p", lambda frame: planes(frame, even=False), options, yuv=True)


def _ffv1(layout: str, info: ClipInfo, pixels: Callable[[IndexedFrame], AnyArray]) -> Encoding:
    """FFV1 of one plane, lossless; its larger contexts make files of few colours a third smaller."""
    slices = "4" if min(info.width, info.height) >= SPLIT else "1"
    options = {"level": "3", "coder": "1", "context": "1", "slices": slices}
    return Encoding("matroska", "ffv1", layout, lambda frame: [pixels(frame)], options)


def lossless(info: ClipInfo) -> Encoding:
    """FFV1 of the painted colours, and alpha if the clip has it."""
    return _ffv1("bgra" if info.has_alpha else "bgr0", info, _blue_first)


def labels(info: ClipInfo, dtype: LabelType) -> Encoding:
    """FFV1 of labels, see :func:`colorquant.video.frame_files.label_values`."""
    layout = "gray" if dtype is np.uint8 else "gray16le"
    return _ffv1(layout, info, lambda frame: label_values(frame, dtype))


def _blue_first(frame: IndexedFrame) -> UInt8Array:
    """The pixels (h, w, 4) uint8 in the order blue, green, red, alpha."""
    rgb, alpha = frame.rgb, alpha_of(frame)
    pixels = np.full((*rgb.shape[:2], 4), 255, np.uint8)
    pixels[..., :3] = rgb[..., ::-1]
    if alpha is not None:
        pixels[..., 3] = alpha
    return pixels
