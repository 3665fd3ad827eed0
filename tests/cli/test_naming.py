import os

import numpy as np
import pytest
from PIL import Image

from colorquant.batch import naming
from colorquant.batch.inputs import expand, find_inputs
from colorquant.batch.outputs import OUTPUTS
from colorquant.errors import ImageReadError, OptionError


@pytest.fixture
def tree(tmp_path):
    """a.png, b.jpg, notes.txt, .hidden.png, sub/c.PNG, and a link that runs in a circle."""
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "b.jpg", ".hidden.png", "sub/c.PNG"):
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "sub" / "circle").symlink_to(tmp_path)
    return tmp_path


def names(inputs):
    return [item.path.name for item in inputs]


def test_a_folder_stands_for_its_images(tree):
    assert names(expand([str(tree)], recursive=False)) == ["a.png", "b.jpg"]
    assert names(expand([str(tree)], recursive=True)) == ["a.png", "b.jpg", "c.PNG"]


def test_files_are_taken_whatever_they_are_called(tree):
    assert names(expand([str(tree / "notes.txt"), str(tree / "missing.png")], recursive=False)) == [
        "notes.txt",
        "missing.png",
    ]


def test_a_folder_without_images_is_a_failure(tree):
    (tree / "empty").mkdir()
    (item,) = expand([str(tree / "empty")], recursive=True)
    assert isinstance(item.problem, ImageReadError)


def plan(names, *, recursive=False, **said):
    inputs = expand([str(name) for name in names], recursive=recursive)
    return naming.OutputNaming("kmeans16", 16, **said).plan(inputs)


def test_default_names_stand_beside_the_inputs(tree):
    outputs = [destination.image for _, destination in plan([tree])]
    assert outputs == [tree / "a-kmeans16.png", tree / "b-kmeans16.png"]


def test_a_png_is_a_file_for_one_input_and_refused_for_more(tree):
    ((_, one),) = plan([tree / "a.png"], output=str(tree / "x.png"))
    assert one.image == tree / "x.png"
    with pytest.raises(OptionError, match=r"x\.png is one file for 2 inputs: name a folder"):
        plan([tree / "a.png", tree / "b.jpg"], output=str(tree / "x.png"))
    with pytest.raises(OptionError, match=r"x\.png is one file for an input that is a folder"):
        plan([tree / "sub"], output=str(tree / "x.png"))


def test_a_folder_whose_name_ends_in_png_is_a_folder(tree):
    (tree / "x.png").mkdir()
    two = plan([tree / "a.png", tree / "b.jpg"], output=str(tree / "x.png"))
    assert [destination.image for _, destination in two] == [
        tree / "x.png" / "a-kmeans16.png",
        tree / "x.png" / "b-kmeans16.png",
    ]


@pytest.mark.parametrize("kind", [kind for kind, output in OUTPUTS.items() if not output.beside])
def test_unknown_fields_are_refused_for_every_output(tree, kind):
    """The message names the known fields, if there are any: {stem} in the name of a file for each input."""
    name = str(tree / f"{{stme}}{OUTPUTS[kind].suffixes[0]}")
    known = "this name takes none" if OUTPUTS[kind].folder else r"known is \{stem\}"
    with pytest.raises(OptionError, match=rf"{OUTPUTS[kind].flag} .*: unknown field \{{stme\}}, {known}"):
        plan([tree / "a.png"], others={kind: name})


def test_a_folder_keeps_the_tree(tree):
    outputs = [destination.image for _, destination in plan([tree], recursive=True, output=str(tree / "out"))]
    assert outputs[-1] == tree / "out" / "sub" / "c-kmeans16.png"


def test_labels_and_palettes_are_named_after_the_output(tree):
    _, destination = plan(
        [tree], output=str(tree / "out"), others={"labels": "npy", "palette": str(tree / "{stem}.gpl")}
    )[0]
    assert destination.others["labels"] == tree / "out" / "a-kmeans16-labels.npy"
    assert destination.others["palette"] == tree / "a.gpl"


def test_outputs_of_an_earlier_run_are_not_inputs(tree):
    for name in ("a-kmeans3.png", "a-em16-labels.png", "a-em16-labels.tiff", "lonely-em16.png"):
        (tree / name).write_bytes((tree / "a.png").read_bytes())
    assert names(expand([str(tree)], recursive=False)) == ["a.png", "b.jpg", "lonely-em16.png"]
    assert names(expand([str(tree / "a-kmeans3.png")], recursive=False)) == ["a-kmeans3.png"]
    found = find_inputs([str(tree), str(tree / "a-kmeans3.png")], recursive=False)
    assert names(found.inputs) == ["a.png", "b.jpg", "lonely-em16.png", "a-kmeans3.png"]
    passed_over = [str(tree / f"a-em16-labels.{ending}") for ending in ("png", "tiff")]
    assert found.passed_over == passed_over, "one that is named is no longer passed over"


