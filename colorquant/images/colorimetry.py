"""Colours that a PNG describes by numbers instead of a profile (cICP, gAMA, cHRM), converted to sRGB.

The PNG specification, third edition (W3C 2025), section 4.3, orders the chunks: cICP, iCCP, sRGB, then cHRM with gAMA.
The numbers of cICP are code points of Rec. ITU-T H.273.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from colorquant.blocks import blocks
from colorquant.errors import ImageReadError
from colorquant.images.integrity import png_chunks
from colorquant.types import FloatArray, UInt8Array

Chromaticities = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]

BLOCK = 1 << 13  # pixels converted at a time: with their light, as float64, they stay in the processor's cache
GAMMA_UNIT = 100_000  # gAMA and cHRM hold integers in hundred thousandths
GAMMA_RANGE = (16, 625_000_000)  # what libpng accepts in gAMA
SRGB_EXPONENT = 2.2  # what stands for sRGB in gAMA: 1 / 2.2 of GAMMA_UNIT
SAME_EXPONENT = 0.05  # relative: libpng's PNG_GAMMA_THRESHOLD, below which it corrects nothing
SAME_CHROMATICITY = 0.001  # with which libpng recognises the primaries of sRGB
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])  # Lam 1985
NARROW_BLACK, NARROW_WHITE = 16 / 255, 235 / 255  # levels of black and white in narrow (video) range


@dataclass(frozen=True)
class Transfer:
    """The function from an encoded level v, 0 to 1, to linear light.

    v / ``slope`` below the light ``linear_below``, above it ((v + ``factor`` - 1) / ``factor``) ** ``exponent``. It is
    odd: a negative level, which narrow range has, gives negative light.
    """

    name: str
    exponent: float
    factor: float = 1.0
    slope: float = 1.0
    linear_below: float = 0.0

    def light(self, levels: FloatArray) -> FloatArray:
        """Linear light, in the shape of ``levels``, where 1 is white."""
        size = np.abs(levels)
        curved = ((size + (self.factor - 1)) / self.factor) ** self.exponent
        light: FloatArray = np.sign(levels) * np.where(size < self.slope * self.linear_below, size / self.slope, curved)
        return light


# Code points of H.273, table 3. BT.709, BT.601 and BT.2020 have one function, of which the inverse is taken.
BT709_TRANSFER = Transfer("the BT.709 curve", 1 / 0.45, 1.09929682680944, 4.5, 0.018053968510807)
SRGB_TRANSFER = Transfer("the sRGB curve", 2.4, 1.055, 12.92, 0.04045 / 12.92)
TRANSFERS = {
    **dict.fromkeys((1, 6, 14, 15), BT709_TRANSFER),
    2: SRGB_TRANSFER,  # not specified
    4: Transfer("gamma 2.2", 2.2),
    5: Transfer("gamma 2.8", 2.8),
    7: Transfer("the SMPTE 240M curve", 1 / 0.45, 1.111572195921731, 4.0, 0.022821585529445),
    8: Transfer("linear light", 1.0),
    13: SRGB_TRANSFER,
}
NOT_CONVERTED = {  # to sRGB they need a choice of brightness, or are not meant for display
    9: "a logarithmic transfer",
    10: "a logarithmic transfer",
    11: "the xvYCC transfer",
    12: "the BT.1361 transfer",
    16: "the HDR transfer PQ",
    17: "the SMPTE ST 428 transfer",
    18: "the HDR transfer HLG",
}

D65, ILLUMINANT_C = (0.3127, 0.3290), (0.310, 0.316)
SRGB_PRIMARIES: Chromaticities = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
SMPTE_PRIMARIES: Chromaticities = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65)
# Code points of H.273, table 2: a name, and the chromaticities (x, y) of red, green, blue and white.
PRIMARIES: dict[int, tuple[str, Chromaticities]] = {
    1: ("BT.709", SRGB_PRIMARIES),
    2: ("BT.709", SRGB_PRIMARIES),  # not specified
    4: ("BT.470 M", ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), ILLUMINANT_C)),
    5: ("BT.601 (625 lines)", ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65)),
    6: ("BT.601 (525 lines)", SMPTE_PRIMARIES),
    7: ("SMPTE 240M", SMPTE_PRIMARIES),
    8: ("generic film", ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), ILLUMINANT_C)),
    9: ("BT.2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65)),
    10: ("CIE XYZ", ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1 / 3, 1 / 3))),
    11: ("DCI-P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351))),
    12: ("P3-D65", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65)),
    22: ("EBU Tech. 3213", ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65)),
}
DISPLAY_P3 = (12, 13)  # primaries and transfer


@dataclass(frozen=True)
class ColorEncoding:
    """What the levels of an RGB or gray image mean: ``primaries`` (with white), ``transfer``, full or narrow range.

    ``name`` is for notes.
    """

    name: str
    primaries: Chromaticities
    transfer: Transfer
    full_range: bool = True

    @property
    def is_srgb(self) -> bool:
        """Whether the levels are those of sRGB."""
        return self.full_range and self.has_srgb_primaries and self.transfer == SRGB_TRANSFER

    @property
    def has_srgb_primaries(self) -> bool:
        """Whether primaries and white are those of sRGB, within SAME_CHROMATICITY."""
        return _are_srgb(self.primaries)

    @cached_property
    def matrix(self) -> FloatArray:
        """From linear light in these primaries, a column, to linear sRGB, (3, 3); white is adapted by Bradford's.

        Raises ValueError for primaries that span no colour space.
        """
        white, srgb_white = (_xyz(space[3]) for space in (self.primaries, SRGB_PRIMARIES))
        cones, srgb_cones = BRADFORD @ white, BRADFORD @ srgb_white
        if not np.all(cones > 0):
            raise ValueError("its white is no colour")
        adapt = np.linalg.inv(BRADFORD) @ np.diag(srgb_cones / cones) @ BRADFORD
        matrix: FloatArray = np.linalg.inv(_to_xyz(SRGB_PRIMARIES)) @ adapt @ _to_xyz(self.primaries)
        return matrix

    def to_srgb(self, values: npt.NDArray[np.unsignedinteger]) -> UInt8Array:
        """Levels (…, 1) or (…, 3), uint8 or uint16, as sRGB levels of the same shape, uint8.

        Light that sRGB cannot show is clipped channel by channel. Rounded to the nearest level, in float64.
        """
        light = self._light_of_levels(int(np.iinfo(values.dtype).max))
        flat = values.reshape(-1, values.shape[-1])
        out = np.empty(flat.shape, np.uint8)
        per_channel = flat.shape[1] == 1 or self.has_srgb_primaries
        levels = _srgb_levels(light) if per_channel else None
        for rows in blocks(len(flat), BLOCK):
            out[rows] = _srgb_levels(light[flat[rows]] @ self.matrix.T) if levels is None else levels[flat[rows]]
        return out.reshape(values.shape)

    def _light_of_levels(self, highest: int) -> FloatArray:
        """The linear light of each level from 0 to ``highest``, (highest + 1,)."""
        levels = np.arange(highest + 1) / highest
        if not self.full_range:  # of 16 bits the levels are 256 times those of 8
            scale = 1.0 if highest == 255 else 65535 / (256 * 255)
            levels = (levels * scale - NARROW_BLACK) / (NARROW_WHITE - NARROW_BLACK)
        return self.transfer.light(levels)


def _are_srgb(primaries: Chromaticities) -> bool:
    return bool(np.max(np.abs(np.subtract(primaries, SRGB_PRIMARIES))) <= SAME_CHROMATICITY)


def _xyz(chromaticity: tuple[float, float]) -> FloatArray:
    """CIE XYZ (3,) of a chromaticity, of luminance 1."""
    x, y = chromaticity
    if y <= 0:
        raise ValueError("its white is no colour")
    return np.array([x, y, 1 - x - y]) / y


def _to_xyz(primaries: Chromaticities) -> FloatArray:
    """The matrix (3, 3) from linear RGB to CIE XYZ, where white has luminance 1 (SMPTE RP 177)."""
    columns = np.array([[x, y, 1 - x - y] for x, y in primaries[:3]]).T
    if abs(np.linalg.det(columns)) < 1e-6:
        raise ValueError("its primaries lie on a line")
    scales = np.linalg.solve(columns, _xyz(primaries[3]))
    if not np.all(scales > 0):
        raise ValueError("its white lies outside its primaries")
    matrix: FloatArray = columns * scales
    return matrix


STEPS = 1 << 15  # parts of linear light from 0 to 1, each with at most one border between two levels
BORDERS = np.append(SRGB_TRANSFER.light((np.arange(255) + 0.5) / 255), np.inf)  # above each level
FIRST_LEVEL = np.searchsorted(BORDERS, np.arange(STEPS + 1) / STEPS, side="right").astype(np.uint8)  # of each part


def _srgb_levels(light: FloatArray) -> UInt8Array:
    """The sRGB levels nearest to linear light, in its shape: a table, corrected by the border within its part."""
    clipped = np.clip(light, 0, 1)
    levels: UInt8Array = FIRST_LEVEL[(clipped * STEPS).astype(np.intp)]
    levels += clipped >= BORDERS[levels]
    return levels


@dataclass(frozen=True)
class PngColor:
    """What the chunks of a PNG say of its colours, but for the profile.

    ``cicp`` goes before a profile, and may be sRGB; None without the chunk. ``gamma`` is that of gAMA and cHRM, for a
    file with no profile; None where there is none, where an sRGB chunk goes before it, and where it is sRGB. ``notes``
    name the damaged chunks that are ignored.
    """

    cicp: ColorEncoding | None = None
    gamma: ColorEncoding | None = None
    notes: tuple[str, ...] = ()


def png_color(data: bytes) -> PngColor:
    """What a PNG file says of its colours. Raises ImageReadError for colours that are not converted, such as HDR."""
    chunks: dict[bytes, bytes] = {}
    for name, body in png_chunks(data):
        if name in (b"PLTE", b"IDAT"):
            break
        chunks.setdefault(name, bytes(body) if len(body) <= 32 else b"")  # of two the first, as libpng takes
    notes: list[str] = []
    cicp = _of_cicp(chunks[b"cICP"], notes) if b"cICP" in chunks else None
    srgb = len(chunks.get(b"sRGB", b"")) == 1 and chunks[b"sRGB"][0] <= 3
    gamma = None if cicp is not None or srgb else _of_gamma(chunks, notes)
    return PngColor(cicp, gamma, tuple(notes))


def _of_cicp(body: bytes, notes: list[str]) -> ColorEncoding | None:
    primaries, transfer, matrix, full_range = body if len(body) == 4 else (0, 0, 0, 0)
    if transfer in NOT_CONVERTED and matrix == 0:
        raise ImageReadError(f"its colours have {NOT_CONVERTED[transfer]} (cICP): convert it to sRGB first")
    if primaries not in PRIMARIES or transfer not in TRANSFERS or matrix != 0 or full_range > 1:
        notes.append("its cICP chunk is ignored: damaged, or not of RGB colours")
        return None
    name, chromaticities = PRIMARIES[primaries]
    words = "Display P3" if (primaries, transfer) == DISPLAY_P3 else f"{name} primaries and {TRANSFERS[transfer].name}"
    if not full_range:
        words += " in narrow range"
    return ColorEncoding(f"{words} (cICP)", chromaticities, TRANSFERS[transfer], bool(full_range))


def _of_gamma(chunks: dict[bytes, bytes], notes: list[str]) -> ColorEncoding | None:
    transfer, primaries = SRGB_TRANSFER, SRGB_PRIMARIES
    words: list[str] = []
    sources: list[str] = []
    if b"cHRM" in chunks:
        try:
            primaries = _chromaticities(chunks[b"cHRM"])
        except (ValueError, np.linalg.LinAlgError):
            notes.append("its cHRM chunk is ignored: damaged")
        else:
            if not _are_srgb(primaries):
                words, sources = ["its own primaries"], ["cHRM"]
    if b"gAMA" in chunks:
        body = chunks[b"gAMA"]
        value = int.from_bytes(body, "big") if len(body) == 4 else 0
        if GAMMA_RANGE[0] <= value <= GAMMA_RANGE[1]:
            transfer = Transfer(f"gamma {value / GAMMA_UNIT:g}", GAMMA_UNIT / value)
            words, sources = [*words, transfer.name], [*sources, "gAMA"]
        else:
            notes.append("its gAMA chunk is ignored: damaged")
    encoding = ColorEncoding(f"{' and '.join(words)} ({', '.join(sources)})", primaries, transfer)
    near_srgb = encoding.has_srgb_primaries and abs(transfer.exponent / SRGB_EXPONENT - 1) <= SAME_EXPONENT
    return None if encoding.is_srgb or near_srgb else encoding


def _chromaticities(body: bytes) -> Chromaticities:
    """Of a cHRM chunk. Raises ValueError where they span no colour space."""
    if len(body) != 32:
        raise ValueError("of another length than 32 bytes")
    white_x, white_y, *rest = (value / GAMMA_UNIT for value in struct.unpack(">8i", body))
    red_x, red_y, green_x, green_y, blue_x, blue_y = rest
    primaries = (red_x, red_y), (green_x, green_y), (blue_x, blue_y), (white_x, white_y)
    encoding = ColorEncoding("", primaries, SRGB_TRANSFER)
    encoding.matrix  # noqa: B018  it raises where there is none
    return primaries
