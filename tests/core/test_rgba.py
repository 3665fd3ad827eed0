"""Palettes over RGBA: colours and alpha that are counted, fitted, painted and written together."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.pictures import random_picture

import colorquant
from colorquant.applying import apply_palette, quantize_with
from colorquant.color.counted import CountedImage
from colorquant.color.difference import mse
from colorquant.color.histogram import ColorHistogram
from colorquant.color.rgba import BACKGROUNDS, RGBA_SPACES, RgbaProjection, on_gray
from colorquant.color.spaces import SPACES
from colorquant.errors import ColorquantError, OptionError
from colorquant.fitted_palette import fit_palette
from colorquant.fitting.options import FitOptions
from colorquant.images import read_image
from colorquant.images.alpha import apply_alpha
from colorquant.mapping.dithering import Dithering
from colorquant.quantization import encode_png, quantize


def soft_picture(seed: int = 0, height: int = 24, width: int = 30) -> CountedImage:
    """Noise whose alpha falls from left to right, with fully transparent pixels on both sides of a hole."""
    rgb = random_picture(seed, height, width)
    alpha = np.repeat(np.linspace(255, 0, width).astype(np.uint8)[None], height, axis=0)
    alpha[height // 2, : width // 2] = 0
    return CountedImage(rgb, alpha)


def rows_of(image: CountedImage) -> np.ndarray:
    """The pixels (n, 4), fully transparent ones as zeros."""
    rows = np.dstack([image.rgb, image.alpha]).reshape(-1, 4)
    rows[rows[:, 3] == 0] = 0
    return rows


@pytest.mark.parametrize("space", RGBA_SPACES)
def test_the_distance_of_features_is_the_error_over_the_backgrounds(space):
    """Composite with real numbers in the space itself, and average the squared differences."""
    one, other = rows_of(soft_picture(1)), rows_of(soft_picture(2))
    projection, forward = RgbaProjection.in_space(space), SPACES[space].forward
    distance = ((projection.features(one) - projection.features(other)) ** 2).sum(axis=1)
    errors = np.zeros(len(one))
    for gray in BACKGROUNDS:
        under = forward(np.full((1, 3), gray, np.uint8))
        first, second = (
            under + rows[:, 3:] / 255 * (forward(np.ascontiguousarray(rows[:, :3])) - under) for rows in (one, other)
        )
        errors += ((first - second) ** 2).sum(axis=1) / len(BACKGROUNDS)
    assert np.allclose(distance, errors, rtol=1e-9, atol=1e-9 * errors.max())
    if space == "rgb":
        assert mse(one, other) == pytest.approx(errors.mean(), rel=1e-12)


@pytest.mark.parametrize("space", RGBA_SPACES)
def test_features_lead_back_to_colour_and_alpha(space):
    alpha, level = (plane.reshape(-1).astype(np.uint8) for plane in np.mgrid[0:256, 0:256:3])
    rows = np.column_stack([level, 255 - level, level // 2, alpha])
    rows[alpha == 0] = 0
    projection = RgbaProjection.in_space(space)
    assert np.array_equal(projection.to_rgb(projection.features(rows)), rows)
    assert projection.bands == (*SPACES[space].bands, "alpha")


def test_the_histogram_counts_pairs_of_colour_and_alpha():
    image = soft_picture(3)
    rows, counts = np.unique(rows_of(image), axis=0, return_counts=True)
    histogram = image.with_alpha.histogram
    order = np.lexsort(histogram.colors.T[::-1])
    assert np.array_equal(histogram.colors[order], rows)
    assert np.array_equal(histogram.counts[order], counts)
    assert (np.diff(histogram.codes.astype(np.int64)) >= 0).all()
    assert histogram.total_weight == image.alpha.size
    numbers = image.with_alpha.index.reshape(-1)
    assert np.array_equal(histogram.colors[numbers], rows_of(image)), "each pixel finds its row"


def test_histograms_with_alpha_add_and_lose_it_again():
    image, opaque = soft_picture(4), CountedImage(random_picture(5, levels=4))
    halves = [CountedImage(image.rgb[rows], image.alpha[rows]) for rows in (slice(7), slice(7, None))]
    whole, sums = image.with_alpha.histogram, sum(half.with_alpha.histogram for half in halves)
    assert np.array_equal(whole.colors, sums.colors)
    assert np.array_equal(whole.counts, sums.counts)
    apart = whole.without_alpha()
    for column in ("colors", "counts", "alpha"):
        assert np.array_equal(getattr(apart, column), getattr(image.histogram, column))
    both = whole + opaque.histogram
    assert both.pixels == whole.pixels + opaque.histogram.pixels
    assert len(both) == len(np.unique(np.concatenate([whole.colors, opaque.with_alpha.histogram.colors]), axis=0))
    with pytest.raises(OptionError, match="does not add"):
        whole + image.histogram


@pytest.mark.parametrize("engine", ["numpy", "sklearn"])
@pytest.mark.parametrize("space", RGBA_SPACES)
@pytest.mark.parametrize("paint", ["members", "dominant", "centers"])
def test_a_palette_has_k_entries_of_colour_and_alpha(engine, space, paint):
    image, k = soft_picture(6), 9
    quantized = quantize(image, FitOptions(k=k, engine=engine, space=space, max_iter=9), paint=paint)
    palette = quantized.palette
    assert quantized.options.alpha == "palette"
    assert len(np.unique(palette.rows, axis=0)) == k
    assert np.array_equal(np.bincount(quantized.labels.reshape(-1), minlength=k), palette.counts)
    assert (quantized.alpha[image.alpha == 0] == 0).all()
    assert np.array_equal(quantized.alpha, palette.alpha[quantized.labels])
    painted = palette.rows[quantized.labels].reshape(-1, 4)
    assert quantized.mse == pytest.approx(mse(rows_of(image), painted))
    differing = quantized.predict(image.rgb, image.alpha) != quantized.labels
    assert differing.mean() < 0.02, "but for ties"


@pytest.mark.parametrize("k", [1, 2, 5, 256, 400])
@pytest.mark.parametrize("treatment", [None, "palette"])
def test_few_entries_and_many(k, treatment):
    image = soft_picture(7)
    quantized = quantize(image, FitOptions(k=k, alpha=treatment))
    distinct = len(np.unique(rows_of(image), axis=0))
    assert len(quantized.palette) == min(k, distinct)
    picture = read_image(encode_png(quantized))
    assert np.array_equal(picture.alpha, quantized.alpha)
    assert np.array_equal(picture.rgb[picture.alpha > 0], quantized.rgb[quantized.alpha > 0])


def test_what_fits_is_untouched():
    image = soft_picture(8, 4, 5)
    quantized = quantize(image, FitOptions(k=256))
    assert quantized.untouched
    assert quantized.mse == 0
    assert np.array_equal(quantized.palette.rows[quantized.labels].reshape(-1, 4), rows_of(image))


def test_one_transparent_pixel_among_many_stays_so():
    """With few entries its cluster would be painted nearly opaque."""
    image = soft_picture(9)
    alpha = np.maximum(image.alpha, 200)
    alpha[3, 4] = 0
    quantized = quantize(CountedImage(image.rgb, alpha), FitOptions(k=3))
    assert quantized.alpha[3, 4] == 0
    assert len(quantized.palette) == 3
    with pytest.raises(ColorquantError, match="leaves transparent pixels no entry"):
        quantize(CountedImage(image.rgb, alpha), FitOptions(k=2, lock=("#ff0000", "#00ff00")))
    locked = quantize(CountedImage(image.rgb, alpha), FitOptions(k=4, lock=("#ff0000", "#00ff00")))
    assert {"#ff0000", "#00ff00", "#00000000"} < set(locked.palette.hex)


def test_on_or_off_counts_the_transparent_entry_only_on_request():
    rgb = random_picture(10)
    image = CountedImage(rgb, np.where(rgb[:, :, 0] > 99, 255, 0).astype(np.uint8))
    apart, together = quantize(image, FitOptions(k=6)), quantize(image, FitOptions(k=6, alpha="palette"))
    assert (apart.options.alpha, len(apart.palette), apart.palette.alpha) == ("keep", 6, None)
    assert (together.options.alpha, len(together.palette)) == ("palette", 6)
    assert sorted(together.palette.alpha) == [0, 255, 255, 255, 255, 255]


def test_opaque_pictures_are_as_before():
    rgb = random_picture(11)
    plain = quantize(CountedImage(rgb), FitOptions(k=6))
    for alpha in (None, np.full(rgb.shape[:2], 255, np.uint8)):
        for treatment in (None, "palette", "keep"):
            other = quantize(CountedImage(rgb, alpha), FitOptions(k=6, alpha=treatment))
            assert other.options.alpha is None
            assert read_image(encode_png(other)).alpha is None
            assert np.array_equal(other.labels, plain.labels)
            assert other.palette == plain.palette
    assert encode_png(quantize(CountedImage(rgb), FitOptions(k=6, alpha="palette"))) == encode_png(plain)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (FitOptions("em", 4), "by em"),
        (FitOptions(engine="opencv"), "by kmeans with --engine opencv"),
        (FitOptions(space="gray"), "in --space gray, only in rgb, lab, oklab"),
        (FitOptions(space="ycrcb"), "in --space ycrcb"),
        (FitOptions(space="lab", keep_luma=True), "with --keep-luma"),
    ],
)
def test_where_a_palette_over_rgba_is_impossible(options, words):
    image = soft_picture(12)
    with pytest.raises(OptionError, match=f"--alpha palette cannot be honoured {words}"):
        quantize(image, options.replace(alpha="palette"))
    quantized = quantize(image, options.replace(max_iter=3))
    assert quantized.options.alpha == "keep"
    assert np.array_equal(quantized.alpha, image.alpha)


def test_same_bytes_on_every_run():
    first, second = (encode_png(quantize(soft_picture(13), FitOptions(k=7))) for _ in range(2))
    assert first == second


def test_entries_that_are_not_opaque_come_first_in_the_png():
    quantized = quantize(soft_picture(14), FitOptions(k=12))
    data = encode_png(quantized)
    place = data.index(b"tRNS")
    length = int.from_bytes(data[place - 4 : place], "big")
    assert length == np.count_nonzero(quantized.palette.alpha < 255)
    assert data[25] == 3


def test_more_than_256_entries_make_an_rgba_file():
    image = soft_picture(15)
    quantized = quantize(image, FitOptions(k=300))
    data = encode_png(quantized)
    assert data[25] == 6
    assert np.array_equal(read_image(data).alpha, quantized.alpha)


def test_one_palette_for_several_images():
    images = [soft_picture(16), CountedImage(random_picture(17))]
    total = images[0].with_alpha.histogram + images[1].histogram
    palette = fit_palette(total, FitOptions(k=10))
    assert palette.alpha is not None
    for image in images:
        mapped = quantize_with(palette, image)
        assert (mapped.palette.rows == palette.rows).all()
        assert np.array_equal(mapped.labels, palette.predict(image.rgb, image.alpha))
        nearest = apply_palette(palette, image, "rgb")
        assert nearest.mse <= mapped.mse * 1.02
    apart = fit_palette(total, FitOptions(k=10, alpha="keep"))
    assert apart.alpha is None


@pytest.mark.parametrize("space", ["gray", "ycrcb"])
def test_entries_with_alpha_have_no_distance_in_some_spaces(space):
    image = soft_picture(18)
    palette = quantize(image, FitOptions(k=4)).palette
    with pytest.raises(OptionError, match=f"cannot be compared in {space}"):
        apply_palette(palette, image, space)


def test_importance_and_protection_weigh_pairs_of_colour_and_alpha():
    image = soft_picture(19)
    importance = np.zeros(image.alpha.shape, np.uint8)
    importance[:12] = 255
    weighed = CountedImage(image.rgb, image.alpha, importance)
    histogram = weighed.with_alpha.histogram
    assert int(histogram.importance.sum()) == 255 * 12 * image.alpha.shape[1]
    upper = CountedImage(image.rgb[:12], image.alpha[:12])
    whole, part = quantize(weighed, FitOptions(k=8)), quantize(upper, FitOptions(k=8))
    assert len(whole.palette) <= 8
    upper_error = mse(rows_of(upper), whole.palette.rows[whole.labels[:12]].reshape(-1, 4))
    assert upper_error <= 1.05 * part.mse, "the fit is that of the pixels that count"
    assert len(quantize(image, FitOptions(k=8, protect="small")).palette) == 8


@given(level=st.integers(1, 255), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_threshold_makes_alpha_0_or_255(level, seed):
    image = soft_picture(seed, 5, 7)
    rgb, alpha = apply_alpha(image.rgb, image.alpha, f"threshold:{level}")
    assert rgb is image.rgb
    assert np.array_equal(alpha, np.where(image.alpha >= level, 255, 0))


@pytest.mark.parametrize("level", ["0", "256", "", "x", "-1", "²"])
def test_a_threshold_is_a_level(level, run, tmp_path):
    path = tmp_path / "soft.png"
    path.write_bytes(b"not read")
    result = run("kmeans", path, "--alpha", f"threshold:{level}")
    assert result.exit_code == 2
    assert "with N from 1 to 255" in result.stderr


def test_the_command_line_and_its_files(run, tmp_path):
    image = soft_picture(20)
    path = tmp_path / "soft.png"
    Image.fromarray(np.dstack([image.rgb, image.alpha])).save(path)
    palette, page = tmp_path / "soft.json", tmp_path / "soft.html"
    files = ("--palette-out", palette, "--labels", "npy", "--masks", tmp_path / "masks", "--html", page)
    result = run("kmeans", path, "-k", 6, "-o", tmp_path / "out.png", *files, "--json")
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout)
    assert row["alpha"] == "palette"
    assert "6 colours with alpha" in result.stderr
    entries = json.loads(palette.read_text())
    assert [entry["hex"] for entry in entries] == [color for color, _ in row["palette"]]
    labels = np.load(tmp_path / "out-labels.npy")
    rows = np.array([[*entry["color"], entry["alpha"]] for entry in entries], np.uint8)
    written = read_image(tmp_path / "out.png")
    assert np.array_equal(rows[labels], np.dstack([np.where(written.alpha[:, :, None], written.rgb, 0), written.alpha]))
    assert len(list((tmp_path / "masks").glob("*.png"))) == 6
    assert any(f"--c:{entry['hex']}" in page.read_text() for entry in entries if entry["alpha"] < 255)
    mapped = run("apply", path, "--palette", palette, "--space", "rgb", "-o", tmp_path / "mapped.png", "--json")
    assert mapped.exit_code == 0, mapped.output
    assert json.loads(mapped.stdout)["mse"] == pytest.approx(row["mse"], rel=0.02)


@pytest.mark.parametrize("treatment", ["palette", "keep", "drop", "threshold", "white"])
def test_the_python_api_says_what_to_do_with_alpha(treatment):
    image = soft_picture(21)
    quantized = colorquant.quantize(np.dstack([image.rgb, image.alpha]), k=5, alpha=treatment)
    assert (quantized.palette.alpha is not None) == (treatment == "palette")
    assert (quantized.alpha is None) == (treatment in ("drop", "white"))
    assert len(colorquant.histogram(image, alpha="palette")) == len(image.with_alpha.histogram)


def test_rows_on_gray_are_composited():
    rows = rows_of(soft_picture(22))
    exact = rows[:, 3:] / 255 * rows[:, :3] + (1 - rows[:, 3:] / 255) * 128
    assert np.abs(on_gray(rows) - exact).max() <= 0.5 + 1e-9


def test_an_empty_histogram_with_alpha():
    empty = ColorHistogram.count_rgba(np.empty((0, 3), np.uint8), np.empty(0, np.uint8))
    assert len(empty) == 0
    assert empty.has_alpha


def test_compare_measures_all_on_the_same_backgrounds(tmp_path, run):
    image = soft_picture(23)
    path = tmp_path / "soft.png"
    Image.fromarray(np.dstack([image.rgb, image.alpha])).save(path)
    words = ("-k", 6, "--engine", "numpy,pillow-median,pillow-octree", "-o", tmp_path / "out", "--json")
    rows = [json.loads(line) for line in run("compare", path, *words).stdout.splitlines()]
    treatments = {row["cell"]: row["alpha"] for row in rows}
    assert treatments == {
        "kmeans6-numpy-rgb": "palette",
        "em6-numpy-rgb-diagonal": "keep",
        "quantizer6-pillow-median-rgb": "keep",
        "quantizer6-pillow-octree-rgb": "palette",
    }
    for row in rows:
        picture = read_image(row["output"])
        alpha = np.full(image.alpha.shape, 255, np.uint8) if picture.alpha is None else picture.alpha
        assert row["mse"] == pytest.approx(mse(rows_of(image), rows_of(CountedImage(picture.rgb, alpha))))
        assert row["colors_in"] == len(image.with_alpha.histogram)
        assert np.array_equal(alpha, image.alpha) == (row["alpha"] == "keep")
    own = next(row for row in rows if row["cell"].startswith("kmeans"))
    assert own["mse"] == pytest.approx(quantize(image, FitOptions(k=6)).mse)
    demanded = run("compare", path, "-k", 6, "--engine", "numpy,pillow-median", "--alpha", "palette", "--json")
    assert "--alpha palette cannot be honoured by pillow-median" in demanded.stderr
    assert [json.loads(line)["cell"] for line in demanded.stdout.splitlines()] == ["kmeans6-numpy-rgb"]


def _blurred(rows: np.ndarray) -> np.ndarray:
    """The means of 4 × 4 pixels (h, w, 4), composited onto black and white."""
    alpha = rows[:, :, 3:] / 255
    shown = np.concatenate([alpha * rows[:, :, :3] + (1 - alpha) * gray for gray in (0, 255)], axis=2)
    return shown[:24, :28].reshape(6, 4, 7, 4, -1).mean(axis=(1, 3))


@pytest.mark.parametrize("method", ["floyd-steinberg", "atkinson", "jarvis"])
@pytest.mark.parametrize("k", [5, 20])
def test_colour_and_alpha_are_dithered_together(method, k):
    """On every background the means of small squares come nearer to those of the picture."""
    y, x = np.mgrid[0:24, 0:30]
    rgb = np.stack([8 * x, 255 - 8 * x, 9 * y], axis=2).astype(np.uint8)
    alpha = np.maximum(250 - 11 * y, 0).astype(np.uint8)
    alpha[:4, :5] = 0
    image = CountedImage(rgb, alpha)
    plain = quantize(image, FitOptions(k=k))
    dithered = quantize(image, FitOptions(k=k), dithering=Dithering(method))
    assert dithered.options.alpha == "palette"
    assert (dithered.alpha[alpha == 0] == 0).all(), "fully transparent pixels take no error"
    assert np.array_equal(np.bincount(dithered.labels.reshape(-1)), dithered.palette.counts)
    assert {*map(bytes, dithered.palette.rows)} <= {*map(bytes, plain.palette.rows)}
    original = np.dstack([rgb, alpha])
    errors = [
        np.square(_blurred(result.palette.rows[result.labels]) - _blurred(original)).mean()
        for result in (plain, dithered)
    ]
    assert errors[1] < 0.75 * errors[0]
    assert dithered.mse > plain.mse
    again = quantize(image, FitOptions(k=k), dithering=Dithering(method))
    assert encode_png(again) == encode_png(dithered)


@pytest.mark.parametrize(
    ("dithering", "space"),
    [
        (Dithering("bayer4"), "rgb"),
        (Dithering("riemersma"), "rgb"),
        (Dithering("floyd-steinberg", serpentine=True), "rgb"),
        (Dithering("floyd-steinberg", adaptive=True), "rgb"),
        (Dithering("floyd-steinberg"), "oklab"),
    ],
)
def test_other_dithering_keeps_alpha_apart(dithering, space):
    image = soft_picture(24)
    quantized = quantize(image, FitOptions(k=5, space=space), dithering=dithering)
    assert quantized.options.alpha == "keep"
    assert np.array_equal(quantized.alpha, image.alpha)
    with pytest.raises(OptionError, match="cannot be honoured with --alpha palette"):
        quantize(image, FitOptions(k=5, space=space, alpha="palette"), dithering=dithering)


@pytest.mark.parametrize(("method", "together"), [("none", True), ("floyd-steinberg", True), ("bayer4", False)])
def test_a_shared_palette_has_alpha(method, together, run, tmp_path):
    for number in range(2):
        image = soft_picture(30 + number)
        Image.fromarray(np.dstack([image.rgb, image.alpha])).save(tmp_path / f"{number}.png")
    words = ("-k", 6, "--shared", "--dither", method, "-o", tmp_path / "out", "--json")
    result = run("kmeans", tmp_path / "0.png", tmp_path / "1.png", *words)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["alpha"] for row in rows] == ["palette" if together else "keep"] * 2
    assert len({tuple(color for color, _ in row["palette"]) for row in rows}) == 1
    for row in rows:
        picture = read_image(row["output"])
        assert np.array_equal(picture.alpha, soft_picture(30 + rows.index(row)).alpha) != together
