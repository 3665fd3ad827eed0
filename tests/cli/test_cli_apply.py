"""``colorquant apply``: pictures on a palette exactly as given."""

import io
import json
import shlex

import numpy as np
import pytest
from PIL import Image
from support.pictures import random_picture

import colorquant as cq
from colorquant.color.difference import ciede2000
from colorquant.color.histogram import ColorHistogram
from colorquant.color.spaces import SPACES
from colorquant.errors import OptionError
from colorquant.images import read_image
from colorquant.mapping.nearest import nearest_entries
from colorquant.palette.built_in import BUILT_IN

COLORS = "#f4f4f4,#1a1c2c,#123456,#ef7d57,#f4f4f4"  # one is given twice
PALETTE = cq.Palette.of(COLORS.split(","))


def entries_of(path):
    """The colours in the palette of a PNG, (p, 3)."""
    with Image.open(path) as image:
        assert image.mode == "P"
        return np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)


def test_each_pixel_gets_the_nearest_entry_of_the_palette_as_it_was_given(run, photo, thumbnail, tmp_path):
    result = run("apply", photo, "--palette", COLORS, "--labels", "png", "--json")
    assert result.exit_code == 0, result.output
    row, output = json.loads(result.stdout), tmp_path / "photo-apply.png"
    oklab = SPACES["oklab"].forward
    pixels, entries = oklab(thumbnail.reshape(-1, 3)), oklab(PALETTE.colors)
    nearest = ((pixels[:, None] - entries) ** 2).sum(axis=2).argmin(axis=1).reshape(thumbnail.shape[:2])
    assert np.array_equal(entries_of(output), PALETTE.colors), "order, repetition and unused entries are kept"
    with Image.open(output) as image:
        assert np.array_equal(np.array(image), nearest)
    assert np.array_equal(read_image(tmp_path / "photo-apply-labels.png").rgb[:, :, 0], nearest)
    counts = np.bincount(nearest.reshape(-1), minlength=5)
    assert row["palette"] == [[color, count] for color, count in zip(PALETTE.hex, counts.tolist(), strict=True)]
    assert counts[4] == 0, "of equal entries the first is taken"
    assert (row["command"], row["space"], row["distance"]) == ("apply", "oklab", "euclidean")
    assert row["colors_out"] == np.count_nonzero(counts)
    error = ((thumbnail.astype(int) - PALETTE.colors[nearest]) ** 2).sum(axis=2).mean()
    assert row["mse"] == pytest.approx(error)
    assert not row.keys() & {"k", "seed", "n_iter", "inertia", "untouched", "engine"}


@pytest.mark.parametrize("seed", range(3))
def test_ciede2000_is_that_of_every_pair(seed):
    generator = np.random.default_rng(seed)
    histogram = ColorHistogram.count(generator.integers(0, 256, (900, 3)).astype(np.uint8))
    near = np.clip(histogram.colors[:40].astype(int) + generator.integers(-9, 10, (40, 3)), 0, 255)
    grays = np.repeat(generator.integers(0, 256, (5, 1)), 3, axis=1)
    colors = np.concatenate([near, grays, generator.integers(0, 256, (20, 3)), near[:3]]).astype(np.uint8)
    lab = SPACES["lab"].forward
    pairs = [np.repeat(lab(histogram.colors), len(colors), axis=0), np.tile(lab(colors), (len(histogram), 1))]
    differences = ciede2000(*pairs).reshape(len(histogram), len(colors))
    found = nearest_entries(histogram, cq.Palette(colors), "lab", "ciede2000")
    assert np.array_equal(found, differences.argmin(axis=1))


def test_the_command_is_the_python_api(run, photo, thumbnail, tmp_path):
    for words, settings in (([], {}), (["--space", "rgb"], {"space": "rgb"})):
        run("apply", photo, "--palette", "pico8", "-f", *words)
        mapped = cq.apply("pico8", thumbnail, **settings)
        assert np.array_equal(read_image(tmp_path / "photo-apply.png").rgb, mapped.rgb)
    run("apply", photo, "--palette", "pico8", "-f", "--distance", "ciede2000")
    mapped = cq.apply(cq.Palette.named("pico8"), thumbnail, distance="ciede2000")
    assert np.array_equal(read_image(tmp_path / "photo-apply.png").rgb, mapped.rgb)
    with pytest.raises(OptionError, match="ciede2000 is defined in lab, not in rgb"):
        cq.apply(PALETTE, thumbnail, space="rgb", distance="ciede2000")


