"""The Python API: what it takes and gives, and that docs/python.md runs."""

import contextlib
import io
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.pictures import random_picture

import colorquant as cq

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "python.md"


@pytest.fixture
def folder(tmp_path, thumbnail, flower, monkeypatch):
    """A folder with two photographs, in which the code runs."""
    Image.fromarray(thumbnail).save(tmp_path / "photo.png")
    Image.fromarray(flower[::8, ::8]).save(tmp_path / "second.png")
    moving = [Image.fromarray(np.roll(thumbnail, 3 * step, axis=1)) for step in range(4)]
    moving[0].save(tmp_path / "clip.gif", save_all=True, append_images=moving[1:], duration=80)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_document_runs(folder):
    code = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(code) >= 6
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for part in code:
            exec(compile(part, str(DOCUMENT), "exec"), names)
    assert "--space cmyk is unknown" in printed.getvalue()
    assert {"photo-16.png", "photo-shared.png", "shared.gpl", "colors.svg", "clip-em4.gif"} <= {
        path.name for path in folder.iterdir()
    }


@pytest.mark.parametrize("kind", ["str", "path", "bytes", "pil", "array", "picture", "counted"])
def test_every_kind_of_image_gives_the_same(kind, folder, thumbnail):
    path = folder / "photo.png"
    source = {
        "str": lambda: str(path),
        "path": lambda: path,
        "bytes": path.read_bytes,
        "pil": lambda: Image.open(path),
        "array": lambda: thumbnail,
        "picture": lambda: cq.read(path),
        "counted": lambda: cq.quantize(path, k=2).original,
    }[kind]()
    quantized = cq.quantize(source, k=5)
    assert np.array_equal(quantized.labels, cq.quantize(thumbnail, k=5).labels)
    quantized.save(folder / "out.png")
    assert np.array_equal(cq.read(folder / "out.png").rgb, quantized.rgb)
    assert np.array_equal(np.array(quantized.to_pil().convert("RGB")), quantized.rgb)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "YCbCr", "LAB"])
