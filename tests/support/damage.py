"""Small images in every format that Pillow writes here, and ways to damage their files.

``samples()`` returns the whole files; each function of ``DAMAGES`` yields damaged copies of one of them. The random
numbers are seeded.
"""

from __future__ import annotations

import io
import random
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from PIL import Image, ImageCms, features

HEIGHT, WIDTH = 17, 23
CUTS = (0.05, 0.5, 0.9, 0.99)
HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body><p>Not here.</p></body></html>\n"
Damaged = Iterator[tuple[str, bytes]]  # how, and the bytes of the file


def picture() -> np.ndarray:
    """A gradient with noise, (HEIGHT, WIDTH, 3) uint8."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    noise = np.random.default_rng(5).integers(0, 40, (HEIGHT, WIDTH, 3))
    return (np.dstack([x * 9, y * 12, 200 - x * 4 - y * 4]) + noise).astype(np.uint8)


def _alpha() -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.where((x - 11) ** 2 + (y - 8) ** 2 < 50, 255, x * 10).astype(np.uint8)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _two(image: Image.Image) -> dict[str, object]:
    """The options that add a second frame, upside down. Not to be used twice: saving changes the frame."""
    return {"save_all": True, "append_images": [image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)]}


@cache
def samples() -> dict[str, bytes]:
    """Whole files by name; the part before the first dash is the format."""
    rgb = Image.fromarray(picture())
    rgba = Image.fromarray(np.dstack([picture(), _alpha()]))
    gray, indexed = rgb.convert("L"), rgb.quantize(20)
    deep = Image.fromarray(picture()[:, :, 0].astype(np.uint16) * 201)
    made = {
        "png-rgb": _saved(rgb, "PNG"),
        "png-rgba": _saved(rgba, "PNG"),
        "png-gray": _saved(gray, "PNG"),
        "png-gray-alpha": _saved(rgba.convert("LA"), "PNG"),
        "png-indexed": _saved(indexed, "PNG", transparency=3),
        "png-bilevel": _saved(rgb.convert("1"), "PNG"),
        "png-16-bit": _saved(deep, "PNG"),
        "png-interlaced": _interlaced(picture()),
        "png-animated": _saved(rgb, "PNG", **_two(rgb)),
        "png-display-p3": png(WIDTH, HEIGHT, 8, 2, _unfiltered(picture()), extra=chunk(b"cICP", bytes([12, 13, 0, 1]))),
        "png-gamma": png(WIDTH, HEIGHT, 8, 2, _unfiltered(picture()), extra=WIDE_GAMUT),
        "jpeg-baseline": _saved(rgb, "JPEG"),
        "jpeg-progressive": _saved(rgb, "JPEG", progressive=True),
        "jpeg-restart": _saved(rgb, "JPEG", restart_marker_rows=1),
        "jpeg-gray": _saved(gray, "JPEG"),
        "jpeg-cmyk": _saved(rgb.convert("CMYK"), "JPEG"),
        "jpeg-mpo": _saved(rgb, "MPO", **_two(rgb)),
        "tiff-raw": _saved(rgb, "TIFF"),
        "tiff-lzw": _saved(rgb, "TIFF", compression="tiff_lzw"),
        "tiff-deflate": _saved(rgba, "TIFF", compression="tiff_adobe_deflate"),
        "tiff-packbits": _saved(gray, "TIFF", compression="packbits"),
        "tiff-fax": _saved(rgb.convert("1"), "TIFF", compression="group4"),
        "tiff-16-bit": _saved(deep, "TIFF"),
        "tiff-pages": _saved(rgb, "TIFF", **_two(rgb)),
        "bmp-rgb": _saved(rgb, "BMP"),
        "bmp-indexed": _saved(indexed, "BMP"),
        "bmp-bilevel": _saved(rgb.convert("1"), "BMP"),
        "gif-still": _saved(indexed, "GIF"),
        "gif-animated": _saved(indexed, "GIF", **_two(indexed)),
        "ppm-rgb": _saved(rgb, "PPM"),
        "ppm-gray": _saved(gray, "PPM"),
        "ppm-bilevel": _saved(rgb.convert("1"), "PPM"),
        "ppm-16-bit": _saved(deep.convert("I"), "PPM"),
        "ppm-text": f"P3 {WIDTH} {HEIGHT} 255\n".encode() + " ".join(map(str, picture().ravel())).encode() + b"\n",
        "tga-rgb": _saved(rgb, "TGA"),
        "tga-rle": _saved(rgba, "TGA", compression="tga_rle"),
        "ico-png": _saved(rgba, "ICO", sizes=[(WIDTH, HEIGHT)]),
        "ico-bmp": _saved(rgba, "ICO", sizes=[(WIDTH, HEIGHT)], bitmap_format="bmp"),
        "qoi-rgb": _saved(rgb, "QOI"),
        "qoi-rgba": _saved(rgba, "QOI"),
    }
    if features.check("webp"):
        made["webp-lossy"] = _saved(rgb, "WEBP")
        made["webp-lossless"] = _saved(rgb, "WEBP", lossless=True)
        made["webp-alpha"] = _saved(rgba, "WEBP")
        made["webp-animated"] = _saved(rgb, "WEBP", **_two(rgb))
    if features.check("avif"):
        made["avif-rgb"] = _saved(rgb, "AVIF")
        made["avif-alpha"] = _saved(rgba, "AVIF")
    if features.check("jpg_2000"):
        made["jp2-boxes"] = _saved(rgb, "JPEG2000")
        made["jp2-codestream"] = _saved(rgb, "JPEG2000", no_jp2=True)
    return made


def chunk(name: bytes, body: bytes) -> bytes:
    """One chunk of a PNG, its checksum right."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, bits: int, color: int, rows: bytes, interlace: int = 0, extra: bytes = b"") -> bytes:
    """A PNG with this header; ``rows`` are its filtered rows, ``extra`` are chunks that go before them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


# Gamma 1/1.8, and the primaries of Adobe RGB.
WIDE_GAMUT = chunk(b"gAMA", struct.pack(">I", 55_556)) + chunk(
    b"cHRM", struct.pack(">8i", 31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000)
)


def _unfiltered(rgb: np.ndarray) -> bytes:
    """The rows of a PNG, each with the filter type 0."""
    return b"".join(b"\0" + row.tobytes() for row in rgb)


def _interlaced(rgb: np.ndarray) -> bytes:
    """A PNG with Adam7 interlacing, as in the PNG specification, 8.2, and no filter."""
    rows = b""
    for y, x, down, right in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)):
        rows += _unfiltered(rgb[y::down, x::right])
    rows += _unfiltered(rgb[1::2])
    return png(rgb.shape[1], rgb.shape[0], 8, 2, rows, interlace=1)


def cut(name: str, data: bytes) -> Damaged:
    """Cut at some shares of the length, and the last bytes missing."""
    for share in CUTS:
        yield f"cut at {share:.0%}", data[: int(len(data) * share)]
    for missing in (1, 2, 3, 4, 8, 12):
        yield f"the last {missing} bytes missing", data[:-missing]


def flipped(name: str, data: bytes) -> Damaged:
    """One bit flipped, at 40 places."""
    chance = random.Random(f"flip {name}")
    for _ in range(40):
        place, bit = chance.randrange(len(data)), chance.randrange(8)
        yield f"bit {bit} of byte {place} flipped", _patched(data, place, bytes([data[place] ^ 1 << bit]))


def zeroed(name: str, data: bytes) -> Damaged:
    """Up to 16 bytes zeroed, at 20 places."""
    chance = random.Random(f"zero {name}")
    for _ in range(20):
        place, count = chance.randrange(len(data)), chance.randint(1, 16)
        yield f"{count} bytes at {place} zeroed", _patched(data, place, bytes(count))[: len(data)]


def followed(name: str, data: bytes) -> Damaged:
    """Garbage after the end."""
    yield "a zero follows", data + b"\0"
    yield "noise follows", data + random.Random(f"garbage {name}").randbytes(500)
    yield "a page follows", data + HTML
    yield "itself follows", data + data


def lying(name: str, data: bytes) -> Damaged:
    """The header claims another size: beyond any limit, zero, negative, or with more rows than the file has."""
    kind = name.split("-")[0]
    sizes = {"no width": (0, HEIGHT), "no height": (WIDTH, 0), "rows that are missing": (WIDTH, 12 * HEIGHT)}
    if kind != "ico":
        sizes["a huge size"] = HUGE.get(name, HUGE.get(kind, (65_535, 65_535)))
    if kind in ("bmp", "ppm"):
        sizes["a negative width"] = (-WIDTH, HEIGHT)
    for claim, (width, height) in sizes.items():
        yield f"claims {claim}", CLAIMS[kind](data, width, height)


DAMAGES: dict[str, Callable[[str, bytes], Damaged]] = {
    "cut": cut,
    "flipped": flipped,
    "zeroed": zeroed,
    "followed": followed,
    "lying": lying,
}


def _patched(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def _claiming_png(data: bytes, width: int, height: int) -> bytes:
    header = struct.pack(">II", width, height) + data[24:29]
    return _patched(data, 8, chunk(b"IHDR", header))


def _claiming_jpeg(data: bytes, width: int, height: int) -> bytes:
    frame = next(re.finditer(rb"\xff[\xc0\xc2]\x00.\x08", data, re.DOTALL)).end()
    return _patched(data, frame, struct.pack(">HH", height, width))


def _claiming_tiff(data: bytes, width: int, height: int) -> bytes:
    """Width, height and rows per strip of the first page; little-endian, as Pillow writes it."""
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    for place in range(directory + 2, directory + 2 + 12 * entries, 12):
        (tag,) = struct.unpack_from("<H", data, place)
        if tag in (256, 257, 278):
            data = _patched(data, place + 2, struct.pack("<HII", 4, 1, width if tag == 256 else height))
    return data


def _claiming_webp(data: bytes, width: int, height: int) -> bytes:
    if (place := data.find(b"VP8X")) > 0:
        canvas = max(0, width - 1).to_bytes(3, "little") + max(0, height - 1).to_bytes(3, "little")
        data = _patched(data, place + 12, canvas)
    if (place := data.find(b"VP8L")) > 0:
        return _patched(data, place + 9, struct.pack("<I", (width - 1) & 0x3FFF | ((height - 1) & 0x3FFF) << 14))
    return _patched(data, data.index(b"\x9d\x01\x2a") + 3, struct.pack("<HH", width & 0x3FFF, height & 0x3FFF))


def _claiming_jp2(data: bytes, width: int, height: int) -> bytes:
    if (place := data.find(b"ihdr")) > 0:
        data = _patched(data, place + 4, struct.pack(">II", height, width))
    return _patched(data, data.index(b"\xff\x51") + 6, struct.pack(">II", width, height))


def _claiming_ppm(data: bytes, width: int, height: int) -> bytes:
    return re.sub(rb"%d(\s)%d" % (WIDTH, HEIGHT), rb"%d\g<1>%d" % (width, height), data, count=1)


def _claiming_gif(data: bytes, width: int, height: int) -> bytes:
    """The screen, and the first frame."""
    size = struct.pack("<HH", width, height)
    frame = data.index(b"\x2c\0\0\0\0" + struct.pack("<HH", WIDTH, HEIGHT))
    return _patched(_patched(data, 6, size), frame + 5, size)


HUGE = {  # the most that the header can hold, where that is not 65,535 × 65,535
    "png": (2**31 - 1, 2**31 - 1),
    "bmp": (2**31 - 1, 2**31 - 1),
    "tiff": (2**32 - 1, 2**31),
    "ppm": (10**12, 10**12),
    "qoi": (2**32 - 1, 2**32 - 1),
    "avif": (2**31 - 1, 2**31 - 1),
    "jp2": (2**32 - 1, 2**32 - 1),
    "webp": (16_383, 16_383),
    "webp-alpha": (2**24, 2**24),
    "webp-animated": (2**24, 2**24),
}
CLAIMS: dict[str, Callable[[bytes, int, int], bytes]] = {
    "png": _claiming_png,
    "jpeg": _claiming_jpeg,
    "tiff": _claiming_tiff,
    "bmp": lambda data, width, height: _patched(data, 18, struct.pack("<ii", width, height)),
    "gif": _claiming_gif,
    "ppm": _claiming_ppm,
    "tga": lambda data, width, height: _patched(data, 12, struct.pack("<HH", width, height)),
    "ico": lambda data, width, height: _patched(data, 6, bytes([width & 255, height & 255])),
    "qoi": lambda data, width, height: _patched(data, 4, struct.pack(">II", width, height)),
    "webp": _claiming_webp,
    "avif": lambda data, width, height: _patched(data, data.index(b"ispe") + 8, struct.pack(">II", width, height)),
    "jp2": _claiming_jp2,
}


@cache
def bombs() -> dict[str, bytes]:
    """Small files whose images would fill the memory: each claims more than 178 million pixels."""
    inner = png(20_000, 20_000, 1, 0, bytes(2501 * 20_000))
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(inner), 22) + inner
    return {
        "png that holds 400 million pixels": inner,
        "png that claims 4 · 10¹⁸": png(2**31 - 1, 2**31 - 1, 8, 2, b""),
        "ico that holds such a png": icon,
        "jpeg of 304 bytes": _claiming_jpeg(samples()["jpeg-gray"], 20_000, 21_952)[:304],
        "gif with a large screen": _patched(samples()["gif-still"], 6, b"\xff\xff\xff\xff"),
    }


@cache
def with_broken_metadata() -> dict[str, tuple[bytes, bytes]]:
    """Files whose metadata are random bytes, and the same files without them: the pixels are the same."""
    noise, rgb = random.Random("metadata").randbytes(300), Image.fromarray(picture())
    exif, profile = (
        b"Exif\0\0II*\0\x08\0\0\0" + noise,
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    )
    files = {}
    kinds = {"PNG": {}, "JPEG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "AVIF": {}}
    for kind, options in kinds.items():
        if kind.lower() in ("webp", "avif") and not features.check(kind.lower()):
            continue
        plain = _saved(rgb, kind, **options)
        files[f"{kind} with a profile of noise"] = _saved(rgb, kind, icc_profile=noise, **options), plain
        files[f"{kind} with half a profile"] = _saved(rgb, kind, icc_profile=profile[:200], **options), plain
        if kind in ("PNG", "JPEG", "WEBP"):  # for the others Pillow writes no noise
            files[f"{kind} with EXIF of noise"] = _saved(rgb, kind, exif=exif, **options), plain
    rows, color = _unfiltered(picture()), (b"gAMA", b"sRGB", b"cHRM", b"cICP", b"iCCP")
    for name in (*color, b"eXIf", b"zTXt", b"iTXt", b"tEXt", b"pHYs", b"tIME", b"bKGD"):
        plain = png(WIDTH, HEIGHT, 8, 2, rows)
        files[f"PNG with a {name.decode()} of noise"] = png(WIDTH, HEIGHT, 8, 2, rows, extra=chunk(name, noise)), plain
    return files
