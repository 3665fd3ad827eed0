"""Make the animations of README.md: the sample clip in few colours, segmented, and its foreground.

    python docs/pictures/make_clips.py

It needs PyAV.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
SMALL = ["--fps", "12.5", "--scale", "0.75"]
COMMANDS = {  # the animation's name, and the options of the command
    "clip-kmeans16.gif": "-k 16 --method kmeans --smooth 0.95",
    "clip-em5.gif": "-k 5 --covariance full --standardize --protect small",
    "clip-knn.gif": "--background knn",
}


def main() -> None:
    """Write the animations."""
    for name, options in COMMANDS.items():
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / name
            words = ["video", "sample_images/clip.mp4", *options.split(), *SMALL, "-o", str(made), "-q"]
            subprocess.run([sys.executable, "-m", "colorquant", *words], cwd=ROOT, check=True)
            data = made.read_bytes()
        (PICTURES / name).write_bytes(data)
        print(f"{name}: {len(data) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
