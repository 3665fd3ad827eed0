"""Check the installation: the packages that colorquant needs, OpenCV, the engines, the extras, the image formats.

This module imports only the standard library and, inside a function, ``packaging``. Every other library is tried in a
process of its own, so that one that is broken, or kills the process that loads it, becomes a finding.
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
from typing import TYPE_CHECKING

from colorquant._version import __version__

if TYPE_CHECKING:
    from types import ModuleType

    from packaging.requirements import Requirement as Dependency

OK, OPTIONAL, WRONG = "ok", "not there", "wrong"
PACKAGES_OF_ENGINES = {"numpy": "numpy", "opencv": "opencv-python-headless", "sklearn": "scikit-learn"}
METHODS = ("kmeans", "em")
DECODERS = {"PNG": "zlib", "JPEG": "jpg", "WEBP": "webp", "TIFF": "libtiff", "AVIF": "avif", "JPEG2000": "jpg_2000"}
NEEDED_DECODERS = ("PNG", "JPEG")
MODULES = {  # of packages whose module has another name
    "pillow": "PIL",
    "pyoxipng": "oxipng",
    "pyvips-binary": "_libvips",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
}
CODECS = {  # of PyAV's FFmpeg: what is read, and what is written
    "r": ("h264", "hevc", "vp8", "vp9", "libdav1d", "mpeg4", "mpeg2video", "prores", "ffv1"),
    "w": ("libx264", "libvpx-vp9", "ffv1"),
}
NEEDED_CODECS = {"r": ("h264", "vp9", "ffv1"), "w": CODECS["w"]}
DEVELOPERS_EXTRA = "dev"  # no command uses it
TIME_LIMIT = 120  # seconds for one trial
WIDTHS = (14, 22, 9)  # of the columns group, name and state: lines are printed before all of them are known


@dataclass(frozen=True)
class Finding:
    """The result of one check: what was ``found`` of the thing ``name``, which belongs to ``group``.

    ``state`` is OK, OPTIONAL (not there, and not needed) or WRONG. Where it is not OK, ``remedy`` says in one line what
    to do, mostly as a shell command.
    """

    group: str
    name: str
    found: str
    state: str = OK
    remedy: str | None = None

    @property
    def line(self) -> str:
        """The finding as a line of text in columns."""
        cells = zip((self.group, self.name, self.state), WIDTHS, strict=True)
        return "  ".join([*(cell.ljust(width) for cell, width in cells), self.found])


@dataclass(frozen=True)
class Requirement:
    """A package that colorquant declares to need: in the versions ``range`` (PEP 440, such as ``>=4.10,<5``).

    ``extra`` is the extra that needs it, None where colorquant itself does.
    """

    name: str
    range: str
    extra: str | None

    @property
    def quoted(self) -> str:
        """The requirement in quotes for a shell."""
        return f"'{self.name}{self.range}'"

    def allows(self, version: str) -> bool:
        """Whether the version is in the range; one that no standard describes is in none but the empty range."""
        from packaging.specifiers import SpecifierSet
        from packaging.version import InvalidVersion

        try:
            return SpecifierSet(self.range).contains(version, prereleases=True)
        except InvalidVersion:
            return not self.range


def requirements() -> list[Requirement]:
    """The packages that colorquant declares to need on this machine; none where it is run without being installed.

    Raises ImportError where ``packaging`` does not load.
    """
    from packaging.requirements import Requirement as Dependency

    try:
        about = metadata.metadata("colorquant")
    except metadata.PackageNotFoundError:
        return []
    needs: list[Requirement] = []
    for line in about.get_all("Requires-Dist") or []:
        need = Dependency(line)
        extras = [extra for extra in about.get_all("Provides-Extra") or [] if _applies(need, extra)]
        for extra in [None] if _applies(need, "") else extras:
            needs.append(Requirement(need.name.lower(), str(need.specifier), extra))
    return needs


def _applies(need: Dependency, extra: str) -> bool:
    """Whether the requirement holds for this Python and system with the extra, or with none for ``""``."""
    return need.marker is None or need.marker.evaluate({"extra": extra})


def examine() -> Iterator[Finding]:
    """Check everything, and yield each finding as soon as it and those before it are there; some seconds in all."""
    try:
        needs = requirements()
        packages = _packages(needs)
    except ImportError as error:
        needs = []
        reason = " ".join(str(error).split())
        packages = [*_program(), Finding("package", "packaging", reason, WRONG, "pip install packaging")]
    yield from packages
    checks: list[Callable[[], list[Finding]]] = [
        partial(_opencv, needs),
        *(partial(_engine, engine, needs) for engine in PACKAGES_OF_ENGINES),
        *(partial(_extra, need) for need in needs if need.extra not in (None, DEVELOPERS_EXTRA)),
        _formats,
        _threads,
    ]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    with ThreadPoolExecutor(cores) as pool:
        for findings in pool.map(lambda check: check(), checks):
            yield from findings


def _program() -> list[Finding]:
    return [
        Finding("program", "colorquant", __version__),
        Finding("program", "Python", f"{platform.python_version()}, {sys.executable}"),
    ]


def _packages(needs: Sequence[Requirement]) -> list[Finding]:
    """The versions of the packages that colorquant itself needs, but for OpenCV's, which :func:`_opencv` checks."""
    if not needs:
        return [*_program(), Finding("package", "all", "colorquant is not installed", OPTIONAL, "pip install .")]
    findings = _program()
    for need in needs:
        if need.extra is None and not _is_opencv(need.name):
            version = _version(need.name)
            if version is not None and need.allows(version):
                findings.append(Finding("package", need.name, version))
            else:
                found = f"{version or 'not installed'}, needs {need.range}"
                findings.append(Finding("package", need.name, found, WRONG, f"pip install {need.quoted}"))
    return findings


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _is_opencv(name: str) -> bool:
    return re.sub(r"[-_.]+", "-", name).lower().startswith("opencv-")


