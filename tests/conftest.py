"""Fixtures that all tests share, the settings of hypothesis, and the marker of the slow tests."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path

# As the program has it, and threads that wait asleep: worker processes share the processor. Before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, settings
from PIL import Image

from colorquant.cli import cli

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it in the background: Ctrl-C is tested
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes depends on what else the machine does: no test may fail for that.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

SLOW = Path(__file__).parent / "slow"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test in tests/slow: ``make test`` deselects what is marked so, ``make test-slow`` runs only that."""
    for item in items:
        if item.path.is_relative_to(SLOW):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the garbage collector pass over what now lives, thousands of tests: each timed round starts with it."""
    gc.collect()
    gc.freeze()


def sample_image(name: str) -> np.ndarray:
    """A photograph that comes with scikit-learn."""
    from sklearn.datasets import load_sample_image  # takes a second, which pytest's main process need not spend

    return np.array(load_sample_image(name))


@pytest.fixture(scope="session")
def china() -> np.ndarray:
    """A photograph, (427, 640, 3) uint8."""
    return sample_image("china.jpg")


@pytest.fixture(scope="session")
def flower() -> np.ndarray:
    """A photograph with saturated areas, (427, 640, 3) uint8."""
    return sample_image("flower.jpg")


@pytest.fixture(scope="session")
def thumbnail(china: np.ndarray) -> np.ndarray:
    """The photograph at an eighth of its size: small enough for every engine, 3 to 4 thousand colours."""
    return np.ascontiguousarray(china[::8, ::8])


@pytest.fixture
def photo(tmp_path: Path, thumbnail: np.ndarray) -> Path:
    """The thumbnail as a PNG file."""
    path = tmp_path / "photo.png"
    Image.fromarray(thumbnail).save(path)
    return path


@pytest.fixture
def run() -> Callable[..., Result]:
    """The command line in this process: ``run("kmeans", path, "-k", 4)``."""

    def invoke(*args: object, **extra: object) -> Result:
        result = CliRunner().invoke(cli, [str(arg) for arg in args], **extra)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return invoke
