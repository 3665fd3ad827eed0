"""Files beside the picture, from the command line: their contents, and options that cannot have an effect."""

import csv

import numpy as np
import pytest
from PIL import Image

from colorquant.batch.outputs import OUTPUTS
from colorquant.files import check_writable
from colorquant.images import read_image


def pixels_of(path):
    with Image.open(path) as image:
        return np.array(image)


def test_masks_are_the_labels_one_by_one(run, photo, tmp_path):
    run("kmeans", photo, "-k", 12, "--labels", "npy", "--masks", tmp_path / "m", "-o", tmp_path / "q.png")
    labels = np.load(tmp_path / "q-labels.npy")
    names = sorted(path.name for path in (tmp_path / "m").iterdir())
    assert names == [f"q-mask-{label:02d}.png" for label in range(12)]
    for label, name in enumerate(names):
        assert np.array_equal(pixels_of(tmp_path / "m" / name) > 0, labels == label)


def test_posteriors_as_array_and_as_pictures(run, photo, tmp_path):
    words = ["em", photo, "-k", 3, "--max-iter", 5]
    run(*words, "--posteriors", "npy", "-o", tmp_path / "a.png")
    run(*words, "--posteriors", "png", "-o", tmp_path / "b.png")
    values = np.load(tmp_path / "a-posteriors.npy")
    assert values.dtype == np.float16
    assert values.shape == (*read_image(photo).rgb.shape[:2], 3)
    for label in range(3):
        levels = pixels_of(tmp_path / f"b-posteriors-{label}.png")
        assert np.abs(levels / 255 - values[:, :, label]).max() <= 0.003
    assert np.array_equal(pixels_of(tmp_path / "a.png"), pixels_of(tmp_path / "b.png"))


def test_uncertainty_and_trace_are_written(run, photo, tmp_path):
    more = ["--uncertainty", tmp_path / "u.png", "--trace", tmp_path / "t.csv", "--init", "random"]
    result = run("em", photo, "-k", 3, *more, "-o", tmp_path / "q.png")
    assert result.exit_code == 0, result.stderr
    assert pixels_of(tmp_path / "u.png").shape == read_image(photo).rgb.shape[:2]
    head, *rows = csv.reader((tmp_path / "t.csv").read_text().splitlines())
    assert head[:3] == ["iteration", "log_likelihood", "shift"]
    values = [float(row[1]) for row in rows]
    assert values == sorted(values)


def test_files_of_several_inputs_carry_their_stems(run, photo, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in" / f"{name}.png").write_bytes(photo.read_bytes())
    more = ["--trace", tmp_path / "{stem}.csv", "--masks", tmp_path / "m"]
    result = run("kmeans", tmp_path / "in", "-k", 2, *more, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "a.csv").exists()
    assert (tmp_path / "b.csv").exists()
    assert len(list((tmp_path / "m").iterdir())) == 4


def test_standard_input_has_masks_and_a_trace(run, photo, tmp_path):
    more = ["--trace", tmp_path / "t.csv", "--masks", tmp_path / "m"]
    result = run("kmeans", "-", "-k", 2, *more, input=photo.read_bytes())
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "t.csv").exists()
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "stdin-kmeans2-mask-0.png",
        "stdin-kmeans2-mask-1.png",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["em", "--trace", "t.txt"], "--trace t.txt: unknown ending, use .csv"),
        (["em", "--uncertainty", "u.jpg"], "--uncertainty u.jpg: unknown ending, use .png"),
        (["em", "--trace", ""], "--trace has an empty name"),
        (["em", "--masks", ""], "--masks has an empty name"),
        (["em", "--engine", "opencv", "--trace", "t.csv"], "does not report its iterations"),
        (["kmeans", "--engine", "sklearn", "--trace", "t.csv"], "does not report its iterations"),
        (["em", "-o", "-", "--posteriors", "npy"], "--posteriors needs a file"),
        (["em", "--trace", "{photo}"], "unknown ending"),
        (["em", "--uncertainty", "{photo}"], "would write over the input"),
        (["em", "-o", "u.png", "--uncertainty", "u.png"], "u.png twice"),
    ],
)
def test_what_cannot_be_had_is_said_before_anything_runs(run, photo, words, said):
    method, *rest = [word.replace("{photo}", str(photo)) for word in words]
    result = run(method, photo, "-k", 2, *rest)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_existing_files_stay_without_force(run, photo, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "q-mask-1.png").write_bytes(b"mine")
    words = ["kmeans", photo, "-k", 2, "--masks", tmp_path / "m", "-o", tmp_path / "q.png"]
    result = run(*words)
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert not (tmp_path / "q.png").exists()
    assert (tmp_path / "m" / "q-mask-1.png").read_bytes() == b"mine"
    assert run(*words, "--force").exit_code == 0


def test_every_output_is_an_option(run):
    for kind, output in OUTPUTS.items():
        for method in ("kmeans", "em"):
            assert (output.flag in run(method, "--help").stdout) == (method in output.methods), kind


def test_nothing_is_left_where_one_output_cannot_be_written(run, photo, tmp_path):
    (tmp_path / "block").write_text("a file, not a folder")
    result = run("kmeans", photo, "-k", 2, "--trace", tmp_path / "block" / "t.csv", "-o", tmp_path / "q.png")
    assert result.exit_code == 1
    assert not (tmp_path / "q.png").exists()
    check_writable([tmp_path / "q.png"], force=False)
