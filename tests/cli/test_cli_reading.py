"""The reading options, and the notes and warnings on what was lost, in every command that reads images."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.builders import encoded, png, profile
from support.pictures import random_picture

COMMANDS = {
    "kmeans": ("kmeans", "-k", 2),
    "em": ("em", "-k", 2),
    "compare": ("compare", "-k", 2, "--method", "kmeans"),
    "timing": ("timing", "--engine", "numpy", "--space", "rgb", "--repeat", 1, "--warmup", 0),
}
NOTE = "of 3 frames only number 2 is taken (--frame); colorquant video takes all"


@pytest.fixture
def animation(tmp_path):
    """Frames of one, two and three colours."""
    pictures = [Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) % (frame + 1) * 90) for frame in range(3)]
    path = tmp_path / "a.gif"
    path.write_bytes(encoded(pictures[0], "GIF", save_all=True, append_images=pictures[1:]))
    return path


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_frame_is_read_and_said(words, run, animation):
    result = run(*words, animation, "--frame", 2, "--json", "-v")
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout.splitlines()[0])
    assert row.get("colors_in", row.get("colors")) == 3
    assert row.get("notes", [NOTE]) == [NOTE]
    assert result.stderr.count(NOTE) == 1


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_frames_that_are_dropped_are_said_without_asking(words, run, animation):
    line = "of 3 frames only number 0 is taken (--frame)"
    assert run(*words, animation).stderr.count(line) == 1
    assert run(*words, animation, "-f", "-v").stderr.count(line) == 1
    assert line not in run(*words, animation, "-f", "-q").stderr
    chosen = run(*words, animation, "-f", "--frame", 0)
    assert chosen.exit_code == 0
    assert line not in chosen.stderr


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_is_not_replaced_by_one_of_its_frames(kind, run, tmp_path):
    pictures = [Image.fromarray(random_picture(seed, 8, 8)) for seed in range(3)]
    data = encoded(pictures[0], kind, save_all=True, append_images=pictures[1:])
    path = tmp_path / "moving.png"
    path.write_bytes(data)
    result = run("kmeans", "-k", 4, "--in-place", path)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.endswith("--in-place would keep one of its 3 frames: choose it with --frame, or write it with -o")
    assert path.read_bytes() == data
    assert run("kmeans", "-k", 4, "--in-place", path, "--frame", 0).exit_code == 0
    assert path.read_bytes() != data


def test_metadata_that_is_lost_in_place_is_said_without_asking(run, tmp_path):
    path = tmp_path / "photo.png"
    data = encoded(Image.fromarray(random_picture(4)), "PNG", exif=_artist())
    path.write_bytes(data)
    assert "dropped" not in run("kmeans", path).stderr
    assert "dropped" not in run("kmeans", path, "--in-place", "--keep-metadata", "-k", 200).stderr
    path.write_bytes(data)
    result = run("kmeans", path, "--in-place", "--json")
    assert result.stderr.count("note: metadata dropped: EXIF") == 1
    assert json.loads(result.stdout)["warnings"] == ["metadata dropped: EXIF"]


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (("--frame", 3), "has 3 frames, there is no --frame 3: give 0 to 2"),
        (("--max-pixels", 63), "claims 8 × 8, more than 63 pixels: give a smaller image, or allow more with"),
    ],
)
def test_what_cannot_be_read_is_one_line(words, extra, reason, run, animation):
    result = run(*words, animation, *extra)
    assert result.exit_code == 1
    assert [reason in line for line in result.stderr.splitlines() if line.startswith("Error")] == [True]
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("words", [*COMMANDS.values(), ("kmeans", "--dry-run")], ids=[*COMMANDS, "dry-run"])
def test_a_missing_and_an_unreadable_file_are_the_same_kind_of_line(words, run, photo, tmp_path, monkeypatch):
    access = os.access  # root may read everything, so permissions alone would not do
    monkeypatch.setattr(os, "access", lambda path, mode, **rest: Path(path) != photo and access(path, mode, **rest))
    for path, reason in (
        (tmp_path / "missing.png", "there is no such file: check the name"),
        (photo, "permission denied: check the permissions of the file and its folder"),
    ):
        result = run(*words, path)
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1] == f"Error: {path}: cannot be read, {reason}"


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_strict_reaches_the_reader(words, run, tmp_path):
    path = tmp_path / "more.png"
    path.write_bytes(png(random_picture(1), 8, 2, more=b"more"))
    assert run(*words, path).exit_code == 0
    result = run(*words, path, "--strict", "-f")
    assert result.exit_code == 1
    assert "more data than its header has rows" in result.stderr


@pytest.mark.parametrize("words", [("--frame", -1), ("--max-pixels", 0)])
def test_impossible_values_are_wrong_usage(words, run, animation):
    assert run("kmeans", animation, *words).exit_code == 2


def test_notes_are_always_in_the_record(run, photo, tmp_path):
    assert json.loads(run("kmeans", photo, "--json").stdout)["notes"] == []
    path = tmp_path / "tagged.png"
    path.write_bytes(encoded(Image.fromarray(random_picture(2)), "PNG", icc_profile=profile("swapped"), exif=_artist()))
    quiet = run("kmeans", path, "--json")
    assert "note:" not in quiet.stderr
    converted, dropped = json.loads(quiet.stdout)["notes"]
    assert converted.startswith("converted from its colour profile (")
    assert dropped == "metadata dropped: EXIF"
    assert f"note: {converted}; {dropped}" in run("kmeans", path, "-f", "-v").stderr


def _artist() -> Image.Exif:
    exif = Image.Exif()
    exif[315] = "A painter"
    return exif


def test_a_profiles_name_cannot_write_to_the_terminal(run, tmp_path):
    name = profile("swapped")
    path = tmp_path / "tagged.png"
    text = "sRGB built-in".encode("utf-16-be")
    assert text in name
    evil = name.replace(text, "\x1b[31mRed\x07!!!".encode("utf-16-be").ljust(len(text), b"\0"))
    path.write_bytes(encoded(Image.fromarray(random_picture(3)), "PNG", icc_profile=evil))
    result = run("kmeans", path, "-v")
    assert result.exit_code == 0
    assert "colour profile (" in result.stderr
    assert "\x1b" not in result.stderr
    assert "\x07" not in result.stderr


VIDEOS = {
    "mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
    "mov": b"\0\0\0\x08wide\0\0\1\0mdat",
    "mkv": b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\1",
    "avi": b"RIFF\0\1\0\0AVI LIST",
    "ts": b"".join([b"G", bytes(187)] * 3),
    "m2ts": b"".join([bytes(4), b"G", bytes(187)] * 3),
}


@pytest.mark.parametrize("command", ["kmeans", "em", "compare"])
@pytest.mark.parametrize("kind", VIDEOS)
def test_a_video_is_sent_to_the_command_for_it(run, tmp_path, kind, command):
    path = tmp_path / "clip.png"
    path.write_bytes(VIDEOS[kind])
    result = run(command, path, "-k", "2")
    assert (result.exit_code, result.stderr) == (1, f"Error: {path}: a video, not an image: use colorquant video\n")


def test_a_file_that_is_called_a_video_is_sent_there_too(run, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_text("Not here.")
    result = run("kmeans", path, "-k", "2")
    assert result.exit_code == 1
    assert result.stderr == f"Error: {path}: not an image of a known format: if it is a video, use colorquant video\n"
