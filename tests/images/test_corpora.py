"""Suites of image files that are only on the developers' machines; skipped, which is said, elsewhere."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.pictures import SHARED, shared

from colorquant import images
from colorquant.errors import ImageReadError
from colorquant.images.decoding import Reading

PNG_BIT_DEPTH = 24  # its place in a PNG file


def names(place: str) -> list[Path | None]:
    """A case each where the files are; else one that is skipped."""
    return sorted((SHARED / place).glob("*.png")) or [None]


def called(path: Path | None) -> str:
    return "absent" if path is None else path.stem


def without_color(data: bytes) -> bytes:
    """A PNG without the chunks that describe its colours: the pixels that are written down are those of the file."""
    kept, at = [data[:8]], 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kept.append(b"" if data[at + 4 : at + 8] in (b"gAMA", b"cHRM") else data[at:end])
        at = end
    return b"".join(kept)


@pytest.mark.parametrize("path", names("corpora/pngsuite"), ids=called)
@pytest.mark.parametrize("strict", [False, True])
def test_pngsuite(path, strict):
    """161 good files give the pixels that are written down, 16 bits rounded; those whose names begin with x none."""
    shared("corpora/pngsuite")
    if path.stem.startswith("x"):
        with pytest.raises(ImageReadError):
            images.read_image(path, Reading(strict=strict))
        return
    picture = images.read_image(without_color(path.read_bytes()), Reading(strict=strict))
    height, width = picture.rgb.shape[:2]
    alpha = np.full((height, width), 255) if picture.alpha is None else picture.alpha
    deep = path.read_bytes()[PNG_BIT_DEPTH] == 16
    right = np.array(json.loads((path.parent / "json" / f"{path.stem}.json").read_text())).reshape(height, width, 4)
    expected = (right + 128) // 257 if deep else right
    assert np.array_equal(np.dstack([picture.rgb, alpha]), expected)
    assert ("16 bits a channel reduced to 8" in picture.notes) == deep


@pytest.mark.parametrize("path", names("corpora/pngsuite"), ids=called)
def test_gammas_of_pngsuite_are_applied(path):
    """Against the formulas of sRGB (IEC 61966-2-1) and gAMA, in floating point."""
    shared("corpora/pngsuite")
    data = path.read_bytes()
    if path.stem.startswith("x") or b"gAMA" not in data:
        return
    right = np.array(json.loads((path.parent / "json" / f"{path.stem}.json").read_text()))
    gamma = int.from_bytes(data[data.index(b"gAMA") + 4 :][:4], "big") / 100_000
    picture = images.read_image(path)
    levels = right.reshape(*picture.rgb.shape[:2], 4)[:, :, :3] / (65535 if data[PNG_BIT_DEPTH] == 16 else 255)
    light = levels ** (1 / gamma)
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    if path.stem.startswith("g04"):  # 1 / 2.22: it is taken for that of sRGB
        expected = 255 * levels
    assert np.abs(picture.rgb - expected).max() <= 0.5 + 1e-6
    noted = [note for note in picture.notes if note == f"converted from gamma {gamma:g} (gAMA) to sRGB"]
    assert len(noted) == (not path.stem.startswith("g04"))


def test_pngsuite_is_whole():
    stems = [path.stem for path in shared("corpora/pngsuite").glob("*.png")]
    assert (len(stems), sum(stem.startswith("x") for stem in stems)) == (175, 14)


@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
@pytest.mark.parametrize("orientation", range(9))
def test_exif_orientations(shape, orientation):
    folder = shared("corpora/exif")
    upright = images.read_image(folder / f"{shape}_1.jpg").rgb.astype(int)
    picture = images.read_image(folder / f"{shape}_{orientation}.jpg")
    assert picture.rgb.shape == upright.shape
    assert np.abs(picture.rgb.astype(int) - upright).mean() < 8, "the same picture, but for JPEG's losses"


@pytest.mark.parametrize("path", names("corpora/apng"), ids=called)
def test_animations_that_crash_some_decoders_are_read_or_refused(path):
    shared("corpora/apng")
    for frame in (0, 1):
        try:
            picture = images.read_image(path, Reading(frame=frame))
        except ImageReadError as error:
            assert "\n" not in str(error)
        else:
            assert picture.rgb.size > 0
