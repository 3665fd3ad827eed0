"""``python tests/support/killing.py FOLDER RUNS SEED``: kill runs at random moments, and check the folder after each.

Each run writes a picture, a label map and a palette over those of the run before. After it every file must be the old
one or the new one, whole; and a run that is not killed must leave nothing else. Prints how many were killed, and after
how many of them temporary files lay about. tests/slow/test_killed_runs.py runs it.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from support.forked import run, warm

NAMES = ("out.png", "out-labels.npy", "out.hex")


def words(k: int) -> Sequence[str]:
    outputs = ("-o", "out.png", "--labels", "npy", "--palette-out", "out.hex", "-f")
    return ("kmeans", "photo.png", "-k", str(k), "--effort", "fast", *outputs)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "photo.png"}


def main(folder: Path, runs: int, seed: int) -> None:
    warm()
    chance = random.Random(seed)
    pixels = bytes(chance.choices(range(0, 256, 51), k=200 * 200 * 3))  # few colours: writing is a good part of a run
    Image.frombytes("RGB", (200, 200), pixels).save(folder / "photo.png")
    whole, seconds = {}, 0.0
    for k in (4, 3):
        ended = run(words(k), folder=folder)
        assert ended.code == 0, ended.stderr
        whole[k], seconds = contents(folder), ended.seconds
        assert sorted(whole[k]) == sorted(NAMES), sorted(whole[k])
    killed = littered = 0
    for number in range(runs):
        k = 3 + number % 2
        ended = run(words(k), folder=folder, kill_after=chance.uniform(0, 1.1 * seconds))
        killed += ended.code is None
        found = contents(folder)
        for name in NAMES:
            assert found.get(name) in (whole[3][name], whole[4][name]), f"run {number}: {name} is not whole"
        littered += len(found) > len(NAMES)
        ended = run(words(k), folder=folder)
        assert ended.code == 0, ended.stderr
        assert contents(folder) == whole[k], f"run {number}: {sorted(contents(folder))}"
    print(json.dumps({"killed": killed, "littered": littered}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
