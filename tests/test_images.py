import io
import os
import stat
import zlib

import numpy as np
import pytest
from conftest import random_picture, shared
from PIL import Image

from colorquant import encoding, files, images
from colorquant.errors import ImageReadError, OutputError

WRITABLE = {"png": "PNG", "bmp": "BMP", "tif": "TIFF", "gif": "GIF", "webp": "WEBP", "ppm": "PPM", "tga": "TGA"}


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", WRITABLE.values())
def test_lossless_formats_are_read_as_they_are(kind):
    rgb = random_picture(1, levels=4)  # few colours: GIF keeps them
    data = encoded(Image.fromarray(rgb), kind, **({"lossless": True} if kind == "WEBP" else {}))
    picture = images.read_image(data)
    assert np.array_equal(picture.rgb, rgb)
    assert picture.alpha is None
    assert picture.bytes_in == len(data)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_modes_become_rgb(mode):
    image = Image.fromarray(random_picture(2)).convert(mode)
    picture = images.read_image(encoded(image, "TIFF"))
    assert np.array_equal(picture.rgb, np.asarray(image.convert("RGB")))


def test_alpha_is_read_and_an_opaque_one_dropped():
    rgba = np.dstack([random_picture(3), random_picture(4)[:, :, :1]])
    picture = images.read_image(encoded(Image.fromarray(rgba), "PNG"))
    assert np.array_equal(np.dstack([picture.rgb, picture.alpha]), rgba)
    rgba[:, :, 3] = 255
    assert images.read_image(encoded(Image.fromarray(rgba), "PNG")).alpha is None


def test_16_bit_gray_is_rounded_not_clipped():
    values = np.array([[0, 128, 129, 300, 32768, 65535]], np.uint16)
    picture = images.read_image(encoded(Image.fromarray(values), "PNG"))
    assert picture.rgb[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]


def test_exif_orientation_is_applied():
    for path in sorted(shared("corpora/exif").glob("*_[2-8].jpg")):
        upright = images.read_image(path.with_name(path.name[:-5] + "1.jpg")).rgb.astype(int)
        turned = images.read_image(path).rgb.astype(int)
        assert turned.shape == upright.shape
        assert np.abs(turned - upright).mean() < 8, "the same picture, but for JPEG's losses"


def test_the_good_and_the_bad_of_pngsuite():
    files = sorted(shared("corpora/pngsuite").glob("*.png"))
    assert len(files) > 170
    for path in files:
        if path.name.startswith("x"):
            with pytest.raises(ImageReadError):
                images.read_image(path)
        else:
            assert images.read_image(path).rgb.size > 0


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA"])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9])
def test_truncated_files_are_refused(kind, kept):
    data = encoded(Image.fromarray(random_picture(5, 64, 64)), kind)
    with pytest.raises(ImageReadError):
        images.read_image(data[: int(len(data) * kept)])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello", "not an image"),
        (b"<html><body>404</body></html>", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not an image"),
    ],
)
def test_what_is_no_image_is_refused(data, words):
    with pytest.raises(ImageReadError, match=words):
        images.read_image(data)


def test_a_wrong_checksum_is_refused():
    data = bytearray(encoded(Image.fromarray(random_picture(6, 32, 32)), "PNG"))
    data[data.index(b"IDAT") + 40] ^= 1
    with pytest.raises(ImageReadError):
        images.read_image(bytes(data))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # as images.py does; pytest resets it
@pytest.mark.parametrize("size", [13_350, 40_000])  # just over our limit, and over Pillow's
def test_a_bomb_is_refused_by_its_header(size):
    data = bytearray(encoded(Image.new("1", (8, 8)), "BMP"))
    data[18:26] = size.to_bytes(4, "little") * 2
    with pytest.raises(ImageReadError, match=r"claims .*more than 178,000,000 pixels"):
        images.read_image(bytes(data))


@pytest.mark.parametrize("name", ["missing.png", "", "a\0b"])
def test_unreadable_paths_are_errors_not_tracebacks(name, tmp_path):
    with pytest.raises(ImageReadError):
        images.read_image(tmp_path / name)


def test_a_device_is_refused():
    with pytest.raises(ImageReadError, match="not a file"):
        images.read_image("/dev/zero")


@pytest.mark.parametrize(("colors", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (256, 8)])
def test_indexed_png_has_the_least_bits_and_exactly_the_palette(colors, bits):
    palette = random_picture(7, 1, colors)[0]
    labels = np.random.default_rng(8).integers(0, colors, (21, 13)).astype(np.uint8)
    data = encoding.encode_labels(labels, palette, None, gray=False)
    assert data[24:26] == bytes([bits, 3]), "bit depth, colour type 3: indexed"
    assert np.array_equal(images.read_image(data).rgb, palette[labels])


def test_more_colours_than_a_palette_holds_become_truecolour():
    palette = random_picture(9, 1, 300)[0]
    labels = np.arange(300, dtype=np.uint16).reshape(20, 15)
    data = encoding.encode_labels(labels, palette, None, gray=False)
    assert data[25] == 2
    assert np.array_equal(images.read_image(data).rgb, palette[labels])


@pytest.mark.parametrize("levels", [2, 5, 200])
def test_gray_takes_the_smaller_form(levels):
    gray = np.linspace(0, 255, levels).astype(np.uint8)
    labels = np.random.default_rng(1).integers(0, levels, (40, 40)).astype(np.uint8)
    palette = np.repeat(gray[:, None], 3, axis=1)
    data = encoding.encode_labels(labels, palette, None, gray=True)
    assert len(data) <= len(encoding.encode_labels(labels, palette, None, gray=False))
    assert np.array_equal(images.read_image(data).rgb, palette[labels])


