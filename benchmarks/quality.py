"""The quality table: every quantizer on every picture at each K, each with its CPU time."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, median

from benchmarks import pictures
from benchmarks.measures import Judge
from benchmarks.pictures import RGB, Picture
from benchmarks.programs import PROGRAMS, Program
from benchmarks.quantizers import OURS, PERCEPTUAL_OURS, QUANTIZERS, REFERENCE, Quantizer, warm_up
from benchmarks.report import Section, Table, package_version
from benchmarks.settings import Settings, say
from benchmarks.timing import ChildError, Usage, measure, run_child

KS = (4, 16, 64, 256)
PUBLISHED = {4: 9.42, 16: 5.02, 64: 3.09, 256: 1.90}  # patolette, ICtCp: mean CIEDE2000 over china, flower, kodim23
PERCEPTUAL = (
    OURS,
    "imagequant",
    "pngquant, speed 1",
    "ImageMagick",
    "Pillow, median cut + kmeans",
    "Wu + weighted Lloyd",
)
CLOSE = 1.001  # within 0.1 %
NOTE = (
    f"Means over pictures; MSE sums over channels. CPU ratio: median over pictures against {OURS}."
    " pngquant and ImageMagick are whole processes, which read and write a PNG and pay for their start."
)
KEPT = "† Time and quality of an earlier run, kept: its CPU ratio is not of one run."
LIBRARIES = ("scikit-learn", "opencv-python-headless")
Rows = Mapping[str, Quantizer | Program]


@dataclass(frozen=True)
class Record:
    """One quantizer on one picture at one K."""

    picture: str
    group: str
    k: int
    quantizer: str
    usage: Usage
    measures: dict[str, float]
    kept: bool = False


class Kept:
    """What slow quantizers, never our own rows, gave in earlier runs: by name, K, the picture's bytes and versions."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "slow-quantizers.json"
        self.found = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.versions = " ".join(version for name in LIBRARIES if (version := package_version(name)))

    def key(self, rgb: RGB, k: int, name: str) -> str:
        digest = hashlib.sha256(rgb.tobytes()).hexdigest()[:16]
        return f"{name}|{k}|{digest}|{self.versions}"

    def get(self, key: str) -> tuple[Usage, dict[str, float]] | None:
        found = self.found.get(key)
        return (Usage(**found["usage"]), found["measures"]) if found else None

    def put(self, key: str, usage: Usage, measures: dict[str, float]) -> None:
        self.found[key] = {"usage": asdict(usage), "measures": measures}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.found))


def present(rows: Rows) -> tuple[dict[str, Quantizer | Program], list[str]]:
    """The rows that this machine can run, and a line for each that it cannot."""
    usable = {name: row for name, row in rows.items() if row.missing is None}
    return usable, [f"{name}: needs {row.missing}" for name, row in rows.items() if row.missing]


def painted(row: Quantizer | Program, rgb: RGB, k: int, folder: Path) -> tuple[RGB, Usage]:
    """Run one row: a program reads and writes a PNG, which is part of its time; the others paint in this process."""
    if isinstance(row, Quantizer):
        return measure(lambda: row.paint(rgb, k))
    source = pictures.write_png(folder / "source.png", rgb)
    target = folder / "target.png"
    usage = run_child(row.command(source, target, k))
    return pictures.read_rgb(target), usage


def _measured(rows: Rows, chosen: Sequence[Picture], settings: Settings) -> list[Record]:
    records = []
    kept = Kept(settings.cache)
    warm_up(row for row in rows.values() if isinstance(row, Quantizer))
    with tempfile.TemporaryDirectory() as folder:
        for number, picture in enumerate(chosen, 1):
            say(f"quality: {picture.name} ({number} of {len(chosen)})")
            judge = Judge(picture.rgb())
            for k in KS:
                for name, row in rows.items():
                    slow = isinstance(row, Quantizer) and k >= row.slow_from
                    if slow and not settings.slow:
                        continue
                    keep = kept if slow and not name.startswith("colorquant") else None
                    found = _one(name, row, judge, k, Path(folder), keep)
                    if found is not None:
                        records.append(Record(picture.name, picture.group, k, name, *found))
    return records


def _one(
    name: str, row: Quantizer | Program, judge: Judge, k: int, folder: Path, kept: Kept | None
) -> tuple[Usage, dict[str, float], bool] | None:
    """Usage, measures, and whether they are of an earlier run; None where the row failed."""
    key = kept.key(judge.original, k, name) if kept else ""
    if kept and (earlier := kept.get(key)):
        return *earlier, True
    try:
        after, usage = painted(row, judge.original, k, folder)
    except ChildError as error:
        say(f"{name} at K={k} failed and is left out: {error}")
        return None
    measures = judge(after)
    if kept:
        kept.put(key, usage, measures)
    return usage, measures, False


