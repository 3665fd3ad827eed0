"""Draw malaga.png, plate.jpg, kids.jpg and logo.png by code alone. Usage: python make_samples.py [FOLDER]"""

import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, ...]
Point = tuple[float, float]


def fade(low: float, high: float, t: np.ndarray) -> np.ndarray:
    """Rise smoothly from 0 at `low` to 1 at `high` (or fall, where `high` < `low`)."""
    s = np.clip((t - low) / (high - low), 0, 1)
    return s * s * (3 - 2 * s)


def fractal(u: np.ndarray, v: np.ndarray, seed: int, octaves: int = 5) -> np.ndarray:
    """Fractal value noise, about 0 to 1, at the points (u, v); the coarsest features are 1 unit wide."""
    total = 0.0
    for octave in range(octaves):
        lattice = np.random.default_rng((seed, octave)).random((256, 256))
        x, y = u * 2**octave, v * 2**octave
        col, row = np.floor(x).astype(int), np.floor(y).astype(int)
        fx, fy = fade(0, 1, x - col), fade(0, 1, y - row)
        for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
            total += lattice[(row + j) & 255, (col + i) & 255] * np.abs(1 - i - fx) * np.abs(1 - j - fy) * 0.5**octave
    return total / (2 - 2.0 ** (1 - octaves))


def ramp(t: np.ndarray, *stops: tuple[float, Colour]) -> np.ndarray:
    """Colours interpolated between (position, colour) stops."""
    places, colours = zip(*stops, strict=True)
    return np.stack([np.interp(t, places, channel) for channel in zip(*colours, strict=True)], axis=-1)


def to_image(pixels: np.ndarray) -> Image.Image:
    """The picture of an array of values 0 to 255."""
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


def tint(colour: Colour, factor: float, cool: float = 0.0) -> Colour:
    """The colour made darker or lighter, with `cool` more blue for shade under an open sky."""
    return tuple(int(min(255, c * factor + cool * extra)) for c, extra in zip(colour, (0, 6, 26), strict=True))


def arc(cx: float, cy: float, rx: float, ry: float, start: float = 0, end: float = 360) -> list[Point]:
    """Points along an ellipse's arc, angles in degrees, clockwise from the right."""
    return [(cx + rx * np.cos(a), cy + ry * np.sin(a)) for a in np.radians(np.linspace(start, end, 40))]


def curve(a: Point, b: Point, c: Point, steps: int = 30) -> list[Point]:
    """Points along the quadratic Bezier curve from `a` to `c` that is pulled towards `b`."""
    t = np.linspace(0, 1, steps)[:, None]
    return [tuple(p) for p in (1 - t) ** 2 * np.array(a) + 2 * t * (1 - t) * np.array(b) + t * t * np.array(c)]


def relief(mask: np.ndarray, radius: float) -> np.ndarray:
    """How much light from the upper left brightens (+) or darkens (-) the rounded edges of a raised shape."""
    soft = to_image(mask * 255).filter(ImageFilter.GaussianBlur(radius))
    return sum(np.gradient(np.asarray(soft) / 255)) * radius * 1.8


