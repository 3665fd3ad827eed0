"""What a written PNG holds beside its pixels: the sRGB mark, density, and metadata with --keep-metadata."""

import io
import json
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms
from support.builders import chunks_of, encoded
from support.pictures import method_names, random_picture

from colorquant import FitOptions, quantize
from colorquant.images.encoding import encode_label_map, picture_chunks
from colorquant.images.metadata import Density, Metadata
from colorquant.images.png import SRGB
from colorquant.quantization import encode_png

EXIF = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
XMP = b'<x:xmpmeta><rdf:Description dc:title="Caf\xc3\xa9"/></x:xmpmeta>'
TEXTS = (
    ("Title", "Caf\u00e9"),
    ("Comment", "\u65e5\u672c"),
    (" odd\n \0key ", "a\0b"),
    ("\u65e5" * 90, "x"),
    ("", "y"),
)


def names_of(data: bytes) -> list[bytes]:
    return [name for name, _ in chunks_of(data)]


PICTURES = {
    "indexed": FitOptions(k=5),
    "truecolour": FitOptions(k=300),
    "gray": FitOptions(k=200, space="gray"),
    "black and white": FitOptions(k=2, space="gray"),
    "kept lightness": FitOptions(k=5, space="ycrcb"),
}


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("transparent", [False, True])
def test_every_picture_is_marked_as_srgb_before_its_palette(kind, transparent):
    rgb = random_picture(1, 40, 40)
    alpha = random_picture(2, 40, 40, 2)[:, :, 0] * np.uint8(255) if transparent else None
    names = names_of(encode_png(quantize(rgb, PICTURES[kind], alpha=alpha)))
    assert names[:2] == [b"IHDR", b"sRGB"]
    assert names[-1] == b"IEND"
    assert len(set(names)) == len(names)


def test_a_label_map_has_no_colours_to_mark():
    assert names_of(encode_label_map(np.zeros((3, 3), np.uint8), 1, "png")) == [b"IHDR", b"IDAT", b"IEND"]


@pytest.mark.parametrize("density", [(72, 72), (300, 150), (72.009, 72.009), (11.5, 999_999.0)])
def test_density_is_kept(density):
    data = encode_png(quantize(random_picture(3), FitOptions(k=4)), picture_chunks(Density(*density, per_inch=True)))
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["dpi"] == pytest.approx(density, abs=0.02)
    again = Density(*image.info["dpi"], per_inch=True)
    assert picture_chunks(again) == picture_chunks(Density(*density, per_inch=True)), "what is read is written so again"


def test_the_shape_of_pixels_is_kept():
    data = encode_png(quantize(random_picture(3), FitOptions(k=4)), picture_chunks(Density(10.0, 11.0, per_inch=False)))
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["aspect"] == (10, 11)


@pytest.mark.parametrize("density", [Density(1e-9, 72, per_inch=True), Density(1e12, 72, per_inch=True)])
def test_a_density_that_png_cannot_say_is_left_out(density):
    assert picture_chunks(density) == SRGB


def test_metadata_is_kept_where_asked():
    chunks = picture_chunks(None, Metadata(EXIF, XMP, TEXTS))
    data = encode_png(quantize(random_picture(4), FitOptions(k=4)), chunks)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.info["exif"].endswith(EXIF)
        assert image.info["Title"] == "Caf\u00e9"
        assert image.info["Comment"] in ("\u65e5\u672c", "y"), "an empty keyword becomes Comment"
        assert image.info["odd key"] == "a b"
        assert image.info["?" * 79] == "x"
        assert image.info["XML:com.adobe.xmp"] == XMP.decode()
        assert len(image.getcolors()) == 4
    names = names_of(data)
    assert names.index(b"iTXt") < names.index(b"PLTE")
    assert b"iCCP" not in names
    with Image.open(io.BytesIO(data)) as image:
        image.verify()


def test_chunks_are_the_same_bytes_each_time():
    made = [picture_chunks(Density(72, 72, per_inch=True), Metadata(EXIF, XMP, TEXTS)) for _ in range(2)]
    assert made[0] == made[1]
    assert b"tIME" not in made[0]


@pytest.fixture
def tagged(tmp_path):
    """A JPEG that lies on its side, with density, profile and metadata."""
    exif = Image.Exif()
    exif[274], exif[271], exif[270] = 6, "Maker", "=cmd\x1b[2J"
    exif.get_ifd(34665)[33434] = 0.01
    path, profile = tmp_path / "tagged.jpg", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(random_picture(5, 30, 50))
    image.save(path, exif=exif, dpi=(300, 150), comment=b"words", xmp=XMP, icc_profile=profile)
    return path


@method_names
def test_metadata_are_dropped_but_density_is_kept(method, run, tagged, tmp_path):
    row = json.loads(run(method, tagged, "-k", 3, "-o", tmp_path / "out.png", "--json").stdout)
    names = names_of((tmp_path / "out.png").read_bytes())
    assert [name for name in names if name not in (b"IDAT", b"tRNS")] == [b"IHDR", b"sRGB", b"pHYs", b"PLTE", b"IEND"]
    assert [note for note in row["notes"] if "metadata dropped" in note]
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (30, 50)
        assert image.info["dpi"] == pytest.approx((150, 300), abs=0.02), "turned with the picture"


@method_names
def test_keep_metadata_keeps_all_but_orientation_and_profile(method, run, tagged, tmp_path):
    words = (method, tagged, "-k", 3, "-o", tmp_path / "out.png", "--keep-metadata")
    row = json.loads(run(*words, "--json").stdout)
    assert not [note for note in row["notes"] if "metadata" in note]
    data = (tmp_path / "out.png").read_bytes()
    assert b"iCCP" not in names_of(data)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (30, 50)
        exif = image.getexif()
        assert 274 not in exif
        assert (exif[271], exif.get_ifd(34665)[33434]) == ("Maker", 0.01)
        assert image.info["Comment"] == "words"
        assert image.info["XML:com.adobe.xmp"] == XMP.decode()
        assert image.info["dpi"] == pytest.approx((150, 300), abs=0.02)
    assert run(*words, "-f").exit_code == 0
    assert (tmp_path / "out.png").read_bytes() == data, "the same bytes each time"


def test_pictures_of_a_comparison_keep_their_density(run, tagged, tmp_path):
    result = run("compare", tagged, "-k", 3, "--method", "kmeans", "--engine", "numpy,pillow-median", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    for path in tmp_path.glob("tagged-*3*.png"):
        assert names_of(path.read_bytes())[:3] == [b"IHDR", b"sRGB", b"pHYs"]


@pytest.mark.parametrize("keep", [False, True])
def test_iptc_has_no_place_in_a_png_which_is_a_note(keep, run, tmp_path):
    caption = b"\x1c\x02\x78\x00\x06a cat."
    blocks = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(caption)) + caption + b"\0"
    whole = encoded(Image.fromarray(random_picture(1)), "JPEG")
    path = tmp_path / "a.jpg"
    path.write_bytes(whole[:2] + b"\xff\xed" + struct.pack(">H", len(blocks) + 2) + blocks + whole[2:])
    result = run("kmeans", path, "--json", *["--keep-metadata"] * keep)
    assert json.loads(result.stdout)["notes"] == [f"metadata dropped: IPTC{', for which a PNG has no place' * keep}"]
