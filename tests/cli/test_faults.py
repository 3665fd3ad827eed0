"""Faults on purpose: a full disk, a read-only folder, a limit on files, runs killed at each step of writing."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorquant import files, temporary_files
from colorquant.errors import OutputError

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "colorquant")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def litter(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".colorquant"))


@pytest.fixture
def fresh(monkeypatch):
    """As in a process of its own: no folder has been swept."""
    monkeypatch.setattr(files.Staging, "swept", set())


@pytest.fixture
def noise(tmp_path):
    """A picture whose 256 colours fill 300 kB."""
    path = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 600, 3), dtype=np.uint8)).save(path)
    return path


def refused(result: subprocess.CompletedProcess, words: str) -> None:
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("old", [None, b"old"])
def test_a_limit_on_the_size_of_files(noise, tmp_path, old):
    out = tmp_path / "out" / "small.png"
    out.parent.mkdir()
    if old is not None:
        out.write_bytes(old)
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
    code += "from colorquant.cli import main; main()"
    words = ("kmeans", noise, "-k", "256", "-o", out, "-f", "-q")
    result = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    refused(result, "File too large")
    assert sorted(out.parent.iterdir()) == ([out] if old else [])
    assert old is None or out.read_bytes() == old


IN_A_MOUNT = """
set -eu
folder=$1 options=$2 copy=$3; shift 3
mkdir -p "$folder"
mount -t tmpfs -o size=64k none "$folder"
printf old > "$folder/small.png"
mount -o "remount,$options" "$folder"
cd "$folder"
code=0
"$@" || code=$?
cp -a "$folder/." "$copy"
exit $code
"""


def in_a_mount(tmp_path: Path, options: str, *words: object) -> tuple[subprocess.CompletedProcess, Path]:
    """A command in a small file system of memory that holds small.png; and a copy of what it then holds."""
    mount = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", IN_A_MOUNT, "sh")
    copy = tmp_path / "copy"
    copy.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("needs the program unshare")
    places = [str(tmp_path / "trial"), "size=64k", str(tmp_path)]
    trial = subprocess.run([*mount, *places, "true"], capture_output=True, text=True, check=False)
    if trial.returncode != 0:
        pytest.skip(f"this machine lets us mount nothing: {trial.stderr.strip()}")
    places = [str(tmp_path / "small"), options, str(copy)]
    result = subprocess.run(
        [*mount, *places, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return result, copy


@pytest.mark.parametrize(("options", "words"), [("size=64k", "No space left"), ("ro", "Read-only file system")])
@pytest.mark.parametrize("name", ["small.png", "other.png"])
def test_a_full_disk_and_one_that_is_read_only(options, words, name, noise, tmp_path):
    result, copy = in_a_mount(tmp_path, options, *PROGRAM, "kmeans", noise, "-k", 256, "-o", name, "-f", "-q")
    refused(result, words)
    assert [path.name for path in copy.iterdir()] == ["small.png"]
    assert (copy / "small.png").read_bytes() == b"old"


def test_a_full_disk_takes_what_has_room(noise, tmp_path):
    result, copy = in_a_mount(tmp_path, "size=64k", *PROGRAM, "kmeans", noise, "-k", 1, "-o", "small.png", "-f", "-q")
    assert (result.returncode, result.stderr) == (0, "")
    with Image.open(copy / "small.png") as image:
        assert image.size == (600, 500)


def test_a_folder_without_permission(noise, tmp_path):
    """The superuser may write everywhere, unless that is taken from the process."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    bound = ("setpriv", "--bounding-set", "-dac_override") if os.access(folder, os.W_OK) else ()
    if bound and (shutil.which("setpriv") is None or subprocess.run([*bound, "test", "-w", folder]).returncode == 0):
        pytest.skip("permissions do not bind this user")
    result = subprocess.run(
        [*bound, *PROGRAM, "kmeans", noise, "-o", folder, "-q"], capture_output=True, text=True, check=False
    )
    refused(result, "Permission denied")
    assert list(folder.iterdir()) == []


