"""Convert colours that a file describes by numbers instead of a profile to sRGB: cICP, gAMA, cHRM of PNG, nclx of AVIF.

The PNG specification, third edition (W3C 2025), section 4.3, orders the chunks: cICP, iCCP, sRGB, then cHRM with gAMA.
The numbers of cICP and nclx are code points of Rec. ITU-T H.273.
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
    2: SRGB_TRANSFER,  # unspecified
    4: Transfer("gamma 2.2", 2.2),
    5: Transfer("gamma 2.8", 2.8),
    7: Transfer("the SMPTE 240M curve", 1 / 0.45, 1.111572195921731, 4.0, 0.022821585529445),
    8: Transfer("linear light", 1.0),
    13: SRGB_TRANSFER,
}
NOT_CONVERTED = {  # code points whose conversion depends on a choice, such as the brightness of white
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
    2: ("BT.709", SRGB_PRIMARIES),  # unspecified
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
    """What the levels of an RGB or gray image mean: its ``primaries`` with white, and its ``transfer`` function.

    Without ``full_range``, as in video, black and white are the levels 16 and 235 of 8 bits, or 256 times those of 16.
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
class ColorDescription:
    """What a file says about its colours, its profile aside.

    ``overriding`` is used even if the file has a profile (cICP), ``fallback`` if it has no profile that can be used
    (gAMA with cHRM, nclx). Either is None where the file has none; ``fallback`` also where it is sRGB. ``notes`` name
    damaged parts, which are ignored.
    """

    overriding: ColorEncoding | None = None
    fallback: ColorEncoding | None = None
    notes: tuple[str, ...] = ()


def describe_colors(data: bytes, image_format: str | None) -> ColorDescription:
    """Read the description of colours in a file, whose format is one of Pillow's names.

    Raises ImageReadError for colours that cannot be converted, such as HDR.
    """
    if image_format == "PNG":
        return _describe_png(data)
    if image_format == "AVIF":
        return _describe_avif(data)
    return ColorDescription()


def _describe_avif(data: bytes) -> ColorDescription:
    """The colours of an AVIF by its first box ``colr`` of the type nclx (ISO/IEC 14496-12, 12.1.5).

    As in browsers, the curves of BT.709 and its relatives are taken for that of sRGB: video encoders write them as a
    default. Pillow has applied the matrix and the range.
    """
    box = data.find(b"colrnclx")
    if box < 0 or len(data) < box + 12:
        return ColorDescription()
    primaries, transfer = struct.unpack_from(">HH", data, box + 8)
    _check_transfer(transfer, "nclx")
    if primaries not in PRIMARIES or transfer not in TRANSFERS:
        return ColorDescription(notes=("its nclx box is ignored: unknown code points",))
    curve = 13 if TRANSFERS[transfer] == BT709_TRANSFER else transfer
    encoding = _of_code_points(primaries, curve, full_range=True, source="nclx")
    return ColorDescription(fallback=None if encoding.is_srgb else encoding)


def _describe_png(data: bytes) -> ColorDescription:
    chunks: dict[bytes, bytes] = {}
    for name, body in png_chunks(data):
        if name in (b"PLTE", b"IDAT"):
            break
        chunks.setdefault(name, bytes(body) if len(body) <= 32 else b"")  # the first of two counts, as in libpng
    notes: list[str] = []
    cicp = _of_cicp(chunks[b"cICP"], notes) if b"cICP" in chunks else None
    srgb = len(chunks.get(b"sRGB", b"")) == 1 and chunks[b"sRGB"][0] <= 3
    gamma = None if cicp is not None or srgb else _of_gamma(chunks, notes)
    return ColorDescription(cicp, gamma, tuple(notes))


def _of_cicp(body: bytes, notes: list[str]) -> ColorEncoding | None:
    """The encoding that a cICP chunk describes; None, with a note, where the chunk is damaged."""
    primaries, transfer, matrix, full_range = body if len(body) == 4 else (0, 0, 0, 0)
    if matrix == 0:
        _check_transfer(transfer, "cICP")
    if primaries not in PRIMARIES or transfer not in TRANSFERS or matrix != 0 or full_range > 1:
        notes.append("its cICP chunk is ignored: damaged, or not of RGB colours")
        return None
    return _of_code_points(primaries, transfer, full_range=bool(full_range), source="cICP")


def _check_transfer(transfer: int, source: str) -> None:
    """Raises ImageReadError for a code point of a transfer function that is not converted."""
    if transfer in NOT_CONVERTED:
        raise ImageReadError(f"its colours have {NOT_CONVERTED[transfer]} ({source}): convert it to sRGB first")


def _of_code_points(primaries: int, transfer: int, *, full_range: bool, source: str) -> ColorEncoding:
    """The encoding with these code points of H.273, keys of PRIMARIES and TRANSFERS."""
    name, chromaticities = PRIMARIES[primaries]
    words = "Display P3" if (primaries, transfer) == DISPLAY_P3 else f"{name} primaries and {TRANSFERS[transfer].name}"
    if not full_range:
        words += " in narrow range"
    return ColorEncoding(f"{words} ({source})", chromaticities, TRANSFERS[transfer], full_range)


def _of_gamma(chunks: dict[bytes, bytes], notes: list[str]) -> ColorEncoding | None:
    """The encoding that gAMA and cHRM describe; None where there are none, or where it is sRGB."""
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
    """The primaries and white of a cHRM chunk. Raises ValueError where they span no colour space."""
    if len(body) != 32:
        raise ValueError("of another length than 32 bytes")
    white_x, white_y, *rest = (value / GAMMA_UNIT for value in struct.unpack(">8i", body))
    red_x, red_y, green_x, green_y, blue_x, blue_y = rest
    primaries = (red_x, red_y), (green_x, green_y), (blue_x, blue_y), (white_x, white_y)
    encoding = ColorEncoding("", primaries, SRGB_TRANSFER)
    encoding.matrix  # noqa: B018  it raises where there is none
    return primaries
