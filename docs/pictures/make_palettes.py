"""Draw the built-in palettes for docs/palettes.md, a row of squares each.

python docs/pictures/make_palettes.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from colorquant import Palette
from colorquant.palette.built_in import BUILT_IN

PICTURE = Path(__file__).with_name("palettes.png")
SQUARE, COLUMNS = 20, 36
LEFT, GAP, BORDER = 110, 14, 8
ROWS = {"ansi256": (16, 36, 36, 36, 36, 36, 36, 24)}  # its 16 colours, the cube, the grays


def rows_of(name: str, number: int) -> tuple[int, ...]:
    """The number of squares in each row."""
    full, rest = divmod(number, COLUMNS)
    return ROWS.get(name, (COLUMNS,) * full + (rest,) * (rest > 0))


def main() -> None:
    """Write the picture: names on the left, squares on the right."""
    rows = {name: rows_of(name, len(Palette.named(name))) for name in BUILT_IN}
    height = sum(SQUARE * len(row) + GAP for row in rows.values()) - GAP + 2 * BORDER
    picture = Image.new("RGB", (LEFT + SQUARE * COLUMNS + 2 * BORDER, height), "#8c8c8c")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(15)
    top = BORDER
    for name, row in rows.items():
        draw.text((BORDER, top + SQUARE // 2), name, "black", font, anchor="lm")
        colors = iter(Palette.named(name))
        for number in row:
            for column in range(number):
                left = LEFT + SQUARE * column
                draw.rectangle((left, top, left + SQUARE - 1, top + SQUARE - 1), next(colors))
            top += SQUARE
        top += GAP
    picture.save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
