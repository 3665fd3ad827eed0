"""The commands of README.md, and a folder in which they run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from support.encoded_clips import animation, video

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def example_script() -> str:
    """The block of shell commands under "By example"."""
    (script,) = re.findall(r"```sh\n(.*?)```", README.split("## By example")[1].split("\n## ")[0], re.DOTALL)
    return str(script)


def example_commands() -> list[str]:
    """Each ``colorquant`` command of the block: without the comment, and without what is piped into it or out of it."""
    lines = [line.split("#")[0].strip() for line in example_script().splitlines()]
    return [part.strip() for line in lines for part in line.split("|") if part.strip().startswith("colorquant ")]


def make_folder(folder: Path, picture: np.ndarray) -> None:
    """The files that the commands read, all with the same pixels (h, w, 3) uint8."""
    (folder / "holiday" / "beach").mkdir(parents=True)
    for name in ("photo.jpg", "plate.jpg", "holiday/a.jpg", "holiday/beach/b.jpg"):
        Image.fromarray(picture).save(folder / name)
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    frames = [np.roll(picture[:height, :width], number, axis=1) for number in range(4)]
    (folder / "clip.gif").write_bytes(animation(frames))
    (folder / "clip.mp4").write_bytes(video(frames))
