"""Help, shell completion, and what the program says about a wrong command line."""

import os
import subprocess
import sys
from importlib import import_module

import click
import pytest

from colorquant.cli import COMMANDS, cli

GROUPS = [
    *("How many colours", "Palette", "Colour", "Dithering", "Output files", "Figure", "Reading", "Fit", "Batch"),
    *("Messages", "Examples"),
]


def headings(text: str) -> list[str]:
    return [line[:-1] for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]


@pytest.mark.parametrize("name", ["kmeans", "em"])
def test_options_are_listed_in_groups_and_the_common_ones_first(run, name):
    text = run(name, "--help").output
    assert headings(text) == GROUPS
    for group, first in (
        ("How many colours", "-k K|auto"),
        ("Colour", "--space"),
        ("Fit", "--engine"),
        ("Output files", "-o, --output PATH"),
    ):
        assert text.split(f"\n{group}:\n")[1].lstrip().startswith(first)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_option_and_shows_examples(run, name):
    text = run(name, "--help").output
    for parameter in import_module(f"colorquant.cli.{name}").command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.opts[-1] in text
    assert f"colorquant {name}" in text.split("Usage:")[1].split("\n", 1)[1], "help has no example"
    for word in ("WORD", "TEXT", "INTEGER", "FLOAT", "Who fits", "Most iterations"):
        assert word not in text
    assert max(map(len, text.splitlines())) <= 80


def complete(words: str, position: int) -> list[str]:
    """What bash is offered at ``position`` of the command line."""
    environment = {"COMP_WORDS": words, "COMP_CWORD": str(position), "_COLORQUANT_COMPLETE": "bash_complete"}
    code = "from colorquant.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [line.split(",", 1)[1] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "position", "expected"),
    [
        ("colorquant km", 1, ["kmeans"]),
        ("colorquant ", 1, list(COMMANDS)),
        ("colorquant kmeans --space o", 3, ["oklab"]),
        ("colorquant compare --space rgb,o", 3, ["rgb,oklab"]),
        ("colorquant em --cov", 2, ["--covariance"]),
        ("colorquant palette gra", 2, ["gray4", "gray16"]),
        ("colorquant apply a.png --palette pico", 4, ["pico8"]),
        ("colorquant palette test", 2, ["test"]),  # a file
    ],
)
def test_bash_completes(words, position, expected):
    assert complete(words, position) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell):
    done = subprocess.run(
        [sys.executable, "-c", "from colorquant.cli import main; main()"],
        env={**os.environ, "_COLORQUANT_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "_colorquant_completion" in done.stdout
    assert done.returncode == 0


WRONG = {
    "covariance": (["kmeans", "PHOTO", "--covariance", "full"], "it is an option of em"),
    "several k": (["kmeans", "PHOTO", "-k", "4,8"], "use colorquant compare -k 4,8"),
    "several k of video": (["video", "CLIP", "-k", "4,8"], "use colorquant compare -k 4,8 on some of the frames"),
    "no clips": (["video"], "colorquant video needs clips: name files, folders, or - for standard input"),
    "a video and no command": (["film.mkv"], "before the clips, as in colorquant video film.mkv"),
    "several k of em": (["em", "PHOTO", "-k", "4,8"], "use colorquant compare -k 4,8"),
    "command": (["kmean", "PHOTO"], "Did you mean kmeans?"),
    "capitals": (["KMEANS", "PHOTO"], "Did you mean kmeans?"),
    "no such command": (["paint", "PHOTO"], "use one of kmeans, em"),
    "no command": (["PHOTO"], "name one before the images, as in colorquant kmeans "),
    "option": (["kmeans", "PHOTO", "--palete", "p.gpl"], "Did you mean --palette-out?"),
    "option of pngquant": (["kmeans", "PHOTO", "--quality", "80"], "Did you mean --target?"),
    "option of other programs": (["kmeans", "PHOTO", "--overwrite"], "Did you mean --force?"),
    "number of colours": (["em", "PHOTO", "--colors", "8"], "Did you mean -k?"),
    "short option": (["kmeans", "PHOTO", "-z"], "see colorquant kmeans --help"),
    "option of the group": (["--jobs", "2"], "it is an option of kmeans"),
    "no option of the group": (["--wibble"], "see colorquant --help"),
    "dash": (["kmeans", "-dash.png"], "as in colorquant kmeans -- -dash.png"),
    "two dashes": (["kmeans", "--dash.png"], "as in colorquant kmeans -- --dash.png"),
    "dash o": (["em", "-output.png"], "as in colorquant em -- -output.png"),
    "no images": (["kmeans"], "colorquant kmeans needs images: name files, folders, or - for standard input"),
    "no value": (["kmeans", "PHOTO", "-k"], "requires an argument: see colorquant kmeans --help"),
    "value": (["kmeans", "PHOTO", "--json=1"], "does not take a value: see colorquant kmeans --help"),
    "argument": (["doctor", "PHOTO"], "unexpected extra argument"),
    "choice": (["kmeans", "PHOTO", "--space", "cmyk"], "'cmyk' is not one of 'rgb', 'gray'"),
    "list": (["compare", "PHOTO", "--space", "rgb,cmyk"], "'cmyk' is not one of 'rgb', 'gray'"),
    "empty place": (["compare", "PHOTO", "-k", "4,"], "has an empty entry"),
    "range": (["kmeans", "PHOTO", "--jobs", "0"], "0 is not in the range 1<=x<=256"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_command_line_is_one_line_that_says_what_to_do(run, photo, case):
    args, remedy = WRONG[case]
    result = run(*(photo if arg == "PHOTO" else arg for arg in args))
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert remedy in line
    assert [path.name for path in photo.parent.iterdir()] == ["photo.png"]


def test_a_name_that_begins_with_a_dash_is_read_after_two_dashes(run, photo, monkeypatch):
    monkeypatch.chdir(photo.parent)
    photo.rename("-dash.png")
    assert "write -- before a name" in run("kmeans", "-dash.png").stderr
    assert run("kmeans", "-k", 2, "--", "-dash.png").exit_code == 0


def test_an_option_that_looks_like_a_picture_is_not_blamed_for_another_mistake(run, photo):
    line = run("kmeans", photo, "-oout.png", "-k", "many").stderr
    assert "'many' is not a valid integer" in line
    assert "--" not in line.replace("--help", "")


@pytest.mark.parametrize("command", ["kmeans", "em", "compare", "timing"])
def test_missing_and_unreadable_files_end_alike(run, tmp_path, command):
    folder = tmp_path / "folder.png"
    folder.mkdir()
    locked = tmp_path / "locked.png"
    locked.write_bytes(b"")
    locked.chmod(0)
    for path in (tmp_path / "missing.png", locked):
        result = run(command, path)
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1].startswith(f"Error: {path}: ")


def test_the_group_knows_the_commands_that_it_lists():
    context = click.Context(cli)
    assert [cli.get_command(context, name).name for name in cli.list_commands(context)] == list(COMMANDS)
