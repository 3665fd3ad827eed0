"""Image files to arrays: the right pixels, or a refusal. These files are made here; test_corpora.py reads suites."""

import io
import logging
import re
import struct
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from support.builders import chunk, encoded, png, profile, tiff
from support.pictures import random_picture

from colorquant import images
from colorquant.errors import ImageReadError
from colorquant.images import decoding
from colorquant.images.decoding import Reading
from colorquant.images.metadata import Density

LOSSLESS = {
    **{kind: {} for kind in ("PNG", "BMP", "TIFF", "GIF", "PPM", "TGA", "QOI", "JPEG2000", "ICO")},
    "WEBP": {"lossless": True},
}
LOSSY = {"JPEG": {}, "AVIF": {}}
ORIENTED = {"JPEG": {"quality": 95}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "AVIF": {"quality": 95}}


def picture_of(kind: str, height: int = 48, width: int = 48) -> Image.Image:
    """Few colours: a GIF keeps them."""
    return Image.fromarray(random_picture(1, height, width, levels=4))


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_are_read_as_they_are(kind):
    image = picture_of(kind)
    data = encoded(image, kind, **LOSSLESS[kind], **({"sizes": [(48, 48)]} if kind == "ICO" else {}))
    picture = images.read_image(data)
    assert np.array_equal(picture.rgb, np.asarray(image))
    assert picture.alpha is None
    assert picture.bytes_in == len(data)
    assert picture.notes == ()


@pytest.mark.parametrize("kind", LOSSY)
def test_lossy_formats_are_read(kind, thumbnail):
    picture = images.read_image(encoded(Image.fromarray(thumbnail), kind, quality=95))
    assert np.abs(picture.rgb.astype(int) - thumbnail).mean() < 6
    assert picture.notes == ()


@pytest.mark.parametrize("kind", [*LOSSLESS, *LOSSY])
def test_the_content_decides_not_the_ending(kind, tmp_path):
    path = tmp_path / "wrong.qoi" if kind != "QOI" else tmp_path / "wrong.png"
    path.write_bytes(encoded(picture_of(kind), kind))
    assert images.read_image(path).rgb.shape == (48, 48, 3)


@pytest.mark.parametrize("mode", ["1", "L", "P", "PA", "LA", "RGBX", "YCbCr"])
def test_other_modes_become_rgb(mode):
    image = Image.fromarray(random_picture(2)).convert(mode)
    picture = images.read_image(encoded(image, "TIFF"))
    assert np.array_equal(picture.rgb, np.asarray(image.convert("RGB")))


def test_plain_and_deep_ppm():
    assert images.read_image(b"P3 2 1 255 1 2 3 4 5 6").rgb.tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert images.read_image(b"P1 3 1 101").rgb[0, :, 0].tolist() == [0, 255, 0]
    picture = images.read_image(b"P6 1 1 65535\n" + struct.pack(">3H", 128, 129, 65535))
    assert picture.rgb.tolist() == [[[0, 1, 255]]]
    assert picture.notes == ("16 bits a channel reduced to 8",)


@pytest.mark.parametrize("highest", [1, 15, 100, 1000, 65535])
@pytest.mark.parametrize(("magic", "samples"), [(b"P5", 1), (b"P6", 3), (b"P2", 1), (b"P3", 3)])
def test_the_highest_value_of_a_ppm_is_white(highest, magic, samples):
    values = np.random.default_rng(highest).integers(0, highest + 1, (5, 4, samples))
    head = magic + f"\n# a comment\n4 5\n{highest}\n".encode()
    plain = magic in (b"P2", b"P3")
    body = b" ".join(b"%d" % value for value in values.ravel()) + b"\n"
    picture = images.read_image(head + (body if plain else values.astype(">u2" if highest > 255 else "u1").tobytes()))
    assert np.abs(picture.rgb - values * 255 / highest).max() <= 0.51
    if not plain:
        with pytest.raises(ImageReadError, match="truncated"):
            images.read_image(head + values.astype(">u2" if highest > 255 else "u1").tobytes()[:-1])


# Depth and alpha


def rounded(values: np.ndarray) -> np.ndarray:
    return (values.astype(int) + 128) // 257


