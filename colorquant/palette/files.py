"""Palette files: ``PALETTE_FORMATS`` maps the ending of a file name to its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

from colorquant.errors import ImageReadError, OptionError, PaletteReadError
from colorquant.files import write_whole
from colorquant.images import SUFFIXES, read_colors
from colorquant.palette.entries import Entries
from colorquant.palette.text_files import (
    read_csv,
    read_gpl,
    read_hex,
    read_json,
    write_csv,
    write_gpl,
    write_hex,
    write_json,
)

LARGEST_FILE = 16_000_000  # bytes: 65,536 colours as JSON need about 6 MB
MOST_COLORS = 256  # of an image that is taken as a palette


@dataclass(frozen=True)
class PaletteFormat:
    """A palette format: ``write`` turns entries into text; ``read`` parses text into entries, or raises ValueError."""

    write: Callable[[Entries], str]
    read: Callable[[str], Entries]


PALETTE_FORMATS: dict[str, PaletteFormat] = {
    ".json": PaletteFormat(write_json, read_json),
    ".gpl": PaletteFormat(write_gpl, read_gpl),
    ".hex": PaletteFormat(write_hex, read_hex),
    ".csv": PaletteFormat(write_csv, read_csv),
}


def _format(name: str) -> PaletteFormat:
    suffix = PurePath(name).suffix.lower()
    if suffix not in PALETTE_FORMATS:
        raise OptionError(f"palette {name}: unknown ending, use one of {', '.join(PALETTE_FORMATS)}")
    return PALETTE_FORMATS[suffix]


def encode_palette(name: str, entries: Entries) -> bytes:
    """The entries in the format that the ending of ``name`` selects. Raises OptionError for an unknown ending."""
    return _format(name).write(entries).encode()


def write_palette(path: Path, entries: Entries, *, force: bool) -> None:
    """Write a palette file whole or not at all. Raises OutputError, and OptionError for an unknown ending."""
    write_whole([(path, encode_palette(path.name, entries))], force=force)


def read_palette(path: Path) -> Entries:
    """The entries of a palette file, at least one; or of an image: its table of colours, or its distinct colours.

    Raises PaletteReadError for a file that cannot be read or is damaged, and for an image of more than MOST_COLORS
    colours; OptionError for an unknown ending.
    """
    if path.suffix.lower() in SUFFIXES:
        return _read_image(path)
    form = _format(path.name)
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PaletteReadError(f"palette {path} cannot be read: {reason}; check the name") from error
    if len(data) > LARGEST_FILE:
        raise PaletteReadError(f"palette {path} is larger than {LARGEST_FILE:,} bytes: give a palette file")
    try:
        return form.read(data.decode("utf-8-sig"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = " ".join(f"{error}".split())
        raise PaletteReadError(f"palette {path} is not a whole {path.suffix.lower()} file: {reason}") from error


def _read_image(path: Path) -> Entries:
    try:
        found = read_colors(path, MOST_COLORS)
    except ImageReadError as error:
        raise PaletteReadError(f"palette {path}: {error}") from error
    if found is None:
        raise PaletteReadError(
            f"palette {path}: the image has more than {MOST_COLORS} distinct colours; reduce them first, with "
            f"colorquant kmeans {path} -k {MOST_COLORS} --palette-out palette.gpl"
        )
    return Entries(found.colors, found.counts, found.alpha)
