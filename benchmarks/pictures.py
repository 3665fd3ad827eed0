"""Which pictures are measured, and the large ones that are made from them once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

RGB = npt.NDArray[np.uint8]

SETS = ("kodak", "cq100")
BIG = (6000, 4000)  # pixels across and down of the 24 MP picture
NOISE = 1.5  # standard deviation in 8-bit levels: enlarging alone makes too few new colours for a photograph
ROWS = 250  # noise is added to this many rows at a time


@dataclass(frozen=True)
class Picture:
    """One picture file and the set it belongs to."""

    name: str
    group: str
    path: Path

    def rgb(self) -> RGB:
        """The pixels, (h, w, 3) uint8."""
        return read_rgb(self.path)


def read_rgb(path: Path) -> RGB:
    """An image file as RGB, (h, w, 3) uint8; transparency is dropped."""
    with Image.open(path) as image:
        return np.ascontiguousarray(np.asarray(image.convert("RGB")))


def write_png(path: Path, rgb: RGB) -> Path:
    """Write a truecolour PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path, format="PNG")
    return path


@cache
def bundled(name: str) -> Picture:
    """``china`` or ``flower``, 0.27 MP, which scikit-learn brings along."""
    import sklearn.datasets

    return Picture(name, "scikit-learn", Path(sklearn.datasets.__file__).parent / "images" / f"{name}.jpg")


def small(folder: Path, limit: int | None = None) -> list[Picture]:
    """The photographs of the sets, about 0.39 MP each; of more than ``limit``, evenly many of each set."""
    groups = [
        [Picture(path.stem, group, path) for path in sorted((folder / group).glob("*.png"))]
        for group in SETS
        if (folder / group).is_dir()
    ]
    groups = [group for group in groups if group] or [[bundled("china"), bundled("flower")]]
    found = sum(len(group) for group in groups)
    if limit is None or limit >= found:
        return [picture for group in groups for picture in group]
    shares = [limit // len(groups) + (number < limit % len(groups)) for number in range(len(groups))]
    return [picture for group, share in zip(groups, shares, strict=True) for picture in _spaced(group, share)]


def _spaced(pictures: Sequence[Picture], limit: int) -> list[Picture]:
    places = np.linspace(0, len(pictures) - 1, min(limit, len(pictures))).round().astype(int)
    return [pictures[place] for place in places]


def perceptual(folder: Path) -> list[Picture]:
    """The pictures of the published CIEDE2000 figures, as far as they are here: china, flower, kodim23."""
    kodim23 = folder / "kodak" / "kodim23.png"
    return [bundled("china"), bundled("flower"), *([Picture("kodim23", "kodak", kodim23)] if kodim23.exists() else [])]


def large(folder: Path, name: str = "") -> Picture:
    """The first photograph of about 10 MP whose name starts with ``name``, or china where there is none."""
    paths = sorted((folder / "large").glob(f"{name}*.*"))
    return Picture(paths[0].stem, "large", paths[0]) if paths else bundled("china")


def large_rgb(folder: Path, name: str = "") -> RGB:
    """The pixels of :func:`large`, enlarged to 10 MP where the picture has fewer."""
    rgb = large(folder, name).rgb()
    return rgb if rgb.shape[0] * rgb.shape[1] > 8e6 else enlarged(rgb, (3840, 2560))


def big_png(folder: Path, cache_folder: Path, name: str = "") -> Path:
    """A PNG of 24 MP with about as many distinct colours as a camera's: made once, then kept in ``cache_folder``."""
    source = large(folder, name)
    path = cache_folder / f"{source.name}_{BIG[0]}x{BIG[1]}.png"
    if not path.exists():
        part = path.with_suffix(".part")
        write_png(part, enlarged(source.rgb(), BIG))
        part.rename(path)
    return path


def enlarged(rgb: RGB, size: tuple[int, int]) -> RGB:
    """``rgb`` resized to (across, down) with a little noise, always the same."""
    if rgb.shape[0] > rgb.shape[1]:
        size = size[::-1]
    out = np.array(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
    rng = np.random.default_rng(0)
    for top in range(0, len(out), ROWS):
        part = out[top : top + ROWS]
        noise = rng.standard_normal(part.shape, np.float32) * NOISE
        part[:] = np.clip(np.rint(part + noise), 0, 255)
    return out


def shrunk(rgb: RGB, megapixels: float) -> RGB:
    """``rgb`` at a smaller size of about ``megapixels``."""
    height, width = rgb.shape[:2]
    scale = min(1.0, (megapixels * 1e6 / (height * width)) ** 0.5)
    size = (round(width * scale), round(height * scale))
    return np.ascontiguousarray(np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS)))


def thinned(rgb: RGB, step: int) -> RGB:
    """Every ``step``-th pixel across and down: fewer pixels, of the same colours."""
    return np.ascontiguousarray(rgb[::step, ::step])
