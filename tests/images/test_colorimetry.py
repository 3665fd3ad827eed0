"""PNGs that describe their colours by numbers: what they look like in sRGB, by formulas that are written here again."""

import struct

import numpy as np
import pytest
from PIL import Image
from support.builders import encoded, png, profile
from support.pictures import random_picture

from colorquant import images
from colorquant.errors import ImageReadError
from colorquant.images import colorimetry
from colorquant.images.decoding import Reading

SRGB_CHRM = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
P3_CHRM = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
ADOBE_CHRM = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
EDGES = np.array([0, 1, 2, 10, 11, 100, 127, 128, 200, 254, 255])


def gama(gamma: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


def chrm(numbers: tuple[int, ...]) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8i", *numbers)


def cicp(primaries: int, transfer: int, matrix: int = 0, full_range: int = 1) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, transfer, matrix, full_range])


def srgb_levels(light: np.ndarray) -> np.ndarray:
    """sRGB levels 0 to 255, not rounded, of linear light (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def srgb_light(levels: np.ndarray) -> np.ndarray:
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def bt709_light(levels: np.ndarray) -> np.ndarray:
    return np.where(levels < 0.0812428583, levels / 4.5, ((levels + 0.0992968268) / 1.0992968268) ** (1 / 0.45))


# From linear light to linear sRGB, as published: CSS Color 4 for Display P3, ITU-R BT.2087 for BT.2020, Lindbloom's
# matrix for Adobe RGB times the inverse of that for sRGB.
P3_TO_SRGB = [
    [1.2249401762805598, -0.22494017628055996, 0.0],
    [-0.04205695470968816, 1.0420569547096881, 0.0],
    [-0.019637554590334432, -0.07863604555063188, 1.0982736001409663],
]
BT2020_TO_BT709 = [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]]
ADOBE_TO_SRGB = [[1.398283, -0.398283, 0.0], [0.0, 1.0, 0.0], [0.0, -0.042939, 1.042939]]


def near(found: np.ndarray, exact: np.ndarray, tolerance: float = 1e-6) -> bool:
    """Whether levels are those nearest to ``exact``."""
    return bool(np.abs(found.astype(float) - exact).max() <= 0.5 + tolerance)


@pytest.mark.parametrize("gamma", [1.0, 0.35, 0.5, 0.55, 0.7, 2.5])
def test_a_gamma_alone_is_applied_to_every_level(gamma):
    levels = np.arange(256)
    picture = images.read_image(png(np.stack([levels, levels[::-1], levels], axis=1)[None], 8, 2, gama(gamma)))
    exact = srgb_levels((levels / 255) ** (1 / gamma))
    assert near(picture.rgb[0, :, 0], exact)
    assert np.array_equal(picture.rgb[0, :, 1], picture.rgb[0, ::-1, 0])
    assert picture.notes == (f"converted from gamma {gamma:g} (gAMA) to sRGB",)
    gray = images.read_image(png(levels[None, :, None], 8, 0, gama(gamma), chrm(P3_CHRM)))
    assert np.array_equal(gray.rgb[0, :, 0], picture.rgb[0, :, 0])


def test_half_of_the_light_is_188():
    """16 bits are converted before they are rounded: of the darkest of 8 bits there would be steps of 13 levels."""
    light = np.array([0, 1, 20, 257, 32768, 65535])
    expected = [0, 0, 1, 13, 188, 255]
    for samples, kind in ((1, 0), (2, 4), (3, 2), (4, 6)):
        values = np.repeat(light[None, :, None], samples, axis=2)
        picture = images.read_image(png(values, 16, kind, gama(1)))
        assert picture.rgb[0, :, 1].tolist() == expected
        if samples in (2, 4):
            assert picture.alpha[0].tolist() == [0, 0, 0, 1, 128, 255]
        assert picture.notes == ("16 bits a channel reduced to 8", "converted from gamma 1 (gAMA) to sRGB")


def test_every_level_of_16_bits_is_rounded_right():
    levels = np.arange(65536).reshape(256, 256, 1)
    gray = images.read_image(png(levels, 16, 0, gama(0.5)))
    assert near(gray.rgb[:, :, 0], srgb_levels((levels[:, :, 0] / 65535) ** 2))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_low_depths_and_transparent_colours(bits):
    palette = random_picture(1, 1, 2**bits)[0]
    labels = np.random.default_rng(2).integers(0, 2**bits, (6, 7))
    labels[0, :2] = 0, 1
    transparent = (b"tRNS", bytes([0, 100][: 2**bits]))
    indexed = images.read_image(png(labels[:, :, None], bits, 3, gama(1), (b"PLTE", palette.tobytes()), transparent))
    assert near(indexed.rgb, srgb_levels(palette[labels] / 255))
    assert np.array_equal(indexed.alpha, np.choose(np.minimum(labels, 2), [0, 100, 255]))
    gray = images.read_image(png(labels[:, :, None], bits, 0, gama(1), (b"tRNS", struct.pack(">H", 1))))
    assert near(gray.rgb[:, :, 0], srgb_levels(labels / (2**bits - 1)))
    assert np.array_equal(gray.alpha == 0, labels == 1)


@pytest.mark.parametrize(
    ("chunks", "light", "matrix", "name"),
    [
        ([cicp(12, 13)], srgb_light, P3_TO_SRGB, "Display P3 (cICP)"),
        ([cicp(12, 8)], lambda v: v, P3_TO_SRGB, "P3-D65 primaries and linear light (cICP)"),
        ([cicp(9, 1)], bt709_light, BT2020_TO_BT709, "BT.2020 primaries and the BT.709 curve (cICP)"),
        ([cicp(9, 15)], bt709_light, BT2020_TO_BT709, "BT.2020 primaries and the BT.709 curve (cICP)"),
        ([cicp(9, 4)], lambda v: v**2.2, BT2020_TO_BT709, "BT.2020 primaries and gamma 2.2 (cICP)"),
        ([cicp(1, 5)], lambda v: v**2.8, np.eye(3), "BT.709 primaries and gamma 2.8 (cICP)"),
        ([cicp(1, 6)], bt709_light, np.eye(3), "BT.709 primaries and the BT.709 curve (cICP)"),
        ([chrm(P3_CHRM)], srgb_light, P3_TO_SRGB, "its own primaries (cHRM)"),
        ([gama(1), chrm(P3_CHRM)], lambda v: v, P3_TO_SRGB, "its own primaries and gamma 1 (cHRM, gAMA)"),
        ([chrm(ADOBE_CHRM), gama(0.45455)], lambda v: v**2.19998, ADOBE_TO_SRGB, "its own primaries and gamma 0.45455"),
    ],
)
def test_primaries_and_curves_are_converted(chunks, light, matrix, name):
    levels = np.stack(np.meshgrid(EDGES, EDGES, EDGES, indexing="ij"), axis=-1).reshape(11, 121, 3)
    picture = images.read_image(png(levels, 8, 2, *chunks))
    assert near(picture.rgb, srgb_levels(light(levels / 255) @ np.array(matrix).T), 0.005)
    assert picture.notes[0].startswith(f"converted from {name}")
    deep = images.read_image(png(levels * 257, 16, 2, *chunks))
    assert np.array_equal(deep.rgb, picture.rgb)


def test_display_p3_has_the_values_that_are_known():
    """From CSS Color 4: red and green of Display P3 lie outside sRGB, #808080 is gray in both."""
    colors = np.array([[[255, 0, 0], [0, 255, 0], [128, 128, 128], [234, 51, 35], [255, 255, 255]]])
    picture = images.read_image(png(colors, 8, 2, cicp(12, 13)))
    assert picture.rgb[0].tolist() == [[255, 0, 0], [0, 255, 0], [128, 128, 128], [255, 0, 0], [255, 255, 255]]


