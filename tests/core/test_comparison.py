"""The grid, the cells and their measures, the baselines, the contact sheet and the table."""

import csv
import gc
import io
import math
import pickle
import subprocess
import sys
import weakref
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFont
from support.pictures import random_picture

from colorquant import FitOptions, quantize
from colorquant.analysis import agreement, baselines
from colorquant.analysis import compare as comparison
from colorquant.analysis.baselines import BASELINES, BaselineOptions
from colorquant.analysis.grid import Axes, Grid, cell_name
from colorquant.analysis.measures import has_ssim
from colorquant.batch.compare_job import CompareJob, CompareOutputs
from colorquant.batch.compare_request import CompareRequest
from colorquant.batch.inputs import Input
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import ColorHistogram
from colorquant.errors import EngineError, ImageReadError, OptionError, OutputError
from colorquant.images import read_image, read_label_map
from colorquant.images.encoding import encode_label_map
from colorquant.mapping.dithering import Dithering
from colorquant.report import comparison_records as comparisons
from colorquant.report import comparison_table, terminal
from colorquant.report import contact_sheet as sheets

each_baseline = pytest.mark.parametrize(
    "engine",
    [pytest.param(engine, marks=pytest.mark.skipif(BASELINES[engine].missing, reason=engine)) for engine in BASELINES],
)


def compared_image(path, axes, folder=None, **outputs):
    """The image at ``path`` compared by a grid, its files in ``folder``."""
    return CompareJob(Grid.of(axes))(Input(str(path)), CompareOutputs(folder, path.stem, **outputs))


def compared(path, axes, folder=None, **outputs):
    return compared_image(path, axes, folder, **outputs).comparison


def names(axes):
    return [cell_name(options) for options in Grid.of(axes).combinations]


def test_the_grid_is_every_combination():
    assert names(Axes((4, 8), space=("rgb", "lab"), covariance=("full", "diagonal"))) == [
        *("kmeans4-numpy-rgb", "kmeans8-numpy-rgb", "kmeans4-numpy-lab", "kmeans8-numpy-lab"),
        *("em4-numpy-rgb-full", "em8-numpy-rgb-full", "em4-numpy-rgb-diagonal", "em8-numpy-rgb-diagonal"),
        *("em4-numpy-lab-full", "em8-numpy-lab-full", "em4-numpy-lab-diagonal", "em8-numpy-lab-diagonal"),
    ]


def test_options_of_the_axes_reach_the_fit():
    options = Grid.of(Axes((4,), ("em",), init="random", max_iter=7, tol=0.5, seed=3)).combinations[0]
    assert (options.init, options.max_iter, options.tol, options.seed, options.covariance) == (
        "random",
        7,
        0.5,
        3,
        "diagonal",
    )


def test_the_impossible_is_left_out_and_named():
    axes = Axes((8, 300), ("em",), ("opencv", "pillow-median"), ("rgb", "lab"), ("full", "tied"))
    grid = Grid.of(axes)
    assert [cell_name(options) for options in grid.combinations] == [
        *("em8-opencv-rgb-full", "em300-opencv-rgb-full", "em8-opencv-lab-full", "em300-opencv-lab-full"),
        "quantizer8-pillow-median-rgb",
    ]
    assert [line.split(":")[0] for line in grid.left_out] == [
        *("em-opencv-rgb-tied", "em-opencv-lab-tied", "quantizer300-pillow-median-rgb", "quantizer-pillow-median-lab")
    ]
    assert "--covariance tied" in grid.left_out[0]
    grid = Grid.of(Axes((8,), init="kmeans"))
    assert [cell_name(options) for options in grid.combinations] == ["em8-numpy-rgb-diagonal"]
    assert "--init kmeans" in grid.left_out[0]


