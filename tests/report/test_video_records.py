"""The record of a clip and its lines for people."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.clip_files import moving_frames, quantized_clip

from colorquant.clips.results import Steadiness
from colorquant.report.clip_file import WrittenOutput
from colorquant.report.records import palette_lines
from colorquant.report.video_records import (
    ClipRecord,
    clip_detail_lines,
    clip_line,
    clip_record,
    failed_clip,
    skipped_clip,
)
from colorquant.report.words import percent

FORMATS = Path(__file__).resolve().parents[2] / "docs" / "formats.md"


@pytest.fixture(scope="module")
def clip():
    return quantized_clip(moving_frames())


def test_a_record_has_what_was_fitted_and_measured(clip):
    row = clip_record(clip)
    assert json.loads(json.dumps(row)) == row | {"palette": [list(pair) for pair in row["palette"]]}
    assert (row["input"], row["output"], row["status"]) == ("clip.mp4", "clip-em2.mp4", "written")
    assert (row["method"], row["k"], row["covariance"]) == ("em", 2, clip.options.covariance)
    assert (row["width"], row["height"], row["frames"], row["fps"], row["duration"]) == (16, 12, 8, 10, 0.8)
    assert sum(count for _, count in row["palette"]) + row["transparent"] == 8 * 12 * 16
    assert row["psnr"] == pytest.approx(10 * np.log10(3 * 255**2 / row["mse"]))
    assert row["frames_per_second"] == 4
    assert list(row["seconds"]) == ["read", "count", "fit", "label", "write"]
    assert [(one["first"], one["end"]) for one in row["segments"]] == [(0, 8)]
    assert "log_likelihood" in row["segments"][0]
    assert row["cuts"] is None


def test_alpha_that_is_kept_apart_is_recorded(clip):
    assert clip_record(clip)["alpha"] is None
    info = dataclasses.replace(clip.info, has_alpha=True)
    assert clip_record(dataclasses.replace(clip, info=info))["alpha"] == "keep"
    options = clip.options.replace(alpha="palette")
    assert clip_record(dataclasses.replace(clip, info=info, options=options))["alpha"] == "palette"


def test_one_frame_per_second_is_singular(clip):
    row = clip_record(clip)
    words = [clip_detail_lines({**row, "fps": fps})[0] for fps in (1.0, 1.5)]
    assert ", 1 frame per second" in words[0] and ", 1.5 frames per second" in words[1]


def test_a_segment_has_colours_of_its_own():
    frames = moving_frames()
    frames[4:] = [255 - frame for frame in frames[4:]]
    row = clip_record(quantized_clip(frames, segments=2, method="kmeans"))
    first, second = row["segments"]
    assert [color for color, _ in row["palette"]] == first["colors"] != second["colors"]
    assert row["cuts"] == [4]
    assert "inertia" in first
    lines = "\n".join(clip_detail_lines(row))
    assert "2 fits" in lines
    assert f"frames 4 to 7: {second['colors'][0]}" in lines


def test_a_clip_that_ends_early_or_fails_says_why(clip):
    row = clip_record(quantized_clip(moving_frames(), broken="frame 8 is broken (no data)"))
    assert (row["status"], row["error"]) == ("partial", "frame 8 is broken (no data)")
    assert failed_clip("a.mp4", "it is text") == {"input": "a.mp4", "status": "failed", "error": "it is text"}


def test_the_line_of_a_clip(clip):
    row = clip_record(clip)
    assert clip_line(row) == (f"clip-em2.mp4: 8 frames · 2 colours · {row['psnr']:.2f} dB · 1.2 % flicker · 8.0 kB")
    assert clip_line(clip_record(quantized_clip(moving_frames(1)))).count("flicker") == 0
    long = row | {"output": "y" * 200 + ".mp4", "frames": 12_345, "bytes_out": 345_600_000}
    assert len(clip_line(long, 80)) <= 80
    assert clip_line(skipped_clip("a.mp4", "a-em4.mp4")) == "a-em4.mp4: skipped, it exists"
    assert clip_line(clip_record(quantized_clip(moving_frames(), outputs=()))).startswith("clip.mp4: 8 frames")
    assert "\x1b" not in clip_line(row | {"output": "a\x1b[2J.mp4"})


def test_details(clip):
    first, fit, objective, steady, times, rate = clip_detail_lines(clip_record(clip))
    assert first == "  mp4, h264, 16 × 12, 0.8 s, 10 frames per second · 20 → 8.0 kB (−60 %)"
    assert fit == "  321 distinct colours in 8 frames"
    assert objective.startswith("  log-likelihood -")
    assert "4.0 % of the labels change from frame to frame, 1.2 % flicker (--still 4)" in steady
    assert times.endswith("label 0.25 s · write 0.25 s")
    assert rate == "  4.0 frames per second, all stages together"
    outputs = (WrittenOutput("a.mp4", 1), WrittenOutput("a-labels-000001.png", 2_500, 8))
    assert clip_detail_lines(clip_record(quantized_clip(moving_frames(), outputs=outputs)))[-1] == (
        "  a-labels-000001.png and 7 more, 2.5 kB"
    )
    assert palette_lines(clip_record(clip))[0].startswith("  #")


def test_smoothing_is_said_with_its_price(clip):
    labels = {**vars(clip.labels), "unsmoothed": Steadiness(0.05, 0.1, 4.0), "unsmoothed_mse": 90.0}
    row = clip_record(quantized_clip(moving_frames(), smooth=0.2, labels=type(clip.labels)(**labels)))
    assert row["unsmoothed"] == {"flickering": 0.05, "changed": 0.1, "mse": 90.0, "psnr": pytest.approx(33.36, abs=0.1)}
    assert f"  --smooth 0.2: flicker 5.0 % → 1.2 %, mse 90.00 → {row['mse']:.2f}" in clip_detail_lines(row)


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (1, "100 %"), (0.1234, "12 %"), (0.0123, "1.2 %"), (0.00042, "0.042 %"), (1e-9, "< 0.0001 %")],
)
def test_a_share_has_two_digits_that_count(share, words):
    assert percent(share) == words


def test_the_document_lists_exactly_the_keys_of_a_clip():
    section = FORMATS.read_text().split("### Clips\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    keys = [key for cell in rows for key in re.findall(r"`(\w+)`", cell)]
    assert sorted(keys) == sorted(ClipRecord.__annotations__)
