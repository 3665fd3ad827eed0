"""The commands of README.md run in a shell, in their order, in one folder."""

import os
import shutil
import subprocess
import sys

import pytest
from support.readme import example_commands, example_script, make_folder


@pytest.mark.skipif(shutil.which("bash") is None or shutil.which("jq") is None, reason="bash and jq are not installed")
def test_the_whole_block_runs_in_order(tmp_path, china):
    folder = tmp_path / "examples"
    folder.mkdir()
    make_folder(folder, china[::4, ::4])
    program = tmp_path / "bin" / "colorquant"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m colorquant "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", example_script()],
        cwd=folder,
        env={**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("+ colorquant ") == len(example_commands())
    assert "null" not in done.stdout.split("\n")
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert {"photo-kmeans16.png", "small.png", "page.html", "p.gpl", "out.png", "ellipses.svg", "run.jsonl"} <= written
    assert {"out/beach/b-kmeans64.png", "night/a-kmeans16.png", "compared/photo-compare.png", "rows.csv"} <= written
