"""The contents of a palette file, and colours written as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from colorquant.errors import OptionError
from colorquant.types import IntArray, UInt8Array

HEX = re.compile(r"#?([0-9a-fA-F]{6})([0-9a-fA-F]{2})?")
LARGEST_COUNT = 2**62  # pixels; a larger number in a file is not a count


@dataclass(frozen=True)
class Entries:
    """The contents of a palette file: ``colors`` (p, 3) uint8, and what else the file holds, else None.

    ``counts`` (p,) int64 are numbers of pixels, ``alpha`` (p,) uint8 opacities, ``names`` one for each colour.
    """

    colors: UInt8Array
    counts: IntArray | None = None
    alpha: UInt8Array | None = None
    names: tuple[str, ...] | None = None

    @property
    def shares(self) -> list[float | None]:
        """The share of the pixels of each colour; None where the counts are not known."""
        if self.counts is None:
            return [None] * len(self.colors)
        total = max(int(self.counts.sum()), 1)
        return [count / total for count in self.counts.tolist()]

    @property
    def pixels(self) -> list[int | None]:
        """The number of pixels of each colour; None where it is not known."""
        return [None] * len(self.colors) if self.counts is None else self.counts.tolist()

    @property
    def opacities(self) -> list[int]:
        """The alpha of each colour, 0 to 255; 255 where it is not known."""
        return [255] * len(self.colors) if self.alpha is None else self.alpha.tolist()

    @property
    def hex(self) -> list[str]:
        """Each colour as ``#rrggbb``, or ``#rrggbbaa`` where it is not opaque."""
        return [hex_color(color, alpha) for color, alpha in zip(self.colors, self.opacities, strict=True)]

    @property
    def labels(self) -> list[str]:
        """The name of each colour, for formats that require one; ``#rrggbb`` where there are no names."""
        return [hex_color(color) for color in self.colors] if self.names is None else list(self.names)

    def without_labels(self) -> Entries:
        """The same entries, without names where those only repeat the colours, as :attr:`labels` makes them."""
        repeated = self.names is not None and self.labels == replace(self, names=None).labels
        return replace(self, names=None) if repeated else self


@dataclass(frozen=True)
class Codec:
    """How a format is written and read: ``read`` raises ValueError, KeyError or TypeError for a damaged file."""

    write: Callable[[Entries], bytes]
    read: Callable[[bytes], Entries]

    @classmethod
    def of_text(cls, write: Callable[[Entries], str], read: Callable[[str], Entries]) -> Codec:
        """The codec of a format that is text in UTF-8."""
        return cls(
            lambda entries: write(entries).encode("utf-8", "replace"),
            lambda data: read(data.decode("utf-8-sig")),
        )


def decoded(data: bytes) -> str:
    """The text of a file in UTF-8, or in Latin-1 where it is not UTF-8; a byte order mark is left out."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def checked_entries(
    colors: Sequence[Sequence[int]],
    *,
    counts: Sequence[object] | None = None,
    alpha: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
) -> Entries:
    """Entries of the lists that a file holds; ``colors`` are levels of red, green and blue, 0 to 255.

    Counts are dropped if one of them is not a count, alpha if all colours are opaque, names if all are empty. Raises
    ValueError for a colour or an alpha that is not made of levels from 0 to 255, and where there is no colour.
    """
    for color in colors:
        if len(color) != 3 or not all(_is_level(level) for level in color):
            raise ValueError(f"{list(color)} is not three levels from 0 to 255")
    if not colors:
        raise ValueError("it has no colours")
    known = [count for count in counts or () if isinstance(count, int) and 0 <= count < LARGEST_COUNT]
    if alpha is not None and not all(_is_level(level) for level in alpha):
        raise ValueError("an alpha is not a level from 0 to 255")
    return Entries(
        np.array(colors, np.uint8),
        np.array(known, np.int64) if len(known) == len(colors) else None,
        None if alpha is None or min(alpha) == 255 else np.array(alpha, np.uint8),
        tuple(names) if names is not None and any(names) else None,
    )


def _is_level(level: object) -> bool:
    return isinstance(level, int) and not isinstance(level, bool) and 0 <= level <= 255


def hex_color(color: UInt8Array, alpha: int = 255) -> str:
    """A colour (3,) uint8 as ``#rrggbb``, or ``#rrggbbaa`` where ``alpha`` is below 255."""
    return "#{:02x}{:02x}{:02x}".format(*color.tolist()) + ("" if alpha == 255 else f"{alpha:02x}")


def parse_hex(text: str) -> tuple[list[int], int]:
    """The levels and the alpha of a colour written ``#rrggbb`` or ``#rrggbbaa``, with or without the ``#``.

    Raises OptionError for another form.
    """
    match = HEX.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise OptionError(f"{text!r} is not a colour: write it like #3366cc")
    return list(bytes.fromhex(match[1])), int(match[2] or "ff", 16)
