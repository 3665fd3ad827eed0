"""The built-in palettes, each with the source of its colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

CUBE_LEVELS = (0, 95, 135, 175, 215, 255)  # of xterm


@dataclass(frozen=True)
class BuiltIn:
    """A built-in palette: ``words`` say what it is, ``source`` where its colours are published.

    ``make`` returns its colours, ``rrggbb`` or ``rrggbb name``, in the order of the source.
    """

    words: str
    source: str
    make: Callable[[], list[str]]


def _rows(text: str) -> Callable[[], list[str]]:
    return lambda: [" ".join(row.split()) for row in text.split(",")]


def _grays(number: int) -> Callable[[], list[str]]:
    return lambda: [f"{255 * level // (number - 1):02x}" * 3 for level in range(number)]


def _cube(levels: tuple[int, ...]) -> list[str]:
    return [f"{r:02x}{g:02x}{b:02x}" for r in levels for g in levels for b in levels]


XTERM = _rows(
    """000000 black, cd0000 red, 00cd00 green, cdcd00 yellow, 0000ee blue, cd00cd magenta, 00cdcd cyan, e5e5e5 white,
    7f7f7f bright black, ff0000 bright red, 00ff00 bright green, ffff00 bright yellow, 5c5cff bright blue,
    ff00ff bright magenta, 00ffff bright cyan, ffffff bright white"""
)


def _xterm256() -> list[str]:
    grays = [f"{level:02x}" * 3 for level in range(8, 248, 10)]
    return [row.split()[0] for row in XTERM()] + _cube(CUBE_LEVELS) + grays


BUILT_IN: dict[str, BuiltIn] = {
    "bw": BuiltIn("black and white", "the two colours of a bilevel image", _grays(2)),
    "gray4": BuiltIn("4 levels of gray", "all levels of 2 bits: 0, 85, 170, 255", _grays(4)),
    "gray16": BuiltIn("16 levels of gray", "all levels of 4 bits: multiples of 17", _grays(16)),
    "web216": BuiltIn(
        "the 216 web-safe colours",
        "6 × 6 × 6 multiples of 51: Netscape Navigator (1994); Lynda Weinman, Designing Web Graphics (1996)",
        lambda: _cube(tuple(range(0, 256, 51))),
    ),
    "ansi16": BuiltIn("the 16 colours of xterm", "xterm, XTerm-col.ad: the defaults of color0 to color15", XTERM),
    "ansi256": BuiltIn(
        "the 256 colours of xterm",
        "xterm, 256colres.pl: ansi16, a cube of 6 levels, and 24 grays",
        _xterm256,
    ),
    "cga": BuiltIn(
        "the 16 colours of CGA",
        "IBM Color Display 5153, Technical Reference (1983), whose dark yellow is brown",
        _rows(
            """000000 black, 0000aa blue, 00aa00 green, 00aaaa cyan, aa0000 red, aa00aa magenta, aa5500 brown,
            aaaaaa light gray, 555555 dark gray, 5555ff light blue, 55ff55 light green, 55ffff light cyan,
            ff5555 light red, ff55ff light magenta, ffff55 yellow, ffffff white"""
        ),
    ),
    "gameboy": BuiltIn(
        "the 4 greens of the Game Boy (DMG)",
        "the usual rendering of its screen: Wikipedia, List of video game console palettes, Original Game Boy",
        _rows("0f380f, 306230, 8bac0f, 9bbc0f"),
    ),
    "c64": BuiltIn(
        "the 16 colours of the Commodore 64",
        "Philip Timmermann (Pepto), Calculating the color palette of the VIC II (2001)",
        _rows(
            """000000 black, ffffff white, 68372b red, 70a4b2 cyan, 6f3d86 purple, 588d43 green, 352879 blue,
            b8c76f yellow, 6f4f25 orange, 433900 brown, 9a6759 light red, 444444 dark gray, 6c6c6c gray,
            9ad284 light green, 6c5eb5 light blue, 959595 light gray"""
        ),
    ),
    "pico8": BuiltIn(
        "the 16 colours of PICO-8",
        "Lexaloffle, PICO-8 user manual, section Colours",
        _rows(
            """000000 black, 1d2b53 dark blue, 7e2553 dark purple, 008751 dark green, ab5236 brown, 5f574f dark gray,
            c2c3c7 light gray, fff1e8 white, ff004d red, ffa300 orange, ffec27 yellow, 00e436 green, 29adff blue,
            83769c indigo, ff77a8 pink, ffccaa peach"""
        ),
    ),
    "tableau10": BuiltIn(
        "the 10 categorical colours of Tableau",
        "Tableau 10 (2016), as d3-scale-chromatic has them: schemeTableau10",
        _rows(
            """4e79a7 blue, f28e2c orange, e15759 red, 76b7b2 teal, 59a14f green, edc949 yellow, af7aa1 purple,
            ff9da7 pink, 9c755f brown, bab0ab gray"""
        ),
    ),
}
