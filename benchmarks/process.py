"""What whole processes cost: start, read, quantize, write."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import cases, instructions, pictures, programs
from benchmarks.cases import Asked, Comparison, Contest, Measured, Row, Run, Verdict
from benchmarks.programs import PROGRAMS, Command
from benchmarks.report import Section
from benchmarks.settings import Settings, say
from benchmarks.timing import Usage, run_child

COPY = "cv2: read and write, nothing else"
IMPORTS = "python: import numpy, PIL.Image, click"
TOGETHER, ONE_BY_ONE = "colorquant, one process", "colorquant, 50 processes"
PHOTOS = 50
DECODED = pictures.BIG[0] * pictures.BIG[1] * 3  # bytes of the decoded picture
PEAK = 4.0


def _ours(k: int) -> str:
    return f"colorquant kmeans K={k}"


def once(command: Command, source: Path, target: Path, k: int) -> Run:
    """Run a program on one picture; what it wrote is its quality."""
    usage = run_child(command(source, target, k))
    return Run(usage, [pictures.read_rgb(target)])


def _big(settings: Settings, source: Path, folder: Path) -> Contest:
    """24 MP PNG to indexed PNG."""
    jobs: dict[str, tuple[Command, int]] = {
        _ours(16): (programs.colorquant, 16),
        COPY: (programs.copy, 0),
        _ours(256): (programs.colorquant, 256),
    }
    for name, k in (("pngquant, speed 3", 256), ("pngquant, speed 11", 256), ("ImageMagick", 16)):
        if PROGRAMS[name].missing is None:
            jobs[f"{name} K={k}"] = (PROGRAMS[name].command, k)
    rows = {
        name: Row(partial(once, command, source, folder / "big.png", k), rounds=1 if name.startswith("Image") else None)
        for name, (command, k) in jobs.items()
    }
    comparisons = [
        Comparison("whole process, 24 MP PNG, K=16", _ours(16), COPY, Asked("most", 1.6)),
        Comparison("whole process, 24 MP PNG, K=256", _ours(256), "pngquant, speed 3 K=256", Asked("most", 0.3)),
    ]
    return Contest("24 MP PNG", lambda: [pictures.read_rgb(source)], rows, comparisons, settings.rounds)


def _small(settings: Settings, source: Path, folder: Path) -> Contest:
    """0.27 MP PNG against the bare start of Python with the libraries that are needed."""
    rows = {
        _ours(16): Row(partial(once, programs.colorquant, source, folder / "small.png", 16)),
        IMPORTS: Row(lambda: Run(run_child([sys.executable, "-c", programs.IMPORTS]))),
    }
    for name, program in PROGRAMS.items():
        if program.missing is None:
            rows[f"{name} K=16"] = Row(partial(once, program.command, source, folder / "small.png", 16))
    comparisons = [Comparison("whole process, 0.27 MP PNG, K=16", _ours(16), IMPORTS, Asked("most", 2))]
    return Contest("0.27 MP PNG", lambda: [pictures.read_rgb(source)], rows, comparisons, 3 * settings.rounds)


def _folder(settings: Settings, folder: Path) -> Contest:
    """Fifty photographs at K=64: the pictures of the sets, over and over."""
    chosen = pictures.small(settings.folder)
    inputs = folder / "photos"
    sources = [inputs / f"{number:02}.png" for number in range(PHOTOS)]
    for number, source in enumerate(sources):
        pictures.write_png(source, chosen[number % len(chosen)].rgb())
    targets = [folder / "out" / f"{source.stem}-kmeans64.png" for source in sources]

    def together() -> Run:
        words: list[str | Path] = ["kmeans", inputs, "-k", "64", "-o", folder / "out", "--force", "--quiet"]
        return Run(
            run_child([sys.executable, "-m", "colorquant", *words]), [pictures.read_rgb(path) for path in targets]
        )

    def one_by_one() -> Run:
        total = Usage(0.0, 0.0)
        for source, target in zip(sources, targets, strict=True):
            total += run_child(programs.colorquant(source, target, 64))
        return Run(total, [pictures.read_rgb(path) for path in targets])

    rows = {TOGETHER: Row(together), ONE_BY_ONE: Row(one_by_one)}
    comparisons = [Comparison(f"a folder of {PHOTOS} photos, K=64", TOGETHER, ONE_BY_ONE, Asked("most", 0.6))]
    originals = [picture.rgb() for picture in chosen]
    every = [originals[number % len(originals)] for number in range(PHOTOS)]
    return Contest(f"{PHOTOS} photos", lambda: every, rows, comparisons, 1)


def _memory(measured: Sequence[Measured]) -> list[Verdict]:
    """Peak memory of our processes at 24 MP in decoded pictures."""
    verdicts = []
    for row in measured:
        if row.contest == "24 MP PNG" and row.name.startswith("colorquant") and row.peak is not None:
            ratio = row.peak / DECODED
            what, against = f"peak memory, 24 MP PNG, {row.name}", f"the decoded picture, {DECODED / 1e6:.0f} MB"
            asked = f"at most {PEAK:g} times"
            verdicts.append(Verdict(what, against, asked, ratio, ratio <= PEAK, row.measures["mse"]))
    return verdicts


def run(settings: Settings) -> Section:
    """All contests of processes; instruction counts where they were asked for."""
    measured: list[Measured] = []
    verdicts: list[Verdict] = []
    skipped = [f"{name}: needs {program.missing}" for name, program in PROGRAMS.items() if program.missing]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        big = pictures.big_png(settings.folder, settings.cache, settings.large)
        small = pictures.write_png(folder / "china.png", pictures.bundled("china").rgb())
        run_child(programs.colorquant(small, folder / "small.png", 16))  # once, so that all bytecode is there
        say(f"the large picture is {big}")
        for contest in (_small(settings, small, folder), _big(settings, big, folder), _folder(settings, folder)):
            rows, lines = cases.hold(contest)
            measured += rows
            verdicts += lines
        verdicts += _memory(measured)
        tables = cases.tables("Cost of processes", measured, verdicts)
        if settings.instructions:
            table, note = instructions.count(small, folder / "small.png")
            tables += [table] if table else []
            skipped += [note] if note else []
    return Section("Processes", tables, [*measured, *verdicts], skipped)
