"""``python tests/support/killing.py FOLDER RUNS SEED [clip]``: kill runs at random moments, and check after each.

Each run writes a picture, or a clip, its labels and its palette over those of the run before. After it every file must
be the old one or the new one, whole; and a run that is not killed must leave nothing else. Prints how many were killed,
and after how many of them temporary files lay about. tests/slow/test_killed_runs.py and test_clips.py run it.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from support.forked import run, warm


@dataclass(frozen=True)
class Subject:
    """What is killed: the command ``words``, its ``source``, and the ``names`` of what it writes."""

    words: tuple[str, ...]
    source: str
    names: tuple[str, ...]

    def command(self, k: int) -> Sequence[str]:
        outputs = ("-o", self.names[0], "--labels", "npy", "--palette-out", "out.hex", "-f")
        return (*self.words, self.source, "-k", str(k), "--effort", "fast", *outputs)

    def contents(self, folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != self.source}


SUBJECTS = {
    "image": Subject(("kmeans",), "photo.png", ("out.png", "out-labels.npy", "out.hex")),
    "clip": Subject(
        ("video", "--method", "kmeans", "--write", "gif"), "photo.gif", ("out.gif", "out-labels.npy", "out.hex")
    ),
}


def make_source(path: Path, chance: random.Random) -> None:
    """An image, or a clip of four frames, of few colours: writing is a good part of a run."""
    number, side = (4, 100) if path.suffix == ".gif" else (1, 200)
    frames = [
        Image.frombytes("RGB", (side, side), bytes(chance.choices(range(0, 256, 51), k=side * side * 3)))
        for _ in range(number)
    ]
    frames[0].save(path, **({"save_all": True, "append_images": frames[1:]} if len(frames) > 1 else {}))


def main(folder: Path, runs: int, seed: int, kind: str = "image") -> None:
    subject = SUBJECTS[kind]
    warm()
    chance = random.Random(seed)
    make_source(folder / subject.source, chance)
    whole, seconds = {}, 0.0
    for k in (4, 3):
        ended = run(subject.command(k), folder=folder)
        assert ended.code == 0, ended.stderr
        whole[k], seconds = subject.contents(folder), ended.seconds
        assert sorted(whole[k]) == sorted(subject.names), sorted(whole[k])
    killed = littered = 0
    for number in range(runs):
        k = 3 + number % 2
        ended = run(subject.command(k), folder=folder, kill_after=chance.uniform(0, 1.1 * seconds))
        killed += ended.code is None
        found = subject.contents(folder)
        for name in subject.names:
            assert found.get(name) in (whole[3][name], whole[4][name]), f"run {number}: {name} is not whole"
        littered += len(found) > len(subject.names)
        ended = run(subject.command(k), folder=folder)
        assert ended.code == 0, ended.stderr
        assert subject.contents(folder) == whole[k], f"run {number}: {sorted(subject.contents(folder))}"
    print(json.dumps({"killed": killed, "littered": littered}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
