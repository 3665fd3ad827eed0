"""``colorquant video`` from the command line to the files that it writes."""

import json
import os
import pty
import shlex
import subprocess
import sys
from contextlib import suppress
from fractions import Fraction
from threading import Thread

import click
import numpy as np
import pytest
from PIL import Image
from support.clips import decoded
from support.encoded_clips import animation, pictures, video

from colorquant.batch import video_job, video_passes
from colorquant.batch.command import clip_command
from colorquant.cli.video import command
from colorquant.errors import ImageReadError
from colorquant.video.frames import ClipInfo, Frame
from colorquant.video.opening import open_clip

FRAMES = 5


@pytest.fixture
def gif(tmp_path):
    """Five frames: four plain areas, over which a square moves. The delay of the second frame is longer."""
    path = tmp_path / "clip.gif"
    path.write_bytes(animation(pictures(FRAMES), duration=[40, 200, 40, 40, 40], loop=0))
    return path


@pytest.fixture
def mp4(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(video(pictures(FRAMES)))
    return path


def written(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def record(result):
    assert result.exit_code == 0, result.stderr
    (line,) = result.stdout.splitlines()
    return json.loads(line)


def test_an_animation_stays_one_with_its_delays(run, gif, tmp_path):
    result = run("video", gif, "-k", 3)
    assert result.exit_code == 0, result.stderr
    assert "clip-em3.gif: 5 frames" in result.stderr
    assert result.stdout == ""
    frames, times = decoded(tmp_path / "clip-em3.gif")
    assert (len(frames), times) == (FRAMES, [40, 200, 40, 40, 40])
    assert len(np.unique(np.concatenate([frame.reshape(-1, 4) for frame in frames]), axis=0)) == 3


def test_a_video_stays_one(run, mp4, tmp_path):
    row = record(run("video", mp4, "-k", 3, "--method", "kmeans", "--json"))
    assert row["output"] == str(tmp_path / "clip-kmeans3.mp4")
    assert (row["frames"], row["k"], row["method"], row["status"]) == (FRAMES, 3, "kmeans", "written")
    assert written(tmp_path) == ["clip-kmeans3.mp4", "clip.mp4"]


def test_all_files_of_a_clip_agree(run, gif, tmp_path):
    """Labels, masks and posteriors belong to the frames that are painted with the palette."""
    out, masks = tmp_path / "out", tmp_path / "masks"
    words = ("-k", 4, "-o", out, "--labels", "npy", "--masks", masks, "--posteriors", "npy", "--palette-out")
    row = record(run("video", gif, *words, out / "p.json", "--figure", out / "f.svg", "--json"))
    labels, posteriors = np.load(out / "clip-em4-labels.npy"), np.load(out / "clip-em4-posteriors.npy")
    colors = np.array([[int(color[place : place + 2], 16) for place in (1, 3, 5)] for color, _ in row["palette"]])
    assert labels.shape == (FRAMES, 24, 32)
    assert posteriors.shape == (*labels.shape, 4)
    assert (posteriors.argmax(-1) == labels).mean() > 0.999
    assert np.bincount(labels.ravel()).tolist() == [count for _, count in row["palette"]]
    for number in range(FRAMES):
        painted = np.array(Image.open(out / f"clip-em4-{number + 1:06d}.png").convert("RGB"))
        assert np.array_equal(painted, colors[labels[number]])
        for label in range(4):
            mask = np.array(Image.open(masks / f"clip-em4-mask-{label}-{number + 1:06d}.png")) > 0
            assert np.array_equal(mask, labels[number] == label)
    assert [entry["hex"] for entry in json.loads((out / "p.json").read_text())] == [
        color for color, _ in row["palette"]
    ]
    assert (out / "f.svg").read_text().startswith("<?xml")
    sizes = {output["path"]: (output["files"], output["bytes"]) for output in row["outputs"]}
    assert sizes[str(out / "clip-em4-000001.png")] == (FRAMES, sum(path.stat().st_size for path in out.glob("*.png")))
    assert len(row["outputs"]) == 6


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".gif", ".png", ".webp"])
def test_the_ending_of_the_output_decides(run, gif, tmp_path, suffix):
    target = tmp_path / f"out{suffix}"
    row = record(run("video", gif, "-k", 2, "-o", target, "--labels", "png", "--json"))
    assert row["output"] == str(target)
    assert written(tmp_path) == ["clip.gif", *(f"out-labels-{n:06d}.png" for n in range(1, 6)), f"out{suffix}"]