DYING = """
import fcntl, os, signal, sys
from pathlib import Path
from colorquant import files

owner, name, when, force = {"os": os, "Path": Path, "fcntl": fcntl}[sys.argv[1]], *sys.argv[2:5]
inner = getattr(owner, name)

def outer(*args, **options):
    if when == "after":
        inner(*args, **options)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, name, outer)
files.write_whole([(Path("a.png"), b"new a"), (Path("b.png"), b"new b")], force=force == "force")
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("owner", "name", "mode"),
    [
        ("os", "fsync", "force"),
        ("fcntl", "flock", "force"),
        ("Path", "replace", "force"),
        ("os", "link", "once"),
        ("Path", "unlink", "once"),
    ],
)
def test_killed_at_every_step_of_writing(owner, name, mode, when, tmp_path, fresh):
    if mode == "force":
        for path in ("a.png", "b.png"):
            (tmp_path / path).write_bytes(b"old")
    died = subprocess.run([sys.executable, "-c", DYING, owner, name, when, mode], cwd=tmp_path, check=False)
    assert died.returncode == -signal.SIGKILL
    for path in ("a.png", "b.png"):
        found = (tmp_path / path).read_bytes() if (tmp_path / path).exists() else b"old"
        assert found in (b"old", f"new {path[0]}".encode())
    files.write_whole([(tmp_path / "c.png", b"c")], force=False)
    assert litter(tmp_path) == []
    assert (tmp_path / "c.png").read_bytes() == b"c"


def test_a_run_that_is_refused_cleans_up_all_the_same(tmp_path, fresh):
    """Killed between the last rename and the removal of its temporary file: the next run finds the output there."""
    words = ("os", "link", "after", "once")
    subprocess.run([sys.executable, "-c", DYING, *words], cwd=tmp_path, check=False)
    assert litter(tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        files.write_whole([(tmp_path / "b.png", b"again")], force=False)
    assert litter(tmp_path) == []
    assert (tmp_path / "b.png").read_bytes() == b"new b"


WAITING = """
import os, sys
from pathlib import Path
from colorquant import files

inner = os.fsync

def outer(number):
    inner(number)
    print("here", flush=True)
    sys.stdin.readline()

os.fsync = outer
files.write_whole([(Path("a.png"), b"new a"), (Path("b.png"), b"new b")], force=False)
"""


@pytest.mark.parametrize("files_by_then", [1, 2])
@pytest.mark.parametrize("end", ["finish", "kill"])
def test_a_run_that_lives_keeps_its_files(end, files_by_then, tmp_path, fresh):
    child = subprocess.Popen(
        [sys.executable, "-c", WAITING], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout.readline() == "here\n"
        if files_by_then == 2:
            child.stdin.write("\n")
            child.stdin.flush()
            assert child.stdout.readline() == "here\n"
        files.remove_leftovers(tmp_path)
        assert len(litter(tmp_path)) == files_by_then
        if end == "kill":
            child.kill()
        else:
            child.communicate("\n\n")
    files.Staging.swept.clear()
    files.remove_leftovers(tmp_path)
    assert litter(tmp_path) == []
    assert (tmp_path / "a.png").exists() == (end == "finish")


def test_what_only_looks_like_ours_stays(tmp_path, fresh):
    name = ".colorquant-0123456789abcdef-0.tmp"
    (tmp_path / "folder" / name).mkdir(parents=True)
    (tmp_path / "link").mkdir()
    (tmp_path / "precious").write_bytes(b"x")
    (tmp_path / "link" / name).symlink_to("../precious")
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / name)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / ".colorquant-notes.tmp").write_bytes(b"x")
    for place in ("folder", "link", "pipe", "notes"):
        files.write_whole([(tmp_path / place / "a.png", b"x")], force=False)
        assert len(litter(tmp_path / place)) == 1, place
    assert (tmp_path / "precious").read_bytes() == b"x"


def test_the_rest_of_a_write_whose_first_file_is_gone_is_removed(tmp_path, fresh):
    (tmp_path / ".colorquant-0123456789abcdef-3.tmp").write_bytes(b"x")
    files.remove_leftovers(tmp_path)
    assert litter(tmp_path) == []


def test_where_there_are_no_locks_files_are_written_and_nothing_is_swept(tmp_path, monkeypatch, fresh):
    (tmp_path / ".colorquant-0123456789abcdef-0.tmp").write_bytes(b"x")

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    files.write_whole([(tmp_path / "a.png", b"a"), (tmp_path / "b.png", b"b")], force=False)
    monkeypatch.setattr(temporary_files, "fcntl", None)
    files.write_whole([(tmp_path / "c.png", b"c")], force=False)
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"a", b"b", b"c", b"x"]


@pytest.mark.parametrize("how", ["locked by the sweeper", "swept away"])
def test_a_sweeper_that_is_quicker_costs_a_new_name(how, tmp_path, monkeypatch, fresh):
    inner, names = temporary_files._lock, []

    def contended(number: int) -> bool:
        (temporary,) = tmp_path.glob(".colorquant-*")
        names.append(temporary.name)
        if len(names) == 1 and how == "locked by the sweeper":
            return False
        if len(names) == 1:
            temporary.unlink()
        return inner(number)

    monkeypatch.setattr(temporary_files, "_lock", contended)
    files.write_whole([(tmp_path / "a.png", b"a")], force=False)
    assert len(set(names)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
