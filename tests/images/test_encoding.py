"""Pixels and labels to PNGs."""

import io

import numpy as np
import pytest
from PIL import Image
from support.pictures import random_picture

from colorquant import images
from colorquant.images import encoding, png


@pytest.mark.parametrize(("colors", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (256, 8)])
def test_indexed_png_has_the_least_bits_and_exactly_the_palette(colors, bits):
    palette = random_picture(7, 1, colors)[0]
    labels = np.random.default_rng(8).integers(0, colors, (21, 13)).astype(np.uint8)
    data = encoding.encode_labels(labels, palette, None, gray=False)
    assert data[24:26] == bytes([bits, 3]), "bit depth, colour type 3: indexed"
    assert np.array_equal(images.read_image(data).rgb, palette[labels])


def test_more_colours_than_a_palette_holds_become_truecolour():
    palette = random_picture(9, 1, 300)[0]
    labels = np.arange(300, dtype=np.uint16).reshape(20, 15)
    data = encoding.encode_labels(labels, palette, None, gray=False)
    assert data[25] == 2
    assert np.array_equal(images.read_image(data).rgb, palette[labels])


@pytest.mark.parametrize("form", ["rgb", "rgba", "labels", "labels and alpha", "entries"])
def test_large_truecolour_pictures_are_encoded_in_strips_of_their_pixels(form, monkeypatch):
    monkeypatch.setattr(encoding, "MANY_PIXELS", 100)
    monkeypatch.setattr(encoding, "STRIP_PIXELS", 200)
    monkeypatch.setattr(png, "LARGEST_CHUNK", 500)
    palette = random_picture(12, 1, 400)[0]
    rng = np.random.default_rng(13)
    labels = rng.permutation(np.arange(500) % 400).reshape(25, 20)
    alpha, entry_alpha = rng.integers(1, 256, labels.shape).astype(np.uint8), np.arange(400).astype(np.uint8)
    rgb = palette[labels]
    data = {
        "rgb": lambda: encoding.encode_rgb(rgb, None),
        "rgba": lambda: encoding.encode_rgb(rgb, alpha),
        "labels": lambda: encoding.encode_labels(labels, palette, None, gray=False),
        "labels and alpha": lambda: encoding.encode_labels(labels, palette, alpha, gray=False),
        "entries": lambda: encoding.encode_entries(labels, palette, entry_alpha),
    }[form]()
    assert data.count(b"IDAT") > 1
    pixels = {"rgba": alpha, "labels and alpha": alpha, "entries": entry_alpha[labels]}
    picture = images.read_image(data)
    if form in pixels:
        assert np.array_equal(picture.alpha, pixels[form])
        rgb = np.where(pixels[form][:, :, None] > 0, rgb, picture.rgb)
    else:
        assert picture.alpha is None
    assert np.array_equal(picture.rgb, rgb)


@pytest.mark.parametrize("levels", [2, 5, 200])
def test_gray_takes_the_smaller_form(levels):
    gray = np.linspace(0, 255, levels).astype(np.uint8)
    labels = np.random.default_rng(1).integers(0, levels, (40, 40)).astype(np.uint8)
    palette = np.repeat(gray[:, None], 3, axis=1)
    data = encoding.encode_labels(labels, palette, None, gray=True)
    assert len(data) <= len(encoding.encode_labels(labels, palette, None, gray=False))
    assert np.array_equal(images.read_image(data).rgb, palette[labels])


@pytest.mark.parametrize(("levels", "indexed"), [(2, True), (5, True), (256, False)])
def test_alpha_goes_into_the_palette_where_it_fits(levels, indexed):
    palette = random_picture(10, 1, 6)[0]
    rng = np.random.default_rng(11)
    labels = rng.integers(0, 6, (60, 50)).astype(np.uint8)
    alpha = np.linspace(0, 255, levels).astype(np.uint8)[rng.integers(0, levels, (60, 50))]
    labels[alpha == 0] = 6
    data = encoding.encode_labels(labels, palette, alpha, gray=False)
    assert (data[25] == 3) == indexed
    picture = images.read_image(data)
    assert np.array_equal(picture.alpha, alpha)
    assert np.array_equal(picture.rgb[alpha > 0], palette[labels[alpha > 0]])


@pytest.mark.parametrize(
    ("k", "dtype", "hidden"), [(200, np.uint8, 255), (256, np.uint16, 65535), (256, np.uint8, None)]
)
def test_label_maps(k, dtype, hidden):
    labels = np.arange(k, dtype=np.uint16).reshape(8, -1)
    if hidden is not None:
        labels = np.concatenate([labels, np.full((1, labels.shape[1]), k, np.uint16)])
    with Image.open(io.BytesIO(encoding.encode_label_map(labels, k, "png"))) as image:
        numbers = np.array(image)
    exact = np.load(io.BytesIO(encoding.encode_label_map(labels, k, "npy")))
    assert numbers.dtype == dtype
    assert exact.dtype == np.int32
    assert np.array_equal(numbers[:8], labels[:8])
    assert np.array_equal(exact[:8], labels[:8])
    assert (numbers[8:] == (hidden or 0)).all()
    assert (exact[8:] == -1).all()
