"""File sizes: the bytes of each quantizer's PNG against its error, as a curve over the number of colours."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, median

import numpy as np
from PIL import Image

from benchmarks import pictures
from benchmarks.measures import distinct, mse, psnr
from benchmarks.pictures import RGB, Picture
from benchmarks.programs import found
from benchmarks.quantizers import imagequant
from benchmarks.report import Cell, Section, Table
from benchmarks.settings import Settings, say
from benchmarks.timing import run_child
from colorquant.fitting.options import FitOptions
from colorquant.quantization import encode_png, quantize

KS = (2, 4, 8, 16, 32, 64, 128, 256)  # of the curves
COMPARED = (4, 16, 64, 256)  # of the ratios picture by picture
OURS, OURS_OPTIMIZED = "colorquant", "colorquant --optimize"
PNGQUANT, PNGQUANT_OPTIMIZED = "pngquant --nofs", "pngquant --nofs, oxipng -o 2"
IMAGEQUANT, PILLOW = "imagequant, written by Pillow", "Pillow, median cut"
PAIRS = ((OURS, PNGQUANT), (OURS_OPTIMIZED, PNGQUANT_OPTIMIZED))
Writer = Callable[[Path, RGB, int], bytes]


@dataclass(frozen=True)
class Record:
    """The PNG of one picture in k colours: its size in bytes, its bits per pixel, and its error."""

    picture: str
    writer: str
    k: int
    size: int
    bits_per_pixel: float
    mse: float


def _ours(source: Path, rgb: RGB, k: int, *, optimize: bool = False) -> bytes:
    from colorquant.color.counted import CountedImage

    return encode_png(quantize(CountedImage(rgb), FitOptions("kmeans", k)), optimize=optimize)


def _pngquant(source: Path, rgb: RGB, k: int, *, optimize: bool = False) -> bytes:
    target = source.with_name("target.png")
    run_child(["pngquant", "--nofs", "--force", "--output", target, str(k), source])
    if not optimize:
        return target.read_bytes()
    import oxipng

    return oxipng.optimize_from_memory(target.read_bytes(), level=2)


def _imagequant(source: Path, rgb: RGB, k: int) -> bytes:
    colors, _, rows = distinct(imagequant(rgb, k))
    image = Image.fromarray(rows.astype(np.uint8).reshape(rgb.shape[:2]))
    image.putpalette(colors.tobytes())
    return _saved(image)


def _pillow(source: Path, rgb: RGB, k: int) -> bytes:
    return _saved(Image.fromarray(rgb).quantize(k, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE))


def _saved(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _writers() -> tuple[dict[str, Writer], list[str]]:
    """The rows that this machine can run, and a line for each that it cannot."""
    program = None if found("pngquant") else "the program pngquant"
    oxipng = None if find_spec("oxipng") else "pyoxipng"
    package = None if find_spec("imagequant") else "imagequant"
    rows: dict[str, tuple[Writer, str | None]] = {
        OURS: (_ours, None),
        OURS_OPTIMIZED: (partial(_ours, optimize=True), oxipng),
        PNGQUANT: (_pngquant, program),
        PNGQUANT_OPTIMIZED: (partial(_pngquant, optimize=True), program or oxipng),
        IMAGEQUANT: (_imagequant, package),
        PILLOW: (_pillow, None),
    }
    usable = {name: writer for name, (writer, missing) in rows.items() if missing is None}
    return usable, [f"{name}: needs {missing}" for name, (_, missing) in rows.items() if missing]


def _measured(writers: dict[str, Writer], chosen: Sequence[Picture]) -> list[Record]:
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for number, picture in enumerate(chosen, 1):
            say(f"size: {picture.name} ({number} of {len(chosen)})")
            rgb = picture.rgb()
            source = pictures.write_png(Path(folder) / "source.png", rgb)
            for k in KS:
                for name, write in writers.items():
                    data = write(source, rgb, k)
                    painted = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
                    bits = 8 * len(data) / (rgb.shape[0] * rgb.shape[1])
                    records.append(Record(picture.name, name, k, len(data), bits, mse(rgb, painted)))
    return records


def _of(records: Sequence[Record], writer: str, k: int | None = None) -> dict[str, list[Record]]:
    """The records of a writer by picture, in the order of k."""
    chosen: dict[str, list[Record]] = {}
    for record in records:
        if record.writer == writer and k in (None, record.k):
            chosen.setdefault(record.picture, []).append(record)
    return chosen


def _curves(records: Sequence[Record], names: Sequence[str]) -> Table:
    rows: list[list[Cell]] = []
    for k in KS:
        row: list[Cell] = [k]
        for name in names:
            own = [record for found_ in _of(records, name, k).values() for record in found_]
            row += [round(fmean(record.size for record in own)), fmean(record.mse for record in own)]
        rows.append(row)
    headers = ["K", *(f"{name}: {what}" for name in names for what in ("bytes", "MSE"))]
    return Table("Bytes and MSE, means over pictures", headers, rows)


def _ratios(records: Sequence[Record], ours: str, other: str) -> Table:
    """Our bytes over another writer's, picture by picture: at the same K, and at the other's error."""
    rows: list[list[Cell]] = []
    for k in COMPARED:
        theirs, own = _of(records, other, k), _of(records, ours, k)
        curves = _of(records, ours)
        same_k = {name: own[name][0].size / found_[0].size for name, found_ in theirs.items()}
        same_error = [
            size / found_[0].size
            for name, found_ in theirs.items()
            if (size := _size_at(curves[name], found_[0].mse)) is not None
        ]
        errors = fmean(own[name][0].mse / found_[0].mse for name, found_ in theirs.items())
        smaller = sum(ratio <= 1 for ratio in same_k.values())
        at_error = [median(same_error), max(same_error)] if same_error else [None, None]
        rows.append([k, fmean(same_k.values()), max(same_k.values()), f"{smaller} of {len(same_k)}", errors, *at_error])
    headers = ["K", "bytes, mean ratio", "largest", "not larger", "MSE, mean ratio"]
    note = (
        "At its error: our curve, interpolated (logarithms of bytes and MSE) at the other's MSE, beside its bytes."
        " To reach: no ratio of bytes above 1."
    )
    return Table(f"{ours} / {other}", [*headers, "bytes at its error, median", "largest at its error"], rows, note)


def _size_at(curve: Sequence[Record], error: float) -> float | None:
    """The bytes that a curve needs for an error, None outside the curve."""
    points = sorted((record.mse, record.size) for record in curve if record.mse > 0)
    if not points or not points[0][0] <= error <= points[-1][0]:
        return None
    errors, sizes = np.log(np.array(points)).T
    return float(np.exp(np.interp(np.log(error), errors, sizes)))


def _draw(records: Sequence[Record], names: Sequence[str], path: Path) -> None:
    """A curve per writer: mean PSNR over mean bits per pixel, a mark for each K."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name in names:
        points = []
        for k in KS:
            own = [record for found_ in _of(records, name, k).values() for record in found_]
            points.append((fmean(r.bits_per_pixel for r in own), fmean(psnr(r.mse) for r in own)))
        across, up = zip(*points, strict=True)
        mine = name.startswith("colorquant")
        line = axes.plot(across, up, "-" if mine else "--", marker="o", markersize=3.5, linewidth=1.6, label=name)
        if name == OURS:
            for k, x, y in zip(KS, across, up, strict=True):
                axes.annotate(
                    str(k),
                    (x, y),
                    (-5, 4),
                    textcoords="offset points",
                    fontsize=8,
                    ha="right",
                    color=line[0].get_color(),
                )
    axes.set(xscale="log", xlabel="bits per pixel (mean, logarithmic)", ylabel="PSNR in dB (mean)")
    ticks = [0.25, 0.5, 1, 2, 4, 8]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def run(settings: Settings) -> Section:
    """Write every picture by every writer at each K."""
    writers, skipped = _writers()
    chosen = pictures.small(settings.folder, settings.images)
    records = _measured(writers, chosen)
    tables = [_ratios(records, *pair) for pair in PAIRS if set(pair) <= set(writers)]
    tables.append(_curves(records, list(writers)))
    if find_spec("matplotlib"):
        path = settings.out / "size.png"
        _draw(records, list(writers), path)
        say(f"drawn: {path}")
    return Section("Size of files", tables, records, skipped)
