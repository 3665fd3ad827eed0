"""Dithering: equal to the scan pixel by pixel, and the laws that every method keeps."""

import numpy as np
import pytest

from colorquant.analysis.blurring import blurred_mse
from colorquant.color.counted import CountedImage
from colorquant.errors import OptionError
from colorquant.fitting.options import FitOptions
from colorquant.mapping.adapting import roughness
from colorquant.mapping.choosing import Chooser, RGBChooser, with_one
from colorquant.mapping.diagonals import Diffusion, Held, diffuse
from colorquant.mapping.dithering import DITHERS, PASSED, Dithering, dither
from colorquant.mapping.kernels import KERNELS
from colorquant.mapping.light import Light
from colorquant.mapping.nearest import nearest_entries, nearest_to
from colorquant.mapping.ordered import bayer, blue_noise
from colorquant.mapping.serial import OLDEST, QUEUE, hilbert_curve
from colorquant.palette.palette import Palette
from colorquant.quantization import quantize

SIZES = [(9, 13), (12, 5), (1, 7), (7, 1), (1, 1), (5, 2), (4, 3)]
DIFFUSIONS = [method for method, kind in DITHERS.items() if kind == "diffusion"]


def random_image(height, width, seed=0):
    rng = np.random.default_rng(seed)
    smooth = np.add.outer(np.arange(height), np.arange(width))[:, :, None] * 9 + rng.integers(0, 60, (1, 1, 3))
    return (smooth % 256 * 0.8 + rng.integers(0, 50, (height, width, 3))).astype(np.uint8)


def random_palette(size, seed=1):
    return Palette(np.random.default_rng(seed).integers(0, 256, (size, 3)).astype(np.uint8))


def nearest(palette, levels):
    return int(np.argmin(((palette.colors.astype(int) - np.asarray(levels, int)) ** 2).sum(axis=1)))


def nearly_nearest(palette, levels, before, allowance):
    """The entry before, where it adds no more than the allowance to the squared error, else the nearest one."""
    squared = ((palette.colors.astype(int) - np.asarray(levels, int)) ** 2).sum(axis=1)
    return before if before < len(squared) and squared[before] - squared.min() <= allowance else int(squared.argmin())


def scan(pixels, palette, light, weights, *, strengths=None, reach=None, serpentine=False, kind=np.float32, held=None):
    """Error diffusion pixel by pixel, each scattering its error: the definition."""
    height, width, _ = pixels.shape
    values = light.decode[pixels].astype(kind)
    entries = light.decode[palette.colors].astype(kind)
    labels = np.zeros((height, width), int)
    for y in range(height):
        back = serpentine and y % 2 == 1
        for x in reversed(range(width)) if back else range(width):
            value = np.clip(values[y, x], light.low, light.high)
            levels = light.encode[value.astype(int)]
            labels[y, x] = nearest(palette, levels)
            if held is not None:
                labels[y, x] = nearly_nearest(palette, levels, held.labels[y, x], held.allowance)
            error = value - entries[labels[y, x]]
            if reach is not None:
                error *= min(1, kind(reach[labels[y, x]]) / max(np.sqrt(kind(error @ error)), kind(1)))
            error *= kind(1 if strengths is None else strengths[y, x])
            for dx, dy, weight in weights:
                to_y, to_x = y + dy, x - dx if back else x + dx
                if to_y < height and 0 <= to_x < width:
                    values[to_y, to_x] += kind(weight) * error
    return labels


@pytest.mark.parametrize("space", ["linear", "srgb"])
@pytest.mark.parametrize("method", DIFFUSIONS)
def test_diffusion_along_diagonals_is_the_scan_pixel_by_pixel(method, space):
    kernel, light, palette = KERNELS[method], Light.of(space), random_palette(6)
    for size in SIZES:
        pixels = random_image(*size)
        strengths = np.random.default_rng(2).random(size).astype(np.float32)
        for factors, reach in ((None, None), (strengths, np.arange(6, dtype=np.float32) * 500)):
            expected = scan(pixels, palette, light, kernel.weights, strengths=factors, reach=reach)
            for chooser in (RGBChooser, Chooser):
                labels = np.full(size, 99, np.uint8)
                chosen = chooser(palette.colors, lambda colors: np.array([nearest(palette, color) for color in colors]))
                diffuse(Diffusion(pixels, light, chosen, factors, reach), kernel.weights, kernel.slope, labels)
                assert np.array_equal(labels, expected), (size, chooser)


