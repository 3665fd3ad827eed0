"""Palette files of Adobe's programs: color tables (.act), color swatches (.aco), swatch exchange (.ase)."""

from __future__ import annotations

import colorsys
import math
import struct
from collections.abc import Callable, Sequence

import numpy as np

from colorquant.palette.entries import Codec, Entries, checked_entries

ACT_COLORS = 256
ACT_TABLE = 3 * ACT_COLORS  # bytes
NO_TRANSPARENCY = 0xFFFF
ACO_RGB, ACO_HSB, ACO_CMYK, ACO_LAB, ACO_GRAY = 0, 1, 2, 7, 8
ASE_COLOR = 0x0001
ASE_GLOBAL = 0  # the kind of a swatch that is no spot colour
D50 = np.array([0.96422, 1.0, 0.82521])
# From XYZ of D50 to linear sRGB, adapted by Bradford's method: IEC 61966-2-1, ICC.1:2010 annex E.
XYZ_TO_RGB = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)


class _Bytes:
    """Reads big-endian values one after the other; raises ValueError at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        if size > self.left:
            raise ValueError("it ends before its colours do")
        self._place += size
        return self._data[self._place - size : self._place]

    @property
    def left(self) -> int:
        """The number of bytes that are left."""
        return len(self._data) - self._place

    def numbers(self, code: str) -> tuple[int, ...]:
        """Integers of the types ``code``, as struct names them."""
        return struct.unpack(f">{code}", self.take(struct.calcsize(f">{code}")))

    def floats(self, number: int) -> list[float]:
        """Numbers of 32 bits."""
        values = struct.unpack(f">{number}f", self.take(4 * number))
        if not all(math.isfinite(value) for value in values):
            raise ValueError("a component of a colour is not a number")
        return list(values)

    def name(self, units: int) -> str:
        """A text of ``units`` numbers of 16 bits, its final zero among them."""
        return self.take(2 * units).decode("utf-16-be", "replace").partition("\0")[0]


def write_act(entries: Entries) -> bytes:
    """A color table: 256 colours, then how many count, and the index of the transparent one.

    Adobe Photoshop File Formats Specification, "Color Table". The first fully transparent colour is the transparent
    one; other alpha is not kept.
    """
    table = entries.colors.tobytes().ljust(ACT_TABLE, b"\0")
    clear = [] if entries.alpha is None else np.flatnonzero(entries.alpha == 0).tolist()
    return table + struct.pack(">HH", len(entries.colors), clear[0] if clear else NO_TRANSPARENCY)


def read_act(data: bytes) -> Entries:
    """The colours of a color table of 768 bytes, or of 772 with the number of colours and the transparent one."""
    if len(data) not in (ACT_TABLE, ACT_TABLE + 4):
        raise ValueError(f"it has {len(data)} bytes, not {ACT_TABLE} or {ACT_TABLE + 4}")
    size, clear = struct.unpack(">HH", data[ACT_TABLE:] or b"\1\0\xff\xff")
    if not 0 < size <= ACT_COLORS:
        raise ValueError(f"it says {size} colours, not 1 to {ACT_COLORS}")
    colors = [list(data[3 * row : 3 * row + 3]) for row in range(size)]
    return checked_entries(colors, alpha=[0 if row == clear else 255 for row in range(size)])


def write_aco(entries: Entries) -> bytes:
    """Color swatches: a section without names (version 1), then one with names (version 2). It has no alpha.

    Adobe Photoshop File Formats Specification, "Color Swatches". Levels of 8 bits are multiples of 257 in 16 bits.
    """
    number = struct.pack(">H", len(entries.colors))
    colors = [struct.pack(">5H", ACO_RGB, *(257 * level for level in color), 0) for color in entries.colors.tolist()]
    named = [
        color + struct.pack(">I", len(name) // 2) + name
        for color, name in zip(colors, (_utf16(name) for name in entries.labels), strict=True)
    ]
    return b"\0\1" + number + b"".join(colors) + b"\0\2" + number + b"".join(named)


def _utf16(name: str) -> bytes:
    """A name as UTF-16 with its final zero."""
    return (name.replace("\0", " ") + "\0").encode("utf-16-be", "replace")


def read_aco(data: bytes) -> Entries:
    """The colours of swatches in RGB, HSB, CMYK, Lab or gray; of the section with names, where there is one."""
    stream = _Bytes(data)
    version, number = stream.numbers("HH")
    if version == 1:
        colors = [_aco_color(stream) for _ in range(number)]
        if stream.left < 4:
            return checked_entries(colors)
        version, number = stream.numbers("HH")
    if version != 2:
        raise ValueError(f"it has a section of version {version}, which is unknown")
    colors, names = [], []
    for _ in range(number):
        colors.append(_aco_color(stream))
        names.append(stream.name(*stream.numbers("I")))
    return checked_entries(colors, names=names).without_labels()


def _aco_color(stream: _Bytes) -> list[int]:
    space, w, x, y, z = stream.numbers("5H")
    if space == ACO_RGB:
        return _levels([value / 65535 for value in (w, x, y)])
    if space == ACO_HSB:
        return _levels(colorsys.hsv_to_rgb(w / 65535, x / 65535, y / 65535))
    if space == ACO_CMYK:
        return _from_cmyk([1 - value / 65535 for value in (w, x, y, z)])
    if space == ACO_LAB:
        return _from_lab([w / 100, *(struct.unpack(">h", struct.pack(">H", value))[0] / 100 for value in (x, y))])
    if space == ACO_GRAY:
        return _levels([1 - w / 10000] * 3)  # the ink, as GIMP reads it
    raise ValueError(f"a colour is in the colour space {space}, which is not read: save it as RGB")


def write_ase(entries: Entries) -> bytes:
    """Swatches for exchange between Adobe's programs: a block for each colour, with its name. It has no alpha.

    The layout is not published by Adobe; Olivier Berten, "Swatch file formats" (selapa.net), Carl Camera, "ASE File
    Specification".
    """
    blocks = []
    for color, label in zip(entries.colors.tolist(), entries.labels, strict=True):
        name = _utf16(label)
        components = struct.pack(">4s3fH", b"RGB ", *(level / 255 for level in color), ASE_GLOBAL)
        blocks.append(struct.pack(">HIH", ASE_COLOR, 2 + len(name) + len(components), len(name) // 2))
        blocks += [name, components]
    return b"ASEF" + struct.pack(">HHI", 1, 0, len(entries.colors)) + b"".join(blocks)


def read_ase(data: bytes) -> Entries:
    """The colours of all groups, in RGB, CMYK, Lab or gray."""
    stream = _Bytes(data)
    if stream.take(4) != b"ASEF":
        raise ValueError("it does not begin with ASEF")
    stream.take(4)
    (number,) = stream.numbers("I")
    colors, names = [], []
    for _ in range(number):
        kind, size = stream.numbers("HI")
        block = _Bytes(stream.take(size))
        if kind == ASE_COLOR:
            names.append(block.name(*block.numbers("H")))
            colors.append(_ase_color(block))
    return checked_entries(colors, names=names).without_labels()


def _ase_color(block: _Bytes) -> list[int]:
    model = block.take(4).upper()
    if model not in ASE_MODELS:
        raise ValueError(f"a colour is in the model {model!r}, which is unknown")
    components, convert = ASE_MODELS[model]
    return convert(block.floats(components))


def _levels(components: Sequence[float]) -> list[int]:
    """Components of sRGB from 0 to 1 as levels of 8 bits; those outside are clipped."""
    return [round(255 * min(max(value, 0.0), 1.0)) for value in components]


def _from_cmyk(inks: Sequence[float]) -> list[int]:
    """Inks from 0 to 1 without a profile: (1 - C)(1 - K), and so on, as GIMP and CSS convert them."""
    *inks, black = inks
    return _levels([(1 - ink) * (1 - black) for ink in inks])


def _from_lab(lab: Sequence[float]) -> list[int]:
    """CIELAB of D50, L* from 0 to 100, as levels of sRGB. The formulas are those of CIE 15:2004."""
    lightness, a, b = lab
    y = (lightness + 16) / 116
    f = np.array([y + a / 500, y, y - b / 200])
    xyz = D50 * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    linear = np.clip(XYZ_TO_RGB @ xyz, 0, 1)
    return _levels(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).tolist())


ASE_MODELS: dict[bytes, tuple[int, Callable[[Sequence[float]], list[int]]]] = {
    b"RGB ": (3, _levels),
    b"CMYK": (4, _from_cmyk),
    b"LAB ": (3, lambda lab: _from_lab([100 * lab[0], *lab[1:]])),
    b"GRAY": (1, lambda gray: _levels([gray[0]] * 3)),
}


CODECS = {".act": Codec(write_act, read_act), ".aco": Codec(write_aco, read_aco), ".ase": Codec(write_ase, read_ase)}
