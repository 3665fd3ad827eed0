"""Image files to arrays and back: the only door to image files. Pillow decodes and encodes, whole or not at all."""

from __future__ import annotations

import io
import logging
import math
import os
import stat
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from colorquant.errors import ImageReadError, OutputError

UInt8Array = npt.NDArray[np.uint8]
Decoded = TypeVar("Decoded")

# MPO comes with JPEG. No format that runs a program (EPS, PDF) or that Pillow reads in part (PSD, WMF).
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF", "JPEG2000", "TGA", "ICO", "QOI")
SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("png", "jpg", "jpeg", "jpe", "jfif", "webp", "tif", "tiff", "bmp", "dib", "gif", "ppm", "pgm", "pbm", "pnm"),
        *("avif", "jp2", "j2k", "jpx", "tga", "ico", "qoi"),
    )
)
MAX_PIXELS = 178_000_000
PNG_BIT_DEPTH = 24  # its place in a PNG file
MANY_PIXELS = 4_000_000  # above, half the time of writing is worth 2 to 4 % of the file
STRIP = 1 << 20  # pixels copied out of Pillow at a time: the whole picture is in memory twice, not three times

# Our own limit stands before any decoding; Pillow's warning at half of it says nothing more.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Damaged metadata is dropped anyway, damaged pixels are an error.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())  # what Pillow logs of damaged files is in our error


@dataclass(frozen=True)
class Picture:
    """A decoded image: ``rgb`` (h, w, 3) uint8 in sRGB, ``alpha`` (h, w) uint8 or None, ``bytes_in`` of its file."""

    rgb: UInt8Array
    alpha: UInt8Array | None
    bytes_in: int


def read_image(source: Path | str | bytes) -> Picture:
    """Decode a file, or its bytes; EXIF orientation is applied. Raises ImageReadError where it is not a whole image."""
    return _decoded(source, FORMATS, _to_picture)


def read_label_map(path: Path | str) -> npt.NDArray[np.int64]:
    """The labels (h, w) of an indexed or gray PNG: its indices or levels. Raises ImageReadError for another file."""
    return _decoded(path, ("PNG",), _to_labels)


def _decoded(
    source: Path | str | bytes, formats: tuple[str, ...], take: Callable[[Image.Image, bytes], Decoded]
) -> Decoded:
    data = source if isinstance(source, bytes) else _read_bytes(Path(source))
    if not data:
        raise ImageReadError("the file is empty: give an image")
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            _check_size(image)
            if image.format == "PNG":  # load() alone passes over a wrong checksum
                with Image.open(io.BytesIO(data), formats=("PNG",)) as checked:
                    checked.verify()
            image.load()
            return take(image, data)
    except ImageReadError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageReadError(f"claims more than {MAX_PIXELS:,} pixels: give a smaller picture") from error
    except UnidentifiedImageError as error:
        raise ImageReadError(f"not an image of a known format, or damaged: give one of {', '.join(formats)}") from error
    except MemoryError as error:
        raise ImageReadError("too large for the memory of this machine: give a smaller picture") from error
    except Exception as error:
        reason = f" ({' '.join(str(error).split())})" if isinstance(error, (OSError, SyntaxError)) else ""
        raise ImageReadError(f"damaged or truncated image{reason}: give a whole file") from error


def _read_bytes(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) or stat.S_ISFIFO(mode):
            return path.read_bytes()
        raise ImageReadError("not a file: give an image file")  # a device may never end
    except ImageReadError:
        raise
    except FileNotFoundError as error:
        raise ImageReadError("cannot be read, there is no such file: check the name") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageReadError(f"cannot be read: {reason}; check the name and its permissions") from error


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageReadError(f"claims {width} × {height}, more than {MAX_PIXELS:,} pixels: give a smaller picture")


