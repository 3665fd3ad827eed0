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
    assert found["extra bench", "no-such-package"]["state"] == OPTIONAL
    assert found["extra bench", "no-such-package"]["remedy"] == "pip install 'no-such-package>=1.0'"
    assert "BLAS threads of a fit 1 " in found["machine", "threads"]["found"]
    assert all((row["remedy"] is None) == (row["state"] == OK) for row in found.values())
    page = (ROOT / "docs" / "robustness.md").read_text()
    for word in ("ok", "findings", *next(iter(found.values())), OK, OPTIONAL, WRONG):
        assert f"`{word}`" in page


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


@pytest.mark.parametrize("broken", [False, True])
def test_on_a_terminal(site, broken):
    """A table; where the library for it is broken, lines all the same."""
    if broken:
        (site / "numpy.py").write_text("raise ImportError('numpy is broken')\n")
    master, terminal = os.openpty()
    code = "import colorquant.doctor as d; d.examine = lambda: [d.Finding('group', 'name', 'found [bold]x')]\n"
    code += "import sys; sys.argv = ['colorquant', 'doctor']; from colorquant.cli import main; main()"
    path = os.pathsep.join([str(site), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=terminal, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    )
    os.close(terminal)
    shown = os.read(master, 100_000).decode()
    os.close(master)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "found [bold]x" in shown
    assert ("Found" in shown) == (not broken)


def test_run_from_its_folder_alone(monkeypatch):
    def missing(name: str) -> None:
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "requires", missing)
    assert doctor.requirements() == []
    assert doctor._packages([])[-1].state == OPTIONAL


@pytest.mark.parametrize(
    ("version", "allowed"), [("4.10", True), ("4.14.0.94", True), ("4.9.9", False), ("5", False), ("5.0.0rc1", False)]
)
def test_versions(version, allowed):
    assert Requirement("x", ">=4.10,<5", None).allows(version) == allowed
    assert Requirement("x", "<5,>=4.10", None).allows(version) == allowed
    assert Requirement("x", "", None).allows(version)


def test_every_declared_range_is_understood(monkeypatch):
    declared = [*PROJECT["dependencies"], *(f"{n}; extra == 'a'" for n in PROJECT["optional-dependencies"]["dev"])]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: declared)
    needs = doctor.requirements()
    assert len(needs) == len(declared)
    for need in needs:
        assert need.allows("1000000.0") == ("<" not in need.range)
        assert not need.allows("0.0.1")


def test_a_trial_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(doctor, "PATIENCE", 0.01)
    assert doctor._tried("formats") == (False, ["did not end within 0.01 s"])


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
    assert line.endswith("see what colorquant doctor says")
