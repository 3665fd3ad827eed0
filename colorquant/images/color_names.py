"""Colours by the names that CSS gives them."""

from __future__ import annotations

from PIL import ImageColor


def named_color(name: str) -> tuple[int, int, int] | None:
    """The levels of a colour name of CSS, such as ``white``, in any case; None for another word."""
    code = ImageColor.colormap.get(name.strip().lower())
    if not isinstance(code, str):
        return None
    red, green, blue = bytes.fromhex(code[1:])
    return red, green, blue
