"""Figures: what is drawn is what was fitted, in every format, the same each time, and no error is a traceback."""

import dataclasses
import io
import itertools
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from support.pictures import random_picture

pytest.importorskip("matplotlib", reason="needs matplotlib: the extra plot")

from colorquant import quantize
from colorquant.analysis import sweep as sweeps
from colorquant.color.counted import CountedImage
from colorquant.color.histogram import count_labelled
from colorquant.errors import OptionError
from colorquant.fitting import criteria
from colorquant.fitting.engines import resolve
from colorquant.fitting.options import COVARIANCES, FitOptions
from colorquant.report import contact_sheet, figures
from colorquant.report.figure_kinds import FIGURES
from colorquant.report.figures import canvas, compared, densities, labels, scatters
from colorquant.report.figures.data import FigureData
from colorquant.report.quantized_file import QuantizedFile

KINDS = pytest.mark.parametrize("kind", list(FIGURES))
KINDS_AND_SUFFIXES = [  # each kind in one format; the other two are slow tests
    pytest.param(kind, suffix, marks=() if (row + column) % 3 == 0 else pytest.mark.slow)
    for row, kind in enumerate(figures.FIGURES)
    for column, suffix in enumerate(figures.SUFFIXES)
]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Figures of fewer pixels, which are quicker to encode."""
    monkeypatch.setattr(canvas, "DPI", 75)
    monkeypatch.setitem(canvas.STYLE, "savefig.dpi", 75)


def quantized_file(rgb, options, kind=None, bands=(), alpha=None, title=None) -> QuantizedFile:
    """A quantized picture, its iterations recorded, and the figure that is to be drawn of it."""
    options = resolve(options)
    quantized = quantize(rgb, options, alpha=alpha, record=True)
    drawing = figures.choose(options, kind, bands, title)
    return QuantizedFile("photo.png", CountedImage(rgb, alpha), quantized, drawing=drawing)


def figure_data(*args, **options) -> FigureData:
    """What a figure is drawn from."""
    file = quantized_file(*args, **options)
    return FigureData(file, file.drawing)


def possible(kind: str) -> FitOptions:
    """Options with which there can be a figure of the kind, that are quick."""
    return FitOptions("em" if kind == "gaussians" else "kmeans", 3, max_iter=4)


def check_decodes(data: bytes, suffix: str) -> None:
    if suffix == ".png":
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            assert min(image.size) >= 2 * canvas.DPI
            assert image.convert("L").getextrema()[0] < 128, "nothing is drawn"
    elif suffix == ".svg":
        assert ElementTree.fromstring(data).tag.endswith("svg")
    else:
        assert data.startswith(b"%PDF-")
        assert data.rstrip().endswith(b"%%EOF")


@pytest.fixture(scope="module")
def possible_file(thumbnail):
    """A quantized picture of which there can be a figure of a kind, the same each time."""
    return cache(lambda kind: quantized_file(thumbnail, possible(kind), kind))


@pytest.mark.usefixtures("few_ks")
@pytest.mark.parametrize(("kind", "suffix"), KINDS_AND_SUFFIXES)
def test_every_kind_in_every_format_twice_the_same(kind, suffix, possible_file):
    one = possible_file(kind)
    data = figures.encode(one, suffix)
    check_decodes(data, suffix)
    assert figures.encode(one, suffix) == data


def test_the_users_style_and_time_play_no_part(possible_file, monkeypatch):
    import matplotlib

    one = possible_file("ellipses")
    before = figures.encode(one, ".pdf")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "text.usetex": True}):
        assert figures.encode(one, ".pdf") == before


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (FitOptions("kmeans", space="gray"), "segmented-histogram"),
        (FitOptions("em", space="gray"), "gaussians"),
        (FitOptions("kmeans", space="ycrcb"), "ellipses"),
        (FitOptions("em", space="lab", keep_luma=True), "ellipses"),
        (FitOptions("em", space="ycrcb", keep_luma=False), "colors3d"),
        (FitOptions("kmeans"), "colors3d"),
    ],
)
def test_the_usual_figure_suits_what_is_run(options, kind):
    assert figures.choose(resolve(options)).kind == kind


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_ellipses_are_two_sigma_from_the_mean(thumbnail, covariance):
    model = quantize(thumbnail, FitOptions("em", 3, "ycrcb", covariance=covariance)).model
    for mean, matrix in zip(model.means, model.covariances, strict=True):
        outline = scatters.ellipse(mean, matrix)
        assert np.allclose(outline[0], outline[-1])
        away = outline - mean
        assert np.allclose(np.einsum("ni,ij,nj->n", away, np.linalg.inv(matrix), away), 4)
        lengths = np.linalg.norm(away, axis=1)
        variances = np.linalg.eigvalsh(matrix)
        assert np.max(lengths) == pytest.approx(2 * np.sqrt(variances[-1]), rel=1e-3)
        assert np.min(lengths) == pytest.approx(2 * np.sqrt(variances[0]), rel=1e-3)


@pytest.mark.parametrize("detailed", [False, True])
@pytest.mark.parametrize("covariance", COVARIANCES)
def test_ellipsoids_are_two_sigma_from_the_mean(thumbnail, covariance, detailed):
    model = quantize(thumbnail, FitOptions("em", 2, covariance=covariance)).model
    mean, matrix = model.means[0], model.covariances[0]
    lines = scatters.ellipsoid(mean, matrix, detailed=detailed)
    assert len(lines) == (7 if detailed else 3)
    for line in lines:
        away = line - mean
        assert np.allclose(np.einsum("ni,ij,nj->n", away, np.linalg.inv(matrix), away), 4)


def test_a_singular_covariance_is_a_line():
    outline = scatters.ellipse(np.zeros(2), np.array([[1.0, 1.0], [1.0, 1.0]]))
    assert np.allclose(outline[:, 0], outline[:, 1], atol=1e-6)
    assert np.max(np.abs(outline)) == pytest.approx(2, abs=1e-2)


@pytest.mark.parametrize("space", ["gray", "rgb", "lab"])
def test_each_gaussians_area_is_its_weight_and_the_sum_one(thumbnail, space):
    one = figure_data(thumbnail, FitOptions("em", 4, space), "gaussians")
    for column in range(one.model.means.shape[1]):
        deviation = float(np.sqrt(np.max(one.model.covariances[:, column, column])))
        means = one.model.means[:, column]
        at = densities.curve_points(one.model, column, np.min(means) - 8 * deviation, np.max(means) + 8 * deviation)
        areas = np.trapezoid(densities.component_densities(one.model, column, at), at, axis=1)
        assert areas == pytest.approx(one.model.weights, rel=0.01)
        assert areas.sum() == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(
    ("space", "bands"), [("gray", ()), ("rgb", ()), ("rgb", ("g",)), ("lab", ()), ("lab", ("A",)), ("ycrcb", ())]
)
def test_the_histogram_by_cluster_counts_every_pixel_once(thumbnail, space, bands):
    one = figure_data(thumbnail, FitOptions("kmeans", 5, space), "segmented-histogram", bands)
    values = one.values((densities.shown_band(one),))[:, 0]
    cuts = densities.edges(one, densities.shown_band(one), values)
    heights = densities.histogram_by_label(one, values, cuts)
    assert heights.sum(axis=0).tolist() == one.quantized.palette.counts.tolist()
    assert heights.sum(axis=1).tolist() == np.histogram(values, cuts, weights=one.counts)[0].tolist()


def test_two_clusters_of_gray_divide_the_histogram_at_one_level(thumbnail):
    one = figure_data(thumbnail, FitOptions("kmeans", 2, "gray"), "segmented-histogram")
    cuts = np.arange(257) - 0.5
    dark, light = sorted(
        densities.histogram_by_label(one, one.values(("gray",))[:, 0], cuts).T, key=lambda part: part @ cuts[:-1]
    )
    assert np.max(np.flatnonzero(dark)) < np.min(np.flatnonzero(light))


def test_colours_and_labels_are_counted_together(thumbnail):
    labels = np.random.default_rng(1).integers(0, 3, thumbnail.shape[:2])
    colors, found, counts = count_labelled(thumbnail, labels)
    rows = np.column_stack([thumbnail.reshape(-1, 3), labels.reshape(-1)])
    expected, sizes = np.unique(rows, axis=0, return_counts=True)
    assert np.column_stack([colors, found]).tolist() == expected.tolist()
    assert counts.tolist() == sizes.tolist()


def test_points_are_thinned_without_losing_pixels_or_the_same_each_time():
    rng = np.random.default_rng(2)
    values, labels = rng.integers(0, 30, (5000, 2)).astype(float), rng.integers(0, 2, 5000)
    points, _, sizes = scatters.thinned(values, labels, np.ones(5000, np.int64))
    assert sizes.sum() == 5000
    assert np.all(np.diff(sizes) <= 0)
    assert len(np.unique(points, axis=0)) <= 900
    many = rng.normal(size=(30_000, 2))
    first, again = (scatters.thinned(many, np.zeros(30_000, int), np.ones(30_000, int))[0] for _ in range(2))
    assert len(first) == scatters.POINTS
    assert np.array_equal(first, again)


def test_near_clusters_have_different_colours():
    points = np.random.default_rng(3).normal(size=(40, 2))
    colors = canvas.distinct_colors(points)
    assert len(set(colors[: len(canvas.DISTINCT)])) == len(canvas.DISTINCT)
    line = canvas.distinct_colors(np.arange(30.0)[:, None])
    assert all(one != other for one, other in itertools.pairwise(line))


def test_the_default_bands_are_the_chroma_or_those_that_differ_most(thumbnail):
    assert scatters.plane(figure_data(thumbnail, FitOptions(k=2, space="ycrcb"), "ellipses")) == ("Cr", "Cb")
    assert scatters.plane(figure_data(thumbnail, FitOptions(k=2, space="lab"), "ellipses")) == ("a*", "b*")
    assert scatters.plane(figure_data(thumbnail, FitOptions(k=2), "ellipses", ("b", "R"))) == ("B", "R")
    flat = thumbnail.copy()
    flat[:, :, 1] = 128
    assert scatters.plane(figure_data(flat, FitOptions(k=2), "ellipses")) == ("R", "B")


@pytest.mark.parametrize("method", ["kmeans", "em"])
def test_the_elbows_ks_lie_around_the_asked_one(thumbnail, method):
    one = quantized_file(thumbnail, FitOptions(method, 6, max_iter=3), "elbow")
    ks = [run.options.k for run in one.sweep.runs]
    assert ks == sweeps.sweep_ks(6)
    assert one.sweep.runs[ks.index(6)] is one.quantized


def test_aic_differs_from_bic_by_its_price_of_a_parameter(thumbnail):
    quantized = quantize(thumbnail, FitOptions("em", 3))
    pixels, free = thumbnail.shape[0] * thumbnail.shape[1], quantized.model.n_parameters
    assert quantized.aic == pytest.approx(2 * free - 2 * pixels * quantized.log_likelihood)
    assert quantized.bic - quantized.aic == pytest.approx(free * (np.log(pixels) - 2))
    assert quantize(thumbnail, FitOptions("kmeans", 3)).aic is None
    assert criteria.aic(-3.0, 10, 4) == 68


ODD = {
    "a pixel": random_picture(1, 1, 1),
    "one colour": np.full((8, 9, 3), 77, np.uint8),
    "two colours": np.repeat(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8), 4, axis=0),
    "a line": random_picture(2, 1, 40),
    "transparent": random_picture(3, 6, 6),
}


ODD_FIGURES = [  # every other pair is a slow test
    pytest.param(kind, name, marks=() if (row + column) % 2 == 0 else pytest.mark.slow)
    for row, kind in enumerate(figures.FIGURES)
    for column, name in enumerate(ODD)
]


@pytest.mark.usefixtures("few_ks")
@pytest.mark.parametrize(("kind", "name"), ODD_FIGURES)
def test_odd_pictures_have_figures(kind, name):
    rgb, space = ODD[name], {"segmented-histogram": "gray", "gaussians": "gray", "ellipses": "ycrcb"}.get(kind, "rgb")
    alpha = np.zeros(rgb.shape[:2], np.uint8) if name == "transparent" else None
    for method in FIGURES[kind].methods if name in ("one colour", "transparent") else ("em",):
        one = quantized_file(rgb, FitOptions(method, 4, space), kind, alpha=alpha)
        check_decodes(figures.encode(one, ".png"), ".png")


@pytest.mark.parametrize(
    ("options", "kind", "bands", "said"),
    [
        (FitOptions("kmeans"), "gaussians", (), "not for kmeans"),
        (FitOptions("em", space="gray"), "ellipses", (), "needs 2 bands"),
        (FitOptions("em", space="gray"), "colors3d", (), "needs 3 bands"),
        (FitOptions("kmeans", engine="opencv"), "convergence", (), "does not report"),
        (FitOptions("kmeans"), "colors3d", ("R",), "not for"),
        (FitOptions("kmeans"), "ellipses", ("R",), "shows 2 bands"),
        (FitOptions("kmeans"), "ellipses", ("R", "r"), "different bands"),
        (FitOptions("kmeans"), "ellipses", ("R", "Cb"), "no clustered band of rgb"),
        (FitOptions("kmeans", space="ycrcb"), "ellipses", ("Y", "Cb"), "use Cr or Cb"),
    ],
)
def test_what_cannot_be_drawn_is_said(options, kind, bands, said):
    with pytest.raises(OptionError, match=said) as caught:
        figures.choose(resolve(options), kind, bands)
    assert "\n" not in str(caught.value)


def test_every_kind_of_a_space_is_had_by_somebody():
    had = set()
    for space in ("gray", "rgb", "ycrcb"):
        for method in ("kmeans", "em"):
            for kind in FIGURES:
                try:
                    had.add((space, figures.choose(resolve(FitOptions(method, space=space)), kind).kind))
                except OptionError:
                    continue
    assert {kind for space, kind in had if space != "gray"} == set(FIGURES)
    assert {kind for space, kind in had if space == "gray"} == set(FIGURES) - {"ellipses", "colors3d"}


@pytest.mark.parametrize(
    "name", ["$x^{$ dollars.png", "日本語の写真.png", "a" * 300 + ".png", "line\nbreak.png", "\udce9.png"]
)
def test_any_name_can_stand_above(name, possible_file):
    one = possible_file("ellipses")
    check_decodes(figures.encode(dataclasses.replace(one, name=name), ".png"), ".png")


@pytest.mark.parametrize("method", ["kmeans", "em"])
def test_the_note_of_a_convergence_figure_leaves_its_curve_free(method, thumbnail):
    file = quantized_file(thumbnail, FitOptions(method, 6), "convergence")
    assert not file.iterations.own
    figure = figures.figure(file)
    figure.canvas.draw()
    upper = figure.axes[0]
    (note,) = upper.texts
    assert "textbook" in note.get_text()
    (line,) = upper.lines
    corners = line.get_transform().transform(line.get_xydata())
    xs = np.linspace(corners[0, 0], corners[-1, 0], 2000)
    curve = np.column_stack([xs, np.interp(xs, corners[:, 0], corners[:, 1])])
    box = note.get_window_extent()
    assert not any(box.contains(x, y) for x, y in curve)


@pytest.mark.usefixtures("few_ks")
@pytest.mark.parametrize("kind", ["ellipses", "grid", "elbow"])
def test_the_title_can_be_chosen_or_left_out(kind, possible_file):
    texts, file = {}, possible_file(kind)
    for title in (None, "Figure 3", ""):
        one = dataclasses.replace(file, drawing=dataclasses.replace(file.drawing, title=title))
        vars(one)["sweep"] = file.sweep  # it is the same
        texts[title] = figures.figure(one).get_suptitle()
    assert texts[None].startswith("photo.png\n")
    assert (texts["Figure 3"], texts[""]) == ("Figure 3", "")


@pytest.mark.usefixtures("few_ks")
def test_the_command_takes_a_title(run, photo, tmp_path):
    for title in ("Town", "none"):
        words = ("--figure", tmp_path / f"{title}.svg", "--figure-kind", "elbow", "--figure-title", title)
        assert run("kmeans", photo, "-k", 3, "-o", tmp_path / f"{title}.png", *words).exit_code == 0
    comments = [f"<!-- {text} -->" in (tmp_path / f"{text}.svg").read_text() for text in ("Town", "none")]
    assert comments == [True, False]
    assert "photo.png" not in (tmp_path / "none.svg").read_text()


def test_a_spike_of_clipped_pixels_does_not_flatten_the_rest():
    flat = np.full(200, 0.004)
    curve = np.full(50, 0.005)
    assert densities.ceiling(flat, curve) == pytest.approx(0.00525)
    assert densities.ceiling(np.append(flat, 0.3), np.append(curve, 0.2)) == pytest.approx(1.05 * 0.008)
    assert densities.ceiling(np.array([1.0]), np.array([1.4])) == pytest.approx(1.47), "nothing else to show"


def test_numbers_cover_neither_each_other_nor_the_points():
    rng = np.random.default_rng(5)
    points, sizes = rng.uniform(60, 300, (16, 2)), np.full((16, 2), (14.0, 11.0))
    middles = labels.places(points, sizes, np.array([0.0, 0.0, 400.0, 400.0]))
    for one, other in itertools.combinations(middles, 2):
        assert np.any(np.abs(one - other) >= sizes[0] - 1e-9)
    for middle in middles:
        assert np.all(np.any(np.abs(points - middle) >= sizes[0] / 2 + labels.POINT - 1e-9, axis=1))


@pytest.mark.parametrize("number", range(1, 13))
def test_a_grid_fills_its_rows(number):
    rows = contact_sheet.filled_rows([contact_sheet.Tile(str(place), [], None) for place in range(number)])
    tiles = [tile for row in rows for tile in row]
    assert [tile.title for tile in tiles if tile] == [str(place) for place in range(number)]
    assert len({len(row) for row in rows}) == 1
    assert sum(tile is None for tile in tiles) <= 1


def test_a_long_text_loses_its_middle():
    text = canvas.elided("start" + "-" * 500 + "end.png", 13, 5)
    assert text.startswith("start")
    assert text.endswith("end.png")
    assert canvas.width(text, 13) <= 5 < canvas.width(text + "----", 13)
    assert canvas.elided("short.png", 13, 5) == "short.png"


def test_a_line_is_broken_at_its_dots():
    assert canvas.broken("PSNR 20 dB · CIEDE2000 10 · 20 kB", 8.5, 2) == ["PSNR 20 dB · CIEDE2000 10", "20 kB"]


@pytest.mark.parametrize("method", ["kmeans", "em"])
def test_the_command_draws(run, photo, method, tmp_path):
    result = run(method, photo, "-k", 3, "--figure", tmp_path / "{stem}.svg", "-o", tmp_path / "out.png", "-q")
    assert result.exit_code == 0, result.output
    check_decodes((tmp_path / "photo.svg").read_bytes(), ".svg")
    result = run(method, photo, "-k", 3, "--figure", tmp_path / "photo.svg", "-o", tmp_path / "other.png", "-q")
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert not (tmp_path / "other.png").exists()


def test_threads_draw_the_same(run, photo, tmp_path, thumbnail):
    for number in range(3):
        Image.fromarray(np.roll(thumbnail, number, axis=2)).save(tmp_path / f"p{number}.png")
    inputs = [tmp_path / f"p{number}.png" for number in range(3)]
    for jobs in (1, 3):
        figure, folder = tmp_path / f"{{stem}}-{jobs}.svg", tmp_path / f"out{jobs}"
        assert run("kmeans", *inputs, "-k", 3, "-j", jobs, "--figure", figure, "-o", folder, "-q").exit_code == 0
    for number in range(3):
        assert (tmp_path / f"p{number}-1.svg").read_bytes() == (tmp_path / f"p{number}-3.svg").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("kmeans", "-k", 3, "--figure", "x.gif"), "unknown ending"),
        (("kmeans", "-k", 3, "--figure", ""), "empty name"),
        (("kmeans", "-k", 3, "--figure-kind", "elbow"), "add --figure"),
        (("kmeans", "-k", 3, "--figure-bands", "r,g"), "add --figure"),
        (("em", "-k", 3, "--figure-title", "Town"), "add --figure"),
        (("em", "-k", 3, "--figure", "x.png", "--figure-kind", "ellipses", "--figure-bands", "r"), "shows 2 bands"),
        (("compare", "-k", 3, "--figure", "x.gif"), "unknown ending"),
        (("compare", "-k", 3, "--figure", ""), "empty name"),
        (("compare", "-k", 3, "--figure-kind", "grid"), "add --figure"),
        (("compare", "-k", 3, "--figure", "x.png", "--figure-kind", "elbow"), "several numbers"),
    ],
)
def test_wrong_usage_is_one_line_and_nothing_is_written(run, photo, words, said, monkeypatch):
    monkeypatch.chdir(photo.parent)
    result = run(words[0], photo, *words[1:])
    assert result.exit_code == 2
    assert said in result.stderr.replace("\n", " ")
    assert [path.name for path in photo.parent.iterdir()] == [photo.name]


@pytest.mark.parametrize("command", ["kmeans", "em", "compare"])
def test_several_inputs_need_a_stem(run, photo, command, tmp_path):
    other = tmp_path / "other.png"
    other.write_bytes(photo.read_bytes())
    result = run(command, photo, other, "-k", 3, "--figure", tmp_path / "x.png")
    assert result.exit_code == 2
    assert "{stem}" in result.stderr


@pytest.mark.parametrize("command", ["kmeans", "em", "compare", "timing"])
def test_without_matplotlib_one_line_says_so_before_the_work(photo, command):
    code = "import sys; sys.modules['matplotlib'] = None\nfrom colorquant.cli import main\nmain()"
    words = [command, str(photo), "-k", "3", "--figure", str(photo.with_name("x.png"))]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "colorquant[plot]" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in photo.parent.iterdir()] == [photo.name]


def test_a_plain_run_does_not_load_matplotlib(photo):
    code = "import sys; from colorquant.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    code += "print([name for name in sys.modules if name.startswith('matplotlib')])"
    done = subprocess.run(
        [sys.executable, "-c", code, "kmeans", str(photo)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "kind", "suffix"),
    [
        (("-k", "2,4", "--method", "kmeans"), "elbow", ".png"),
        (("-k", "2,4"), "grid", ".svg"),
        (("-k", "4"), "grid", ".pdf"),
        (("-k", "2,4", "--engine", "numpy,pillow-median", "--figure-kind", "elbow"), "elbow", ".svg"),
    ],
)
def test_compare_draws(run, photo, tmp_path, words, kind, suffix, monkeypatch):
    drawn = []
    original = compared.COMPARED[kind]
    monkeypatch.setitem(compared.COMPARED, kind, lambda *given: drawn.append(kind) or original(*given))
    target = tmp_path / f"figure{suffix}"
    result = run("compare", photo, *words, "--figure", target, "-q")
    assert result.exit_code == 0, result.output
    check_decodes(target.read_bytes(), suffix)
    assert drawn == [kind]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([photo.name, target.name])


def test_a_failed_combination_leaves_the_rest_of_the_figure(run, photo, tmp_path, monkeypatch):
    from colorquant.analysis import compare as comparison

    def failing(job, options):
        if options.k == 4:
            raise MemoryError
        return original(job, options)

    original = comparison._render
    monkeypatch.setattr(comparison, "_render", failing)
    for kind in compared.COMPARED:
        target = Path(tmp_path / f"{kind}.png")
        result = run("compare", photo, "-k", "2,4", "--figure", target, "--figure-kind", kind, "-q")
        assert result.exit_code == 1
        check_decodes(target.read_bytes(), ".png")


QUICK = ("--engine", "numpy", "--repeat", 2, "--warmup", 0)


@pytest.mark.parametrize("words", [(), ("--scale", "0.5,1,2"), ("--method", "kmeans,em", "-k", "2,3")])
def test_timing_draws(run, photo, tmp_path, words):
    target = tmp_path / "cost.png"
    result = run("timing", photo, *QUICK, *words, "--figure", target, "-q")
    assert result.exit_code == 0, result.output
    check_decodes(target.read_bytes(), ".png")


def test_a_timings_figure_is_checked_before_the_work(run, photo, tmp_path):
    taken = tmp_path / "taken.svg"
    taken.write_text("mine")
    for name, said in (("x.gif", "unknown ending"), ("", "empty name"), (taken, "exists already")):
        result = run("timing", photo, *QUICK, "--figure", name)
        assert result.exit_code != 0
        assert said in result.stderr
        assert result.stdout == ""
    assert taken.read_text() == "mine"


def test_a_failed_row_leaves_the_rest_of_the_timings(run, photo, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    for inputs in ((photo, broken), (broken,)):
        target = tmp_path / f"{len(inputs)}.svg"
        assert run("timing", *inputs, *QUICK, "--figure", target, "-q").exit_code == 1
        check_decodes(target.read_bytes(), ".svg")
