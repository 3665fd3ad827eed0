"""Inputs and outputs at URLs: the bytes and the messages of files on this machine."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorquant import files, remote, temporary_files
from colorquant.batch.inputs import expand
from colorquant.collecting import collected
from colorquant.errors import OptionError, OutputError
from colorquant.palette.palette import Palette
from colorquant.urls import Url, is_url, local_name, place_of

fsspec = pytest.importorskip("fsspec")
NAMES = ("a.png", "b c#1.png", "sub/what?.png", "sub/deep/bücher [1].png")


@pytest.fixture
def store():
    store = fsspec.filesystem("memory")
    store.store.clear()
    store.pseudo_dirs[:] = [""]
    yield store
    store.store.clear()


@pytest.fixture
def scans(store, tmp_path, monkeypatch, thumbnail):
    """The same pictures in the folder in/ and at memory://in/."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(NAMES):
        path = Path("in", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(thumbnail[::4, ::4], number, 2)).save(path)
        store.pipe_file(f"/in/{name}", path.read_bytes())
    store.pipe_file("/in/.hidden.png", b"")
    store.pipe_file("/in/readme.txt", b"")
    return store


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stored(store, folder):
    return {name.removeprefix(f"/{folder}/"): store.cat_file(name) for name in store.find(f"/{folder}")}


@pytest.mark.parametrize(
    ("text", "name", "stem", "suffix", "parent"),
    [
        ("s3://bucket/scans/a.png", "a.png", "a", ".png", "s3://bucket/scans"),
        ("s3://bucket/a b#?.tar.gz", "a b#?.tar.gz", "a b#?.tar", ".gz", "s3://bucket"),
        ("gs://bucket/folder/", "folder", "folder", "", "gs://bucket"),
        ("memory://a.png", "a.png", "a", ".png", "memory://a.png"),
        ("hdfs:///data/a.png", "a.png", "a", ".png", "hdfs:///data"),
        ("https://host/x%20y.png?size=2/3#top", "x y.png", "x y", ".png", None),
    ],
)
def test_urls_have_the_parts_of_names(text, name, stem, suffix, parent):
    url = place_of(text)
    assert (url.name, url.stem, url.suffix, str(url)) == (name, stem, suffix, text)
    if parent is not None:
        assert url.parent.text == parent
        assert url.with_name("b.png").text == f"{parent if parent != text else 'memory://a.png'}/b.png"


def test_text_of_urls_holds_no_secrets():
    assert str(Url("sftp://me:pass/word@host/a.png")) == "sftp://me:***@host/a.png"
    signed = "https://host:8080/a.png?width=3&X-Amz-Signature=abc&sig=d"
    assert str(Url(signed)) == "https://host:8080/a.png?width=3&X-Amz-Signature=***&sig=***"
    assert "abc" not in repr(Url(signed)) and "abc" in Url(signed).text
    assert str(Url("s3://bucket/a:b@c/d.png")) == "s3://bucket/a:b@c/d.png"


def test_names_of_files_are_no_urls():
    assert not any(map(is_url, ("a.png", "a:b/c", "c:/x", "//x", "1://x")))
    assert local_name("file:///data/a%20b.png") == "/data/a b.png"
    assert local_name("file://localhost/data") == "/data"
    assert local_name("s3://bucket/a%20b") == "s3://bucket/a%20b"
    with pytest.raises(OptionError, match="not a file of this machine"):
        local_name("file://host/data")


def test_a_folder_gives_the_same_files_here_and_there(scans):
    for recursive in (False, True):
        here = expand(["in"], recursive=recursive)
        there = expand(["memory://in"], recursive=recursive)
        assert [item.name for item in there] == [f"memory://{item.name}" for item in here]
        assert [(item.folder, item.stem, item.listed) for item in there] == [
            (item.folder, item.stem, item.listed) for item in here
        ]
    (empty,) = expand(["memory://in/sub/deep/none/"], recursive=False)
    assert str(empty.problem) == "there is no such folder: check the name"
    scans.pipe_file("/texts/readme.txt", b"")
    (empty,) = expand(["memory://texts"], recursive=True)
    assert str(empty.problem) == "no images in this folder: give a folder that holds some"


def test_patterns_and_odd_names(scans):
    assert [item.name for item in expand(["memory://in/*.png"], recursive=False)] == [
        "memory://in/.hidden.png",
        "memory://in/a.png",
        "memory://in/b c#1.png",
    ]
    (exact,) = expand(["memory://in/sub/what?.png"], recursive=False)  # a file has this name
    assert exact.name == "memory://in/sub/what?.png" and exact.stem == "what?"
    assert len(expand(["memory://in/sub/*"], recursive=False)) == 2  # a file, and the one in the folder
    (none,) = expand(["memory://in/*.jpg"], recursive=False)
    assert "no file matches this pattern" in str(none.problem)