@pytest.fixture
def deep() -> np.ndarray:
    """Values of 16 bits, (9, 7, 4), with those on both sides of rounding."""
    values = np.random.default_rng(3).integers(0, 65536, (9, 7, 4)).astype(np.uint16)
    edges = np.arange(63)[:, None] * 257 * 4 + np.array([-128, -129, 128, 129])
    return np.where(np.random.default_rng(4).random((9, 7, 4)) < 0.5, edges.reshape(9, 7, 4) % 65536, values).astype(
        np.uint16
    )


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("kind", "samples"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bits_of_a_png_are_rounded(deep, kind, samples, interlaced):
    picture = images.read_image(png(deep[:, :, :samples], 16, kind, interlaced=interlaced))
    expected = rounded(deep[:, :, :samples])
    colors = expected[:, :, : samples - 1] if samples in (2, 4) else expected
    assert np.array_equal(picture.rgb, np.broadcast_to(colors, (9, 7, 3)))
    assert (picture.alpha is None) == (samples in (1, 3))
    assert picture.alpha is None or np.array_equal(picture.alpha, expected[:, :, -1])
    assert picture.notes == ("16 bits a channel reduced to 8",)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize(("samples", "photometric", "extra"), [(1, 1, ()), (3, 2, ()), (4, 2, (2,)), (4, 2, (0,))])
def test_16_bits_of_a_tiff_are_rounded(deep, order, deflate, samples, photometric, extra):
    data = tiff(deep[:, :, :samples], photometric, order=order, deflate=deflate, extra=extra, rows=4)
    picture = images.read_image(data)
    expected = rounded(deep[:, :, :samples])
    assert np.array_equal(picture.rgb, np.broadcast_to(expected[:, :, :3], (9, 7, 3)))
    assert (picture.alpha is None) == (extra != (2,))
    assert picture.alpha is None or np.array_equal(picture.alpha, expected[:, :, 3])


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bits_in_planes_are_right_and_said_where_cut(deep, order):
    rgb = deep[:, :, :3]
    plain = images.read_image(tiff(rgb, 2, order=order, rows=4, apart=True))
    assert np.array_equal(plain.rgb, rounded(rgb))
    cut = images.read_image(tiff(rgb, 2, order=order, rows=4, apart=True, deflate=True))
    assert np.array_equal(cut.rgb, rgb >> 8)
    assert cut.notes == ("16 bits a channel cut, not rounded, to 8",)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize(("samples", "photometric", "extra"), [(1, 1, ()), (3, 2, ()), (4, 2, (2,)), (4, 5, ())])
def test_planes_are_put_together(deep, order, deflate, samples, photometric, extra):
    for values in (deep[:, :, :samples], (deep[:, :, :samples] >> 8).astype(np.uint8)):
        if photometric == 5 and values.itemsize == 2:
            continue  # Pillow has no way, and refuses it uncompressed
        together, apart = (
            images.read_image(
                tiff(values, photometric, order=order, deflate=deflate, extra=extra, rows=4, apart=planes)
            )
            for planes in (False, True)
        )
        assert np.abs(apart.rgb.astype(int) - together.rgb).max() <= (1 if deflate and values.itemsize == 2 else 0)
        assert (apart.alpha is None) == (together.alpha is None)


@pytest.mark.parametrize("deflate", [False, True])
def test_gray_and_alpha_apart_are_refused(deep, deflate):
    with pytest.raises(ImageReadError, match="channels together"):
        images.read_image(tiff((deep[:, :, :2] >> 8).astype(np.uint8), 1, extra=(2,), apart=True, deflate=deflate))


def test_white_is_zero_in_16_bits_too(deep):
    picture = images.read_image(tiff(deep[:, :, :1], 0))
    assert np.array_equal(picture.rgb[:, :, 0], rounded(65535 - deep[:, :, 0].astype(int)))


def test_16_bit_gray_of_jpeg_2000_is_rounded(deep):
    picture = images.read_image(encoded(Image.fromarray(deep[:, :, 0]), "JPEG2000"))
    assert np.array_equal(picture.rgb[:, :, 2], rounded(deep[:, :, 0]))
    assert picture.notes == ("16 bits a channel reduced to 8",)


def test_deep_colour_of_jpeg_2000_is_refused():
    """Pillow would give black for white."""
    bright = np.full((64, 64, 3), 65535, np.uint16)
    with pytest.raises(ImageReadError, match="16 bits a channel in colour: convert it"):
        images.read_image(cv2.imencode(".jp2", bright)[1].tobytes())


def test_16_bit_cmyk_is_rounded():
    picture = images.read_image(tiff(np.full((2, 3, 4), [65535 - 128 * 257, 65535, 65535, 0], np.uint16), 5))
    assert picture.rgb.reshape(-1, 3).tolist() == [[128, 0, 0]] * 6
    assert picture.notes[1:] == ("CMYK without a colour profile converted naively",)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_are_refused(mode):
    data = encoded(Image.fromarray(random_picture(5)).convert(mode), "TIFF")
    with pytest.raises(ImageReadError, match="32 bits"):
        images.read_image(data)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("interlaced", [False, True])
def test_transparent_gray_of_every_depth(bits, interlaced):
    levels = np.arange(2**bits)[-8:].reshape(1, -1, 1)
    key = struct.pack(">H", int(levels[0, -1, 0]))
    picture = images.read_image(png(levels, bits, 0, (b"tRNS", key), interlaced=interlaced))
    assert picture.alpha.tolist() == [[255] * (levels.size - 1) + [0]]
    expected = (levels * 255 + (2**bits - 1) // 2) // (2**bits - 1)
    assert np.array_equal(picture.rgb, np.repeat(expected, 3, axis=2))


@pytest.mark.parametrize("bits", [8, 16])
def test_one_transparent_colour(bits):
    colors = np.array([[[1, 2, 3], [1, 2, 4], [200, 2, 3]]]) * (257 if bits == 16 else 1)
    colors[0, 1, 2] = colors[0, 0, 2] + 1  # differs in the low byte alone
    key = struct.pack(">3H", *colors[0, 0].tolist())
    assert images.read_image(png(colors, bits, 2, (b"tRNS", key))).alpha.tolist() == [[0, 255, 255]]


def test_transparency_of_a_palette():
    rows = np.array([[[0], [1], [2]]])
    chunks = [(b"PLTE", bytes([9, 8, 7, 1, 2, 3, 255, 0, 5])), (b"tRNS", bytes([0, 100]))]
    picture = images.read_image(png(rows, 2, 3, *chunks))
    assert picture.alpha.tolist() == [[0, 100, 255]]
    assert picture.rgb.tolist() == [[[9, 8, 7], [1, 2, 3], [255, 0, 5]]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "TGA", "ICO", "QOI", "JPEG2000"])
def test_alpha_is_read_and_an_opaque_one_dropped(kind):
    rgba = np.dstack([random_picture(3, 16, 16), random_picture(4, 16, 16)[:, :, :1]])
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {"sizes": [(16, 16)]} if kind == "ICO" else {}
    picture = images.read_image(encoded(Image.fromarray(rgba), kind, **options))
    assert np.array_equal(np.dstack([picture.rgb, picture.alpha]), rgba)
    rgba[:, :, 3] = 255
    assert images.read_image(encoded(Image.fromarray(rgba), kind, **options)).alpha is None


def test_gray_alpha_and_bitmap_icons():
    pair = random_picture(5, 16, 16)[:, :, :2]
    picture = images.read_image(encoded(Image.fromarray(pair), "PNG"))
    assert np.array_equal(picture.rgb[:, :, 1], pair[:, :, 0])
    assert np.array_equal(picture.alpha, pair[:, :, 1])
    rgba = np.dstack([random_picture(6, 16, 16), random_picture(7, 16, 16)[:, :, :1]])
    picture = images.read_image(encoded(Image.fromarray(rgba), "ICO", sizes=[(16, 16)], bitmap_format="bmp"))
    assert np.array_equal(np.dstack([picture.rgb, picture.alpha]), rgba)


@pytest.mark.parametrize("compression", [1, 5])
def test_every_page_of_16_bits_is_rounded(compression):
    rng = np.random.default_rng(3)
    pages = [rng.integers(0, 65536, (8, 9, 3), np.uint16) for _ in range(3)]
    whole, data = cv2.imencodemulti(
        ".tif", [page[:, :, ::-1] for page in pages], [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    )
    assert whole
    for number, page in enumerate(pages):
        picture = images.read_image(data.tobytes(), Reading(number))
        assert np.array_equal(picture.rgb, (page.astype(int) + 128) // 257)
        assert picture.notes[0] == "16 bits a channel reduced to 8"


# Orientation, density, metadata


def with_exif(kind: str, image: Image.Image, tags: dict[int, object], **options: object) -> bytes:
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    return encoded(image, kind, exif=exif, **{**ORIENTED[kind], **options})


@pytest.mark.parametrize("kind", ORIENTED)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind, orientation):
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :24], upright[:16, 24:], upright[16:, :24] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    transpose = Image.Transpose
    stored = {  # what a viewer turns back
        2: transpose.FLIP_LEFT_RIGHT,
        3: transpose.ROTATE_180,
        4: transpose.FLIP_TOP_BOTTOM,
        5: transpose.TRANSPOSE,
        6: transpose.ROTATE_90,
        7: transpose.TRANSVERSE,
        8: transpose.ROTATE_270,
    }
    image = Image.fromarray(upright)
    lying = image if orientation == 1 else image.transpose(stored[orientation])
    picture = images.read_image(with_exif(kind, lying, {274: orientation}))
    assert picture.rgb.shape == upright.shape
    assert np.abs(picture.rgb.astype(int) - upright)[4::24, 4::24].max() < 30
    assert picture.notes == ()
    assert picture.metadata.dropped == ()


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg"])
@pytest.mark.parametrize("shape", [(48, 80), (80, 48)])
def test_strips_of_a_tiff_that_lies_on_its_side_are_counted_as_they_are_stored(shape, compression):
    lying = random_picture(8, *shape)
    exif = Image.Exif()
    exif[274] = 6
    options = {"compression": compression, "strip_size": 16 * shape[1] * 3, "dpi": (72, 300)}
    data = encoded(Image.fromarray(lying), "TIFF", exif=exif, **options)
    picture = images.read_image(data)
    assert picture.rgb.shape == (*shape[::-1], 3)
    if compression != "jpeg":
        assert np.array_equal(picture.rgb, np.rot90(lying, -1))
    assert (picture.density.x, picture.density.y) == (300, 72)


def test_a_strip_that_is_missing_is_seen_in_a_tiff_that_lies_on_its_side():
    exif = Image.Exif()
    exif[274] = 6
    image, options = Image.fromarray(random_picture(9, 80, 16)), {"compression": "tiff_lzw", "strip_size": 16 * 16 * 3}
    data = encoded(image, "TIFF", exif=exif, **options)
    count = re.compile(struct.pack("<H", 273) + rb"(.)\0" + struct.pack("<I", 5))  # of their offsets
    fewer, found = count.subn(struct.pack("<H", 273) + rb"\1\0" + struct.pack("<I", 4), data)
    assert found == 1
    with pytest.raises(ImageReadError, match="4 of 5 strips"):
        images.read_image(fewer)


def test_alpha_is_turned_too():
    rgba = np.zeros((4, 6, 4), np.uint8)
    rgba[0, 0, 3] = 77
    picture = images.read_image(with_exif("PNG", Image.fromarray(rgba), {274: 6}))
    assert picture.alpha.shape == (6, 4)
    assert picture.alpha[0, 3] == 77


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_metadata_of_a_file_are_kept_separately(kind):
    image = picture_of(kind)
    data = with_exif(kind, image, {274: 6, 315: "A painter", 305: "A program"}, xmp=b"<x:xmpmeta/>")
    found = images.read_image(data).metadata
    exif = Image.Exif()
    exif.load(found.exif)
    assert dict(exif) == {315: "A painter", 305: "A program"}
    assert found.xmp == b"<x:xmpmeta/>"
    assert found.dropped == ("metadata dropped: EXIF, XMP",)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_pngs_and_tiffs_tell_it_elsewhere(kind):
    data = with_exif(kind, picture_of(kind), {274: 6, 315: "A painter"})
    if kind == "PNG":
        data = data[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta/>") + data[33:]
    found = images.read_image(data).metadata
    exif = Image.Exif()
    exif.load(found.exif)
    assert dict(exif) == {315: "A painter"}
    assert found.xmp == (b"<x:xmpmeta/>" if kind == "PNG" else None)
    assert found.texts == ()


def test_places_and_details_are_kept_aside_technicalities_not():
    tags = {34665: {36864: b"0232", 33434: 0.5, 40962: 48}, 34853: {1: "N"}, 282: 72.0, 274: 3}
    exif = Image.Exif()
    exif.load(images.read_image(with_exif("JPEG", picture_of("JPEG"), tags)).metadata.exif)
    assert exif.get_ifd(34665)[33434] == 0.5
    assert exif.get_ifd(34853) == {1: "N"}
    assert set(exif) == {34665, 34853}
    dull = {34665: {36864: b"0232", 40962: 48}, 282: 72.0, 274: 1}
    assert images.read_image(with_exif("JPEG", picture_of("JPEG"), dull)).metadata.dropped == ()


def test_an_orientation_in_xmp_is_applied_once():
    xmp = b'<x:xmpmeta tiff:Orientation="6" a="b"/>'
    picture = images.read_image(encoded(picture_of("JPEG", 16, 32), "JPEG", xmp=xmp))
    assert picture.rgb.shape == (32, 16, 3)
    assert picture.metadata.xmp == b'<x:xmpmeta  a="b"/>'


def test_texts_are_kept_aside():
    texts = png(
        np.zeros((1, 1, 1), int), 8, 0, (b"tEXt", b"Title\0A name"), (b"iTXt", b"Author\0\0\0\0\0M\xc3\xbcller")
    )
    found = images.read_image(texts).metadata
    assert found.texts == (("Title", "A name"), ("Author", "Müller"))
    assert found.dropped == ("metadata dropped: texts",)
    comment = images.read_image(encoded(picture_of("JPEG"), "JPEG", comment=b"hello")).metadata
    assert comment.texts == (("Comment", "hello"),)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_damaged_exif_does_not_make_a_picture_unreadable(kind):
    data = encoded(picture_of(kind), kind, exif=b"Exif\0\0II*\0\xff\xff\xff\xff rubbish")
    picture = images.read_image(data)
    assert picture.rgb.shape == (48, 48, 3)
    assert picture.metadata.exif is None


@pytest.mark.parametrize(("kind", "tolerance"), [("PNG", 0.02), ("JPEG", 0.5), ("TIFF", 0.01), ("BMP", 0.02)])
def test_density_is_told(kind, tolerance):
    density = images.read_image(encoded(picture_of(kind), kind, dpi=(300, 150))).density
    assert density.per_inch
    assert (density.x, density.y) == pytest.approx((300, 150), abs=tolerance)
    assert images.read_image(encoded(picture_of(kind), kind)).density is None or kind == "BMP"


def test_density_turns_with_the_picture_and_may_be_a_shape():
    turned = images.read_image(with_exif("PNG", picture_of("PNG"), {274: 6}, dpi=(300, 150)))
    assert turned.density.x == pytest.approx(150, abs=0.02)
    one = np.zeros((1, 1, 1), int)
    shape = images.read_image(png(one, 8, 0, (b"pHYs", struct.pack(">IIB", 2, 1, 0))))
    assert shape.density == Density(2, 1, False)
    assert images.read_image(png(one, 8, 0, (b"pHYs", struct.pack(">IIB", 1, 1, 0)))).density is None
    assert images.read_image(png(one, 8, 0, (b"pHYs", struct.pack(">IIB", 0, 9, 1)))).density is None


# Colour profiles


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_a_profile_is_converted_to_srgb(kind):
    image, options = Image.fromarray(random_picture(8)), {"lossless": True} if kind == "WEBP" else {}
    picture = images.read_image(encoded(image, kind, icc_profile=profile("swapped"), **options))
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile("swapped")))
    expected = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
    assert np.array_equal(picture.rgb, np.asarray(expected))
    assert not np.array_equal(picture.rgb, np.asarray(image))
    assert re.fullmatch(r"converted from its colour profile \(.+\) to sRGB", *picture.notes)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_an_srgb_profile_changes_nothing(mode):
    image = Image.fromarray(random_picture(9)).convert(mode)
    picture = images.read_image(encoded(image, "PNG", icc_profile=profile("sRGB")))
    assert np.array_equal(picture.rgb, np.asarray(image.convert("RGB")))
    assert picture.notes == ()


