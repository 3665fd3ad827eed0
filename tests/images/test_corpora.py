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


@pytest.mark.parametrize("path", names("corpora/pngsuite"), ids=called)
@pytest.mark.parametrize("strict", [False, True])
def test_pngsuite(path, strict):
    """161 good files give the pixels that are written down, 16 bits rounded; those whose names begin with x none."""
    shared("corpora/pngsuite")
    if path.stem.startswith("x"):
        with pytest.raises(ImageReadError):
            images.read_image(path, Reading(strict=strict))
        return
    picture = images.read_image(path, Reading(strict=strict))
    height, width = picture.rgb.shape[:2]
    alpha = np.full((height, width), 255) if picture.alpha is None else picture.alpha
    deep = path.read_bytes()[PNG_BIT_DEPTH] == 16
    right = np.array(json.loads((path.parent / "json" / f"{path.stem}.json").read_text())).reshape(height, width, 4)
    expected = (right + 128) // 257 if deep else right
    assert np.array_equal(np.dstack([picture.rgb, alpha]), expected)
    assert ("16 bits a channel reduced to 8" in picture.notes) == deep


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
