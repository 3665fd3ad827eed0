"""Files for each frame, and arrays that grow with each frame."""

import errno
import io
import os
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from support import clips

from colorquant.errors import OutputError
from colorquant.files import StagedFiles
from colorquant.images.encoding import encode_label_map
from colorquant.video.frame_files import label_dtype
from colorquant.video.frames import Destination
from colorquant.video.writing import open_label_writer, open_mask_writer, open_posterior_writer, open_writer


def to_frames(path, info, **changes):
    """What opens the writer of numbered PNG files."""
    return lambda staged: open_writer("frames", Destination(path, staged, info, **changes))


def write(tmp_path, opened, items) -> list[str]:
    """Write ``items`` with the writer that ``opened`` makes; the names of the files."""
    with StagedFiles(force=False) as staged, opened(staged) as writer:
        for item in items:
            writer.write(item)
        writer.finish()
        assert not [path for path in tmp_path.iterdir() if path.suffix != ".tmp"]
        staged.commit()
    return sorted(path.name for path in tmp_path.iterdir())


def info_of(frames, transparent=False):
    height, width = frames[0].labels.shape
    return clips.clip_info(width, height, has_alpha=transparent)


@pytest.mark.parametrize(("p", "transparent"), [(2, False), (16, True), (255, True), (256, True), (300, False)])
def test_frames_are_numbered_pictures_with_their_pixels(p, transparent, tmp_path):
    frames = clips.sequence(1, p=p, transparent=transparent)
    info = info_of(frames, transparent)
    names = write(tmp_path, to_frames(tmp_path / "a-em4.png", info), frames)
    assert names == [f"a-em4-00000{number}.png" for number in range(1, 7)]
    for name, frame in zip(names, frames, strict=True):
        with Image.open(tmp_path / name) as image:
            np.testing.assert_array_equal(np.array(image.convert("RGBA")), clips.rgba(frame))
            assert image.mode == "P" or p + transparent > 256
            if image.mode == "P" and not transparent:
                np.testing.assert_array_equal(np.array(image), frame.labels)


def test_frames_that_keep_their_lightness_and_alpha_of_entries(tmp_path):
    frame = clips.still([[0, 1, 1]])
    painted = np.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], np.uint8)
    alpha = np.array([255, 60], np.uint8)
    frames = [replace(frame, painted=painted), replace(frame, entry_alpha=alpha, alpha=alpha[frame.labels])]
    names = write(tmp_path, to_frames(tmp_path / "a.png", info_of(frames)), frames)
    first, second = (np.array(Image.open(tmp_path / name).convert("RGBA")) for name in names)
    np.testing.assert_array_equal(first[..., :3], painted)
    assert second[..., 3].tolist() == [[255, 60, 60]]


def test_longer_numbers_where_there_are_more_frames(tmp_path):
    frames = [clips.still([[0, 1]])]
    info = info_of(frames)
    names = write(tmp_path, to_frames(tmp_path / "a.png", info, digits=8), frames)
    assert names == ["a-00000001.png"]


@pytest.mark.parametrize(("p", "transparent"), [(3, False), (255, True), (256, False), (256, True), (300, True)])
def test_labels_as_an_array_and_as_pictures(p, transparent, tmp_path):
    frames = clips.sequence(2, p=p, transparent=transparent)
    info = info_of(frames, transparent)

    def opened(kind):
        return lambda staged: open_label_writer(
            kind, Destination(tmp_path / kind / f"labels.{kind}", staged, info), k=p
        )

    for kind in ("npy", "png"):
        (tmp_path / kind).mkdir()
        names = write(tmp_path / kind, opened(kind), frames)
    array = np.load(tmp_path / "npy" / "labels.npy", mmap_mode="r")
    dtype = np.uint8 if p + transparent <= 256 else np.uint16
    assert array.dtype == dtype
    expected = [np.where(frame.labels == p, np.iinfo(dtype).max, frame.labels) for frame in frames]
    np.testing.assert_array_equal(array, expected)
    pictures = [np.array(Image.open(tmp_path / "png" / name)) for name in names]
    np.testing.assert_array_equal(pictures, expected)
    still = np.array(Image.open(io.BytesIO(encode_label_map(frames[0].labels, p, "png"))))
    if (frames[0].labels == p).any() == transparent:
        np.testing.assert_array_equal(pictures[0], still)


@pytest.mark.parametrize("count", [1, 9, 10, 120])
def test_the_header_of_an_array_has_room_for_any_number_of_frames(count, tmp_path):
    frames = [clips.still([[number % 2, 1]]) for number in range(count)]
    destination = lambda staged: Destination(tmp_path / "a.npy", staged, info_of(frames))  # noqa: E731
    write(tmp_path, lambda staged: open_label_writer("npy", destination(staged), k=2), frames)
    array = np.load(tmp_path / "a.npy")
    assert array.shape == (count, 1, 2)
    assert array[:, 0, 0].tolist() == [number % 2 for number in range(count)]