def _mean(records: Sequence[Record], measure_name: str) -> float | None:
    values = [record.measures[measure_name] for record in records if measure_name in record.measures]
    return fmean(values) if values else None


def _table(records: Sequence[Record], k: int, title: str, sort: str = "mse") -> Table:
    groups = sorted({record.group for record in records})
    groups = groups if len(groups) > 1 else []  # one set has the mean of all
    names = dict.fromkeys(record.quantizer for record in records if record.k == k)
    reference = {record.picture: record.usage.cpu for record in records if (record.k, record.quantizer) == (k, OURS)}
    rows = []
    for name in names:
        own = [record for record in records if (record.k, record.quantizer) == (k, name)]
        by_group = [_mean([record for record in own if record.group == group], "mse") for group in groups]
        scores = [_mean(own, score) for score in ("psnr", "ciede2000", "ssim")]
        least = min((record.measures.get("colors", k) for record in own), default=k)
        ratio = median(record.usage.cpu / reference[record.picture] for record in own)
        peak = max((record.usage.peak or 0) for record in own) / 1e6
        seconds = [fmean(record.usage.cpu for record in own), fmean(record.usage.wall for record in own)]
        label = f"{name} †" if any(record.kept for record in own) else name
        rows.append([label, _mean(own, "mse"), *by_group, *scores, int(least), *seconds, peak, ratio])
    order = 1 if sort == "mse" else 3 + len(groups)
    rows.sort(key=lambda row: row[order] or 0)
    headers = ["K = " + str(k), "MSE", *(f"MSE {group}" for group in groups), "PSNR dB", "CIEDE2000", "SSIM"]
    notes = [NOTE if any(name in PROGRAMS for name in names) else "", KEPT if any(r.kept for r in records) else ""]
    return Table(
        title, [*headers, "fewest colours", "CPU s", "wall s", "peak MB", "CPU ratio"], rows, " ".join(notes).strip()
    )


def _against(records: Sequence[Record]) -> Table:
    """Ours beside the best other at each K, and beside the reference picture by picture."""
    rows = []
    for k in KS:
        of = {
            name: {r.picture: r.measures["mse"] for r in records if (r.k, r.quantizer) == (k, name)}
            for name in _names(records)
        }
        ours = of[OURS]
        means = {name: fmean(errors.values()) for name, errors in of.items() if len(errors) == len(ours)}
        best = min((name for name in means if not name.startswith("colorquant")), key=means.__getitem__, default=None)
        reference = of.get(REFERENCE) or {}
        close = sum(ours[name] <= CLOSE * error for name, error in reference.items())
        lead = None if best is None else 100 * (1 - means[OURS] / means[best])
        fast, most = means.get(f"{OURS}, fast"), means.get(f"{OURS}, best")
        counted = f"{close} of {len(reference)}" if reference else "takes --slow"
        rows.append([k, means[OURS], best, means.get(best or ""), lead, counted, fast, means.get("Wu"), most])
    headers = ["K", "ours", "best other", "its MSE", "ours lower by %", "within 0.1 % of the reference"]
    note = (
        f"The reference is {REFERENCE}, max_iter=300. Only quantizers that ran on every picture count."
        " To reach: lower than every other; fast lower than Wu; best no higher than ours."
    )
    return Table(
        "Ours against the best of the others, mean MSE", [*headers, "ours, fast", "Wu", "ours, best"], rows, note
    )


def _names(records: Sequence[Record]) -> dict[str, None]:
    return dict.fromkeys(record.quantizer for record in records)


def run(settings: Settings) -> Section:
    """Measure all quantizers on the photographs, and the perceptual ones on the pictures of the published figures."""
    everything: dict[str, Quantizer | Program] = {**QUANTIZERS, **PROGRAMS}
    rows, skipped = present(everything)
    chosen = pictures.small(settings.folder, settings.images)
    records = _measured(rows, chosen, settings)
    tables = [_against(records), *(_table(records, k, f"Quality, pictures: {len(chosen)}, K = {k}") for k in KS)]
    seen = pictures.perceptual(settings.folder)
    looked = {name: rows[name] for name in PERCEPTUAL if name in rows}
    perceived = _measured({**looked, **PERCEPTUAL_OURS}, seen, settings)
    names = ", ".join(picture.name for picture in seen)
    tables += [_table(perceived, k, f"Perception, {names}, K = {k}", sort="ciede2000") for k in KS]
    figures = " / ".join(f"{PUBLISHED[k]:.2f}" for k in KS)
    note = f"Published for china, flower and kodim23 at K = 4 / 16 / 64 / 256: patolette in ICtCp {figures}."
    tables[-1] = replace(tables[-1], note=f"{tables[-1].note} {note}".strip())
    if not settings.slow:
        late = [f"{name} from K = {row.slow_from}" for name, row in QUANTIZERS.items() if row.slow_from <= max(KS)]
        skipped.append("without --slow: " + "; ".join(late))
    return Section("Quality", tables, [*records, *perceived], skipped)
