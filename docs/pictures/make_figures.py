"""Make the pictures of docs/figures.md and docs/choosing-k.md: run the command above each, reduce its colours.

python docs/pictures/make_figures.py
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from colorquant import quantize

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = (DOCS / "figures.md", DOCS / "choosing-k.md")
COLORS = 64


def main() -> None:
    """Write each picture at its figure's size, but at most as wide as a page."""
    text = "\n".join(document.read_text() for document in DOCUMENTS)
    examples = re.findall(r"^`colorquant (.*?)`.*\n\n!\[[^\]]*\]\((\S+)\)", text, flags=re.MULTILINE)
    for line, picture in examples:
        words = shlex.split(line)
        figure = words[words.index("--figure") + 1]
        with tempfile.TemporaryDirectory() as folder:
            for sample in (ROOT / "sample_images").iterdir():
                (Path(folder) / sample.name).symlink_to(sample)
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            subprocess.run([sys.executable, "-m", "colorquant", *words, "-q"], cwd=folder, env=environment, check=True)
            with Image.open(Path(folder) / figure) as opened:
                image = opened.convert("RGB")
        if image.width > 1300:
            image = image.resize((1200, round(image.height * 1200 / image.width)), Image.Resampling.LANCZOS)
        quantize(np.array(image), k=COLORS, space="oklab").save(DOCS / picture, force=True)
        print(picture)


if __name__ == "__main__":
    main()