def test_several_kinds_have_the_default_name_in_the_folder(run, gif, tmp_path):
    result = run("video", gif, "-k", 2, "-o", tmp_path / "out", "--write", "webp,frames,gif")
    assert result.exit_code == 0, result.stderr
    numbered = [f"clip-em2-{number:06d}.png" for number in range(1, 6)]
    assert written(tmp_path / "out") == [*numbered, "clip-em2.gif", "clip-em2.webp"]


def test_scenes_that_change_are_fitted_again(run, tmp_path):
    first, second = pictures(6), [255 - rgb for rgb in pictures(6)]
    path = tmp_path / "scenes.gif"
    path.write_bytes(animation([*first, *second], duration=40, loop=0))
    words = ("-k", 4, "-o", tmp_path / "out.gif", "-f", "--json")
    rows = {refit: record(run("video", path, *words, "--refit", refit)) for refit in ("cuts", "cuts,4", "8")}
    assert rows["cuts"]["cuts"] == rows["cuts,4"]["cuts"] == [6]
    assert rows["8"]["cuts"] is None
    bounds = {
        refit: [(part["first"], part["end"], part["time"]) for part in row["segments"]] for refit, row in rows.items()
    }
    assert bounds == {
        "cuts": [(0, 6, 0), (6, 12, 0.24)],
        "cuts,4": [(0, 4, 0), (4, 6, 0.16), (6, 10, 0.24), (10, 12, 0.4)],
        "8": [(0, 8, 0), (8, 12, 0.32)],
    }
    assert {row["refit"] for row in rows.values()} == set(rows)
    run("video", path, *words, "--refit", "cuts")
    frames, _ = decoded(tmp_path / "out.gif")
    for frame, part in ((frames[2], 0), (frames[9], 1)):
        colors = {"#{:02x}{:02x}{:02x}".format(*color) for color in np.unique(frame.reshape(-1, 4), axis=0)[:, :3]}
        assert colors <= set(rows["cuts"]["segments"][part]["colors"])
    result = run("video", path, *words, "--refit", "cuts", "-v")
    assert "--refit cuts" in result.stderr
    assert "locked" not in result.stderr


def test_entries_that_a_segment_keeps_without_pixels_are_not_called_locked(run, tmp_path):
    flat = [np.full((24, 32, 3), 40, np.uint8)] * 5
    path = tmp_path / "flat.gif"
    path.write_bytes(animation([*pictures(5), *flat], duration=40, loop=0))
    words = ("-k", 4, "--method", "kmeans", "-o", tmp_path / "out.gif", "-f", "--json", "--refit", "5")
    result = run("video", path, *words)
    assert len(record(result)["segments"][1]["colors"]) == 4
    assert "locked" not in result.stderr
    result = run("video", path, *words, "--lock", "#ff00ff")
    assert result.stderr.count("no pixel has the locked colour #ff00ff") == 1


