"""Who may import whom (CONTRIBUTING.md): every module's imports are read and held against the rule."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "colorquant"
MODULES = sorted(PACKAGE.rglob("*.py"))

FLOORS = [
    {
        "errors",
        "attempts",
        "types",
        "blocks",
        "threads",
        "files",
        "temporary_files",
        "urls",
        "remote",
        "collecting",
        "_version",
    },
    {"images"},
    {"video"},
    {"color"},
    {"fitting"},
    {"palette", "mapping"},
    {"quantization"},
    {"fitted_palette", "applying", "sources"},
    {"clips"},
    {"analysis"},
    {"report"},
    {"batch", "doctor", "api", "clip_api"},
    {"cli", "__main__"},
]
ALLOWED = {
    "click": {"cli"},
    "rich": {"cli", "report"},
    "cv2": {"color/spaces", "fitting/opencv", "video/background"},
    "sklearn": {"fitting/sklearn"},
    "scipy": {"analysis/agreement", "analysis/blurring", "clips/matching"},
    "skimage": {"analysis/measures"},
    "imagequant": {"analysis/baselines"},
    "av": {"video/av_audio", "video/av_pixels", "video/av_reading", "video/av_writing"},
    "oxipng": {"images"},
    "pyvips": {"images/strips"},
    "fsspec": {"remote"},
    "s3fs": set(),
    "gcsfs": set(),
    "dask": {"batch/cluster"},
    "distributed": {"batch/cluster"},
    "jinja2": {"report"},
    "markupsafe": {"report"},
    "PIL": {"images", "report", "api", "sources"},
    "matplotlib": {
        "api",
        "report/figures",
        *(f"report/figures/{name}" for name in ("canvas", "compared", "curves", "data", "densities")),
        *(f"report/figures/{name}" for name in ("grids", "labels", "scatters", "timed", "timelines")),
    },
    "mpl_toolkits": {"report/figures/scatters"},
}
INSIDE_FUNCTIONS = {
    "cv2",
    "sklearn",
    "scipy",
    "skimage",
    "imagequant",
    "av",
    "oxipng",
    "pyvips",
    "fsspec",
    "dask",
    "distributed",
    "matplotlib",
    "mpl_toolkits",
    "jinja2",
    "markupsafe",
}


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix().removesuffix("/__init__")


def room(path: Path) -> str:
    return place(path).split("/")[0]


@cache
def imports(path: Path) -> list[tuple[str, bool]]:
    """Imported modules, and whether each is loaded late: inside a function, or only for types."""
    found = []
    tree = ast.parse(path.read_text())
    inside = {id(inner) for node in ast.walk(tree) if loads_late(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "colorquant":
            found += [(f"colorquant.{alias.name}", id(node) in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module, id(node) in inside))
    return found


def loads_late(node: ast.AST) -> bool:
    only_types = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef) or only_types


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


@pytest.mark.parametrize("path", [path for path in MODULES if path != PACKAGE / "__init__.py"], ids=place)
def test_imports_point_down(path):
    for name, _ in imports(path):
        if name.startswith("colorquant."):
            target = name.split(".")[1]
            assert floor(target) <= floor(room(path)), f"{place(path)} imports {name}, which is above it"


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_dependencies_stay_in_their_rooms(path):
    for name, inside in imports(path):
        library = name.split(".")[0]
        if library in ALLOWED:
            assert room(path) in ALLOWED[library] or place(path) in ALLOWED[library], f"{place(path)} imports {name}"
        if library in INSIDE_FUNCTIONS:
            assert inside, f"{place(path)} imports {name} outside a function"


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_modules_are_short(path):
    assert len(path.read_text().splitlines()) <= 400


def loaded_by(*args: str) -> set[str]:
    code = f"import sys; sys.argv[1:] = {list(args)!r}\nfrom colorquant.cli import main\n"
    code += "try: main()\nexcept SystemExit: pass\nprint('MODULES', *sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return set(output.split("MODULES ")[1].split())


@pytest.mark.parametrize(
    "command", [[], ["kmeans"], ["em"], ["apply"], ["palette"], ["video"], ["compare"], ["timing"], ["doctor"]]
)
def test_help_loads_nothing_heavy(command):
    assert not loaded_by(*command, "--help") & {"numpy", "cv2", "sklearn", "scipy", "PIL", "rich"}


def test_the_choices_of_the_command_line_agree_with_the_tables():
    from colorquant.analysis import auto_k, baselines, protocol, timing
    from colorquant.cli import choices
    from colorquant.color.spaces import SPACES
    from colorquant.fitting import engines, models, options
    from colorquant.fitting.protection import PROTECTIONS
    from colorquant.images.decoding import MAX_PIXELS
    from colorquant.mapping.dithering import DITHERS
    from colorquant.mapping.light import CURVES
    from colorquant.mapping.nearest import DISTANCES
    from colorquant.palette.arranging import ORDERS
    from colorquant.palette.built_in import BUILT_IN
    from colorquant.palette.files import PALETTE_FORMATS
    from colorquant.palette.making import PAINTS
    from colorquant.report.figure_kinds import CLIP_FIGURES, FIGURES
    from colorquant.report.figures.compared import COMPARED, OVER_IMAGES
    from colorquant.video.background import THRESHOLDS
    from colorquant.video.writing import CLIP_KINDS, LABEL_KINDS, POSTERIOR_KINDS

    assert choices.MAX_COLORS == options.MAX_COLORS
    assert choices.MAX_PIXELS == MAX_PIXELS
    assert choices.DISTANCES == DISTANCES
    assert choices.METHODS == engines.METHODS
    assert tuple(engines.ENGINES) == choices.ENGINES
    assert tuple(baselines.BASELINES) == choices.BASELINES
    assert tuple(SPACES) == choices.SPACES
    assert {method: row.choices["init"] for method, row in engines.ENGINES["numpy"].items()} == choices.INITS
    assert choices.AUTO_DEFAULTS == auto_k.DEFAULTS
    assert tuple(options.ALPHAS) == choices.ALPHAS
    assert choices.COVARIANCES == options.COVARIANCES
    assert choices.PROTECTIONS == PROTECTIONS
    assert choices.EFFORTS == engines.EFFORTS
    assert tuple(models.ASSIGNMENTS) == choices.ASSIGNMENTS
    assert tuple(PAINTS) == choices.PAINTS
    assert ("none", *DITHERS) == choices.DITHERS
    assert tuple(CURVES) == choices.DITHER_SPACES
    assert tuple(PALETTE_FORMATS) == choices.PALETTE_SUFFIXES
    assert tuple(ORDERS) == choices.PALETTE_ORDERS
    assert tuple(BUILT_IN) == choices.BUILT_IN_PALETTES
    assert tuple(FIGURES) == choices.FIGURES
    assert (*COMPARED, *OVER_IMAGES) == choices.COMPARISON_FIGURES
    assert tuple(timing.STAGES) == choices.TIMING_STAGES
    assert tuple(CLIP_KINDS) == choices.CLIP_KINDS
    assert tuple(row.suffix for row in CLIP_KINDS.values() if not row.per_frame) == choices.CLIP_SUFFIXES
    assert tuple(LABEL_KINDS) == choices.CLIP_LABELS
    assert POSTERIOR_KINDS == choices.CLIP_POSTERIORS
    assert tuple(THRESHOLDS) == choices.BACKGROUNDS
    assert tuple(CLIP_FIGURES) == choices.CLIP_FIGURES
    assert choices.TIMING_CRITERIA == {"max_iter": protocol.MAX_ITER, **protocol.TOL}


def test_a_plain_run_loads_neither_opencv_nor_sklearn(photo, tmp_path):
    assert not loaded_by("kmeans", str(photo), "-o", str(tmp_path / "out.png")) & {"cv2", "sklearn", "scipy", "rich"}
    assert (tmp_path / "out.png").exists()


def test_a_plain_run_loads_no_palette_format(photo, tmp_path):
    rooms = {
        name.removeprefix("colorquant.palette.")
        for name in loaded_by("kmeans", str(photo), "-o", str(tmp_path / "a.png"))
    }
    assert not rooms & {"adobe_files", "pal_files", "style_files", "text_files", "swatch", "arranging", "built_in"}
    assert "files" in rooms


def test_a_page_of_a_comparison_loads_no_rich(photo, tmp_path):
    words = ("compare", str(photo), "-k", "2", "--method", "kmeans", "--html", str(tmp_path / "page.html"))
    assert "rich" not in loaded_by(*words)
    assert (tmp_path / "page.html").exists()