def test_applying_its_own_palette_loses_nothing(run, photo, tmp_path):
    assert run("kmeans", photo, "-k", 6, "--palette-out", tmp_path / "p.gpl").exit_code == 0
    small = tmp_path / "photo-kmeans6.png"
    row = json.loads(run("apply", small, "--palette", tmp_path / "p.gpl", "--json").stdout)
    assert (row["mse"], row["psnr"], row["colors_in"], row["colors_out"]) == (0, None, 6, 6)
    assert (tmp_path / "photo-kmeans6-apply.png").read_bytes() == small.read_bytes()
    image_as_palette = run("apply", small, "--palette", small, "-o", "-")
    assert image_as_palette.stdout_bytes == small.read_bytes()


@pytest.mark.parametrize("k", [256, 257, 300])
def test_more_than_256_entries_make_a_truecolour_file_and_that_is_said(run, photo, tmp_path, k):
    colors = np.random.default_rng(1).integers(0, 256, (k, 3)).astype(np.uint8)
    cq.Palette(colors).write(tmp_path / "p.hex")
    result = run("apply", photo, "--palette", tmp_path / "p.hex", "--labels", "npy")
    with Image.open(tmp_path / "photo-apply.png") as image:
        assert image.mode == ("P" if k <= 256 else "RGB")
    said = f"the palette has {k} entries, more than 256: the PNG is truecolour"
    assert (said in result.stderr) == (k > 256)
    labels = np.load(tmp_path / "photo-apply-labels.npy")
    assert np.array_equal(colors[labels], read_image(tmp_path / "photo-apply.png").rgb)


def test_nothing_is_said_of_a_truecolour_file_that_oxipng_made_indexed(run, photo, tmp_path):
    pytest.importorskip("oxipng", reason="the extra optimize is not installed")
    cq.Palette(np.repeat([[[0, 0, 0], [255, 255, 255]]], 150, axis=0).reshape(-1, 3).astype(np.uint8)).write(
        tmp_path / "p.hex"
    )
    result = run("apply", photo, "--palette", tmp_path / "p.hex", "--optimize")
    with Image.open(tmp_path / "photo-apply.png") as image:
        assert image.mode != "RGB"
    assert "truecolour" not in result.stderr


@pytest.mark.parametrize("levels", [(0, 255), (0, 90, 255), tuple(range(256))])
def test_alpha_is_kept_and_so_is_the_order_of_the_palette_where_there_is_room(run, tmp_path, levels):
    rgb = random_picture(3, 40, 50)
    alpha = np.random.default_rng(2).choice(levels, rgb.shape[:2]).astype(np.uint8)
    Image.fromarray(np.dstack([rgb, alpha])).save(tmp_path / "a.png")
    row = json.loads(run("apply", tmp_path / "a.png", "--palette", COLORS, "--json", "--labels", "npy").stdout)
    written, labels = read_image(tmp_path / "a-apply.png"), np.load(tmp_path / "a-apply-labels.npy")
    assert np.array_equal(written.alpha, alpha)
    assert ((labels == -1) == (alpha == 0)).all()
    assert np.array_equal(written.rgb[alpha > 0], PALETTE.colors[labels[alpha > 0]])
    assert sum(count for _, count in row["palette"]) == (alpha > 0).sum()
    if len(levels) < 256:
        assert np.array_equal(entries_of(tmp_path / "a-apply.png")[:5], PALETTE.colors)
        with Image.open(tmp_path / "a-apply.png") as image:
            opaque = alpha == 255
            assert np.array_equal(np.array(image)[opaque], labels[opaque])