def test_white_stays_white_whatever_it_is():
    for primaries in colorimetry.PRIMARIES:
        for transfer in colorimetry.TRANSFERS:
            picture = images.read_image(png(np.array([[[255] * 3, [0] * 3]]), 8, 2, cicp(primaries, transfer)))
            assert picture.rgb[0].tolist() == [[255] * 3, [0] * 3]


def test_narrow_range_is_widened():
    levels = np.array([0, 16, 17, 100, 234, 235, 255])
    expected = np.clip((levels - 16) / 219, 0, 1) * 255
    for bits, scale in ((8, 1), (16, 256)):
        picture = images.read_image(png(levels[None, :, None] * scale, bits, 0, cicp(1, 13, full_range=0)))
        assert near(picture.rgb[0, :, 0], expected)
        assert "narrow range" in picture.notes[-1]


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [(b"sRGB", b"\0")],
        [gama(0.45455)],
        [gama(0.45)],
        [chrm(SRGB_CHRM)],
        [gama(0.45455), chrm((31269, 32899, 63999, 33001, 30000, 60000, 15000, 5999))],
        [cicp(1, 13)],
        [cicp(2, 2)],
        [(b"sRGB", b"\3"), gama(1), chrm(P3_CHRM)],
        [cicp(1, 13), gama(1), chrm(P3_CHRM)],
        [gama(0.45455), gama(1)],
    ],
)
def test_what_is_srgb_stays_as_it_is(chunks, monkeypatch):
    monkeypatch.setattr(colorimetry.ColorEncoding, "to_srgb", None)  # nothing is even looked up
    rgb = random_picture(3)
    for bits in (8, 16):
        picture = images.read_image(png(rgb.astype(int) * (257 if bits == 16 else 1), bits, 2, *chunks))
        assert np.array_equal(picture.rgb, rgb)
        assert not [note for note in picture.notes if "converted" in note or "ignored" in note]