@pytest.mark.parametrize("method", ["floyd-steinberg", "jarvis"])
def test_labels_of_the_frame_before_are_held_as_in_the_scan_pixel_by_pixel(method):
    kernel, light, palette = KERNELS[method], Light.of("linear"), random_palette(6)
    for size in SIZES:
        before = np.random.default_rng(4).integers(0, 7, size).astype(np.uint8)  # 6 is no entry
        for allowance in (0.0, 4000.0, 1e6):
            held, labels = Held(before, allowance), np.full(size, 99, np.uint8)
            job = Diffusion(random_image(*size), light, RGBChooser(palette.colors, np.empty), held=held)
            diffuse(job, kernel.weights, kernel.slope, labels)
            assert np.array_equal(labels, scan(job.pixels, palette, light, kernel.weights, held=held)), size
        assert np.array_equal(labels[before < 6], before[before < 6])  # all that can be held


@pytest.mark.parametrize("method", DIFFUSIONS)
def test_serpentine_rows_are_the_scan_pixel_by_pixel(method):
    kernel, palette = KERNELS[method], random_palette(20)
    weights = [(dx, dy, weight * min(1, PASSED / kernel.total)) for dx, dy, weight in kernel.weights]
    for size in SIZES:
        pixels = random_image(*size)
        labels = dither(CountedImage(pixels), palette, Dithering(method, serpentine=True))
        expected = scan(pixels, palette, Light.of("linear"), weights, serpentine=True, kind=np.float64)
        assert np.array_equal(labels, expected), size


def test_riemersma_follows_its_definition():
    pixels, palette, light = random_image(11, 6), random_palette(5), Light.of("linear")
    values, entries = light.decode.astype(float)[pixels.reshape(-1, 3)], light.decode.astype(float)[palette.colors]
    expected, errors = np.zeros(66, int), []
    for place in hilbert_curve(11, 6):
        recent = errors[: -QUEUE - 1 : -1]
        carried = sum((OLDEST ** (age / (QUEUE - 1)) * error for age, error in enumerate(recent)), np.zeros(3))
        value = np.clip(values[place] + carried, light.low, light.high)
        expected[place] = nearest(palette, light.encode[value.astype(int)])
        errors.append(values[place] - entries[expected[place]])
    labels = dither(CountedImage(pixels), palette, Dithering("riemersma"))
    assert np.array_equal(labels.reshape(-1), expected)


@pytest.mark.parametrize(("height", "width"), [(1, 9), (9, 1), (16, 32), (33, 8), (7, 13)])
def test_hilbert_curve_visits_every_pixel_once(height, width):
    places = hilbert_curve(height, width)
    assert sorted(places) == list(range(height * width))
    y, x = np.divmod(places, width)
    steps = np.abs(np.diff(y)) + np.abs(np.diff(x))
    assert np.median(steps) == 1
    if height in (1, 16) or width in (1, 8):
        assert steps.max() == 1


def test_kernels_pass_on_what_their_authors_say():
    sums = {method: sum(weight for _, _, weight in kernel.weights) for method, kernel in KERNELS.items()}
    assert sums.pop("atkinson") == 0.75
    assert set(sums.values()) == {1.0} or all(abs(value - 1) < 1e-12 for value in sums.values())
    assert KERNELS["floyd-steinberg"].weights == ((1, 0, 7 / 16), (-1, 1, 3 / 16), (0, 1, 5 / 16), (1, 1, 1 / 16))
    assert {method: kernel.slope for method, kernel in KERNELS.items() if kernel.slope != 3} == {
        "floyd-steinberg": 2,
        "false-floyd-steinberg": 1,
        "atkinson": 2,
        "sierra-lite": 2,
    }


def test_masks_of_ordered_dithering():
    assert bayer(2).tolist() == [[0, 2], [3, 1]]
    for side in (2, 4, 8, 16):
        assert sorted(bayer(side).reshape(-1)) == list(range(side * side))
    assert np.array_equal(np.bincount(blue_noise().reshape(-1)), np.full(256, 16))
    spectrum = np.abs(np.fft.fft2(blue_noise() - 127.5)) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    assert spectrum[frequency < 0.15].mean() < 0.02 * spectrum[frequency > 0.3].mean()


EVERY_DITHERING = [
    *(Dithering(method) for method in DITHERS),
    *(Dithering(method, serpentine=True) for method in DIFFUSIONS),
]


