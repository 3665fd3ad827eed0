"""Pictures in strips: libvips's pixels are those of read_image, and files written by strips those of the encoders."""

from __future__ import annotations

import io
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from colorquant.errors import ColorquantError, EngineError, ImageReadError
from colorquant.images import encoding, png, read_image, strips
from colorquant.images.decoding import Reading
from colorquant.images.strip_writing import indexed_png, label_map, truecolour_png

HEIGHT, WIDTH = 530, 37  # three strips, the last one short


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    noise = np.random.default_rng(0).integers(0, 9, (HEIGHT, WIDTH, 3))
    return (np.stack([x * 6, y // 3, x + y // 4], axis=2) + noise).astype(np.uint8)


@pytest.fixture(scope="module")
def alpha() -> np.ndarray:
    return np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))


def wide_profile() -> bytes:
    """The profile of sRGB with red and green exchanged, as one that changes every colour."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


def files(rgb: np.ndarray, alpha: np.ndarray) -> dict[str, bytes]:
    """Files of many kinds that are read by strips."""
    color = Image.fromarray(rgb)
    gray, translucent = color.convert("L"), Image.fromarray(np.dstack([rgb, alpha]))
    deep = Image.fromarray(rgb[:, :, 0].astype(np.uint16) * 257 + rgb[:, :, 1])
    key = tuple(int(value) for value in rgb[5, 5])
    icc = {"icc_profile": wide_profile()}
    kinds: list[tuple[str, Image.Image, str, dict[str, object]]] = [
        ("rgb.png", color, "PNG", {"dpi": (300, 300)}),
        ("gray.png", gray, "PNG", {}),
        ("bilevel.png", color.convert("1"), "PNG", {}),
        ("palette.png", color.quantize(40), "PNG", {}),
        ("palette-key.png", color.quantize(40), "PNG", {"transparency": 3}),
        ("key.png", color, "PNG", {"transparency": key}),
        ("gray-key.png", gray, "PNG", {"transparency": 7}),
        ("rgba.png", translucent, "PNG", {}),
        ("la.png", translucent.convert("LA"), "PNG", {}),
        ("deep.png", deep, "PNG", {}),
        ("icc.png", color, "PNG", icc),
        ("icc-alpha.png", translucent, "PNG", icc),
        ("bad-icc.png", color, "PNG", {"icc_profile": b"no profile" * 20}),
        ("rgb.jpg", color, "JPEG", {"quality": 90, "comment": b"a comment"}),
        ("progressive.jpg", color, "JPEG", {"quality": 30, "progressive": True, **icc}),
        ("gray.jpg", gray, "JPEG", {}),
        ("raw.tif", color, "TIFF", {}),
        ("lzw.tif", translucent, "TIFF", {"compression": "tiff_lzw"}),
        ("deflate.tif", deep, "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("jpeg.tif", color, "TIFF", {"compression": "jpeg"}),
        ("fax.tif", color.convert("1"), "TIFF", {"compression": "group4"}),
        ("icc.tif", gray, "TIFF", icc),
        ("cmyk.jpg", color.convert("CMYK"), "JPEG", {"quality": 90}),
        ("cmyk.tif", color.convert("CMYK"), "TIFF", {"compression": "tiff_lzw"}),
    ]
    found = {}
    for name, image, kind, options in kinds:
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        found[name] = stream.getvalue()
    found["gamma.png"] = found["rgb.png"][:33] + png.chunk(b"gAMA", (60_000).to_bytes(4, "big")) + found["rgb.png"][33:]
    deep_rgb = np.dstack([rgb.astype(">u2") * 257 + rgb[:, :, ::-1] // 2]).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in deep_rgb)
    head = png.SIGNATURE + png.header(WIDTH, HEIGHT, 16, 2)
    end = png.chunk(b"IDAT", zlib.compress(rows)) + png.chunk(b"IEND", b"")
    found["deep-rgb.png"] = head + end
    found["deep-gamma.png"] = head + png.chunk(b"gAMA", (60_000).to_bytes(4, "big")) + end
    return found


@pytest.fixture(scope="module")
def kinds(rgb: np.ndarray, alpha: np.ndarray) -> dict[str, bytes]:
    return files(rgb, alpha)


def whole(image: strips.StripImage) -> tuple[np.ndarray, np.ndarray]:
    """All strips together, with alpha 255 where they have none."""
    parts = list(image.strips())
    alphas = [np.full(rgb.shape[:2], 255, np.uint8) if alpha is None else alpha for rgb, alpha in parts]
    return np.concatenate([rgb for rgb, _ in parts]), np.concatenate(alphas)


@pytest.mark.parametrize("treatment", ["keep", "white"])
def test_strips_are_what_is_read_whole(kinds, tmp_path, treatment):
    reading = Reading(alpha=treatment)
    for name, data in kinds.items():
        path = tmp_path / name
        path.write_bytes(data)
        picture, image = read_image(path, reading), strips.open_strips(path, reading)
        rgb, alpha = whole(image)
        assert np.array_equal(rgb, picture.rgb), name
        expected = np.full(rgb.shape[:2], 255) if picture.alpha is None else picture.alpha
        assert np.array_equal(alpha, expected), name
        assert (image.notes, image.warnings) == (picture.notes, picture.warnings), name
        assert (image.density, image.metadata) == (picture.density, picture.metadata), name
        assert (image.bytes_in, image.height, image.width) == (picture.bytes_in, HEIGHT, WIDTH), name
        assert np.array_equal(whole(image)[0], rgb), name  # the second pass


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_strips_are_turned_upright(rgb, alpha, tmp_path, monkeypatch, name, orientation):
    monkeypatch.setattr(strips, "ROWS", 100)
    path, exif = tmp_path / name, Image.Exif()
    exif[274], exif[270] = orientation, "a description"
    pixels = rgb if name == "a.jpg" else np.dstack([rgb, alpha])
    Image.fromarray(pixels).save(path, exif=exif, dpi=(100, 300))
    picture, image = read_image(path), strips.open_strips(path)
    turned, opacity = whole(image)
    assert (image.height, image.width) == turned.shape[:2] == picture.rgb.shape[:2]
    assert np.array_equal(turned, picture.rgb)
    expected = np.full(turned.shape[:2], 255) if picture.alpha is None else picture.alpha
    assert np.array_equal(opacity, expected)
    assert (image.density, image.metadata, image.notes) == (picture.density, picture.metadata, picture.notes)
    assert np.array_equal(whole(image)[0], turned)  # the second pass
    assert max(len(strip) for strip, _ in image.strips()) <= 100


def test_a_turned_picture_without_room_for_a_temporary_file_is_refused(rgb, tmp_path, monkeypatch):
    path, exif = tmp_path / "a.jpg", Image.Exif()
    exif[274] = 6
    Image.fromarray(rgb).save(path, exif=exif)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(ImageReadError, match="TMPDIR"):
        whole(strips.open_strips(path))


def test_what_is_read_whole_alone_is_refused(rgb, tmp_path):
    color, path = Image.fromarray(rgb), tmp_path / "a"
    odd: list[tuple[str, Image.Image, dict[str, object], str]] = [
        ("TIFF", color.convert("CMYK"), {"compression": "jpeg"}, "gray, RGB, CMYK or a palette"),
        ("TIFF", color.convert("LAB"), {}, "gray, RGB, CMYK or a palette"),
        ("PNG", color, {"save_all": True, "append_images": [color.rotate(180)]}, "an animation"),
        ("WEBP", color, {}, "PNG, JPEG and TIFF"),
        ("BMP", color, {}, "PNG, JPEG and TIFF"),
    ]
    for kind, image, options, words in odd:
        image.save(path, kind, **options)
        read_image(path)
        with pytest.raises(ImageReadError, match=words):
            strips.open_strips(path)
    color.save(path, "PNG")
    with pytest.raises(ImageReadError, match="more than 100 pixels"):
        strips.open_strips(path, Reading(max_pixels=100))
    with pytest.raises(ImageReadError, match="frame 1 of the file"):
        strips.open_strips(path, Reading(frame=1))
    with pytest.raises(ImageReadError, match="no such file"):
        strips.open_strips(tmp_path / "none.png")


def test_damaged_files_are_refused_or_are_what_is_read_whole(kinds, tmp_path):
    random, path = np.random.default_rng(5), tmp_path / "damaged"
    for name, data in kinds.items():
        changed = [data[: len(data) * share // 100] for share in (15, 70, 97)]
        for _ in range(3):
            at = int(random.integers(len(data) // 2, len(data) - 4))
            changed.append(data[:at] + random.integers(0, 256, 3, np.uint8).tobytes() + data[at + 3 :])
        middle = len(data) * 3 // 4
        changed.append(data[:middle] + bytes(300) + data[middle + 300 :])
        for number, broken in enumerate(changed):
            path.write_bytes(broken)
            try:
                rgb, _ = whole(strips.open_strips(path))
            except ImageReadError:
                continue
            assert np.array_equal(rgb, read_image(path).rgb), (name, number)


def test_a_file_that_changes_between_the_passes_is_refused(rgb, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(rgb).save(path)
    image = strips.open_strips(path)
    Image.fromarray(rgb[:-7]).save(path)
    with pytest.raises(ImageReadError, match="changed while it was read"):
        whole(image)


def test_a_file_that_replaces_another_is_read_anew(rgb, tmp_path):
    pyvips = pytest.importorskip("pyvips")
    path = tmp_path / "a.tif"
    for pixels in (rgb, 255 - rgb):
        memory = pyvips.Image.new_from_memory(pixels.tobytes(), WIDTH, HEIGHT, 3, "uchar")
        memory.copy(interpretation="srgb").tiffsave(path, tile=True, compression="deflate")
        assert np.array_equal(whole(strips.open_strips(path))[0], pixels)


def test_without_pyvips_the_remedy_is_named(kinds, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(kinds["rgb.png"])
    monkeypatch.setattr(strips, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"pip install 'colorquant\[large\]'"):
        strips.open_strips(path)


def written(writer, path: Path, rows: np.ndarray, step: int) -> bytes:
    """The file that a writer makes of strips of ``step`` rows."""
    with writer:
        for top in range(0, len(rows), step):
            writer.write(rows[top : top + step])
        writer.finish()
    return path.read_bytes()


@pytest.mark.parametrize("step", [1, 100, 1000])
@pytest.mark.parametrize(("k", "transparent"), [(2, False), (5, True), (16, False), (200, True), (256, False)])
def test_indexed_png_by_strips_has_the_bytes_of_the_whole(tmp_path, step, k, transparent):
    random, path = np.random.default_rng(k), tmp_path / "a"
    labels = random.integers(0, k, (301, 23)).astype(np.uint8)
    colors = random.integers(0, 256, (k, 3), np.uint8)
    alpha = np.full(k, 255, np.uint8)
    alpha[-1] = 0 if transparent else 255
    path.touch()
    data = written(indexed_png(path, path, labels.shape, colors, alpha), path, labels, step)
    assert data == png.encode_indexed(labels, colors, alpha)


@pytest.mark.parametrize("k", [3, 300])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("suffix", ["png", "npy", "tiff"])
def test_label_maps_by_strips_have_the_bytes_of_the_whole(tmp_path, k, transparent, suffix):
    path, temporary = tmp_path / f"a.{suffix}", tmp_path / "b"
    labels = np.random.default_rng(k).integers(0, k + transparent, (301, 23)).astype(np.uint16)
    labels[0, 0] = k - 1
    temporary.touch()
    writer = label_map(path, temporary, labels.shape, k, transparent=transparent)
    assert written(writer, temporary, labels, 100) == encoding.encode_label_map(labels, k, suffix)


@pytest.mark.parametrize("channels", [3, 4])
def test_truecolour_png_by_strips_has_the_bytes_of_the_whole(rgb, tmp_path, channels, monkeypatch):
    monkeypatch.setattr(png, "LARGEST_CHUNK", 1000)  # several chunks of pixels
    for module in (png, encoding):
        monkeypatch.setattr(module, "MANY_PIXELS", 100)
    path = tmp_path / "a.png"
    path.touch()
    pixels = rgb[:300]
    if channels == 4:
        pixels = np.dstack([pixels, pixels[:, :, 0]])
    data = written(truecolour_png(path, path, pixels.shape[:2], has_alpha=channels == 4), path, pixels, 64)
    assert data.count(b"IDAT") > 1
    assert data == encoding.encode_rgb(pixels[:, :, :3], pixels[:, :, 3] if channels == 4 else None)
    with Image.open(path) as image:
        image.verify()
    with Image.open(path) as image:
        assert np.array_equal(np.array(image), pixels)


def test_errors_of_strips_are_the_projects_own():
    with pytest.raises(ColorquantError):
        indexed_png(Path("a"), Path("a"), (1, 1), np.zeros((300, 3), np.uint8), None)
