"""Compare label maps of clip.mp4 with the true classes of its pixels.

Usage: python score_labels.py LABELS.npy...

LABELS.npy is what ``colorquant video sample_images/clip.mp4 --labels npy`` writes. The intersection over union (IoU) of
a label and a class is the number of pixels that have both, divided by the number of those that have either.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from make_clip import CLASSES, read_classes

from colorquant.analysis.agreement import Contingency

TRUTH = Path(__file__).parent / "clip-labels.gif"


class Scores(NamedTuple):
    """How well labels agree with the classes, each from 0 to 1.

    `mean_iou` is the mean IoU of the classes, for the best matching of each to a label of its own. `foreground_iou` is
    that of all shapes as one class, for the set of labels that agrees best with it.
    """

    mean_iou: float
    foreground_iou: float


def score(labels: np.ndarray, classes: np.ndarray) -> Scores:
    """The scores of labels for pixels with these classes; both are integers of the same shape."""
    pairs = Contingency.of(labels.ravel(), classes.ravel())
    table = np.zeros((pairs.ones.max() + 1, len(CLASSES)), np.int64)
    table[pairs.ones, pairs.others] = pairs.counts
    shapes, all_pixels = table[:, 1:].sum(axis=1), table.sum(axis=1)
    purest_first = np.argsort(-shapes / np.maximum(all_pixels, 1))  # the best set has the purest labels
    both = shapes[purest_first].cumsum()
    either = shapes.sum() + (all_pixels - shapes)[purest_first].cumsum()
    return Scores(pairs.mean_iou or 0.0, float(np.max(both / np.maximum(either, 1))))


def score_file(path: Path) -> Scores:
    """The scores of an array (frames, h, w) in a file, for the sample clip."""
    return score(np.load(path, mmap_mode="r"), np.stack(list(read_classes(TRUTH))))


def main() -> None:
    """Print the scores of each file."""
    for name in sys.argv[1:]:
        scores = score_file(Path(name))
        print(f"{name}: mean IoU {scores.mean_iou:.3f}, IoU of the foreground {scores.foreground_iou:.3f}")


if __name__ == "__main__":
    main()
