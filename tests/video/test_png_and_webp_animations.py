"""Animated PNG and WebP: Pillow decodes exactly the frames and delays that went in."""

import struct
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from support.clips import assert_same, clip_info, decoded, indexed, random_colors, sequence, still, written

from colorquant.errors import OutputError
from colorquant.files import StagedFiles
from colorquant.images.png import compress_rows, expand_rows
from colorquant.video.apng_writing import ApngWriter
from colorquant.video.frames import IndexedFrame
from colorquant.video.webp_writing import WebpWriter, check_webp

WRITERS = pytest.mark.parametrize(("writer", "name"), [(ApngWriter, "a.png"), (WebpWriter, "a.webp")])


@WRITERS
@pytest.mark.parametrize("refits", [False, True], ids=["one palette", "refits"])
@pytest.mark.parametrize("transparent", [False, True], ids=["opaque", "transparent"])
@pytest.mark.parametrize("p", [1, 2, 3, 16, 255, 256, 300])
def test_every_frame_and_delay_comes_back(tmp_path, writer, name, p, transparent, refits):
    frames = sequence(p, p=p, transparent=transparent, refits=refits)
    assert written(writer, tmp_path / name, frames) == ()
    assert_same(frames, tmp_path / name)


@WRITERS
def test_one_pixel_one_frame_and_frames_that_are_equal(tmp_path, writer, name):
    for frames in ([still([[1]])], [still([[0, 1]])] * 3, sequence(0, p=4, size=(1, 1))):
        written(writer, tmp_path / name, frames)
        assert_same(frames, tmp_path / name)


@WRITERS
def test_partly_transparent_pixels_and_those_of_their_own_lightness(tmp_path, writer, name):
    rng = np.random.default_rng(3)
    frames = []
    for i in range(4):
        painted = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8) if i > 1 else None
        labels, alpha = rng.integers(0, 5, (9, 12), dtype=np.uint8), rng.integers(1, 256, (9, 12), dtype=np.uint8)
        colors = random_colors(np.random.default_rng(0), 5)
        frame = IndexedFrame(labels, colors, Fraction(i), Fraction(1), alpha=alpha if i else None, painted=painted)
        frames.append(frame)
    written(writer, tmp_path / name, frames)
    assert_same(frames, tmp_path / name)


@WRITERS
@pytest.mark.parametrize("loops", [None, 0, 1, 5])
def test_the_number_of_repetitions(tmp_path, writer, name, loops):
    written(writer, tmp_path / name, [still([[0]]), still([[1]], time=Fraction(1, 10))], loops=loops)
    with Image.open(tmp_path / name) as image:
        assert image.info["loop"] == (loops or 0)


@WRITERS
def test_without_frames_nothing_is_written(tmp_path, writer, name):
    with (
        StagedFiles(force=True) as staged,
        writer(tmp_path / name, staged, clip_info(2, 2)) as opened,
        pytest.raises(OutputError, match="there is no frame"),
    ):
        opened.finish()
    assert not list(tmp_path.iterdir())


def test_a_png_stays_indexed_until_a_palette_changes(tmp_path):
    frames = sequence(1, p=16, size=(20, 20))
    written(ApngWriter, tmp_path / "a.png", frames)
    end = frames[-1].time + frames[-1].duration
    other = indexed(frames[0].labels, random_colors(np.random.default_rng(5), 16), time=end, duration=Fraction(1))
    written(ApngWriter, tmp_path / "b.png", [*frames, other])
    with Image.open(tmp_path / "a.png") as first, Image.open(tmp_path / "b.png") as second:
        assert (first.mode, second.mode) == ("P", "RGBA")
    assert_same([*frames, other], tmp_path / "b.png")


def test_a_png_of_one_frame_is_a_plain_png(tmp_path):
    written(ApngWriter, tmp_path / "a.png", [still([[0, 1]])])
    assert b"acTL" not in (tmp_path / "a.png").read_bytes()


def test_delays_of_a_png_are_exact_fractions(tmp_path):
    rate = Fraction(24000, 1001)
    frames = [still([[i % 2, 0]], time=i / rate, duration=1 / rate) for i in range(3)]
    written(ApngWriter, tmp_path / "a.png", frames)
    data = (tmp_path / "a.png").read_bytes()
    places = [at for at in range(len(data)) if data[at : at + 4] == b"fcTL"]
    assert [struct.unpack(">HH", data[at + 24 : at + 28]) for at in places] == [(1001, 24000)] * 3


def test_delays_that_no_small_fraction_has_do_not_drift(tmp_path):
    duration = Fraction(1234567, 9876543)
    frames = [still([[i % 2, 0]], time=i * duration, duration=duration) for i in range(50)]
    for writer, name, error in ((ApngWriter, "a.png", 0.01), (WebpWriter, "a.webp", 0.5)):
        written(writer, tmp_path / name, frames)
        _, times = decoded(tmp_path / name)
        assert abs(sum(times) - float(50_000 * duration)) <= error


def test_webp_leaves_frames_out_that_browsers_would_slow_down(tmp_path):
    frames = [still([[i % 2, 0]], time=Fraction(i, 200), duration=Fraction(1, 200)) for i in range(100)]
    (note,) = written(WebpWriter, tmp_path / "a.webp", frames)
    _, times = decoded(tmp_path / "a.webp")
    assert note.startswith("WebP: ") and sum(times) == pytest.approx(500, abs=11) and min(times) >= 11


def test_a_webp_that_is_too_wide_is_refused():
    with pytest.raises(OutputError, match="at most 16383 pixels"):
        check_webp(width=16384, height=1)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_rows_are_expanded_to_what_was_compressed(bits):
    values = np.random.default_rng(bits).integers(0, 1 << bits, (7, 13), dtype=np.uint8)
    data = compress_rows(values, bits=bits, values=1 << bits, fast=True)
    np.testing.assert_array_equal(expand_rows(data, height=7, width=13, bits=bits), values)