def test_a_profile_leaves_alpha_alone():
    rgba = np.dstack([random_picture(10), random_picture(11)[:, :, :1]])
    picture = images.read_image(encoded(Image.fromarray(rgba), "PNG", icc_profile=profile("swapped")))
    opaque = images.read_image(encoded(Image.fromarray(rgba[:, :, :3]), "PNG", icc_profile=profile("swapped")))
    assert np.array_equal(picture.alpha, rgba[:, :, 3])
    assert np.array_equal(picture.rgb, opaque.rgb)


@pytest.mark.parametrize("data", [b"rubbish" * 40, profile("sRGB")[:200]])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_damaged_profile_is_ignored_and_said(mode, data):
    image = Image.fromarray(random_picture(12)).convert(mode)
    picture = images.read_image(encoded(image, "TIFF", icc_profile=data))
    assert np.array_equal(picture.rgb, np.asarray(image.convert("RGB")))
    assert picture.notes[0] == "its colour profile ignored: damaged, or not of these pixels"


def test_a_profile_of_other_pixels_is_ignored():
    image = Image.fromarray(random_picture(13)).convert("CMYK")
    picture = images.read_image(encoded(image, "TIFF", icc_profile=profile("sRGB")))
    assert len(picture.notes) == 2


@pytest.mark.parametrize(("kind", "tolerance"), [("TIFF", 0), ("JPEG", 3)])
def test_cmyk_without_a_profile_is_converted_naively(kind, tolerance):
    image = Image.new("RGB", (16, 16), (250, 120, 10)).convert("CMYK")
    picture = images.read_image(encoded(image, kind, **({"quality": 100} if kind == "JPEG" else {})))
    assert np.abs(picture.rgb.astype(int) - (250, 120, 10)).max() <= tolerance, "a JPEG of Adobe's is inverted"
    assert picture.notes == ("CMYK without a colour profile converted naively",)


