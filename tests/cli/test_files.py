"""Bytes to files: whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from colorquant import files
from colorquant.errors import OutputError


def test_a_file_is_written_whole_and_an_old_one_kept(tmp_path):
    path = tmp_path / "a.png"
    files.write_whole([(path, b"one")], force=False)
    with pytest.raises(OutputError, match="use --force"):
        files.write_whole([(path, b"two")], force=False)
    assert path.read_bytes() == b"one"
    files.write_whole([(path, b"two")], force=True)
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path], "no temporary file is left"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permissions of this kind")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666])
def test_a_replaced_file_keeps_its_permissions(mode, tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        path.write_bytes(b"old")
        path.chmod(mode)
    files.write_whole([(path, b"new") for path in paths], force=True)
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [mode, mode]
    assert [path.read_bytes() for path in paths] == [b"new", b"new"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permissions of this kind")
def test_what_replaces_a_private_file_is_private_from_its_start(tmp_path, monkeypatch):
    path, seen = tmp_path / "a.png", []
    path.write_bytes(b"old")
    path.chmod(0o600)
    staged = files.staged_file

    def watched(*args, **options):
        temporary = staged(*args, **options)
        seen.append(stat.S_IMODE(temporary.stat().st_mode))
        return temporary

    monkeypatch.setattr(files, "staged_file", watched)
    files.write_whole([(path, b"new")], force=True)
    assert seen == [0o600]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_what_is_no_file_is_not_replaced_by_one(tmp_path):
    pipe = tmp_path / "a.png"
    os.mkfifo(pipe)
    (tmp_path / "link.png").symlink_to(pipe)
    for path in (pipe, tmp_path / "link.png"):
        with pytest.raises(OutputError, match="is not a file"):
            files.write_whole([(path, b"x")], force=True)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions of folders")
def test_a_folder_that_takes_no_files_is_known_beforehand(tmp_path, monkeypatch):
    checked = []

    def access(folder, mode):
        checked.append((folder, mode))
        return folder != tmp_path / "closed"

    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "access", access)  # root may write anywhere
    files.check_place(tmp_path / "a.png")
    files.check_place(tmp_path / "new" / "er" / "a.png")
    for path in (tmp_path / "closed" / "a.png", tmp_path / "closed" / "new" / "a.png"):
        with pytest.raises(OutputError, match="is not writable"):
            files.check_place(path)
    assert checked == [(tmp_path / place, os.W_OK | os.X_OK) for place in (".", ".", "closed", "closed")]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.png").write_bytes(b"old")
    link = tmp_path / "link.png"
    link.symlink_to("real.png")
    files.write_whole([(link, b"new")], force=True)
    assert link.is_symlink()
    assert (tmp_path / "real.png").read_bytes() == b"new"


def test_folders_are_made_for_what_is_written(tmp_path):
    files.write_whole([(tmp_path / "new" / "er" / "a.png", b"x")], force=False)
    assert (tmp_path / "new" / "er" / "a.png").read_bytes() == b"x"


@pytest.mark.parametrize("second", ["folder", "x" * 300, "file/b.png"])
def test_of_several_files_all_are_written_or_none(second, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError):
        files.write_whole([(tmp_path / "a.png", b"x"), (tmp_path / second, b"y")], force=True)
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_of_lines_is_readable_after_each_line(tmp_path):
    path = tmp_path / "new" / "lines"
    lines = files.LineFile(path, force=False)
    assert path.read_bytes() == b""
    for number in (1, 2):
        lines.add(f"line {number}")
        assert path.read_text().splitlines() == ["line 1", "line 2"][:number]
    lines.close()
    with pytest.raises(OutputError, match="use --force"):
        files.LineFile(path, force=False)
    files.LineFile(path, force=True).close()
    assert path.read_bytes() == b""
    for bad in (tmp_path, path / "below"):
        with pytest.raises(OutputError, match=r"cannot be written|is a folder"):
            files.LineFile(bad, force=True)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux")  # noqa: PTH110
def test_a_line_that_finds_no_room_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "check_writable", lambda *args, **options: None)  # it refuses devices
    lines = files.LineFile(Path("/dev/full"), force=True)
    with pytest.raises(OutputError, match="/dev/full cannot be written: No space left"):
        lines.add("line")
    lines.close()