def _to_picture(image: Image.Image, data: bytes) -> Picture:
    bytes_in, key = len(data), image.info.get("transparency")
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        alpha = np.where(values == key, 0, 255).astype(np.uint8) if isinstance(key, int) else None
        return Picture(np.repeat(_reduced_to_8_bits(values, image.mode)[:, :, None], 3, axis=2), alpha, bytes_in)
    if image.format == "PNG" and image.mode == "L" and isinstance(key, int):
        gray = np.asarray(image)
        levels = 2 ** data[PNG_BIT_DEPTH] - 1  # Pillow scales the pixels to 8 bits, but not the key
        alpha = np.where(gray == key * 255 // levels, 0, 255).astype(np.uint8)
        return Picture(np.repeat(gray[:, :, None], 3, axis=2), alpha, bytes_in)
    if image.has_transparency_data:
        rgba = _pixels(image if image.mode == "RGBA" else image.convert("RGBA"), 4)
        alpha = np.ascontiguousarray(rgba[:, :, 3])
        return Picture(np.ascontiguousarray(rgba[:, :, :3]), None if np.min(alpha) == 255 else alpha, bytes_in)
    return Picture(_pixels(image if image.mode == "RGB" else image.convert("RGB"), 3), None, bytes_in)


def _to_labels(image: Image.Image, data: bytes) -> npt.NDArray[np.int64]:
    if image.mode not in ("1", "L", "P") and not image.mode.startswith("I"):
        raise ImageReadError(f"is a picture (mode {image.mode}), not a label map: give an indexed or a gray PNG")
    return np.asarray(image).astype(np.int64)


def _reduced_to_8_bits(values: npt.NDArray[Any], mode: str) -> UInt8Array:
    """Gray of 16 bits, rounded to 8; Pillow's own conversion would clip at 255."""
    if mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ImageReadError(f"has pixels of 32 bits (mode {mode}): convert it to 8 or 16 bits first")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _pixels(image: Image.Image, bands: int) -> UInt8Array:
    width, height = image.size
    out = np.empty((height, width, bands), np.uint8)
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        out[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return out


PILLOW_QUANTIZERS = {"pillow-median": Image.Quantize.MEDIANCUT, "pillow-octree": Image.Quantize.FASTOCTREE}


def pillow_quantize(rgb: UInt8Array, k: int, name: str) -> tuple[UInt8Array, UInt8Array]:
    """Labels (h, w) uint8 and palette (p, 3) uint8 by Pillow's own quantizer, a key of PILLOW_QUANTIZERS, not dithered.

    ``rgb`` is (h, w, 3) uint8, ``k`` 1 to 256. A row of the palette need not have pixels.
    """
    image = Image.fromarray(rgb).quantize(k, method=PILLOW_QUANTIZERS[name], dither=Image.Dither.NONE)
    return np.array(image), np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)


def resize(picture: Picture, scale: float) -> Picture:
    """The picture with about ``scale`` times its pixels, its sides in proportion, at least one pixel each way.

    By Pillow's Lanczos filter, in which transparent pixels have no weight: new colours come up. Raises ImageReadError
    where more than ``MAX_PIXELS`` would result.
    """
    if scale == 1:
        return picture
    height, width = (max(1, round(side * math.sqrt(scale))) for side in picture.rgb.shape[:2])
    if width * height > MAX_PIXELS:
        raise ImageReadError(
            f"would be {width} × {height} at {scale:g} times its pixels, more than {MAX_PIXELS:,}: take a smaller scale"
        )
    image = Image.fromarray(picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha]))
    bands = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    alpha = None if picture.alpha is None else np.ascontiguousarray(bands[:, :, 3])
    return Picture(np.ascontiguousarray(bands[:, :, :3]), alpha, picture.bytes_in)


def encode_labels(labels: npt.NDArray[Any], palette: UInt8Array, alpha: UInt8Array | None, *, gray: bool) -> bytes:
    """The picture ``palette[labels]`` as PNG, indexed at the least of 1, 2, 4 or 8 bits where that is possible.

    ``labels`` (h, w) name rows of ``palette`` (p, 3) uint8, or p for a fully transparent pixel. ``alpha`` (h, w) uint8
    goes into tRNS where at most 256 pairs of colour and alpha result, else the PNG is RGBA. With ``gray`` a grayscale
    PNG is taken where it is smaller.
    """
    if alpha is not None:
        return _encode_with_alpha(labels, palette, alpha)
    if len(palette) > 256:
        return _png(Image.fromarray(palette[labels]))
    if labels.max(initial=0) >= len(palette):
        raise OutputError("a label lies outside the palette: please report this")
    indexed = _png(_indexed(labels, palette))
    if not gray:
        return indexed
    levels = palette[:, 0][labels]
    bilevel = set(palette[:, 0].tolist()) <= {0, 255}
    plain = _png(Image.fromarray(levels > 0) if bilevel else Image.fromarray(levels))
    return min(indexed, plain, key=len)


def encode_rgb(rgb: UInt8Array, alpha: UInt8Array | None) -> bytes:
    """Pixels (h, w, 3) uint8, with alpha (h, w) uint8 where there is one, as a truecolour PNG."""
    return _png(Image.fromarray(rgb if alpha is None else np.dstack([rgb, alpha])))


