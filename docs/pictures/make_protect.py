"""Draw what --protect small does to two samples: the picture, then k-means without and with it.

python docs/pictures/make_protect.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import colorquant

ROOT = Path(__file__).resolve().parents[2]
PICTURE = Path(__file__).with_name("protect.png")
GAP, WIDTH = 6, 264
PARTS = {  # the sample, its number of colours, and the part that is shown: left, top, right, bottom
    "kids.jpg": (12, (150, 160, 620, 500)),
    "malaga.png": (16, (0, 425, 330, 600)),
}


def row(name: str, k: int, box: tuple[int, int, int, int]) -> np.ndarray:
    """A part of the sample three times, side by side."""
    source = ROOT / "sample_images" / name
    images = [colorquant.read(source).rgb]
    images += [colorquant.quantize(source, k=k, protect=protect).rgb for protect in (None, "small")]
    shown = []
    for rgb in images:
        part = Image.fromarray(rgb).crop(box)
        shown.append(part.resize((WIDTH, round(WIDTH * part.height / part.width)), Image.Resampling.LANCZOS))
    return np.hstack([np.pad(part, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for part in shown])


def main() -> None:
    """Write the picture."""
    rows = [row(name, k, box) for name, (k, box) in PARTS.items()]
    colorquant.quantize(np.vstack(rows)[:-GAP, :-GAP], k=128).save(PICTURE, force=True)


if __name__ == "__main__":
    main()
