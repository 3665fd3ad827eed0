"""Locked colours: in the palette to the value, whatever the picture, k, the space, the start and the paint."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pictures import random_picture

import colorquant
from colorquant.color.counted import CountedImage
from colorquant.errors import OptionError
from colorquant.fitting.options import FitOptions
from colorquant.palette.making import PAINTS
from colorquant.palette.palette import Palette
from colorquant.quantization import Quantized, quantize

EXACT = ("rgb", "lab", "oklab")


def hex_colors(colors):
    return ["#{:02x}{:02x}{:02x}".format(*color) for color in np.asarray(colors).reshape(-1, 3).tolist()]


def check(rgb: np.ndarray, lock: list[str], k: int, result: Quantized) -> None:
    palette, counts = result.palette.hex, result.palette.counts
    assert set(lock) <= set(palette), "each locked colour is an entry"
    assert len(palette) == min(k, len({*lock, *hex_colors(rgb)}))
    assert len(set(palette)) == len(palette)
    assert np.array_equal(counts, np.bincount(result.labels.reshape(-1), minlength=len(palette)))
    assert (np.diff(counts) <= 0).all()
    assert all(count or color in lock for color, count in zip(palette, counts, strict=True))
    locked_pixels = np.isin(hex_colors(rgb), lock).reshape(rgb.shape[:2])
    assert np.array_equal(result.rgb[locked_pixels], rgb[locked_pixels]), "a pixel of a locked colour keeps it"
    assert (np.diff(result.trace) <= 1e-9 * (1 + np.max(result.trace, initial=0))).all(), "the inertia never rises"
    if result.inertia is not None and result.options.space == "rgb" and not result.untouched:
        centers = result.model.centers
        nearest = ((rgb.reshape(-1, 1, 3) - centers) ** 2).sum(axis=2).min(axis=1).sum()
        assert np.isclose(result.inertia, nearest, rtol=1e-4, atol=0.01), "it is the sum over nearest centres"


@given(
    seed=st.integers(0, 2**31 - 1),
    size=st.tuples(st.integers(1, 16), st.integers(1, 16)),
    levels=st.sampled_from([1, 2, 4, 256]),
    k=st.integers(1, 40),
    locked=st.lists(st.booleans(), max_size=8),
    space=st.sampled_from(EXACT),
    init=st.sampled_from(["split", "pp", "random"]),
    paint=st.sampled_from(list(PAINTS)),
)
@settings(max_examples=40)
def test_locked_colors_are_entries(seed, size, levels, k, locked, space, init, paint):
    rgb = random_picture(seed, *size, levels=levels)
    rng = np.random.default_rng(seed)
    own = rgb.reshape(-1, 3)
    colors = [own[rng.integers(len(own))] if present else rng.integers(0, 256, 3) for present in locked[:k]]
    lock = hex_colors(colors)
    options = FitOptions(k=k, lock=tuple(lock), space=space, init=init, seed=seed)
    result = quantize(CountedImage(rgb), options, paint=paint)
    check(rgb, lock, k, result)
    assert np.array_equal(quantize(CountedImage(rgb), options, paint=paint).labels, result.labels)


@pytest.mark.parametrize("effort", ["fast", "balanced"])
@pytest.mark.parametrize(("k", "lock"), [(8, ["#ff0000", "#ffffff"]), (64, ["#00ff00"]), (4, ["#101010"] * 3)])
def test_a_photograph(thumbnail, effort, k, lock):
    locked = quantize(CountedImage(thumbnail), FitOptions(k=k, lock=lock, effort=effort))
    check(thumbnail, lock, k, locked)
    fewer = quantize(CountedImage(thumbnail), FitOptions(k=k - len(set(lock)), effort=effort))
    added = np.vstack([fewer.palette.colors, Palette.of(lock).colors])
    naive = colorquant.apply(Palette(added), thumbnail, space="rgb")
    assert locked.mse < 1.03 * naive.mse, "as good as adding them, up to the noise of a search"


def test_all_locked_is_the_nearest_of_them(thumbnail):
    lock = ["#102030", "#ffffff", "#808080", "#c04020"]
    result = colorquant.quantize(thumbnail, k=4, lock=lock)
    applied = colorquant.apply(Palette.of(lock), thumbnail, space="rgb")
    assert np.array_equal(result.rgb, applied.rgb)
    assert not result.searched


def test_a_palette_that_is_shared_has_them(thumbnail):
    counts = colorquant.histogram(thumbnail)
    palette = colorquant.fit(counts, k=6, lock="bw")
    assert {"#000000", "#ffffff"} <= set(palette.hex)
    assert len(palette) == 6
    assert palette.hex == colorquant.quantize(thumbnail, k=6, lock=Palette.named("bw")).palette.hex


def test_transparent_pixels_keep_their_label(thumbnail):
    alpha = np.full(thumbnail.shape[:2], 255, np.uint8)
    alpha[:9] = 0
    result = colorquant.quantize(thumbnail, alpha=alpha, k=5, lock=["#00ff00"])
    assert (result.labels[:9] == len(result.palette)).all()
    assert result.palette.hex[-1] == "#00ff00"
    assert result.palette.counts[-1] == 0


def test_locked_colors_are_opaque(thumbnail):
    alpha = np.tile(np.linspace(0, 255, thumbnail.shape[1]).astype(np.uint8), (thumbnail.shape[0], 1))
    result = colorquant.quantize(thumbnail, alpha=alpha, k=8, lock=["#ff0000", "#ffffff"])
    assert result.options.alpha == "palette"
    assert {"#ff0000", "#ffffff"} <= set(result.palette.hex)
    assert len(result.palette) == 8


@pytest.mark.parametrize("lock", [["#00ff00"], ["#00ff00", "#ff00ff", "#ffffff"]])
def test_faint_pixels_get_the_nearest_entry_beside_unused_locked_colors(thumbnail, lock):
    alpha = np.tile(np.linspace(-60, 255, thumbnail.shape[1]).clip(0).astype(np.uint8), (thumbnail.shape[0], 1))
    result = colorquant.quantize(thumbnail, alpha=alpha, k=8, lock=lock)
    assert 0 in result.palette.counts, "no pixel has some locked colour"
    clear = result.palette.hex.index("#00000000")
    assert (result.labels[alpha == 0] == clear).all()
    assert (result.labels == clear).sum() > (alpha == 0).sum(), "pixels that are nearly transparent are nearest to it"
    assert np.array_equal(result.labels, result.predict(thumbnail, alpha))


def test_dithering_keeps_them(thumbnail):
    dithered = colorquant.quantize(thumbnail, k=8, lock=["#00ff00", "#ffffff"], dither="floyd-steinberg")
    assert {"#00ff00", "#ffffff"} <= set(dithered.palette.hex)
    assert len(dithered.palette) == 8


def test_figures_of_a_palette_with_unused_entries(thumbnail):
    result = colorquant.quantize(thumbnail, k=4, lock=["#00ff00", "#ff00ff"])
    assert 0 in result.palette.counts
    result.figure("segmented-histogram")
    result.figure("colors3d")


def test_without_locked_colors_the_lock_changes_nothing(thumbnail):
    free = colorquant.quantize(thumbnail, k=8)
    assert np.array_equal(colorquant.quantize(thumbnail, k=8, lock=()).rgb, free.rgb)


REFUSED = {
    "more than k": ({"k": 2, "lock": ["#000000", "#ffffff", "#ff0000"]}, "3 colours, more than -k 2"),
    "no colour": ({"lock": ["red"]}, "'red' is not a colour"),
    "not a list": ({"lock": 7}, "not a list"),
    "not opaque": ({"lock": "#ff000080"}, "not opaque"),
    "many of them, for opencv": ({"engine": "opencv", "lock": "pico8"}, "--lock with 16 colours cannot be honoured"),
    "em": ({"method": "em", "lock": ["#000000"]}, "cannot be honoured"),
    "opencv": ({"engine": "opencv", "lock": ["#000000"]}, "cannot be honoured"),
    "sklearn": ({"engine": "sklearn", "lock": ["#000000"]}, "cannot be honoured"),
    "gray": ({"space": "gray", "lock": ["#000000"]}, "not --space gray: use one of rgb"),
    "keep-luma": ({"space": "lab", "keep_luma": True, "lock": ["#000000"]}, "not --space lab --keep-luma"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_locked_is_refused(thumbnail, name):
    options, words = REFUSED[name]
    with pytest.raises(OptionError, match=words) as caught:
        colorquant.quantize(thumbnail, **options)
    assert "\n" not in str(caught.value)