def _opencv(needs: Sequence[Requirement]) -> list[Finding]:
    """Whether one distribution of OpenCV is installed, in a version that is allowed, and whether it has ``cv2.ml``.

    All distributions install the same folder ``cv2``: of two, the one installed last has overwritten the other's files.
    """
    distributions = [(dist.metadata["Name"] or "", dist.version) for dist in metadata.distributions()]
    # Of two of one name the first on Python's path counts.
    installed = sorted(dict(reversed([(name.lower(), v) for name, v in distributions if _is_opencv(name)])).items())
    need = next((need for need in needs if _is_opencv(need.name) and need.extra is None), None)
    remedy = f"pip install {need.quoted}" if need else "pip install ."
    if installed:
        remedy = f"pip uninstall -y {' '.join(name for name, _ in installed)} && {remedy}"
    found = " and ".join(f"{name} {version}" for name, version in installed) or "not installed"
    if len(installed) > 1:
        found += ": they overwrite each other"
    fine = len(installed) == 1 and (need is None or need.allows(installed[0][1]))
    trial = _try("cv2.ml")
    return [
        Finding("OpenCV", "installed", found, OK if fine else WRONG, None if fine else remedy),
        Finding("OpenCV", "cv2.ml", trial.lines[-1], OK if trial.works else WRONG, None if trial.works else remedy),
    ]


def _engine(engine: str, needs: Sequence[Requirement]) -> list[Finding]:
    """A finding for each method of the engine; where the trial ends early, the methods not tried share the reason."""
    trial = _try("engine", engine)
    package = PACKAGES_OF_ENGINES[engine]
    quoted = next((need.quoted for need in needs if need.name == package), package)
    remedy = f"pip install --force-reinstall {quoted}"
    return [
        Finding("engine", f"{engine} {method}", "works")
        if trial.works or method in trial.lines[:-1]
        else Finding("engine", f"{engine} {method}", trial.lines[-1], WRONG, remedy)
        for method in METHODS
    ]


