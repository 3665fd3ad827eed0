"""Kernels of error diffusion: how the error of a pixel is spread over the pixels that follow it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

Weights = tuple[tuple[int, int, float], ...]  # (dx, dy, weight)


@dataclass(frozen=True)
class Kernel:
    """A kernel of error diffusion.

    ``rows`` holds integer weights, each row over ``divisor``. The first row is that of the pixel itself, and begins
    behind it; the others are centred below it.
    """

    divisor: int
    rows: tuple[tuple[int, ...], ...]

    @cached_property
    def weights(self) -> Weights:
        """(dx, dy, weight) of each pixel that takes a share: dx columns to the right, dy rows down."""
        ahead = [(dx, 0, weight) for dx, weight in enumerate(self.rows[0], start=1)]
        below = [
            (dx, dy, weight)
            for dy, row in enumerate(self.rows[1:], start=1)
            for dx, weight in enumerate(row, start=-(len(row) // 2))
        ]
        return tuple((dx, dy, weight / self.divisor) for dx, dy, weight in ahead + below if weight)

    @cached_property
    def total(self) -> float:
        """The share of the error that is passed on."""
        return sum(weight for _, _, weight in self.weights)

    @cached_property
    def slope(self) -> int:
        """The least s such that pixel (y, x) depends only on pixels with a smaller x + s·y."""
        return max([1, *(-dx // dy + 1 for dx, dy, _ in self.weights if dx < 0)])


# Floyd and Steinberg, "An adaptive algorithm for spatial greyscale" (1976). The "false" one, Burkes and the Sierra
# family circulated on bulletin boards; the weights are those of Helland, "Image dithering: eleven algorithms and source
# code" (2012), and of Crocker, Boulay and Morra, "DHALF.TXT" (1991). Jarvis, Judice and Ninke, "A survey of techniques
# for the display of continuous tone pictures on bilevel displays" (1976). Stucki, "MECCA: a multiple-error correction
# computation algorithm for bilevel image hardcopy reproduction" (1981). Atkinson's passes on 6/8 of the error.
KERNELS: dict[str, Kernel] = {
    "floyd-steinberg": Kernel(16, ((7,), (3, 5, 1))),
    "false-floyd-steinberg": Kernel(8, ((3,), (0, 3, 2))),
    "atkinson": Kernel(8, ((1, 1), (1, 1, 1), (0, 1, 0))),
    "jarvis": Kernel(48, ((7, 5), (3, 5, 7, 5, 3), (1, 3, 5, 3, 1))),
    "stucki": Kernel(42, ((8, 4), (2, 4, 8, 4, 2), (1, 2, 4, 2, 1))),
    "burkes": Kernel(32, ((8, 4), (2, 4, 8, 4, 2))),
    "sierra": Kernel(32, ((5, 3), (2, 4, 5, 4, 2), (0, 2, 3, 2, 0))),
    "sierra2": Kernel(16, ((4, 3), (1, 2, 3, 2, 1))),
    "sierra-lite": Kernel(4, ((2,), (1, 1, 0))),
}