def test_a_name_cannot_leave_the_folder_of_the_outputs(scans):
    scans.store["/in/../up.png"] = scans.store["/in/a.png"]
    problems = [item for item in expand(["memory://in"], recursive=True) if item.problem]
    assert [item.name for item in problems] == ["memory://in/../up.png"]


@pytest.mark.parametrize("jobs", [1, 3])
def test_outputs_have_the_bytes_of_a_run_here(scans, run, jobs):
    extra = ["-r", "-k", "4", "--labels", "npy", "--jobs", jobs]
    here = run("kmeans", "in", *extra, "-o", "out", "--palette-out", "out/{stem}.hex", "--masks", "out/masks")
    there = run(
        "kmeans", "memory://in", *extra, "-o", "memory://out", "--palette-out", "memory://out/{stem}.hex",
        "--masks", "memory://out/masks",
    )  # fmt: skip
    assert here.exit_code == there.exit_code == 0, there.output
    assert there.stderr.replace("memory://", "") == here.stderr
    assert stored(scans, "out") == contents(Path("out"))
    assert len(contents(Path("out"))) == 4 * (3 + 4)


def test_existing_files_stay_are_skipped_or_replaced(scans, run):
    words = ["kmeans", "memory://in", "-k", "4", "-o", "memory://out"]
    assert run(*words).exit_code == 0
    old = stored(scans, "out")
    again = run(*words)
    assert again.exit_code == 1
    assert "memory://out/a-kmeans4.png exists already: use --force to overwrite it" in again.stderr
    scans.pipe_file("/out/a-kmeans4.png", b"other")
    assert "2 skipped" in run(*words, "--skip-existing").stderr
    scans.rm_file("/out/b c#1-kmeans4.png")
    assert "1 written, 1 skipped" in run(*words, "--skip-existing").stderr
    assert scans.cat_file("/out/a-kmeans4.png") == b"other"
    assert run(*words, "--force").exit_code == 0
    assert stored(scans, "out") == old


def test_em_apply_shared_and_strips(scans, run):
    palette = "memory://palettes/shared.gpl"
    shared = run("em", "memory://in", "-r", "-k", "3", "--shared", "-o", "memory://em", "--palette-out", palette)
    assert shared.exit_code == 0, shared.output
    assert len(Palette.read(palette)) == 3
    applied = run("apply", "memory://in", "-r", "--palette", palette, "-o", "memory://apply", "--json")
    page = run("apply", "memory://in/a.png", "--palette", palette, "-o", "x.png", "--html", "memory://page.html")
    assert page.exit_code == 0 and b"colorquant apply memory://in/a.png" in scans.cat_file("/page.html")
    assert applied.exit_code == 0, applied.output
    assert json.loads(applied.stdout.splitlines()[0])["output"] == "memory://apply/a-apply.png"
    assert len(stored(scans, "apply")) == len(stored(scans, "em")) == 4
    pytest.importorskip("pyvips")
    assert run("kmeans", "memory://in/a.png", "-k", "4", "-o", "memory://whole.png").exit_code == 0
    strips = run("kmeans", "memory://in/a.png", "-k", "4", "-o", "memory://strips.png", "--strips")
    assert strips.exit_code == 0, strips.output
    assert scans.cat_file("/strips.png") == scans.cat_file("/whole.png")


def test_without_a_name_the_output_lies_beside_its_input(scans, run):
    assert run("kmeans", "memory://in/a.png", "-k", "4").exit_code == 0
    assert scans.exists("/in/a-kmeans4.png")
    assert "1 passed over" in run("kmeans", "memory://in", "-k", "4", "-o", "out").stderr
    piped = run("kmeans", "memory://in/a.png", "-k", "4", "-o", "-")
    assert piped.stdout_bytes == scans.cat_file("/in/a-kmeans4.png")


def test_a_failed_upload_leaves_no_file_of_its_input(scans, run, monkeypatch):
    kind = type(scans)
    inner = kind.put_file

    def put(self, local, path, **options):
        if path.endswith("a-kmeans4.png"):
            self.pipe_file(path, Path(local).read_bytes()[:50])
            raise ConnectionResetError("connection reset by peer")
        return inner(self, local, path, **options)

    monkeypatch.setattr(kind, "put_file", put)
    result = run("kmeans", "memory://in", "-k", "4", "-o", "memory://out", "--labels", "png")
    assert result.exit_code == 1
    assert "memory://out/a-kmeans4.png cannot be written, the store does not answer (connection reset" in result.stderr
    assert sorted(stored(scans, "out")) == ["b c#1-kmeans4-labels.png", "b c#1-kmeans4.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["kmeans", "nowhere://in/a.png"], "nowhere:// is not known"),
        (["kmeans", "memory://in/none.png"], "memory://in/none.png: cannot be read, there is no such file"),
        (["kmeans", "in/a.png", "-o", "https://host/out/"], "https:// only reads"),
        (["kmeans", "memory://in/a.png", "--in-place"], "--in-place replaces files of this machine"),
        (["kmeans", "in/a.png", "-o", "memory://out/", "--report", "memory://r"], "is not on this machine"),
        (["video", "memory://in/a.gif", "-o", "out"], "is not on this machine"),
        (["kmeans", "memory://in/a.png", "-o", "memory://x.jpg"], "pictures are written as PNG"),
        (["kmeans", "in/a.png", "in/b c#1.png", "-o", "memory://x.png"], "is one file for 2 inputs"),
        (["kmeans", "zip://a.png::memory://a.zip"], "is a chain of URLs"),
        (["kmeans", "memory://in/a.png", "-o", "memory://out", "--isolate"], "memory:// is the memory of one process"),
    ],
)
def test_what_is_refused_is_refused_in_one_line(scans, run, words, message):
    result = run(*words)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 4 and "Traceback" not in result.stderr


