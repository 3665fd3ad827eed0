"""Pictures with partly transparent pixels: those that this module draws, PngSuite's, and the sample logo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benchmarks.settings import ROOT
from colorquant.errors import ImageReadError
from colorquant.images import read_image

RGBA = npt.NDArray[np.uint8]
SIDE = 320  # pixels across and down of a drawing
SHARP = 4  # times as many pixels are drawn, then averaged, so that edges are smooth


@dataclass(frozen=True)
class RgbaPicture:
    """A picture (h, w, 4) uint8 with the set that it belongs to; its fully transparent pixels are zeros."""

    name: str
    group: str
    rgba: RGBA

    @classmethod
    def of(cls, name: str, group: str, rgba: RGBA) -> RgbaPicture:
        """The picture with its fully transparent pixels made zeros."""
        rgba = np.array(rgba, np.uint8)
        rgba[rgba[:, :, 3] == 0] = 0
        return cls(name, group, rgba)


def pictures(suite: Path) -> Iterator[RgbaPicture]:
    """All pictures; ``suite`` is the folder of PngSuite, whose files may be missing."""
    for name, draw in DRAWINGS.items():
        yield RgbaPicture.of(name, "drawn", draw())
    for path in sorted(suite.glob("*.png")):
        try:
            picture = read_image(path)
        except ImageReadError:  # some files of the suite are damaged on purpose
            continue
        alpha = picture.alpha
        if alpha is not None and np.any((alpha > 0) & (alpha < 255)):
            yield RgbaPicture.of(path.stem, "PngSuite", np.dstack([picture.rgb, alpha]))
    with Image.open(ROOT / "sample_images" / "logo.png") as logo:
        yield RgbaPicture.of("logo", "sample", np.asarray(logo.convert("RGBA")))


def _grid() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The place of each pixel down and across, 0 to 1."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    return y, x


def _stacked(rgb: npt.ArrayLike, alpha: npt.ArrayLike) -> RGBA:
    """Channels from 0 to 255 as a picture; ``rgb`` is (h, w, 3) or one colour."""
    color = np.broadcast_to(np.asarray(rgb, np.float64), (SIDE, SIDE, 3))
    return np.rint(np.clip(np.dstack([color, np.asarray(alpha, np.float64)]), 0, 255)).astype(np.uint8)


def _drawn(draw: Callable[[ImageDraw.ImageDraw, int], None]) -> Image.Image:
    """What ``draw`` draws on a transparent canvas of so many pixels across, with smooth edges."""
    large = Image.new("RGBA", (SIDE * SHARP, SIDE * SHARP), (0, 0, 0, 0))
    draw(ImageDraw.Draw(large), SIDE * SHARP)
    return large.resize((SIDE, SIDE), Image.Resampling.BOX)


def _smooth_noise(seed: int, octaves: int = 6) -> npt.NDArray[np.float64]:
    """Clouds, 0 to 1: noise of several sizes, added up."""
    chance, clouds = np.random.default_rng(seed), np.zeros((SIDE, SIDE))
    for octave in range(octaves):
        cells = 2 ** (octave + 1) + 1
        small = Image.fromarray(chance.random((cells, cells)).astype(np.float32))
        clouds += np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) / 2**octave
    spread: npt.NDArray[np.float64] = (clouds - clouds.min()) / (clouds.max() - clouds.min())
    return spread


def soft_shadow() -> RGBA:
    """A white card above its blurred shadow."""

    def card(draw: ImageDraw.ImageDraw, size: int, offset: float, color: tuple[int, int, int, int]) -> None:
        box = [size * 0.2, size * (0.2 + offset), size * 0.8, size * (0.7 + offset)]
        draw.rounded_rectangle(box, size * 0.05, fill=color)

    shadow = _drawn(lambda draw, size: card(draw, size, 0.06, (0, 0, 0, 150)))
    shadow.putalpha(shadow.getchannel("A").filter(ImageFilter.GaussianBlur(SIDE / 18)))
    black = Image.new("RGBA", shadow.size, (0, 0, 0, 0))
    black.putalpha(shadow.getchannel("A"))
    black.alpha_composite(_drawn(lambda draw, size: card(draw, size, 0.0, (250, 250, 252, 255))))
    return np.asarray(black)


def sticker() -> RGBA:
    """A face with a white border, opaque but for its smooth edges."""

    def draw_face(draw: ImageDraw.ImageDraw, size: int) -> None:
        def disc(x: float, y: float, radius: float, color: tuple[int, int, int]) -> None:
            box = [size * (x - radius), size * (y - radius), size * (x + radius), size * (y + radius)]
            draw.ellipse(box, fill=(*color, 255))

        disc(0.5, 0.5, 0.46, (255, 255, 255))
        for ring in range(60):
            disc(0.5 - ring / 900, 0.5 - ring / 700, 0.41 - ring / 150, (245 + ring // 6, 170 + ring, 30 + ring))
        for x in (0.36, 0.64):
            disc(x, 0.42, 0.06, (60, 40, 30))
            disc(x - 0.015, 0.4, 0.018, (255, 255, 255))
        box = [size * 0.3, size * 0.4, size * 0.7, size * 0.74]
        draw.arc(box, 20, 160, fill=(150, 50, 40, 255), width=size // 40)

    return np.asarray(_drawn(draw_face))


def gradient() -> RGBA:
    """All hues from left to right, from opaque to transparent downwards."""
    y, x = _grid()
    hues = np.stack([0.5 + 0.5 * np.cos(2 * np.pi * (x - shift)) for shift in (0, 1 / 3, 2 / 3)], axis=2)
    return _stacked(255 * hues, 255 * (1 - y))


def smoke() -> RGBA:
    """Gray smoke that fades out upwards."""
    y, _ = _grid()
    clouds = _smooth_noise(1)
    gray = 90 + 130 * _smooth_noise(2)
    return _stacked(np.repeat(gray[:, :, None], 3, axis=2), 255 * np.clip(1.6 * clouds - 0.55, 0, 1) * y**0.7)


def glass() -> RGBA:
    """Panes of tinted glass with highlights, one before the other."""
    picture = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    y, x = _grid()
    panes = [((0.08, 0.12), (60, 140, 220), 90), ((0.3, 0.3), (220, 90, 120), 70), ((0.2, 0.45), (90, 200, 140), 110)]
    for (top, left), color, opacity in panes:
        inside = (y > top) & (y < top + 0.5) & (x > left) & (x < left + 0.45)
        shine = np.exp(-(((x - left - 0.6 * (y - top)) / 0.06) ** 2))
        rgb = np.asarray(color, np.float64) + (255 - np.asarray(color)) * shine[:, :, None]
        pane = _stacked(rgb, inside * (opacity + 120 * shine + 30 * (y - top)))
        picture.alpha_composite(Image.fromarray(pane))
    return np.asarray(picture)


def text() -> RGBA:
    """Lines of coloured text."""
    picture = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    colors = [(20, 20, 20), (200, 30, 40), (30, 90, 200), (20, 130, 60), (150, 60, 170), (240, 140, 20)]
    for row, color in enumerate(colors):
        line = Image.new("RGBA", picture.size, (*color, 0))
        ImageDraw.Draw(line).text(
            (12, 8 + 52 * row), "Quantize 0123", font=ImageFont.load_default(20 + 4 * row), fill=(*color, 255)
        )
        picture.alpha_composite(line)
    return np.asarray(picture)


DRAWINGS: dict[str, Callable[[], RGBA]] = {
    "soft shadow": soft_shadow,
    "sticker": sticker,
    "gradient to transparent": gradient,
    "smoke": smoke,
    "glass": glass,
    "text": text,
}