def test_what_is_named_twice_is_taken_once(tree):
    inputs = expand([str(tree / "a.png"), str(tree), f"{tree}/./a.png"], recursive=False)
    assert names(inputs) == ["a.png", "b.jpg"]


def test_odd_things_in_a_folder_are_no_inputs(tree):
    os.mkfifo(tree / "pipe.png")
    (tree / "loop.png").symlink_to("loop.png")
    (tree / "folder.png").mkdir()
    assert names(expand([str(tree)], recursive=False)) == ["a.png", "b.jpg"]


def test_names_that_cannot_be(tree):
    for name in ("loop.png", "x" * 300 + ".png"):
        if name == "loop.png":
            (tree / name).symlink_to(name)
        ((item, _),) = plan([tree / name])
        assert item.name.endswith(name)
    with pytest.raises(OptionError, match="empty name"):
        expand([""], recursive=False)


def test_two_inputs_for_one_output_are_refused_by_name(tree):
    (tree / "a.jpg").write_bytes((tree / "b.jpg").read_bytes())
    with pytest.raises(OptionError, match=r"a\.jpg and .*a\.png would both write"):
        plan([tree])


def test_names_may_have_the_braces_of_their_inputs(tree):
    """So the command that a run prints can be given again."""
    (tree / "a.png").rename(tree / "a{1}.png")
    inputs, palette = [tree / "a{1}.png"], str(tree / "a{1}.gpl")
    ((_, paths),) = plan(inputs, output=str(tree / "a{1}-kmeans16.png"), others={"palette": palette})
    assert paths.image == tree / "a{1}-kmeans16.png"
    assert str(paths.others["palette"]) == palette
    with pytest.raises(OptionError, match=r"unknown field \{2\}, this name takes none"):
        plan(inputs, output=str(tree / "a{2}.png"))


def test_folders_that_exist_may_have_braces_in_their_names(tree):
    (tree / "{old}").mkdir()
    ((_, paths),) = plan(
        [tree / "a.png"], output=str(tree / "{old}"), others={"palette": str(tree / "{old}" / "{stem}.gpl")}
    )
    assert paths.image == tree / "{old}" / "a-kmeans16.png"
    assert paths.others["palette"] == tree / "{old}" / "a.gpl"
    with pytest.raises(OptionError, match=r"unknown field \{new\}, known is \{stem\}"):
        plan([tree / "a.png"], others={"palette": str(tree / "{old}" / "{new}" / "p.gpl")})


@pytest.mark.parametrize(
    ("files", "said", "words"),
    [
        (["a.png"], {"output": "{tree}/a.png"}, "write over the input"),
        (["a.png"], {"output": "{tree}/x.jpg"}, "written as PNG"),
        (["a.png"], {"output": ""}, "empty name"),
        (["a.png"], {"output": "{stem}.png"}, r"-o \{stem\}.png: unknown field \{stem\}, this name takes none"),
        (["a.png"], {"report": "{stem}.jsonl"}, r"--report .*unknown field \{stem\}"),
        (["a.png"], {"report": "."}, r"--report \. is a folder: name a file"),
        (["a.png"], {"others": {"palette": "-"}}, "--palette-out - is not a file"),
        (["a.png", "b.jpg"], {"output": "-"}, "give one input"),
        (["a.png", "b.jpg"], {"others": {"palette": "p.gpl"}}, "{stem}"),
        (["a.png"], {"output": "-", "others": {"labels": "png"}}, "--labels needs a file"),
    ],
)
def test_outputs_that_cannot_be(tree, files, said, words):
    said = {**said, **({"output": said["output"].replace("{tree}", str(tree))} if "output" in said else {})}
    with pytest.raises(OptionError, match=words):
        plan([tree / name for name in files], **said)


def test_standard_input_is_read_once():
    with pytest.raises(OptionError, match="only once"):
        naming.OutputNaming("em4", 4).plan(expand(["-", "-"], recursive=False))


@pytest.mark.parametrize(
    "words",
    [
        ["kmeans", "--weights", "map.png", "-o", "map.png"],
        ["kmeans", "--weights", "{stem}-map.png", "--palette-out", "photo-map.png"],
        ["kmeans", "--weights", "photo.png", "--in-place"],
        ["em", "--weights", "map.gpl", "--shared", "--palette-out", "map.gpl"],
        ["apply", "--palette", "own.gpl", "--palette-out", "own.gpl"],
    ],
)
def test_no_output_replaces_a_file_that_another_option_reads(run, photo, words, monkeypatch):
    monkeypatch.chdir(photo.parent)
    (photo.parent / "own.gpl").write_text("GIMP Palette\n0 0 0\n")
    before = {path.name: path.read_bytes() for path in photo.parent.iterdir()}
    command, *rest = words
    result = run(command, photo.name, *rest, "--force")
    assert result.exit_code == 2
    assert "reads it: choose another name" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in photo.parent.iterdir()} == before
