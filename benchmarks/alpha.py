"""Palettes over RGBA: the error of each quantizer on pictures with partly transparent pixels, and its bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import fmean

import numpy as np
from PIL import Image

from benchmarks.report import Section, Table
from benchmarks.rgba_pictures import RGBA, RgbaPicture, pictures
from benchmarks.settings import Settings, say
from benchmarks.timing import measure
from colorquant.analysis.baselines import BASELINES
from colorquant.color.counted import CountedImage
from colorquant.color.difference import mse
from colorquant.fitting.options import FitOptions
from colorquant.quantization import encode_png, quantize

KS = (16, 64, 256)
OURS, IMAGEQUANT, PILLOW = "colorquant", "imagequant", "Pillow, fast octree"
NOTE = (
    "Squared error, summed over the channels, on black, mid-gray and white, mean over the three and over all pixels;"
    " nothing is dithered. PngSuite has some pictures several times, with other chunks."
)


@dataclass(frozen=True)
class Record:
    """One quantizer on one picture with one k: error, entries of the palette, CPU seconds, and bytes of our PNG."""

    picture: str
    group: str
    k: int
    quantizer: str
    mse: float
    entries: int
    cpu: float
    size: int | None = None


def _ours(rgba: RGBA, k: int) -> tuple[RGBA, int]:
    image = CountedImage(np.ascontiguousarray(rgba[:, :, :3]), np.ascontiguousarray(rgba[:, :, 3]))
    quantized = quantize(image, FitOptions(k=k))
    with Image.open(io.BytesIO(png := encode_png(quantized))) as written:
        return np.asarray(written.convert("RGBA")), len(png)


def _baseline(name: str) -> Callable[[RGBA, int], tuple[RGBA, int]]:
    quantize_rgba = BASELINES[name].with_alpha
    assert quantize_rgba is not None, f"{name} knows alpha"

    def run(rgba: RGBA, k: int) -> tuple[RGBA, int]:
        labels, palette = quantize_rgba(rgba, k)
        return palette[labels], 0

    return run


ROWS: dict[str, Callable[[RGBA, int], tuple[RGBA, int]]] = {
    OURS: _ours,
    IMAGEQUANT: _baseline("imagequant"),
    PILLOW: _baseline("pillow-octree"),
}


def _record(picture: RgbaPicture, k: int, name: str) -> Record:
    (painted, size), usage = measure(lambda: ROWS[name](picture.rgba, k))
    painted = np.array(painted)
    painted[painted[:, :, 3] == 0] = 0
    entries = len(np.unique(painted.reshape(-1, 4), axis=0))
    error = mse(picture.rgba.reshape(-1, 4), painted.reshape(-1, 4))
    return Record(picture.name, picture.group, k, name, error, entries, usage.cpu, size or None)


def _table(records: list[Record], k: int, names: list[str]) -> Table:
    found = {(record.picture, record.quantizer): record for record in records if record.k == k}
    rows: list[list[str | float | int | None]] = []
    for picture in dict.fromkeys(record.picture for record in records):
        own, other = found[picture, OURS], found.get((picture, IMAGEQUANT))
        ratio = None if other is None or other.mse == 0 else own.mse / other.mse
        rows.append([picture, *(found[picture, name].mse for name in names), ratio, own.size])
    means = {name: fmean(record.mse for record in found.values() if record.quantizer == name) for name in names}
    ratio = means[OURS] / means[IMAGEQUANT] if IMAGEQUANT in means else None
    rows.append(["mean", *means.values(), ratio, None])
    return Table(f"K = {k}", ["picture", *names, "ours / imagequant", "our bytes"], rows, NOTE)


def run(settings: Settings) -> Section:
    """Measure every quantizer on every picture."""
    names = [name for name in ROWS if name != IMAGEQUANT or find_spec("imagequant")]
    records: list[Record] = []
    for picture in pictures(settings.folder.parent / "corpora" / "pngsuite"):
        say(f"alpha: {picture.name}")
        records += [_record(picture, k, name) for k in KS for name in names]
    seconds = [
        [name, *(sum(record.cpu for record in records if (record.quantizer, record.k) == (name, k)) for k in KS)]
        for name in names
    ]
    tables = [_table(records, k, names) for k in KS]
    tables.append(Table("CPU seconds, all pictures", ["", *(f"K = {k}" for k in KS)], seconds))
    skipped = [] if IMAGEQUANT in names else ["imagequant: needs the Python package imagequant"]
    return Section("Palettes over RGBA", tables, records, skipped)
