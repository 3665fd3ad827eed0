"""Pictures, parameters and folders that tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from colorquant.color.spaces import SPACES
from colorquant.fitting.engines import ENGINES

SHARED = Path(__file__).resolve().parents[3] / "shared"

engine_names = pytest.mark.parametrize("engine", list(ENGINES))
space_names = pytest.mark.parametrize("space", list(SPACES))
method_names = pytest.mark.parametrize("method", ["kmeans", "em"])


def shared(place: str) -> Path:
    """A file or folder that is only on the developers' machines; the test is skipped, and says so, elsewhere."""
    if not (SHARED / place).exists():
        pytest.skip(f"needs shared/{place}")
    return SHARED / place


def random_picture(seed: int, height: int = 20, width: int = 30, levels: int = 256) -> np.ndarray:
    """Noise, (height, width, 3) uint8."""
    return np.random.default_rng(seed).integers(0, levels, (height, width, 3), dtype=np.uint8)