def test_pil_images_of_every_mode(mode, thumbnail):
    image = Image.fromarray(thumbnail)
    if mode == "I;16":
        image = Image.fromarray(np.array(image.convert("L")).astype(np.uint16) * 257)
    elif mode == "LAB":
        pytest.importorskip("PIL.ImageCms")
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    else:
        image = image.convert(mode)
    picture = cq.read(image)
    if mode in ("CMYK", "YCbCr", "LAB"):
        assert np.abs(picture.rgb.astype(int) - thumbnail).max() < 12
    else:
        eight_bit = image if mode != "I;16" else Image.fromarray((np.array(image) // 257).astype(np.uint8))
        assert np.array_equal(picture.rgb, np.array(eight_bit.convert("RGB")))


def test_a_pil_image_keeps_its_transparency():
    rgba = np.dstack([random_picture(1), np.where(np.arange(600).reshape(20, 30) % 3, 255, 0).astype(np.uint8)])
    assert np.array_equal(cq.read(Image.fromarray(rgba)).alpha, rgba[:, :, 3])
    quantized = cq.quantize(rgba, k=3)
    assert np.array_equal(quantized.labels == 3, rgba[:, :, 3] == 0)


def test_a_pil_image_of_an_odd_mode_is_refused():
    with pytest.raises(cq.ImageReadError, match="mode HSV cannot be taken"):
        cq.read(Image.new("RGB", (2, 2)).convert("HSV"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"source": np.zeros((4, 4, 3))}, "rgb is float64"),
        ({"source": np.zeros((4, 4, 2), np.uint8)}, "rgb is uint8"),
        ({"source": np.zeros((0, 4, 3), np.uint8)}, "at least one"),
        ({"source": np.zeros((4, 4, 3), np.uint8), "alpha": np.ones((4, 4), bool)}, "alpha is bool"),
        ({"source": np.zeros((4, 4, 3), np.uint8), "alpha": np.ones((4, 5), np.uint8)}, "alpha is uint8"),
        ({"source": np.zeros((4, 4, 4), np.uint8), "alpha": np.ones((4, 4), np.uint8)}, "leave one out"),
        ({"source": "photo.png", "alpha": np.ones((4, 4), np.uint8)}, "leave it out"),
        ({"source": "photo.png", "space": "cmyk"}, "--space cmyk is unknown"),
        ({"source": "photo.png", "engine": "magic"}, "no engine 'magic'"),
        ({"source": "photo.png", "method": "magic"}, "no engine"),
        ({"source": "photo.png", "colours": 5}, "no option 'colours'"),
        ({"source": "photo.png", "k": 0}, "out of range"),
        ({"source": "photo.png", "k": "4"}, "-k '4' is not a whole number"),
        ({"source": "photo.png", "k": 4.0}, "-k 4.0 is not a whole number"),
        ({"source": "photo.png", "k": [4, 8]}, "-k [4, 8] is not a whole number"),
        ({"source": "photo.png", "k": True}, "-k True is not a whole number"),
        ({"source": "photo.png", "seed": None}, "--seed None is not a whole number"),
        ({"source": "photo.png", "max_iter": 2.5}, "--max-iter 2.5 is not a whole number"),
        ({"source": "photo.png", "tol": "low"}, "--tol 'low' is not a number"),
        ({"source": "photo.png", "paint": "red"}, "paint is 'red'"),
        ({"source": "photo.png", "dither": 7}, "dither is 7: give the name of a method"),
        ({"source": "photo.png", "dither": "floyd"}, "--dither floyd is unknown"),
        ({"source": "photo.png", "alpha": "opaque"}, "--alpha 'opaque' is unknown"),
        ({"source": 7}, "int cannot be read"),
        ({"source": None}, "NoneType cannot be read"),
    ],
)
def test_wrong_use_is_an_option_error(arguments, words, folder):
    with pytest.raises(cq.OptionError, match=re.escape(words)) as raised:
        cq.quantize(**arguments)
    assert isinstance(raised.value, ValueError)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda rgb: cq.apply(["#fff", "#000"], rgb), "the palette is of type list"),
        (lambda rgb: cq.apply(rgb[0], rgb), "the palette is of type ndarray"),
        (lambda rgb: cq.quantize_with(cq.Palette.named("bw"), rgb), "Palette has no model"),
        (lambda _: cq.Palette([(1, 2, 3)]), "the colours are of type list"),
        (lambda _: cq.Palette.joined([]), "no palette to join"),
        (lambda _: cq.Palette.named("bw").merged(below="near"), "--merge-below near merges nothing"),
    ],
)
def test_wrong_palettes_are_option_errors(call, words, thumbnail):
    with pytest.raises(cq.OptionError, match=words) as raised:
        call(thumbnail)
    assert len(str(raised.value).splitlines()) == 1


def test_files_that_cannot_be_used(folder):
    for use in (cq.quantize, cq.histogram, cq.read, cq.compare):
        with pytest.raises(cq.ImageReadError, match=r"^missing\.png: cannot be read, there is no such file"):
            use("missing.png")
    quantized = cq.quantize("photo.png", k=2)
    with pytest.raises(cq.OutputError, match="exists already"):
        quantized.save("photo.png")
    with pytest.raises(cq.OptionError, match=r"ends in \.png"):
        quantized.save("out.jpg")


def test_an_interpreter_shows_results_in_one_line(thumbnail):
    quantized = cq.quantize(thumbnail, k=3)
    assert repr(quantized).startswith("<QuantizedImage: 80 × 54, ")
    assert repr(quantized).endswith(f" → 3 colours, PSNR {quantized.psnr:.2f} dB>")
    assert repr(cq.apply(quantized.palette, thumbnail)).startswith("<MappedImage: 80 × 54, ")
    assert repr(quantized.palette) == f"<Palette: 3 colours: {', '.join(quantized.palette.hex)}>"
    fitted = cq.fit(thumbnail, k=12)
    assert repr(fitted) == f"<FittedPalette: 12 colours: {', '.join(fitted.hex[:8])}, …>"
    assert repr(cq.compare(thumbnail, k=2, method="kmeans")) == "<ComparisonTable: 1 record>"


