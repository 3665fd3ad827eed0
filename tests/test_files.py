"""Bytes to files: whole or not at all."""

import os
import stat

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