def test_the_printed_command_gives_the_same_files(run, gif, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("-k", "3", "--method", "kmeans", "--space", "oklab", "--start", "0.04", "--scale", "0.5", "--every", "2")
    more = ("--dither", "bayer2", "--fps", "30000/1001", "--write", "gif,png", "--labels", "npy", "--masks", "m")
    result = run("video", gif.name, *words, *more, "-v")
    assert result.exit_code == 0, result.stderr
    (printed,) = (line.strip() for line in result.stderr.splitlines() if line.startswith("  colorquant video"))
    first = {name: (tmp_path / name).read_bytes() for name in written(tmp_path)}
    assert len(first) > 4
    for name in first.keys() - {gif.name}:
        (tmp_path / name).unlink()
    again = run(*shlex.split(printed)[1:], "-v")
    assert again.exit_code == 0, again.stderr
    assert printed in again.stderr
    assert {name: (tmp_path / name).read_bytes() for name in written(tmp_path)} == first


def test_background_subtraction_makes_no_fit(run, gif, tmp_path, monkeypatch):
    """What moves is white, in one pass; the printed command repeats it."""
    monkeypatch.chdir(tmp_path)
    words = ("--background", "mog2", "--history", 50, "--no-shadows", "--labels", "npy", "--masks", "m", "--write")
    result = run("video", gif.name, *words, "gif", "-v", "--json")
    assert result.exit_code == 0, result.stderr
    row = json.loads(result.stdout)
    labels = np.load("clip-mog2-labels.npy")
    pixels = row["background"]["pixels"]
    assert (labels.shape, set(np.unique(labels))) == ((FRAMES, 24, 32), {0, 1})
    assert (pixels["background"], pixels["foreground"]) == tuple(np.bincount(labels.ravel()))
    assert sorted(path.name for path in (tmp_path / "m").iterdir())[:2] == [
        f"clip-mog2-mask-0-00000{number}.png" for number in (1, 2)
    ]
    (printed,) = (line.strip() for line in result.stderr.splitlines() if line.startswith("  colorquant video"))
    again = run(*shlex.split(printed)[1:], "-f", "-v")
    assert (again.exit_code, printed in again.stderr) == (0, True)
    assert "foreground" in again.stderr


def test_a_page_and_a_figure_show_the_clip(run, gif, tmp_path):
    result = run("video", gif, "-k", 3, "--html", tmp_path / "page.html", "--figure", tmp_path / "f.png")
    assert result.exit_code == 0, result.stderr
    assert "clip-em3.gif" in (tmp_path / "page.html").read_text()
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("words", [("-k", 3), ("--background", "mog2", "--no-shadows")], ids=["fit", "background"])
def test_the_same_command_makes_the_same_page_and_figure(run, gif, tmp_path, words):
    files = (tmp_path / "page.html", tmp_path / "f.svg")
    made = []
    for _ in range(2):
        assert run("video", gif, *words, "--html", files[0], "--figure", files[1], "-f", "-q").exit_code == 0
        made.append([path.read_bytes() for path in files])
    assert made[0] == made[1]


def test_a_lossless_video_keeps_alpha(run, tmp_path):
    rgba = [np.dstack([rgb, np.full(rgb.shape[:2], 128, np.uint8)]) for rgb in pictures(2)]
    (tmp_path / "a.png").write_bytes(animation(rgba, "PNG", duration=40))
    words = ("-k", 3, "--method", "kmeans", "--alpha", "palette", "-o", tmp_path / "out.mkv")
    assert "mkv has no alpha" in run("video", tmp_path / "a.png", *words).stderr
    result = run("video", tmp_path / "a.png", *words, "--crf", 0)
    assert result.exit_code == 0, result.stderr
    assert all(set(np.unique(frame.alpha)) == {128} for frame in open_clip(tmp_path / "out.mkv").frames())


def test_the_number_of_colours_can_be_chosen(run, gif, tmp_path):
    row = record(run("video", gif, "-k", "auto", "--method", "kmeans", "--target", "psnr:20", "--json"))
    assert row["auto"]["criterion"] == "psnr"
    assert row["psnr"] >= 20
    assert (tmp_path / "clip-kmeansauto.gif").exists()


def test_a_folder_stands_for_its_clips(run, gif, mp4, tmp_path):
    """Still images are no clips, and what an earlier run wrote is passed over."""
    Image.fromarray(pictures(1)[0]).save(tmp_path / "still.png")
    Image.fromarray(pictures(1)[0]).save(tmp_path / "still.gif")
    mp4.rename(tmp_path / "other.mp4")
    out = tmp_path / "out"
    for _ in range(2):
        result = run("video", tmp_path, "-k", 2, "--write", "gif", "-f")
        assert result.exit_code == 0, result.stderr
        assert "2 written, 0 skipped, 0 failed" in result.stderr
    assert "2 passed over: outputs of earlier runs" in result.stderr
    assert not out.exists()
    assert written(tmp_path) == ["clip-em2.gif", "clip.gif", "other-em2.gif", "other.mp4", "still.gif", "still.png"]


def test_several_clips_at_a_time_give_the_same_bytes(run, gif, tmp_path):
    for number in range(3):
        (tmp_path / f"c{number}.gif").write_bytes(animation(pictures(3 + number), duration=50))
    clips = [tmp_path / f"c{number}.gif" for number in range(3)]
    assert run("video", *clips, "-k", 2, "-o", tmp_path / "one", "--write", "gif").exit_code == 0
    assert run("video", *clips, "-k", 2, "-o", tmp_path / "two", "--write", "gif", "-j", 3).exit_code == 0
    assert written(tmp_path / "one") == written(tmp_path / "two") == [f"c{number}-em2.gif" for number in range(3)]
    for name in written(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_worker_processes_give_the_same_bytes(run, gif, tmp_path):
    assert run("video", gif, "-k", 2, "-o", tmp_path / "a.gif").exit_code == 0
    result = run("video", gif, "-k", 2, "-o", tmp_path / "b.gif", "--isolate", "--report", tmp_path / "r.jsonl")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    assert json.loads((tmp_path / "r.jsonl").read_text())["status"] == "written"


def test_standard_input_is_a_clip(run, gif, tmp_path):
    result = run("video", "-", "-k", 2, "-o", tmp_path / "out", "--write", "gif", input=gif.read_bytes())
    assert result.exit_code == 0, result.stderr
    assert written(tmp_path / "out") == ["stdin-em2.gif"]
    refused = run("video", "-", "-k", 2, input=gif.read_bytes())
    assert (refused.exit_code, "give -o a file or a folder" in refused.stderr) == (2, True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_read_once(run, mp4, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = Thread(target=pipe.write_bytes, args=(mp4.read_bytes(),), daemon=True)
    writing.start()
    result = run("video", pipe, "-k", 2, "-o", tmp_path / "out.mp4")
    writing.join(5)
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("number", [1, 3])
def test_existing_files_stay_unless_they_may_be_replaced(run, gif, tmp_path, number):
    old = tmp_path / "out" / f"clip-em2-00000{number}.png"
    old.parent.mkdir()
    old.write_bytes(b"old")
    words = ("video", gif, "-k", 2, "-o", tmp_path / "out")
    assert run(*words, "--dry-run").exit_code == (number == 1)
    refused = run(*words)
    assert (refused.exit_code, refused.stderr.count("exists already: use --force")) == (1, 1)
    assert old.read_bytes() == b"old"
    assert written(tmp_path / "out") == [old.name]
    assert run(*words, "-f").exit_code == 0
    assert old.read_bytes().startswith(b"\x89PNG")


def test_frames_of_a_longer_run_are_warned_of(run, gif, tmp_path):
    words = ("video", gif, "-k", 2, "-o", tmp_path / "out")
    assert run(*words).exit_code == 0
    result = run(*words, "-f", "--end", "0.1")
    assert f"{tmp_path / 'out' / 'clip-em2-000003.png'} is left of a longer run" in result.stderr


def test_a_clip_whose_files_exist_can_be_skipped(run, gif, tmp_path):
    words = ("-k", "auto", "--max-k", 12, "-o", tmp_path / "out", "--masks", tmp_path / "m", "--labels", "npy")
    done = [run("video", gif, *words, "--skip-existing") for _ in range(2)]
    assert [result.exit_code for result in done] == [0, 0]
    assert "5 frames" in done[0].stderr
    assert "skipped, it exists" in done[1].stderr
    (tmp_path / "out" / "clip-emauto-labels.npy").unlink()
    assert "5 frames" in run("video", gif, *words, "--skip-existing").stderr


def test_a_dry_run_prints_names_and_writes_nothing(run, gif, tmp_path):
    words = ("-k", 2, "-o", tmp_path / "out", "--write", "mp4,frames", "--labels", "mkv", "--masks", tmp_path / "m")
    result = run("video", gif, *words, "--dry-run")
    assert result.exit_code == 0, result.stderr
    names = [
        "out/clip-em2.mp4",
        "out/clip-em2-000001.png …",
        "out/clip-em2-labels.mkv",
        "m/clip-em2-mask-0-000001.png …",
    ]
    assert result.stdout == f"{gif} → {', '.join(str(tmp_path / name) for name in names)}\n"
    assert written(tmp_path) == ["clip.gif"]


WRONG = {
    "covariance": (("--method", "kmeans", "--covariance", "full"), "--covariance is for --method em"),
    "lock": (("--lock", "#fff"), "--lock is for --method kmeans"),
    "init": (("--init", "split"), "--init split is for --method kmeans"),
    "assign": (("--method", "kmeans", "--assign", "nearest"), "--assign is for --method em"),
    "posteriors": (("--method", "kmeans", "--posteriors", "npy"), "--posteriors is for --method em"),
    "engine": (("--engine", "opencv"), "a clip adds colour histograms"),
    "engine of em": (("--engine", "sklearn"), "use --engine numpy"),
    "weights": (("--weights", "w.png"), "it is an option of kmeans and em"),
    "size": (("-k", "auto", "--target", "size:9k"), "--target size concerns one picture"),
    "stdout": (("-o", "-"), "not written to standard output"),
    "ending": (("-o", "x.avi"), "use one of .mp4, .mkv"),
    "picture": (("-o", "x.jpg"), "use one of .mp4, .mkv"),
    "two kinds in a file": (("-o", "x.mp4", "--write", "gif"), "name a folder for --write gif"),
    "kind": (("--write", "avi"), "'avi' is not one of 'mp4'"),
    "crf": (("--write", "gif", "--crf", "20"), "--crf"),
    "crf out of range": (("--write", "mp4", "--crf", "99"), "--crf 99"),
    "time": (("--start", "soon"), "'soon' is not a time: write seconds, such as 2.5, or 1:02:03.5"),
    "minutes": (("--start", "1:75"), "is not a time"),
    "end": (("--start", "2", "--end", "1"), "--end 1 must be later than --start"),
    "rate": (("--fps", "0"), "--fps 0 must be above 0"),
    "a rate that no clip has": (("--fps", "100000"), "--fps 100000 must be above 0, at most 1000"),
    "no rate": (("--fps", "1/0"), "is not a number"),
    "scale": (("--scale", "0"), "--scale 0 must be above 0"),
    "every": (("--every", "0"), "--every"),
    "smooth": (("--smooth", "-1"), "--smooth"),
    "alpha": (("--alpha", "palette", "--method", "kmeans", "--write", "mp4"), "mp4 has no alpha"),
    "figure": (("--figure-kind", "shares"), "add --figure FILE"),
    "figure ending": (("--figure", "x.gif"), "unknown ending"),
    "timeout": (("--timeout", "3"), "add --isolate"),
    "twice": (("--skip-existing", "-f"), "leave one out"),
    "over the input": (("-o", "CLIP", "-f"), "would write over the input"),
    "background": (("--background", "mog2", "-k", "3"), "-k is for a fit, and --background makes none"),
    "background, no kmeans": (("--background", "mog2", "--lock", "red"), "--lock is for a fit, and --background"),
    "refit": (("--refit", "scenes"), "--refit 'scenes' cannot be read"),
    "refit of nothing": (("--refit", "cuts,0"), "--refit 0 is out of range"),
    "refit and palette": (("--refit", "2", "--palette-out", "p.gpl"), "--refit makes several"),
    "background and refit": (("--background", "knn", "--refit", "cuts"), "--refit is for a fit"),
    "background and smooth": (("--background", "knn", "--smooth", "0.5"), "--smooth is for a fit"),
    "background and palette": (("--background", "knn", "--palette-out", "p.gpl"), "--palette-out shows a fit"),
    "background and posteriors": (("--background", "mog2", "--posteriors", "npy"), "--posteriors shows a fit"),
    "background and alpha": (("--background", "mog2", "--alpha", "palette"), "--alpha palette is for a fit"),
    "background of nothing": (("--background", "median"), "'median' is not one of 'mog2', 'knn'"),
    "history": (("--history", "9"), "--history is for --background"),
    "no history": (("--background", "mog2", "--history", "0"), "--history 0 is out of range"),
    "threshold": (("--background", "mog2", "--var-threshold", "-1"), "--var-threshold -1 is out of range"),
    "in place": (("--in-place",), "it is an option of kmeans"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_command_lines_are_refused_in_one_line(run, gif, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    words, message = WRONG[case]
    result = run("video", gif, *(str(gif) if word == "CLIP" else word for word in words))
    assert result.exit_code == 2, result.stderr
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
    assert written(tmp_path) == ["clip.gif"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("text.mp4", b"no video\n" * 50), ("empty.gif", b""), ("cut.gif", None), ("missing.mp4", False), ("folder", None)],
)
def test_what_is_no_clip_fails_in_one_line(run, gif, tmp_path, name, content):
    source = tmp_path / "in" / name
    source.parent.mkdir()
    if name == "folder":
        source.mkdir()
    elif content is not False:
        source.write_bytes(gif.read_bytes()[:-200] if content is None else content)
    result = run("video", source, "-k", 2, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"Error: {source}: ")
    assert "unexpected" not in result.stderr
    assert json.loads(result.stdout)["status"] == "failed"
    assert not (tmp_path / "out").exists()


class Broken:
    """A clip of ten frames of which the pass with number ``passes`` finds frame ``broken`` broken, or ``left`` only."""

    def __init__(self, broken=None, *, first=10, second=10):
        self.broken, self.counts = broken, [first, second]
        self.info = ClipInfo(32, 24, 10, None, None, "test", "test")

    def frames(self):
        count = self.counts.pop(0)
        for number, rgb in enumerate(pictures(count)):
            if number + 1 == self.broken:
                raise ImageReadError(f"frame {self.broken} is broken (bad data): give a whole file")
            yield Frame(rgb, None, Fraction(number, 10), Fraction(1, 10))


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """Let the job open this clip instead of the file; returns the file."""

    def use(clip):
        monkeypatch.setattr(video_job, "open_clip", lambda source, reading: clip)
        path = tmp_path / "any.gif"
        path.write_bytes(b"")
        return path

    return use


def test_a_broken_frame_leaves_nothing(run, opened, tmp_path):
    path = opened(Broken(7))
    result = run("video", path, "-k", 2, "-o", tmp_path / "out", "--labels", "npy")
    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: {path}: frame 7 is broken (bad data): give a whole file\n",
    )
    assert written(tmp_path) == ["any.gif"]


def test_the_frames_before_a_broken_one_can_be_kept(run, opened, tmp_path):
    path = opened(Broken(7))
    result = run("video", path, "-k", 2, "-o", tmp_path / "out", "--labels", "npy", "--keep-partial", "--json")
    assert result.exit_code == 1
    row = json.loads(result.stdout)
    assert (row["status"], row["frames"]) == ("partial", 6)
    assert result.stderr.splitlines()[-1] == (
        f"Error: {path}: frame 7 is broken (bad data): give a whole file; --keep-partial wrote the 6 frames before it"
    )
    assert len(np.load(tmp_path / "out" / "any-em2-labels.npy")) == 6
    assert len(list((tmp_path / "out").glob("*.png"))) == 6


def test_no_frame_is_left_to_keep_before_the_first(run, opened, tmp_path):
    result = run("video", opened(Broken(1)), "-k", 2, "-o", tmp_path / "out", "--keep-partial")
    assert (result.exit_code, "frame 1 is broken" in result.stderr) == (1, True)
    assert written(tmp_path) == ["any.gif"]


@pytest.mark.parametrize(("second", "words"), [(9, "now it has 9"), (11, "now it has more")])
def test_other_frames_in_the_second_pass_are_an_error(run, opened, tmp_path, second, words):
    result = run("video", opened(Broken(second=second)), "-k", 2, "-o", tmp_path / "out")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert f"had 10 frames when its colours were counted, and {words}" in result.stderr
    assert written(tmp_path) == ["any.gif"]


def test_a_file_that_changes_between_the_passes_is_an_error(run, gif, tmp_path, monkeypatch):
    counted = video_passes.fit_clip

    def fit_and_write(*args, **settings):
        fit = counted(*args, **settings)
        gif.write_bytes(gif.read_bytes() + b"\0")
        return fit

    monkeypatch.setattr(video_passes, "fit_clip", fit_and_write)
    result = run("video", gif, "-k", 2, "-o", tmp_path / "out")
    assert (result.exit_code, "the file changed while it was read" in result.stderr) == (1, True)
    assert written(tmp_path) == ["clip.gif"]


def test_both_passes_tell_how_far_they_are(gif, tmp_path):
    from colorquant.batch.inputs import Input
    from colorquant.batch.video_outputs import ClipPaths
    from colorquant.batch.video_settings import ClipSettings
    from colorquant.fitting.engines import resolve
    from colorquant.fitting.options import FitOptions

    steps = []
    settings = ClipSettings(resolve(FitOptions("kmeans", k=2)))
    job = video_job.ClipJob(settings, shown=lambda *step: steps.append(step))
    job(Input(str(gif)), ClipPaths({"gif": tmp_path / "out.gif"}, name=str(gif), k=2))
    passes = (video_passes.COUNTING, video_passes.WRITING)
    assert steps == [(words, number, FRAMES) for words in passes for number in range(1, FRAMES + 1)]


def test_a_terminal_shows_both_passes(gif, tmp_path):
    leader, follower = pty.openpty()
    words = ["video", gif, "-k", "2", "--refit", "2", "-o", tmp_path / "out.gif"]
    arguments = [sys.executable, "-m", "colorquant", *map(str, words)]
    with subprocess.Popen(arguments, stderr=follower, env={**os.environ, "TERM": "xterm"}) as running:
        os.close(follower)
        shown = b""
        with suppress(OSError):  # the other end is closed
            while part := os.read(leader, 65536):
                shown += part
    os.close(leader)
    assert running.returncode == 0, shown
    text = shown.decode()
    assert text.index("counting colours") < text.index("writing frames") < text.index("out.gif: 5 frames")
    assert all("5/5 frames" in part for part in text.split("writing frames", 1))


REPEATED = {  # a value of each option, and what else it needs
    "-k": ("5",),
    "--target": ("psnr:20", "-k", "auto"),
    "--min-k": ("3", "-k", "auto"),
    "--max-k": ("9", "-k", "auto"),
    "--best-effort": (None, "-k", "auto", "--target", "psnr:50"),
    "--method": ("kmeans",),
    "--engine": ("sklearn", "--method", "kmeans"),
    "--effort": ("fast",),
    "--lock": ("#ffffff", "--method", "kmeans"),
    "--covariance": ("full",),
    "--init": ("random",),
    "--tol": ("0.5",),
    "--reg-covar": ("2.0",),
    "--standardize": (None,),
    "--max-iter": ("7",),
    "--attempts": ("2",),
    "--seed": ("3",),
    "--protect": ("small",),
    "--space": ("oklab",),
    "--keep-luma": (None, "--space", "lab", "--write", "mp4"),
    "--paint": ("mean",),
    "--assign": ("nearest",),
    "--every": ("2",),
    "--refit": ("cuts",),
    "--smooth": ("0.5",),
    "--still": ("6.5",),
    "--dither": ("atkinson",),
    "--dither-strength": ("0.5", "--dither", "atkinson"),
    "--serpentine": (None, "--dither", "atkinson"),
    "--dither-space": ("srgb", "--dither", "atkinson"),
    "--dither-adaptive": (None, "--dither", "atkinson"),
    "--background": ("knn",),
    "--history": ("9", "--background", "mog2"),
    "--var-threshold": ("25.0", "--background", "mog2"),
    "--shadows": (None, "--background", "mog2"),
    "--start": ("0.1",),
    "--end": ("1.5",),
    "--fps": ("12.5",),
    "--scale": ("0.5",),
    "--alpha": ("drop",),
    "--max-pixels": ("5000",),
    "--output": ("x.gif",),
    "--write": ("gif,frames",),
    "--crf": ("30", "--write", "mp4"),
    "--keep-partial": (None,),
    "--html": ("x.html",),
    "--palette-out": ("x.gpl",),
    "--labels": ("npy",),
    "--masks": ("m",),
    "--posteriors": ("npy",),
    "--figure": ("x.png",),
    "--figure-kind": ("shares", "--figure", "x.png"),
    "--figure-title": ("T", "--figure", "x.png"),
}
OF_A_RUN = {"recursive", "jobs", "skip_existing", "dry_run", "fail_fast", "isolate", "timeout", "cluster", "report"}
OF_A_RUN |= {"force", "as_json", "quiet", "verbose", "help"}


def test_the_table_of_repeated_options_is_complete():
    flags = {
        parameter.opts[-1]
        for parameter in command.params
        if isinstance(parameter, click.Option)
        if parameter.name not in OF_A_RUN
    }
    assert flags == set(REPEATED)


@pytest.mark.parametrize("flag", REPEATED)
def test_the_printed_command_repeats_every_option(run, gif, tmp_path, monkeypatch, flag):
    """No clip is read: the job only says which command repeats it."""
    monkeypatch.chdir(tmp_path)
    value, *more = REPEATED[flag]
    monkeypatch.setattr(
        video_job.ClipJob,
        "__call__",
        lambda job, item, paths: video_job.ClipResult(
            {"input": item.name, "output": "x", "status": "skipped"}, clip_command(paths, job.settings)
        ),
    )
    result = run("video", gif.name, flag, *([] if value is None else [value]), *more, "-v")
    assert result.exit_code == 0, result.stderr
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("  colorquant video"))
    words = shlex.split(line)
    # shadows are on unless --no-shadows, and there is one kind of figure
    short = {"--output": "-o", "--shadows": "--background", "--figure-kind": "--figure"}.get(flag, flag)
    assert short in words
    if value is not None and flag != "--figure-kind":
        assert words[words.index(short) + 1] == value
    again = run(*words[1:], "-v")
    assert again.exit_code == 0, again.stderr
    assert line in again.stderr.splitlines()