@pytest.mark.parametrize(("levels", "indexed"), [(2, True), (5, True), (256, False)])
def test_alpha_goes_into_the_palette_where_it_fits(levels, indexed):
    palette = random_picture(10, 1, 6)[0]
    rng = np.random.default_rng(11)
    labels = rng.integers(0, 6, (60, 50)).astype(np.uint8)
    alpha = np.linspace(0, 255, levels).astype(np.uint8)[rng.integers(0, levels, (60, 50))]
    labels[alpha == 0] = 6
    data = encoding.encode_labels(labels, palette, alpha, gray=False)
    assert (data[25] == 3) == indexed
    picture = images.read_image(data)
    assert np.array_equal(picture.alpha, alpha)
    assert np.array_equal(picture.rgb[alpha > 0], palette[labels[alpha > 0]])


@pytest.mark.parametrize(
    ("k", "dtype", "hidden"), [(200, np.uint8, 255), (256, np.uint16, 65535), (256, np.uint8, None)]
)
def test_label_maps(k, dtype, hidden):
    labels = np.arange(k, dtype=np.uint16).reshape(8, -1)
    if hidden is not None:
        labels = np.concatenate([labels, np.full((1, labels.shape[1]), k, np.uint16)])
    with Image.open(io.BytesIO(encoding.encode_label_map(labels, k, "png"))) as image:
        numbers = np.array(image)
    exact = np.load(io.BytesIO(encoding.encode_label_map(labels, k, "npy")))
    assert numbers.dtype == dtype
    assert exact.dtype == np.int32
    assert np.array_equal(numbers[:8], labels[:8])
    assert np.array_equal(exact[:8], labels[:8])
    assert (numbers[8:] == (hidden or 0)).all()
    assert (exact[8:] == -1).all()


def test_a_file_is_written_whole_and_an_old_one_kept(tmp_path):
    path = tmp_path / "a.png"
    files.write_whole([(path, b"one")], force=False)
    with pytest.raises(OutputError, match="use --force"):
        files.write_whole([(path, b"two")], force=False)
    assert path.read_bytes() == b"one"
    files.write_whole([(path, b"two")], force=True)
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path], "no temporary file is left"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.png").write_bytes(b"old")
    link = tmp_path / "link.png"
    link.symlink_to("real.png")
    files.write_whole([(link, b"new")], force=True)
    assert link.is_symlink()
    assert (tmp_path / "real.png").read_bytes() == b"new"


def test_folders_are_made_for_what_is_written(tmp_path):
    files.write_whole([(tmp_path / "new" / "er" / "a.png", b"x")], force=False)
    assert (tmp_path / "new" / "er" / "a.png").read_bytes() == b"x"


@pytest.mark.parametrize("second", ["folder", "x" * 300, "file/b.png"])
def test_of_several_files_all_are_written_or_none(second, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError):
        files.write_whole([(tmp_path / "a.png", b"x"), (tmp_path / second, b"y")], force=True)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_transparent_gray_of_every_depth(bits):
    """A PNG of one row of gray levels, of which tRNS makes the last transparent."""
    levels = np.arange(2**bits, dtype=np.uint32)[-8:] if bits > 2 else np.arange(2**bits, dtype=np.uint32)
    row = "".join(format(level, f"0{bits}b") for level in levels)
    packed = bytes(int(row.ljust(-(-len(row) // 8) * 8, "0")[at : at + 8], 2) for at in range(0, len(row), 8))
    header = len(levels).to_bytes(4, "big") + b"\0\0\0\1" + bytes([bits, 0, 0, 0, 0])
    chunks = [(b"IHDR", header), (b"tRNS", int(levels[-1]).to_bytes(2, "big"))]
    chunks += [(b"IDAT", zlib.compress(b"\0" + packed)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        data += len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")
    picture = images.read_image(data)
    assert picture.alpha.tolist() == [[255] * (len(levels) - 1) + [0]]
    expected = (levels * 255 + (2**bits - 1) // 2) // (2**bits - 1)
    assert picture.rgb[0, :, 0].tolist() == expected.tolist()


@pytest.mark.parametrize("scale", [0.25, 1, 2.3])
def test_resizing_scales_the_pixels(scale):
    picture = images.resize(images.Picture(np.full((40, 90, 3), 77, np.uint8), None, 5), scale)
    height, width = picture.rgb.shape[:2]
    assert height * width == pytest.approx(3600 * scale, rel=0.02)
    assert width / height == pytest.approx(90 / 40, rel=0.02)
    assert (picture.rgb == 77).all()
    assert picture.alpha is None


def test_resizing_leaves_a_pixel():
    assert images.resize(images.Picture(np.zeros((1, 9, 3), np.uint8), None, 5), 1e-6).rgb.shape == (1, 1, 3)


def test_a_transparent_pixels_colour_does_not_bleed_when_resized():
    rgb, alpha = np.full((8, 8, 3), 200, np.uint8), np.full((8, 8), 255, np.uint8)
    rgb[:, :4], alpha[:, :4] = 0, 0
    picture = images.resize(images.Picture(rgb, alpha, 5), 4)
    assert picture.alpha is not None
    assert picture.alpha.shape == (16, 16)
    assert picture.rgb[picture.alpha > 32].min() > 190


def test_resizing_knows_the_limit_on_pixels(monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 1000)
    with pytest.raises(ImageReadError, match="64 × 64 at 4 times its pixels, more than 1,000: take a smaller scale"):
        images.resize(images.Picture(np.zeros((32, 32, 3), np.uint8), None, 5), 4)
