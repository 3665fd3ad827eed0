"""Palette files: ``PALETTE_FORMATS`` maps the ending of a file name to its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np

from colorquant.errors import ImageReadError, OptionError, PaletteReadError
from colorquant.files import write_whole
from colorquant.images import SUFFIXES, read_colors
from colorquant.palette import adobe_files, pal_files, style_files, swatch, text_files
from colorquant.palette.entries import Entries, decoded

LARGEST_FILE = 16_000_000  # bytes: 65,536 colours as JSON need about 6 MB
MOST_COLORS = 256  # of an image that is taken as a palette
INDICES = 256  # colours that an index of 8 bits tells apart
RIFF_ENDING = ".riff.pal"  # writes RIFF; any other .pal is JASC


@dataclass(frozen=True)
class PaletteFormat:
    """A palette format.

    ``program`` says what reads it. ``write`` turns entries into the bytes of a file; ``read`` does the opposite, or
    raises ValueError. ``most`` is the largest number of colours that the format holds, ``alpha`` and ``names`` say
    whether it holds these.
    """

    program: str
    write: Callable[[Entries], bytes]
    read: Callable[[bytes], Entries]
    most: int | None = None
    alpha: bool = False
    names: bool = False


def _text(write: Callable[[Entries], str]) -> Callable[[Entries], bytes]:
    return lambda entries: write(entries).encode("utf-8", "replace")


def _from_text(read: Callable[[str], Entries]) -> Callable[[bytes], Entries]:
    return lambda data: read(data.decode("utf-8-sig"))


def _read_swatch(data: bytes) -> Entries:
    return _image_entries(data, "FILE")


PALETTE_FORMATS: dict[str, PaletteFormat] = {
    ".json": PaletteFormat(
        "programs",
        _text(text_files.write_json),
        _from_text(text_files.read_json),
        alpha=True,
        names=True,
    ),
    ".gpl": PaletteFormat(
        "GIMP, Inkscape, Krita",
        _text(text_files.write_gpl),
        lambda data: text_files.read_gpl(decoded(data)),
        names=True,
    ),
    ".hex": PaletteFormat("Lospec", _text(text_files.write_hex), _from_text(text_files.read_hex), alpha=True),
    ".csv": PaletteFormat(
        "spreadsheets",
        _text(text_files.write_csv),
        _from_text(text_files.read_csv),
        alpha=True,
        names=True,
    ),
    ".act": PaletteFormat("Photoshop", adobe_files.write_act, adobe_files.read_act, most=INDICES),
    ".ase": PaletteFormat("Illustrator, InDesign, Photoshop", adobe_files.write_ase, adobe_files.read_ase, names=True),
    ".aco": PaletteFormat(
        "Photoshop", adobe_files.write_aco, adobe_files.read_aco, most=adobe_files.ACO_MOST, names=True
    ),
    ".pal": PaletteFormat("Paint Shop Pro", pal_files.write_jasc, pal_files.read_pal),
    ".txt": PaletteFormat("paint.net", _text(text_files.write_txt), _from_text(text_files.read_txt), alpha=True),
    ".css": PaletteFormat(
        "browsers",
        _text(style_files.write_css),
        _from_text(style_files.read_css),
        alpha=True,
        names=True,
    ),
    ".scss": PaletteFormat(
        "Sass",
        _text(style_files.write_scss),
        _from_text(style_files.read_css),
        alpha=True,
        names=True,
    ),
    ".png": PaletteFormat("anything", swatch.write_swatch, _read_swatch, most=INDICES, alpha=True),
    ".soc": PaletteFormat("LibreOffice", _text(style_files.write_soc), style_files.read_soc, names=True),
}
RIFF = PaletteFormat("Windows", pal_files.write_riff, pal_files.read_pal, most=pal_files.RIFF_MOST)


def format_of(name: str) -> PaletteFormat:
    """The format that the ending of ``name`` selects. Raises OptionError for an unknown ending."""
    if name.lower().endswith(RIFF_ENDING):
        return RIFF
    suffix = PurePath(name).suffix.lower()
    if suffix not in PALETTE_FORMATS:
        raise OptionError(f"palette {name}: unknown ending, use one of {', '.join(PALETTE_FORMATS)}")
    return PALETTE_FORMATS[suffix]


def encode_palette(name: str, entries: Entries) -> bytes:
    """The entries in the format that the ending of ``name`` selects.

    Raises OptionError for an unknown ending, and for more colours than the format holds.
    """
    form = format_of(name)
    number = len(entries.colors)
    if form.most is not None and number > form.most:
        suffix = PurePath(name).suffix.lower()
        raise OptionError(
            f"palette {name}: {suffix} holds {form.most:,} colours, and there are {number:,}: use .json, .gpl or .hex"
        )
    names = None if entries.names is None else tuple(map(_one_line, entries.names))
    return form.write(replace(entries, names=names))


def _one_line(name: str) -> str:
    """A name without control characters, which would break the lines of a file."""
    return "".join(char if char.isprintable() else " " for char in name).strip()


def write_palette(path: Path, entries: Entries, *, force: bool) -> None:
    """Write a palette file whole or not at all. Raises OutputError, and OptionError as :func:`encode_palette` does."""
    write_whole([(path, encode_palette(path.name, entries))], force=force)


def read_palette(path: Path) -> Entries:
    """The entries of a palette file, at least one; or of an image: its table of colours, or its distinct colours.

    Raises PaletteReadError for a file that cannot be read or is damaged, and for an image of more than MOST_COLORS
    colours; OptionError for an unknown ending.
    """
    if path.suffix.lower() in SUFFIXES:
        return _image(path)
    form = format_of(path.name)
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PaletteReadError(f"palette {path} cannot be read: {reason}; check the name") from error
    if len(data) > LARGEST_FILE:
        raise PaletteReadError(f"palette {path} is larger than {LARGEST_FILE:,} bytes: give a palette file")
    try:
        return form.read(data)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = " ".join(f"{error}".split())
        raise PaletteReadError(f"palette {path} is not a whole {path.suffix.lower()} file: {reason}") from error


def _image(path: Path) -> Entries:
    try:
        return _image_entries(path, str(path))
    except (ImageReadError, ValueError) as error:
        raise PaletteReadError(f"palette {path}: {error}") from error


def _image_entries(source: Path | bytes, name: str) -> Entries:
    """The colours of an image. Where all have equally many pixels, it is a swatch, and the counts say nothing."""
    found = read_colors(source, MOST_COLORS)
    if found is None:
        raise ValueError(
            f"the image has more than {MOST_COLORS} distinct colours; reduce them first, with "
            f"colorquant kmeans {name} -k {MOST_COLORS} --palette-out palette.gpl"
        )
    entries = Entries(found.colors, found.counts, found.alpha)
    return replace(entries, counts=None) if np.ptp(found.counts) == 0 else entries
