"""Make the pictures of docs/labs.md: run its commands, and make what they wrote small.

    python docs/pictures/make_labs.py [HEADING...]

With headings it makes only the pictures of these sections, such as "A video".
In the document, ``<!-- made of FILE -->`` after a picture names the file that it is made of.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from colorquant import FitOptions, quantize
from colorquant.quantization import encode_png
from colorquant.video.opening import open_clip

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "labs.md"
LARGEST = 62_000  # bytes
WIDTHS, COLORS = (800, 720, 640, 560, 480, 400), 48
FRAME = 137  # of a video


@dataclass(frozen=True)
class Block:
    """A block of ``commands``, each as words without the program's name, and the ``text`` up to the next one."""

    commands: list[list[str]]
    text: str

    @property
    def pictures(self) -> dict[str, str]:
        """Paths of pictures, from the document's folder, and the file that each is made of."""
        return dict(re.findall(r"!\[[^\]]*\]\(([^)]+)\)\n<!-- made of (\S+) -->", self.text))


def experiments() -> dict[str, list[Block]]:
    """The blocks of each section that has some, by its heading."""
    parts = re.split(r"^##+ (.*)\n", DOCUMENT.read_text(), flags=re.MULTILINE)[1:]
    found = {title: _blocks(text) for title, text in zip(parts[::2], parts[1::2], strict=True)}
    return {title: blocks for title, blocks in found.items() if blocks}


def _blocks(text: str) -> list[Block]:
    parts = re.split(r"^```sh\n(.*?)^```\n", text, flags=re.MULTILINE | re.DOTALL)[1:]
    commands = [[shlex.split(line)[1:] for line in lines.splitlines()] for lines in parts[::2]]
    return [Block(*pair) for pair in zip(commands, parts[1::2], strict=True)]


def small(path: Path) -> bytes:
    """The picture in a file as it is where it has a small palette, else narrower and in COLORS colours.

    Of a video it is the frame with the number FRAME.
    """
    if path.suffix == ".mp4":
        frame = next(islice(open_clip(path).frames(), FRAME, None))
        return encode_png(quantize(frame.rgb, FitOptions("kmeans", COLORS, "oklab")))
    with Image.open(path) as opened:
        if opened.mode != "RGB" and path.stat().st_size <= LARGEST:
            return path.read_bytes()
        image = opened.convert("RGB")
    for width in WIDTHS:
        size = (width, round(image.height * width / image.width))
        resized = np.array(image.resize(size, Image.Resampling.LANCZOS))
        data = encode_png(quantize(resized, FitOptions("kmeans", COLORS, "oklab")))
        if len(data) <= LARGEST:
            break
    return data


def main() -> None:
    """Run every block that has a picture, in a folder of its own."""
    sections = experiments()
    titles = sys.argv[1:] or sections
    for block in (block for title in titles for block in sections[title] if block.pictures):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "sample_images").symlink_to(ROOT / "sample_images")
            for words in block.commands:
                environment = {**os.environ, "PYTHONPATH": str(ROOT)}
                command = [sys.executable, "-m", "colorquant", *words, "-q"]
                subprocess.run(command, cwd=folder, env=environment, check=True)
            for picture, source in block.pictures.items():
                data = small(Path(folder) / source)
                (DOCUMENT.parent / picture).write_bytes(data)
                print(f"{picture}: {len(data) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
