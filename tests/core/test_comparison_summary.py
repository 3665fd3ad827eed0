"""The summary of several compared images: means, spreads, wins, paired differences, and its files."""

import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest

from colorquant.analysis.compare import Cell, Comparison, SeedRun, Spread, Statistics
from colorquant.analysis.measures import MEASURES, Measures
from colorquant.analysis.summary import summarize
from colorquant.fitting.options import FitOptions
from colorquant.report import comparison_summary as report
from colorquant.report.comparison_records import ComparedImage

ONE, OTHER, FOUR = FitOptions(k=2, space="rgb"), FitOptions(k=2, space="lab"), FitOptions(k=4)


def measures(mse, psnr=None):
    values = {column.key: 1.0 for column in MEASURES}
    return Measures(**{**values, "mse": mse, "psnr": -mse if psnr is None else psnr, "converged": True, "bic": None})


def comparison(errors):
    """An image with an MSE for each combination; None failed."""
    made = [
        Cell(options, None, error="no") if error is None else Cell(options, measures(error))
        for options, error in errors.items()
    ]
    return Comparison(9, 9, 81, tuple(made))


TWO_IMAGES = [comparison({ONE: 10.0, OTHER: 4.0, FOUR: 1.0}), comparison({ONE: 20.0, OTHER: 28.0, FOUR: 3.0})]


def test_means_wins_and_paired_differences():
    one, other, four = summarize(TWO_IMAGES)
    assert (one.images, one.wins, other.wins, four.wins) == (2, 1, 1, 2)
    assert one.statistics["mse"] == Statistics(15.0, pytest.approx(np.std([10, 20], ddof=1)), 10.0, 20.0)
    assert other.difference["mse"] == Statistics(1.0, pytest.approx(np.std([-6, 8], ddof=1)), -6.0, 8.0)
    assert one.difference == {}, "the first combination of a k"
    assert four.difference == {}, "the first combination of its k"
    assert "bic" not in one.statistics
    assert "converged" not in one.statistics


def test_equal_errors_all_win():
    one, other = summarize([comparison({ONE: 5.0, OTHER: 5.0})])
    assert (one.wins, other.wins) == (1, 1)
    assert one.statistics["mse"].std is None, "one image has no spread"


def test_a_failed_cell_has_no_part():
    one, other = summarize([comparison({ONE: None, OTHER: 4.0}), comparison({ONE: 8.0, OTHER: 6.0})])
    assert (one.images, one.failed, one.wins) == (1, 1, 0)
    assert (other.images, other.failed, other.wins) == (2, 0, 2)
    assert other.difference["mse"].mean == -2, "of the image that both have"


def test_no_loss_is_no_number_of_json():
    lossless = Comparison(9, 9, 2, (Cell(ONE, measures(0.0, math.inf)), Cell(OTHER, measures(1.0, 40.0))))
    one, other, _ = summarize([lossless, TWO_IMAGES[0]])
    assert one.statistics["psnr"].mean == math.inf
    assert report.summary_record(one)["statistics"]["psnr"]["mean"] is None
    assert other.difference["psnr"].mean == pytest.approx(6), "of the image where both have a finite one"
    table, _ = report.summary_table([one, other])
    assert "no loss" in table.plain()


def test_several_seeds_count_by_their_mean():
    runs = tuple(SeedRun(seed, measures(error)) for seed, error in ((0, 10.0), (1, 30.0)))
    cell = replace(TWO_IMAGES[0].cells[0], spread=Spread(runs, 0.5))
    (one,) = summarize([Comparison(9, 9, 81, (cell,))])
    assert one.statistics["mse"].mean == 20


def images():
    return [ComparedImage(f"{number}_&.png", one, 99) for number, one in enumerate(TWO_IMAGES)]


def test_the_files_of_a_summary():
    rows = list(csv.DictReader(io.StringIO(report.encode_summary(images(), ".csv").decode())))
    assert [row["cell"] for row in rows] == ["kmeans2-numpy-rgb", "kmeans2-numpy-lab", "kmeans4-numpy-rgb"]
    assert [float(row["mse_mean"]) for row in rows] == [15, 16, 2]
    assert [row["mse_difference_mean"] for row in rows] == ["", "1.0", ""]
    latex = report.encode_summary(images(), ".tex").decode()
    assert latex.startswith("\\begin{tabular}{lllrrr")
    assert r"15.0 $\pm$ 7.1" in latex
    assert r"\textbf{15.0 $\pm$ 7.1}" in latex
    columns = latex.splitlines()[0].count("l", 16) + latex.splitlines()[0].count("r", 16)
    assert {line.count("&") for line in latex.splitlines() if "&" in line} == {columns - 1}
    markdown = report.encode_summary(images(), ".md").decode()
    assert "15.0 ± 7.1" in markdown


def test_the_markdown_of_a_comparison():
    text = report.encode_markdown(images(), [("bad.png", "damaged")], ["left out: nothing"]).decode()
    assert r"## 0\_\&.png: 9 × 9" in text
    assert "## 2 images" in text
    assert text.count("| kmeans | numpy  | lab") == 3
    assert "- Failed: bad.png: damaged\n- left out: nothing" in text


def test_a_narrow_table_names_what_it_left_out():
    summaries = summarize(TWO_IMAGES)
    table, left_out = report.summary_table(summaries, 80)
    assert "SSIM" in left_out
    assert "images" not in table.headers, "all have the same number: the title says it"
    assert {*table.headers, *left_out} == {*report.summary_table(summaries)[0].headers}
    assert all(len(line) <= 80 for line in table.plain().splitlines())
