"""Palette files: ``PALETTE_FORMATS`` maps the ending of a file name to its format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path, PurePath

from colorquant.errors import ImageReadError, OptionError, PaletteReadError
from colorquant.files import write_whole
from colorquant.images import SUFFIXES
from colorquant.palette.entries import Codec, Entries
from colorquant.types import UInt8Array
from colorquant.urls import Place, Url

OPAQUE = 255
LARGEST_FILE = 16_000_000  # bytes: 65,536 colours as JSON need about 6 MB
RIFF_ENDING = ".riff.pal"  # writes RIFF; any other .pal is JASC


@dataclass(frozen=True)
class PaletteFormat:
    """A palette format.

    ``module`` is the module of this room whose ``CODECS`` write and read it; it is loaded when it is needed. ``most``
    is the largest number of colours that the format holds; ``alpha`` and ``names`` say whether it holds these.
    """

    module: str
    most: int | None = None
    alpha: bool = False
    names: bool = False


PALETTE_FORMATS: dict[str, PaletteFormat] = {
    ".json": PaletteFormat("text_files", alpha=True, names=True),
    ".gpl": PaletteFormat("text_files", names=True),
    ".hex": PaletteFormat("text_files", alpha=True),
    ".csv": PaletteFormat("text_files", alpha=True, names=True),
    ".act": PaletteFormat("adobe_files", most=256),
    ".ase": PaletteFormat("adobe_files", names=True),
    ".aco": PaletteFormat("adobe_files", most=65_535, names=True),
    ".pal": PaletteFormat("pal_files"),
    ".txt": PaletteFormat("text_files", alpha=True),
    ".css": PaletteFormat("style_files", alpha=True, names=True),
    ".scss": PaletteFormat("style_files", alpha=True, names=True),
    ".png": PaletteFormat("swatch", most=256, alpha=True),
    ".soc": PaletteFormat("style_files", names=True),
}
RIFF = PaletteFormat("pal_files", most=65_535)


def ending_of(name: str) -> str:
    """The ending that selects the format: a key of PALETTE_FORMATS, or RIFF_ENDING. Raises OptionError for another."""
    if name.lower().endswith(RIFF_ENDING):
        return RIFF_ENDING
    suffix = PurePath(name).suffix.lower()
    if suffix not in PALETTE_FORMATS:
        raise OptionError(f"palette {name}: unknown ending, use one of {', '.join(PALETTE_FORMATS)}")
    return suffix


def format_of(name: str) -> PaletteFormat:
    """The format that the ending of ``name`` selects. Raises OptionError for an unknown ending."""
    ending = ending_of(name)
    return RIFF if ending == RIFF_ENDING else PALETTE_FORMATS[ending]


def _codec(name: str) -> Codec:
    codecs: dict[str, Codec] = import_module(f"colorquant.palette.{format_of(name).module}").CODECS
    return codecs[ending_of(name)]


def check_room(name: str, colors: int) -> None:
    """Raises OptionError where the format of ``name`` does not hold this many colours, or its ending is unknown."""
    most = format_of(name).most
    if most is not None and colors > most:
        raise OptionError(
            f"palette {name}: {ending_of(name)} holds {most:,} colours, and there are {colors:,}: "
            "use .json, .gpl or .hex"
        )


def alpha_notes(name: str, alpha: UInt8Array | None) -> tuple[str, ...]:
    """A note if the format of ``name`` does not hold the ``alpha`` (p,) of a palette.

    A color table (.act) holds it if one colour is fully transparent, and all others are opaque.
    """
    if alpha is None or format_of(name).alpha or alpha.min() == OPAQUE:
        return ()
    if ending_of(name) == ".act" and alpha.min() == 0 and (alpha < OPAQUE).sum() == 1:
        return ()
    return (f"{ending_of(name)} does not hold alpha: the colours of {PurePath(name).name} are opaque",)


def encode_palette(name: str, entries: Entries) -> bytes:
    """The entries in the format that the ending of ``name`` selects. Raises OptionError as :func:`check_room` does."""
    check_room(name, len(entries.colors))
    names = None if entries.names is None else tuple(map(_one_line, entries.names))
    return _codec(name).write(replace(entries, names=names))


def _one_line(name: str) -> str:
    """A name without control characters, which would break the lines of a file."""
    return "".join(char if char.isprintable() else " " for char in name).strip()


def write_palette(path: Place, entries: Entries, *, force: bool) -> None:
    """Write a palette file whole or not at all. Raises OutputError, and OptionError as :func:`check_room` does."""
    write_whole([(path, encode_palette(path.name, entries))], force=force)


def read_palette(path: Place) -> Entries:
    """The entries of a palette file, at least one; or of an image: its table of colours, or its distinct colours.

    A file whose ending is unknown is read as an image. Raises PaletteReadError for a file that cannot be read or is
    damaged, and for an image of more than 256 colours; OptionError for a missing file whose ending is unknown.
    """
    if isinstance(path, Url):
        return _read_stored(path)
    if path.is_dir():
        raise PaletteReadError(f"palette {path} is a folder: name a file")
    suffix = path.suffix.lower()
    if suffix in SUFFIXES or (suffix not in PALETTE_FORMATS and path.exists()):
        return _read_image(path, path)
    codec = _codec(str(path))
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PaletteReadError(f"palette {path} cannot be read: {reason}; check the name") from error
    if len(data) > LARGEST_FILE:
        raise PaletteReadError(f"palette {path} is larger than {LARGEST_FILE:,} bytes: give a palette file")
    return _decoded(codec, data, path)


def _read_stored(url: Url) -> Entries:
    """The entries of a palette file, or of an image, at a URL."""
    from colorquant import remote  # a run without URLs does not need it

    is_file = url.suffix.lower() in PALETTE_FORMATS and url.suffix.lower() not in SUFFIXES
    try:
        data = remote.read_bytes(url, LARGEST_FILE if is_file else None)
    except ImageReadError as error:
        raise PaletteReadError(f"palette {url} {error}") from error
    return _decoded(_codec(url.name), data, url) if is_file else _read_image(url, data)


def _decoded(codec: Codec, data: bytes, path: Place) -> Entries:
    try:
        return codec.read(data)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = " ".join(f"{error}".split())
        raise PaletteReadError(f"palette {path} is not a whole {path.suffix.lower()} file: {reason}") from error


def _read_image(path: Place, source: Path | bytes) -> Entries:
    from colorquant.palette.swatch import read_image

    try:
        return read_image(source, str(path))
    except (ImageReadError, ValueError) as error:
        if path.suffix.lower() not in SUFFIXES:
            known = ", ".join(PALETTE_FORMATS)
            raise PaletteReadError(
                f"palette {path} is no image, and its ending is not that of a palette file: use one of {known}"
            ) from error
        raise PaletteReadError(f"palette {path}: {error}") from error