class Canvas:
    """A drawing surface with `scale` times the final resolution, addressed in final coordinates."""

    def __init__(self, width: int, height: int, scale: int = 2, mode: str = "RGB") -> None:
        self.scale, self.size, self.rng = scale, (width, height), np.random.default_rng((width, height))
        self.image = Image.new(mode, (width * scale, height * scale))
        self.y, self.x = ((n + 0.5) / scale for n in np.ogrid[: height * scale, : width * scale])

    def paint(self, colours: np.ndarray | Colour, mask: np.ndarray, corner: tuple[int, int] = (0, 0)) -> None:
        """Lay a colour, or a picture of them, on the surface where `mask` (0 to 1) says."""
        self.image.paste(to_image(colours + 0 * mask[..., None]), corner, to_image(255 * mask))

    def poly(self, points: list[Point], fill: Colour) -> None:
        """Fill a polygon; on an RGB surface a fourth component of the colour is its opacity."""
        pen = ImageDraw.Draw(self.image, "RGBA" if self.image.mode == "RGB" else None)
        pen.polygon([(x * self.scale, y * self.scale) for x, y in points], fill=tuple(map(int, fill)))

    def box(self, x: float, y: float, width: float, height: float, fill: Colour) -> None:
        """Fill an upright rectangle."""
        self.poly([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], fill)

    def stroke(self, points: list[Point], width: float, fill: Colour) -> None:
        """Draw a line with rounded joints and ends."""
        places = [(x * self.scale, y * self.scale) for x, y in points]
        ImageDraw.Draw(self.image).line(places, fill=fill, width=max(1, round(width * self.scale)))
        for x, y in points if width * self.scale > 3 else ():
            self.poly(arc(x, y, width / 2, width / 2), fill)

    def rounded(self, points: list[Point], width: float, fill: Colour) -> None:
        """Fill a polygon, or draw a line, with an outline `width` wide that rounds its corners."""
        self.poly([*points, points[0]], fill)
        self.stroke([*points, points[0]], width, fill)

    def finish(self, grain: float) -> Image.Image:
        """The picture at its final size, with a little grain and unevenness of light."""
        small, (y, x) = self.image.resize(self.size, Image.Resampling.BOX), np.ogrid[: self.size[1], : self.size[0]]
        uneven = fractal(x / 3, y / 3, 31, 3) + fractal(x / 300, y / 200, 32, 2) - 1
        return to_image(np.asarray(small) * (1 + grain * uneven[..., None]))

    def paint_sky(self, horizon: float, seed: int) -> None:
        """Paint a blue sky, paler and warmer towards the horizon, with soft sunlit clouds."""
        t = self.y / horizon + 0 * self.x
        self.paint(ramp(t, (0, (58, 122, 190)), (0.6, (158, 198, 222)), (1, (254, 226, 192))), np.ones_like(t))
        depth = 1.2 - np.clip(t, 0, 1)
        u, v = (self.x - self.size[0] / 2) / 150 / depth**0.5, 3.2 * np.log(depth)
        cloud = fractal(u, v, seed, 6)
        lit = 0.5 + (cloud - fractal(u + 0.08, v - 0.16, seed, 4)) * 1.6
        glow = ramp(lit, (0.1, (182, 182, 200)), (0.5, (244, 228, 214)), (0.9, (255, 252, 242)))
        self.paint(glow, fade(0.49, 0.71, cloud) * fade(1.0, 0.7, t) * 0.95)

    def paint_leaves(self, x: float, y: float, r: float, dark: Colour, light: Colour) -> None:
        """Paint a leafy crown of radius `r`, lit from the upper left."""
        n, corner = int(3 * r * self.scale) * 1j, (int((x - 1.5 * r) * self.scale), int((y - 1.5 * r) * self.scale))
        v, u = np.mgrid[-1.5:1.5:n, -1.5:1.5:n]
        leaves = fractal(u * 4 + x, v * 4 + y, 41, 4 if r < 30 else 6) - 0.5
        colours = ramp(0.45 - 0.3 * u - 0.35 * v + leaves * 1.6, (0.0, dark), (1.0, light))
        self.paint(colours, fade(1.0, 0.93, np.hypot(u, v) + leaves * 0.9), corner)


WALLS = [(246, 240, 226), (250, 246, 238), (240, 226, 196), (233, 196, 128), (222, 160, 96), (214, 124, 88)]
ROOFS, SHUTTERS = [(190, 96, 60), (206, 114, 72), (172, 84, 56)], [(52, 96, 88), (118, 72, 48), (60, 92, 128)]
STONE, CREAM, DARK, SHADOW = (234, 206, 158), (252, 246, 232), (96, 76, 84), (40, 30, 64, 95)
RIDGE = (-40, 0, 40, 80, 140, 200, 250, 300, 400, 450, 600), (290, 256, 226, 208, 208, 236, 268, 295, 358, 379, 390)


