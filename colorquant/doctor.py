"""Whether what colorquant stands on is there and works.

Here only the standard library is imported, and every other one is tried in a process of its own: one that is broken, or
kills the process that loads it, is found, not hit.
"""

from __future__ import annotations

import io
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module, metadata

from colorquant._version import __version__

OK, OPTIONAL, WRONG = "ok", "not there", "wrong"
PACKAGES_OF_ENGINES = {"numpy": "numpy", "opencv": "opencv-python-headless", "sklearn": "scikit-learn"}
METHODS = ("kmeans", "em")
DECODERS = {"PNG": "zlib", "JPEG": "jpg", "WEBP": "webp", "TIFF": "libtiff", "AVIF": "avif", "JPEG2000": "jpg_2000"}
NEEDED_DECODERS = ("PNG", "JPEG")
MODULES = {"pillow": "PIL", "scikit-image": "skimage", "scikit-learn": "sklearn"}  # where they are not named alike
FOR_DEVELOPERS = "dev"  # the extra that no command uses
REQUIREMENT = re.compile(r"""([\w.-]+)\s*([^;]*?)\s*(?:;\s*extra\s*==\s*["']([^"']+)["'])?""")
PATIENCE = 120  # seconds for one trial


@dataclass(frozen=True)
class Finding:
    """What was ``found`` of one thing; ``state`` is OK, OPTIONAL (not there, and not needed) or WRONG.

    Where it is not OK, ``remedy`` says what to do, in one line.
    """

    group: str
    name: str
    found: str
    state: str = OK
    remedy: str | None = None


@dataclass(frozen=True)
class Requirement:
    """What a package declares to need: ``range`` such as ``>=4.10,<5``, for the extra ``extra``, if for one."""

    name: str
    range: str
    extra: str | None

    @property
    def quoted(self) -> str:
        """As the shell takes it."""
        return f"'{self.name}{self.range}'"

    def allows(self, version: str) -> bool:
        """Whether the version is in the range; of the comparisons, >= and < are known."""
        for clause in filter(None, self.range.split(",")):
            sign, least = re.fullmatch(r"\s*(>=|<)\s*(\S+)\s*", clause).groups()  # type: ignore[union-attr]
            if (_release(version) >= _release(least)) != (sign == ">="):
                return False
        return True


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.match(r"[\d.]*", version)[0].split(".") if part)  # type: ignore[index]


def requirements() -> list[Requirement]:
    """What colorquant declares; nothing where it is not installed, but run from its folder."""
    try:
        lines = metadata.requires("colorquant") or []
    except metadata.PackageNotFoundError:
        return []
    found = [match.groups() for line in lines if (match := REQUIREMENT.fullmatch(line))]
    return [Requirement(name.lower(), "".join(limits.split()), extra) for name, limits, extra in found]


def examine() -> list[Finding]:
    """Everything that there is to find, in a fixed order; takes some seconds."""
    declared = requirements()
    steps: list[Callable[[], list[Finding]]] = [
        partial(_packages, declared),
        partial(_opencv, declared),
        *(partial(_engine, engine, declared) for engine in PACKAGES_OF_ENGINES),
        *(partial(_extra, need) for need in declared if need.extra not in (None, FOR_DEVELOPERS)),
        _formats,
        _threads,
    ]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2) as pool:
        return [finding for found in pool.map(lambda step: step(), steps) for finding in found]


def lines(findings: Sequence[Finding]) -> list[str]:
    """The findings as aligned text."""
    rows = [(finding.group, finding.name, finding.state, finding.found) for finding in findings]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows]


def _packages(declared: Sequence[Requirement]) -> list[Finding]:
    findings = [
        Finding("program", "colorquant", __version__),
        Finding("program", "Python", f"{platform.python_version()}, {sys.executable}"),
    ]
    if not declared:
        return [*findings, Finding("package", "all", "colorquant is not installed", OPTIONAL, "pip install .")]
    for need in declared:
        if need.extra is None and not _is_opencv(need.name):
            version = _version(need.name)
            fine = version is not None and need.allows(version)
            said = version if fine else f"{version or 'not there'}, needs {need.range}"
            remedy = None if fine else f"pip install {need.quoted}"
            findings.append(Finding("package", need.name, str(said), OK if fine else WRONG, remedy))
    return findings


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _is_opencv(name: str) -> bool:
    return re.sub(r"[-_.]+", "-", name).lower().startswith("opencv-")


def _opencv(declared: Sequence[Requirement]) -> list[Finding]:
    """Its distributions all bring the folder ``cv2``: of two, the one that was installed last wins, file by file."""
    found = [(dist.metadata["Name"] or "", dist.version) for dist in metadata.distributions()]
    first = dict(reversed([(name.lower(), version) for name, version in found if _is_opencv(name)]))
    installed = sorted(first.items())
    need = next((need for need in declared if _is_opencv(need.name) and need.extra is None), None)
    install = f"pip install {need.quoted}" if need else "pip install ."
    remedy = " && ".join(
        [*(f"pip uninstall -y {' '.join(name for name, _ in installed)}" for _ in installed[:1]), install]
    )
    fine = len(installed) == 1 and (need is None or need.allows(installed[0][1]))
    said = " and ".join(f"{name} {version}" for name, version in installed) or "not there"
    if len(installed) > 1:
        said += ": they overwrite each other"
    works, words = _tried("cv2.ml")
    return [
        Finding("OpenCV", "installed", said, OK if fine else WRONG, None if fine else remedy),
        Finding("OpenCV", "cv2.ml", words[-1], OK if works else WRONG, None if works else remedy),
    ]


