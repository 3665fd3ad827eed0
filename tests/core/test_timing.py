"""Timing with a clock that is wound by hand: order, statistics, failures."""

import dataclasses
import itertools
import sys
import types

import numpy as np
import pytest
from support.pictures import random_picture

from colorquant.analysis import timing
from colorquant.analysis.timing import Grid, Protocol, Work
from colorquant.batch import naming
from colorquant.errors import EngineError, ImageReadError, OptionError
from colorquant.fitting.engines import ENGINES
from colorquant.fitting.options import COVARIANCES, FitOptions
from colorquant.images import Picture
from colorquant.report import timing_records as report
from colorquant.report.machine import Machine
from colorquant.report.tables import Table, csv_text

ITEM = naming.Input("noise.png")
RGB = random_picture(7, 20, 30)
TWO = [FitOptions(k=2), FitOptions(k=3)]


def read(item):
    return Picture(RGB, None, 1)


def timed(cells=TWO, *, durations=None, errors=None, progress=timing.unheard, reader=read, **protocol):
    """The rows of one image. With ``durations`` each run takes the next of them; ``errors`` {k: error} are raised."""
    now, left = [100.0], iter(durations or ())

    def prepare(subject, options):
        def run():
            if options.k in (errors or {}):
                raise errors[options.k]
            now[0] += next(left)
            return 5.0

        return Work(run, float)

    with pytest.MonkeyPatch.context() as patch:
        if durations is not None:
            patch.setitem(timing.STAGES, "quantize", prepare)
        clock = None if durations is None else lambda: now[0]
        (rows,) = timing.run([ITEM], cells, Protocol(**protocol), reader, clock=clock, progress=progress)
    return rows


def test_statistics_are_those_of_the_counted_rounds():
    durations = [9, 9, 1, 10, 2, 10, 3, 60, 10, 20]  # a round of warm-up, then four in which the rows take turns
    first, second = timed(durations=durations, repeat=4, warmup=1)
    assert first.seconds == pytest.approx([1, 2, 3, 10])
    assert second.seconds == pytest.approx([10, 10, 60, 20])
    assert first.median == pytest.approx(2.5)
    assert first.iqr == pytest.approx(4.75 - 1.75)
    assert second.minimum == pytest.approx(10)
    assert first.per_megapixel == pytest.approx(2.5 / 600e-6)
    assert first.ratio == pytest.approx(1)
    assert second.ratio == pytest.approx(np.median([10, 5, 20, 2])), "of the rounds' ratios, not of the medians"


def test_a_clock_too_coarse_has_no_ratio():
    first, second = timed(durations=[0, 1], repeat=1, warmup=0)
    assert first.ratio is None
    assert second.ratio is None
    assert report.table([first, second])[0].rows[1][-2] == "–"


def test_rows_take_turns():
    order = []
    timed(repeat=2, warmup=1, progress=order.append)
    assert order == ["numpy kmeans, rgb, k = 2: noise.png", "numpy kmeans, rgb, k = 3: noise.png"] * 3


def test_quality_is_that_of_the_result_and_same_for_both_stages(thumbnail):
    alpha = np.full(thumbnail.shape[:2], 255, np.uint8)
    alpha[:9] = 0
    cells, left_out = Grid(("kmeans", "em"), tuple(ENGINES), ("rgb", "gray", "ycrcb"), (3,), max_iter=2).cells()
    assert len(cells) == 18
    assert not left_out
    stages = [
        timed(cells, stage=stage, repeat=1, warmup=0, reader=lambda item: Picture(thumbnail, alpha, 1))
        for stage in timing.STAGES
    ]
    for whole, fit in zip(*stages, strict=True):
        assert whole.error is None, whole.details
        assert whole.mse == fit.mse > 0
        assert whole.colors == fit.colors == len(np.unique(thumbnail[9:].reshape(-1, 3), axis=0))
        assert whole.pixels == thumbnail[:, :, 0].size


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (EngineError("gave up"), "gave up"),
        (MemoryError(), "not enough memory"),
        (ZeroDivisionError("a bug"), "unexpected ZeroDivisionError"),
    ],
)
def test_a_failed_row_says_so_and_the_others_go_on(error, words):
    cells = [*TWO, FitOptions(k=4)]
    bad, good, last = timed(cells, durations=[1, 2, 3, 9], errors={2: error}, repeat=2, warmup=0)
    assert words in bad.error
    assert "Traceback" in bad.details
    assert bad.seconds == ()
    assert good.ratio == pytest.approx(1), "the first row that did not fail is the measure"
    assert last.ratio == pytest.approx(2.5)
    assert report.record(bad, Machine.this())["error"] == bad.error
    assert "failed" in report.table([bad, good])[0].rows[0]


def test_ctrl_c_is_no_failed_row():
    with pytest.raises(KeyboardInterrupt):
        timed(durations=[1], errors={2: KeyboardInterrupt()})


def test_an_image_that_cannot_be_read_is_a_row():
    def unreadable(item):
        raise ImageReadError("damaged")

    (row,) = timed(reader=unreadable)
    assert (row.error, row.options, row.words) == ("damaged", None, "noise.png")
    table, _ = report.table([row])
    assert "failed" in table.rows[0]


