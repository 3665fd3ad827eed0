"""Dithering: the error after a blur beside that of other programs, and what it costs."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import fmean

import numpy as np
from PIL import Image

from benchmarks.pictures import RGB, Picture, small
from benchmarks.programs import found
from benchmarks.report import Section, Table
from benchmarks.settings import Settings, say
from benchmarks.timing import measure
from colorquant.analysis.baselines import BASELINES
from colorquant.analysis.blurring import blurred_mse
from colorquant.color.counted import CountedImage
from colorquant.fitting.options import FitOptions
from colorquant.mapping.dithered import Dithered
from colorquant.mapping.dithering import Dithering, dither
from colorquant.quantization import quantize

KS = (8, 16, 64, 256)
COSTS = (16, 256)
FLOYD_STEINBERG = "floyd-steinberg"
OURS = (FLOYD_STEINBERG, "atkinson", "jarvis", "bayer2", "bayer4", "bayer8", "blue-noise", "none")
NOTE = (
    "MSE after a Gaussian blur of σ = 1.5 pixels in linear light, in sRGB levels, summed over the channels, mean over"
    " pixels and pictures. In brackets the pictures on which floyd-steinberg has less."
)


@dataclass(frozen=True)
class Record:
    """One way of dithering on one picture with one k."""

    picture: str
    k: int
    method: str
    mse_blurred: float


def _ours(method: str) -> Callable[[RGB, int], RGB]:
    dithering = None if method == "none" else Dithering(method)
    return lambda rgb, k: quantize(CountedImage(rgb), FitOptions(k=k), dithering=dithering).rgb


def _unmoved(rgb: RGB, k: int) -> RGB:
    """Floyd-Steinberg with the palette as it is fitted, its colours not moved apart."""
    image = CountedImage(rgb)
    palette = quantize(image, FitOptions(k=k)).palette
    return palette.colors[Dithered.of(image, palette, Dithering(FLOYD_STEINBERG)).labels]


def _imagequant(rgb: RGB, k: int) -> RGB:
    """libimagequant with full dithering."""
    quantize_dithered = BASELINES["imagequant"].dithered
    assert quantize_dithered is not None, "imagequant dithers"
    labels, palette = quantize_dithered(rgb, k)
    return palette[labels]


def _pngquant(rgb: RGB, k: int) -> RGB:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG", compress_level=1)
    done = subprocess.run(["pngquant", str(k), "-"], input=stream.getvalue(), capture_output=True, check=True)
    return np.array(Image.open(io.BytesIO(done.stdout)).convert("RGB"))


def _pillow(rgb: RGB, k: int) -> RGB:
    image = Image.fromarray(rgb)
    palette = image.quantize(k, kmeans=1)
    return np.array(image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB"))


ROWS: dict[str, Callable[[RGB, int], RGB]] = {
    **{method: _ours(method) for method in OURS},
    "floyd-steinberg, palette not moved": _unmoved,
    "imagequant": _imagequant,
    "pngquant": _pngquant,
    "Pillow, median cut with kmeans=1": _pillow,
}


def _missing() -> dict[str, str]:
    missing = {} if find_spec("imagequant") else {"imagequant": "needs the Python package imagequant"}
    return missing if found("pngquant") else {**missing, "pngquant": "needs the program pngquant"}


def _quality(pictures: list[Picture], names: list[str]) -> tuple[Table, list[Record]]:
    records: list[Record] = []
    for picture in pictures:
        rgb = picture.rgb()
        say(f"dither: {picture.name}")
        records += [Record(picture.name, k, name, blurred_mse(rgb, ROWS[name](rgb, k))) for k in KS for name in names]
    value = {(record.picture, record.k, record.method): record.mse_blurred for record in records}
    rows: list[list[str | float | int | None]] = []
    for name in names:
        cells: list[str | float | int | None] = [name]
        for k in KS:
            errors = [(value[one.name, k, name], value[one.name, k, FLOYD_STEINBERG]) for one in pictures]
            more = sum(own > first for own, first in errors)
            mean = fmean(own for own, _ in errors)
            cells.append(f"{mean:.4g}" if name == FLOYD_STEINBERG else f"{mean:.4g} ({more})")
        rows.append(cells)
    title = f"MSE blurred, {len(pictures)} pictures"
    return Table(title, ["", *(f"K = {k}" for k in KS)], rows, NOTE), records


def _cost(settings: Settings, pictures: list[Picture]) -> Table:
    """CPU seconds of our Floyd-Steinberg alone, beside libimagequant's whole call."""
    rows: list[list[str | float | int | None]] = []
    large = sorted((settings.folder / "large").glob(f"{settings.large}*")) if settings.folder.is_dir() else []
    cases = [(pictures[0].name, pictures[0].rgb(), k) for k in COSTS]
    cases += [(path.stem, Picture(path.stem, "large", path).rgb(), COSTS[0]) for path in large[:1]]
    for name, rgb, k in cases:
        say(f"dither: time of {name}, K = {k}")
        image = CountedImage(rgb)
        palette = quantize(image, FitOptions(k=k)).palette
        ratios = []
        for _ in range(settings.rounds):
            _, own = measure(lambda: dither(image, palette, Dithering(FLOYD_STEINBERG)))  # noqa: B023  called at once
            _, other = measure(lambda: _imagequant(rgb, k))  # noqa: B023  called at once
            ratios.append(own.cpu / other.cpu)
        rows.append([name, k, own.cpu, other.cpu, float(np.median(ratios))])
    headers = ["picture", "K", "floyd-steinberg alone", "imagequant, palette and dithering", "median ratio"]
    return Table("CPU seconds", headers, rows)


def run(settings: Settings) -> Section:
    """Measure every way of dithering on the Kodak pictures, or on those that are there."""
    missing = _missing()
    names = [name for name in ROWS if name not in missing]
    pictures = small(settings.folder)
    pictures = [one for one in pictures if one.group == "kodak"][: settings.images] or pictures[: settings.images]
    quality, records = _quality(pictures, names)
    tables = [quality] if "imagequant" in missing else [quality, _cost(settings, pictures)]
    return Section("Dithering", tables, records, [f"{name}: {reason}" for name, reason in missing.items()])
