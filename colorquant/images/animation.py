"""Read animations with Pillow: GIF, APNG and animated WebP, each frame composed on its canvas as browsers show it.

The frames of a GIF or an APNG are parts of the canvas. Each part becomes a file of its own, which is decoded and
checked as a still image is, and is then drawn onto the canvas here: Pillow's own composition differs from that of
browsers. libwebp composes the frames of a WebP. Sources: the GIF89a specification (CompuServe 1990), the PNG
specification (W3C, third edition, section 11.3.6) and the container specification of WebP (Google).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from colorquant.errors import ImageReadError
from colorquant.images import FORMATS, picture_of, read_image
from colorquant.images.alpha import apply_alpha
from colorquant.images.decoding import MAX_PIXELS, Loaded, Reading, check_size, pillow_errors
from colorquant.images.pillow import quiet_pillow
from colorquant.images.png import SIGNATURE as PNG_SIGNATURE
from colorquant.images.png import chunk
from colorquant.types import UInt8Array

GIF_SIGNATURES = (b"GIF87a", b"GIF89a")
STILL = Fraction(1, 10)  # the duration of the frame of a still image, in seconds
SHORTEST, SHOWN = Fraction(1, 100), Fraction(1, 10)  # delays up to the first are shown by browsers as the second
KEEP, CLEAR, RESTORE = 0, 1, 2  # what happens to the area of a frame before the next one is drawn
PNG_FIRST = (b"IHDR", b"acTL", b"fcTL", b"fdAT", b"IDAT", b"IEND", b"eXIf")  # not copied to the file of a frame
OPAQUE_PNG = (0, 2, 3)  # colour types without alpha, unless there is a tRNS chunk
TRUNCATED = "truncated animation: its data end too early: give a whole file"


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
    is the size of its file. :meth:`frames` decodes.
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

    def frames(self, alpha: str = "keep") -> Iterator[AnimationFrame]:
        """Decode the frames, in order; ``alpha`` is that of :class:`colorquant.images.decoding.Reading`.

        Raises ImageReadError where a frame is broken.
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
        raise ImageReadError(TRUNCATED) from error
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


@dataclass(frozen=True)
class _Part:
    """A part of the canvas: ``decode`` returns its pixels, RGB or RGBA, with notes on them.

    ``left`` and ``top`` are its place. ``disposal`` is KEEP, CLEAR or RESTORE. With ``over`` it is composited over what
    is there, else it replaces it.
    """

    decode: Callable[[], tuple[Image.Image, tuple[str, ...]]]
    left: int
    top: int
    width: int
    height: int
    disposal: int
    over: bool
    duration: Fraction


def _composed(parts: list[_Part], size: tuple[int, int]) -> Iterator[tuple[UInt8Array, UInt8Array | None]]:
    """Draw the parts one after the other onto a canvas of ``size`` (width, height), and yield it after each."""
    width, height = size
    canvas = Image.new("RGBA", size)
    for part in parts:
        pixels, _ = part.decode()
        before = canvas.copy() if part.disposal == RESTORE else None
        if pixels.mode == "RGB" or not part.over:
            canvas.paste(pixels, (part.left, part.top))
        elif part.left < width and part.top < height:
            visible = (0, 0, min(part.width, width - part.left), min(part.height, height - part.top))
            canvas.alpha_composite(pixels.crop(visible), (part.left, part.top))
        alpha = canvas.getchannel("A")
        opaque = alpha.getextrema() == (255, 255)
        yield np.array(canvas.convert("RGB")), None if opaque else np.array(alpha)
        if before is not None:
            canvas = before
        elif part.disposal == CLEAR:
            canvas.paste((0, 0, 0, 0), (part.left, part.top, part.left + part.width, part.top + part.height))


