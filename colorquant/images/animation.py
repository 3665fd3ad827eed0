"""Read animations with Pillow: GIF, APNG and animated WebP, each frame composed on its canvas as browsers show it.

The frames of a GIF or an APNG are parts of the canvas. Each part becomes a file of its own, which is decoded and
checked as a still image is, and is then drawn onto the canvas here: Pillow's own composition differs from that of
browsers. libwebp composes the frames of a WebP. Sources: the GIF89a specification (CompuServe 1990), the PNG
specification (W3C, third edition, section 11.3.6) and the container specification of WebP (Google).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from colorquant.errors import ImageReadError
from colorquant.images import FORMATS, picture_of, read_image
from colorquant.images.alpha import apply_alpha
from colorquant.images.apng_chunks import checked_chunks, png_parts
from colorquant.images.composing import CLEAR, TRUNCATED, Part, composed
from colorquant.images.decoding import MAX_PIXELS, Loaded, Reading, check_size, pillow_errors
from colorquant.images.gif_blocks import HEADER, GifBlocks, color_table
from colorquant.images.pillow import quiet_pillow
from colorquant.images.png import SIGNATURE as PNG_SIGNATURE
from colorquant.types import UInt8Array

GIF_SIGNATURES = (b"GIF87a", b"GIF89a")
STILL = Fraction(1, 10)  # the duration of the frame of a still image, in seconds
SHORTEST, SHOWN = Fraction(1, 100), Fraction(1, 10)  # delays up to the first are shown by browsers as the second


@dataclass(frozen=True)
class AnimationFrame:
    """A frame, composed: ``rgb`` (h, w, 3) uint8 in sRGB, ``alpha`` (h, w) uint8 or None; ``duration`` in seconds."""

    rgb: UInt8Array
    alpha: UInt8Array | None
    duration: Fraction


@dataclass(frozen=True)
class Animation:
    """An animation whose structure has been read, but not its pixels.

    ``durations`` are those of its frames, in seconds. ``loops`` says how often it is played, 0 for ever. ``bytes_in``
    is the size of its file. ``damage`` says what is wrong with the file after these frames, None where nothing is.
    :meth:`frames` decodes.
    """

    format: str
    width: int
    height: int
    durations: tuple[Fraction, ...]
    loops: int
    has_alpha: bool
    bytes_in: int
    notes: tuple[str, ...]
    _decode: Callable[[], Iterator[tuple[UInt8Array, UInt8Array | None]]]
    damage: str | None = None

    def frames(self, alpha: str = "keep") -> Iterator[AnimationFrame]:
        """Decode the frames, in order; ``alpha`` is that of :class:`colorquant.images.decoding.Reading`.

        Raises ImageReadError where a frame is broken, and at the end of a file that is damaged.
        """
        decoded = self._decode()
        for number, duration in enumerate(self.durations, 1):
            try:
                pixels, opacity = next(decoded)
            except ImageReadError as error:
                if len(self.durations) == 1:
                    raise
                reason = str(error).split(": ")[0]
                raise ImageReadError(f"frame {number} is broken ({reason}): give a whole file") from error
            yield AnimationFrame(*apply_alpha(pixels, opacity, alpha), duration)
        if self.damage is not None:
            raise ImageReadError(f"{self.damage}: give a whole file")


def is_animation_format(data: bytes) -> bool:
    """Whether a file with these bytes, or that begins with them, is a GIF, a PNG or a WebP, animated or not."""
    return data.startswith((*GIF_SIGNATURES, PNG_SIGNATURE)) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def still_format(source: Path | bytes) -> str | None:
    """Pillow's name of the image format that a file, or its bytes, has; None where it is none of FORMATS."""
    stream = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    try:
        with stream, quiet_pillow(MAX_PIXELS), Image.open(stream, formats=FORMATS) as image:
            return image.format
    except Image.DecompressionBombError:
        return "very large"
    except Exception:  # noqa: BLE001  Pillow raises many classes over files that are damaged, or no images
        return None


def is_still(path: Path) -> bool:
    """Whether a GIF, PNG or WebP has one frame only; False also where that cannot be found out."""
    try:
        with quiet_pillow(1), Image.open(path, formats=("GIF", "PNG", "WEBP")) as image:
            return not getattr(image, "is_animated", False)
    except Exception:  # noqa: BLE001  Pillow raises many classes over damaged files
        return False


def open_animation(data: bytes, max_pixels: int) -> Animation:
    """Read the structure of a GIF, PNG or WebP: one frame of a still image.

    Raises ImageReadError where it is damaged, or where its canvas has more than ``max_pixels``.
    """
    reading = Reading(max_pixels=max_pixels)
    try:
        if data.startswith(GIF_SIGNATURES):
            animation = _gif(data, reading)
        elif data.startswith(PNG_SIGNATURE):
            animation = _png(data, reading)
        else:
            animation = _webp(data, reading)
    except (struct.error, IndexError) as error:
        raise ImageReadError(f"{TRUNCATED}: give a whole file") from error
    durations = tuple(SHOWN if duration <= SHORTEST else duration for duration in animation.durations)
    if durations != animation.durations:
        note = "delays of 10 ms or less are taken as 100 ms, as browsers show them"
        return replace(animation, durations=durations, notes=(*animation.notes, note))
    return animation


