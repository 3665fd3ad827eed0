"""``-k auto``: how often it finds the fewest colours of all, and what it costs beside one fit."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, median

import numpy as np

from benchmarks import pictures
from benchmarks.pictures import Picture
from benchmarks.report import Section, Table
from benchmarks.settings import Settings, say
from benchmarks.timing import run_child
from colorquant.analysis import measures
from colorquant.analysis.auto_k import AutoK
from colorquant.analysis.k_trials import choose_k
from colorquant.color.counted import CountedImage
from colorquant.fitting.options import FitOptions
from colorquant.quantization import Quantized, encode_png, quantize

STEP = 8  # every eighth pixel across and down: all numbers of colours can be fitted
LARGEST = {"kmeans": 96, "em": 32}  # numbers of colours that are all fitted
TARGETS = 40  # for each criterion, evenly spaced between its values at the fewest and the most colours
TIMED = ("psnr:35", "size:50k", "elbow")


@dataclass(frozen=True)
class Search:
    """One target on one picture: the number that was chosen, the best of all, and how many were tried."""

    picture: str
    method: str
    target: str
    chosen: int
    best: int
    tried: int


@dataclass(frozen=True)
class Cost:
    """CPU seconds of two processes: ``-k auto``, which tried some numbers, and -k with the number that it chose."""

    picture: str
    target: str
    k: int
    tried: int
    auto: float
    one: float


def _values(image: CountedImage, runs: dict[int, Quantized]) -> dict[str, dict[int, float]]:
    """Each criterion's value by the number of colours."""
    found = {
        "psnr": {k: run.psnr for k, run in runs.items()},
        "de": {k: measures.mean_ciede2000(image, run) for k, run in runs.items()},
        "size": {k: float(len(encode_png(run))) for k, run in runs.items()},
    }
    if find_spec("skimage"):
        found["ssim"] = {k: value for k, run in runs.items() if (value := measures.mean_ssim(image, run)) is not None}
    return found


def _searches(picture: Picture, method: str) -> list[Search]:
    image = CountedImage(np.ascontiguousarray(picture.rgb()[::STEP, ::STEP]))
    most = LARGEST[method]
    runs = {k: quantize(image, FitOptions(method, k)) for k in range(2, most + 1)}
    searches = []
    for criterion, values in _values(image, runs).items():
        ends = min(values.values()), max(values.values())
        for number in np.linspace(*ends, TARGETS + 2)[1:-1]:
            auto = AutoK(criterion, round(float(number), 0 if criterion == "size" else 4), 2, most, best_effort=True)
            chosen = choose_k(image, auto, runs.__getitem__, encode_png, colors=len(image.histogram)).chosen
            meeting = [k for k, value in values.items() if auto.reaches(value)]
            best = max(meeting) if criterion == "size" else min(meeting)
            searches.append(Search(picture.name, method, auto.target, chosen.k, best, len(chosen.curve)))
    return searches


def _exactness(searches: Sequence[Search]) -> Table:
    rows: list[list[str | float]] = []
    for method in LARGEST:
        for criterion in ("psnr", "de", "ssim", "size"):
            own = [s for s in searches if s.method == method and s.target.startswith(criterion)]
            if own:
                off = [abs(search.chosen - search.best) for search in own]
                tried = [search.tried for search in own]
                rows.append([method, criterion, len(own), off.count(0), max(off), fmean(tried), max(tried)])
    note = f"Against all numbers of colours up to {LARGEST['kmeans']} (kmeans) and {LARGEST['em']} (em)."
    headers = ["method", "criterion", "targets", "the best number", "off by, at most", "tried, mean", "tried, at most"]
    return Table("Numbers of colours that a search finds", headers, rows, note)


def _costs(picture: Picture) -> list[Cost]:
    costs = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = pictures.write_png(folder / "source.png", picture.rgb())
        command = [sys.executable, "-m", "colorquant", "kmeans", source, "-q", "-f", "-o", folder / "out.png"]
        for target in TIMED:
            effort = ["--best-effort"] if ":" in target else []
            report = folder / "report.jsonl"
            words = ["-k", "auto", "--target", target, *effort, "--report", report]
            auto = run_child([*command, *words])
            row = json.loads(report.read_text())
            one = run_child([*command, "-k", str(row["k"])])
            costs.append(Cost(picture.name, target, row["k"], len(row["auto"]["curve"]), auto.cpu, one.cpu))
    return costs


def _cost_table(costs: Sequence[Cost]) -> Table:
    rows: list[list[str | float]] = []
    for target in TIMED:
        own = [cost for cost in costs if cost.target == target]
        ratios = [cost.auto / cost.one for cost in own]
        rows.append([target, min(c.tried for c in own), max(c.tried for c in own), median(ratios), max(ratios)])
    headers = ["target", "tried, at least", "at most", "CPU time, median ratio", "largest"]
    return Table("CPU time of the process, beside -k with the number found", headers, rows)


def run(settings: Settings) -> Section:
    """Search on small pictures whose numbers of colours are all fitted, and time whole processes."""
    chosen = pictures.small(settings.folder, settings.images)
    searches: list[Search] = []
    costs: list[Cost] = []
    for number, picture in enumerate(chosen, 1):
        say(f"auto: {picture.name} ({number} of {len(chosen)})")
        for method in LARGEST:
            searches += _searches(picture, method)
        costs += _costs(picture)
    return Section("-k auto", [_exactness(searches), _cost_table(costs)], [*searches, *costs])
