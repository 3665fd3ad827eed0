"""Draw apply.png, a sample on built-in palettes, and shared.png, label maps of two samples without and with --shared.

python docs/pictures/make_shared.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import colorquant as cq

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "sample_images"
GAP, WIDTH = 6, 264
APPLIED = ("pico8", "c64", "gameboy")
SHARED = ("kids.jpg", "malaga.png")
K = 5
LABEL_COLORS = cq.Palette.named("tableau10").colors


def small(rgb: np.ndarray, width: int, resampling: Image.Resampling) -> np.ndarray:
    """The picture at this width."""
    image = Image.fromarray(rgb)
    return np.asarray(image.resize((width, round(width * image.height / image.width)), resampling))


def beside(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures of one height side by side."""
    return np.hstack([np.pad(picture, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for picture in pictures])


def save(picture: np.ndarray, name: str) -> None:
    """Write the picture without its margin, in few colours."""
    cq.quantize(np.ascontiguousarray(picture[:-GAP, :-GAP]), k=160).save(HERE / name, force=True)


def main() -> None:
    """Write both pictures."""
    sample = small(cq.read(SAMPLES / "kids.jpg").rgb, 198, Image.Resampling.LANCZOS)
    save(beside([sample, *(cq.apply(cq.Palette.named(name), sample).rgb for name in APPLIED)]), "apply.png")
    images = {name: small(cq.read(SAMPLES / name).rgb, WIDTH, Image.Resampling.LANCZOS) for name in SHARED}
    one = cq.fit(sum(cq.histogram(rgb) for rgb in images.values()), k=K, space="oklab")
    rows = []
    for rgb in images.values():
        own = cq.quantize(rgb, k=K, space="oklab").labels
        rows.append(beside([rgb, LABEL_COLORS[own], LABEL_COLORS[one.predict(rgb)]]))
    save(np.vstack(rows), "shared.png")


if __name__ == "__main__":
    main()
