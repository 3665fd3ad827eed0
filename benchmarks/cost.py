"""What a fit costs in this process: against OpenCV and libimagequant, at 0.39 and 24 MP, and how it grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from benchmarks import cases, pictures
from benchmarks.cases import Asked, Comparison, Contest, Measured, Row, Run, Verdict
from benchmarks.measures import Judge
from benchmarks.pictures import RGB
from benchmarks.quantizers import OURS, QUANTIZERS, Paint, warm_up
from benchmarks.report import Cell, Section, Table
from benchmarks.settings import Settings, say
from benchmarks.timing import Usage, measure
from colorquant import quantize
from colorquant.fitting.options import FitOptions
from colorquant.quantization import Quantized

KS = (16, 64, 256)
OPENCV = "cv2.kmeans, PP"
IMAGEQUANT = "imagequant, speed 3"
SMALL_TIMES_LESS = {16: 5, 64: 12, 256: 25}
BIG_TIMES_LESS = {16: 20, 64: 60, 256: 120}
THIN = 4  # every fourth pixel across and down
MEGAPIXELS = (1, 4, 16)
STAGES = ("count", "fit", "paint")


def summed(paint: Paint, originals: Callable[[], Sequence[RGB]], k: int) -> Run:
    """Paint all originals; the usage is that of all of them together."""
    total, painted = Usage(0.0, 0.0), []
    for original in originals():
        after, usage = measure(partial(paint, original, k))
        total += usage
        painted.append(after)
    return Run(total, painted)


def on_a_part(paint: Paint, original: Callable[[], RGB], k: int) -> Run:
    """Paint every 16th pixel of a large original and multiply the time: where the time is that of the pixels."""
    part = pictures.thinned(original(), THIN)
    after, usage = measure(partial(paint, part, k))
    return Run(usage.times(THIN**2), measures=Judge(part)(after))


def _small(settings: Settings, k: int) -> Contest:
    chosen = [picture.rgb() for picture in pictures.small(settings.folder, 2)]
    names = [OURS, OPENCV, IMAGEQUANT, f"{OURS}, fast", f"{OURS}, best", "Wu + weighted Lloyd"]
    usable = [name for name in names if name in QUANTIZERS and QUANTIZERS[name].missing is None]
    rows = {name: Row(partial(summed, QUANTIZERS[name].paint, lambda: chosen, k)) for name in usable}
    what = f"kmeans, {len(chosen)} pictures of {chosen[0].size / 3e6:.2f} MP, K={k}"
    comparisons = [
        Comparison(what, OURS, OPENCV, Asked("less", SMALL_TIMES_LESS[k])),
        Comparison(what, OURS, IMAGEQUANT, Asked("less", 1, better=True)),
    ]
    return Contest(what, lambda: chosen, rows, comparisons, settings.rounds)


def _big(settings: Settings, k: int) -> Contest:
    rgb = pictures.read_rgb(pictures.big_png(settings.folder, settings.cache, settings.large))
    what = f"count, fit and paint, 24 MP, K={k}"
    rows = {OURS: Row(partial(summed, QUANTIZERS[OURS].paint, lambda: [rgb], k))}
    if QUANTIZERS[IMAGEQUANT].missing is None:
        rows[IMAGEQUANT] = Row(partial(summed, QUANTIZERS[IMAGEQUANT].paint, lambda: [rgb], k), rounds=1)
    against = OPENCV if settings.slow or k == 16 else f"{OPENCV} (16 × every 16th pixel)"
    if QUANTIZERS[OPENCV].missing is None:
        paint = QUANTIZERS[OPENCV].paint
        whole = partial(summed, paint, lambda: [rgb], k)
        rows[against] = Row(whole if against == OPENCV else partial(on_a_part, paint, lambda: rgb, k), rounds=1)
    comparisons = [Comparison(what, OURS, against, Asked("less", BIG_TIMES_LESS[k]))]
    return Contest(what, lambda: [rgb], rows, comparisons, settings.rounds)


def growth(settings: Settings, k: int) -> tuple[Table, list[Verdict]]:
    """Seconds per stage, the least of all rounds, of the same picture at three sizes."""
    say(f"growth from {MEGAPIXELS[0]} to {MEGAPIXELS[-1]} MP, K={k}")
    whole = pictures.read_rgb(pictures.big_png(settings.folder, settings.cache, settings.large))
    sizes = {megapixels: pictures.shrunk(whole, megapixels) for megapixels in MEGAPIXELS}
    del whole
    runs: dict[int, list[Quantized]] = {megapixels: [] for megapixels in MEGAPIXELS}
    for _ in range(settings.rounds):
        for megapixels, rgb in sizes.items():
            runs[megapixels].append(quantize(rgb, FitOptions(k=k)))
    least = {m: [min(run.seconds[stage] for run in found) for stage in STAGES] for m, found in runs.items()}
    rows = [[m, runs[m][0].colors_in, *least[m], runs[m][0].mse] for m in MEGAPIXELS]
    low, high = MEGAPIXELS[0], MEGAPIXELS[-1]
    pixels = sizes[high].size / sizes[low].size
    colors = runs[high][0].colors_in / runs[low][0].colors_in
    verdicts = []
    for place, (stage, allowed) in enumerate(zip(STAGES, (pixels, colors, pixels), strict=True)):
        ratio = least[high][place] / max(least[low][place], 1e-9)
        what = f"{stage} from {low} to {high} MP, K={k}"
        against = "its distinct colours" if stage == "fit" else "its pixels"
        asked = f"at most {allowed:.3g} times"
        errors = (runs[high][0].mse, runs[low][0].mse)
        verdicts.append(
            Verdict(what, against, asked, ratio, ratio <= allowed, *errors, "wall seconds; MSE: both sizes")
        )
    headers = ["MP", "distinct colours", *(f"{stage} s" for stage in STAGES), "MSE"]
    return Table(f"Growth, K={k}: least wall seconds of {settings.rounds}", headers, rows), verdicts


def _share(rgb: RGB, k: int) -> list[Cell]:
    """Where the wall time of one call goes."""
    found = quantize(rgb, FitOptions(k=k))
    return [k, *(found.seconds[stage] for stage in STAGES), found.colors_in, found.mse]


def run(settings: Settings) -> Section:
    """All contests in this process."""
    measured: list[Measured] = []
    verdicts: list[Verdict] = []
    warm_up(quantizer for quantizer in QUANTIZERS.values() if quantizer.missing is None)
    for make in (_small, _big):
        for k in KS:
            rows, lines = cases.hold(make(settings, k))
            measured += rows
            verdicts += lines
    photo = pictures.big_png(settings.folder, settings.cache, settings.large).stem
    grown = [growth(settings, k) for k in (16, 256)]
    verdicts += [line for _, lines in grown for line in lines]
    skipped = [f"{name}: needs {QUANTIZERS[name].missing}" for name in (OPENCV, IMAGEQUANT) if QUANTIZERS[name].missing]
    headers = ["K", *(f"{stage} s" for stage in STAGES), "distinct colours", "MSE"]
    rgb = pictures.small(settings.folder, 2)[-1].rgb()
    stages = Table("Stages of one call on a small picture, wall seconds", headers, [_share(rgb, k) for k in KS])
    tables = [*cases.tables("Cost in process", measured, verdicts), stages, *(table for table, _ in grown)]
    tables[0] = replace(tables[0], note=f"{NOTE} The picture of 24 MP is {photo}.")
    return Section("Cost", tables, [*measured, *verdicts], skipped)


NOTE = (
    "Medians of ratios of CPU seconds, round by round. Ours is the whole of `quantize()` (count, fit, paint, and the"
    " exact error of all pixels) and the look-up; OpenCV: 10 iterations, 1 attempt, and the look-up; libimagequant is"
    " not dithered."
)