def _engine(engine: str, declared: Sequence[Requirement]) -> list[Finding]:
    """Each of its methods; where the trial ends early, those that it did not come to share the reason."""
    works, found = _tried("engine", engine)
    package = PACKAGES_OF_ENGINES[engine]
    quoted = next((need.quoted for need in declared if need.name == package), package)
    remedy = f"pip install --force-reinstall {quoted}"
    return [
        Finding("engine", f"{engine} {method}", "works")
        if works or method in found[:-1]
        else Finding("engine", f"{engine} {method}", found[-1], WRONG, remedy)
        for method in METHODS
    ]


def _extra(need: Requirement) -> list[Finding]:
    group, version, remedy = f"extra {need.extra}", _version(need.name), f"pip install {need.quoted}"
    if version is None:
        return [Finding(group, need.name, "not there", OPTIONAL, remedy)]
    works, found = _tried("package", need.name)
    said = f"{version}, {found[-1]}"
    return [Finding(group, need.name, said, OK if works else WRONG, None if works else remedy)]


def _formats() -> list[Finding]:
    works, found = _tried("formats")
    remedy = "pip install --upgrade --force-reinstall pillow"
    if not works:
        return [Finding("format", "all", found[-1], WRONG, remedy)]
    findings = []
    for name in (*DECODERS, "profiles"):
        if name in found:
            findings.append(Finding("format", name, "read"))
        else:
            state = WRONG if name in NEEDED_DECODERS else OPTIONAL
            findings.append(Finding("format", name, "this Pillow cannot read it", state, remedy))
    return findings


def _threads() -> list[Finding]:
    works, found = _tried("machine")
    return [
        Finding("machine", "threads", found[-1], OK if works else WRONG, None if works else "see the packages above")
    ]


def _tried(*words: str) -> tuple[bool, list[str]]:
    """Whether a trial ended well, in a process of its own, and its lines; the last is the error's, if not."""
    code = f"from colorquant.doctor import attempt; attempt(*{words!r})"
    path = os.pathsep.join(place for place in sys.path if place)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE,
            env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, [f"did not end within {PATIENCE} s"]
    except OSError as error:
        return False, [f"Python cannot be started: {error.strerror}"]
    said = done.stdout.splitlines()
    if done.returncode < 0:
        return False, [*said, f"killed its process (signal {-done.returncode})"]
    if done.returncode > 0:
        return False, [*said, (done.stderr.strip().splitlines() or ["failed without a word"])[-1]]
    return True, said


def attempt(kind: str, *words: str) -> None:
    """One trial, in the process that :func:`examine` starts for it: prints what it found, or raises."""
    for line in _TRIALS[kind](*words):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()  # the next step may kill the process


def _try_ml() -> Iterator[str]:
    cv2 = import_module("cv2")
    if not hasattr(cv2, "ml"):
        raise SystemExit(f"OpenCV {cv2.__version__} has no cv2.ml: em --engine opencv cannot run")
    yield f"OpenCV {cv2.__version__} has it"


def _try_engine(engine: str) -> Iterator[str]:
    library = import_module("colorquant")
    for method in METHODS:
        quantized = library.quantize(_noise(), library.FitOptions(method, 3, engine=engine, max_iter=3))
        if len(quantized.palette) != 3:
            raise SystemExit(f"gives {len(quantized.palette)} colours, not 3")
        yield method


def _try_package(name: str) -> Iterator[str]:
    if name == "scikit-image":
        import_module("colorquant.analysis.measures").ssim(_noise(), _noise())
    elif name == "imagequant":
        import_module("colorquant.analysis.baselines").quantize(_noise(), None, "imagequant", 3)
    elif name == "matplotlib":
        import_module("matplotlib.figure").Figure().savefig(io.BytesIO(), format="png")
    else:
        import_module(MODULES.get(name, name.replace("-", "_")))
    yield "works"


def _try_formats() -> Iterator[str]:
    features = import_module("PIL.features")
    yield from (name for name, feature in {**DECODERS, "profiles": "littlecms2"}.items() if features.check(feature))


def _try_machine() -> Iterator[str]:
    import_module("cv2")
    machine = import_module("colorquant.report.machine").Machine.this()
    yield (
        f"cores {machine.cores}, BLAS threads of a fit {machine.blas_threads} ({machine.blas}), "
        f"OpenCV's threads {machine.opencv_threads}"
    )


def _noise() -> object:
    """A picture, (16, 16, 3) uint8."""
    numpy = import_module("numpy")
    return numpy.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=numpy.uint8)


_TRIALS: dict[str, Callable[..., Iterator[str]]] = {
    "cv2.ml": _try_ml,
    "engine": _try_engine,
    "package": _try_package,
    "formats": _try_formats,
    "machine": _try_machine,
}