def _gif(data: bytes, reading: Reading) -> Animation:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13
    table, at = _color_table(data, at, flags)
    parts: list[_Part] = []
    loops, animated, control = (
        1,
        False,
        (0, 0, 0),
    )  # of the graphic control: its flags, the delay, the transparent index
    while at < len(data) and data[at] != 0x3B:  # the trailer
        if data[at] == 0x21:  # an extension
            body, after = _sub_blocks(data, at + 2)
            if data[at + 1] == 0xF9:
                control = struct.unpack_from("<BHB", body)
            elif data[at + 1] == 0xFF and body[:11] in (b"NETSCAPE2.0", b"ANIMEXTS1.0") and body[11:12] == b"\1":
                (repeats,) = struct.unpack_from("<H", body, 12)
                loops, animated = repeats + 1 if repeats else 0, True
            at = after
        elif data[at] == 0x2C:  # an image
            part, at = _gif_part(data, at, table, control, reading)
            parts.append(part)
            control = (0, 0, 0)
        elif data[at] == 0:  # some programs write empty blocks
            at += 1
        else:
            raise ImageReadError(f"damaged animation after frame {len(parts)}: give a whole file")
    if at >= len(data) and (animated or len(parts) > 1):  # without its trailer, more frames may be missing
        raise ImageReadError(TRUNCATED)
    if not parts:
        raise ImageReadError("a GIF without a frame: give another file")
    if len(parts) == 1:
        width, height = max(width, parts[0].left + parts[0].width), max(height, parts[0].top + parts[0].height)
    check_size((width, height), reading)
    return _animation("GIF", (width, height), parts, loops, data)


def _gif_part(data: bytes, at: int, table: bytes, control: tuple[int, int, int], reading: Reading) -> tuple[_Part, int]:
    """The image whose descriptor is at ``at``, and the place after it."""
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, at + 1)
    own_table, start = _color_table(data, at + 10, flags)
    table = own_table or table
    _, after = _sub_blocks(data, start + 1)
    check_size((width, height), reading)
    settings, delay, transparent = control
    bits = max(1, (len(table) // 3 - 1).bit_length())

    def decode() -> tuple[Image.Image, tuple[str, ...]]:
        header = struct.pack("<6sHHBBB", b"GIF89a", width, height, (0x80 | bits - 1) if table else 0, 0, 0)
        extension = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, 1, 0, transparent, 0) if settings & 1 else b""
        descriptor = struct.pack("<BHHHHB", 0x2C, 0, 0, width, height, flags & 0x40)
        file = b"".join([header, table, extension, descriptor, data[start:after], b"\x3b"])
        with pillow_errors(("GIF",), reading), Image.open(io.BytesIO(file), formats=("GIF",)) as image:
            return image.convert("RGBA" if settings & 1 else "RGB"), ()

    disposal = {2: CLEAR, 3: RESTORE, 4: RESTORE}.get(settings >> 2 & 7, KEEP)  # some programs write 4 for 3
    return _Part(decode, left, top, width, height, disposal, True, Fraction(delay, 100)), after


def _color_table(data: bytes, at: int, flags: int) -> tuple[bytes, int]:
    """The colour table at ``at``, empty where the flags say that there is none, and the place after it."""
    size = 3 << (flags & 7) + 1 if flags & 0x80 else 0
    if at + size > len(data):
        raise ImageReadError(TRUNCATED)
    return data[at : at + size], at + size


def _sub_blocks(data: bytes, at: int) -> tuple[bytes, int]:
    """The first 32 bytes of the sub-blocks at ``at``, and the place after their end."""
    first = bytearray()
    while data[at]:
        if len(first) < 32:
            first += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    return bytes(first[:32]), at + 1


def _png(data: bytes, reading: Reading) -> Animation:
    chunks = _checked_chunks(data)
    width, height = struct.unpack_from(">II", data, 16)
    check_size((width, height), reading)
    control = next((body for name, body in chunks if name == b"acTL"), None)
    if control is None:
        return _still("PNG", data, reading)
    count, plays = struct.unpack(">II", control)
    first_pixels = next((index for index, (name, _) in enumerate(chunks) if name == b"IDAT"), len(chunks))
    shared = b"".join(chunk(name, bytes(body)) for name, body in chunks[:first_pixels] if name not in PNG_FIRST)
    header = bytes(chunks[0][1])
    opaque = header[9] in OPAQUE_PNG and all(name != b"tRNS" for name, _ in chunks)
    parts: list[_Part] = []
    rows: list[memoryview] = []
    sequence = 0
    for name, body in chunks:
        if name in (b"fcTL", b"fdAT"):
            if int.from_bytes(body[:4], "big") != sequence:
                raise ImageReadError(f"damaged animation after frame {len(parts)}: give a whole file")
            sequence += 1
        if name == b"fcTL":
            rows = []
            part = _png_part(body, rows, header, shared, reading)
            parts.append(replace(part, over=True) if opaque else part)
        elif name in (b"IDAT", b"fdAT") and parts:
            rows.append(body[4:] if name == b"fdAT" else body)
    if len(parts) != count or not count:
        raise ImageReadError(f"truncated animation: it has {len(parts)} of {count} frames: give a whole file")
    for part in parts:
        if part.left + part.width > width or part.top + part.height > height:
            raise ImageReadError("damaged animation: a frame lies outside its canvas: give a whole file")
    return _animation("APNG", (width, height), parts, plays, data)


def _png_part(control: memoryview, rows: list[memoryview], header: bytes, shared: bytes, reading: Reading) -> _Part:
    """The frame with this fcTL chunk; ``rows`` will hold its compressed data."""
    width, height, left, top, numerator, denominator, dispose, blend = struct.unpack(">xxxxIIIIHHBB", control)

    def decode() -> tuple[Image.Image, tuple[str, ...]]:
        start = chunk(b"IHDR", struct.pack(">II", width, height) + header[8:])
        file = b"".join([PNG_SIGNATURE, start, shared, chunk(b"IDAT", b"".join(rows)), chunk(b"IEND", b"")])
        picture = read_image(file, reading)
        pixels = picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha])
        return Image.fromarray(pixels), picture.notes

    duration = Fraction(numerator, denominator or 100)
    return _Part(decode, left, top, width, height, min(dispose, RESTORE), blend == 1, duration)


