"""Timing with a clock that is wound by hand: order, statistics, failures."""

import dataclasses
import itertools
import sys
import types

import numpy as np
import pytest
from support.pictures import random_picture

from colorquant.analysis import timing
from colorquant.analysis.grid import Axes, cell_name
from colorquant.analysis.protocol import Criteria, Protocol
from colorquant.analysis.timing import Callbacks, Source, Work
from colorquant.color.histogram import ColorHistogram
from colorquant.errors import EngineError, ImageReadError, OptionError
from colorquant.fitting import engines
from colorquant.fitting.engines import ENGINES
from colorquant.fitting.options import COVARIANCES, FitOptions
from colorquant.images import Picture
from colorquant.report import timing_records as report
from colorquant.report.machine import Machine
from colorquant.report.tables import Table, csv_text

RGB = random_picture(7, 20, 30)
TWO = [FitOptions(k=2), FitOptions(k=3)]


def read():
    return Picture(RGB, None, 1)


def lab_axes(**axes):
    """The axes of the command's defaults."""
    return Axes(**{"k": (2,), "method": ("kmeans",), "engine": ("opencv", "numpy"), "space": ("rgb", "gray"), **axes})


LAB = Criteria()


def combinations(criteria=LAB, **axes):
    return criteria.grid(lab_axes(**axes)).combinations


def timed(cells=TWO, *, durations=None, errors=None, reader=read, callbacks=None, **protocol):
    """The rows of one image. With ``durations`` each run takes the next of them; ``errors`` {k: error} are raised."""
    now, left = [100.0], iter(durations or ())

    def prepare(image, options):
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
        callbacks = dataclasses.replace(callbacks or Callbacks(), clock=clock)
        (rows,) = timing.run([Source("noise.png", reader)], cells, Protocol(**protocol), callbacks)
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
    timed(repeat=2, warmup=1, callbacks=Callbacks(progress=lambda row, left: order.append(row)))
    assert order == ["numpy kmeans, rgb, k = 2: noise.png", "numpy kmeans, rgb, k = 3: noise.png"] * 3


