"""The documents' links lead somewhere, what they must describe is described, and the golden cases hold."""

import json
import re
import shlex
import shutil
import tomllib
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import click
import pytest
from PIL import Image
from support.readme import example_commands, make_folder

from colorquant.analysis.baselines import BASELINES
from colorquant.cli import COMMANDS, cli
from colorquant.color.spaces import SPACES
from colorquant.fitting.engines import ENGINES
from colorquant.palette.built_in import BUILT_IN
from colorquant.palette.files import PALETTE_FORMATS, RIFF_ENDING
from colorquant.report import comparison_records, timing_records

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CASES = sorted((ROOT / "tests" / "cases").glob("*.toml"))


def test_the_readme_shows_every_command():
    assert {line.split()[1] for line in example_commands()} == set(COMMANDS)


def test_the_readmes_commands_quantize_in_order(run, thumbnail, tmp_path, monkeypatch):
    """Those that read an image from a file; all of them run in tests/slow/test_readme.py."""
    make_folder(tmp_path, thumbnail[::6, ::6])
    monkeypatch.chdir(tmp_path)
    lines = [shlex.split(line) for line in example_commands() if re.match(r"colorquant (kmeans|em|apply) (?!-)", line)]
    assert len(lines) >= 10
    for words in lines:
        result = run(*words[1:])
        assert result.exit_code == 0, (words, result.output)


def test_the_readmes_python_runs(thumbnail, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    for name in ("photo.jpg", "a.jpg", "b.jpg"):
        Image.fromarray(thumbnail).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(code, names)
    assert capsys.readouterr().out.count("#") == 16
    assert {"photo-16.png", "a-32.png", "both.gpl"} <= {path.name for path in tmp_path.iterdir()}


def command_lines(path: Path) -> list[str]:
    """The command lines in the code blocks of a document, without their comments and pipes."""
    blocks = re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL)
    lines = [line.split("#")[0] for block in blocks for line in re.sub(r"\\\n", " ", block).splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r"\||>|&&|;", line)]
    return [part for part in parts if part.startswith("colorquant ")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_commands_of_the_documents_exist_with_these_options(path):
    for line in command_lines(path):
        _, name, *args = shlex.split(line)
        if name.startswith("-") or name == "COMMAND":
            continue
        command = import_module(f"colorquant.cli.{name}").command
        with suppress(click.exceptions.Exit):  # of --help
            command.make_context(name, args, parent=click.Context(cli, **cli.context_settings))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert target.startswith("http") or (path.parent / target).exists(), f"{path.name} links to {target}"


def test_the_tables_of_the_library_are_documented():
    for name in [*SPACES, *ENGINES]:
        assert f"`{name}`" in README
    palettes = (ROOT / "docs" / "palettes.md").read_text()
    for ending in [*PALETTE_FORMATS, RIFF_ENDING]:
        assert f"| `{ending}` |" in palettes
    for name in BUILT_IN:
        assert f"`{name}`" in palettes.split("| name | colours | source |")[1]


def test_contributing_names_every_room():
    table = (ROOT / "CONTRIBUTING.md").read_text().split("## The rooms")[1].split("\n## ")[0]
    rooms = {path.name for path in (ROOT / "colorquant").glob("[a-z]*") if path.suffix == ".py"}
    rooms |= {f"{path.parent.name}/" for path in (ROOT / "colorquant").glob("*/__init__.py")}
    for name in rooms:
        assert f"`{name}`" in table, f"{name} is not in the table of rooms"


def test_every_json_key_is_documented(run, photo):
    formats = (ROOT / "docs" / "formats.md").read_text()
    for method in ("kmeans", "em"):
        for key in json.loads(run(method, photo, "--json", "-f").stdout):
            assert f"`{key}`" in formats, f"--json's {key} is not in docs/formats.md"


def documented_keys(document: str) -> list[str]:
    """The keys in the first column of the table of a document that begins with ``| key | value |``."""
    table = (ROOT / "docs" / document).read_text().split("| key | value |\n|---|---|\n")[1].split("\n\n")[0]
    return [key for line in table.splitlines() for key in re.findall(r"`(\w+)`", line.split("|")[1])]


def test_the_document_lists_exactly_the_keys_of_a_comparison(run, photo):
    keys = documented_keys("compare.md")
    assert sorted(keys) == sorted(
        [*(column.key for column in comparison_records.COLUMNS), *comparison_records.JSON_ONLY]
    )
    assert sorted(keys) == sorted(json.loads(run("compare", photo, "-k", 2, "--method", "em", "--json").stdout))
    words = (ROOT / "docs" / "compare.md").read_text()
    for name in BASELINES:
        assert f"`{name}`" in words


def test_the_document_lists_exactly_the_keys_of_a_timing(run, photo):
    keys = documented_keys("timing.md")
    assert sorted(keys) == sorted(timing_records.KEYS)
    words = ("--engine", "numpy", "--space", "rgb", "--repeat", 1, "--warmup", 0)
    row = json.loads(run("timing", photo, *words, "--json").stdout)
    assert sorted([*row, *timing_records.NOT_TIMED]) == sorted(keys)


def test_the_document_lists_exactly_the_keys_of_a_palettes_colour(run):
    assert sorted(documented_keys("palettes.md")) == sorted(
        json.loads(run("palette", "bw", "--json").stdout)["colors"][0]
    )


def test_every_option_of_timing_is_documented():
    page = (ROOT / "docs" / "timing.md").read_text()
    for option in import_module("colorquant.cli.timing").command.params:
        for flag in option.opts + option.secondary_opts:
            assert not flag.startswith("--") or f"`{flag}" in page, flag


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_golden_case(path, run, tmp_path):
    """A command on a sample picture, and facts of its JSON record: exact ones, and numbers within 1 %."""
    case = tomllib.loads(path.read_text())
    picture = tmp_path / Path(case["picture"]).name
    shutil.copy(ROOT / "sample_images" / case["picture"], picture)
    words = shlex.split(case["command"])
    result = run(words[0], picture, *words[1:], "--json", "-o", tmp_path / "out.png")
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout)
    for key, value in case.get("exactly", {}).items():
        assert row[key] == value, key
    for key, value in case.get("about", {}).items():
        assert row[key] == pytest.approx(value, rel=0.01), key
    for key, value in case.get("at_most", {}).items():
        assert row[key] <= value, key


def test_there_are_golden_cases():
    assert len(CASES) >= 5
