"""Command lines: the quantizers that are programs, our own, and what a process costs at the least."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Command = Callable[[Path, Path, int], list[str | Path]]

COPY = "import sys, cv2; cv2.setNumThreads(1); cv2.imwrite(sys.argv[2], cv2.imread(sys.argv[1]))"
IMPORTS = "import numpy, PIL.Image, click"


@dataclass(frozen=True)
class Program:
    """``command(source, target, k)`` reads one PNG and writes another; ``needs`` names a program, any one will do."""

    command: Command
    needs: tuple[str, ...]

    @property
    def missing(self) -> str | None:
        """What is to be installed, or None."""
        return None if found(*self.needs) else f"the program {self.needs[0]}"


def found(*names: str) -> str | None:
    """The first of these programs that is installed."""
    return next((path for name in names if (path := shutil.which(name))), None)


def colorquant(source: Path, target: Path, k: int) -> list[str | Path]:
    """Our own process."""
    return [sys.executable, "-m", "colorquant", "kmeans", source, "-k", str(k), "-o", target, "--force", "--quiet"]


def _pngquant(speed: int) -> Command:
    def command(source: Path, target: Path, k: int) -> list[str | Path]:
        return ["pngquant", "--nofs", "--speed", str(speed), "--force", "--output", target, str(k), source]

    return command


def _imagemagick(source: Path, target: Path, k: int) -> list[str | Path]:
    return [found(*IMAGEMAGICK) or "magick", source, "+dither", "-colors", str(k), target]


def copy(source: Path, target: Path, k: int = 0) -> list[str | Path]:
    """Reading and writing with OpenCV, nothing else."""
    return [sys.executable, "-c", COPY, source, target]


IMAGEMAGICK = ("magick", "convert-im6.q16", "convert")
PROGRAMS: dict[str, Program] = {
    **{f"pngquant, speed {speed}": Program(_pngquant(speed), ("pngquant",)) for speed in (1, 3, 11)},
    "ImageMagick": Program(_imagemagick, IMAGEMAGICK),
}
