"""From a file to files, for any size, k, space, engine and alpha: the outputs agree with each other, to the byte."""

import json
import tempfile
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from hypothesis import event, given, settings
from hypothesis import strategies as st
from PIL import Image
from support.pictures import random_picture

from colorquant.cli import cli
from colorquant.color.rgba import RGBA_SPACES
from colorquant.color.spaces import SPACES
from colorquant.fitting.engines import ENGINES, METHODS

ALPHAS = {
    "none": lambda noise: None,
    "opaque": lambda noise: np.full_like(noise, 255),
    "nothing but transparency": np.zeros_like,
    "on or off": lambda noise: np.where(noise > 100, 255, 0).astype(np.uint8),
    "some levels": lambda noise: noise // 64 * 85,
    "any level": lambda noise: noise,
}


def written(folder: Path, words: list[str]) -> dict[str, bytes] | str:
    """What a run wrote, or its error."""
    result = CliRunner().invoke(cli, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith("out")}
    if result.exit_code == 0:
        return found
    assert result.exit_code == 1
    assert not found
    return result.stderr


def _check_palette_over_rgba(palette, labels, pixels, original, k):
    """``palette`` (p, 4), ``labels`` (h, w), and the ``pixels`` (h, w, 4) of the output belong together."""
    original[original[:, :, 3] == 0] = 0
    distinct = len(np.unique(original.reshape(-1, 4), axis=0))
    assert len(np.unique(palette, axis=0)) == len(palette) == min(k, distinct)
    assert np.array_equal(np.unique(labels), np.arange(len(palette))), "every label is in range, and used"
    assert np.array_equal(pixels, palette[labels])
    if k > 1:
        assert (pixels[original[:, :, 3] == 0] == 0).all(), "fully transparent pixels stay so"
    if k >= distinct:
        assert np.array_equal(pixels, original), "what fits is untouched"


@given(
    seed=st.integers(0, 2**31 - 1),
    size=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    levels=st.sampled_from([1, 2, 4, 256]),
    alpha=st.sampled_from(list(ALPHAS)),
    treatment=st.sampled_from(["keep", None]),
    k=st.one_of(st.integers(1, 12), st.integers(13, 300)),
    method=st.sampled_from(METHODS),
    engine=st.sampled_from(list(ENGINES)),
    space=st.sampled_from(list(SPACES)),
)
@settings(max_examples=90, deadline=None)
def test_the_outputs_agree(seed, size, levels, alpha, treatment, k, method, engine, space):
    rgb, noise = random_picture(seed, *size, levels=levels), random_picture(seed + 1, *size)[:, :, 0]
    opacity = ALPHAS[alpha](noise)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, out = folder / "in.png", folder / "out.png"
        Image.fromarray(rgb if opacity is None else np.dstack([rgb, opacity])).save(source)
        words = [method, str(source), "-k", str(k), "--engine", engine, "--space", space, "--max-iter", "4"]
        words += ["--no-keep-luma", "--seed", str(seed), "-o", str(out), "--labels", "npy"]
        words += ["--palette-out", str(folder / "out.json"), "-q", "-f"]
        words += [] if treatment is None else ["--alpha", treatment]
        first = written(folder, words)
        if isinstance(first, str):
            assert (method, engine) == ("em", "opencv"), first
            assert "cv2.ml.EM" in first, "OpenCV gives up on some tiny pictures"
            event("OpenCV gave up")
            return
        assert written(folder, words) == first, "the same seed gives the same bytes"
        labels = np.load(folder / "out-labels.npy")
        with Image.open(out) as image:
            pixels = np.asarray(image.convert("RGBA"))
    entries = json.loads(first["out.json"])
    palette = np.array([entry["color"] for entry in entries], np.uint8).reshape(-1, 3)
    able = method == "kmeans" and engine != "opencv" and space in RGBA_SPACES
    partly = opacity is not None and np.any((opacity > 0) & (opacity < 255))
    if able and partly and treatment is None:
        opacities = np.array([entry.get("alpha", 255) for entry in entries], np.uint8)
        _check_palette_over_rgba(np.column_stack([palette, opacities]), labels, pixels, np.dstack([rgb, opacity]), k)
        return
    seen = np.full(size, True) if opacity is None else opacity > 0
    assert labels.shape == size
    assert (labels[~seen] == -1).all()
    assert len(palette) <= k
    assert np.array_equal(np.unique(labels[seen]), np.arange(len(palette))), "every label is in range, and used"
    assert [entry["pixels"] for entry in entries] == np.bincount(labels[seen], minlength=len(palette)).tolist()
    assert np.array_equal(pixels[seen][:, :3], palette[labels[seen]])
    assert np.array_equal(pixels[:, :, 3], np.full(size, 255) if opacity is None else opacity)
