"""The commands of README.md run."""

import shlex
from pathlib import Path

import pytest
from PIL import Image

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
COMMANDS = [line for line in README.splitlines() if line.startswith("colorquant ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_the_readmes_commands_run(line, run, thumbnail, tmp_path, monkeypatch):
    (tmp_path / "holiday" / "beach").mkdir(parents=True)
    for name in ("photo.jpg", "plate.jpg", "holiday/a.jpg", "holiday/beach/b.jpg"):
        Image.fromarray(thumbnail).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line.split("#")[0].split("|")[0])
    result = run(*words[1:])
    assert result.exit_code == 0, result.output
