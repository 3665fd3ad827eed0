"""Colours by the names that CSS gives them."""

from __future__ import annotations

from PIL import ImageColor


def named_color(name: str) -> tuple[int, int, int] | None:
    """The levels of a colour name of CSS, such as ``white``, in any case; None for another word."""
    name = name.strip().lower()
    if name not in ImageColor.colormap:
        return None
    # Pillow replaces the entry of a name by its levels when it is first looked up: getrgb() reads both forms.
    red, green, blue = ImageColor.getrgb(name)[:3]
    return red, green, blue
