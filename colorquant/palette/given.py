"""A palette as the user gives it: a file, an image, a built-in name, or colours."""

from __future__ import annotations

import os
from difflib import get_close_matches

import numpy as np

from colorquant.errors import OptionError, PaletteReadError
from colorquant.palette.built_in import BUILT_IN
from colorquant.palette.palette import Palette
from colorquant.urls import is_url

OPAQUE = 255


def given_palette(text: str) -> Palette:
    """The palette that ``text`` stands for, in its own order, with repetitions.

    It is a built-in name (a key of BUILT_IN); or colours separated by commas, each ``#rrggbb``, ``#rrggbbaa``,
    ``#rgb``, ``#rgba``, the same without ``#``, or a name of CSS; or a palette file, or an image: see
    :meth:`Palette.read`. A built-in name comes before a file of this name, which can be written ``./c64``. Raises
    OptionError and PaletteReadError, in one line.
    """
    if not text.strip():
        raise OptionError("the palette has an empty name: is a variable unset?")
    if text in BUILT_IN:
        return Palette.named(text)
    if is_url(text) or os.path.lexists(text):
        return Palette.read(text)
    words = [word.strip() for word in text.split(",")]
    if text.lstrip().startswith("#") or (all(words) and len(words) > 1):
        return Palette.of(words)
    try:
        return Palette.of(words)  # one colour without #
    except OptionError as error:
        raise _unknown(text) from error


def lockable_colors(palette: Palette | str) -> tuple[str, ...]:
    """The colours ``#rrggbb`` of a palette, or of what :func:`given_palette` makes of a text, each once, to be locked.

    Raises OptionError for a colour that is not opaque, and what :func:`given_palette` raises.
    """
    if isinstance(palette, str):
        palette = given_palette(palette)
    clear = np.flatnonzero(palette.opacities < OPAQUE)
    if len(clear):
        raise OptionError(f"--lock: {palette.hex[clear[0]]} is not opaque: lock opaque colours only")
    return tuple(dict.fromkeys(palette.hex))


def _unknown(text: str) -> OptionError | PaletteReadError:
    """The error for what is neither a file nor a name: it suggests close names, or says that a file is missing."""
    close = get_close_matches(text.lower(), BUILT_IN, 1)
    if not close and ("." in text or os.sep in text):
        return PaletteReadError(f"palette {text} cannot be read, there is no such file: check the name")
    hint = f"did you mean {close[0]}? " if close else ""
    names = ", ".join(BUILT_IN)
    return OptionError(
        f"palette {text!r} is neither a file nor a built-in palette: {hint}give a file, colours such as "
        f"'#112233,#445566', or one of {names}"
    )
