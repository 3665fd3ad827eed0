"""Partly transparent pixels: their weight in a fit and in the measures, and the alpha of the output."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.pictures import engine_names, method_names, random_picture

from colorquant import FitOptions, quantize
from colorquant.color import difference
from colorquant.color.histogram import ColorHistogram, count_pairs
from colorquant.color.packing import pack
from colorquant.color.visible import VisiblePixels
from colorquant.errors import OptionError
from colorquant.fitting import criteria
from colorquant.images import read_image
from colorquant.images.alpha import apply_alpha, composite
from colorquant.images.decoding import Reading
from colorquant.images.encoding import encode_labels
from colorquant.quantization import encode_png


def random_alpha(seed: int, height: int = 20, width: int = 30) -> np.ndarray:
    """Alpha (height, width) uint8 with 0 and 255 among its levels."""
    levels = np.array([0, 1, 51, 102, 128, 204, 254, 255], np.uint8)
    return np.random.default_rng(seed).choice(levels, (height, width))


def weighted(rgb: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The visible pixels (n, 3), and their weights (n,), 1 for an opaque one."""
    return rgb[alpha > 0].astype(np.float64), alpha[alpha > 0] / 255


def png(picture: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", **options)
    return stream.getvalue()


@given(st.integers(0, 2**31), st.integers(1, 20), st.integers(1, 20), st.integers(1, 256), st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_alpha_is_summed_in_integers_and_chunks_sum_to_the_whole(seed, height, width, levels, cut):
    rgb, alpha = random_picture(seed, height, width, levels), random_alpha(seed, height, width)
    alpha[0, 0] = 77  # one at least that is partly transparent
    visible = VisiblePixels.of(rgb, alpha)
    whole = ColorHistogram.count(visible.rgb, visible.alpha)
    first, second = (VisiblePixels.of(rgb[part], alpha[part]) for part in (slice(cut), slice(cut, None)))
    first, second = (ColorHistogram.count(part.rgb, part.alpha) for part in (first, second))
    for both in (first + second, second + first):
        assert np.array_equal(both.colors, whole.colors)
        assert np.array_equal(both.counts, whole.counts)
        assert np.array_equal(both.alpha, whole.alpha)
    assert whole.integer_weights.dtype == np.int64
    for color, weight in zip(whole.colors, whole.integer_weights, strict=True):
        assert weight == alpha[(rgb == color).all(axis=2)].sum()


def test_many_strips_are_counted_like_one(monkeypatch):
    rgb, alpha = random_picture(1, levels=5), np.maximum(random_alpha(2), 1).reshape(-1)
    once = ColorHistogram.count(rgb, alpha)
    monkeypatch.setattr("colorquant.color.strip_counting.STRIP", 37)
    strips = ColorHistogram.count(rgb, alpha)
    assert np.array_equal(once.colors, strips.colors)
    assert np.array_equal(once.counts, strips.counts)
    assert np.array_equal(once.alpha, strips.alpha)


def test_opaque_and_hidden_pixels_need_no_weights():
    rgb = random_picture(3)
    assert VisiblePixels.of(rgb, np.full((20, 30), 255, np.uint8)).alpha is None
    visible = VisiblePixels.of(rgb, np.where(rgb[:, :, 0] > 99, 255, 0).astype(np.uint8))
    assert visible.alpha is None
    assert np.array_equal(visible.mask, rgb[:, :, 0] > 99)
    histogram = ColorHistogram.count(visible.rgb)
    assert np.array_equal(histogram.integer_weights, histogram.counts)
    assert histogram.weight_scale == 1


def test_pairs_of_colours_weigh_their_alpha():
    before, after = random_picture(4, levels=3).reshape(-1, 3), random_picture(5, levels=2).reshape(-1, 3)
    alpha = np.maximum(random_alpha(6), 1).reshape(-1)
    one, other, weights = count_pairs(before, after, alpha)
    assert len({(*first, *second) for first, second in zip(one.tolist(), other.tolist(), strict=True)}) == len(weights)
    for first, second, weight in zip(one, other, weights, strict=True):
        assert weight == alpha[(before == first).all(axis=1) & (after == second).all(axis=1)].sum()


@method_names
@pytest.mark.parametrize("space", ["rgb", "gray", "lab"])
def test_a_pixel_weighs_as_much_as_its_alpha(method, space):
    """A picture whose pixels are partly transparent gives the colours of one whose pixels are repeated alpha times."""
    rgb, alpha = random_picture(7, 12, 12, 9) * 25, random_alpha(8, 12, 12) // 51 * 51
    alpha[0, 0] = 51
    repeated = np.repeat(rgb[alpha > 0], alpha[alpha > 0] // 51, axis=0)[None]
    options = FitOptions(method, 5, space, init=None if method == "kmeans" else "kmeans", alpha="keep")
    light, heavy = quantize(rgb, options, alpha=alpha), quantize(repeated, options)
    assert sorted(map(tuple, light.palette.colors.tolist())) == sorted(map(tuple, heavy.palette.colors.tolist()))
    assert light.mse == pytest.approx(heavy.mse)
    if method == "em":
        assert light.log_likelihood == pytest.approx(heavy.log_likelihood)


@engine_names
@method_names
def test_measures_weigh_each_pixel_by_its_alpha(engine, method):
    rgb, alpha = random_picture(9), random_alpha(10)
    quantized = quantize(rgb, FitOptions(method, 4, engine=engine, max_iter=5, alpha="keep"), alpha=alpha)
    pixels, weights = weighted(rgb, alpha)
    painted = quantized.rgb[alpha > 0].astype(np.float64)
    assert quantized.mse == pytest.approx(np.average(((pixels - painted) ** 2).sum(axis=1), weights=weights))
    assert quantized.weight == pytest.approx(weights.sum())
    labels = quantized.labels[alpha > 0]
    for label, color in enumerate(quantized.palette.colors):
        mean = np.average(pixels[labels == label], axis=0, weights=weights[labels == label])
        assert np.abs(mean - color).max() <= 0.5 + 1e-9, "the mean that makes the weighted error least"
    if method == "kmeans":
        own = quantized.model.points[labels]
        assert quantized.inertia == pytest.approx((weights * ((pixels - own) ** 2).sum(axis=1)).sum())
    else:
        density = np.exp(quantized.model.log_joint(pixels)).sum(axis=1)
        assert quantized.log_likelihood == pytest.approx(np.average(np.log(density), weights=weights))
        free = quantized.model.n_parameters
        assert quantized.bic == pytest.approx(criteria.bic(quantized.log_likelihood, weights.sum(), free))


@engine_names
@method_names
def test_counts_and_labels_are_those_of_whole_visible_pixels(engine, method):
    rgb, alpha = random_picture(11), random_alpha(12)
    quantized = quantize(rgb, FitOptions(method, 4, engine=engine, max_iter=5, alpha="keep"), alpha=alpha)
    assert np.array_equal(np.bincount(quantized.labels[alpha > 0], minlength=4), quantized.palette.counts)
    assert (np.diff(quantized.palette.counts) <= 0).all()
    assert (quantized.labels[alpha == 0] == len(quantized.palette)).all()


@engine_names
@method_names
def test_a_fit_without_weights_is_noted(engine, method, run, partly, photo, tmp_path):
    words = (method, "-k", 3, "--engine", engine, "-o", tmp_path / "out", "--json")
    for row in map(json.loads, run(*words, photo, partly).stdout.splitlines()):
        weighed = Path(row["input"]) == photo or engine == "numpy" or (engine, method) == ("sklearn", "kmeans")
        assert [note for note in row["notes"] if "count whole" in note] == (
            [] if weighed else [f"partly transparent pixels count whole in the fit: --engine {engine} takes no weights"]
        )


@pytest.mark.parametrize("method", ["kmeans", "em"])
def test_opencv_counts_a_partly_transparent_pixel_whole(method):
    rgb, alpha = random_picture(13), np.maximum(random_alpha(14), 1)
    options = FitOptions(method, 4, engine="opencv", max_iter=5)
    opaque, partly = quantize(rgb, options), quantize(rgb, options, alpha=alpha)
    assert np.array_equal(opaque.labels, partly.labels)
    assert np.array_equal(opaque.model.points, partly.model.points)
    assert not np.array_equal(opaque.palette.colors, partly.palette.colors), "painting weighs all the same"


def test_kept_lightness_is_measured_by_alpha_too():
    rgb, alpha = random_picture(15), random_alpha(16)
    quantized = quantize(rgb, FitOptions("kmeans", 3, "ycrcb"), alpha=alpha)
    pixels, weights = weighted(rgb, alpha)
    errors = ((pixels - quantized.rgb[alpha > 0]) ** 2).sum(axis=1)
    assert quantized.mse == pytest.approx(np.average(errors, weights=weights))


def test_alpha_that_is_only_0_or_255_changes_nothing():
    """The histogram of the visible pixels is the opaque one, to the bit, and so is what follows from it."""
    rgb = random_picture(17)
    alpha = np.zeros((20, 30), np.uint8)
    alpha[5:] = 255
    hidden, cut = quantize(rgb, FitOptions(k=6), alpha=alpha), quantize(rgb[5:], FitOptions(k=6))
    assert np.array_equal(hidden.palette.colors, cut.palette.colors)
    assert np.array_equal(hidden.labels[5:], cut.labels)
    assert (hidden.mse, hidden.inertia) == (cut.mse, cut.inertia)


@given(
    seed=st.integers(0, 2**31),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    levels=st.sampled_from([2, 4, 256]),
    k=st.sampled_from([1, 2, 7, 256, 300]),
    space=st.sampled_from(["rgb", "gray", "ycrcb", "oklab"]),
    method=st.sampled_from(["kmeans", "em"]),
)
@settings(max_examples=60, deadline=None)
def test_alpha_comes_back_and_hidden_pixels_keep_0(seed, size, levels, k, space, method):
    rgb, alpha = random_picture(seed, *size, levels=levels), random_alpha(seed, *size)
    quantized = quantize(rgb, FitOptions(method, k, space, alpha="keep"), alpha=alpha)
    picture = read_image(encode_png(quantized))
    assert np.array_equal(np.full(size, 255) if picture.alpha is None else picture.alpha, alpha)
    assert np.array_equal(picture.rgb[alpha > 0], quantized.rgb[alpha > 0])
    assert math.isfinite(quantized.mse)


@pytest.mark.parametrize(("pairs", "kind"), [(256, 3), (257, 6)])
def test_tRNS_holds_256_pairs_of_colour_and_alpha(pairs, kind):  # noqa: N802  a chunk's name
    palette = random_picture(18, 1, 2)[0]
    labels, alpha = np.divmod(np.arange(pairs), 200)
    labels, alpha = labels.astype(np.uint8)[None], (alpha + 1).astype(np.uint8)[None]
    data = encode_labels(labels, palette, alpha, gray=False)
    assert data[25] == kind
    picture = read_image(data)
    assert np.array_equal(picture.alpha, alpha)
    assert np.array_equal(picture.rgb, palette[labels])


def test_keep_changes_nothing_and_drop_makes_it_opaque():
    rgb, alpha = random_picture(19), random_alpha(20)
    kept, dropped = apply_alpha(rgb, alpha, "keep"), apply_alpha(rgb, alpha, "drop")
    assert kept[0] is rgb
    assert kept[1] is alpha
    assert dropped[0] is rgb
    assert dropped[1] is None
    data = png(np.dstack([rgb, alpha]))
    assert np.array_equal(read_image(data, Reading(alpha="drop")).rgb, rgb)
    assert np.array_equal(read_image(data).alpha, alpha)


def test_every_level_is_composited_with_rounding():
    """All pairs of level and alpha, against the formula in exact arithmetic."""
    level, alpha = (plane.astype(np.uint8) for plane in np.mgrid[0:256, 0:256])
    rgb = np.repeat(level[:, :, None], 3, axis=2)
    out = composite(rgb, alpha, np.array([0, 200, 255], np.uint16))
    for band, below in enumerate((0, 200, 255)):
        exact = (alpha.astype(int) * level + (255 - alpha.astype(int)) * below) / 255
        assert np.array_equal(out[:, :, band], np.floor(exact + 0.5).astype(int))
    assert (out[:, 0] == [0, 200, 255]).all()
    assert np.array_equal(out[:, 255], rgb[:, 255])


@pytest.mark.parametrize(
    ("text", "color"),
    [
        *(("white", (255, 255, 255)), ("#fff", (255, 255, 255)), ("ffffff", (255, 255, 255)), ("fff", (255, 255, 255))),
        *(("#fFcC00", (255, 204, 0)), ("fc0", (255, 204, 0)), ("RebeccaPurple", (102, 51, 153)), ("000", (0, 0, 0))),
        ("rgb(1, 2, 3)", (1, 2, 3)),
    ],
)
def test_a_background_is_a_name_or_hexadecimal_digits(text, color):
    Reading(alpha=text)
    rgb, alpha = apply_alpha(random_picture(21), np.zeros((20, 30), np.uint8), text)
    assert alpha is None
    assert (rgb == color).all()


@pytest.mark.parametrize("text", ["", "#12345g", "#ffffff\n", "KEEP", "#ffffffff", "ffff", "nocolour", "rgb(300,0,0)"])
def test_other_words_for_alpha_are_refused(text, run, photo):
    with pytest.raises(OptionError, match=r"--alpha .* use palette, keep, drop, threshold, or a colour"):
        Reading(alpha=text)
    for command in ("kmeans", "em", "compare", "timing"):
        result = run(command, photo, "--alpha", text)
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()[-1].split("--alpha")) == 2


@pytest.fixture
def partly(tmp_path):
    """A picture with alpha of many levels as a PNG file."""
    path = tmp_path / "partly.png"
    path.write_bytes(png(np.dstack([random_picture(22), random_alpha(23)])))
    return path


@method_names
def test_alpha_from_the_command_line(method, run, partly, tmp_path):
    rgb, alpha = random_picture(22), random_alpha(23)
    rows, pictures = {}, {}
    for treatment in ("keep", "drop", "#3366CC", "36c"):
        output = tmp_path / "out.png"
        result = run(method, partly, "-k", 6, "--alpha", treatment, "-o", output, "-f", "--json")
        assert result.exit_code == 0, result.output
        rows[treatment], pictures[treatment] = json.loads(result.stdout), read_image(output)
    assert np.array_equal(pictures["keep"].alpha, alpha)
    assert pictures["drop"].alpha is None
    assert pictures["#3366CC"].alpha is None
    assert rows["36c"]["palette"] == rows["#3366CC"]["palette"]
    assert rows["keep"]["colors_in"] == len(np.unique(pack(rgb[alpha > 0])))
    assert rows["drop"]["colors_in"] == len(np.unique(pack(rgb)))
    below = composite(rgb, alpha, np.array([0x33, 0x66, 0xCC], np.uint16))
    assert rows["#3366CC"]["mse"] == pytest.approx(difference.mse(below, pictures["#3366CC"].rgb))
    assert sum(pixels for _, pixels in rows["keep"]["palette"]) == np.count_nonzero(alpha)


def test_compare_weighs_every_quantizer_alike(run, partly, tmp_path):
    rgb, alpha = random_picture(22), random_alpha(23)
    words = ("-k", 5, "--method", "kmeans", "--engine", "numpy,opencv,pillow-median", "-o", tmp_path / "out", "--json")
    for line in run("compare", partly, *words, "--alpha", "keep").stdout.splitlines():
        cell = json.loads(line)
        picture = read_image(tmp_path / "out" / cell["output"])
        assert np.array_equal(picture.alpha, alpha)
        pixels, weights = weighted(rgb, alpha)
        errors = ((pixels - picture.rgb[alpha > 0]) ** 2).sum(axis=1)
        assert cell["mse"] == pytest.approx(np.average(errors, weights=weights))
    result = run("compare", partly, *words, "-f", "--alpha", "#000000")
    assert result.exit_code == 0
    for path in (tmp_path / "out").glob("*.png"):
        assert read_image(path).alpha is None