class Town(Canvas):
    """malaga.png: hills and houses on the left, the sea with boats on the right, a beach in front."""

    def paint_coast(self, horizon: float) -> None:
        """Paint the hills, the sea with waves, glitter and foam, and the beach."""
        x, y, d = self.x, self.y, np.maximum(self.y - horizon, 0.01)
        bush, ripple = fractal(x / 12, y / 9, 14) - 0.5, fractal(x / 40, y / 9, 25, 4) - 0.5
        hill = 236 + 0.07 * x - 20 * fractal(x / 110, 0 * x, 12)
        self.paint(np.array((130, 148, 166)) + 70 * bush[..., None], fade(0, 1.5, y - hill))
        tone = d / 210 + (fractal((x - 560) / (7 + 0.4 * d), 34 * np.log(d + 9), 21, 4) - 0.5) * 0.34
        sea = ramp(tone, (0, (44, 104, 160)), (0.35, (34, 122, 168)), (0.7, (54, 160, 178)), (1.0, (126, 200, 190)))
        self.paint(sea, fade(0, 1, y - horizon + 0 * x))
        glow = np.exp(-(((x - 580 + 0.3 * d) / (46 + 0.7 * d)) ** 2))
        sparkle = fractal((x - 560) / (2.5 + 0.07 * d), 60 * np.log(d + 9), 22, 2) + 0.24 * glow
        self.paint((255, 246, 222), fade(0.75, 0.91, sparkle) * (y > horizon) * (0.2 + 0.75 * glow))
        slope = ramp(bush, (-0.25, (58, 78, 44)), (0, (104, 118, 62)), (0.25, (176, 160, 104)))
        self.paint(slope, fade(0, 2, y - np.interp(x, *RIDGE) + 8 * bush) * (x < 530) * (y < 452 - 0.1 * x))
        depth = y - 408 - 175 * fade(410, 800, x) - 4 * np.sin(x / 31) - 2 * np.sin(x / 13)
        grain = 0.5 * fractal(x / 90, y / 16, 23, 4) + 0.5 * fractal(x / 2, y / 2, 24, 3)
        self.paint(ramp(grain, (0.2, (206, 168, 118)), (0.8, (248, 226, 182))), fade(-1, 1, depth))
        self.paint((150, 122, 92), fade(-1, 0, depth) * fade(24, 5, depth + 14 * ripple) * 0.62)
        for offset in (0, -14, -32):
            crest = fade(1.0, 0.3, np.abs(depth - offset + 12 * ripple) / 2.7)
            self.paint(CREAM, crest * fade(-0.2, 0.05, ripple + 0.004 * offset))

    def draw_block(self, x: float, top: float, w: float, h: float, wall: Colour) -> None:
        """Draw a wall in the light with a quarter of its width in shade at the right."""
        self.box(x, top, 0.75 * w, h, wall)
        self.box(x + 0.75 * w, top, 0.25 * w, h, tint(wall, 0.62, 1.0))

    def draw_house(self, x: float, base: float, w: float, h: float) -> None:
        """Draw one house with its tiled roof, windows and balconies, and its shadow on what stands to its right."""
        wall, roof, shutter = (self.rng.choice(colours) for colours in (WALLS, ROOFS, SHUTTERS))
        top, eave, rise = base - h, x + 0.75 * w + 1, base - h - self.rng.choice((0.07, 0.2), p=(0.2, 0.8)) * w
        self.poly([(x + w, top + 4), (x + 1.5 * w, top + 0.5 * h), (x + 1.5 * w, base), (x + w, base)], SHADOW)
        self.draw_block(x, top, w, h, tint(wall, self.rng.uniform(0.94, 1.04)))
        self.box(x, top, w, 2.5, SHADOW)
        self.poly([(x + 0.6 * w, rise), (eave, top + 1), (x + w + 2, top + 1)], tint(roof, 0.62, 0.6))
        for k in np.linspace(0, 1, int(w / 1.6)):
            tile = [(x + (0.16 + 0.5 * k) * w, rise), (x - 2 + k * (eave - x + 2), top + 1)]
            self.stroke(tile, 2, tint(roof, self.rng.uniform(0.9, 1.12)))
        across, down = 0.75 * w / max(2, int(w / 14)), (h - 4) / max(1, int(h / 17))
        for y in np.arange(top + 5 + 0.12 * down, base - 0.5 * down, down):
            self.box(x + 0.84 * w, y, 0.07 * w, 0.45 * down, (52, 50, 72))
            for left in np.arange(x + 0.36 * across, x + 0.7 * w, across):
                self.box(left - 0.16 * across, y, 0.62 * across, 0.5 * down, shutter)
                self.box(left, y, 0.3 * across, 0.5 * down, tint((66, 74, 92), self.rng.uniform(0.6, 1.25)))
                self.box(left - 0.16 * across, y, 0.62 * across, 0.1 * down, SHADOW)
                for k in np.linspace(-0.18, 0.42, 7) if self.rng.random() < 0.3 else ():
                    self.box(left + k * across, y + 0.25 * down, 0.05 * across, 0.3 * down, DARK)

    def draw_cathedral(self, x: float, base: float) -> None:
        """Draw the cathedral: a nave with a tiled dome, and a bell tower in storeys around x."""
        for left, top, r, end in ((-64, 92, 26, 360), (-64, 92, 26, 290), (0, 169, 14, 360), (0, 169, 14, 290)):
            fill = tint((226, 156, 108) if left else STONE, 1 if end < 360 else 0.7, 0.5)
            self.poly([*arc(x + left, base - top, r, 1.6 * r, 180, end), (x + left, base - top)], fill)
        blocks = [(-67, 146, 7, 15), (-1, 206, 1.5, 18), (-110, 92, 90, 92), (-23, 94, 46, 94), (-21, 135, 42, 41)]
        for left, top, w, h in [*blocks, (-18, 168, 36, 33)]:
            self.draw_block(x + left, base - top, w, h, STONE)
            self.draw_block(x + left - 0.04 * w, base - top, 1.08 * w, 2, tint(STONE, 1.08))
        arches = [(k, 66, 4.5, 36) for k in (-100, -80, -60, -40)] + [(k, 66, 4, 48) for k in (-14, 1, 17)]
        arches += [(k, 122, 3.6, 22) for k in (-12, 1, 16)] + [(k, 157, 3, 16) for k in (-10, 1, 13)]
        for k, top, r, h in arches:
            crown = arc(x + k, base - top, r, r, 180, 360)
            self.poly([*crown, (x + k + r, base - top + h), (x + k - r, base - top + h)], DARK)

    def draw_town(self) -> None:
        """Draw the castle, the rows of houses down the hill, the cathedral among them, and the promenade."""
        for x, w, h in ((80, 66, 16), (74, 17, 28), (134, 17, 32), (100, 14, 24)):
            self.draw_block(x, 208 - h, w, h + 8, tint(STONE, 0.9))
        for near in np.linspace(0.16, 1, 6):
            if 0.8 < near < 0.9:
                self.draw_cathedral(318, 396)
            for x in np.arange(-15, 462 + 40 * near, 23 + 22 * near) + self.rng.uniform(-5, 5):
                base = (1 - near) * (np.interp(x, *RIDGE) + 26) + near * (456 - 0.1 * x)
                self.draw_house(x, base, *(self.rng.uniform((22, 24), (32, 44)) * (0.8 + 0.77 * near)))
        self.rounded([(-5, 456), (568, 400), (570, 410), (-5, 472)], 3, (226, 206, 172))

    def draw_boat(self, x: float, y: float, s: float, hull: Colour, sail: float) -> None:
        """Draw a boat, about 100 `s` long, with its shadow and with sails `sail` high."""
        bow, stern, deck = (x - 52 * s, y - 15 * s), (x + 50 * s, y - 13 * s), y - 14 * s
        rim = curve(bow, (x, y + 4 * s), stern)
        self.poly(arc(x + 8 * s, y + 8 * s, 50 * s, 7 * s), SHADOW)
        for sag, fill in ((-16, (96, 66, 48)), (30, hull), (16, tint(hull, 1.2)), (9, CREAM)):
            self.poly([*rim, *curve(stern, (x, y + sag * s), bow)], fill)
        self.poly([(x + 4 * s, deck), (x + 4 * s, deck - sail), (x + 1.2 * s + 0.4 * sail, deck)], CREAM)
        self.poly([(x, deck), (x, deck - 0.9 * sail), (x - 0.35 * sail, deck)], (222, 216, 220))

    def draw_palm(self, x: float, base: float, h: float, lean: float) -> None:
        """Draw a palm tree: a ringed trunk, then fronds of leaflets from the shaded ones to the lit ones."""
        for k, (px, py) in enumerate(curve((x, base), (x + 0.1 * lean, base - 0.6 * h), (x + lean, base - h), 40)):
            self.poly(arc(px, py, h * (0.034 - 0.0004 * k), 0.02 * h), (118, 90, 66) if k % 2 else (152, 120, 88))
        fronds = np.radians([*self.rng.uniform(-210, 30, 12), *self.rng.permutation(np.linspace(-195, 15, 14))])
        for angle, light in zip(fronds, np.linspace(0.15, 0.85, 26) + 0.2 * np.cos(fronds + 2.3), strict=True):
            green = ramp(light, (0, (36, 64, 42)), (0.6, (88, 124, 58)), (1, (176, 184, 96)))
            dx, dy = 0.4 * h * self.rng.uniform(0.8, 1.15) * np.array((np.cos(angle), np.sin(angle)))
            bend, tip = (px + 0.6 * dx, py + 1.1 * dy - 0.1 * h), (px + 1.08 * dx, py + 0.6 * dy + 0.16 * h)
            rib = np.array(curve((px, py), bend, tip))
            for n, (along, across) in enumerate(np.diff(rib, axis=0)):
                leaf = 0.13 * h * np.sin(np.pi * (n + 4) / 36) / np.hypot(along, across)
                for side, shade in ((0.62, 0.8), (-0.62, 1.15)):
                    reach = leaf * np.array((0.7 * along - side * across, 0.7 * across + side * along))
                    self.poly([*rib[n : n + 2], rib[n] + reach + (0, 0.03 * h)], tint(green, shade))

    def draw(self) -> Image.Image:
        """Draw the whole picture, from far to near."""
        self.paint_sky(292, 5)
        self.paint_coast(292)
        self.draw_town()
        for x in np.arange(30, 560, 72) + self.rng.uniform(-16, 16, 8):
            self.draw_palm(x, 460 - 0.1 * x, self.rng.uniform(64, 88), self.rng.uniform(-8, 8))
            for left in (-21, 7, 25):
                self.paint_leaves(x + left, 450 - 0.1 * x, self.rng.uniform(6, 11), (34, 60, 40), (150, 168, 84))
        for x, y, r, cloth in ((128, 500, 17, ROOFS[1]), (250, 482, 13, (44, 120, 160)), (336, 520, 21, WALLS[4])):
            self.poly(arc(x + 0.9 * r, y, 0.9 * r, 0.22 * r), SHADOW)
            self.stroke([(x, y), (x, y - 1.5 * r)], 1, CREAM)
            for k, fill in enumerate((tint(cloth, 1.08), CREAM, cloth, CREAM, tint(cloth, 0.75))):
                self.poly([*arc(x, y - r, r, 0.75 * r, 180 + 36 * k, 216 + 36 * k), (x, y - r)], fill)
        for x, y, s, sail in ((520, 302, 0.1, 12), (676, 392, 0.46, 56), (420, 472, 0.5, 0), (222, 564, 0.9, 0)):
            self.draw_boat(x, y, s, (176, 60, 52) if s < 0.9 else (40, 98, 150), sail)
        for k, (x, y) in enumerate(self.rng.uniform((-20, 566), (90, 620), (12, 2))):
            dark, light = ((150, 36, 96), (246, 130, 170)) if k % 2 else ((44, 84, 44), (150, 176, 88))
            self.paint_leaves(x, y, 30 - k, dark, light)
        self.draw_palm(770, 640, 390, -12)
        return self.finish(0.05)


