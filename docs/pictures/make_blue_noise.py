"""Make the mask of blue noise in colorquant/mapping/, by the void-and-cluster method; always the same bytes.

    .venv/bin/python docs/pictures/make_blue_noise.py

Ulichney, "The void-and-cluster method for dither array generation" (1993), with a Gaussian of σ = 1.7 pixels,
which gives less noise after a blur of σ = 1.5 pixels than his 1.5 does.
"""

from __future__ import annotations

import numpy as np

from colorquant.mapping.ordered import BLUE_NOISE

SIDE, SIGMA, SEED = 64, 1.7, 1
COUNT = SIDE * SIDE


class Pattern:
    """Pixels that are on or off, on a torus, and how crowded each place is: the sum of Gaussians around those on."""

    def __init__(self, on: np.ndarray) -> None:
        distance = np.minimum(np.arange(SIDE), SIDE - np.arange(SIDE))
        profile = np.exp(-(distance**2) / (2 * SIGMA**2))
        self.gaussian = np.outer(profile, profile)
        self.on = np.zeros((SIDE, SIDE), bool)
        self.crowding = np.zeros((SIDE, SIDE))
        for place in np.flatnonzero(on):
            self.switch(place)

    def switch(self, place: int) -> None:
        """Turn a pixel on or off."""
        y, x = divmod(int(place), SIDE)
        self.on[y, x] = not self.on[y, x]
        sign = 1 if self.on[y, x] else -1
        self.crowding += sign * np.roll(self.gaussian, (y, x), (0, 1))

    def tightest_cluster(self) -> int:
        """The pixel that is on in the most crowded place."""
        return int(np.argmax(np.where(self.on, np.round(self.crowding, 9), -np.inf)))

    def largest_void(self) -> int:
        """The pixel that is off in the least crowded place."""
        return int(np.argmin(np.where(self.on, np.inf, np.round(self.crowding, 9))))


def void_and_cluster() -> np.ndarray:
    """The rank of each pixel, (SIDE, SIDE): the order in which they are turned on."""
    start = np.zeros(COUNT, bool)
    start[np.random.default_rng(SEED).permutation(COUNT)[: COUNT // 10]] = True
    pattern = Pattern(start)
    while True:
        pattern.switch(cluster := pattern.tightest_cluster())
        void = pattern.largest_void()
        pattern.switch(void)
        if void == cluster:
            break
    prototype = pattern.on.copy()
    ranks = np.zeros(COUNT, np.int64)
    for rank in reversed(range(int(prototype.sum()))):
        pattern.switch(cluster := pattern.tightest_cluster())
        ranks[cluster] = rank
    pattern = Pattern(prototype)
    for rank in range(int(prototype.sum()), COUNT):
        void = pattern.largest_void()  # past one half: the tightest cluster of those off, which is the same place
        pattern.switch(void)
        ranks[void] = rank
    return ranks.reshape(SIDE, SIDE)


if __name__ == "__main__":
    np.save(BLUE_NOISE, (void_and_cluster() * 256 // COUNT).astype(np.uint8))
    print(f"{BLUE_NOISE.name}: {BLUE_NOISE.stat().st_size} bytes")