def test_a_missing_package_is_named(scans, run, monkeypatch):
    monkeypatch.setattr(remote, "missing_package", lambda protocol: "s3fs")
    result = run("kmeans", "s3://bucket/a.png")
    assert "s3://bucket/a.png needs s3fs: pip install 'colorquant[remote]'" in result.stderr


def test_storage_that_renames_shows_no_file_before_it_is_whole(tmp_path, store, monkeypatch):
    local = type(fsspec.filesystem("local"))
    seen = []
    inner = local.mv

    def mv(self, old, new):
        seen.append(sorted(path.name for path in (tmp_path / "out").iterdir()))
        inner(self, old, new)

    monkeypatch.setattr(local, "mv", mv)
    url = Url(f"local://{tmp_path}/out/a.bin")
    files.write_whole([(url, b"one")], force=False)
    assert (tmp_path / "out/a.bin").read_bytes() == b"one"
    assert len(seen) == 1 and temporary_files.STAGED.fullmatch(*seen[0])
    with pytest.raises(OutputError, match="exists already"):
        files.write_whole([(url, b"two")], force=False)


def test_collected_files_are_written_by_nobody(tmp_path):
    path = tmp_path / "a.bin"
    with collected() as found:
        files.write_whole([(path, b"one"), (Url("memory://b"), b"two")], force=False)
    assert [(row.files, row.force) for row in found] == [([(path, b"one"), (Url("memory://b"), b"two")], False)]
    assert not list(tmp_path.iterdir())


def test_compare_reads_and_writes_urls(scans, run):
    words = ["compare", "memory://in/a.png", "-k", "2", "--method", "kmeans", "--engine", "numpy"]
    files = {"--csv": "all.csv", "--html": "page.html", "-o": "cells"}
    there = run(*words, *(word for flag, name in files.items() for word in (flag, f"memory://{name}")))
    assert there.exit_code == 0, there.output
    here = run(*words, *(word for flag, name in files.items() for word in (flag, name)))
    assert here.exit_code == 0, here.output
    assert stored(scans, "cells") == contents(Path("cells")) != {}
    assert scans.exists("/page.html") and scans.cat_file("/all.csv").count(b"\n") == 2


def test_outputs_in_one_folder_are_looked_up_by_listing_it(scans, run, monkeypatch):
    for number in range(40):
        scans.pipe_file(f"/many/{number:02}.png", scans.cat_file("/in/a.png"))
    scans.pipe_file("/out/30-kmeans2.png", b"")
    kind = type(scans)
    inner, seen = kind.info, []

    def info(self, path, **options):
        seen.append(path)
        return inner(self, path, **options)

    monkeypatch.setattr(kind, "info", info)
    result = run("kmeans", "memory://many", "-k", "2", "-o", "memory://out")
    assert "39 written, 0 skipped, 1 failed" in result.stderr
    assert "memory://out/30-kmeans2.png exists already" in result.stderr
    counts = [seen.count(f"/out/{number:02}-kmeans2.png") for number in range(40)]
    assert max(counts[20:]) == 1, "asked anew before the upload, and not before"
    assert "40 skipped" in run("kmeans", "memory://many", "-k", "2", "-o", "memory://out", "--skip-existing").stderr


def test_no_password_is_printed_or_recorded(scans, run, tmp_path):
    place = "ftp://me:pass%2Fword@127.0.0.1:9/a.png"  # nobody answers at this port
    for words in (
        ["kmeans", place, "-v", "--json", "--report", tmp_path / "report.jsonl", "--force"],
        ["kmeans", "in/a.png", "-o", place, "-v", "--json"],
        ["kmeans", "in/a.png", "-o", "out", "--weights", place],
        ["compare", place, "-k", "2", "-v"],
        ["palette", place],
        ["palette", "bw", "gray4", "-o", place],
    ):
        result = run(*words)
        assert result.exit_code != 0 and "ftp://me:***@127.0.0.1:9/a.png" in result.output, result.output
        assert "pass%2Fword" not in result.output
    assert "pass" not in (tmp_path / "report.jsonl").read_text()
