"""The writer of indexed and grayscale PNG: what two readers decode is what was encoded, and the file is small."""

from __future__ import annotations

import io
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image
from support.builders import chunks_of

from colorquant.errors import OutputError
from colorquant.images import png

SIZES = [(1, 1), (1, 7), (5, 1), (3, 9), (17, 33), (130, 301)]
ENTRIES = [1, 2, 3, 4, 5, 9, 16, 17, 256]


def with_pillow(data: bytes, mode: str) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    image.verify()
    return np.asarray(Image.open(io.BytesIO(data)).convert(mode))


def with_opencv(data: bytes) -> np.ndarray:
    """The pixels that OpenCV decodes, as RGB or RGBA."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def blobs(rng: np.random.Generator, size: tuple[int, int], entries: int) -> np.ndarray:
    """Indices with runs, with a repeated pattern and with noise, so that every kind of strip occurs."""
    height, width = size
    rows = np.repeat(rng.integers(0, entries, (height, width // 9 + 1)), 9, axis=1)[:, :width]
    rows[height // 3 : height // 2] = np.arange(width) % entries
    rows[height // 2 :] = rng.integers(0, entries, (height - height // 2, width))
    return rows.astype(np.uint8)


@pytest.mark.parametrize("entries", ENTRIES)
@pytest.mark.parametrize("size", SIZES)
def test_two_readers_decode_the_pixels(size, entries, monkeypatch):
    monkeypatch.setattr(png, "STRIP", 1 << 11)
    rng = np.random.default_rng(entries)
    indices, colors = blobs(rng, size, entries), rng.integers(0, 256, (entries, 3), np.uint8)
    data = png.encode_indexed(indices, colors)
    names = [name for name, _ in chunks_of(data)]
    assert names == [b"IHDR", b"sRGB", b"PLTE", b"IDAT", b"IEND"]
    image = Image.open(io.BytesIO(data))
    assert image.mode == "P"
    assert np.array_equal(np.asarray(image), indices), "opaque entries keep their numbers"
    assert np.array_equal(with_pillow(data, "RGB"), colors[indices])
    assert np.array_equal(with_opencv(data), colors[indices])


@pytest.mark.parametrize("entries", ENTRIES)
@pytest.mark.parametrize("opaque", ["none", "some", "all"])
def test_alpha_is_decoded_and_trns_is_short(entries, opaque):
    rng = np.random.default_rng(entries)
    indices, colors = blobs(rng, (20, 31), entries), rng.integers(0, 256, (entries, 3), np.uint8)
    alpha = rng.integers(0, 255, entries, np.uint8)
    alpha[: {"none": 0, "some": (entries + 1) // 2, "all": entries}[opaque]] = 255  # here the opaque ones come first
    data = png.encode_indexed(indices, colors, alpha)
    expected = np.dstack([colors[indices], alpha[indices]])
    assert np.array_equal(with_pillow(data, "RGBA"), expected)
    transparency = dict(chunks_of(data)).get(b"tRNS", b"")
    assert len(transparency) == (alpha < 255).sum()
    if transparency:
        assert np.array_equal(with_opencv(data), expected)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.uint16])
@pytest.mark.parametrize("size", SIZES)
def test_grayscale_is_decoded(size, dtype):
    rng = np.random.default_rng(1)
    top = 2 if dtype == np.bool_ else np.iinfo(dtype).max + 1
    levels = rng.integers(0, top, size).astype(dtype)
    data = png.encode_grayscale(levels)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), levels)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(decoded, levels * np.uint8(255) if dtype == np.bool_ else levels)


def test_a_large_picture_is_decoded(monkeypatch):
    monkeypatch.setattr(png, "MANY_PIXELS", 1000)
    monkeypatch.setattr(png, "LARGE_STRIP", 1 << 12)
    rng = np.random.default_rng(2)
    for entries in (4, 16, 200):
        indices, colors = blobs(rng, (200, 301), entries), rng.integers(0, 256, (entries, 3), np.uint8)
        assert np.array_equal(with_opencv(png.encode_indexed(indices, colors)), colors[indices])


@pytest.mark.parametrize("entries", [4, 16, 200])
def test_the_fast_way_gives_the_same_pixels(entries):
    rng = np.random.default_rng(entries)
    indices, colors = blobs(rng, (200, 301), entries), rng.integers(0, 256, (entries, 3), np.uint8)
    data = png.encode_indexed(indices, colors, fast=True)
    assert np.array_equal(with_opencv(data), colors[indices])
    assert len(data) >= len(png.encode_indexed(indices, colors))


def test_indices_of_any_integer_type():
    colors = np.arange(9, dtype=np.uint8).reshape(3, 3)
    data = [png.encode_indexed(np.array([[0, 2, 1]], dtype), colors) for dtype in (np.uint8, np.uint16, np.int64)]
    assert len(set(data)) == 1


def test_strips_cost_little_beside_one_stream():
    indices = blobs(np.random.default_rng(3), (400, 640), 16)
    rows = np.pad(indices[:, ::2] << 4 | indices[:, 1::2], ((0, 0), (1, 0)))
    compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 8, zlib.Z_DEFAULT_STRATEGY)
    whole = len(compressor.compress(rows.tobytes()) + compressor.flush())
    ours = len(dict(chunks_of(png.encode_indexed(indices, np.zeros((16, 3), np.uint8))))[b"IDAT"])
    assert ours <= 1.01 * whole


def test_the_smaller_strategy_is_taken(monkeypatch):
    rng = np.random.default_rng(4)
    indices, colors = blobs(rng, (130, 301), 4), np.zeros((4, 3), np.uint8)
    both = len(png.encode_indexed(indices, colors))
    deflated = png._deflated
    alone = []
    for only in (zlib.Z_FILTERED, zlib.Z_RLE):
        monkeypatch.setattr(
            png,
            "_deflated",
            lambda data, end, level, strategy, before=b"", only=only: deflated(
                data, end, level, only, b"" if only == zlib.Z_RLE else before
            ),
        )
        alone.append(len(png.encode_indexed(indices, colors)))
    assert both <= min(alone)


def test_the_palette_must_fit():
    with pytest.raises(OutputError, match="1 to 256 colours, not 257"):
        png.encode_indexed(np.zeros((1, 1), np.uint8), np.zeros((257, 3), np.uint8))
    with pytest.raises(OutputError, match="1 to 256 colours, not 0"):
        png.encode_indexed(np.zeros((1, 1), np.uint8), np.zeros((0, 3), np.uint8))
    with pytest.raises(OutputError, match="outside the palette"):
        png.encode_indexed(np.full((1, 1), 3, np.uint8), np.zeros((3, 3), np.uint8))


def test_metadata_come_before_the_palette():
    text = png.chunk(b"tEXt", b"Comment\0hello")
    data = png.encode_indexed(np.zeros((1, 1), np.uint8), np.zeros((1, 3), np.uint8), chunks=text)
    assert [name for name, _ in chunks_of(data)] == [b"IHDR", b"tEXt", b"PLTE", b"IDAT", b"IEND"]