def test_cielab_becomes_srgb():
    image = Image.fromarray(np.arange(100, 200, dtype=np.uint8).reshape(5, 20, 1).repeat(3, axis=2))
    lab = ImageCms.profileToProfile(
        image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    picture = images.read_image(encoded(lab, "TIFF"))
    assert np.abs(picture.rgb.astype(int) - np.asarray(image)).max() <= 2
    assert picture.notes == ("converted from CIELAB to sRGB",)


# Frames


def animation(kind: str) -> tuple[list[np.ndarray], bytes]:
    frames = [np.full((20, 24, 3), color, np.uint8) for color in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    pictures = [Image.fromarray(frame) for frame in frames]
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind in ("MPO", "AVIF") else {}
    return frames, encoded(pictures[0], kind, save_all=True, append_images=pictures[1:], **options)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO", "AVIF"])
def test_a_frame_is_chosen(kind):
    frames, data = animation(kind)
    for number, frame in enumerate(frames):
        picture = images.read_image(data, Reading(frame=number))
        assert np.abs(picture.rgb.astype(int) - frame).max() <= 4
        others = "; colorquant video takes all" if kind in ("GIF", "PNG", "WEBP") else ""
        assert picture.notes == (f"of 3 frames only number {number} is taken (--frame){others}",)
    assert np.array_equal(images.read_image(data).rgb, images.read_image(data, Reading(frame=0)).rgb)
    with pytest.raises(ImageReadError, match="has 3 frames, there is no --frame 3: give 0 to 2"):
        images.read_image(data, Reading(frame=3))


def test_an_icons_pictures_are_frames():
    data = encoded(picture_of("ICO"), "ICO", sizes=[(16, 16), (48, 48)])
    assert images.read_image(data).rgb.shape == (48, 48, 3)
    assert images.read_image(data, Reading(frame=1)).rgb.shape == (16, 16, 3)
    with pytest.raises(ImageReadError, match="no --frame 2"):
        images.read_image(data, Reading(frame=2))


def test_one_frame_is_no_animation():
    with pytest.raises(ImageReadError, match="has only one frame, there is no --frame 1: give 0"):
        images.read_image(encoded(picture_of("PNG"), "PNG"), Reading(frame=1))


# Damage


FORMATS = ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "ICO", "QOI", "AVIF", "JPEG2000"]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("seed", [0, 5])
def test_a_truncated_file_is_refused_or_whole(kind, seed, thumbnail):
    """Cut anywhere: what is read has all pixels, and nothing is read from less than nine tenths."""
    image = Image.fromarray(random_picture(5, 48, 48) if seed else thumbnail[:48, :48])
    data = encoded(image, kind, **({"sizes": [(48, 48)]} if kind == "ICO" else {}))
    whole, read = images.read_image(data).rgb, []
    for length in sorted({*range(len(data) - 30, len(data)), *np.linspace(0, len(data) - 1, 60).astype(int).tolist()}):
        try:
            picture = images.read_image(data[:length])
        except ImageReadError as error:
            assert "\n" not in str(error)
        else:
            assert np.array_equal(picture.rgb, whole)
            read.append(length)
    assert all(length > 0.9 * len(data) for length in read)


@pytest.mark.parametrize("kind", FORMATS)
def test_bytes_after_the_end_change_nothing(kind):
    data = encoded(picture_of(kind), kind)
    assert np.array_equal(images.read_image(data + b"garbage" * 20).rgb, images.read_image(data).rgb)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_a_tiff_without_its_last_strip_is_refused(compression):
    data = encoded(picture_of("TIFF"), "TIFF", compression=compression, tiffinfo={278: 8})
    assert images.read_image(data).rgb.shape == (48, 48, 3)
    with Image.open(io.BytesIO(data)) as image:
        directory, strips = image.tag_v2.offset, len(image.tag_v2[273])
    lying = bytearray(data)
    for at in range(directory + 2, directory + 2 + 12 * struct.unpack_from("<H", data, directory)[0], 12):
        if struct.unpack_from("<H", data, at)[0] == 257:
            lying[at + 8 : at + 12] = struct.pack("<I", 8 * strips + 8)
    with pytest.raises(ImageReadError, match="strips or tiles"):
        images.read_image(bytes(lying))


def test_a_strip_with_too_few_rows_is_refused():
    data = bytearray(encoded(picture_of("TIFF"), "TIFF", compression="jpeg"))
    (directory,) = struct.unpack_from("<I", data, 4)
    for at in range(directory + 2, directory + 2 + 12 * struct.unpack_from("<H", data, directory)[0], 12):
        if struct.unpack_from("<H", data, at)[0] in (257, 278):
            data[at + 8 : at + 12] = struct.pack("<I", 96)
    with pytest.raises(ImageReadError, match="48 of 96 rows"):
        images.read_image(bytes(data))


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_with_too_few_rows_is_refused(progressive, thumbnail):
    data = bytearray(encoded(Image.fromarray(thumbnail), "JPEG", progressive=progressive))
    assert images.read_image(bytes(data), Reading(strict=True)).notes == ()
    at = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[at + 5 : at + 7] = struct.pack(">H", 2 * thumbnail.shape[0])
    with pytest.raises(ImageReadError, match="before its rows do"):
        images.read_image(bytes(data))


def test_a_jpeg_cut_and_closed_is_refused(thumbnail):
    data = encoded(Image.fromarray(thumbnail), "JPEG")
    with pytest.raises(ImageReadError, match="before its rows do"):
        images.read_image(data[: len(data) * 4 // 5] + b"\xff\xd9")


def test_a_gray_jpeg_is_not_taken_for_a_cut_one():
    for mode in ("L", "RGB", "CMYK"):
        picture = images.read_image(encoded(Image.new("RGB", (40, 40), (128, 128, 128)).convert(mode), "JPEG"))
        assert np.abs(picture.rgb.astype(int) - 128).max() <= 1


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("samples", [1, 3, 4])
def test_half_the_rows_of_a_png_are_refused(samples, interlaced):
    values, kind = random_picture(14, 33, 31)[:, :, [0, 1, 2, 0][:samples]] | 1, {1: 0, 3: 2, 4: 6}[samples]
    for strict in (False, True):
        whole = images.read_image(png(values, 8, kind, interlaced=interlaced), Reading(strict=strict))
        assert np.array_equal(whole.rgb, np.broadcast_to(values[:, :, :3], (33, 31, 3)))
        for keep in (0.5, 0.99):
            with pytest.raises(ImageReadError, match="truncated"):
                images.read_image(png(values, 8, kind, interlaced=interlaced, keep=keep), Reading(strict=strict))


def test_a_black_picture_is_whole():
    black = np.zeros((30, 20, 1), int)
    for bits in (1, 2, 4, 8, 16):
        assert not images.read_image(png(black, bits, 0), Reading(strict=True)).rgb.any()
        with pytest.raises(ImageReadError, match="its rows have"):
            images.read_image(png(black, bits, 0, keep=0.9))


def test_strict_refuses_more_data_than_rows():
    data = png(random_picture(15), 8, 2, more=b"more")
    assert images.read_image(data).rgb.shape == (20, 30, 3)
    with pytest.raises(ImageReadError, match="--strict"):
        images.read_image(data, Reading(strict=True))


def test_a_bomb_in_the_data_costs_no_memory():
    data = png(np.zeros((4, 4, 1), int), 8, 0, more=bytes(50_000_000))
    assert images.read_image(data).rgb.shape == (4, 4, 3)


def test_a_wrong_checksum_is_refused():
    data = bytearray(encoded(Image.fromarray(random_picture(6, 32, 32)), "PNG"))
    data[data.index(b"IDAT") + 40] ^= 1
    with pytest.raises(ImageReadError):
        images.read_image(bytes(data))
    icon = bytearray(encoded(Image.fromarray(random_picture(6, 32, 32)), "ICO", sizes=[(32, 32)]))
    icon[icon.index(b"IDAT") + 40] ^= 1
    with pytest.raises(ImageReadError):
        images.read_image(bytes(icon))


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


@pytest.mark.parametrize("name", ["missing.png", "", "a\0b"])
def test_unreadable_paths_are_errors_not_tracebacks(name, tmp_path):
    with pytest.raises(ImageReadError):
        images.read_image(tmp_path / name)


def test_a_device_is_refused():
    with pytest.raises(ImageReadError, match="not a file"):
        images.read_image("/dev/zero")


# Size


def claiming(size: int) -> bytes:
    """A BMP of 8 × 8 pixels that claims ``size`` × ``size``."""
    data = bytearray(encoded(Image.new("1", (8, 8)), "BMP"))
    data[18:26] = size.to_bytes(4, "little") * 2
    return bytes(data)


@pytest.mark.parametrize("size", [13_350, 40_000])  # just over our limit, and over Pillow's
def test_a_bomb_is_refused_by_its_header(size):
    with pytest.raises(ImageReadError, match=r"claims .*more than 178,000,000 pixels.*--max-pixels"):
        images.read_image(claiming(size))


def test_the_limit_can_be_moved_both_ways():
    with pytest.raises(ImageReadError, match="more than 400 pixels"):
        images.read_image(encoded(picture_of("PNG"), "PNG"), Reading(max_pixels=400))
    with pytest.raises(ImageReadError, match="truncated"):  # so it got past both limits
        images.read_image(claiming(20_000), Reading(max_pixels=400_000_000))
    assert images.read_image(encoded(picture_of("PNG"), "PNG"), Reading(max_pixels=48 * 48)).rgb.shape == (48, 48, 3)


def settings() -> tuple[object, ...]:
    """What decoding could change for the whole program."""
    return Image.MAX_IMAGE_PIXELS, list(warnings.filters), warnings.showwarning, list(logging.getLogger("PIL").handlers)


def test_reading_changes_no_setting_of_the_program():
    before = settings()
    assert 2 * Image.MAX_IMAGE_PIXELS >= decoding.MAX_PIXELS
    images.read_image(encoded(picture_of("PNG"), "PNG"), Reading(max_pixels=10**9))
    with pytest.raises(ImageReadError):
        images.read_image(claiming(20_000), Reading(max_pixels=10**9))
    assert settings() == before


def test_readings_in_many_threads_restore_the_settings():
    """Each sees Pillow's limit raised and its warnings ignored, whatever the others do."""
    before = settings()
    large, small = claiming(20_000), encoded(picture_of("PNG"), "PNG")

    def read(number: int) -> str:
        try:
            images.read_image(large if number % 2 else small, Reading(max_pixels=10**9))
        except ImageReadError as error:
            return str(error)
        return "read"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(read, range(16)))
    assert set(outcomes[::2]) == {"read"}
    assert all("truncated" in outcome for outcome in outcomes[1::2])
    assert settings() == before


def test_importing_the_reader_changes_no_setting_of_the_program():
    code = (
        "import logging, warnings; from PIL import Image, ImageFile; import numpy; "
        "state = lambda: (Image.MAX_IMAGE_PIXELS, list(warnings.filters), logging.getLogger('PIL').handlers[:]); "
        "before = state(); import colorquant.images; assert state() == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_picture_within_an_icon_counts():
    icon = encoded(Image.new("RGB", (16, 16)), "ICO", sizes=[(16, 16)])
    inner = encoded(Image.new("1", (600, 600)), "PNG")
    data = icon[:14] + struct.pack("<II", len(inner), 22) + inner
    assert images.read_image(data).rgb.shape == (600, 600, 3)
    with pytest.raises(ImageReadError, match="600 × 600"):
        images.read_image(data, Reading(max_pixels=300_000))


# Label maps


@pytest.mark.parametrize(("kind", "bits"), [*((0, bits) for bits in (1, 2, 4, 8, 16)), (3, 1), (3, 2), (3, 4), (3, 8)])
def test_label_maps_of_every_depth(bits, kind, tmp_path):
    labels = np.random.default_rng(bits).integers(0, 2**bits, (7, 9))
    palette = [(b"PLTE", random_picture(1, 1, min(256, 2**bits)).tobytes())] if kind == 3 else []
    path = tmp_path / "labels.png"
    path.write_bytes(png(labels[:, :, None], bits, kind, *palette))
    assert np.array_equal(images.read_label_map(path), labels)


def test_what_is_no_label_map_is_refused(tmp_path):
    path = tmp_path / "labels.png"
    for data in (encoded(picture_of("PNG"), "PNG"), encoded(picture_of("BMP"), "BMP"), b"", b"text"):
        path.write_bytes(data)
        with pytest.raises(ImageReadError):
            images.read_label_map(path)
    path.write_bytes(png(np.ones((40, 40, 1), int), 8, 0, keep=0.5))
    with pytest.raises(ImageReadError, match="its rows have"):
        images.read_label_map(path)


# Resizing


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
    with pytest.raises(ImageReadError, match="64 × 64 at 4 times its pixels, more than 1,000: use a smaller scale"):
        images.resize(images.Picture(np.zeros((32, 32, 3), np.uint8), None, 5), 4)
