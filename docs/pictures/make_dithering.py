"""Draw a part of a photograph in eight colours for docs/dithering.md, with each kind of dithering.

python docs/pictures/make_dithering.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import colorquant as cq

SOURCE = Path(__file__).parents[2] / "sample_images" / "malaga.png"
PICTURE = Path(__file__).with_name("dithering.png")
K, WIDTH, HEIGHT, COLUMNS, GAP, CAPTION = 8, 240, 180, 3, 8, 22
WAYS: dict[str, cq.Dithering | str] = {
    "none": "none",
    "floyd-steinberg": "floyd-steinberg",
    "floyd-steinberg, adaptive": cq.Dithering("floyd-steinberg", adaptive=True),
    "atkinson": "atkinson",
    "jarvis": "jarvis",
    "riemersma": "riemersma",
    "bayer2": "bayer2",
    "bayer8": "bayer8",
    "blue-noise": "blue-noise",
}


def main() -> None:
    """Write the picture: a part of the photograph for each way of dithering, pixel by pixel."""
    whole = cq.read(SOURCE).rgb
    top, left = (whole.shape[0] - HEIGHT) // 2, (whole.shape[1] - WIDTH) // 2
    rows = -(-len(WAYS) // COLUMNS)
    size = (COLUMNS * (WIDTH + GAP) + GAP, rows * (HEIGHT + CAPTION + GAP) + GAP)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    draw.fontmode = "1"  # so that the words add one colour only
    for number, (name, way) in enumerate(WAYS.items()):
        quantized = cq.quantize(whole, k=K, dither=way)
        part = np.ascontiguousarray(quantized.rgb[top : top + HEIGHT, left : left + WIDTH])
        row, column = divmod(number, COLUMNS)
        at = (GAP + column * (WIDTH + GAP), GAP + row * (HEIGHT + CAPTION + GAP))
        sheet.paste(Image.fromarray(part), at)
        draw.text((at[0], at[1] + HEIGHT + 3), name, "black", font)
    sheet.quantize(256, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"{PICTURE.name}: {PICTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