def _extra(need: Requirement) -> list[Finding]:
    group, version, remedy = f"extra {need.extra}", _version(need.name), f"pip install {need.quoted}"
    if version is None:
        return [Finding(group, need.name, "not installed", OPTIONAL, remedy)]
    if not need.allows(version):
        return [Finding(group, need.name, f"{version}, needs {need.range}", WRONG, remedy)]
    trial = _try("package", need.name)
    found = f"{version}, {trial.lines[-1]}"
    return [Finding(group, need.name, found, OK if trial.works else WRONG, None if trial.works else remedy)]


def _formats() -> list[Finding]:
    trial = _try("formats")
    remedy = "pip install --upgrade --force-reinstall pillow"
    if not trial.works:
        return [Finding("format", "all", trial.lines[-1], WRONG, remedy)]
    findings = []
    for name in (*DECODERS, "profiles"):
        if name in trial.lines:
            findings.append(Finding("format", name, "read"))
        else:
            state = WRONG if name in NEEDED_DECODERS else OPTIONAL
            findings.append(Finding("format", name, "this Pillow cannot read it", state, remedy))
    return findings


def _threads() -> list[Finding]:
    trial = _try("machine")
    if trial.works:
        return [Finding("machine", "threads", trial.lines[-1])]
    return [Finding("machine", "threads", trial.lines[-1], WRONG, "see the packages above")]


@dataclass(frozen=True)
class _Trial:
    """Whether a trial ended well, and the lines that it printed; where it did not, the last one is the error."""

    works: bool
    lines: list[str]


def _try(kind: str, *words: str) -> _Trial:
    """Run a trial of _TRIALS in a process of its own."""
    code = f"from colorquant.doctor import attempt; attempt(*{(kind, *words)!r})"
    path = os.pathsep.join(place for place in sys.path if place)
    try:
        process = subprocess.run(
            [sys.executable, "-P", "-c", code],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIME_LIMIT,
            env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _Trial(False, [f"did not end within {TIME_LIMIT} s"])
    except OSError as error:
        return _Trial(False, [f"Python cannot be started: {error.strerror}"])
    lines = process.stdout.splitlines()
    if process.returncode < 0:
        return _Trial(False, [*lines, f"killed its process (signal {-process.returncode})"])
    if process.returncode > 0:
        return _Trial(False, [*lines, (process.stderr.strip().splitlines() or ["failed without a message"])[-1]])
    return _Trial(True, lines)


def attempt(kind: str, *words: str) -> None:
    """Run the trial ``kind`` in this process, which :func:`_try` has started for it: print its lines, or raise."""
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
        baselines = import_module("colorquant.analysis.baselines")
        baselines.quantize(_noise(), None, baselines.BaselineOptions("imagequant", 3))
    elif name == "pyoxipng":
        png = import_module("colorquant.images.png").encode_grayscale(import_module("numpy").zeros((4, 4), "uint8"))
        import_module("colorquant.images.optimizing").optimized(png)
    elif name == "matplotlib":
        import_module("matplotlib.figure").Figure().savefig(io.BytesIO(), format="png")
    elif name == "av":
        yield _try_codecs()
        return
    else:
        import_module(MODULES.get(name, name.replace("-", "_")))
    yield "works"


def _try_codecs() -> str:
    """The codecs that PyAV reads, and those that it writes; raises SystemExit where one of those needed is missing."""
    codecs = import_module("av.codec")
    names = {mode: [name for name in wanted if _has_codec(codecs, name, mode)] for mode, wanted in CODECS.items()}
    missing = [name for mode, wanted in NEEDED_CODECS.items() for name in wanted if name not in names[mode]]
    if missing:
        raise SystemExit(f"its FFmpeg was built without {', '.join(missing)}")
    return f"reads {', '.join(names['r'])}; writes {', '.join(names['w'])}"


def _has_codec(codecs: ModuleType, name: str, mode: str) -> bool:
    try:
        codecs.Codec(name, mode)
    except codecs.UnknownCodecError:
        return False
    return True


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
    """An image of random pixels, (16, 16, 3) uint8."""
    numpy = import_module("numpy")
    return numpy.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=numpy.uint8)


_TRIALS: dict[str, Callable[..., Iterator[str]]] = {
    "cv2.ml": _try_ml,
    "engine": _try_engine,
    "package": _try_package,
    "formats": _try_formats,
    "machine": _try_machine,
}