def test_quality_is_that_of_the_result_and_same_for_both_stages(thumbnail):
    alpha = np.full(thumbnail.shape[:2], 255, np.uint8)
    alpha[:9] = 0
    cells = combinations(
        Criteria(max_iter=2), method=("kmeans", "em"), engine=tuple(ENGINES), space=("rgb", "gray", "ycrcb"), k=(3,)
    )
    assert len(cells) == 18
    stages = [
        timed(cells, stage=stage, repeat=1, warmup=0, reader=lambda: Picture(thumbnail, alpha, 1))
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


def test_ctrl_c_keeps_the_rounds_so_far():
    """The third run of the second row is interrupted: one round counts, and is not lost."""
    calls = []

    def progress(row, left):
        calls.append(row)
        if len(calls) == 6:
            raise KeyboardInterrupt

    callbacks = Callbacks(progress=progress, clock=itertools.count(0.0, 1.0).__next__)
    rounds = timing.run([Source("noise.png", read)], TWO, Protocol(repeat=3, warmup=1), callbacks)
    first, second = next(rounds)
    assert (len(first.seconds), len(second.seconds)) == (2, 1)
    assert second.ratio == pytest.approx(second.seconds[0] / first.seconds[0])
    assert report.not_run([first, second]) == ["Fewer rounds: 1 or 2 of 3 of noise.png"]
    with pytest.raises(KeyboardInterrupt):
        next(rounds)


def test_ctrl_c_in_the_first_round_names_what_did_not_run():
    def progress(row, left):
        if "k = 3" in row:
            raise KeyboardInterrupt

    rounds = timing.run([Source("noise.png", read)], TWO, Protocol(repeat=3, warmup=0), Callbacks(progress=progress))
    first, second = next(rounds)
    assert (len(first.seconds), second.seconds, second.not_run) == (1, (), "interrupted")
    assert report.record(second, Machine.this())["not_run"] == "interrupted"
    assert "not run" in report.table([first, second])[0].rows[1]
    with pytest.raises(KeyboardInterrupt):
        next(rounds)


def walled(seconds_per_run, budget, *, images=1, **protocol):
    """All rows of images of which each run takes so many wall seconds, and the estimates."""
    now, estimates = [0.0], []

    def prepare(image, options):
        def run():
            now[0] += seconds_per_run
            return 5.0

        return Work(run, float)

    callbacks = Callbacks(estimated=estimates.append, clock=lambda: now[0], wall=lambda: now[0])
    sources = [Source(f"{number}.png", read) for number in range(images)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(timing.STAGES, "quantize", prepare)
        rows = [
            row for rows in timing.run(sources, TWO, Protocol(budget=budget, **protocol), callbacks) for row in rows
        ]
    return rows, estimates, now[0]


def test_the_first_round_estimates_how_long_the_others_take():
    _, estimates, spent = walled(10, None, images=2, repeat=4, warmup=1)
    first, second = estimates
    assert (first.input, first.seconds, first.rounds, first.total) == ("0.png", 20, 4, 20 * (4 + 5))
    assert (second.seconds, second.rounds, second.total) == (20, 4, 80)
    assert spent == 200
    assert "took 20 s: about 3 min left" in report.estimate_words(first)
    assert report.estimate_words(dataclasses.replace(first, total=9.0)) is None


@pytest.mark.parametrize(
    ("budget", "rounds", "spent"),
    [(1000, [4, 4], 100), (70, [2, 2], 60), (41, [1, 1], 40), (30, [1, 1], 20), (15, [1, 1], 20), (5, [1, 0], 10)],
)
def test_a_budget_runs_fewer_rounds(budget, rounds, spent):
    """A round of warm-up and up to four others, each of 20 s."""
    rows, estimates, seconds = walled(10, budget, repeat=4, warmup=1)
    assert [len(row.seconds) for row in rows] == rounds
    assert seconds == spent
    assert all(estimate.total <= budget for estimate in estimates)
    lines = report.not_run(rows)
    assert any(line.startswith("Fewer rounds: ") for line in lines) == (budget < 100)
    assert any("the budget of 5 s was spent" in line for line in lines) == (budget == 5)


def test_images_share_a_budget_evenly():
    rows, _, seconds = walled(10, 130, images=2, repeat=4, warmup=1)
    assert [len(row.seconds) for row in rows] == [2, 2, 2, 2]
    assert seconds == 120


def test_an_image_is_counted_once_a_scale(monkeypatch):
    counted = []
    count = ColorHistogram.count
    monkeypatch.setattr(ColorHistogram, "count", lambda *args: counted.append(args) or count(*args))
    timed(combinations(engine=("numpy", "sklearn")), repeat=2, warmup=1, scales=(1.0, 2.0))
    assert len(counted) == 2


def test_no_clock_sees_an_import(monkeypatch):
    order = []
    load = engines.load
    monkeypatch.setattr(engines, "load", lambda options: order.append("load") or load(options))
    monkeypatch.setitem(timing.CLOCKS, "cpu", lambda: order.append("clock") or 0.0)
    timed(TWO[:1], repeat=1, warmup=0)
    assert order == ["clock", "clock", "load", "clock", "clock"], "the first two count the colours"


def test_counting_is_part_of_each_round_of_the_whole():
    ticks = itertools.count(0.0, 1.0)
    rows = [
        next(timing.run([Source("noise.png", read)], TWO, Protocol(stage=stage), Callbacks(clock=ticks.__next__)))[0]
        for stage in timing.STAGES
    ]
    assert [row.counting for row in rows] == [1, 1]
    assert [row.median for row in rows] == [2, 1]


def test_an_image_that_cannot_be_read_is_a_row():
    def unreadable():
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
    rows = timed(reader=lambda: Picture(np.zeros((500, 500, 3), np.uint8), None, 1), scales=(1.0, 10_000.0))
    assert [row.error is None for row in rows] == [True, True, False]
    assert "more than 178,000,000: use a smaller scale" in rows[2].error


def test_the_lab_is_the_default():
    grid = Criteria().grid(lab_axes())
    cells = grid.combinations
    assert [(cell.engine, cell.space) for cell in cells] == list(
        itertools.product(("opencv", "numpy"), ("rgb", "gray"))
    )
    assert {(cell.method, cell.k, cell.max_iter, cell.tol) for cell in cells} == {("kmeans", 2, 10, 0.2)}
    assert not grid.left_out
    assert Criteria().words(lab_axes()) == "at most 10 iterations, tolerance 0.2 levels"


def test_the_tolerance_is_a_number_of_levels_in_every_space():
    cells = combinations(space=("lab", "oklab"), engine=("numpy",))
    assert [cell.tol for cell in cells] == pytest.approx([20 / 255, 0.2 / 255])
    assert [cell.tol for cell in combinations(Criteria(tol=0.5), space=("lab",))] == [0.5, 0.5]


def test_own_criteria_are_the_engines_defaults():
    cells = combinations(Criteria(own=True), engine=("numpy", "sklearn"), space=("rgb",))
    assert [(cell.max_iter, cell.tol) for cell in cells] == [(None, None), (100, 0.01)]


def test_what_cannot_be_is_left_out_by_name():
    axes = lab_axes(method=("kmeans", "em"), engine=tuple(ENGINES), space=("rgb",), covariance=COVARIANCES)
    grid = Criteria().grid(axes)
    assert len(grid.combinations) == 3 + 5 + 3 + 4
    assert [line.split(":")[0] for line in grid.left_out] == [
        "em-opencv-rgb-tied",
        "em-opencv-rgb-identity",
        "em-sklearn-rgb-identity",
    ]
    assert "cannot be honoured" in grid.left_out[0]


def test_the_last_axis_of_the_order_changes_fastest():
    names = [cell_name(options) for options in combinations(k=(2, 3), engine=("numpy",))]
    assert names == [
        *("kmeans2-numpy-rgb", "kmeans2-numpy-gray", "kmeans3-numpy-rgb", "kmeans3-numpy-gray"),
    ]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: combinations(covariance=("full",)), "for em alone"),
        (lambda: Criteria(own=True, tol=1.0), "excludes"),
        (lambda: combinations(k=(0,)), "-k 0"),
        (lambda: combinations(method=("em",), engine=("opencv",), covariance=("tied",)), "no combination is left"),
        (lambda: combinations(method=()), "the grid is empty"),
        (lambda: Protocol(repeat=0), "--repeat 0"),
        (lambda: Protocol(warmup=-1), "--warmup -1"),
        (lambda: Protocol(scales=(float("nan"),)), "--scale nan"),
        (lambda: Protocol(scales=(0.0,)), "--scale 0"),
        (lambda: Protocol(budget=0.0), "--budget 0"),
        (lambda: Protocol(budget=float("nan")), "--budget nan"),
    ],
)
def test_options_are_checked(make, words):
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


def test_the_head_names_the_machine():
    machine = Machine.this()
    assert machine.cores >= 1
    assert machine.blas_threads == 1, "fits run on one"
    assert {"Python", "numpy"} <= set(machine.versions)
    assert machine.versions["numpy"] in machine.words