def _encode_with_alpha(labels: npt.NDArray[Any], palette: UInt8Array, alpha: UInt8Array) -> bytes:
    table = np.concatenate([palette, np.zeros((1, 3), np.uint8)])  # the last row is that of transparent pixels
    pairs, index = np.unique(labels.astype(np.int64) << 8 | alpha, return_inverse=True)
    if len(pairs) > 256:
        return encode_rgb(table[labels], alpha)
    order = np.argsort((pairs & 255) == 255, kind="stable")  # opaque entries last: tRNS need not list them
    rank = np.empty(len(order), np.uint8)
    rank[order] = np.arange(len(order))
    pairs = pairs[order]
    image = _indexed(rank[index].reshape(labels.shape), table[pairs >> 8])
    opacity = (pairs & 255).astype(np.uint8)
    return _png(image, transparency=opacity[opacity < 255].tobytes())


def _indexed(labels: npt.NDArray[Any], palette: UInt8Array) -> Image.Image:
    image = Image.fromarray(labels.astype(np.uint8, copy=False))
    image.putpalette(palette.tobytes())  # turns L into P
    return image


def _png(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    many = image.width * image.height > MANY_PIXELS
    image.save(stream, "PNG", compress_level=4 if many else 6, **options)
    return stream.getvalue()


def encode_label_map(labels: npt.NDArray[Any], k: int, kind: str) -> bytes:
    """Label numbers (h, w) for other programs.

    ``png``: gray, 8 bits where ``k`` labels fit, else 16; fully transparent pixels have the highest value of the type.
    ``npy``: int32, where they have -1. Raises OutputError where a PNG has too few values.
    """
    hidden = labels == k
    if kind == "npy":
        stream = io.BytesIO()
        np.save(stream, np.where(hidden, np.int32(-1), labels.astype(np.int32)))
        return stream.getvalue()
    values = k + bool(hidden.any())
    if values > 65536:
        raise OutputError(f"a label PNG has no room for {k} labels beside transparency: take --labels npy")
    dtype = np.uint8 if values <= 256 else np.uint16
    return _png(Image.fromarray(np.where(hidden, np.iinfo(dtype).max, labels).astype(dtype)))


def check_writable(paths: Iterable[Path], *, force: bool) -> None:
    """Raises OutputError for a name that cannot be, a folder, or a file that may not be overwritten."""
    for path in paths:
        try:
            path.lstat()
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OutputError(f"{path} cannot be written: {reason}; choose another name") from error
        if os.path.isdir(path):
            raise OutputError(f"{path} is a folder: choose another name")
        if not force:
            raise OutputError(f"{path} exists already: use --force to overwrite it")


def write_whole(files: Sequence[tuple[Path, bytes]], *, force: bool) -> None:
    """Write files whole or not at all, in folders that are made if missing.

    All are written to temporary files in their folders first, then renamed. Without ``force`` an existing file stays,
    and OutputError is raised.
    """
    check_writable((path for path, _ in files), force=force)
    pairs: list[tuple[Path, Path]] = []
    try:
        for path, data in files:
            pairs.append(_staged(path, data, force))
        with _Staging.lock:
            for (temporary, target), (path, _) in zip(pairs, files, strict=True):
                _rename(temporary, target, path, force)
    finally:
        for temporary, _ in pairs:
            _discard(temporary)


class _Staging:
    """The temporary files of all threads. Renaming is done under the lock, so that it is never cut short."""

    lock = Lock()
    files: ClassVar[set[Path]] = set()
    abandoned = False


def abandon() -> None:
    """Before a process ends in spite of its threads: remove their temporary files, and let them write no more."""
    with _Staging.lock:
        _Staging.abandoned = True
        for temporary in list(_Staging.files):
            _discard(temporary)


def _discard(temporary: Path) -> None:
    with suppress(OSError):
        temporary.unlink()
    _Staging.files.discard(temporary)


def _staged(path: Path, data: bytes, force: bool) -> tuple[Path, Path]:
    """A temporary file that holds ``data``, and the name that it shall get: of a link, what it points to."""
    target = Path(os.path.realpath(path)) if force and os.path.islink(path) else path
    temporary = target.with_name(f".colorquant-{os.urandom(8).hex()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _Staging.lock:
            if _Staging.abandoned:
                raise OutputError(f"{path} is not written: interrupted")
            _Staging.files.add(temporary)
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException as error:
        _discard(temporary)
        if isinstance(error, OSError) and not isinstance(error, OutputError):
            raise OutputError(f"{path} cannot be written: {error.strerror or error}; choose another place") from error
        raise
    return temporary, target


def _rename(temporary: Path, target: Path, path: Path, force: bool) -> None:
    """Without ``force`` no file is overwritten; without hard links a moment is left between the look and the rename."""
    try:
        if not force:
            try:
                os.link(temporary, target)
                return
            except FileExistsError:
                raise
            except OSError:
                if os.path.lexists(target):
                    raise FileExistsError(target) from None
        temporary.replace(target)
    except FileExistsError as error:
        raise OutputError(f"{path} exists already: use --force to overwrite it") from error
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}; choose another name") from error
