"""Pictures that leave an engine little to fit, from file to file, through every engine, space and covariance."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.pictures import engine_names, method_names, random_picture, space_names

from colorquant.color.spaces import SPACES
from colorquant.fitting.engines import ENGINES
from colorquant.fitting.options import COVARIANCES
from colorquant.images import read_image

NOISE = random_picture(1, 9, 9)
GRAY = np.repeat(random_picture(2, 9, 9)[:, :, :1], 3, axis=2)
PIXEL = np.zeros((9, 9), np.uint8)
PIXEL[4, 4] = 255
FAINT = np.where(random_picture(3, 9, 9)[:, :, 0] > 128, 1, 254).astype(np.uint8)
ODD = {  # pixels, and alpha where there is some
    "gray in three channels": (GRAY, None),
    "constant": (np.full((5, 7, 3), 90, np.uint8), None),
    "constant channel": (NOISE * np.array([1, 0, 1], np.uint8), None),
    "clipped": (np.where(NOISE > 127, 255, 0).astype(np.uint8), None),
    "1x1": (NOISE[:1, :1], None),
    "1xN": (NOISE.reshape(1, -1, 3), None),
    "Nx1": (NOISE.reshape(-1, 1, 3), None),
    "two colours": (np.where(NOISE[:, :, :1] > 127, [[[200, 10, 9]]], [[[0, 99, 177]]]).astype(np.uint8), None),
    "one pixel differs": (np.where(PIXEL[:, :, None] > 0, NOISE, 7).astype(np.uint8), None),
    "all transparent": (NOISE, np.zeros((9, 9), np.uint8)),
    "one visible pixel": (NOISE, PIXEL),
    "one faint pixel": (NOISE, PIXEL // 255),
    "partly transparent": (NOISE, FAINT),
    "constant, partly transparent": (np.full((9, 9, 3), 90, np.uint8), FAINT),
    "1x1, partly transparent": (NOISE[:1, :1], FAINT[:1, :1]),
}
WAYS = [(engine, "kmeans", None) for engine in ENGINES] + [
    (engine, "em", covariance)
    for engine in ENGINES
    for covariance in ENGINES[engine]["em"].choices.get("covariance", COVARIANCES)
]


def slow_unless_chosen(way: int, space: int) -> tuple[pytest.MarkDecorator, ...]:
    """Every way is tried in one space, and every space in three ways; the other combinations are slow tests."""
    return () if (way + space) % len(SPACES) == 0 else (pytest.mark.slow,)


COMBINATIONS = [
    pytest.param(*way, space, marks=slow_unless_chosen(row, column), id="-".join([*map(str, way), space]))
    for row, way in enumerate(WAYS)
    for column, space in enumerate(SPACES)
]


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Path:
    """A folder with the pictures of ODD as PNG files."""
    folder = tmp_path_factory.mktemp("odd")
    for name, (rgb, alpha) in ODD.items():
        Image.fromarray(rgb if alpha is None else np.dstack([rgb, alpha])).save(folder / f"{name}.png")
    return folder


def check(row: dict[str, Any], name: str, out: Path) -> None:
    """The record is finite, and the written picture is what its palette, labels and alpha say."""
    assert "error" not in row, row
    for key, value in row.items():
        assert not isinstance(value, float) or math.isfinite(value), f"{name}: {key} is {value}"
    rgb, alpha = ODD[name]
    picture, opaque = read_image(Path(row["output"])), np.full(rgb.shape[:2], 255)
    together = row["alpha"] == "palette"  # colour and alpha are fitted together
    if not together:
        assert np.array_equal(opaque if picture.alpha is None else picture.alpha, opaque if alpha is None else alpha)
    seen = opaque > 0 if alpha is None or together else alpha > 0
    labels = np.load(out / f"{Path(row['output']).stem}-labels.npy")
    assert ((labels == -1) == ~seen).all()
    entries = [list(bytes.fromhex(color[1:].ljust(8, "f"))) for color, _ in row["palette"]]
    palette, opacities = np.split(np.array(entries, np.uint8).reshape(-1, 4), [3], axis=1)
    assert set(labels[seen].tolist()) == set(range(len(palette)))
    if row["space"] != "ycrcb":  # there each pixel keeps its lightness
        assert np.array_equal(picture.rgb[seen], palette[labels[seen]])
    if together:
        assert np.array_equal(picture.alpha, opacities[labels, 0])


@pytest.mark.parametrize(("engine", "method", "covariance", "space"), COMBINATIONS)
def test_odd_pictures(engine, method, covariance, space, odd, run, tmp_path):
    """Warnings of numpy are errors here, and would fail the picture."""
    words = ["--engine", engine, "--space", space, *(["--effort", "fast"] if engine == "numpy" else [])]
    words += [] if covariance is None else ["--covariance", covariance]
    files = ["-o", tmp_path, "--labels", "npy", "--json", "-q"]
    result = run(method, odd, "-k", 3, *words, *files)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    rows = [json.loads(line, parse_constant=pytest.fail) for line in result.stdout.splitlines()]
    assert len(rows) == len(ODD)
    for row in rows:
        check(row, Path(row["input"]).stem, tmp_path)


@space_names
@engine_names
@method_names
def test_more_colours_than_there_are(engine, method, space, odd, run, tmp_path):
    files = ["-o", tmp_path, "--labels", "npy", "--json", "-q"]
    result = run(method, odd / "two colours.png", "-k", 256, "--engine", engine, "--space", space, *files)
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout, parse_constant=pytest.fail)
    check(row, "two colours", tmp_path)
    assert len(row["palette"]) == 2


@pytest.mark.parametrize("assign", ["posterior", "nearest", "nearest-l1"])
@pytest.mark.parametrize("kind", ["npy", "png"])
def test_files_beside_odd_pictures(assign, kind, odd, run, tmp_path):
    """Components that there are not have no posteriors, and a picture that nobody sees no uncertainty."""
    files = ["--posteriors", kind, "--uncertainty", tmp_path / "{stem}-u.png", "--masks", tmp_path / "masks"]
    files += ["--trace", tmp_path / "{stem}.csv", "--palette-out", tmp_path / "{stem}.json"]
    result = run("em", odd, "-k", 3, "--assign", assign, "--effort", "fast", "-o", tmp_path, "-q", *files)
    assert (result.exit_code, result.stderr) == (0, "")
    for name, (rgb, alpha) in ODD.items():
        with Image.open(tmp_path / f"{name}-u.png") as levels:
            uncertain = np.asarray(levels)
        assert uncertain.shape == rgb.shape[:2]
        assert alpha is None or not uncertain[alpha == 0].any()
        if kind == "npy":
            values = np.load(tmp_path / f"{name}-em3-posteriors.npy")
            assert values.shape[:2] == rgb.shape[:2]
            visible = np.ones(rgb.shape[:2], bool) if alpha is None else alpha > 0
            assert np.abs(values[visible].astype(float).sum(axis=1) - 1).max(initial=0) < 0.01