def test_histograms_add_with_sum_and_with_nothing_else(thumbnail):
    one = cq.histogram(thumbnail)
    total = sum([one, one, one])
    assert np.array_equal(total.counts, 3 * one.counts)
    for other in (1, None, "photo.png"):
        with pytest.raises(TypeError, match="unsupported operand"):
            one + other
        with pytest.raises(TypeError):
            other + one


def test_a_notebook_sees_the_image(thumbnail):
    quantized = cq.quantize(thumbnail, k=3)
    assert quantized._repr_png_().startswith(b"\x89PNG")
    shown = quantized._repr_html_()
    assert shown.count("<img ") == 2
    assert all(color in shown for color in quantized.palette.hex)
    assert f"PSNR {quantized.psnr:.2f} dB" in shown
    assert cq.apply(quantized.palette, thumbnail)._repr_html_().count("<img ") == 1


@pytest.mark.parametrize("kind", [None, "convergence", "elbow", "grid"])
def test_figures_are_matplotlibs(kind, thumbnail):
    from matplotlib.figure import Figure

    figure = cq.quantize(thumbnail, k=3, init="random").figure(kind, title="")
    assert isinstance(figure, Figure)
    assert figure.axes


def test_a_figure_that_a_fit_cannot_have_is_refused(thumbnail):
    quantized = cq.quantize(thumbnail, k=3)
    for kind in ("gaussians", "nothing"):
        with pytest.raises(cq.OptionError, match=kind):
            quantized.figure(kind)


def test_a_comparison_is_a_table_of_records(folder, thumbnail):
    table = cq.compare("photo.png", k=[3, 4], method=["kmeans", "em"], max_iter=5)
    assert [record["cell"] for record in table] == [
        "kmeans3-numpy-rgb",
        "kmeans4-numpy-rgb",
        f"em3-numpy-rgb-{table[2]['covariance']}",
        f"em4-numpy-rgb-{table[3]['covariance']}",
    ]
    assert table[0]["mse"] == pytest.approx(cq.quantize(thumbnail, k=3, max_iter=5).mse)
    assert table[0]["bytes_in"] == (folder / "photo.png").stat().st_size
    assert len(table[1:]) == 3
    assert table._repr_html_().count("<tr>") == 5
    assert "kmeans" in str(table)
    again = cq.compare(
        thumbnail, k=4, method="kmeans", engine=("numpy", "pillow-median"), truth=np.zeros((54, 80), int)
    )
    assert {record["engine"] for record in again} == {"numpy", "pillow-median"}
    assert all(record["truth_ari"] is not None for record in again)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"k": 0}, "out of range"),
        ({"k": []}, "empty"),
        ({"method": "magic"}, "magic"),
        ({"space": "cmyk"}, "cmyk"),
        ({"colours": 4}, "no option 'colours'"),
        ({"truth": np.zeros((2, 2), int)}, "truth"),
    ],
)
def test_a_comparison_that_cannot_be_is_an_option_error(arguments, words, thumbnail):
    with pytest.raises(cq.OptionError, match=words):
        cq.compare(thumbnail, **arguments)


def test_a_comparison_as_a_data_frame(thumbnail):
    table = cq.compare(thumbnail, k=3, method="kmeans")
    if find_spec("pandas") is None:
        with pytest.raises(cq.OptionError, match="pip install pandas"):
            table.to_pandas()
    else:
        assert list(table.to_pandas()["cell"]) == ["kmeans3-numpy-rgb"]


def test_the_public_names():
    assert dir(cq) == sorted(cq.__all__)
    assert {name for name in dir(cq) if not hasattr(cq, name)} == set()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cq.nothing  # noqa: B018


def test_importing_changes_nothing():
    code = """
import os, signal, sys, warnings
import numpy as np
from PIL import Image
def state():
    return (dict(os.environ), list(warnings.filters), Image.MAX_IMAGE_PIXELS, np.geterr(),
            signal.getsignal(signal.SIGINT), sys.getrecursionlimit(), os.fstat(1).st_ino, os.fstat(2).st_ino)
before = state()
import colorquant as cq
for name in dir(cq):
    getattr(cq, name)
q = cq.quantize(np.arange(300, dtype=np.uint8).reshape(10, 10, 3), k=3)
q._repr_html_()
assert state() == before, (before, state())
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