def test_scales_are_factors_of_pixels():
    rows = timed(scales=(0.25, 1.0, 4.0), repeat=1, warmup=0)
    assert [row.pixels for row in rows if row.error is None] == [150, 150, 600, 600, 2400, 2400]
    assert rows[2].seconds, "the picture itself is not resized"
    assert len(timed(scales=(1e-9,), repeat=1, warmup=0)) == 2, "a pixel is left"


def test_a_scale_too_large_is_a_failed_row():
    rows = timed(reader=lambda item: Picture(np.zeros((500, 500, 3), np.uint8), None, 1), scales=(1.0, 10_000.0))
    assert [row.error is None for row in rows] == [True, True, False]
    assert "more than 178,000,000: take a smaller scale" in rows[2].error


def test_the_lab_is_the_default():
    cells, left_out = Grid().cells()
    assert [(cell.engine, cell.space) for cell in cells] == list(
        itertools.product(("opencv", "numpy"), ("rgb", "gray"))
    )
    assert {(cell.method, cell.k, cell.max_iter, cell.tol) for cell in cells} == {("kmeans", 2, 10, 0.2)}
    assert not left_out
    assert Grid().criteria == "at most 10 iterations, tolerance 0.2 levels"


def test_the_tolerance_is_a_number_of_levels_in_every_space():
    cells, _ = Grid(spaces=("lab", "oklab"), engines=("numpy",)).cells()
    assert [cell.tol for cell in cells] == pytest.approx([20 / 255, 0.2 / 255])
    assert [cell.tol for cell in Grid(spaces=("lab",), tol=0.5).cells()[0]] == [0.5, 0.5]


def test_own_criteria_are_the_engines_defaults():
    cells, _ = Grid(engines=("numpy", "sklearn"), spaces=("rgb",), own_criteria=True).cells()
    assert [(cell.max_iter, cell.tol) for cell in cells] == [(None, None), (100, 0.01)]


def test_what_cannot_be_is_left_out_by_name():
    cells, left_out = Grid(("kmeans", "em"), tuple(ENGINES), ("rgb",), (2,), COVARIANCES).cells()
    assert len(cells) == 3 + 5 + 3 + 4
    assert [line.split(":")[0] for line in left_out] == [
        "opencv em tied, rgb, k = 2",
        "opencv em identity, rgb, k = 2",
        "sklearn em identity, rgb, k = 2",
    ]
    assert "cannot be honoured" in left_out[0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Grid(covariances=("full",)), "for em alone"),
        (lambda: Grid(own_criteria=True, tol=1.0), "no room"),
        (lambda: Grid(ks=(0,)).cells(), "-k 0"),
        (lambda: Grid(("em",), ("opencv",), covariances=("tied",)).cells(), "no combination is left"),
        (lambda: Grid(methods=()).cells(), "the grid is empty"),
        (lambda: Protocol(repeat=0), "--repeat 0"),
        (lambda: Protocol(warmup=-1), "--warmup -1"),
        (lambda: Protocol(scales=(float("nan"),)), "--scale nan"),
        (lambda: Protocol(scales=(0.0,)), "--scale 0"),
    ],
)
def test_what_is_asked_is_checked(make, words):
    with pytest.raises(OptionError, match=words):
        make()


def test_what_all_rows_share_is_said_once():
    rows = timed(repeat=1, warmup=0)
    table, shared = report.table(rows)
    assert table.headers == ("engine", "space", "k", "median s", "IQR s", "min s", "s/MP", "ratio", "MSE")
    assert shared == "noise.png, scale 1, kmeans, pixels 600, distinct colours 600"
    assert [row[2] for row in table.rows] == ["2", "3"]
    assert [row[4] for row in table.rows] == ["–", "–"], "one round has no spread"
    assert {len(line) for line in table.plain().splitlines()} == {len(table.plain().splitlines()[0])}


def test_markdown_takes_nothing_for_markup():
    table = Table(("image", "n"), (("a|b*<i>.png", "1"),), frozenset({"image"}))
    assert table.markdown().splitlines() == [
        "| image           |   n |",
        "| --------------- | --: |",
        r"| a\|b\*\<i\>.png |   1 |",
    ]


def test_csv_holds_no_formulas():
    text = csv_text(["a"], [["=1+1"], ["@x"], ["-2"], [-2.5], ["plain, quoted"], [None]])
    assert text == 'a\n\'=1+1\n\'@x\n\'-2\n-2.5\n"plain, quoted"\n""\n'


def test_names_are_printed_safely_and_alike_everywhere():
    rows = [dataclasses.replace(row, input="=a\x1b[31m\udcff.png") for row in timed(repeat=1, warmup=0)]
    machine = Machine.this()
    for text in (report.csv_table(rows, machine), report.markdown(rows, machine, "", []), report.table(rows)[1]):
        assert "\x1b" not in text
        text.encode()
    assert ",'=a" in "," + report.csv_table(rows, machine).splitlines()[1]


def test_a_broken_library_does_not_stop_the_head(monkeypatch):
    """What a wheel that another one overwrote leaves behind: a package without anything in it."""
    monkeypatch.setitem(sys.modules, "cv2", types.ModuleType("cv2"))
    machine = Machine.this()
    assert "OpenCV" not in machine.versions
    assert machine.opencv_threads is None


def test_the_head_tells_the_machine():
    machine = Machine.this()
    assert machine.cores >= 1
    assert machine.blas_threads == 1, "fits run on one"
    assert {"Python", "numpy"} <= set(machine.versions)
    assert machine.versions["numpy"] in machine.words
