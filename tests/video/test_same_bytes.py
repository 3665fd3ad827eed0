"""The same frames give the same bytes, whatever the memory of the process holds."""

from fractions import Fraction

import numpy as np
import pytest
from make_clip import draw_frames

from colorquant.files import StagedFiles
from colorquant.video.frames import ClipInfo, Destination, IndexedFrame
from colorquant.video.writing import CLIP_KINDS, open_writer

TICK = Fraction(1, 25)


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return [rgb[:44] for rgb, _ in draw_frames(count=40, scale=0.25)]


@pytest.mark.parametrize("kind", [kind for kind, row in CLIP_KINDS.items() if row.pyav])
def test_videos_are_the_same_on_every_run(kind, frames, tmp_path):
    pytest.importorskip("av", reason="needs PyAV")
    height, width = frames[0].shape[:2]
    info = ClipInfo(width, height, len(frames), len(frames) * TICK, 1 / TICK, "mp4", "h264")
    found, held = set(), []
    for number in range(3):
        # Freed blocks of many sizes and contents: what is not initialized differs from run to run.
        rng = np.random.default_rng(number)
        blocks = [np.full(rng.integers(1000, 400_000), rng.integers(255), np.uint8) for _ in range(300)]
        held.append(blocks[::3])
        del blocks
        path = tmp_path / f"{number}{CLIP_KINDS[kind].suffix}"
        with StagedFiles(force=False) as staged:
            with open_writer(kind, Destination(path, staged, info)) as writer:
                for place, rgb in enumerate(frames):
                    writer.write(painted(rgb, place * TICK))
                writer.finish()
            staged.commit()
        found.add(path.read_bytes())
    assert len(found) == 1


def painted(rgb: np.ndarray, time: Fraction) -> IndexedFrame:
    labels = np.zeros(rgb.shape[:2], np.uint8)
    return IndexedFrame(labels, np.zeros((1, 3), np.uint8), time, TICK, painted=rgb)