def _checked_chunks(data: bytes) -> list[tuple[bytes, memoryview]]:
    """The chunks of a PNG up to its end. Raises ImageReadError for a wrong checksum, and where it has no end."""
    view, at = memoryview(data), len(PNG_SIGNATURE)
    chunks: list[tuple[bytes, memoryview]] = []
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body = view[at + 8 : at + 8 + length]
        if at + 12 + length > len(data):
            break
        if zlib.crc32(view[at + 4 : at + 8 + length]) != int.from_bytes(
            view[at + 8 + length : at + 12 + length], "big"
        ):
            raise ImageReadError("damaged animation: a checksum is wrong: give a whole file")
        chunks.append((name, body))
        at += 12 + length
        if name == b"IEND":
            return chunks
    raise ImageReadError(TRUNCATED)


def _webp(data: bytes, reading: Reading) -> Animation:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) + 1:
        raise ImageReadError(TRUNCATED)
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


def _animation(name: str, size: tuple[int, int], parts: list[_Part], loops: int, data: bytes) -> Animation:
    """The animation that consists of these parts; the first one is decoded, for the notes on its pixels."""
    first, notes = parts[0].decode()
    alpha = first.mode == "RGBA" or (parts[0].width, parts[0].height) != size
    alpha = alpha or any(part.disposal == CLEAR for part in parts[:-1]) or not all(part.over for part in parts)
    durations = tuple(part.duration for part in parts)
    if len(parts) == 1 and not durations[0]:
        durations = (STILL,)
    return Animation(name, *size, durations, loops, alpha, len(data), notes, lambda: _composed(parts, size))