def resized(rgb: UInt8Array, alpha: UInt8Array | None, size: tuple[int, int]) -> tuple[UInt8Array, UInt8Array | None]:
    """Resize pixels (h, w, 3) uint8, with alpha (h, w) uint8 or None, to ``size`` (width, height).

    Pillow's Lanczos filter makes new colours; transparent pixels have no weight in it.
    """
    image = Image.fromarray(rgb if alpha is None else np.dstack([rgb, alpha]))
    bands = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
    return np.ascontiguousarray(bands[:, :, :3]), None if alpha is None else np.ascontiguousarray(bands[:, :, 3])


def _gif(data: bytes, reading: Reading) -> Animation:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    table, at = color_table(data, HEADER, flags)
    blocks = GifBlocks(data, table, reading)
    try:
        blocks.read(at)
    except (struct.error, IndexError):
        blocks.damage = TRUNCATED
    parts = blocks.parts
    if not parts:
        raise ImageReadError(f"{blocks.damage or 'a GIF without a frame'}: give another file")
    if len(parts) == 1:
        width, height = max(width, parts[0].left + parts[0].width), max(height, parts[0].top + parts[0].height)
    check_size((width, height), reading)
    animation = _animation("GIF", (width, height), parts, blocks.loops, data)
    return replace(animation, damage=blocks.damage)


def _png(data: bytes, reading: Reading) -> Animation:
    width, height = struct.unpack_from(">II", data, 16)
    check_size((width, height), reading)
    chunks, damage = checked_chunks(data)
    control = next((body for name, body in chunks if name == b"acTL"), None)
    if control is None:
        return _still("PNG", data, reading)
    count, plays = struct.unpack(">II", control)
    parts, broken = png_parts(chunks, reading)
    damage = damage or broken
    if not parts:
        raise ImageReadError(f"{damage or 'an animation without a frame'}: give another file")
    if damage is None and len(parts) != count:
        damage = f"truncated animation: it has {len(parts)} of {count} frames"
    if any(part.left + part.width > width or part.top + part.height > height for part in parts):
        raise ImageReadError("damaged animation: a frame lies outside its canvas: give a whole file")
    return replace(_animation("APNG", (width, height), parts, plays, data), damage=damage)


def _webp(data: bytes, reading: Reading) -> Animation:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) + 1:
        raise ImageReadError(f"{TRUNCATED}: give a whole file")
    at, loops, durations, canvas, alpha = 12, 0, [], None, False
    while at + 8 <= min(end, len(data)):
        name, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + min(length, 16)]
        if name == b"VP8X":
            canvas = 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
            alpha = bool(body[0] & 0x10)
        elif name == b"ANIM":
            (loops,) = struct.unpack_from("<H", body, 4)
        elif name == b"ANMF":
            durations.append(Fraction(int.from_bytes(body[12:15], "little"), 1000))
        at += 8 + length + length % 2
    if not durations or canvas is None:
        return _still("WEBP", data, reading)
    check_size(canvas, reading)

    def decode() -> Iterator[tuple[UInt8Array, UInt8Array | None]]:
        with pillow_errors(("WEBP",), reading):
            image = Image.open(io.BytesIO(data), formats=("WEBP",))
            frames = getattr(image, "n_frames", 1)
        if frames != len(durations):
            raise ImageReadError(f"damaged animation: it has {frames} of {len(durations)} frames: give a whole file")
        for number in range(frames):
            with pillow_errors(("WEBP",), reading):
                image.seek(number)
                image.load()
                picture = picture_of(Loaded(image, data, None, 8, 1), reading)
            yield picture.rgb, picture.alpha

    return Animation("WebP", *canvas, tuple(durations), loops, alpha, len(data), (), decode)


def _still(name: str, data: bytes, reading: Reading) -> Animation:
    """A still image as an animation of one frame."""
    picture = read_image(data, reading)
    height, width = picture.rgb.shape[:2]
    alpha = picture.alpha is not None

    def decode() -> Iterator[tuple[UInt8Array, UInt8Array | None]]:
        yield picture.rgb, picture.alpha

    return Animation(name, width, height, (STILL,), 1, alpha, len(data), picture.notes, decode)


def _animation(name: str, size: tuple[int, int], parts: list[Part], loops: int, data: bytes) -> Animation:
    """The animation that consists of these parts; the first one is decoded, for the notes on its pixels."""
    first, notes = parts[0].decode()
    alpha = first.mode == "RGBA" or (parts[0].width, parts[0].height) != size
    alpha = alpha or any(part.disposal == CLEAR for part in parts[:-1]) or not all(part.over for part in parts)
    durations = tuple(part.duration for part in parts)
    if len(parts) == 1 and not durations[0]:
        durations = (STILL,)
    return Animation(name, *size, durations, loops, alpha, len(data), notes, lambda: composed(parts, size))