def test_a_baseline_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(baselines, "find_spec", lambda name: None)
    grid = Grid.of(Axes((8,), engine=("pillow-octree", "imagequant")))
    assert len(grid.combinations) == 1
    assert "imagequant" in grid.left_out[0]
    assert "not installed" in grid.left_out[0]


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        (Axes((4,), engine=("pillow-median",), space=("lab",)), "no combination is left"),
        (Axes((4,), ("em",), ("opencv",), covariance=("tied",)), "no combination is left"),
        (Axes((4,), ("kmeans",), covariance=("full",)), "--covariance"),
        (Axes((4,), engine=("pillow-median",), tol=1.0), "--tol"),
        (Axes((4,), engine=("pillow-median",), init="random"), "--init"),
        (Axes((4,), engine=("pillow-median",), seeds=2), "--seeds"),
        (Axes((4,), engine=("pillow-octree",), seed=2), "--seed"),
        (Axes((4, 0)), "-k 0"),
        (Axes((4,), seed=2**31 - 1, seeds=2), "--seed"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(axes, said):
    with pytest.raises(OptionError, match=said):
        Grid.of(axes)


@each_baseline
def test_baselines_obey_the_laws(engine, thumbnail):
    for k in (BASELINES[engine].least, 7, 256):
        labels, palette = baselines.quantize(thumbnail, None, BaselineOptions(engine, k))
        assert labels.shape == thumbnail.shape[:2]
        sizes = np.bincount(labels.reshape(-1))
        assert 1 <= len(palette) == len(sizes) <= k
        assert (np.diff(sizes) <= 0).all()
        assert sizes[-1] > 0
        again = baselines.quantize(thumbnail, None, BaselineOptions(engine, k))
        assert np.array_equal(labels, again[0])
        assert np.array_equal(palette, again[1])


@each_baseline
def test_baselines_do_not_see_transparent_pixels(engine):
    rgb = random_picture(1, 20, 20, 4) * np.uint8(60)
    visible = np.arange(400).reshape(20, 20) % 3 > 0
    rgb[~visible] = (255, 0, 255)
    options = BaselineOptions(engine, 8)
    labels, palette = baselines.quantize(rgb, visible, options)
    assert (labels[~visible] == len(palette)).all()
    assert labels[visible].max() == len(palette) - 1
    assert not (palette == (255, 0, 255)).all(axis=1).any()
    assert baselines.quantize(rgb, np.zeros_like(visible), options)[1].shape == (0, 3)


def test_a_cell_is_what_quantize_makes(photo, thumbnail, tmp_path):
    image = compared_image(photo, Axes((5,), space=("rgb", "ycrcb")), tmp_path / "out")
    assert [cell.name for cell in image.comparison.cells] == [
        *("kmeans5-numpy-rgb", "kmeans5-numpy-ycrcb", "em5-numpy-rgb-diagonal", "em5-numpy-ycrcb-diagonal")
    ]
    for cell in image.comparison.cells:
        expected, measures = quantize(thumbnail, cell.options), cell.measures
        assert np.array_equal(read_image(image.pictures[cell.name]).rgb, expected.rgb)
        assert measures.mse == pytest.approx(expected.mse)
        assert measures.psnr == pytest.approx(expected.psnr)
        assert measures.colors == expected.colors_out
        assert measures.bytes == image.pictures[cell.name].stat().st_size
        assert measures.bits_per_pixel == 8 * measures.bytes / (thumbnail.size / 3)
        assert measures.index_bits == (11 if cell.options.space == "ycrcb" else 3), "a luma costs 8 bits more"
        assert (measures.log_likelihood, measures.bic) == (expected.log_likelihood, expected.bic)
        assert 0 < measures.ciede2000_mean <= measures.ciede2000_p95
        assert (measures.ssim is not None) == has_ssim()


def test_transparent_pixels_are_measured_nowhere(tmp_path):
    rgb = random_picture(2, 30, 30)
    alpha = np.where(np.arange(900).reshape(30, 30) % 2, 255, 0).astype(np.uint8)
    results = []
    for name, color in (("a", 0), ("b", 200)):
        hidden = np.where(alpha[:, :, None] > 0, rgb, color).astype(np.uint8)
        Image.fromarray(np.dstack([hidden, alpha])).save(tmp_path / f"{name}.png")
        results.append(compared(tmp_path / f"{name}.png", Axes((4,), engine=("numpy", "pillow-octree"))))
    for one, other in zip(results[0].cells, results[1].cells, strict=True):
        assert replace(one.measures, seconds=0) == replace(other.measures, seconds=0)
        assert one.agreement == other.agreement


def test_a_picture_that_is_all_transparent(tmp_path):
    Image.new("RGBA", (9, 9), (1, 2, 3, 0)).save(tmp_path / "none.png")
    result = compared(tmp_path / "none.png", Axes((4,), engine=("numpy", "pillow-median")), tmp_path / "out")
    assert [cell.measures.mse for cell in result.cells] == [0, 0, 0]
    assert [cell.measures.colors for cell in result.cells] == [0, 0, 0]


def test_agreement_is_that_of_the_labels(photo, thumbnail):
    one, other = compared(photo, Axes((3, 6), ("kmeans",))).cells
    labels = [quantize(thumbnail, cell.options).labels.reshape(-1) for cell in (one, other)]
    expected = agreement.Contingency.of(*labels)
    assert one.agreement[0].other == other.name
    assert other.agreement[0].other == one.name
    for cell in (one, other):
        assert cell.agreement[0].ari == pytest.approx(expected.adjusted_rand_index)
        assert cell.agreement[0].matched == pytest.approx(expected.matched_share)


def test_a_truth_is_held_against_every_cell(photo, thumbnail, tmp_path):
    quantized = quantize(thumbnail, FitOptions(k=4))
    truth = tmp_path / "labels.png"
    truth.write_bytes(encode_label_map(3 - quantized.labels, 4, "png"))
    same, other = compared(photo, Axes((4, 8), ("kmeans",)), truth=truth).cells
    assert (same.truth.truth_ari, same.truth.truth_mean_iou) == (1, 1)
    assert 0 < other.truth.truth_ari < 1
    assert 0 < other.truth.truth_mean_iou < 1


def test_label_maps_are_gray_or_indexed_png(tmp_path):
    labels = np.arange(12).reshape(3, 4)
    for kind in (np.uint8, np.uint16):
        Image.fromarray(labels.astype(kind)).save(tmp_path / "gray.png")
        assert np.array_equal(read_label_map(tmp_path / "gray.png"), labels)
    indexed = Image.fromarray(labels.astype(np.uint8))
    indexed.putpalette(bytes(36))
    indexed.save(tmp_path / "indexed.png")
    assert np.array_equal(read_label_map(tmp_path / "indexed.png"), labels)
    Image.fromarray(labels % 2 > 0).save(tmp_path / "bits.png")
    assert np.array_equal(read_label_map(tmp_path / "bits.png"), labels % 2)
    for name, image in (("rgb.png", Image.new("RGB", (4, 3))), ("gray.jpg", Image.new("L", (4, 3)))):
        image.save(tmp_path / name)
        with pytest.raises(ImageReadError, match="PNG"):
            read_label_map(tmp_path / name)


def test_several_seeds_tell_their_spread(photo, thumbnail):
    image = compared_image(photo, Axes((6,), ("em",), max_iter=2, seed=5, seeds=3))
    (cell,), (row,) = image.comparison.cells, comparisons.records(image)
    runs = [quantize(thumbnail, cell.options.replace(seed=seed)) for seed in (5, 6, 7)]
    errors = [run.mse for run in runs]
    assert cell.measures.mse == pytest.approx(errors[0])
    assert [run.seed for run in cell.spread.runs] == [5, 6, 7]
    assert row["mse_mean"] == pytest.approx(np.mean(errors))
    assert row["mse_std"] == pytest.approx(np.std(errors, ddof=1))
    assert (row["mse_min"], row["mse_max"]) == pytest.approx((min(errors), max(errors)))
    assert row["log_likelihood_mean"] == pytest.approx(np.mean([run.log_likelihood for run in runs]))
    assert row["statistics"]["psnr"]["mean"] == pytest.approx(np.mean([run.psnr for run in runs]))
    assert {"mse", "ciede2000_mean", "bytes", "n_iter", "log_likelihood", "bic", "seconds"} <= set(row["statistics"])
    pairs = [
        agreement.Contingency.of(runs[a].labels.ravel(), runs[b].labels.ravel()) for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    assert cell.spread.ari == row["seeds_ari"] == pytest.approx(np.mean([pair.adjusted_rand_index for pair in pairs]))


def test_baselines_have_no_spread(photo):
    cells = compared(photo, Axes((4,), ("kmeans",), ("numpy", "pillow-median"), seeds=2)).cells
    assert [cell.spread is None for cell in cells] == [False, True]


@pytest.mark.parametrize("error", [EngineError("it gave up"), ZeroDivisionError("a bug"), MemoryError()])
def test_a_combination_that_fails_is_a_cell_that_says_so(photo, tmp_path, monkeypatch, error):
    working = comparison.quantize

    def broken(rgb, options, **rest):
        if options.method == "em":
            raise error
        return working(rgb, options, **rest)

    monkeypatch.setattr(comparison, "quantize", broken)
    image = compared_image(photo, Axes((4,)), tmp_path / "out")
    good, bad = image.comparison.cells
    assert (good.error, bad.measures, bad.agreement) == (None, None, ())
    assert list(image.pictures) == [good.name]
    assert type(error).__name__ in bad.details
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["photo-compare.png", "photo-kmeans4-numpy-rgb.png"]


def test_the_colours_are_counted_once(photo, monkeypatch):
    counted = []
    count = ColorHistogram.count
    monkeypatch.setattr(ColorHistogram, "count", lambda *args: counted.append(args) or count(*args))
    cells = compared(photo, Axes((4, 8), engine=("numpy", "sklearn"), max_iter=2)).cells
    assert len(cells) == 8
    assert len(counted) == 1


def test_no_clock_sees_an_import(photo, monkeypatch):
    """scikit-learn takes seconds to load: a part of no cell's time."""
    order = []
    load, quantized = comparison.load, comparison.quantize
    monkeypatch.setattr(comparison, "load", lambda options: order.append("load") or load(options))
    monkeypatch.setattr(comparison, "quantize", lambda *args, **rest: order.append("fit") or quantized(*args, **rest))
    monkeypatch.setattr(comparison.time, "perf_counter", lambda: order.append("clock") or 0.0)
    compared(photo, Axes((4,), ("kmeans",), ("sklearn",)))
    assert "".join(word[0] for word in order).index("lcf") > 0


def test_loading_an_engine_loads_its_library():
    code = (
        "import sys; from colorquant.fitting import engines; from colorquant.fitting.options import FitOptions\n"
        "for method in ('kmeans', 'em'):\n"
        "    for engine in engines.ENGINES: engines.load(FitOptions(method, engine=engine))\n"
        "before = set(sys.modules)\n"
        "import numpy as np; from colorquant.sources import counted; from colorquant.quantization import quantize\n"
        "before |= {name for name in sys.modules if name.startswith('colorquant')}\n"
        "image = counted(np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8))\n"
        "for method in ('kmeans', 'em'):\n"
        "    for engine in engines.ENGINES: quantize(image, FitOptions(method, k=3, engine=engine))\n"
        "print([name for name in set(sys.modules) - before if name.split('.')[0] in ('cv2', 'sklearn', 'scipy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


def test_an_interruption_before_the_first_cell_writes_nothing(photo, tmp_path):
    grid = Grid.of(Axes((4,), ("kmeans",)))
    outputs = CompareOutputs(tmp_path / "out", "photo", previews=True)
    image = CompareJob(grid, stopped=lambda: True)(Input(str(photo)), outputs)
    assert (image.comparison.cells, image.comparison.not_run) == ((), ("kmeans4-numpy-rgb",))
    assert image.sheet is None
    CompareRequest(grid, csv=str(tmp_path / "cells.csv")).write([], [])
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


def test_an_interruption_keeps_the_cells_before_it(photo, tmp_path):
    stopped = []

    def progress(item, options, seconds):
        if options.k == 8:
            stopped.append(True)

    job = CompareJob(Grid.of(Axes((4, 8, 16), ("kmeans",))), progress=progress, stopped=lambda: bool(stopped))
    image = job(Input(str(photo)), CompareOutputs(tmp_path / "out", "photo", previews=True))
    assert [cell.name for cell in image.comparison.cells] == ["kmeans4-numpy-rgb"]
    assert image.comparison.not_run == ("kmeans8-numpy-rgb", "kmeans16-numpy-rgb")
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["photo-compare.png", "photo-kmeans4-numpy-rgb.png"]


@pytest.mark.parametrize(("engine", "k"), [("pillow-best", 4), ("pillow-median", 257), ("imagequant", 1)])
def test_baselines_take_what_they_can_make(engine, k):
    with pytest.raises(OptionError, match=r"use one of|makes"):
        BaselineOptions(engine, k)


@pytest.mark.parametrize("stopped", [None, lambda: False], ids=["alone", "on a thread"])
def test_the_pixels_of_a_cell_are_not_held(thumbnail, stopped):
    pictures, alive = [], []

    def progress(options, seconds):
        if seconds is None:
            gc.collect()
            alive.append(sum(picture() is not None for picture in pictures))

    comparison.compare(
        CountedImage(thumbnail),
        Grid.of(Axes((4, 8, 16), ("kmeans",))),
        keep=lambda cell, rendering: pictures.append(weakref.ref(rendering.rgb)),
        progress=progress,
        stopped=stopped,
    )
    assert (len(pictures), alive) == (3, [0, 0, 0])


def test_a_job_without_callbacks_can_be_pickled():
    job = CompareJob(Grid.of(Axes((4,), engine=("numpy", "pillow-median"))))
    assert pickle.loads(pickle.dumps(job)) == job


def test_nothing_is_overwritten_unless_asked(photo, tmp_path):
    axes, out = Axes((4,), ("kmeans",)), tmp_path / "out"
    compared(photo, axes, out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(OutputError, match="--force"):
        compared(photo, axes, out)
    compared(photo, axes, out, force=True)
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def tile(title="k-means", words=(), pixels=None):
    return sheets.Tile(title, words, pixels)


@pytest.mark.parametrize("size", [(1, 1), (90, 60), (700, 500), (3, 4000), (4000, 3)])
def test_thumbnails_fill_a_column(size):
    pixels = sheets.thumbnail(random_picture(1, *size), None)
    height, width = pixels.shape[:2]
    assert 1 <= width <= sheets.COLUMN
    assert 1 <= height <= sheets.TALLEST
    assert width > sheets.COLUMN / 2 or height > sheets.TALLEST / 2


def test_a_thumbnail_shows_transparency_as_paper():
    rgb, alpha = random_picture(1, 8, 8), np.zeros((8, 8), np.uint8)
    assert (sheets.thumbnail(rgb, alpha) == 255).all()


def test_no_text_of_a_sheet_is_clipped():
    long = tile("a-very-" + "long-" * 30 + "name", ["several words " * 20])
    for text, size, _ in sheets._set(long, sheets.COLUMN):
        assert ImageFont.load_default(size).getlength(text) <= sheets.COLUMN


def test_a_sheet_holds_every_tile():
    head = tile("photo", ["12 by 12 pixels"], sheets.thumbnail(np.full((12, 12, 3), 90, np.uint8), None))
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    tiles = [tile(pixels=np.full((40, 60, 3), color, np.uint8)) for color in colors]
    png = sheets.contact_sheet(head, [[tiles[0], None], [tiles[1], tile("EM", ["failed: why"])], [tiles[2]]])
    sheet = np.array(Image.open(io.BytesIO(png)))
    assert sheet.shape[1] == 2 * sheets.COLUMN + 3 * sheets.GAP
    for color in colors:
        assert (sheet == color).all(axis=2).sum() == 40 * 60


@pytest.mark.parametrize(
    ("ks", "spaces", "across"),
    [
        ((2,), ("rgb",), 2),
        ((2, 3, 4), ("rgb",), 3),
        ((2, 3), ("rgb", "lab", "oklab"), 3),
        ((2, 3, 4, 5, 6, 7), ("rgb", "lab"), 2),
        ((2,), ("rgb", "gray", "ycrcb", "lab", "oklab"), 5),
    ],
)
def test_a_sheet_suits_a_screen(photo, tmp_path, ks, spaces, across):
    image = compared_image(photo, Axes(ks, ("kmeans",), space=spaces), tmp_path / "out")
    with Image.open(image.sheet) as sheet:
        assert sheet.width == across * (sheets.COLUMN + sheets.GAP) + sheets.GAP


def test_letters_that_the_font_lacks_are_marked():
    assert sheets._broken("日a\n", 16, 400) == ["?a\\n"]


def records_of(photo, **axes):
    return comparisons.records(compared_image(photo, Axes((4, 8), **axes)))


def test_the_best_of_each_k_is_marked(photo):
    rows = records_of(photo, method=("kmeans",), engine=("numpy", "pillow-octree"))
    heads, *cells = comparison_table.comparison_table(rows)[0].plain().splitlines()
    assert "MSE" in heads
    assert "log-lik." not in heads, "no cell has one"
    for line, row in zip(cells, sorted(rows, key=lambda row: row["k"]), strict=True):
        assert row["engine"] in line
        assert (f"{row['mse']:,.1f}*" in line) == (row["engine"] == "numpy")


def test_likelihoods_are_compared_within_a_space(photo):
    rows = records_of(photo, method=("em",), space=("rgb", "lab"))
    columns = {column.key: column for column in comparisons.COLUMNS}
    assert not any(comparison_table.cell_words(columns["log_likelihood"], row, rows)[1] for row in rows)
    assert any(comparison_table.cell_words(columns["mse"], row, rows)[1] for row in rows)


def terminal_words(table, monkeypatch, **environment):
    """What a terminal that knows colours shows of a table."""
    stream = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        for name, value in environment.items():
            patch.setenv(name, value)
        terminal.show_table(table)
    return stream.getvalue()


def test_a_table_fits_the_terminal(photo, monkeypatch):
    rows = records_of(photo, engine=("numpy", "pillow-median"), space=("rgb", "ycrcb"))
    for width in (70, 80, 100, 140, 1000):
        table, left_out = comparison_table.comparison_table(rows, width)
        said = terminal_words(table, monkeypatch, COLUMNS=str(width))
        assert all(len(line) <= width for line in said.splitlines())
        assert "…" not in said, "nothing is cut"
        assert all(word in said.splitlines()[1] for word in ("method", "k", "engine", "space", "MSE"))
        assert {*table.headers, *left_out} >= {"SSIM", "ΔE 95 %", "BIC", "seconds"}
        assert not {*table.headers} & {*left_out}
        assert bool(left_out) == (width < 1000)


def test_colour_goes_where_it_is_wanted(photo, monkeypatch):
    rows = records_of(photo)
    table, _ = comparison_table.comparison_table(rows)
    environment = {"FORCE_COLOR": "1", "TERM": "xterm"}
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;32m" in terminal_words(table, monkeypatch, **environment)
    assert "\x1b[1;32m" not in terminal_words(table, monkeypatch, **environment, NO_COLOR="1")
    assert "\x1b" not in table.plain()


def test_csv_has_a_row_for_each_cell_and_no_formula(photo):
    image = replace(compared_image(photo, Axes((4,))), name="=HYPERLINK(1)\n.png")
    rows = comparisons.records(image)
    table = list(csv.DictReader(comparisons.encode_csv([image], [("-1+2.png", "@no")]).decode().splitlines()))
    assert [row["input"] for row in table] == ["'=HYPERLINK(1)\\n.png"] * 2 + ["'-1+2.png"]
    assert table[2]["error"] == "'@no"
    assert float(table[0]["mse"]) == rows[0]["mse"]
    assert float(table[1]["log_likelihood"]) < 0
    assert table[0]["log_likelihood"] == ""
    assert {*rows[0]} - {*comparisons.JSON_ONLY} == set(table[0])


def test_no_loss_is_the_best_psnr(photo):
    rows = [dict(row) for row in records_of(photo, method=("kmeans", "em"), space=("rgb", "lab")) if row["k"] == 4]
    rows[2] |= {"mse": 0.0, "psnr": None}
    psnr = next(column for column in comparisons.COLUMNS if column.key == "psnr")
    words = [comparison_table.cell_words(psnr, row, rows) for row in rows]
    assert words == [(f"{row['psnr']:.2f}", False) if row["mse"] else ("no loss", True) for row in rows]
    assert [word for word, _ in words].count("no loss") == 1


def test_lossless_cells_have_no_psnr(tmp_path):
    Image.fromarray(random_picture(1, levels=2)).save(tmp_path / "few.png")
    (row, *_) = comparisons.records(compared_image(tmp_path / "few.png", Axes((8,), ("kmeans",))))
    assert (row["mse"], row["psnr"], row["ciede2000_mean"]) == (0, None, 0)
    assert not any(isinstance(value, float) and not math.isfinite(value) for value in row.values())


def test_dithering_is_an_axis_and_an_impossible_one_is_named(tmp_path):
    axes = Axes((4,), ("kmeans",), space=("rgb", "ycrcb"), dither=("none", "atkinson", "bayer2"), dither_strength=0.5)
    grid = Grid.of(axes)
    assert [cell_name(options) for options in grid.combinations] == [
        *("kmeans4-numpy-rgb", "kmeans4-numpy-rgb-atkinson", "kmeans4-numpy-rgb-bayer2", "kmeans4-numpy-ycrcb"),
    ]
    assert [line.split(":")[0] for line in grid.left_out] == [
        "kmeans-numpy-ycrcb-atkinson",
        "kmeans-numpy-ycrcb-bayer2",
    ]
    path = tmp_path / "in.png"
    Image.fromarray(random_picture(4, 30, 40)).save(path)
    image = compared_image(path, replace(axes, space=("rgb",)), tmp_path)
    rows = comparisons.records(image)
    assert [row["dither"] for row in rows] == [None, "atkinson", "bayer2"]
    dithered = quantize(read_image(path).rgb, FitOptions(k=4), dither=Dithering("atkinson", 0.5))
    assert np.array_equal(read_image(tmp_path / "in-kmeans4-numpy-rgb-atkinson.png").rgb, dithered.rgb)
    assert rows[1]["mse"] == pytest.approx(dithered.mse)
    with pytest.raises(OptionError, match="--serpentine describes how a picture is dithered"):
        Grid.of(Axes((4,), serpentine=True))
    with pytest.raises(OptionError, match="--dither magic is unknown"):
        Grid.of(Axes((4,), dither=("magic",)))


@each_baseline
def test_baselines_have_their_own_dithering(engine):
    grid = Grid.of(Axes((4,), ("kmeans",), (engine,), dither=("none", "floyd-steinberg", "bayer4")))
    assert [cell_name(options) for options in grid.combinations] == [
        f"quantizer4-{engine}-rgb",
        f"quantizer4-{engine}-rgb-floyd-steinberg",
    ]
    assert len(grid.left_out) == 1 and "has only its own dithering: use --dither floyd-steinberg" in grid.left_out[0]
    ramp = np.repeat(np.add.outer(np.arange(48) * 2, np.arange(64) * 2)[:, :, None], 3, axis=2).astype(np.uint8)
    plain, dithered = (
        comparison.compare(CountedImage(ramp), replace(grid, combinations=(options,))).cells[0].measures
        for options in grid.combinations
    )
    assert dithered.mse_blurred < plain.mse_blurred and dithered.mse > plain.mse
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[0] = 0
    cells = comparison.compare(CountedImage(ramp, alpha), grid).cells
    assert cells[0].error is None and "dithers opaque pictures only" in cells[1].error