GLYPHS = {  # strokes of each character in a box 0.6 wide and 1 high
    "1": [[(0.08, 0.2), (0.34, 0), (0.34, 1)]],
    "2": [[*arc(0.3, 0.28, 0.28, 0.28, 190, 385), (0.02, 1), (0.6, 1)]],
    "4": [[(0.46, 1), (0.46, 0), (0.0, 0.7), (0.62, 0.7)]],
    "8": [arc(0.3, 0.25, 0.25, 0.25), arc(0.3, 0.74, 0.29, 0.26)],
    "G": [[*arc(0.3, 0.3, 0.29, 0.3, -20, -180), *arc(0.3, 0.7, 0.29, 0.3, 180, 0), (0.59, 0.55), (0.34, 0.55)]],
    "L": [[(0.04, 0), (0.04, 1), (0.56, 1)]],
    "M": [[(0, 1), (0, 0), (0.31, 0.6), (0.62, 0), (0.62, 1)]],
}


def draw_plate() -> Image.Image:
    """plate.jpg: a car number plate in uneven light, embossed, slightly turned, noisy."""
    c, ink = Canvas(1100, 240, 2, "L"), Canvas(1100, 240, 2, "L")
    for left, letter in zip((168, 284, 400, 516, 678, 794, 910), "4821MLG", strict=True):
        for points in GLYPHS[letter]:
            ink.stroke([(left + 128 * px, 62 + 116 * py) for px, py in points], 19, (255,))
    for inset, value in ((-8, 22), (0, 208), (7, 40), (11, 214)):
        left, top, right, bottom = 40 + inset, 34 + inset, 1060 - inset, 206 - inset
        c.rounded([(left, top), (right, top), (right, bottom), (left, bottom)], 24, (value,))
    c.box(46, 38, 84, 164, (104,))
    for x, y in [*arc(88, 120, 28, 28)[::3], (146, 120), (1040, 120)]:
        c.poly(arc(x, y, 9 if x > 140 else 4.5, 9 if x > 140 else 4.5), (150,))
    plate, letters, x, y = np.asarray(c.image) / 255, np.asarray(ink.image) / 255, c.x, c.y
    value = (plate + 0.12 * (fractal(x / 160, y / 60, 51, 6) - 0.5)) * (1 - 0.88 * letters)
    value += 0.3 * relief(letters, 5) + 0.12 * relief(plate, 4)
    light = 0.86 - 0.48 * fade(420, 1180, x + 1.1 * (y - 120)) + 0.12 * np.exp(-(((x - 330) / 200) ** 2))
    lit = to_image(value * (light + 0.25 * fractal(x / 400, y / 200, 52, 3)) * 250)
    view = (1.0, 0.05, -18, 0.022, 0.99, -22, 0.000004, 0.00003)
    lit = lit.transform(lit.size, Image.Transform.PERSPECTIVE, view, Image.Resampling.BICUBIC)
    soft = lit.filter(ImageFilter.GaussianBlur(2.2)).resize(c.size, Image.Resampling.BOX)
    return to_image(np.asarray(soft) + c.rng.normal(0, 6, (240, 1100)))


