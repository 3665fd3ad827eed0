"""Animated GIFs: Pillow decodes exactly the frames and delays that went in."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from support.clips import assert_same, clip_info, decoded, indexed, random_colors, sequence, still, written

from colorquant.errors import OutputError
from colorquant.files import StagedFiles
from colorquant.video.frames import IndexedFrame
from colorquant.video.gif_writing import GifWriter, check_gif

SIZES = [1, 2, 3, 4, 16, 17, 255]


@pytest.mark.parametrize("refits", [False, True], ids=["one palette", "refits"])
@pytest.mark.parametrize("transparent", [False, True], ids=["opaque", "transparent"])
@pytest.mark.parametrize("p", SIZES)
def test_every_frame_and_delay_comes_back(tmp_path, p, transparent, refits):
    p += p == 255 and not transparent  # 256 colours and transparency are one value too many: see the test below
    for seed in range(2):
        frames = sequence(seed, p=p, transparent=transparent, refits=refits)
        assert written(GifWriter, tmp_path / "a.gif", frames) == ()
        assert_same(frames, tmp_path / "a.gif")


def test_one_pixel_one_frame_and_frames_that_are_equal(tmp_path):
    for frames in ([still([[1]])], [still([[0, 1]])] * 3, sequence(0, p=4, size=(1, 1))):
        written(GifWriter, tmp_path / "a.gif", frames)
        assert_same(frames, tmp_path / "a.gif")


def test_pixels_that_become_transparent_and_nothing_else(tmp_path):
    maps = [[[0, 1, 1]], [[0, 2, 2]], [[2, 2, 2]], [[0, 2, 1]], [[2, 2, 2]]]
    frames = [still(labels, time=Fraction(i, 10)) for i, labels in enumerate(maps)]
    written(GifWriter, tmp_path / "a.gif", frames)
    assert_same(frames, tmp_path / "a.gif")


def test_256_colours_have_transparent_pixels_where_a_frame_leaves_an_index_free(tmp_path):
    labels = np.arange(257, dtype=np.uint16)[None]
    colors = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    few = np.where(labels == 7, 256, labels).astype(np.uint16)
    frames = [indexed(few, colors, time=0, duration=Fraction(1, 10))]
    assert written(GifWriter, tmp_path / "few.gif", frames) == ()
    assert_same(frames, tmp_path / "few.gif")

    notes = written(GifWriter, tmp_path / "all.gif", [indexed(labels, colors, time=0, duration=Fraction(1, 10))])
    assert len(notes) == 1 and "256 colours and transparent pixels" in notes[0]
    (pixels,), _ = decoded(tmp_path / "all.gif")
    assert (pixels[0, :, 3] == 0).sum() == 1
    assert (np.abs(pixels[0, :256, 0].astype(int) - np.arange(256)) <= 1).all()


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), 24, 25, 30, 50])
def test_delays_do_not_drift(tmp_path, rate):
    frames = [still([[i % 2, 0]], time=i / Fraction(rate), duration=1 / Fraction(rate)) for i in range(40)]
    assert written(GifWriter, tmp_path / "a.gif", frames) == ()
    _, times = decoded(tmp_path / "a.gif")
    assert sum(times) == 10 * round(100 * 40 / Fraction(rate))
    assert max(times) - min(times) <= 10


def test_above_50_frames_a_second_some_are_left_out(tmp_path):
    colors = [(i, 0, 0) for i in range(61)]
    frames = [still([[i]], colors, time=Fraction(i, 60), duration=Fraction(1, 60)) for i in range(60)]
    (note,) = written(GifWriter, tmp_path / "a.gif", frames)
    _, times = decoded(tmp_path / "a.gif")
    assert note.startswith("GIF: 10 frames are left out") and times == [20.0] * 50


def test_a_very_long_frame_is_repeated(tmp_path):
    frames = [still([[0, 1]], duration=Fraction(2000)), still([[1, 1]], time=2000, duration=Fraction(1))]
    written(GifWriter, tmp_path / "a.gif", frames)
    pixels, times = decoded(tmp_path / "a.gif")
    assert sum(times) == 2_001_000 and len(pixels) == 5


@pytest.mark.parametrize(("loops", "found"), [(None, 0), (0, 0), (1, None), (2, 1), (5, 4)])
def test_the_number_of_repetitions(tmp_path, loops, found):
    written(GifWriter, tmp_path / "a.gif", [still([[0]]), still([[1]], time=Fraction(1, 10))], loops=loops)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info.get("loop") == found


def test_partly_transparent_pixels_are_opaque_or_not_and_that_is_said(tmp_path):
    alpha = np.array([[0, 127, 128, 255]], np.uint8)
    frame = IndexedFrame(
        np.ones((1, 4), np.uint8), np.array([(1, 2, 3), (4, 5, 6)], np.uint8), Fraction(0), Fraction(1), alpha=alpha
    )
    (note,) = written(GifWriter, tmp_path / "a.gif", [frame])
    assert "partly transparent" in note
    (pixels,), _ = decoded(tmp_path / "a.gif")
    assert pixels[0].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [4, 5, 6, 255], [4, 5, 6, 255]]


def test_only_what_changed_is_written(tmp_path):
    rng = np.random.default_rng(1)
    first = rng.integers(0, 250, (100, 100))
    second = first.copy()
    second[40:50, 60:70] = rng.integers(0, 250, (10, 10))
    colors = random_colors(rng, 250)
    frames = [indexed(first.astype(np.uint8), colors, time=0, duration=Fraction(1, 10))]
    written(GifWriter, tmp_path / "a.gif", frames)
    one = (tmp_path / "a.gif").stat().st_size
    frames.append(indexed(second.astype(np.uint8), colors, time=Fraction(1, 10), duration=Fraction(1, 10)))
    written(GifWriter, tmp_path / "a.gif", frames)
    assert (tmp_path / "a.gif").stat().st_size - one < 250
    assert_same(frames, tmp_path / "a.gif")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"width": 65536}, "at most 65535 pixels"),
        ({"colors": 257}, "at most 256 colours, not 257"),
        ({"keeps_lightness": True}, "the colours of a palette only"),
    ],
)
def test_what_a_gif_cannot_hold_is_refused(given, message):
    with pytest.raises(OutputError, match=message):
        check_gif(**{"width": 10, "height": 10, "colors": 2, "keeps_lightness": False, **given})


def test_without_frames_nothing_is_written(tmp_path):
    with (
        StagedFiles(force=True) as staged,
        GifWriter(tmp_path / "a.gif", staged, clip_info(2, 2)) as writer,
        pytest.raises(OutputError, match="there is no frame"),
    ):
        writer.finish()
    assert not list(tmp_path.iterdir())
