"""The sample clip is what its script draws, with the classes of its pixels."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from make_clip import CLASSES, COLOURS, NOISE, Scene, draw_frames, read_classes

SAMPLES = Path(__file__).resolve().parents[2] / "sample_images"


def test_frames_have_the_size_of_the_clip_and_noise_of_their_own():
    (first, labels), (second, _) = draw_frames(count=2)
    assert first.shape == (180, 320, 3)
    assert labels.shape == (180, 320)
    assert first.dtype == labels.dtype == np.uint8
    still = labels[150:, 200:] == 0
    change = (second[150:, 200:].astype(int) - first[150:, 200:])[still]
    assert change.std() == pytest.approx(NOISE * 2**0.5, rel=0.05)
    assert abs(change.mean()) < 0.1


def test_the_same_frames_on_every_run_and_at_any_size():
    one, again = (list(draw_frames(count=2, scale=0.5)) for _ in range(2))
    for (rgb, labels), (rgb_again, labels_again) in zip(one, again, strict=True):
        assert np.array_equal(rgb, rgb_again)
        assert np.array_equal(labels, labels_again)
        assert rgb.shape == (90, 160, 3)


def test_each_shape_has_its_colour_and_one_enters_while_another_leaves():
    colours = np.array(COLOURS)
    scene = Scene(0.5)
    present = []
    for seconds in (0.0, 9.0):
        picture, labels = scene.draw(seconds)
        for label in np.unique(labels):
            of_shape = picture[labels == label].mean(axis=0)
            assert np.abs(colours - of_shape).sum(axis=1).argmin() == label
        present.append({CLASSES[label] for label in np.unique(labels)})
    assert present == [{"background", "ball", "balloon", "wedge"}, {"background", "ball", "block", "wedge"}]


def test_the_animation_has_the_classes():
    read = read_classes(SAMPLES / "clip-labels.gif")
    for (_, labels), classes in zip(draw_frames(count=4, noise=0), islice(read, 4), strict=True):
        assert np.array_equal(labels, classes)


def test_the_video_shows_the_frames():
    av = pytest.importorskip("av", reason="needs PyAV")
    with av.open(str(SAMPLES / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.average_rate) == (250, 25)
        decoded = [frame.to_ndarray(format="rgb24") for frame in islice(container.decode(stream), 3)]
    for (rgb, _), shown in zip(draw_frames(count=3), decoded, strict=True):
        assert np.abs(rgb.astype(int) - shown).mean() < 4