Child = namedtuple("Child", "x y height skin hair style shirt bottom skirt waving")  # waving: -1 left hand, 1 right
CHILDREN = [
    Child(112, 478, 268, (244, 198, 164), (226, 176, 92), "tails", (232, 84, 96), (62, 92, 160), True, -1),
    Child(236, 470, 290, (124, 76, 52), (34, 26, 28), "short", (250, 190, 60), (70, 84, 104), False, 0),
    Child(362, 486, 244, (218, 162, 118), (58, 38, 30), "long", (92, 174, 150), (240, 232, 220), True, 0),
    Child(486, 472, 284, (90, 56, 42), (28, 20, 24), "puffs", (150, 96, 180), (236, 132, 76), True, 0),
    Child(606, 480, 272, (240, 194, 164), (176, 80, 40), "curly", (72, 138, 204), (122, 92, 66), False, 1),
]
CAP = [*arc(0, 81, 15, 16.5, 0, 180), (-12.5, 86), (-6, 90), (1, 88), (7, 91), (12.5, 86)]
CURLS = arc(0, 82, 14, 13, -10, 190)[::4]
HAIR = {  # outlines behind and before a head at (0, 80); y upwards from the ground, in hundredths of the height
    "short": ([], [CAP]),
    "long": ([[*arc(0, 80, 16, 16, 0, 180), (-17, 58), (17, 58)]], [CAP]),
    "puffs": ([arc(-14, 94, 8.5, 8.5), arc(14, 94, 8.5, 8.5)], [CAP]),
    "tails": ([curve((s * 12, 86), (s * 34, 80), (s * 19, 56)) for s in (-1, 1)], [CAP]),
    "curly": ([arc(x, y, 6, 6) for x, y in CURLS], [arc(0.8 * x, 0.85 * y + 14, 4.6, 4.6) for x, y in CURLS[1:-1]]),
}
SHORTS = [(-8, 42), (8, 42), (11, 20), (3, 20), (0, 33), (-3, 20), (-11, 20)]
FACE = [(5.2, 0, 2.5, 3, 360, CREAM), (5, 0.2, 1.7, 2.3, 360, (50, 34, 30)), (4.6, -0.6, 0.6, 0.7, 360, CREAM)]
FACE += [(8.6, 5, 3, 2.4, 360, (236, 90, 90, 50)), (0, 3, 1.3, 1, 360, (90, 20, 0, 40))]
FACE += [(0, 6.4, 5, 4.4, 180, (140, 44, 48)), (0, 6.4, 4.2, 1.6, 180, CREAM)]


