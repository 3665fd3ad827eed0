"""Damaged files of every format: each is refused, or its picture is right."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support import damage

from colorquant import images
from colorquant.errors import ImageReadError

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),  # as images.py does; pytest resets it
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]
SAMPLES = damage.samples()
CHECKSUMMED = tuple(name for name in SAMPLES if name.startswith("png"))
ENDS = {".png": b"\x89PNG", ".jpg": b"\xff\xd8"}
NO_END = "the file has no mark of its end, and its last number lost a digit"
FILLED_UP = "the decoder fills up what is missing, and does not tell"
ROWS = "claims rows that do not come"
LIMITS = {
    ("ppm-text", "the last 2 bytes missing"): NO_END,
    **dict.fromkeys([(name, ROWS) for name in ("jpeg-restart", "jpeg-mpo", "tiff-fax")], FILLED_UP),
}
UNREAD = {"ico"}  # the picture inside tells its size again, and counts
FITTED = {"avif"}  # the decoder fits the picture into the size that is claimed
OWN_WORDS_AFTER = {"ppm-text", "jp2-boxes"}  # what follows is read as more of the same


def read(data: bytes) -> images.Picture | None:
    """The picture, or None where it is refused in one line."""
    try:
        return images.read_image(data)
    except ImageReadError as error:
        assert len(str(error).splitlines()) == 1
        assert ": " in str(error), "it says what to do"
        return None


def same(one: images.Picture, other: images.Picture) -> bool:
    if one.alpha is None or other.alpha is None:
        return one.alpha is other.alpha and np.array_equal(one.rgb, other.rgb)
    return np.array_equal(one.rgb, other.rgb) and np.array_equal(one.alpha, other.alpha)


def whole(picture: images.Picture, data: bytes) -> bool:
    """Whether it has the size that the header claims."""
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    return picture.rgb.shape in ((height, width, 3), (width, height, 3)) and (
        picture.alpha is None or picture.alpha.shape == picture.rgb.shape[:2]
    )


def each(kind: str) -> list:
    """Every broken file of a kind as a case; what cannot be seen is expected to fail."""
    return [
        pytest.param(
            name,
            data,
            id=f"{name}, {how}",
            marks=[pytest.mark.xfail(reason=LIMITS[name, how], strict=True)] if (name, how) in LIMITS else [],
        )
        for name in SAMPLES
        for how, data in damage.DAMAGES[kind](name, SAMPLES[name])
    ]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_are_read(name):
    picture = read(SAMPLES[name])
    assert picture is not None
    assert picture.rgb.shape == (damage.HEIGHT, damage.WIDTH, 3)
    error = np.abs(picture.rgb.astype(int) - damage.picture()).mean()
    gray = any(word in name for word in ("gray", "bilevel", "fax", "packbits", "16-bit"))
    assert gray or error < 26, "it is the picture that was written, but for losses"


def test_an_interlaced_picture_is_right():
    assert np.array_equal(read(SAMPLES["png-interlaced"]).rgb, damage.picture())


@pytest.mark.parametrize(("name", "data"), each("cut"))
def test_a_cut_file_is_refused_or_lost_no_pixel(name, data):
    picture = read(data)
    assert picture is None or same(picture, read(SAMPLES[name]))


@pytest.mark.parametrize("name", SAMPLES)
def test_half_a_file_is_refused(name):
    for how, data in damage.cut(name, SAMPLES[name]):
        if how in ("cut at 5%", "cut at 50%") and not (name == "webp-animated" or name.endswith(("mpo", "pages"))):
            assert read(data) is None, how


@pytest.mark.parametrize("kind", ["flipped", "zeroed"])
@pytest.mark.parametrize("name", SAMPLES)
def test_changed_bytes(name, kind):
    """With checksums they are noticed; without, a whole picture comes out, or none."""
    for how, data in damage.DAMAGES[kind](name, SAMPLES[name]):
        picture = read(data)
        if picture is not None and name in CHECKSUMMED:
            assert same(picture, read(SAMPLES[name])), how
        elif picture is not None:
            assert whole(picture, data), how


@pytest.mark.parametrize(("name", "data"), each("followed"))
def test_what_follows_the_end_does_not_matter(name, data):
    picture = read(data)
    assert (picture is None and name in OWN_WORDS_AFTER) or same(picture, read(SAMPLES[name]))


@pytest.mark.parametrize(("name", "data"), each("lying"))
def test_a_lying_header_is_refused(name, data):
    picture = read(data)
    kind = name.split("-")[0]
    if kind in UNREAD:
        assert same(picture, read(SAMPLES[name]))
    elif kind in FITTED:
        assert picture is None or whole(picture, data)
    else:
        assert picture is None


@pytest.mark.parametrize("name", damage.bombs())
def test_a_bomb_is_refused(name):
    assert read(damage.bombs()[name]) is None


@pytest.mark.parametrize("name", damage.with_broken_metadata())
def test_broken_metadata_costs_no_pixel(name):
    broken, plain = damage.with_broken_metadata()[name]
    picture = read(broken)
    assert picture is None or same(picture, read(plain))


@pytest.mark.parametrize("data", [b"", damage.HTML, b"\0" * 5000, b"\n", b"\xff" * 5000, b"P6", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_at_all_is_refused(data):
    assert read(data) is None


@pytest.mark.parametrize("name", SAMPLES)
def test_the_beginning_of_a_file_is_refused(name):
    for length in (1, 2, 3, 4, 8, 12, 16, 20, 26):
        assert read(SAMPLES[name][:length]) is None


def test_endings_do_not_count(tmp_path):
    for number, (name, data) in enumerate(SAMPLES.items()):
        path = tmp_path / f"{number}.{('jpg', 'png', 'txt', 'tif')[number % 4]}"
        path.write_bytes(data)
        assert same(images.read_image(path), read(data)), name


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


@pytest.mark.parametrize("name", ["tiff-lzw", "tiff-deflate", "tiff-packbits", "tiff-fax"])
def test_what_libtiff_says_is_not_heard(name, tmp_path):
    """It writes on standard error beside Python; that goes nowhere, and one line of ours remains."""
    broken = [data for _, data in damage.zeroed(name, SAMPLES[name]) if read(data) is None]
    assert broken
    for number, data in enumerate(broken):
        (tmp_path / f"{number}.tif").write_bytes(data)
    words = [sys.executable, "-m", "colorquant", "kmeans", *sorted(tmp_path.iterdir()), "-o", tmp_path / "out", "-q"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert len(lines) == len(broken)
    assert all(line.startswith("Error: ") for line in lines)
