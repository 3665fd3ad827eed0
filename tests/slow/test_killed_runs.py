"""Runs that are killed at random moments, and runs that write into one folder at the same time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def leftovers(folder: Path) -> list[str]:
    """The temporary files in ``folder``."""
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".colorquant"))


SWEEPING = """
import sys
from pathlib import Path
from colorquant import files

for number in range(150):
    files.Staging.swept.clear()
    names = [Path(f"{sys.argv[1]}-{number}-{part}") for part in range(3)]
    files.write_whole([(name, name.name.encode()) for name in names], force=number % 2 == 0)
"""


def test_runs_side_by_side_do_not_take_each_others_files(tmp_path):
    """Each sweeps before each write, so that every moment of a write is met by a sweep of another run."""
    runs = [subprocess.Popen([sys.executable, "-c", SWEEPING, name], cwd=tmp_path) for name in "abcd"]
    assert [run.wait() for run in runs] == [0, 0, 0, 0]
    assert leftovers(tmp_path) == []
    written = list(tmp_path.iterdir())
    assert len(written) == 4 * 150 * 3
    assert all(path.read_bytes() == path.name.encode() for path in written)


def test_two_hundred_runs_killed_at_random_moments(tmp_path):
    path = os.pathsep.join([str(TESTS), str(ROOT)])
    result = subprocess.run(
        [sys.executable, TESTS / "support" / "killing.py", tmp_path, "200", "1"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["killed"] > 20
    assert leftovers(tmp_path) == []