class Park(Canvas):
    """kids.jpg: five children on the grass of a park, two of them with balloons."""

    def draw_part(self, x: float, y: float, k: float, *shapes: tuple[Colour, float, list[Point]]) -> None:
        """Draw shapes (colour, width of the outline, points; y upwards) as one body with rounded shading."""
        layer = Canvas(*self.size, self.scale, "RGBA")
        for colour, width, points in shapes:
            layer.rounded([(x + k * u, y - k * v) for u, v in points], width * k, (*colour, 255))
        area = np.add(layer.image.getbbox() or (0, 0, 9, 9), np.array((-1, -1, 1, 1)) * int(6 * k * self.scale))
        drawn = np.asarray(layer.image.crop(tuple(area)), dtype=float)
        shade = 1 + 0.5 * relief(drawn[..., 3] / 255, 2 * k * self.scale)
        self.paint(drawn[..., :3] * shade[..., None], drawn[..., 3] / 255, tuple(area[:2]))

    def draw_child(self, child: Child) -> None:
        """Draw one child, from the shadow on the grass up to the hair."""
        x, y, k, skin, shirt = child.x, child.y, child.height / 100, child.skin, child.shirt
        self.poly(arc(x + 8 * k, y - 1.5 * k, 23 * k, 4.4 * k), (24, 50, 20, 110))
        self.draw_part(x, y, k, *[(child.hair, 5, shape) for shape in HAIR[child.style][0]])
        for s in (-1, 1):
            sock, shoe = (CREAM, 7.5, [(6.6 * s, 9), (6.6 * s, 6)]), (shirt, 3, arc(8 * s, 3, 3.8, 1.6))
            self.draw_part(x, y, k, (skin, 7.5, [(6 * s, 34), (6.6 * s, 6)]), sock, shoe)
        self.draw_part(x, y, k, (child.bottom, 3, [(-9, 42), (9, 42), (16, 22), (-16, 22)] if child.skirt else SHORTS))
        self.draw_part(x, y, k, (skin, 8, [(0, 70), (0, 62)]), (shirt, 7, [(-8, 60), (8, 60), (8.5, 40), (-8.5, 40)]))
        for v in (43,) if child.skirt else (56, 50, 44):
            self.box(x - 11.6 * k, y - v * k, 23.2 * k, 2.2 * k, (255, 252, 240, 170))
        for s in (-1, 1):
            elbow, hand = ((s * 21, 66), (s * 25, 85)) if s == child.waving else ((s * 18, 50), (s * 22.5, 38))
            sleeve = (s * 5.5 + elbow[0] / 2, 30 + elbow[1] / 2)
            arm = [(skin, 5.6, [sleeve, elbow]), (skin, 5.2, [elbow, hand]), (skin, 7, [hand, hand])]
            self.draw_part(x, y, k, *arm, (shirt, 7.6, [(s * 10, 60.5), sleeve]))
        self.draw_part(x, y, k, *[(skin, 1, arc(u, 79.6, r, r)) for u, r in ((-14, 3.2), (14, 3.2), (0, 14.2))])
        for s in (-1, 1):
            for u, v, ru, rv, end, fill in FACE:
                self.poly(arc(x + s * k * u, y + k * (v - 80), k * ru, k * rv, 0, end), fill)
            self.stroke(arc(x + s * 5.5 * k, y - 82.6 * k, 3 * k, 2.8 * k, 225, 315), 0.8 * k, tint(child.hair, 0.8))
        self.draw_part(x, y, k, *[(child.hair, 1.6, shape) for shape in HAIR[child.style][1]])

    def draw(self) -> Image.Image:
        """Draw the whole picture, from far to near."""
        x, y = self.x, self.y
        self.paint_sky(330, 8)
        hill, bush = 302 - 70 * fractal(x / 200, 0 * x, 61), fractal(x / 9, y / 6, 62)
        self.paint(np.array((81, 123, 85)) + 70 * bush[..., None], fade(0, 1.5, y - hill))
        lawn = 0.55 * fractal(x / 120, y / 30, 63, 4) + 0.45 * fractal(x / 3, y / 9, 64, 4) + 0.0012 * (430 - y)
        grass = ramp(lawn, (0.25, (70, 124, 46)), (0.5, (112, 166, 62)), (0.8, (176, 206, 96)))
        self.paint(grass, fade(0, 3, y - 330 - 8 * np.sin(x / 130)))
        for tx, ty, r in ((50, 190, 92), (676, 176, 98), (196, 268, 40), (545, 262, 46), (400, 284, 30)):
            self.draw_part(tx, 336 + 0.2 * r, 1, ((112, 84, 62), 0.12 * r, [(0, 0), (0, 336 + 0.2 * r - ty)]))
            for dx, dy in self.rng.uniform(-0.7, 0.7, (10, 2)) * r:
                self.paint_leaves(tx + dx, ty + 0.7 * dy, 0.6 * r, (44, 92, 48), (168, 204, 96))
        for gx, gy in self.rng.uniform((0, 340), (720, 545), (2800, 2)):
            tip = (gx + self.rng.normal(0, 4), gy - (gy - 300) / 16 * self.rng.uniform(0.6, 1.3))
            self.stroke([(gx, gy), tip], 1, tint((104, 160, 58), self.rng.uniform(0.65, 1.35)))
        for child in CHILDREN:
            self.draw_child(child)
        for bx, by, hand, colour in ((66, 120, (45, 250), (236, 92, 76)), (668, 130, (674, 249), (252, 196, 72))):
            self.stroke(curve((bx, by + 36), (bx - 14, 200), hand), 1.2, CREAM)
            self.draw_part(bx, by, 4, (colour, 0.5, arc(0, 0, 6.7, 8.2)), (colour, 1, [(-0.8, -9.3), (0.8, -9.3)]))
            self.poly(arc(bx - 10, by - 14, 5, 7), (255, 255, 255, 130))
        return self.finish(0.05)


