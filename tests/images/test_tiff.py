"""Tiled TIFFs of labels: other programs read the levels, whatever the size, and the pieces do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from colorquant.images import read_label_map, tiff

SHAPES = [(1, 1), (256, 256), (257, 1), (530, 37), (255, 513)]


def levels_of(shape: tuple[int, int], dtype: type) -> np.ndarray:
    """Runs of levels over all of the type's range."""
    highest = np.iinfo(dtype).max
    rng = np.random.default_rng(shape)
    return np.sort(rng.integers(0, highest, shape, dtype, endpoint=True), axis=1)


@pytest.fixture(params=["classic", "big"])
def kind(request, monkeypatch) -> str:
    if request.param == "big":
        monkeypatch.setattr(tiff, "LARGEST_CLASSIC", 1000)
    return request.param


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", SHAPES)
def test_other_programs_read_the_levels(kind, shape, dtype, tmp_path):
    pyvips, tifffile = pytest.importorskip("pyvips"), pytest.importorskip("tifffile")
    levels, path = levels_of(shape, dtype), tmp_path / "a.tiff"
    path.write_bytes(tiff.encode_tiled(levels))
    assert path.read_bytes()[2] == (42 if kind == "classic" else 43)
    with Image.open(path) as image:
        assert np.array_equal(np.array(image), levels)
    image = pyvips.Image.new_from_file(path, fail_on="warning")
    assert image.write_to_memory() == levels.tobytes()
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        assert (page.is_tiled, page.compression.name, page.dtype) == (True, "ADOBE_DEFLATE", dtype)
        assert np.array_equal(page.asarray(), levels)
    assert np.array_equal(read_label_map(path), levels)


@pytest.mark.parametrize("step", [1, 100, 256, 700])
def test_the_pieces_do_not_matter(kind, step):
    levels = levels_of((530, 37), np.uint16)
    encoder = tiff.TileEncoder(530, 37, np.uint16)
    parts = [encoder.add(levels[top : top + step]) for top in range(0, 530, step)]
    assert encoder.head() + b"".join(parts) == tiff.encode_tiled(levels)
    assert len(encoder.head()) == encoder.head_size


def test_pixels_without_data_are_named(kind, tmp_path):
    path = tmp_path / "a.tiff"
    for dtype in (np.uint8, np.uint16):
        highest = np.iinfo(dtype).max
        path.write_bytes(tiff.encode_tiled(levels_of((20, 30), dtype), highest))
        with Image.open(path) as image:
            assert image.tag_v2[tiff.NODATA] == str(highest)


def test_files_of_4_gb_have_offsets_of_64_bits():
    for side, bits in ((60_000, 32), (70_000, 64)):
        tiles = (side // 256 + 1) ** 2
        encoder = tiff.TileEncoder(side, side, np.uint8)
        assert 8 * encoder.head_size // (2 * tiles) == bits  # an offset and a size for each tile
