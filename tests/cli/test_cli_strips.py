"""``--strips``: the palette, the picture and the labels are those that a run with the picture in memory gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorquant.images import strips

FITS = {
    "kmeans": ("kmeans", "-k", "16"),
    "many colours": ("kmeans", "-k", "300"),
    "kmeans in gray": ("kmeans", "-k", "3", "--space", "gray"),
    "kept luma": ("kmeans", "-k", "4", "--space", "ycrcb"),
    "oklab": ("kmeans", "-k", "7", "--space", "oklab", "--paint", "dominant"),
    "locked": ("kmeans", "-k", "5", "--lock", "#ff00ff,#808080"),
    "not converged": ("kmeans", "-k", "6", "--max-iter", "2", "--protect", "small"),
    "em": ("em", "-k", "4"),
    "em of chroma": ("em", "-k", "4", "--space", "ycrcb"),
    "em in gray": ("em", "-k", "2", "--space", "gray"),
    "em by the nearest mean": ("em", "-k", "4", "--assign", "nearest-l1"),
}
DIFFERENT = ("output", "seconds", "bytes_out")


@pytest.fixture(autouse=True)
def short_strips(monkeypatch):
    monkeypatch.setattr(strips, "ROWS", 10)


def both(run, path: Path, words: tuple[str, ...], *, png: bool = False) -> None:
    """Quantize a file in memory and by strips, and compare all that is written; with ``png`` the bytes of the PNG."""
    records, pictures = [], []
    for name, extra in (("whole", ()), ("strips", ("--strips",))):
        folder = path.parent / name
        outputs = ("-o", str(folder), "--labels", "npy", "--palette-out", str(folder / "p.gpl"), "--json", "-f")
        result = run(*words, str(path), *outputs, *extra)
        assert result.exit_code == 0, result.output
        records.append(json.loads(result.stdout))
        pictures.append(Path(records[-1]["output"]))
    whole, by_strips = ({key: value for key, value in record.items() if key not in DIFFERENT} for record in records)
    assert whole == by_strips
    if png:
        assert pictures[0].read_bytes() == pictures[1].read_bytes()
    first, second = (np.array(Image.open(picture).convert("RGBA")) for picture in pictures)
    assert np.array_equal(first, second)
    labels = [picture.with_name(f"{picture.stem}-labels.npy").read_bytes() for picture in pictures]
    assert labels[0] == labels[1]
    assert (path.parent / "whole/p.gpl").read_bytes() == (path.parent / "strips/p.gpl").read_bytes()


@pytest.mark.parametrize("words", FITS.values(), ids=FITS)
def test_strips_give_what_the_whole_gives(run, photo, words):
    indexed = not {"gray", "ycrcb", "300", "#ff00ff,#808080"} & {*words}
    both(run, photo, words, png=indexed)


ALPHA_FITS = [
    ("kmeans", "-k", "6"),
    ("kmeans", "-k", "3", "--space", "ycrcb"),
    ("kmeans", "-k", "4", "--alpha", "keep"),
    ("kmeans", "-k", "300", "--alpha", "keep"),
    ("em", "-k", "3"),
]


@pytest.mark.parametrize("kind", ["cut out", "soft", "gradient"])
@pytest.mark.parametrize("words", ALPHA_FITS, ids=" ".join)
def test_strips_with_alpha(run, thumbnail, tmp_path, kind, words):
    alpha = np.full(thumbnail.shape[:2], 255, np.uint8)
    alpha[20:40, 10:30] = {"cut out": 0, "soft": 100, "gradient": np.arange(20)[:, None] * 13}[kind]
    path = tmp_path / "a.png"
    Image.fromarray(np.dstack([thumbnail, alpha])).save(path)
    both(run, path, words, png="ycrcb" not in words and "300" not in words)
    if "--alpha" not in words:
        both(run, path, (*words, "--alpha", "white"))


def test_more_than_256_pairs_of_colour_and_alpha_are_truecolour(run, thumbnail, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.dstack([thumbnail, thumbnail[:, :, 0]])).save(path)
    both(run, path, ("em", "-k", "8"))
    with Image.open(tmp_path / "strips/a-em8.png") as written:
        assert written.mode == "RGBA"


def test_locked_colours_without_pixels_are_left_out_of_a_picture_with_alpha_as_in_memory(run, thumbnail, tmp_path):
    path = tmp_path / "a.png"
    alpha = np.full(thumbnail.shape[:2], 255, np.uint8)
    alpha[:9] = 0
    Image.fromarray(np.dstack([thumbnail, alpha])).save(path)
    both(run, path, ("kmeans", "-k", "5", "--lock", "#ff00ff,#808080"), png=True)


def test_label_png_and_metadata_are_those_of_the_whole(run, thumbnail, tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(thumbnail).save(path, comment=b"a comment", dpi=(200, 200))
    for folder, extra in (("whole", ()), ("strips", ("--strips",))):
        words = ("kmeans", "-k", "5", path, "-o", tmp_path / folder, "--labels", "png", "--keep-metadata", *extra)
        assert run(*map(str, words)).exit_code == 0
    names = sorted(file.name for file in (tmp_path / "whole").iterdir())
    assert names == ["a-kmeans5-labels.png", "a-kmeans5.png"]
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "strips" / name).read_bytes()


def test_a_damaged_strip_leaves_nothing(run, photo, tmp_path):
    data = bytearray(photo.read_bytes())
    data[len(data) * 3 // 4] ^= 255
    photo.write_bytes(data)
    result = run("kmeans", str(photo), "--strips", "-o", str(tmp_path / "out"), "--labels", "npy")
    assert result.exit_code == 1
    assert "damaged" in result.stderr
    assert not [file for file in tmp_path.rglob("*") if file != photo and file.is_file()]


def test_a_strip_that_is_damaged_between_the_passes_leaves_nothing(run, photo, tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    Image.open(photo).save(path, compression="tiff_lzw")
    photo.unlink()
    read = strips.StripImage.strips
    passes = []

    def damaging(image):
        passes.append(image)
        if len(passes) == 2:
            data = path.read_bytes()
            path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
        yield from read(image)

    monkeypatch.setattr(strips.StripImage, "strips", damaging)
    result = run("kmeans", str(path), "--strips", "-o", str(tmp_path / "out"), "--labels", "npy")
    assert result.exit_code == 1
    assert "damaged or truncated" in result.stderr
    assert len(passes) == 2
    assert not [file for file in tmp_path.rglob("*") if file != path and file.is_file()]


@pytest.mark.parametrize(
    "words",
    [
        ("-k", "auto"),
        ("--dither", "bayer4"),
        ("--html", "page.html"),
        ("--masks", "masks"),
        ("--trace", "trace.csv"),
        ("--figure", "figure.png"),
        ("--weights", "map.png"),
        ("--optimize",),
        ("--shared",),
        ("--engine", "opencv"),
    ],
    ids=lambda words: words[0],
)
def test_what_needs_the_whole_picture_is_refused(run, photo, words):
    result = run("kmeans", str(photo), "--strips", *words)
    assert result.exit_code == 2
    assert words[0] in result.stderr
    assert "--strips" in result.stderr


def test_what_is_refused_names_the_remedy(run, photo, tmp_path):
    for name, words in (("a.webp", "PNG, JPEG and TIFF"), ("a.jpg", "CMYK")):
        image = Image.open(photo)
        (image.convert("CMYK") if name == "a.jpg" else image).save(tmp_path / name)
        result = run("kmeans", str(tmp_path / name), "--strips")
        assert result.exit_code == 1
        assert words in result.stderr
        assert "leave out --strips" in result.stderr
    assert not list(tmp_path.glob("*kmeans*"))


def test_a_fully_transparent_picture_is_refused(run, tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGBA", (30, 40)).save(path)
    result = run("kmeans", str(path), "--strips", "--alpha", "keep")
    assert result.exit_code == 1
    assert "no pixel is visible" in result.stderr


def test_standard_input_and_output_are_refused(run, photo):
    result = run("kmeans", "-", "--strips", "-o", "a.png", input=photo.read_bytes())
    assert result.exit_code == 1
    assert "give a file" in result.stderr


def test_a_picture_that_is_too_large_is_refused_with_the_remedy(run, photo):
    result = run("kmeans", str(photo), "--strips", "--max-pixels", "100")
    assert result.exit_code == 1
    assert "--max-pixels" in result.stderr


def test_nothing_is_written_if_it_would_be_larger(run, photo, tmp_path):
    path = tmp_path / "small.png"
    Image.fromarray(np.zeros((30, 30), np.uint8)).convert("1").save(path, optimize=True)
    result = run("kmeans", str(path), "--strips", "--skip-if-larger", "--json")
    assert json.loads(result.stdout)["status"] == "larger"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["photo.png", "small.png"]
