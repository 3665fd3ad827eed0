import email.message
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import cv2
import pytest

from colorquant import doctor
from colorquant.doctor import OK, OPTIONAL, WRONG, Requirement
from colorquant.fitting.engines import ENGINES, METHODS
from colorquant.images import FORMATS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def site(tmp_path):
    """A folder that Python looks into first, with what ``pyproject.toml`` declares as colorquant's metadata."""
    folder = tmp_path / "site"
    folder.mkdir()
    needs = PROJECT["dependencies"] + [
        f'{need}; extra == "{extra}"' for extra, group in PROJECT["optional-dependencies"].items() for need in group
    ]
    distribution(folder, "colorquant", "0.1.0", [*needs, 'no-such-package>=1.0; extra == "bench"'])
    return folder


def distribution(folder, name, version, needs=()):
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    if name == "colorquant":
        head += "".join(f"Provides-Extra: {extra}\n" for extra in PROJECT["optional-dependencies"])
    (info / "METADATA").write_text(head + "".join(f"Requires-Dist: {need}\n" for need in needs))


def examined(site, *words, **options):
    """``colorquant doctor`` in a process that looks into ``site`` first."""
    return subprocess.run(
        [sys.executable, "-m", "colorquant", "doctor", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])},
        **{"cwd": site, **options},  # the current folder comes first, and the repository's may hold metadata
    )


def findings(result):
    report = json.loads(result.stdout)
    return report["ok"], {(row["group"], row["name"]): row for row in report["findings"]}


@pytest.mark.slow
def test_this_installation_works(site):
    result = examined(site, "--json")
    fine, found = findings(result)
    assert (result.returncode, result.stderr, fine) == (0, "", True), result.stdout
    for engine, methods in ENGINES.items():
        for method in methods:
            assert found["engine", f"{engine} {method}"]["found"] == "works"
    for need in PROJECT["dependencies"]:
        name = need.split(">")[0]
        assert name.startswith("opencv") or found["package", name]["state"] == OK
    assert found["OpenCV", "installed"]["found"].startswith("opencv-")
    assert "OpenCV 4." in found["OpenCV", "cv2.ml"]["found"]
    assert found["extra metrics", "scikit-image"]["found"].endswith("works")
    assert found["extra plot", "matplotlib"]["found"].endswith("works")
    assert found["extra video", "av"]["found"].endswith("writes libx264, libvpx-vp9, ffv1")
    assert found["extra optimize", "pyoxipng"]["found"].endswith("works")
    assert found["extra bench", "no-such-package"]["state"] == OPTIONAL
    assert found["extra bench", "no-such-package"]["remedy"] == "pip install 'no-such-package>=1.0'"
    assert "BLAS threads of a fit 1 " in found["machine", "threads"]["found"]
    assert all((row["remedy"] is None) == (row["state"] == OK) for row in found.values())
    page = (ROOT / "docs" / "robustness.md").read_text()
    for word in ("ok", "findings", *next(iter(found.values())), OK, OPTIONAL, WRONG):
        assert f"`{word}`" in page


@pytest.mark.slow
def test_what_is_broken_is_found_and_survived(site):
    """cv2.ml hidden under two OpenCVs, a library that does not load, one that kills its process, an old one."""
    (site / "sitecustomize.py").write_text("import cv2\ndel cv2.ml\n")
    distribution(site, "opencv-python", "4.14.0.94")
    distribution(site, "opencv-python-headless", "5.0.0.1")
    distribution(site, "rich", "1.0")
    (site / "sklearn.py").write_text("raise OSError('libgomp.so.1: cannot open shared object file')\n")
    (site / "skimage.py").write_text("import os\nos.kill(os.getpid(), 11)\n")
    result = examined(site, "--json")
    fine, found = findings(result)
    assert (result.returncode, result.stderr, fine) == (1, "", False)
    both = found["OpenCV", "installed"]
    assert both["found"].startswith("opencv-python 4.14.0.94 and opencv-python-headless 5.0.0.1")
    assert both["remedy"].startswith("pip uninstall -y opencv-python opencv-python-headless && pip install 'opencv-")
    assert "has no cv2.ml" in found["OpenCV", "cv2.ml"]["found"]
    assert "has no cv2.ml" in found["engine", "opencv em"]["found"]
    assert found["engine", "opencv kmeans"]["state"] == OK
    assert found["package", "rich"]["found"] == "1.0, needs >=13.7"
    for method in METHODS:
        assert "libgomp" in found["engine", f"sklearn {method}"]["found"]
        assert found["engine", f"numpy {method}"]["state"] == OK
    assert found["extra metrics", "scikit-image"]["found"].endswith("killed its process (signal 11)")


def test_without_numpy_there_are_still_words(site):
    (site / "numpy.py").write_text("raise ImportError('numpy is broken\\nin many words')\n")
    result = examined(site)
    assert (result.returncode, result.stderr) == (1, "")
    lines = result.stdout.splitlines()
    assert ["engine", "numpy", "kmeans", WRONG] in [line.split()[:4] for line in lines]
    assert "engine numpy kmeans, wrong: pip install --force-reinstall 'numpy>=2.0'" in lines
    assert lines[-1].endswith(" wrong")


