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
    """A PNG without the chunks that describe its colours: the pixels of PngSuite's JSON are those of the file."""
    kept, at = [data[:8]], 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kept.append(b"" if data[at + 4 : at + 8] in (b"gAMA", b"cHRM") else data[at:end])
        at = end
    return b"".join(kept)


def in_srgb(levels: np.ndarray, gamma: float) -> np.ndarray:
    """Levels 0 to 1 of a PNG with this gAMA as sRGB levels 0 to 255, not rounded (IEC 61966-2-1)."""
    light = levels ** (1 / gamma)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def alpha_of(picture: images.Picture) -> np.ndarray:
    return np.full(picture.rgb.shape[:2], 255) if picture.alpha is None else picture.alpha


@pytest.mark.parametrize("path", names("corpora/pngsuite"), ids=called)
def test_pngsuite(path):
    """161 good files give the pixels that are written down, 16 bits rounded; those whose names begin with x none.

    That holds without gAMA; with it, their colours are converted.
    """
    shared("corpora/pngsuite")
    if path.stem.startswith("x"):
        for strict in (False, True):
            with pytest.raises(ImageReadError):
                images.read_image(path, Reading(strict=strict))
        return
    data = path.read_bytes()
    deep = data[PNG_BIT_DEPTH] == 16
    right = np.array(json.loads((path.parent / "json" / f"{path.stem}.json").read_text()))
    expected = (right + 128) // 257 if deep else right
    for strict in (False, True):
        picture = images.read_image(without_color(data), Reading(strict=strict))
        found = np.dstack([picture.rgb, alpha_of(picture)])
        assert np.array_equal(found, expected.reshape(found.shape))
        assert ("16 bits a channel reduced to 8" in picture.notes) == deep
    converted = images.read_image(path)
    assert np.array_equal(alpha_of(converted), alpha_of(picture))
    if b"gAMA" not in data or path.stem.startswith("g04"):  # none, or 1 / 2.22, which is taken for that of sRGB
        assert np.array_equal(converted.rgb, picture.rgb)
        assert not any("converted" in note for note in converted.notes)
    else:
        gamma = int.from_bytes(data[data.index(b"gAMA") + 4 :][:4], "big") / 100_000
        levels = right.reshape(found.shape)[:, :, :3] / (65535 if deep else 255)
        assert np.abs(converted.rgb - in_srgb(levels, gamma)).max() <= 0.5 + 1e-6
        assert f"converted from gamma {gamma:g} (gAMA) to sRGB" in converted.notes


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
