"""Background subtraction: what is told apart, on which options it depends, and that every run gives the same."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from make_clip import draw_frames

from colorquant.clips.background import ForegroundLabeller
from colorquant.errors import OptionError
from colorquant.video.background import LABELS, LEARNING, THRESHOLDS, BackgroundOptions, BackgroundSubtractor
from colorquant.video.frames import Frame

TICK = Fraction(1, 25)


def as_frames(pictures: list[np.ndarray], alpha: np.ndarray | None = None) -> list[Frame]:
    return [Frame(rgb, alpha, number * TICK, TICK) for number, rgb in enumerate(pictures)]


@pytest.fixture(scope="module")
def scene() -> list[np.ndarray]:
    """A gray scene with noise; from the tenth frame on it has a red square, and a shade that is darker by a fifth."""
    rng = np.random.default_rng(5)
    pictures = []
    for number in range(16):
        picture = np.full((40, 60, 3), 150.0)
        if number >= 10:
            picture[5:20, 5:20] = (220, 60, 40)
            picture[25:35, 30:50] *= 0.7
        pictures.append(np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8))
    return pictures


def labels_of(pictures: list[np.ndarray], **settings) -> np.ndarray:
    subtractor = BackgroundSubtractor(BackgroundOptions(**settings))
    return np.stack([subtractor.foreground(frame) for frame in as_frames(pictures)])


@pytest.mark.parametrize("method", THRESHOLDS)
def test_background_foreground_and_shadow_are_told_apart(method, scene):
    labels = labels_of(scene, method=method)
    assert labels.dtype == np.uint8
    assert not labels[: LEARNING[method]].any()
    assert (labels[:10] == LABELS.index("background")).mean() > 0.98
    assert (labels[10, 5:20, 5:20] == LABELS.index("foreground")).mean() > 0.98
    assert (labels[10, 25:35, 30:50] == LABELS.index("shadow")).mean() > 0.9


@pytest.mark.parametrize("method", THRESHOLDS)
def test_without_shadows_they_are_foreground(method, scene):
    labels = labels_of(scene, method=method, shadows=False)
    assert labels.max() == 1
    assert (labels[10, 25:35, 30:50] == LABELS.index("foreground")).mean() > 0.9


@pytest.mark.parametrize("method", THRESHOLDS)
def test_the_labels_are_those_of_opencv(method, scene):
    make = {"mog2": cv2.createBackgroundSubtractorMOG2, "knn": cv2.createBackgroundSubtractorKNN}[method]
    direct = make(200, 50.0, True)
    expected = []
    for number, picture in enumerate(scene):
        cv2.setRNGSeed(number)
        expected.append(direct.apply(picture))
    found = labels_of(scene, method=method, history=200, var_threshold=50)
    learning = LEARNING[method]
    assert np.array_equal(np.array([0, 255, 127])[found[learning:]], np.stack(expected)[learning:])
    assert (np.stack(expected)[:learning] > 0).all()  # why these frames are all background here


@pytest.mark.parametrize("method", THRESHOLDS)
def test_the_same_labels_on_every_run(method, scene):
    """Whatever the state of OpenCV's generator, whatever runs between the frames, on any number of threads."""
    alone = labels_of(scene, method=method)
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1 if threads > 1 else 2)
        subtractor, other = (BackgroundSubtractor(BackgroundOptions(method)) for _ in range(2))
        for frame, labels in zip(as_frames(scene), alone, strict=True):
            cv2.randu(np.zeros(3), 0, 1)
            other.foreground(frame)
            assert np.array_equal(subtractor.foreground(frame), labels)
    finally:
        cv2.setNumThreads(threads)


def test_what_stopped_becomes_background_the_sooner_the_shorter_the_history(scene):
    waiting = [*scene, *scene[-1:] * 30]
    square = [labels_of(waiting, history=history)[:, 5:20, 5:20] == 1 for history in (12, 500)]
    frames = [(inside.mean(axis=(1, 2)) > 0.5).sum() for inside in square]
    assert 0 < frames[0] < frames[1] < 36


def test_a_higher_threshold_has_less_foreground(scene):
    for method, (low, high) in {"mog2": (4, 400), "knn": (50, 40_000)}.items():
        few, many = ((labels_of(scene, method=method, var_threshold=at)[4:] == 1).sum() for at in (high, low))
        assert few < many


def test_frames_as_writers_take_them(scene):
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[:, :10], alpha[:, 10:20] = 0, 100
    frames = as_frames(scene, alpha)
    labeller = ForegroundLabeller(BackgroundOptions())
    indexed = [labeller.label(frame) for frame in frames]
    assert indexed[0].colors.tolist() == [[0] * 3, [255] * 3, [127] * 3]
    for frame, written in zip(frames, indexed, strict=True):
        assert (written.time, written.duration) == (frame.time, frame.duration)
        assert np.array_equal(written.labels == 3, alpha == 0)
        assert np.array_equal(written.alpha, alpha)
    result = labeller.result()
    labels = np.stack([written.labels for written in indexed])
    assert result.frames == 16
    assert [*result.counts, result.transparent] == np.bincount(labels.ravel(), minlength=4).tolist()
    assert result.timeline.times.tolist() == [float(frame.time) for frame in frames]
    shares = [np.bincount(each[alpha > 0], minlength=3) / (alpha > 0).sum() for each in labels]
    np.testing.assert_allclose(result.timeline.shares, shares)


def test_a_clip_of_one_frame_is_background(scene):
    labeller = ForegroundLabeller(BackgroundOptions("knn", shadows=False))
    labeller.label(as_frames(scene)[0])
    assert labeller.result().counts.tolist() == [2400, 0]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"method": "gmg"}, "mog2 or knn"),
        ({"history": 0}, "--history 0"),
        ({"history": 2**31}, "--history"),
        ({"var_threshold": 0.0}, "--var-threshold 0"),
        ({"var_threshold": float("nan")}, "--var-threshold nan"),
        ({"var_threshold": float("inf")}, "--var-threshold inf"),
    ],
)
def test_options_out_of_range_are_refused(settings, named):
    with pytest.raises(OptionError, match=named):
        BackgroundOptions(**settings)


def test_the_ball_of_the_sample_clip_is_found():
    """It moves all the time, so its pixels are foreground from the second second on."""
    subtractor, found = BackgroundSubtractor(BackgroundOptions("knn")), []
    for frame, classes in ((frame, classes) for frame, classes in drawn(40)):
        found.append((subtractor.foreground(frame) == 1)[classes == 1].mean())
    assert np.mean(found[25:]) > 0.9


def drawn(count: int):
    for number, (rgb, classes) in enumerate(draw_frames(count=count, scale=0.5)):
        yield Frame(rgb, None, number * TICK, TICK), classes