def draw_logo() -> Image.Image:
    """logo.png: a hexagonal ring of six colour swatches with a dark tail, the letter Q."""
    c = Canvas(512, 512, 4, "RGBA")
    swatches = [(230, 72, 66), (245, 148, 52), (250, 208, 72), (76, 176, 110), (52, 140, 214), (130, 88, 190)]
    for angle, colour in zip(range(-60, 300, 60), swatches, strict=True):
        outer, inner = (arc(*arc(246, 242, 36, 36, angle)[0], r, r, angle - 30, angle + 30) for r in (172, 100))
        c.rounded([outer[0], outer[-1], inner[-1], inner[0]], 22, (*colour, 255))
    for width, fill in ((86, (0, 0, 0, 0)), (58, (38, 44, 66, 255))):
        c.stroke([(284, 308), (380, 474)], width, fill)
    return c.image.resize(c.size, Image.Resampling.BOX)


def main() -> None:
    """Write the four pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    Town(800, 600).draw().save(folder / "malaga.png", optimize=True)
    draw_plate().save(folder / "plate.jpg", quality=92, subsampling=0)
    Park(720, 540).draw().save(folder / "kids.jpg", quality=92, subsampling=0)
    draw_logo().save(folder / "logo.png", optimize=True)


if __name__ == "__main__":
    main()