def test_transparent_pixels_have_their_value_whatever_the_size_of_a_segments_palette(tmp_path):
    small, large = clips.still([[0, 2, 1]]), clips.still([[0, 2, 3]], [(1, 1, 1), (2, 2, 2), (3, 3, 3)])
    info = info_of([small], transparent=True)
    write(
        tmp_path,
        lambda staged: open_label_writer("npy", Destination(tmp_path / "a.npy", staged, info), k=3),
        [small, large],
    )
    assert np.load(tmp_path / "a.npy").tolist() == [[[0, 255, 1]], [[0, 2, 255]]]


def test_no_label_is_taken_for_transparency(tmp_path):
    colors = clips.random_colors(np.random.default_rng(4), 256)
    frame = clips.indexed(np.array([[255, 256]], np.uint16), colors, time=0, duration=1)
    with StagedFiles(force=False) as staged, pytest.raises(OutputError, match="no room for 256 labels beside"):
        destination = Destination(tmp_path / "a.npy", staged, info_of([frame]))
        with open_label_writer("npy", destination, k=256) as writer:
            writer.write(frame)


def test_the_type_of_labels():
    assert label_dtype(256, has_alpha=False) is np.uint8
    assert label_dtype(256, has_alpha=True) is np.uint16
    assert label_dtype(65_536, has_alpha=False) is np.uint16
    with pytest.raises(OutputError, match="no room for 65536 labels"):
        label_dtype(65_536, has_alpha=True)


def test_masks_are_white_where_their_label_is(tmp_path):
    frames = [clips.still([[0, 1, 2]]), clips.still([[1, 1, 0]])]  # 2 is transparent
    info = info_of(frames, transparent=True)
    names = write(
        tmp_path, lambda staged: open_mask_writer(Destination(tmp_path / "a-mask.png", staged, info), k=11), frames
    )
    assert names[:4] == ["a-mask-00-000001.png", "a-mask-00-000002.png", "a-mask-01-000001.png", "a-mask-01-000002.png"]
    assert len(names) == 22
    masks = [np.array(Image.open(tmp_path / name)).tolist() for name in names]
    assert masks[:6] == [
        [[True, False, False]],
        [[False, False, True]],
        [[False, True, False]],
        [[True, True, False]],
        [[False, False, False]],
        [[False, False, False]],
    ]


def test_posteriors_of_segments_with_fewer_components_have_zeros(tmp_path):
    rng = np.random.default_rng(3)
    shares = [rng.dirichlet(np.ones(n), (2, 3)).astype(np.float32) for n in (3, 2)]
    info = clips.clip_info(3, 2)
    full = [shares[0], np.dstack([shares[1], np.zeros((2, 3), np.float32)])]
    for kind in ("npy", "png"):
        folder = tmp_path / kind
        folder.mkdir()

        def opened(staged, kind=kind, folder=folder):
            return open_posterior_writer(kind, Destination(folder / f"p.{kind}", staged, info), k=3)

        names = write(folder, opened, shares)
    array = np.load(tmp_path / "npy" / "p.npy", mmap_mode="r")
    assert array.dtype == np.float16
    np.testing.assert_array_equal(array, np.stack(full).astype(np.float16))
    assert names == [f"p-{component}-00000{number}.png" for component in range(3) for number in (1, 2)]
    levels = np.array([np.array(Image.open(tmp_path / "png" / name)) for name in names]).reshape(3, 2, 2, 3)
    np.testing.assert_array_equal(levels, np.rint(np.moveaxis(np.stack(full), 3, 0) * 255))


def test_an_existing_file_stays(tmp_path):
    (tmp_path / "a-000002.png").write_bytes(b"mine")
    frames = [clips.still([[0, 1]], time=Fraction(number)) for number in range(3)]
    with StagedFiles(force=False) as staged, pytest.raises(OutputError, match=r"a-000002\.png exists already"):
        with open_writer("frames", Destination(tmp_path / "a.png", staged, info_of(frames))) as writer:
            for frame in frames:
                writer.write(frame)
            writer.finish()
        staged.commit()
    assert (tmp_path / "a-000002.png").read_bytes() == b"mine"


@pytest.mark.parametrize("count", [3, 40])
def test_each_file_is_flushed_to_the_disk_before_any_has_its_name(count, tmp_path, monkeypatch):
    frames = [clips.still([[0, 1]])] * count
    flushed = []

    def fsync(number):
        assert not list(tmp_path.glob("*.png"))
        flushed.append(os.fstat(number).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path, to_frames(tmp_path / "a.png", info_of(frames)), frames)
    assert sorted(flushed) == sorted(path.stat().st_ino for path in tmp_path.iterdir())


@pytest.mark.parametrize("count", [3, 40])
def test_a_disk_that_is_full_when_files_are_flushed(count, tmp_path, monkeypatch):
    def fsync(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    frames = [clips.still([[0, 1]])] * count
    with pytest.raises(OutputError, match=r"a-0000\d\d\.png cannot be written: No space left on device"):
        write(
            tmp_path,
            to_frames(tmp_path / "a.png", info_of(frames)),
            frames,
        )
    assert not any(tmp_path.iterdir())
