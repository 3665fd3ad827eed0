"""``--strips``: the palette, the picture and the labels are those that a run with the picture in memory gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorquant.batch import memory, strip_painting
from colorquant.cli.sizes import ByteSize
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
DIFFERENT = ("output", "seconds", "bytes_out", "strips", "notes")


@pytest.fixture(autouse=True)
def short_strips(monkeypatch):
    monkeypatch.setattr(strips, "ROWS", 10)


def both(run, path: Path, words: tuple[str, ...]) -> None:
    """Quantize a file in memory and by strips, and compare all that is written, byte by byte."""
    records, pictures = [], []
    for name, extra in (("whole", ()), ("strips", ("--strips",))):
        folder = path.parent / name
        outputs = ("-o", str(folder), "--labels", "npy", "--palette-out", str(folder / "p.gpl"), "--json", "-f")
        result = run(*words, str(path), *outputs, *extra)
        assert result.exit_code == 0, result.output
        records.append(json.loads(result.stdout))
        pictures.append(Path(records[-1]["output"]))
    notes = records[1]["notes"]
    assert records[1]["strips"] is True
    assert "strips" not in records[0]
    assert notes[0].startswith("read by strips")
    assert notes[1:] == records[0]["notes"]
    whole, by_strips = ({key: value for key, value in record.items() if key not in DIFFERENT} for record in records)
    assert whole == by_strips
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    labels = [picture.with_name(f"{picture.stem}-labels.npy").read_bytes() for picture in pictures]
    assert labels[0] == labels[1]
    assert (path.parent / "whole/p.gpl").read_bytes() == (path.parent / "strips/p.gpl").read_bytes()


@pytest.mark.parametrize("words", FITS.values(), ids=FITS)
def test_strips_give_what_the_whole_gives(run, photo, words):
    both(run, photo, words)


@pytest.mark.parametrize(
    "words",
    [("kmeans", "-k", "300"), ("em", "-k", "4", "--space", "ycrcb"), ("kmeans", "-k", "6"), ("kmeans", "-k", "3")],
    ids=["many colours", "chroma", "colours", "few colours"],
)
def test_large_pictures_have_the_same_bytes(run, photo, words, monkeypatch):
    for module in ("png", "encoding"):
        monkeypatch.setattr(f"colorquant.images.{module}.MANY_PIXELS", 1000)
    both(run, photo, words)


@pytest.mark.parametrize(("many", "modes"), [(100_000, ["L", "L"]), (1000, ["L", "P"])], ids=["small", "large"])
def test_in_gray_only_large_pictures_are_always_indexed(run, tmp_path, monkeypatch, many, modes):
    path = tmp_path / "ramp.png"
    Image.fromarray((np.add.outer(np.arange(90), np.arange(160)) % 250).astype(np.uint8)).save(path)
    monkeypatch.setattr(strip_painting, "MANY_PIXELS", many)
    written = []
    for name, extra in (("whole.png", ()), ("strips.png", ("--strips",))):
        words = ("kmeans", "-k", "100", "--space", "gray", str(path), "-o", str(tmp_path / name))
        assert run(*words, *extra).exit_code == 0
        with Image.open(tmp_path / name) as image:
            written.append((image.mode, np.array(image.convert("RGB")), (tmp_path / name).read_bytes()))
    assert [mode for mode, _, _ in written] == modes
    assert np.array_equal(written[0][1], written[1][1])
    assert (written[0][2] == written[1][2]) == (modes == ["L", "L"])


ALPHA_FITS = [
    ("kmeans", "-k", "6"),
    ("kmeans", "-k", "3", "--space", "ycrcb"),
    ("kmeans", "-k", "4", "--alpha", "keep"),
    ("kmeans", "-k", "300", "--alpha", "keep"),
    ("em", "-k", "3"),
    ("em", "-k", "2", "--alpha", "white"),
]


@pytest.mark.parametrize("kind", ["cut out", "gradient"])
@pytest.mark.parametrize("words", ALPHA_FITS, ids=" ".join)
def test_strips_with_alpha(run, thumbnail, tmp_path, kind, words):
    alpha = np.full(thumbnail.shape[:2], 255, np.uint8)
    alpha[20:40, 10:30] = 0 if kind == "cut out" else np.arange(20)[:, None] * 13
    path = tmp_path / "a.png"
    Image.fromarray(np.dstack([thumbnail, alpha])).save(path)
    both(run, path, words)


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
    both(run, path, ("kmeans", "-k", "5", "--lock", "#ff00ff,#808080"))


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_label_files_and_metadata_are_those_of_the_whole(run, thumbnail, tmp_path, kind):
    path = tmp_path / "a.jpg"
    Image.fromarray(thumbnail).save(path, comment=b"a comment", dpi=(200, 200))
    for folder, extra in (("whole", ()), ("strips", ("--strips",))):
        words = ("kmeans", "-k", "5", path, "-o", tmp_path / folder, "--labels", kind, "--keep-metadata", *extra)
        assert run(*map(str, words)).exit_code == 0
    names = sorted(file.name for file in (tmp_path / "whole").iterdir())
    assert names == [f"a-kmeans5-labels.{kind}", "a-kmeans5.png"]
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "strips" / name).read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        ("--palette", "pico8", "--distance", "ciede2000"),
        ("--palette", "#ff0000,#00f,white,black,#808080,#888", "--space", "rgb"),
        ("--palette", "#ff000080,#0000,#fff,#00f"),
        ("--palette", "#ff000080,#0000,#fff,#00f", "--alpha", "keep"),
        ("--palette", "many.hex"),
    ],
    ids=["ciede2000", "rgb", "RGBA", "colours of RGBA", "300 entries"],
)
@pytest.mark.parametrize("lowest", [255, 0, 100], ids=["opaque", "cut out", "soft"])
def test_a_given_palette(run, thumbnail, tmp_path, monkeypatch, words, lowest):
    monkeypatch.chdir(tmp_path)
    Path("many.hex").write_text("".join(f"{79 * number:06x}\n" for number in range(300)))
    alpha = np.full(thumbnail.shape[:2], 255, np.uint8)
    alpha[20:40, 10:30] = lowest
    path = tmp_path / "a.png"
    Image.fromarray(np.dstack([thumbnail, alpha])).save(path)
    both(run, path, ("apply", *words))


@pytest.mark.parametrize(
    "words",
    [
        ("kmeans", "-k", "5"),
        ("em", "-k", "3", "--space", "ycrcb"),
        ("em", "-k", "3", "--alpha", "keep"),
        ("kmeans", "-k", "auto", "--target", "psnr:25"),
        ("kmeans", "-k", "5", "--shared-from", "1"),
    ],
    ids=["kmeans", "em of chroma", "em", "auto", "of one"],
)
@pytest.mark.parametrize("lowest", [255, 100], ids=["opaque", "soft"])
def test_one_palette_for_all_pictures(run, thumbnail, tmp_path, words, lowest):
    alpha = np.full(thumbnail.shape[:2], 255, np.uint8)
    alpha[20:40, 10:30] = lowest
    Image.fromarray(np.dstack([thumbnail, alpha])).save(tmp_path / "a.png")
    Image.fromarray(thumbnail[::2, ::-1]).save(tmp_path / "b.png")
    records = []
    for name, extra in (("whole", ()), ("strips", ("--strips",)), ("little", ("--memory", "100.05MB"))):
        outputs = ("-o", str(tmp_path / name), "--labels", "png", "--palette-out", str(tmp_path / name / "p.gpl"))
        result = run(*words, "--shared", str(tmp_path / "a.png"), str(tmp_path / "b.png"), *outputs, *extra, "--json")
        assert result.exit_code == 0, result.output
        records.append([json.loads(line) for line in result.stdout.splitlines()])
    by_strips = [record.get("strips") for both_records in records for record in both_records]
    assert by_strips == [None, None, True, True, True, None]
    kept = [[{key: row[key] for key in row if key not in DIFFERENT} for row in rows] for rows in records]
    assert kept[0] == kept[1] == kept[2]
    for path in (tmp_path / "whole").iterdir():
        for other in (tmp_path / "strips" / path.name, tmp_path / "little" / path.name):
            assert path.read_bytes() == other.read_bytes()


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
    path = tmp_path / "a.webp"
    Image.open(photo).save(path)
    result = run("kmeans", str(path), "--strips")
    assert result.exit_code == 1
    assert "PNG, JPEG and TIFF" in result.stderr
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


@pytest.fixture
def large(photo):
    """The photograph, with the flags by which it needs more memory than there is for it."""
    return str(photo), "--memory", "100MB"


def test_a_picture_that_needs_more_than_memory_is_read_by_strips(run, large, tmp_path):
    for folder, words in (("whole", large[:1]), ("strips", large)):
        flags = ("-o", str(tmp_path / folder), "--labels", "png", "--palette-out", str(tmp_path / folder / "p.json"))
        result = run("kmeans", "-k", "16", *words, *flags, "-v", "--report", str(tmp_path / f"{folder}.jsonl"))
        assert result.exit_code == 0
        assert ("note: read by strips: otherwise it needs about 100 MB" in result.stderr) == (folder == "strips")
    records = [json.loads((tmp_path / f"{folder}.jsonl").read_text()) for folder in ("whole", "strips")]
    assert [record.get("strips") for record in records] == [None, True]
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert names == ["p.json", "photo-kmeans16-labels.png", "photo-kmeans16.png"]
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "strips" / name).read_bytes()


def test_only_the_pictures_that_need_more_are_read_by_strips(run, photo, tmp_path):
    Image.open(photo).resize((20, 10)).save(tmp_path / "small.png")
    words = ("kmeans", str(photo), str(tmp_path / "small.png"), "-k", "3", "-o", str(tmp_path / "out"), "--json")
    for size, jobs, first in (("100.01MB", "1", True), ("200.01MB", "2", True), ("200.01MB", "1", None)):
        result = run(*words, "--memory", size, "-j", jobs, "-f")
        assert [json.loads(line).get("strips") for line in result.stdout.splitlines()] == [first, None]


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("--html", "page.html"), "and --html needs the whole picture: leave it out"),
        (("--dither", "bayer4"), "and --dither needs the whole picture"),
        (("--engine", "opencv"), "use --engine numpy"),
        (("-k", "20000"), "use at most 16384"),
    ],
    ids=lambda words: words[0],
)
def test_above_the_limit_what_needs_the_whole_picture_is_refused(run, large, words, remedy):
    result = run("kmeans", *large, *words)
    assert result.exit_code == 1
    assert remedy in result.stderr
    assert "more than the 100 MB of --memory" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_above_the_limit_a_format_that_has_no_strips_is_refused(run, photo, tmp_path):
    Image.open(photo).save(tmp_path / "a.bmp")
    words = ("kmeans", str(tmp_path / "a.bmp"), "-k", "4", "-o", str(tmp_path / "out"))
    result = run(*words, "--memory", "100MB")
    assert result.exit_code == 1
    assert "not read by strips (a format other than PNG" in result.stderr
    assert not (tmp_path / "out").exists()
    result = run(*words, "--memory", "1GB")
    assert result.exit_code == 0


def test_above_the_limit_pyvips_is_asked_for_where_it_is_missing(run, large, monkeypatch):
    monkeypatch.setattr(strips, "find_spec", lambda name: None)
    result = run("kmeans", *large)
    assert result.exit_code == 1
    assert "pip install 'colorquant[large]', or allow more with --memory" in result.stderr


def test_above_half_of_what_is_free_other_formats_are_still_read_whole(run, photo, tmp_path, monkeypatch):
    Image.open(photo).save(tmp_path / "a.bmp")
    monkeypatch.setattr(memory, "SMALL", 0)
    for free, code in ((150_000_000, 0), (90_000_000, 1)):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        result = run("kmeans", str(tmp_path / "a.bmp"), "-f", "--json")
        assert result.exit_code == code
        assert "strips" not in json.loads(result.stdout)
        result = run("kmeans", str(photo), "-f", "--json")
        assert json.loads(result.stdout)["strips"] is True


def test_a_damaged_strip_of_a_picture_that_needs_more_than_memory_leaves_nothing(run, large, tmp_path):
    path = Path(large[0])
    data = bytearray(path.read_bytes())
    data[len(data) * 3 // 4] ^= 255
    path.write_bytes(data)
    result = run("kmeans", *large, "-o", str(tmp_path / "out"), "--labels", "npy")
    assert result.exit_code == 1
    assert "damaged" in result.stderr
    assert not [file for file in tmp_path.rglob("*") if file != path and file.is_file()]


@pytest.mark.parametrize("size", ["much", "0", "-1MB", "4 XB", ""])
def test_sizes_that_are_none(run, photo, size):
    result = run("kmeans", str(photo), "--memory", size)
    assert result.exit_code == 2
    assert "write it like 512MB or 4GB" in result.stderr


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000", 1000), ("512MB", 512_000_000), ("4g", 4_000_000_000), ("1.5 GiB", 3 << 29), ("0.5k", 500), (7, 7)],
)
def test_sizes(text, size):
    assert ByteSize().convert(text, None, None) == size
