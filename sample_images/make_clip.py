"""Draw clip.mp4, and the true label of each of its pixels, clip-labels.gif, by code alone.

Usage: python make_clip.py [FOLDER]. The video needs PyAV: pip install av. The frames as arrays need only numpy.

The frames have noise with a standard deviation of 3.0 levels in each of R, G and B, 2.0 in the lightness. H.264 leaves
about 1.7 and 1.6 of them in clip.mp4.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT, RATE, SECONDS = 320, 180, 25, 10
FRAMES = RATE * SECONDS
NOISE = 3.0  # standard deviation of the sensor noise, in levels
CLASSES = ("background", "ball", "block", "balloon", "wedge")
COLOURS = ((210, 201, 188), (228, 92, 78), (58, 110, 190), (242, 192, 66), (70, 148, 96))  # of each class


@dataclass(frozen=True)
class Shape:
    """A solid shape: where it is, of which class, and the shadow that it throws on the floor.

    ``distance`` (h, w) is that of each pixel from its outline, negative inside, and ``light`` (h, w) its shading.
    ``floor`` is the height in the picture where its shadow lies, ``height`` how far it is above it; None has no shadow.
    """

    label: int
    x: float
    half_width: float
    distance: np.ndarray
    light: np.ndarray
    floor: float | None = None
    height: float = 0.0


def fade(low: float, high: float, t: np.ndarray) -> np.ndarray:
    """Rise smoothly from 0 at `low` to 1 at `high` (or fall, where `high` < `low`)."""
    s = np.clip((t - low) / (high - low), 0, 1)
    return s * s * (3 - 2 * s)


def box_distance(x: np.ndarray, y: np.ndarray, half: float, corner: float) -> np.ndarray:
    """The distance from a square with rounded corners around (0, 0)."""
    dx, dy = np.abs(x) - half + corner, np.abs(y) - half + corner
    return np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - corner


def wedge_distance(x: np.ndarray, y: np.ndarray, inner: float, corner: float) -> np.ndarray:
    """About the distance from a triangle with rounded corners around (0, 0), whose sides are `inner` from there."""
    sides = [np.cos(a) * x + np.sin(a) * y - inner for a in np.radians((90, 210, 330))]
    return corner * np.log(sum(np.exp(np.clip(side / corner, -30, 30)) for side in sides))


class Scene:
    """The scene at any time, on a grid of `scale` times the clip's width and height."""

    def __init__(self, scale: float = 1.0) -> None:
        self.size = (round(HEIGHT * scale), round(WIDTH * scale))
        self.scale = scale
        y, x = ((n + 0.5) / scale for n in np.ogrid[: self.size[0], : self.size[1]])
        self.y, self.x = y.astype(np.float32), x.astype(np.float32)
        self.backdrop = self.draw_backdrop()

    def draw_backdrop(self) -> np.ndarray:
        """A sheet of paper that hangs on the wall and lies on the floor, in the light of a window."""
        x, y = self.x, self.y
        light = 1.0 - 0.20 * fade(60, 340, x + 0 * y) - 0.10 * fade(90, 126, y) + 0.13 * fade(122, 190, y)
        slant = x + 0.35 * y
        for left in (56, 96):
            for top in (16, 54):
                pane = fade(left - 3, left + 3, slant) * fade(left + 37, left + 31, slant)
                light = light + 0.10 * pane * fade(top - 3, top + 3, y + 0.12 * x) * fade(
                    top + 35, top + 29, y + 0.12 * x
                )
        warmth = fade(150, 60, y + 0 * x)[..., None] * np.float32([0.004, 0.0, -0.012])
        grain = np.random.default_rng(1).normal(0, 0.012, self.size)
        return np.array(COLOURS[0], np.float32) * ((light + grain)[..., None] + warmth).astype(np.float32)

    def shapes(self, t: float) -> list[Shape]:
        """The shapes at `t` seconds, from far to near."""
        x, y, found = self.x, self.y, []
        cx, cy = 236 + 6 * np.sin(1.3 * t), 100 - 28 * t + 6 * np.cos(1.7 * t)  # the balloon leaves at the top
        u, v = (x - cx) / 21, (y - cy) / (26 + 0 * y)
        reach = np.hypot(u, v * (1 - 0.06 * v))
        found.append(Shape(3, cx, 21, (reach - 1) * 21, sphere_light(u, v)))
        cx, tilt = 124 + 92 * np.cos(0.3 * np.pi * t), 0.12 * np.sin(0.3 * np.pi * t)  # the wedge slides to and fro
        u, v = x - cx, y - 118
        u, v = u * np.cos(tilt) + v * np.sin(tilt), v * np.cos(tilt) - u * np.sin(tilt)
        found.append(Shape(4, cx, 27, wedge_distance(u, v, 18.5, 2.5), 1.0 - 0.006 * (u + v), 137))
        cx = 232 + 130 * (1 - fade(2.5, 6.0, np.float64(t)))  # the block enters from the right, and stops
        u, v = x - cx, y - 122
        found.append(Shape(2, cx, 25, box_distance(u, v, 25, 6), 1.02 - 0.005 * (u + 1.4 * v), 148))
        beat = (t / 1.25 + 0.5) % 1  # the ball bounces
        cx, height = 160 + 112 * np.sin(0.2 * np.pi * t - 0.9), 88 * 4 * beat * (1 - beat)
        u, v = (x - cx) / 20, (y - 142 + height) / 20
        found.append(Shape(1, cx, 20, (np.hypot(u, v) - 1) * 20, sphere_light(u, v), 162, height))
        return found

    def draw(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """The picture (h, w, 3) float32 at `t` seconds, without noise, and the class (h, w) uint8 of each pixel."""
        picture, labels = self.backdrop.copy(), np.zeros(self.size, np.uint8)
        shapes = self.shapes(t)
        for shape in shapes:
            if shape.floor is not None:
                picture *= (1 - self.shadow(shape))[..., None] * np.float32([0.99, 0.995, 1.01])
        for shape in shapes:
            cover = fade(0.9, -0.9, shape.distance).astype(np.float32)[..., None]
            colour = np.array(COLOURS[shape.label], np.float32) * shape.light[..., None]
            picture += cover * (colour - picture)
            labels[cover[..., 0] >= 0.5] = shape.label
        return picture, labels

    def shadow(self, shape: Shape) -> np.ndarray:
        """How much of the light (h, w) a shape takes from the floor: less and softer the higher it is."""
        spread = 1 + shape.height / 140
        across = (self.x - shape.x - 8) / (1.12 * shape.half_width * spread)
        along = (self.y - shape.floor) / (0.26 * shape.half_width * spread)
        return (0.34 / spread**3 * fade(1.25, 0.35, np.hypot(across, along))).astype(np.float32)


def sphere_light(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The shading of a ball in light from the upper left, with a soft highlight; the ball has radius 1."""
    shade = 1.04 - 0.22 * (u + v) - 0.10 * np.minimum(u * u + v * v, 1.2)
    return (shade + 0.28 * np.exp(-((u + 0.36) ** 2 + (v + 0.42) ** 2) / 0.05)).astype(np.float32)


def draw_frames(
    scale: float = 1.0, noise: float = NOISE, count: int = FRAMES
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The first `count` frames (h, w, 3) uint8, and the class (h, w) uint8 of each pixel, a row of CLASSES."""
    scene = Scene(scale)
    for number in range(count):
        picture, labels = scene.draw(number / RATE)
        grain = np.random.default_rng((7, number)).standard_normal(picture.shape, np.float32)
        yield np.clip(picture + noise * grain + 0.5, 0, 255).astype(np.uint8), labels


def read_classes(path: Path) -> Iterator[np.ndarray]:
    """The class (h, w) uint8 of each pixel of the frames of clip-labels.gif."""
    with Image.open(path) as opened:
        for number in range(getattr(opened, "n_frames", 1)):
            opened.seek(number)
            off = np.asarray(opened.convert("RGB"), np.int32)[:, :, None] - np.array(COLOURS)
            yield np.abs(off).sum(axis=3).argmin(axis=2).astype(np.uint8)


def planes(rgb: np.ndarray) -> np.ndarray:
    """A frame as 8-bit Y'CbCr 4:2:0 of ITU-R BT.709, limited range: its planes below each other, (3 h / 2, w) uint8."""
    height, width = rgb.shape[:2]
    r, g, b = np.moveaxis(rgb.astype(np.float32) / 255, 2, 0)
    luma = 0.2126 * r + 0.7152 * g + 0.0722 * b
    chroma = [(part - luma).reshape(height // 2, 2, width // 2, 2).mean((1, 3)) for part in (b, r)]
    values = [16 + 219 * luma, 128 + 224 / 1.8556 * chroma[0], 128 + 224 / 1.5748 * chroma[1]]
    return np.concatenate([np.rint(value).astype(np.uint8).ravel() for value in values]).reshape(-1, width)


def write_video(frames: list[np.ndarray], path: Path) -> None:
    """Write frames as H.264, so that the same version of x264 gives the same bytes."""
    import av

    # With AVX-512, x264's macroblock tree depends on what the memory happens to hold.
    options = {"crf": "22", "preset": "slow", "x264-params": "no-mbtree=1"}
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE), options=options)
        stream.width, stream.height, stream.pix_fmt, stream.thread_count = WIDTH, HEIGHT, "yuv420p", 1
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = context.color_range = 1  # BT.709, limited
        for rgb in frames:
            frame = av.VideoFrame.from_ndarray(planes(rgb), format="yuv420p")
            frame.colorspace = frame.color_range = 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_labels(labels: list[np.ndarray], path: Path) -> None:
    """Write the classes as an animation in COLOURS."""
    images = [Image.fromarray(classes, "P") for classes in labels]
    for image in images:
        image.putpalette([channel for colour in COLOURS for channel in colour])
    images[0].save(path, save_all=True, append_images=images[1:], duration=1000 // RATE, loop=0, optimize=False)


def main() -> None:
    """Write the video, and the classes of its pixels."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    frames, labels = zip(*draw_frames(), strict=True)
    write_video(list(frames), folder / "clip.mp4")
    write_labels(list(labels), folder / "clip-labels.gif")


if __name__ == "__main__":
    main()