@pytest.mark.parametrize("dithering", EVERY_DITHERING, ids=lambda d: d.method + "-serpentine" * d.serpentine)
def test_laws_of_every_method(dithering):
    pixels, palette = random_image(14, 21), random_palette(7)
    image = CountedImage(pixels)
    labels = dither(image, palette, dithering)
    assert labels.shape == (14, 21) and labels.dtype == np.uint8 and labels.max() < 7
    assert np.array_equal(labels, dither(image, palette, dithering))
    weak = dither(image, palette, Dithering(dithering.method, 0, dithering.serpentine))
    assert np.array_equal(weak, image.spread(nearest_entries(image.histogram, palette, "rgb")))
    own = Palette(np.unique(pixels.reshape(-1, 3), axis=0))
    assert np.array_equal(own.colors[dither(image, own, dithering)], pixels)  # nothing to pass on
    one = Palette(np.array([[9, 9, 9]], np.uint8))
    assert not dither(image, one, dithering).any()
    twice = Palette(np.array([[200, 9, 9], [9, 9, 9], [9, 9, 9]], np.uint8))
    assert set(np.unique(dither(image, twice, dithering))) <= {0, 1}


@pytest.mark.parametrize("dithering", EVERY_DITHERING, ids=lambda d: d.method + "-serpentine" * d.serpentine)
def test_transparent_pixels_take_and_pass_nothing(dithering):
    pixels, palette = random_image(12, 17), random_palette(4)
    alpha = np.where(np.random.default_rng(3).random((12, 17)) < 0.3, 0, 255).astype(np.uint8)
    labels = dither(CountedImage(pixels, alpha), palette, dithering)
    assert np.array_equal(labels == 4, alpha == 0)
    hidden = np.where(alpha[:, :, None] == 0, 255 - pixels, pixels).astype(np.uint8)
    assert np.array_equal(labels, dither(CountedImage(hidden, alpha), palette, dithering))
    nothing = dither(CountedImage(pixels, np.zeros_like(alpha)), palette, dithering)
    assert (nothing == 4).all()


@pytest.mark.parametrize("method", DITHERS)
def test_a_flat_area_keeps_its_mean(method):
    palette = Palette(np.array([[0, 0, 0], [255, 255, 255]], np.uint8))
    labels = dither(CountedImage(np.full((64, 64, 3), 160, np.uint8)), palette, Dithering(method))
    tolerance = {"bayer2": 0.15, "atkinson": 0.07, "riemersma": 0.05}.get(method, 0.035)
    assert abs(labels.mean() - ((160 / 255 + 0.055) / 1.055) ** 2.4) < tolerance


@pytest.mark.parametrize("method", ["floyd-steinberg", "riemersma"])
def test_adaptive_dithering_leaves_edges_and_colours_of_the_palette_alone(method):
    palette = Palette(np.array([[0] * 3, [90] * 3, [255] * 3], np.uint8))
    ramp = np.tile(np.linspace(90, 150, 64).astype(np.uint8), (48, 1))
    ramp[:, 10:20], ramp[:, 30:32] = 90, 255
    image = CountedImage(np.repeat(ramp[:, :, None], 3, axis=2))
    adaptive = dither(image, palette, Dithering(method, adaptive=True))
    assert np.array_equal(adaptive, dither(image, palette, Dithering(method, adaptive=True)))
    assert (adaptive[1:-1, 13:18] == 1).all()  # the palette has this colour
    plain = dither(image, palette, Dithering(method))
    assert 0 < np.mean(adaptive[:, 35:] == 2) < np.mean(plain[:, 35:] == 2) + 0.05
    noise = np.random.default_rng(5).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert roughness(noise).max() <= 255 and roughness(noise).mean() > 100
    assert not roughness(np.full((5, 7, 3), 9, np.uint8)).any()