WRONG = {
    "no palette": ([], "colorquant apply needs --palette COLORS|FILE|NAME: see colorquant apply --help"),
    "an empty name": (["--palette", ""], "the palette has an empty name: is a variable unset?"),
    "no such name": (["--palette", "pico9"], "did you mean pico8?"),
    "no such file": (["--palette", "lost.gpl"], "there is no such file: check the name"),
    "no colour": (["--palette", "#12345g,#000000"], "is not a colour"),
    "a distance in another space": (
        ["--palette", "bw", "--distance", "ciede2000", "--space", "oklab"],
        "--distance ciede2000 is defined in lab, not in oklab: leave --space out",
    ),
    "options of a fit": (["--palette", "bw", "-k", "4"], "has no option -k: it is an option of kmeans, em"),
    "files of a fit": (["--palette", "bw", "--trace", "t.csv"], "has no option --trace: it is an option of kmeans"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_one_line(run, photo, case):
    words, said = WRONG[case]
    result = run("apply", photo, *words)
    assert result.exit_code == (1 if case == "no such file" else 2)
    assert said in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_an_empty_palette_file_is_one_line(run, photo, tmp_path):
    (tmp_path / "p.gpl").write_text("GIMP Palette\nName: nothing\n#\n")
    result = run("apply", photo, "--palette", tmp_path / "p.gpl")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "has no colours" in result.stderr


def test_folders(run, tmp_path):
    for number, name in enumerate("abcd"):
        Image.fromarray(random_picture(number, 20, 30)).save(tmp_path / f"{name}.png")
    words = ("apply", tmp_path, "--palette", "gameboy", "--labels", "png")
    assert "4 written, 0 skipped, 0 failed" in run(*words, "--jobs", 3).stderr
    written = {path.name: path.read_bytes() for path in tmp_path.glob("*-apply*.png")}
    assert len(written) == 8
    again = run(*words, "--skip-existing")
    assert "0 written, 4 skipped, 0 failed; 8 passed over" in again.stderr
    assert "4 written" in run(*words, "--force", "--isolate").stderr
    assert written == {path.name: path.read_bytes() for path in tmp_path.glob("*-apply*.png")}
    planned = run(*words, "--dry-run", "-f").stdout.splitlines()
    assert planned[0].endswith(f"→ {tmp_path / 'a-apply.png'}, {tmp_path / 'a-apply-labels.png'}")
    assert "4 written" in run("apply", tmp_path, "--palette", "gameboy", "--in-place").stderr
    assert (tmp_path / "a.png").read_bytes() == written["a-apply.png"]


def test_masks_and_the_palette_have_every_entry(run, photo, tmp_path):
    run("apply", photo, "--palette", COLORS, "--masks", tmp_path / "m", "--palette-out", tmp_path / "p.json")
    masks = sorted((tmp_path / "m").iterdir())
    assert len(masks) == 5
    assert np.sum([read_image(path).rgb[:, :, 0] > 0 for path in masks], axis=0).tolist() == np.ones((54, 80)).tolist()
    assert cq.Palette.read(tmp_path / "p.json") == PALETTE


def test_the_page_shows_the_palette_and_a_command_that_makes_it_again(run, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("apply", "photo.png", "--palette", COLORS, "--space", "lab", "--html", "p.html").exit_code == 0
    page = (tmp_path / "p.html").read_text()
    assert "A given palette of 5 colours." in page
    assert "In the order in which the palette was given" in page
    assert "More colours, or fewer" not in page
    assert "Iterations" not in page
    command = next(
        line for line in run("apply", "photo.png", "--palette", COLORS, "-vf").stderr.splitlines() if "-o" in line
    )
    again = run(*shlex.split(command)[1:], "-f", "-v")
    assert again.exit_code == 0
    assert command in again.stderr


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_palette_can_be_applied(run, photo, name):
    result = run("apply", photo, "--palette", name, "-o", "-")
    with Image.open(io.BytesIO(result.stdout_bytes)) as image:
        assert image.mode == "P"
        assert np.array_equal(np.array(image.getpalette("RGB")).reshape(-1, 3), cq.Palette.named(name).colors)


GLASS = cq.Palette(
    np.array([[9, 0, 0], [255, 0, 0], [255, 255, 255], [0, 0, 0], [0, 255, 0]], np.uint8),
    alpha=np.array([0, 128, 255, 255, 255], np.uint8),
)


@pytest.fixture
def soft(tmp_path, thumbnail):
    """The photograph with a soft edge, and transparent outside of it."""
    down, across = np.ogrid[: thumbnail.shape[0], : thumbnail.shape[1]]
    alpha = np.clip(400 - 12 * np.hypot(down - 27, across - 40), 0, 255).astype(np.uint8)
    path = tmp_path / "soft.png"
    Image.fromarray(np.dstack([thumbnail, alpha])).save(path)
    return path, alpha


def test_entries_with_alpha_are_matched_with_the_alpha_of_pixels(run, soft, tmp_path):
    path, alpha = soft
    result = run("apply", path, "--palette", ",".join(GLASS.hex), "--labels", "npy")
    assert result.exit_code == 0, result.output
    labels = np.load(tmp_path / "soft-apply-labels.npy")
    assert (labels[alpha == 0] == 0).all()
    assert labels.min() == 0, "every pixel has an entry"
    with Image.open(tmp_path / "soft-apply.png") as image:
        assert np.array_equal(np.array(image), labels)
        entries = np.column_stack([GLASS.colors, GLASS.alpha])
        assert np.array_equal(np.array(image.convert("RGBA")), entries[labels])
    assert np.array_equal(entries_of(tmp_path / "soft-apply.png"), GLASS.colors)


@pytest.mark.parametrize("words", [("--alpha", "keep"), ("--dither", "floyd-steinberg"), ("--distance", "ciede2000")])
def test_where_alpha_is_kept_transparent_entries_are_not_used(run, soft, tmp_path, words):
    path, alpha = soft
    result = run("apply", path, "--palette", ",".join(GLASS.hex), "--labels", "npy", "-v", *words)
    assert result.exit_code == 0, result.output
    written, labels = read_image(tmp_path / "soft-apply.png"), np.load(tmp_path / "soft-apply-labels.npy")
    assert np.array_equal(written.alpha, alpha)
    assert set(np.unique(labels)) <= {-1, 1, 2, 3, 4}
    assert np.array_equal(written.rgb[alpha > 0], GLASS.colors[labels[alpha > 0]])
    command = next(line for line in result.stderr.splitlines() if "colorquant apply" in line)
    assert " ".join(words) in command
    mapped = cq.apply(GLASS, path, **{words[0][2:]: words[1]} if words[0] != "--alpha" else {"space": "ycrcb"})
    assert words[0] == "--alpha" or np.array_equal(mapped.labels, np.where(labels < 0, 5, labels))


def test_error_diffusion_in_rgb_takes_alpha(run, soft, tmp_path):
    path, alpha = soft
    words = ("--space", "rgb", "--dither", "floyd-steinberg", "--labels", "npy", "--alpha", "palette")
    result = run("apply", path, "--palette", ",".join(GLASS.hex), *words)
    assert result.exit_code == 0, result.output
    labels = np.load(tmp_path / "soft-apply-labels.npy")
    assert (labels[alpha == 0] == 0).all()
    entries = np.column_stack([GLASS.colors, GLASS.alpha])
    with Image.open(tmp_path / "soft-apply.png") as image:
        assert np.array_equal(np.array(image), labels)
        assert np.array_equal(np.array(image.convert("RGBA")), entries[labels])


def test_alpha_that_cannot_be_honoured_is_one_line(run, soft):
    path, _ = soft
    for palette, words, said in (
        (",".join(GLASS.hex), ("--dither", "bayer4"), "--dither bayer4 cannot be honoured with --alpha palette"),
        (",".join(GLASS.hex), ("--space", "ycrcb"), "--alpha palette cannot be honoured with --space ycrcb"),
        ("#000000,#ffffff", (), "--alpha palette needs a palette whose entries have alpha"),
    ):
        result = run("apply", path, "--palette", palette, "--alpha", "palette", *words)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert said in result.stderr
    clear = run("apply", path, "--palette", "#00000000", "--alpha", "keep")
    assert clear.exit_code == 2
    assert "every entry of the palette is fully transparent" in clear.stderr


def test_the_smallest_file_keeps_the_palette(run, photo, tmp_path):
    pytest.importorskip("oxipng")
    for palette in ("gray16", "tableau10", COLORS):
        assert run("apply", photo, "--palette", palette, "-f", "--optimize", "--labels", "npy").exit_code == 0
        given = cq.Palette.named(palette) if "#" not in palette else PALETTE
        assert np.array_equal(entries_of(tmp_path / "photo-apply.png"), given.colors)
        with Image.open(tmp_path / "photo-apply.png") as image:
            assert np.array_equal(np.array(image), np.load(tmp_path / "photo-apply-labels.npy"))


def test_dithering_keeps_the_palette_and_mixes_it(run, photo, thumbnail, tmp_path):
    levels = []
    for words in ((), ("--dither", "floyd-steinberg"), ("--dither", "bayer8")):
        row = json.loads(run("apply", photo, "--palette", "gray4", "-f", "--json", *words).stdout)
        assert np.array_equal(entries_of(tmp_path / "photo-apply.png"), cq.Palette.named("gray4").colors)
        assert [color for color, _ in row["palette"]] == list(cq.Palette.named("gray4").hex)
        written = read_image(tmp_path / "photo-apply.png").rgb[:48].astype(float)
        levels.append(written.reshape(6, 8, 10, 8, 3).mean(axis=(1, 3)))
    gray = cq.quantize(thumbnail, k=256, space="gray").rgb[:48].astype(float).reshape(6, 8, 10, 8, 3).mean(axis=(1, 3))
    errors = [np.abs(level - gray).mean() for level in levels]
    assert max(errors[1:]) < errors[0], "areas are nearer to the picture than without dithering"
