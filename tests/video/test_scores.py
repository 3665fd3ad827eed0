"""The scores of label maps against the classes of the sample clip."""

from itertools import product

import numpy as np
import pytest
from score_labels import score

CLASSES = np.array([[0, 0, 0, 0, 1, 1, 2, 2]])


def test_the_same_partition_has_full_scores():
    assert score(np.array([[2, 2, 2, 2, 0, 0, 1, 1]]), CLASSES) == (1.0, 1.0)


def test_a_label_for_all_shapes_finds_the_foreground_and_one_class():
    assert score((CLASSES > 0).astype(int), CLASSES) == (pytest.approx((1 + 0.5 + 0) / 3), 1.0)


def test_a_divided_background_counts_once():
    scores = score(np.array([[0, 0, 0, 3, 1, 1, 2, 2]]), CLASSES)
    assert scores == (pytest.approx((0.75 + 1 + 1) / 3), 1.0)


def test_shadows_are_not_foreground():
    labels = np.array([[0, 0, 0, 2, 1, 1, 1, 0]])
    assert score(labels, CLASSES).foreground_iou == pytest.approx(3 / 4)


def test_the_foreground_is_the_best_set_of_labels():
    rng = np.random.default_rng(3)
    labels, classes = rng.integers(0, 4, 200), rng.integers(0, 3, 200)
    shape, best = classes > 0, 0.0
    for chosen in product((False, True), repeat=4):
        marked = np.array(chosen)[labels]
        best = max(best, (marked & shape).sum() / (marked | shape).sum())
    assert score(labels, classes).foreground_iou == pytest.approx(best)
