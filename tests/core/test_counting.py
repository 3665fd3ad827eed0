"""An image's colours are counted once, whatever is made of them. report/test_shared_work.py adds pages and figures."""

import numpy as np
import pytest
from PIL import Image
from support.pictures import engine_names, random_picture

from colorquant import FitOptions
from colorquant.analysis.posteriors import Posteriors
from colorquant.analysis.sweep import sweep
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.quantization import quantize

EM = ("em", "-k", "3", "--trace", "{stem}.csv", "--posteriors", "npy", "--uncertainty", "{stem}-uncertainty.png")
BESIDE = ("--labels", "npy", "--palette-out", "{stem}.json", "--masks", "masks", "--json")


@pytest.fixture
def counts(monkeypatch):
    """How many pixels were counted by each call of ``ColorHistogram.count``."""
    calls, count = [], ColorHistogram.count.__func__

    def counted(cls, rgb, alpha=None):
        calls.append(rgb.size // 3)
        return count(cls, rgb, alpha)

    monkeypatch.setattr(ColorHistogram, "count", classmethod(counted))
    return calls


KMEANS = ("kmeans", "-k", "5")
YCRCB = (*KMEANS, "--space", "ycrcb")


@pytest.mark.parametrize(
    ("words", "transparent"),
    [(KMEANS, False), (KMEANS, True), (YCRCB, False), (YCRCB, True), (EM, False), (EM, True)],
)
def test_a_command_with_many_files_counts_each_image_once(words, transparent, counts, run, tmp_path, monkeypatch):
    alpha = np.full((20, 30), 255, np.uint8)
    alpha[:5] = 0 if transparent else 255
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a", "b")):
        rgb = random_picture(number, 20, 30, levels=3)
        Image.fromarray(np.dstack([rgb, alpha])).save(f"{name}.png")
    result = run(words[0], "a.png", "b.png", *words[1:], "-o", "out", *BESIDE)
    assert result.exit_code == 0, result.output
    assert counts == [int(np.count_nonzero(alpha))] * 2


@engine_names
@pytest.mark.parametrize("method", ["kmeans", "em"])
def test_an_image_is_counted_once_for_all_that_is_fitted_to_it(engine, method, counts, thumbnail):
    """Two fits, a sweep over k, and what is known of each pixel afterwards."""
    image = CountedImage(np.ascontiguousarray(thumbnail[::2, ::2]))
    for k in (2, 3):
        quantized = quantize(image, FitOptions(method, k, engine=engine, max_iter=3))
    sweep(image, quantized, every_pixel=True)
    if method == "em":
        Posteriors.of(image, quantized).at_pixels()
    assert len(counts) == 1
