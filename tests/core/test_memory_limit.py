"""How much memory is free, and which inputs need more than there is for them."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorquant.batch import free_memory as system
from colorquant.batch import memory
from colorquant.batch.free_memory import free_memory
from colorquant.batch.memory import MemoryLimit
from colorquant.batch.settings import JobOptions
from colorquant.errors import ImageReadError
from colorquant.fitting.options import FitOptions
from colorquant.images.decoding import Reading
from colorquant.images.header import Header, read_header

SETTINGS = JobOptions(FitOptions(k=4))
VERSION_1 = {
    "proc/self/cgroup": "5:cpu:/a\n4:memory,hugetlb:/host/box\n0::/\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "12345",
    "sys/fs/cgroup/memory/memory.stat": "cache 1\ntotal_inactive_file 0\n",
}


def machine(root: Path, files: dict[str, str]) -> Path:
    """A folder with these files of Linux, and 8,000 MB that are available."""
    for name, text in {"proc/meminfo": "MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 8_192_000_000),
        (VERSION_1, 8_192_000_000),  # no limit
        ({**VERSION_1, "sys/fs/cgroup/memory/memory.limit_in_bytes": "1012345"}, 1_000_000),
        (
            {
                **VERSION_1,
                "sys/fs/cgroup/memory/host/box/memory.limit_in_bytes": "5000",
                "sys/fs/cgroup/memory/host/box/memory.usage_in_bytes": "4000",
                "sys/fs/cgroup/memory/host/box/memory.stat": "total_inactive_file 700\ninactive_file 5",
            },
            1_700,
        ),
        (
            {
                "proc/self/cgroup": "0::/job/step\n",
                "sys/fs/cgroup/job/step/memory.max": "max\n",
                "sys/fs/cgroup/job/step/memory.current": "10",
                "sys/fs/cgroup/job/step/memory.stat": "inactive_file 1",
                "sys/fs/cgroup/job/memory.max": "3000\n",
                "sys/fs/cgroup/job/memory.current": "1000",
                "sys/fs/cgroup/job/memory.stat": "anon 5\ninactive_file 400\n",
            },
            2_400,
        ),
        (
            {
                "proc/self/cgroup": "0::/job\n",
                "sys/fs/cgroup/job/memory.max": "3000",
                "sys/fs/cgroup/job/memory.current": "5000",
                "sys/fs/cgroup/job/memory.stat": "inactive_file 0",
            },
            0,
        ),
        ({"proc/self/cgroup": "odd\n1:memory\n::\n"}, 8_192_000_000),
    ],
    ids=["no groups", "v1, no limit", "v1, in a container", "v1", "v2, group above", "used up", "odd"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="reads files as Linux has them")
def test_free_memory_is_what_the_machine_and_the_groups_leave(tmp_path, files, free):
    assert free_memory(machine(tmp_path, files)) == free


def test_without_linux_half_of_the_memory_counts_as_free(tmp_path, monkeypatch):
    values = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}
    monkeypatch.setattr(system.os, "sysconf", values.__getitem__, raising=False)
    monkeypatch.setattr(system.sys, "platform", "darwin")
    assert free_memory(tmp_path) == 2_048_000
    monkeypatch.delattr(system.os, "sysconf")
    assert free_memory(tmp_path) is None
    monkeypatch.setattr(system.sys, "platform", "win32")
    assert free_memory(tmp_path) is None or sys.platform == "win32"


def test_this_machine_has_memory():
    free = free_memory()
    assert free is None or free > 0


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_the_header_has_the_size(tmp_path, kind):
    path = tmp_path / "a"
    Image.new("RGB", (300, 20)).save(path, kind)
    assert read_header(path) == read_header(path.read_bytes()) == Header(300, 20, has_alpha=False)
    with pytest.raises(ImageReadError, match=r"300 × 20, more than 5,999 pixels"):
        read_header(path, Reading(max_pixels=5_999))
    with pytest.raises(ImageReadError, match="more than 10 pixels"):
        read_header(path, Reading(max_pixels=10))


def test_headers_of_other_files(tmp_path):
    path = tmp_path / "a"
    Image.new("RGBA", (30, 20)).save(path, "PNG")
    assert read_header(path) == Header(30, 20, has_alpha=True)
    path.write_bytes(path.read_bytes()[:20])
    assert read_header(path) is None
    path.write_bytes(b"")
    assert read_header(path) is None
    assert read_header(tmp_path / "none") is None
    Image.new("RGB", (32, 32)).save(path, "ICO")
    assert read_header(path) is None
    first, second = Image.new("RGB", (30, 20)), Image.new("RGB", (50, 40))
    first.save(path, "TIFF", save_all=True, append_images=[second])
    assert read_header(path, Reading(frame=1)) == Header(50, 40, has_alpha=False)
    assert read_header(path, Reading(frame=7)) is None


@pytest.fixture
def picture(tmp_path):
    """A picture that needs 100 MB, and 15 bytes for each of its 30,000 pixels."""
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((100, 300, 3), np.uint8)).save(path)
    return path


NEED = 100_450_000


def test_a_limit_is_for_all_inputs_at_once(picture):
    assert MemoryLimit(NEED).excess(picture, SETTINGS.reading) is None
    excess = MemoryLimit(NEED - 1).excess(picture, SETTINGS.reading)
    assert (excess.need, excess.limit) == (NEED, NEED - 1)
    assert excess.note == (
        "read by strips: otherwise it needs about 100 MB of memory, more than the 100 MB of --memory"
    )
    assert MemoryLimit(3 * NEED, 3).excess(picture, SETTINGS.reading) is None
    excess = MemoryLimit(3 * NEED - 1, 3).excess(picture, SETTINGS.reading)
    assert "needs about 100 MB of memory, 3 at once 301 MB, more than the 301 MB of --memory" in excess.note
    with pytest.raises(ImageReadError, match=r"of --memory, obstacle: remedy, or allow more with --memory"):
        excess.check_whole("obstacle: remedy")


def test_by_default_half_of_what_is_free_is_taken_and_all_of_it_where_strips_are_impossible(picture, monkeypatch):
    monkeypatch.setattr(memory, "SMALL", 0)
    for free, over, possible in ((2 * NEED, False, True), (2 * NEED - 1, True, True), (NEED - 1, True, False)):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        excess = MemoryLimit().excess(picture, SETTINGS.reading)
        assert (excess is not None) == over
        if over and possible:
            assert "more than half of the 201 MB that are free" in excess.note
            excess.check_whole("obstacle")
        elif over:
            with pytest.raises(ImageReadError, match=r"more than the 100 MB that are free, obstacle"):
                excess.check_whole("obstacle")
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    assert MemoryLimit().excess(picture, SETTINGS.reading) is None


def test_small_pictures_do_not_ask_what_is_free(picture, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: pytest.fail("it was asked"))
    assert MemoryLimit().excess(picture, SETTINGS.reading) is None


def test_what_is_free_is_asked_once_and_not_sent_to_other_machines(picture, monkeypatch):
    asked = []
    monkeypatch.setattr(memory, "SMALL", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: asked.append(1) or 10 * NEED)
    limit = MemoryLimit()
    fresh = pickle.loads(pickle.dumps(limit))
    for _ in range(2):
        assert limit.excess(picture, SETTINGS.reading) is None
    assert len(asked) == 1
    assert fresh.excess(picture, SETTINGS.reading) is None
    assert len(asked) == 2