def with_chunks(data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with more chunks behind its header."""
    head = png(np.zeros((1, 1, 1), int), 8, 0, *chunks)
    return data[:33] + head[33 : head.index(b"IDAT") - 4] + data[33:]


def test_a_profile_goes_before_gamma_and_cicp_before_a_profile():
    rgb = random_picture(4)
    plain = encoded(Image.fromarray(rgb), "PNG", icc_profile=profile("swapped"))
    swapped = images.read_image(plain)
    both = images.read_image(with_chunks(plain, gama(1), chrm(P3_CHRM)))
    assert np.array_equal(both.rgb, swapped.rgb)
    assert both.notes == swapped.notes
    assert np.array_equal(images.read_image(with_chunks(plain, cicp(1, 13))).rgb, rgb)
    p3 = images.read_image(with_chunks(plain, cicp(12, 13), gama(1)))
    assert near(p3.rgb, srgb_levels(srgb_light(rgb / 255) @ np.array(P3_TO_SRGB).T), 0.005)


def test_gamma_stands_in_for_a_damaged_profile():
    rgb = random_picture(5)
    data = with_chunks(encoded(Image.fromarray(rgb), "PNG", icc_profile=b"rubbish" * 40), gama(1))
    picture = images.read_image(data)
    assert near(picture.rgb, srgb_levels(rgb / 255))
    assert picture.notes == (
        "its colour profile ignored: damaged, or not of these pixels",
        "converted from gamma 1 (gAMA) to sRGB",
    )


@pytest.mark.parametrize(
    ("chunk", "note"),
    [
        ((b"gAMA", b"\0\0\0\0"), "its gAMA chunk is ignored: damaged"),
        ((b"gAMA", b"\xff" * 4), "its gAMA chunk is ignored: damaged"),
        ((b"gAMA", b"\0" * 300), "its gAMA chunk is ignored: damaged"),
        (chrm((0,) * 8), "its cHRM chunk is ignored: damaged"),
        (chrm((31270, 32900, 64000, 33000, 64000, 33000, 15000, 6000)), "its cHRM chunk is ignored: damaged"),
        (chrm((10, 90000, 64000, 33000, 30000, 60000, 15000, 6000)), "its cHRM chunk is ignored: damaged"),
        (chrm((31270, -32900, 64000, 33000, 30000, 60000, 15000, 6000)), "its cHRM chunk is ignored: damaged"),
        ((b"cHRM", b"\0" * 36), "its cHRM chunk is ignored: damaged"),
        (cicp(3, 13), "its cICP chunk is ignored: damaged, or not of RGB colours"),
        (cicp(1, 77), "its cICP chunk is ignored: damaged, or not of RGB colours"),
        (cicp(1, 13, 1), "its cICP chunk is ignored: damaged, or not of RGB colours"),
        (cicp(9, 16, 9), "its cICP chunk is ignored: damaged, or not of RGB colours"),
        (cicp(1, 13, 0, 2), "its cICP chunk is ignored: damaged, or not of RGB colours"),
        ((b"cICP", b"\1\r\0"), "its cICP chunk is ignored: damaged, or not of RGB colours"),
    ],
)
def test_damaged_chunks_are_ignored_with_a_note(chunk, note):
    rgb = random_picture(6)
    picture = images.read_image(png(rgb, 8, 2, chunk))
    assert np.array_equal(picture.rgb, rgb)
    assert picture.notes == (note,)


@pytest.mark.parametrize("chunk", [(b"gAMA", b"\0\1"), (b"cHRM", b"\0" * 31)])
def test_chunks_that_are_too_short_are_ignored_or_refused_in_a_line(chunk):
    rgb = random_picture(6)
    try:
        assert np.array_equal(images.read_image(png(rgb, 8, 2, chunk)).rgb, rgb)
    except ImageReadError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("transfer", "words"), [(16, "the HDR transfer PQ"), (18, "the HDR transfer HLG"), (9, "logarithmic"), (17, "428")]
)
def test_what_cannot_be_converted_is_refused_in_a_line(transfer, words, run, tmp_path):
    data = png(random_picture(7), 8, 2, cicp(9, transfer))
    with pytest.raises(ImageReadError, match=rf"{words}.*\(cICP\): convert it to sRGB first"):
        images.read_image(data)
    (tmp_path / "hdr.png").write_bytes(data)
    result = run("kmeans", tmp_path / "hdr.png")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_the_png_within_an_icon_is_converted_too():
    rgb = random_picture(8, 16, 16)
    inner = png(rgb, 8, 2, gama(1))
    icon = encoded(Image.fromarray(rgb), "ICO", sizes=[(16, 16)])[:14] + struct.pack("<II", len(inner), 22) + inner
    assert near(images.read_image(icon).rgb, srgb_levels(rgb / 255))


def test_every_frame_of_an_animation_is_converted():
    frames = [Image.fromarray(random_picture(seed)) for seed in (9, 10)]
    data = with_chunks(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]), gama(1))
    for number, frame in enumerate(frames):
        assert near(images.read_image(data, Reading(number)).rgb, srgb_levels(np.asarray(frame) / 255))


def avif(primaries: int, transfer: int, **options: object) -> tuple[np.ndarray, bytes]:
    """An AVIF with these code points, and the pixels that it holds."""
    image = Image.fromarray(random_picture(11, 16, 16, levels=3) * 100)
    data = encoded(image, "AVIF", quality=100, subsampling="4:4:4", **options)
    place = data.index(b"colrnclx") + 8
    patched = data[:place] + struct.pack(">HH", primaries, transfer) + data[place + 4 :]
    return images.read_image(data).rgb, patched


@pytest.mark.parametrize(
    ("primaries", "transfer", "light", "matrix", "name"),
    [
        (12, 13, srgb_light, P3_TO_SRGB, "Display P3 (nclx)"),
        (9, 14, srgb_light, BT2020_TO_BT709, "BT.2020 primaries and the sRGB curve (nclx)"),
        (1, 8, lambda v: v, np.eye(3), "BT.709 primaries and linear light (nclx)"),
    ],
)
def test_the_code_points_of_an_avif_are_converted(primaries, transfer, light, matrix, name):
    levels, data = avif(primaries, transfer)
    picture = images.read_image(data)
    assert near(picture.rgb, srgb_levels(light(levels / 255) @ np.array(matrix).T), 0.005)
    assert picture.notes == (f"converted from {name} to sRGB",)


@pytest.mark.parametrize(("primaries", "transfer"), [(1, 13), (1, 1), (2, 2), (1, 6), (2, 13)])
def test_an_ordinary_avif_stays_as_it_is(primaries, transfer):
    levels, data = avif(primaries, transfer)
    picture = images.read_image(data)
    assert np.array_equal(picture.rgb, levels)
    assert picture.notes == ()


def test_other_code_points_of_an_avif():
    for transfer in (16, 18):
        with pytest.raises(ImageReadError, match=r"HDR transfer .* \(nclx\): convert it to sRGB first"):
            images.read_image(avif(9, transfer)[1])
    levels, data = avif(3, 13)
    picture = images.read_image(data)
    assert np.array_equal(picture.rgb, levels)
    assert picture.notes == ("its nclx box is ignored: unknown code points",)


def test_a_profile_of_an_avif_goes_before_its_code_points():
    swapped, data = avif(12, 13, icc_profile=profile("swapped"))
    both = images.read_image(data)
    assert np.array_equal(both.rgb, swapped)
    assert "colour profile" in both.notes[0]


def test_a_label_map_is_not_converted(tmp_path):
    labels = np.arange(256).reshape(16, 16)
    path = tmp_path / "labels.png"
    for chunk in (gama(1), cicp(9, 16)):
        path.write_bytes(png(labels[:, :, None], 8, 0, chunk))
        assert np.array_equal(images.read_label_map(path), labels)


def test_the_quantized_picture_looks_like_the_input(run, tmp_path):
    """Written with an sRGB chunk, its colours are those that the input showed."""
    path = tmp_path / "linear.png"
    path.write_bytes(png(np.repeat([[[55] * 3, [188] * 3]], 9, axis=0), 8, 2, gama(1)))
    assert run("kmeans", path, "-k", 2).exit_code == 0
    with Image.open(tmp_path / "linear-kmeans2.png") as image:
        assert "srgb" in image.info
        assert np.unique(np.asarray(image.convert("RGB"))).tolist() == [128, 223]
