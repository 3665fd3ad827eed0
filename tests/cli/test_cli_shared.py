"""``--shared``: one palette for all inputs, so that a label means the same in every label map."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.pictures import random_picture

import colorquant as cq
from colorquant.color import summing
from colorquant.color.histogram import ColorHistogram
from colorquant.color.summing import HistogramSum
from colorquant.images import read_image

NAMES = ("a", "b", "c", "d")
FITS = {
    "kmeans": ("kmeans", "-k", "6"),
    "kmeans in gray": ("kmeans", "-k", "3", "--space", "gray"),
    "chroma": ("kmeans", "-k", "4", "--space", "ycrcb"),
    "locked": ("kmeans", "-k", "5", "--lock", "#ff00ff,#808080"),
    "sklearn": ("kmeans", "-k", "5", "--engine", "sklearn"),
    "em": ("em", "-k", "4"),
    "em of chroma": ("em", "-k", "3", "--space", "ycrcb", "--covariance", "full"),
    "em by the nearest mean": ("em", "-k", "4", "--assign", "nearest-l1"),
}


def write_parts(folder, picture):
    """Four parts of a photograph that have little in common, so that no two have the same palette."""
    folder.mkdir(exist_ok=True)
    half = picture.shape[0] // 2, picture.shape[1] // 2
    parts = [picture[: half[0], : half[1]], picture[: half[0], half[1] :], picture[half[0] :, : half[1]]]
    for name, part in zip(NAMES, [*parts, picture[half[0] :, half[1] :]], strict=True):
        Image.fromarray(part).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def folder(tmp_path, thumbnail):
    return write_parts(tmp_path / "in", thumbnail)


def rows_of(text):
    return {row["input"].rsplit("/", 1)[-1][:-4]: row for row in map(json.loads, text.splitlines())}


def test_locked_colours_that_no_image_has_are_said_once(run, folder, tmp_path):
    result = run("kmeans", folder, "-k", 4, "--lock", "#ff00ff", "--shared", "-o", tmp_path / "out")
    assert result.stderr.count("no pixel has the locked colour #ff00ff") == 1


@pytest.mark.parametrize("case", FITS)
def test_of_one_image_it_is_what_the_image_alone_gives(run, photo, tmp_path, case):
    command, *words = FITS[case]
    alone = run(command, photo, *words, "-o", tmp_path / "alone.png", "--labels", "npy", "--json")
    shared = run(command, photo, *words, "-o", tmp_path / "shared.png", "--labels", "npy", "--json", "--shared")
    assert (alone.exit_code, shared.exit_code) == (0, 0), shared.output
    if case == "kmeans in gray":  # whose PNG need not have a palette, while a shared one is kept
        assert np.array_equal(*(read_image(tmp_path / f"{name}.png").rgb for name in ("alone", "shared")))
    else:
        assert (tmp_path / "alone.png").read_bytes() == (tmp_path / "shared.png").read_bytes()
    assert np.array_equal(np.load(tmp_path / "alone-labels.npy"), np.load(tmp_path / "shared-labels.npy"))
    expected, row = json.loads(alone.stdout), json.loads(shared.stdout)
    for key in ("palette", "colors_out", "mse", "n_iter", "untouched"):
        assert row[key] == expected[key], key
    assert row.get("inertia") == pytest.approx(expected.get("inertia"))
    assert row.get("log_likelihood") == pytest.approx(expected.get("log_likelihood"))
    assert row["shared"] == 1
    assert row.get("bic") is None


@pytest.mark.parametrize("case", ["kmeans", "chroma", "em"])
def test_the_command_is_the_python_api_and_labels_mean_the_same_everywhere(run, folder, tmp_path, case):
    command, *words = FITS[case]
    file, out = tmp_path / "p.json", tmp_path / "out"
    result = run(command, folder, *words, "--shared", "--palette-out", file, "-o", out, "--labels", "npy", "--json")
    assert result.exit_code == 0, result.output
    options = {"k": int(words[1]), "method": command} | ({"space": "ycrcb"} if case == "chroma" else {})
    fitted = cq.fit(sum(cq.histogram(folder / f"{name}.png") for name in NAMES), **options)
    written = cq.Palette.read(file)
    assert written == fitted
    assert np.array_equal(written.counts, fitted.counts)
    rows = rows_of(result.stdout)
    totals = np.sum([[count for _, count in rows[name]["palette"]] for name in NAMES], axis=0)
    assert np.array_equal(totals, fitted.counts), "each pixel is counted in one label"
    for name in NAMES:
        assert (rows[name]["shared"], [color for color, _ in rows[name]["palette"]]) == (4, list(fitted.hex))
        rgb = read_image(folder / f"{name}.png").rgb
        labels = np.load(out / f"{name}-{command}{words[1]}-labels.npy")
        assert np.array_equal(labels, fitted.predict(rgb))
        mapped = cq.quantize_with(fitted, rgb)
        assert np.array_equal(mapped.labels, labels)
        picture = read_image(out / f"{name}-{command}{words[1]}.png").rgb
        assert np.array_equal(picture, mapped.rgb)
        if case != "chroma":
            assert np.array_equal(picture, fitted.colors[labels])


def test_neither_order_nor_jobs_nor_processes_change_anything(run, folder, tmp_path):
    runs = [("-j", "1"), ("-j", "4"), ("-j", "2", "--isolate")]
    orders = [NAMES, NAMES[::-1], NAMES[2:] + NAMES[:2]]
    files = []
    for number, (words, order) in enumerate(zip(runs, orders, strict=True)):
        out = tmp_path / f"out{number}"
        names = [folder / f"{name}.png" for name in order]
        result = run("em", *names, "-k", 4, "--shared", "-o", out, "--palette-out", out.with_suffix(".csv"), *words)
        assert result.exit_code == 0, result.output
        assert "one palette of 4 colours, fitted to the " in result.stderr
        files.append([out.with_suffix(".csv").read_bytes(), *(path.read_bytes() for path in sorted(out.iterdir()))])
    assert files[0] == files[1] == files[2]
    assert len(files[0]) == 5


def test_a_bad_input_fails_alone(run, folder, tmp_path):
    good, bad = tmp_path / "good.hex", tmp_path / "bad.hex"
    words = ("kmeans", folder, "-k", 5, "--shared")
    assert run(*words, "-o", tmp_path / "one", "--palette-out", good).exit_code == 0
    (folder / "bb.png").write_text("no picture")
    (tmp_path / "two").mkdir()
    result = run(*words, "-o", tmp_path / "two", "--palette-out", bad, "--report", tmp_path / "r.jsonl")
    assert result.exit_code == 1
    assert bad.read_bytes() == good.read_bytes()
    assert "4 written, 0 skipped, 1 failed" in result.stderr
    assert result.stderr.count("bb.png") == 1
    rows = rows_of((tmp_path / "r.jsonl").read_text())
    assert [row["status"] for row in rows.values()] == ["written", "written", "failed", "written", "written"]
    assert all(row["shared"] == 4 for row in rows.values() if row["status"] == "written")
    assert "Traceback" in run(*words, "-fv", "-o", tmp_path / "two").stderr, "-v shows where it failed"


def test_an_output_that_exists_keeps_its_input_out_of_the_sum(run, folder, tmp_path):
    words = ("kmeans", folder, "-k", 4, "-o", tmp_path / "out", "--shared")
    run("kmeans", folder / "a.png", "-k", 4, "-o", tmp_path / "out/a-kmeans4.png")
    before = (tmp_path / "out/a-kmeans4.png").read_bytes()
    result = run(*words, "--json")
    rows = rows_of(result.stdout)
    assert rows["a"]["status"] == "failed"
    assert rows["b"]["shared"] == 3
    assert (tmp_path / "out/a-kmeans4.png").read_bytes() == before


def test_fail_fast_writes_nothing_after_a_failure(run, folder, tmp_path):
    (folder / "bb.png").write_text("no picture")
    result = run(
        "kmeans", folder, "--shared", "--fail-fast", "-o", tmp_path / "out", "--palette-out", tmp_path / "p.hex"
    )
    assert result.exit_code == 1
    assert "0 written, 0 skipped, 1 failed, 4 not done" in result.stderr
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "p.hex").exists()


def test_some_inputs_at_random_do_not_depend_on_the_order(run, folder, tmp_path):
    palettes = set()
    for order in (NAMES, ("c", "a", "d", "b")):
        file = tmp_path / f"{''.join(order)}.hex"
        names = [folder / f"{name}.png" for name in order]
        words = ("--shared", "--shared-from", 2, "--palette-out", file, "-o", tmp_path / "out", "-f", "--json")
        result = run("kmeans", *names, "-k", 4, *words)
        assert {row["shared"] for row in rows_of(result.stdout).values()} == {2}
        palettes.add(file.read_text())
    assert len(palettes) == 1
    chosen = set()
    for seed in range(4):
        file = tmp_path / "seed.hex"
        words = ("--shared", "--shared-from", 1, "--seed", seed, "--palette-out", file, "-f", "-o", tmp_path / "out")
        run("kmeans", folder, "-k", 4, *words)
        chosen.add(file.read_text())
    assert len(chosen) > 1, "the seed chooses"


def test_another_image_takes_the_place_of_one_that_cannot_be_read(run, folder, tmp_path):
    for number in range(6):
        (folder / f"x{number}.png").write_text("no picture")
    result = run("kmeans", folder, "-k", 4, "--shared", "--shared-from", 3, "-o", tmp_path / "out", "--json")
    rows = rows_of(result.stdout)
    assert [rows[name]["shared"] for name in NAMES] == [3] * 4
    assert sum(row["status"] == "failed" for row in rows.values()) == 6
    every = run("kmeans", folder, "-k", 4, "--shared", "--shared-from", 99, "-o", tmp_path / "all", "--json")
    assert rows_of(every.stdout)["a"]["shared"] == 4


WRONG = {
    "resuming": (["--skip-existing"], "--skip-existing could keep pictures of another palette"),
    "every pixel": (["--engine", "opencv"], "kmeans --engine opencv fits every pixel: use --engine numpy"),
    "the size of one": (["-k", "auto", "--target", "size:9k"], "--target size concerns one picture"),
    "dithered pixels": (["-k", "auto", "--target", "psnr:30", "--dither", "bayer4"], "is measured on pixels"),
    "a trace": (["--trace", "{stem}.csv"], "--trace follows the fit of one image"),
    "an elbow": (["--figure", "{stem}.png", "--figure-kind", "elbow"], "--figure-kind elbow fits one image again"),
    "convergence": (["--figure", "{stem}.png", "--figure-kind", "convergence"], "--figure-kind convergence fits one"),
    "a palette for each": (["--palette-out", "{stem}.gpl"], "unknown field {stem}, this name takes none"),
    "a page for all": (["--html", "p.html"], "is one file for 4 inputs: put {stem} into it"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_one_palette_cannot_honour_is_one_line(run, folder, case):
    words, said = WRONG[case]
    result = run("kmeans", folder, "--shared", *words)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
    assert said in result.stderr
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize(
    ("method", "target"), [("kmeans", "psnr:24"), ("kmeans", "de:7"), pytest.param("em", "bic", marks=pytest.mark.slow)]
)
def test_auto_chooses_one_number_for_all(run, folder, tmp_path, method, target):
    words = ["--shared", "-k", "auto", "--target", target, "--max-k", 30, "-o", tmp_path / "out", "--json"]
    result = run(method, folder, *words, "--masks", tmp_path / "masks")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len({row["k"] for row in rows}) == len({json.dumps(row["auto"]) for row in rows}) == 1
    k, auto = rows[0]["k"], rows[0]["auto"]
    values = {point["k"]: point["value"] for point in auto["curve"]}
    errors = {point["k"]: point["mse"] for point in auto["curve"]}
    pixels = [row["width"] * row["height"] for row in rows]
    assert np.average([row["mse"] for row in rows], weights=pixels) == pytest.approx(errors[k])
    if target == "psnr:24":
        assert values[k] >= 24 > values[k - 1]
    elif target == "bic":
        assert values[k] == min(values.values())
    given = run(method, folder, "--shared", "-k", k, "-o", tmp_path / "given", "--json")
    assert given.exit_code == 0
    for row in rows:
        name = Path(row["output"]).name
        other = (tmp_path / "given" / name.replace("auto", str(k))).read_bytes()
        assert Path(row["output"]).read_bytes() == other


def test_a_target_that_all_images_miss_together_is_one_line(run, folder, tmp_path):
    words = ("kmeans", folder, "--shared", "-k", "auto", "--target", "psnr:70", "--max-k", 6, "-o", tmp_path / "out")
    result = run(*words)
    assert result.exit_code == 1
    assert result.stderr.count("psnr:70 is not reached with 2 to 6 colours") == 1
    assert not (tmp_path / "out").exists()
    result = run(*words, "--best-effort")
    assert result.exit_code == 0
    assert result.stderr.count("psnr:70 is not reached with 2 to 6 colours") == 1


def test_other_wrong_usage(run, folder, tmp_path):
    assert "--shared adds colour histograms, but em --engine sklearn fits every pixel" in (
        run("em", folder, "--shared", "--engine", "sklearn").stderr
    )
    alone = run("kmeans", folder, "--shared-from", 3)
    assert (alone.exit_code, alone.stderr.count("\n")) == (2, 1)
    assert "add --shared" in alone.stderr
    (tmp_path / "p.gpl").write_text("mine")
    exists = run("kmeans", folder, "--shared", "--palette-out", tmp_path / "p.gpl", "-o", tmp_path / "out")
    assert (exists.exit_code, exists.stderr.count("\n")) == (1, 1)
    assert (tmp_path / "p.gpl").read_text() == "mine"
    assert not (tmp_path / "out").exists()


def test_nothing_to_fit(run, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    unread = run("kmeans", tmp_path / "a.png", "--shared")
    assert (unread.exit_code, unread.stderr.count("\n")) == (1, 1)
    assert "not an image" in unread.stderr
    Image.fromarray(np.zeros((3, 4, 4), np.uint8)).save(tmp_path / "b.png")
    clear = run("kmeans", tmp_path / "b.png", "--shared")
    assert (clear.exit_code, clear.stderr) == (1, "Error: no image has a visible pixel: there is nothing to fit\n")


def test_a_dry_run_names_the_one_palette(run, folder, tmp_path):
    words = ("kmeans", folder, "--shared", "--palette-out", tmp_path / "p.gpl", "--dry-run")
    text = run(*words)
    assert text.exit_code == 0
    assert text.stdout.splitlines()[-1] == f"the palette of all → {tmp_path / 'p.gpl'}"
    objects = [json.loads(line) for line in run(*words, "--json").stdout.splitlines()]
    assert objects[-1] == {"input": None, "output": str(tmp_path / "p.gpl"), "others": [], "status": "planned"}
    assert len(objects) == 5
    assert len(list(folder.iterdir())) == 4


def test_in_place(run, folder, tmp_path):
    run("kmeans", folder, "-k", 4, "--shared", "-o", tmp_path / "out")
    (folder / "e.jpg").write_bytes((folder / "a.png").read_bytes())
    result = run("kmeans", folder, "-k", 4, "--shared", "--in-place")
    assert "4 written, 0 skipped, 1 failed" in result.stderr, "a .jpg cannot be replaced, and is not in the sum"
    for name in NAMES:
        assert (folder / f"{name}.png").read_bytes() == (tmp_path / f"out/{name}-kmeans4.png").read_bytes()


@pytest.mark.parametrize("method", ["kmeans", "em"])
def test_pages_and_figures_of_each_image(run, folder, tmp_path, monkeypatch, method):
    monkeypatch.chdir(tmp_path)
    words = (method, "in/a.png", "in/b.png", "-k", "4", "--shared", "--palette-out", "p.gpl", "--html", "{stem}.html")
    words += ("-o", "out", "--figure", "{stem}.svg", *(("--posteriors", "npy") if method == "em" else ()))
    result = run(*words, "-v")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "a.html").read_text()
    name = {"kmeans": "k-means", "em": "EM"}[method]
    assert f"4 colours by {name}, one palette for 2 images." in page
    assert "More colours, or fewer" not in page
    assert "Iterations</h2>" not in page
    assert (tmp_path / "b.svg").exists()
    command = next(line for line in result.stderr.splitlines() if line.startswith("  colorquant "))
    assert shlex.split(command)[1:] == [
        *(method, "in/a.png", "in/b.png", "--shared", "-k", "4", "-o", "out"),
        *(("--posteriors", "npy") if method == "em" else ()),
        *("--palette-out", "p.gpl", "--figure", "{stem}.svg", "--html", "{stem}.html", "--figure-kind", "colors3d"),
    ]


@pytest.mark.parametrize("kind", ["segmented-histogram"])
def test_figures_of_images_that_lack_some_of_the_colours(run, folder, tmp_path, kind):
    Image.fromarray(np.full((5, 6, 3), 200, np.uint8)).save(folder / "e.png")
    Image.fromarray(np.zeros((5, 6, 4), np.uint8)).save(folder / "f.png")
    for name in "bcd":
        (folder / f"{name}.png").unlink()
    words = ("--figure", tmp_path / "{stem}.png", "--figure-kind", kind)
    result = run("kmeans", folder, "-k", 8, "--shared", "-o", tmp_path / "out", "--space", "lab", *words)
    assert result.exit_code == 0, result.output


def test_transparent_pixels_have_no_part_in_it(run, tmp_path):
    generator = np.random.default_rng(0)
    for number, name in enumerate(NAMES):
        alpha = generator.choice((0, 255), (12, 15)).astype(np.uint8)
        Image.fromarray(np.dstack([random_picture(number, 12, 15), alpha])).save(tmp_path / f"{name}.png")
    result = run(
        "kmeans", tmp_path, "-k", 3, "--shared", "--labels", "npy", "--json", "--palette-out", tmp_path / "p.json"
    )
    palette, rows = cq.Palette.read(tmp_path / "p.json"), rows_of(result.stdout)
    for name in NAMES:
        picture, written = read_image(tmp_path / f"{name}.png"), read_image(tmp_path / f"{name}-kmeans3.png")
        labels = np.load(tmp_path / f"{name}-kmeans3-labels.npy")
        assert np.array_equal(written.alpha, picture.alpha)
        assert np.array_equal(labels == -1, picture.alpha == 0)
        assert np.array_equal(written.rgb[labels >= 0], palette.colors[labels[labels >= 0]])
    assert palette.counts.sum() == sum(count for row in rows.values() for _, count in row["palette"])


def test_few_colours_in_all_images_together_stay(run, tmp_path):
    colors = np.array([[0, 0, 0], [255, 255, 255], [1, 1, 1], [200, 0, 9]], np.uint8)
    for number, name in enumerate(NAMES):
        indices = np.random.default_rng(number).choice(4, (40, 40), p=[0.01, 0.9, 0.03, 0.06])
        Image.fromarray(colors[indices]).save(tmp_path / f"{name}.png")
    for command in ("kmeans", "em"):
        result = run(command, tmp_path, "-k", 6, "--shared", "--json")
        assert {(row["mse"], row["untouched"]) for row in rows_of(result.stdout).values()} == {(0, True)}


def test_an_image_outside_of_the_fit_may_have_other_colours(run, tmp_path):
    Image.fromarray(random_picture(1, 8, 8, levels=2) * 255).save(tmp_path / "a.png")
    Image.fromarray(random_picture(2, 30, 30)).save(tmp_path / "b.png")
    for seed in range(9):  # one of them chooses a.png, whose colours are few enough to be kept
        words = ("--shared", "--shared-from", 1, "--seed", seed, "--dither", "floyd-steinberg", "-f", "--json")
        rows = rows_of(run("kmeans", tmp_path / "a.png", tmp_path / "b.png", "-k", 8, *words).stdout)
        if rows["a"]["untouched"]:
            assert (rows["b"]["untouched"], rows["b"]["mse"] > 0) == (False, True)
            assert rows["a"]["mse"] == 0
            break
    else:
        raise AssertionError("a.png was never chosen")


def test_weights_of_each_image_count_in_the_one_fit(run, folder, tmp_path):
    for name in NAMES:
        level = 255 if name == "a" else 0
        shape = read_image(folder / f"{name}.png").rgb.shape[:2]
        Image.fromarray(np.full(shape, level, np.uint8)).save(tmp_path / f"{name}-map.png")
    words = ("kmeans", "-k", 4, "--paint", "centers", "--shared", "--palette-out")
    weighed = run(*words, tmp_path / "w.hex", folder, "-o", tmp_path / "w", "--weights", tmp_path / "{stem}-map.png")
    assert weighed.exit_code == 0, weighed.output
    run(*words, tmp_path / "a.hex", folder / "a.png", "-o", tmp_path / "a")
    assert sorted((tmp_path / "w.hex").read_text().split()) == sorted((tmp_path / "a.hex").read_text().split())
    words = (
        "em",
        folder,
        "-k",
        2,
        "--shared",
        "-o",
        tmp_path / "em",
        "--weights",
        tmp_path / "{stem}-map.png",
        "--json",
    )
    rows = rows_of(run(*words).stdout)
    assert [rows[name]["log_likelihood"] is None for name in NAMES] == [False, True, True, True], "b to d weigh nothing"


def test_sums_of_histograms_do_not_depend_on_how_they_are_added(monkeypatch):
    monkeypatch.setattr(summing, "PENDING", 50)
    generator = np.random.default_rng(5)
    parts = []
    for number in range(17):
        rgb = generator.integers(0, 6, (30, 3)).astype(np.uint8)
        alpha = generator.integers(1, 256, 30).astype(np.uint8) if number % 3 == 0 else None
        parts.append(ColorHistogram.count(rgb, alpha))
    expected = sum(parts)
    for order in (parts, parts[::-1]):
        total = HistogramSum()
        for part in order:
            total.add(part)
        found = total.total()
        assert total.images == 17
        for column in ("colors", "counts", "alpha"):
            assert np.array_equal(getattr(found, column), getattr(expected, column))


def test_one_palette_over_rgba_for_opaque_and_transparent_images(run, folder, tmp_path):
    for name, levels in (("b", (0, 255)), ("c", (0, 60, 200, 255))):
        rgb = read_image(folder / f"{name}.png").rgb
        alpha = np.random.default_rng(1).choice(levels, rgb.shape[:2]).astype(np.uint8)
        Image.fromarray(np.dstack([rgb, alpha])).save(folder / f"{name}.png")
    files = []
    for number, order in enumerate((NAMES, NAMES[::-1])):
        out = tmp_path / f"{number}"
        names = [folder / f"{name}.png" for name in order]
        words = ("-k", 8, "--shared", "--palette-out", out.with_suffix(".json"), "--labels", "npy", "-o", out)
        assert run("kmeans", *names, *words).exit_code == 0
        files.append([out.with_suffix(".json").read_bytes(), *(path.read_bytes() for path in sorted(out.iterdir()))])
    assert files[0] == files[1]
    palette = cq.Palette.read(tmp_path / "0.json")
    entries = np.column_stack([palette.colors, palette.opacities])
    assert entries[:, 3].min() == 0
    for name in NAMES:
        labels = np.load(tmp_path / f"0/{name}-kmeans8-labels.npy")
        with Image.open(tmp_path / f"0/{name}-kmeans8.png") as image:
            assert np.array_equal(np.array(image), labels), "the PNG's numbers are the labels"
            assert np.array_equal(np.array(image.convert("RGBA")), entries[labels])


def test_gray_pictures_keep_the_palette(run, folder, tmp_path):
    run("kmeans", folder, "-k", 2, "--shared", "--space", "gray", "-o", tmp_path / "out", "--labels", "npy")
    for name in NAMES:
        with Image.open(tmp_path / f"out/{name}-kmeans2.png") as image:
            assert np.array_equal(np.array(image), np.load(tmp_path / f"out/{name}-kmeans2-labels.npy"))


def test_dithered_images_have_the_one_palette(run, folder, tmp_path):
    words = ("kmeans", folder, "-k", 4, "--shared", "-o", tmp_path, "--palette-out", tmp_path / "p.hex", "--json", "-v")
    result = run(*words, "--dither", "floyd-steinberg", "--labels", "npy")
    palette = cq.Palette.read(tmp_path / "p.hex")
    for name, row in rows_of(result.stdout).items():
        labels = np.load(tmp_path / f"{name}-kmeans4-labels.npy")
        assert [color for color, _ in row["palette"]] == list(palette.hex)
        assert [count for _, count in row["palette"]] == np.bincount(labels.reshape(-1), minlength=4).tolist()
        assert np.array_equal(read_image(tmp_path / f"{name}-kmeans4.png").rgb, palette.colors[labels])
    assert " --shared -k 4 --dither floyd-steinberg " in result.stderr
    fitted = cq.fit(sum(cq.histogram(folder / f"{name}.png") for name in NAMES), k=4, dither="floyd-steinberg")
    assert fitted == palette
    mapped = cq.quantize_with(fitted, folder / "a.png", dither="floyd-steinberg")
    assert np.array_equal(mapped.labels, np.load(tmp_path / "a-kmeans4-labels.npy"))


@pytest.mark.parametrize("method", ["floyd-steinberg", "bayer8"])
def test_dithered_images_with_alpha(run, folder, tmp_path, method):
    rgb = read_image(folder / "a.png").rgb
    alpha = np.random.default_rng(1).choice((0, 60, 200, 255), rgb.shape[:2]).astype(np.uint8)
    Image.fromarray(np.dstack([rgb, alpha])).save(folder / "a.png")
    words = ("-k", 8, "--shared", "--palette-out", tmp_path / "p.json", "--labels", "npy", "-o", tmp_path / "out")
    result = run("kmeans", folder, *words, "--dither", method)
    assert result.exit_code == 0, result.output
    palette = cq.Palette.read(tmp_path / "p.json")
    assert (palette.alpha is not None) == (method == "floyd-steinberg"), "only error diffusion takes alpha"
    for name in NAMES:
        labels = np.load(tmp_path / f"out/{name}-kmeans8-labels.npy")
        with Image.open(tmp_path / f"out/{name}-kmeans8.png") as image:
            written = np.array(image.convert("RGBA"))
        seen = labels >= 0
        entries = np.column_stack([palette.colors, palette.opacities])[labels[seen]]
        assert np.array_equal(written[seen][:, :3], entries[:, :3])
        if palette.alpha is not None:
            assert np.array_equal(written[seen], entries)
        elif name == "a":
            assert np.array_equal(written[..., 3], alpha)


def test_of_one_dithered_image_the_colours_are_those_of_the_image_alone(run, photo, tmp_path):
    words = ("kmeans", photo, "-k", 12, "--dither", "floyd-steinberg", "--json", "-o")
    alone, shared = (
        json.loads(run(*words, tmp_path / name, *more).stdout)
        for name, more in (("a.png", ()), ("s.png", ("--shared",)))
    )
    assert sorted(color for color, _ in alone["palette"]) == sorted(color for color, _ in shared["palette"])
    assert np.array_equal(*(read_image(tmp_path / name).rgb for name in ("a.png", "s.png")))
    assert shared["mse"] == alone["mse"]
