import math

import numpy as np
from conftest import random_picture

from colorquant import metrics


def test_mse_sums_over_channels_and_averages_over_pixels():
    before, after = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 10, np.uint8)
    assert metrics.mse(before, after) == 300
    assert math.isclose(metrics.psnr(300), 20 * math.log10(255 / 10))
    assert metrics.psnr(0) == math.inf


def test_mse_of_rows_with_counts_equals_that_of_pixels():
    before, after = random_picture(1).reshape(-1, 3), random_picture(2).reshape(-1, 3)
    counts = np.random.default_rng(3).integers(1, 9, len(before))
    expected = ((np.repeat(before, counts, 0).astype(float) - np.repeat(after, counts, 0)) ** 2).sum(1).mean()
    assert math.isclose(metrics.mse(before, after, counts), expected)


def test_bic_is_schwarzs():
    assert math.isclose(metrics.bic(-12.5, 1000, 39), 39 * math.log(1000) + 25_000)