def test_gray_pictures_take_the_lightness_of_colours():
    palette = Palette(np.array([[0] * 3, [255] * 3], np.uint8))
    blue = np.full((32, 32, 3), (0, 0, 255), np.uint8)
    gray = np.full((32, 32, 3), 29, np.uint8)
    labels = dither(CountedImage(blue), palette, Dithering("floyd-steinberg"), space="gray")
    assert np.array_equal(labels, dither(CountedImage(gray), palette, Dithering("floyd-steinberg")))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "magic"}, "--dither magic is unknown: use one of none, floyd-steinberg"),
        ({"method": "jarvis", "strength": 1.5}, "--dither-strength 1.5 is out of range"),
        ({"method": "jarvis", "strength": float("nan")}, "--dither-strength nan is out of range"),
        ({"method": "jarvis", "space": "lab"}, "--dither-space lab is unknown: use linear or srgb"),
        ({"method": "bayer4", "serpentine": True}, "--serpentine is for error diffusion, not for --dither bayer4"),
        ({"method": "riemersma", "serpentine": True}, "--serpentine is for error diffusion"),
        ({"method": "blue-noise", "adaptive": True}, "--dither-adaptive is for error diffusion"),
    ],
)
def test_wrong_options_are_one_line(options, words):
    with pytest.raises(OptionError, match=words):
        Dithering(**options)


def test_an_empty_palette_is_refused():
    with pytest.raises(OptionError, match="the palette is empty"):
        dither(CountedImage(random_image(2, 2)), Palette(np.empty((0, 3), np.uint8)), Dithering("jarvis"))


def fitted(pixels, k, **options):
    image = CountedImage(pixels)
    plain = quantize(image, FitOptions(k=k, **options))
    return image, plain, quantize(image, FitOptions(k=k, **options), dithering=Dithering("floyd-steinberg"))


def test_a_fitted_palette_reaches_further_out_and_lowers_the_blurred_error():
    y, x = np.mgrid[:48, :64]
    waves = [np.sin(x / 11 + y / 17), np.cos(x / 13 - y / 9), np.sin(y / 7 - x / 31)]
    pixels = (127 + 110 * np.dstack(waves)).astype(np.uint8)
    image, plain, dithered = fitted(pixels, 16)
    means = dither(image, plain.palette, Dithering("floyd-steinberg"))
    assert blurred_mse(pixels, dithered.rgb) < 0.9 * blurred_mse(pixels, plain.palette.colors[means])
    middle = plain.palette.colors.mean(axis=0)
    spread = [np.linalg.norm(q.palette.colors - middle, axis=1).mean() for q in (plain, dithered)]
    assert spread[1] > spread[0]
    assert len(np.unique(dithered.palette.colors, axis=0)) == len(dithered.palette)
    assert np.array_equal(dithered.rgb, fitted(pixels, 16)[2].rgb)


def test_flat_colours_and_locked_colours_do_not_move():
    pixels = random_image(48, 64)
    pixels[:20] = (51, 102, 204)
    _, _, dithered = fitted(pixels, 8, lock=("#0a141e",))
    assert {"#3366cc", "#0a141e"} <= set(dithered.palette.hex)
    assert (dithered.rgb[1:19] == (51, 102, 204)).all()


@pytest.mark.parametrize("k", [1, 2, 3, 300])
def test_palettes_of_any_size_are_dithered(k):
    _, plain, dithered = fitted(random_image(20, 30), k)
    assert 1 <= len(dithered.palette) <= len(plain.palette) == k


def test_the_model_follows_the_order_of_the_dithered_palette():
    _, plain, dithered = fitted(random_image(48, 64), 6)
    assert np.array_equal(np.sort(dithered.palette.counts)[::-1], dithered.palette.counts)
    assert sorted(map(tuple, plain.model.centers)) == sorted(map(tuple, dithered.model.centers))
    distance = np.linalg.norm(dithered.model.centers[:, None] - dithered.palette.colors, axis=2)
    assert np.array_equal(distance.argmin(axis=1), np.arange(6))


@pytest.mark.parametrize("size", [1, 2, 32, 33, 300])
def test_choosers_agree_and_take_the_first_of_equals(size):
    palette = random_palette(size)
    colors = np.concatenate([palette.colors, palette.colors[: size // 2], palette.colors // 255 * 255])
    rng = np.random.default_rng(8)
    levels = np.concatenate([rng.integers(0, 256, (500, 3)), colors, [[0, 0, 0], [255, 255, 255]]]).astype(np.float32)
    distances = ((levels[:, None].astype(int) - colors.astype(int)) ** 2).sum(axis=2)
    function = nearest_to(Palette(colors), "rgb")
    for chooser in (
        Chooser(colors, function),
        RGBChooser(colors, function),
        RGBChooser(colors, function, computes=False),
    ):
        for _ in range(2):  # computed, then remembered
            assert np.array_equal(chooser.choose(with_one(levels)), distances.argmin(axis=1))
        key = int(levels[0] @ [65536, 256, 1])
        assert chooser.learn(key) == distances[0].argmin()
