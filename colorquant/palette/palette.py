"""A palette as a value of its own: fitted, read from a file, or given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from colorquant.errors import OptionError
from colorquant.images.color_names import named_color
from colorquant.palette import files
from colorquant.palette.entries import Entries, checked_entries, parse_hex
from colorquant.types import FloatArray, IntArray, UInt8Array
from colorquant.urls import Place, place_of

if TYPE_CHECKING:
    from colorquant.palette.arranging import Nearest

SHOWN = 8  # colours in the repr of a palette
SHORT_HEX = re.compile(r"#?([0-9a-fA-F]{3,4})")


@dataclass(frozen=True, eq=False, repr=False)
class Palette:
    """Colours in a fixed order.

    ``colors`` (p, 3) uint8 in sRGB. ``counts`` (p,) int64 is the number of pixels that each colour stands for,
    ``alpha`` (p,) uint8 the opacity of each, ``names`` the name of each; None where that is not known. Raises
    OptionError for another shape or dtype.
    """

    colors: UInt8Array
    counts: IntArray | None = None
    alpha: UInt8Array | None = None
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        colors = self.colors
        if not isinstance(colors, np.ndarray):
            kind = type(colors).__name__
            raise OptionError(f"the colours are of type {kind}: give an array, uint8 (number, 3), or use Palette.of")
        if colors.ndim != 2 or colors.shape[1] != 3 or colors.dtype != np.uint8:
            raise OptionError(f"the palette is {colors.dtype} {colors.shape}: give colours as uint8 (number, 3)")
        for name, column in (("counts", self.counts), ("alpha", self.alpha), ("names", self.names)):
            if column is not None and len(column) != len(colors):
                raise OptionError(f"the palette has {len(colors)} colours and {len(column)} {name}: give one for each")

    @classmethod
    def of(cls, colors: Sequence[str]) -> Palette:
        """The palette of colours written as ``#rrggbb``, ``#rrggbbaa``, ``#rgb``, ``#rgba``, or as a name of CSS.

        The ``#`` may be missing. Raises OptionError for another form, and where there is no colour.
        """
        if isinstance(colors, str) or len(colors) == 0:
            raise OptionError("a palette needs at least one colour: give a list of colours written like #3366cc")
        parsed = [_parse_color(color) for color in colors]
        entries = checked_entries([levels for levels, _ in parsed], alpha=[alpha for _, alpha in parsed])
        return cls(entries.colors, alpha=entries.alpha)

    @classmethod
    def of_rows(cls, rows: UInt8Array, counts: IntArray | None = None) -> Palette:
        """The palette of ``rows`` (p, 3) uint8, or (p, 4) with alpha, with their pixel ``counts`` (p,)."""
        alpha = np.ascontiguousarray(rows[:, 3]) if rows.shape[1] == 4 else None
        return cls(np.ascontiguousarray(rows[:, :3]), counts, alpha)

    @property
    def rows(self) -> UInt8Array:
        """The entries as (p, 3) uint8, or (p, 4) with alpha."""
        return self.colors if self.alpha is None else np.column_stack([self.colors, self.alpha])

    @staticmethod
    def named(name: str) -> Palette:
        """The built-in palette of this name, such as ``pico8``: see BUILT_IN. Raises OptionError for another name."""
        from colorquant.palette.built_in import BUILT_IN

        if name not in BUILT_IN:
            raise OptionError(f"there is no built-in palette {name!r}: use one of {', '.join(BUILT_IN)}")
        rows = [row.partition(" ") for row in BUILT_IN[name].make()]
        entries = checked_entries([parse_hex(row[0])[0] for row in rows], names=[row[2] for row in rows])
        return Palette(entries.colors, names=entries.names)

    @classmethod
    def read(cls, path: Place | str) -> Palette:
        """Read a palette file; its ending selects the format. Or take the colours of an image, 256 at most.

        An indexed image gives its table of colours in its order, with the number of pixels of each entry; another image
        its distinct colours, in the order in which they first occur. Raises PaletteReadError, OptionError.
        """
        entries = files.read_palette(place_of(path) if isinstance(path, str) else path)
        return cls(entries.colors, entries.counts, entries.alpha, entries.names)

    def write(self, path: Place | str, *, force: bool = False) -> None:
        """Write a palette file completely or not at all; its ending selects the format.

        An existing file is replaced only with ``force``. Raises OutputError, and OptionError for an unknown ending.
        """
        files.write_palette(place_of(path) if isinstance(path, str) else path, self._entries(), force=force)

    def encode(self, name: str) -> bytes:
        """The palette as a file in the format that the ending of ``name`` selects.

        Raises OptionError for an unknown ending.
        """
        return files.encode_palette(name, self._entries())

    def _entries(self) -> Entries:
        return Entries(self.colors, self.counts, self.alpha, self.names)

    def sorted(self, by: str) -> Palette:
        """The palette in another order: ``share``, ``luma`` or ``hue``, a key of ORDERS.

        The most frequent come first, the dark ones, or the grays and then the hues from red to purple. Raises
        OptionError for an unknown order, and for shares where the counts are not known.
        """
        from colorquant.palette.arranging import ORDERS

        if by not in ORDERS:
            raise OptionError(f"there is no order {by!r}: use one of {', '.join(ORDERS)}")
        return self._rows(ORDERS[by](self.colors, self.counts).tolist())

    def merged(self, below: float) -> Palette:
        """The palette with near colours merged: none differ by less than ``below`` (CIEDE2000), at the same alpha.

        A merged colour is the mean RGB by the counts, where they are known. It has the place of the first of its
        colours, and the name of the heaviest. Raises OptionError for more colours than can be compared.
        """
        from colorquant.palette.arranging import merge_near

        if not isinstance(below, (int, float)) or not below > 0:
            raise OptionError(f"--merge-below {below} merges nothing: give a number above 0, such as 2")
        weights = np.ones(len(self), np.int64) if self.counts is None else self.counts
        merged = merge_near(self.colors, self.opacities, weights, below)
        kept = self._rows(merged.heaviest.tolist())
        counts = None
        if self.counts is not None:
            counts = np.zeros(len(kept), np.int64)
            np.add.at(counts, merged.groups, self.counts)
        return Palette(merged.colors, counts, kept.alpha, kept.names)

    def nearest_others(self) -> Nearest:
        """For each colour the nearest other one of the same alpha, and their difference (CIEDE2000).

        Raises OptionError for more colours than can be compared.
        """
        from colorquant.palette.arranging import nearest_others

        return nearest_others(self.colors, self.opacities)

    @staticmethod
    def joined(palettes: Sequence[Palette]) -> Palette:
        """One palette of several, one after the other. Counts are kept where all have them.

        Raises OptionError where there are none.
        """
        if not palettes:
            raise OptionError("there is no palette to join: give at least one")
        known = [palette.counts for palette in palettes if palette.counts is not None]
        clear = any(palette.alpha is not None for palette in palettes)
        named = any(palette.names is not None for palette in palettes)
        return Palette(
            np.concatenate([palette.colors for palette in palettes]),
            np.concatenate(known) if len(known) == len(palettes) else None,
            np.concatenate([palette.opacities for palette in palettes]) if clear else None,
            tuple(name for palette in palettes for name in palette.names or ("",) * len(palette)) if named else None,
        )

    def _rows(self, rows: Sequence[int]) -> Palette:
        """The entries with these numbers, in this order."""
        return Palette(
            self.colors[rows],
            None if self.counts is None else self.counts[rows],
            None if self.alpha is None else self.alpha[rows],
            None if self.names is None else tuple(self.names[row] for row in rows),
        )

    def __len__(self) -> int:
        return len(self.colors)

    def __repr__(self) -> str:
        """The first colours, in one line: the arrays themselves would fill the screen."""
        first = ", ".join(self.hex[:SHOWN]) + ", …" * (len(self) > SHOWN)
        return f"<{type(self).__name__}: {len(self)} {'colour' if len(self) == 1 else 'colours'}: {first}>"

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return ((r, g, b) for r, g, b in self.colors.tolist())

    def __eq__(self, other: object) -> bool:
        """Whether the colours and their order are the same, and the alpha."""
        if not isinstance(other, Palette):
            return NotImplemented
        return np.array_equal(self.colors, other.colors) and np.array_equal(self.opacities, other.opacities)

    __hash__ = None  # type: ignore[assignment]  # it holds arrays

    @property
    def opacities(self) -> UInt8Array:
        """The alpha of each colour, (p,) uint8; 255 where it is not known."""
        return np.full(len(self), 255, np.uint8) if self.alpha is None else self.alpha

    @cached_property
    def hex(self) -> tuple[str, ...]:
        """The colours as ``#rrggbb``, and ``#rrggbbaa`` where one is not opaque."""
        return tuple(self._entries().hex)

    @property
    def shares(self) -> FloatArray | None:
        """The share of the pixels that each colour stands for, (p,); None where the counts are not known."""
        return None if self.counts is None else self.counts / max(int(self.counts.sum()), 1)


def _parse_color(text: str) -> tuple[list[int], int]:
    """The levels and the alpha of a colour written as :meth:`Palette.of` takes it. Raises OptionError."""
    named = named_color(text) if isinstance(text, str) else None
    if named is not None:
        return list(named), 255
    short = SHORT_HEX.fullmatch(text.strip()) if isinstance(text, str) else None
    return parse_hex(text if short is None else "".join(2 * digit for digit in short[1]))
