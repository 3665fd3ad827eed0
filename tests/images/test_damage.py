"""Damaged files of every format: each is refused in one line, or its pixels are right.

A test takes all the damaged copies of one sample, so that the sample itself is decoded once.
"""

import io
import subprocess
import sys
import warnings
from functools import cache

import numpy as np
import pytest
from PIL import Image
from support import damage

from colorquant import images
from colorquant.errors import ImageReadError

SAMPLES = damage.samples()
CHECKSUMMED = tuple(name for name in SAMPLES if name.startswith("png"))
MISSING_ROWS = "claims rows that are missing"
# Damage that cannot be seen: a plain PPM has no mark of its end, so that its last number can lose a digit; the other
# decoders fill up the rows that are missing, without a message. These files are read, and their pixels are wrong.
INVISIBLE = {
    ("ppm-text", "the last 2 bytes missing"),
    *((n, MISSING_ROWS) for n in ("jpeg-restart", "jpeg-mpo", "tiff-fax")),
}
SIZE_UNREAD = {"ico"}  # the image inside the icon has its own size, which counts
SIZE_FITTED = {"avif"}  # the decoder scales the image to the size that the header claims
READ_ON = {"ppm-text", "jp2-boxes"}  # what follows the end is read as more of the file
FIRST_FRAME_WHOLE = ("webp-animated", "jpeg-mpo", "tiff-pages")  # in half of the file


def read(data: bytes) -> images.Picture | None:
    """The image, or None where it is refused in one line that says what to do."""
    try:
        return images.read_image(data)
    except ImageReadError as error:
        assert len(str(error).splitlines()) == 1
        assert ": " in str(error)
        return None


@cache
def sample(name: str) -> images.Picture:
    """A sample, decoded once for all tests."""
    picture = read(SAMPLES[name])
    assert picture is not None
    return picture


def same(one: images.Picture | None, other: images.Picture) -> bool:
    if one is None:
        return False
    if one.alpha is None or other.alpha is None:
        return one.alpha is other.alpha and np.array_equal(one.rgb, other.rgb)
    return np.array_equal(one.rgb, other.rgb) and np.array_equal(one.alpha, other.alpha)


def whole(picture: images.Picture, data: bytes) -> bool:
    """Whether it has the size that the header claims."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
    return picture.rgb.shape in ((height, width, 3), (width, height, 3)) and (
        picture.alpha is None or picture.alpha.shape == picture.rgb.shape[:2]
    )


every_sample = pytest.mark.parametrize("name", SAMPLES)


@every_sample
def test_the_samples_are_read(name):
    picture = sample(name)
    assert picture.rgb.shape == (damage.HEIGHT, damage.WIDTH, 3)
    error = np.abs(picture.rgb.astype(int) - damage.picture()).mean()
    gray = any(word in name for word in ("gray", "bilevel", "fax", "packbits", "16-bit"))
    assert gray or error < 26, "it is the image that was written, but for losses"


def test_an_interlaced_picture_is_right():
    assert np.array_equal(sample("png-interlaced").rgb, damage.picture())


@every_sample
def test_a_cut_file_is_refused_or_has_all_pixels(name):
    for how, data in damage.cut(name, SAMPLES[name]):
        picture = read(data)
        if (name, how) in INVISIBLE:
            assert picture is not None, how
            assert not same(picture, sample(name)), how
        else:
            assert picture is None or same(picture, sample(name)), how
        if how in ("cut at 5%", "cut at 50%") and name not in FIRST_FRAME_WHOLE:
            assert picture is None, how
    for length in (1, 2, 3, 4, 8, 12, 16, 20, 26):
        assert read(SAMPLES[name][:length]) is None


@every_sample
def test_changed_bytes_are_noticed_or_give_a_whole_image(name):
    """With checksums they are noticed; without, the image has its size, or is refused."""
    for kind in ("flipped", "zeroed"):
        for how, data in damage.DAMAGES[kind](name, SAMPLES[name]):
            picture = read(data)
            if picture is not None and name in CHECKSUMMED:
                assert same(picture, sample(name)), how
            elif picture is not None:
                assert whole(picture, data), how


@every_sample
def test_bytes_after_the_end_change_nothing(name):
    for how, data in damage.followed(name, SAMPLES[name]):
        picture = read(data)
        assert (picture is None and name in READ_ON) or same(picture, sample(name)), how


@every_sample
def test_a_header_with_another_size_is_refused(name):
    kind = name.split("-")[0]
    for how, data in damage.lying(name, SAMPLES[name]):
        picture = read(data)
        if (name, how) in INVISIBLE:
            assert picture is not None, how
        elif kind in SIZE_UNREAD:
            assert same(picture, sample(name)), how
        elif kind in SIZE_FITTED:
            assert picture is None or whole(picture, data), how
        else:
            assert picture is None, how


@pytest.mark.parametrize("name", damage.bombs())
def test_a_bomb_is_refused(name):
    assert read(damage.bombs()[name]) is None


@pytest.mark.parametrize("name", damage.with_broken_metadata())
def test_broken_metadata_change_no_pixel(name):
    broken, plain = damage.with_broken_metadata()[name]
    picture, expected = read(broken), read(plain)
    assert expected is not None
    assert picture is None or same(picture, expected)


@pytest.mark.parametrize("data", [b"", damage.HTML, b"\0" * 5000, b"\n", b"\xff" * 5000, b"P6", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_at_all_is_refused(data):
    assert read(data) is None


def test_file_name_endings_do_not_count(tmp_path):
    for number, (name, data) in enumerate(SAMPLES.items()):
        path = tmp_path / f"{number}.{('jpg', 'png', 'txt', 'tif')[number % 4]}"
        path.write_bytes(data)
        assert same(images.read_image(path), sample(name)), name


def test_broken_files_are_a_line_each(tmp_path, run):
    cases = {
        "empty.png": b"",
        "page.jpg": damage.HTML,
        "cut.jpg": SAMPLES["jpeg-baseline"][:400],
        "lying.bmp": next(damage.lying("bmp-rgb", SAMPLES["bmp-rgb"]))[1],
        "bomb.png": damage.bombs()["png that holds 400 million pixels"],
    }
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "whole.png").write_bytes(SAMPLES["png-rgb"])
    result = run("kmeans", tmp_path, "-k", 4, "-o", tmp_path / "out")
    assert result.exit_code == 1
    for name in cases:
        (line,) = [line for line in result.stderr.splitlines() if name in line]
        assert line.startswith("Error: ")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["whole-kmeans4.png"]


def test_messages_of_libtiff_are_not_shown(tmp_path):
    """LibTIFF writes to standard error itself; that is discarded, and one line of ours per file remains."""
    for name in ("tiff-lzw", "tiff-deflate", "tiff-packbits", "tiff-fax"):
        broken = [data for _, data in damage.zeroed(name, SAMPLES[name]) if read(data) is None]
        assert broken
        for number, data in enumerate(broken):
            (tmp_path / f"{name}-{number}.tif").write_bytes(data)
    paths = sorted(tmp_path.iterdir())
    words = [sys.executable, "-m", "colorquant", "kmeans", *paths, "-o", tmp_path / "out", "-q"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert len(lines) == len(paths)
    assert all(line.startswith("Error: ") for line in lines)