@pytest.mark.parametrize(("environment", "colored"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_on_a_terminal(environment, colored):
    master, terminal = os.openpty()
    code = "import colorquant.doctor as d; d.examine = lambda: iter([d.Finding('group', 'name', 'found [bold]x')])\n"
    code += "import sys; sys.argv = ['colorquant', 'doctor']; from colorquant.cli import main; main()"
    process = subprocess.run(
        [sys.executable, "-c", code],
        stdout=terminal,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    os.close(terminal)
    shown = os.read(master, 100_000).decode()
    os.close(master)
    assert (process.returncode, process.stderr) == (0, b"")
    assert "found [bold]x" in shown
    assert ("\x1b[32mok\x1b[0m" in shown) == colored


def test_a_line_comes_as_each_check_ends(run, monkeypatch):
    """When a check begins, the findings of those before it are printed already."""
    printed: list[str] = []
    monkeypatch.setattr("click.echo", lambda text="", **_: printed.append(str(text)))
    seen: list[int] = []

    def findings():
        for number in range(3):
            seen.append(len(printed))
            yield doctor.Finding("group", f"name {number}", "found")

    monkeypatch.setattr("colorquant.cli.doctor.examine", findings)
    run("doctor")
    assert seen == [0, 1, 2]


def test_columns_are_wide_enough(monkeypatch):
    monkeypatch.setattr(doctor, "_try", lambda kind, *words: doctor._Trial(False, ["broken"]))
    for finding in doctor.examine():
        for cell, width in zip((finding.group, finding.name, finding.state), doctor.WIDTHS, strict=True):
            assert len(cell) <= width


def declare(monkeypatch, *lines: str, extras: tuple[str, ...] = ()) -> None:
    """Let colorquant's metadata hold these requirements and extras."""
    message = email.message.Message()
    for key, values in (("Requires-Dist", lines), ("Provides-Extra", extras)):
        for value in values:
            message[key] = value
    monkeypatch.setattr(doctor.metadata, "metadata", lambda name: message)


def test_run_from_its_folder_alone(monkeypatch):
    def missing(name: str) -> None:
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "metadata", missing)
    assert doctor.requirements() == []
    assert doctor._packages([])[-1].state == OPTIONAL


def test_without_packaging_there_is_a_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging.requirements", None)
    monkeypatch.setattr(doctor, "_try", lambda kind, *words: doctor._Trial(True, ["works"]))
    wrong = [finding for finding in doctor.examine() if finding.group == "package"]
    assert [(finding.name, finding.state, finding.remedy) for finding in wrong] == [
        ("packaging", WRONG, "pip install packaging")
    ]


@pytest.mark.parametrize(
    ("versions", "inside", "outside"),
    [
        (">=4.10,<5", ["4.10", "4.14.0.94"], ["4.9.9", "5", "5.0.0rc1", "no version"]),
        ("~=2.1", ["2.1", "2.9"], ["2.0", "3.0"]),
        ("~=2.1.3", ["2.1.3", "2.1.9"], ["2.2"]),
        ("!=1.5", ["1.4", "1.5.1"], ["1.5", "1.5.0"]),
        ("==1.5.*", ["1.5", "1.5.7"], ["1.6"]),
        ("==1.5", ["1.5", "1.5.0"], ["1.5.1"]),
        (">1.0", ["1.1rc1"], ["1.0"]),
        ("", ["0", "no version"], []),
    ],
)
def test_versions(versions, inside, outside):
    need = Requirement("x", versions, None)
    assert all(need.allows(version) for version in inside)
    assert not any(need.allows(version) for version in outside)


def test_markers_decide_for_whom_a_package_is_needed(monkeypatch):
    declare(
        monkeypatch,
        *("one~=1.0", "never>=1; python_version < '3'", "two (>=2) ; extra == 'plot'"),
        *("three!=3; python_version > '3' and extra == 'bench'", "four==4; extra == 'plot' or extra == 'bench'"),
        extras=("plot", "bench"),
    )
    assert [(need.name, need.range, need.extra) for need in doctor.requirements()] == [
        *(("one", "~=1.0", None), ("two", ">=2", "plot"), ("three", "!=3", "bench")),
        *(("four", "==4", "plot"), ("four", "==4", "bench")),
    ]


def test_every_declared_range_is_understood(monkeypatch):
    lines = [*PROJECT["dependencies"], *(f"{n}; extra == 'a'" for n in PROJECT["optional-dependencies"]["dev"])]
    declare(monkeypatch, *lines, extras=("a",))
    needs = doctor.requirements()
    assert len(needs) == len(lines)
    for need in needs:
        assert need.allows("1000000.0") == ("<" not in need.range)
        assert not need.allows("0.0.1")


def test_a_trial_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(doctor, "TIME_LIMIT", 0.01)
    assert doctor._try("formats") == doctor._Trial(False, ["did not end within 0.01 s"])


def test_the_tables_are_those_of_the_program():
    assert set(doctor.PACKAGES_OF_ENGINES) == set(ENGINES)
    assert doctor.METHODS == METHODS
    assert set(doctor.DECODERS) < set(FORMATS)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("engine", list(ENGINES))
def test_without_cv2_ml_one_engine_says_so_and_all_else_works(method, engine, run, photo, monkeypatch):
    monkeypatch.delattr(cv2, "ml")
    result = run(method, photo, "-k", 3, "--engine", engine, "--space", "lab", "--max-iter", 3)
    if (method, engine) == ("em", "opencv"):
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith("Error: ")
        assert "has no cv2.ml; install 'opencv-python-headless>=4.10,<5'" in line
        assert not photo.with_name("photo-em3.png").exists()
    else:
        assert result.exit_code == 0, result.output
        assert photo.with_name(f"photo-{method}3.png").exists()


@pytest.mark.parametrize(
    ("library", "words"),
    [("cv2", ["--engine", "opencv"]), ("cv2", ["--space", "ycrcb"]), ("sklearn", ["--engine", "sklearn"])],
)
def test_a_library_that_does_not_load_is_a_line_with_a_remedy(library, words, run, photo, monkeypatch):
    loaded = [name for name in sys.modules if name.split(".")[0] == library or name.startswith("colorquant.fitting.s")]
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    result = run("kmeans", photo, *words)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert line.endswith("run colorquant doctor to see what is wrong")
