"""Work on a Dask cluster: the same bytes, lost workers, and what is refused."""

import os
import threading
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import workers

from colorquant.batch import cluster, cluster_worker
from colorquant.batch import run as batch
from colorquant.batch.inputs import Input
from colorquant.errors import CrashError, OutputError

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def executor():
    with cluster.open_cluster("local:2") as executor:
        yield executor


@pytest.fixture
def address(executor):
    return executor._client.scheduler.address


@pytest.fixture
def pictures(tmp_path, monkeypatch, thumbnail):
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for number in range(4):
        Image.fromarray(np.roll(thumbnail[::8, ::8], number, 2)).save(f"in/{number}.png")
    return tmp_path


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_outcomes_come_in_order_and_failures_do_not_end_the_run(executor):
    assert executor.threads == 2
    plan = [(Input(str(number)), None) for number in range(8)]
    outcomes = list(batch.run(plan, workers.square, executor, in_flight=4))
    assert [outcome.input.name for outcome in outcomes] == [str(number) for number in range(8)]
    assert [outcome.result for outcome in outcomes[:3]] == [0, 1, 4]
    assert "unexpected ZeroDivisionError" in outcomes[3].error


@pytest.mark.slow
def test_a_call_that_kills_its_worker_again_and_again_fails_alone(executor):
    deadly, *others = [executor.submit(os._exit, 3), *(executor.submit(pow, 2, number) for number in range(6))]
    assert [other.result(60) for other in others] == [1, 2, 4, 8, 16, 32]
    with pytest.raises(CrashError, match=r"^3 worker processes died while they worked on it, the last one at tcp://"):
        deadly.result(60)


DIES_ONCE = """
import os, pathlib
mark = pathlib.Path({!r})
if not mark.exists():
    mark.touch()
    os._exit(3)
"""


@pytest.mark.slow
def test_what_a_lost_worker_kept_is_made_again(executor, tmp_path):
    parts = [executor.submit_kept(pow, 2, number).result(60) for number in range(6)]
    dies_once = executor.submit_kept(exec, DIES_ONCE.format(str(tmp_path / "mark")))
    summed = executor.combine(sum, [executor.combine(sum, parts[:3]), *parts[3:]])
    del parts
    assert executor.fetch(summed) == 63
    assert executor.fetch(dies_once.result(60)) is None
    assert (tmp_path / "mark").exists()
    assert executor.fetch(summed) == 63


@pytest.mark.parametrize(
    "words",
    [
        ("kmeans", "-k", 3, "--labels", "npy"),
        ("em", "-k", 3, "--shared", "--shared-from", 3, "--palette-out", "{out}/p.gpl"),
        pytest.param(("compare", "-k", "2,3", "--engine", "pillow-median"), marks=pytest.mark.slow),
    ],
    ids=lambda words: words[0],
)
def test_a_cluster_writes_the_same_bytes(run, pictures, address, words):
    """Names are relative, and the workers were started in another folder."""
    outputs = {}
    for folder, extra in (("here", ()), ("there", ("--cluster", address))):
        command, *rest = (str(word).format(out=folder) for word in words)
        result = run(command, "in", *rest, "-o", folder, *extra)
        assert result.exit_code == 0, result.output
        outputs[folder] = contents(pictures / folder)
    assert len(outputs["here"]) >= 4
    assert outputs["here"] == outputs["there"]


def test_with_a_shared_palette_only_the_sum_travels(run, pictures, address, thumbnail, monkeypatch):
    (pictures / "in" / "bad.png").write_bytes(b"x")
    fetched, fetch = [], cluster.ClusterExecutor.fetch
    monkeypatch.setattr(cluster.ClusterExecutor, "fetch", lambda *words: fetched.append(fetch(*words)) or fetched[-1])
    lines = []
    for folder, extra in (("here", ()), ("there", ("--cluster", address))):
        result = run("kmeans", "in", "no.png", "-k", 3, "--shared", "-o", folder, *extra)
        assert result.exit_code == 1
        lines.append(result.stderr.replace(f"{folder}/", ""))
    assert lines[0] == lines[1]
    assert lines[0].count("Error: ") == 2
    assert contents(pictures / "here") == contents(pictures / "there")
    (total,) = fetched
    assert total.pixels == 4 * thumbnail[::8, ::8, 0].size


def test_bad_inputs_and_existing_outputs_fail_with_the_same_lines(run, pictures, address):
    (pictures / "in" / "bad.png").write_bytes(b"x")
    (pictures / "out").mkdir()
    (pictures / "out" / "1-kmeans2.png").write_bytes(b"old")
    lines = []
    for extra in (("--cluster", address), ()):
        result = run("kmeans", "in", "no.png", "-k", 2, "-o", "out", *extra)
        assert result.exit_code == 1
        lines.append(
            [line for line in result.stderr.splitlines() if "bad" in line or "no.png" in line or "1.png" in line]
        )
        assert (pictures / "out" / "1-kmeans2.png").read_bytes() == b"old"
        for number in (0, 2, 3):
            (pictures / "out" / f"{number}-kmeans2.png").unlink()
    assert lines[0] == lines[1]
    assert len(lines[0]) == 3


def test_an_input_may_run_again_after_its_files_were_written(run, pictures):
    """A worker can die between the last rename and its answer."""
    from colorquant.batch.outputs import OutputPaths

    (item, paths), (other, refused) = batch.repeatable(
        [(Input("a"), OutputPaths(pictures / "a.png")), (Input("b"), OutputPaths(pictures / "in" / "0.png"))],
        lambda paths: paths.check(2),
    )
    assert item.problem is None
    (pictures / "a.png").write_bytes(b"")
    paths.check(2)
    assert isinstance(other.problem, OutputError)
    with pytest.raises(OutputError):
        refused.check(2)


def test_workers_with_another_version_or_without_the_folder_are_refused(run, pictures, address, monkeypatch):
    monkeypatch.setattr(cluster, "__version__", "0.0.1")
    result = run("kmeans", "in", "-o", "out", "--cluster", address)
    assert result.exit_code == 1
    assert "Error: the worker at tcp://" in result.stderr
    assert "and this is 0.0.1: install the same on all" in result.stderr
    monkeypatch.undo()
    with monkeypatch.context() as patched:
        patched.setattr(os, "getcwd", lambda: "/no such folder")
        result = run("kmeans", str(pictures / "in"), "-o", str(pictures / "out"), "--cluster", address)
    assert result.exit_code == 1
    assert "does not see the folder /no such folder: share it with all workers" in result.stderr
    assert not (pictures / "out").exists()


def test_files_are_sent_to_workers_that_do_not_see_them(run, pictures, executor, address, monkeypatch):
    from colorquant.batch import sending

    sent, inner = [], sending.read_bytes

    def read(path):
        sent.append(path.name)
        return inner(path)

    monkeypatch.setattr(sending, "read_bytes", read)
    Path("in/5.png").write_bytes(b"no image")
    words = ["in", "-k", "3", "--labels", "png", "--palette-out"]
    assert run("kmeans", *words, "here/{stem}.gpl", "-o", "here").exit_code == 1
    # The workers run in another folder, with names of files that mean nothing there.
    executor._client.run(os.chdir, "/")
    there = run("kmeans", *words, "out/{stem}.gpl", "-o", "out", "--cluster", address, "--send-files", "1MB")
    assert there.exit_code == 1
    assert "Error: in/5.png: not an image of a known format" in there.stderr and "4 written" in there.stderr
    assert contents(pictures / "out") == contents(pictures / "here")
    assert len(contents(pictures / "out")) == 12 and sorted(sent) == ["0.png", "1.png", "2.png", "3.png", "5.png"]
    sent.clear()
    words = ["kmeans", "in", "-k", "3", "-o", "out", "--cluster", address, "--send-files"]
    assert "0-kmeans3.png exists already: use --force" in run(*words, "1MB").stderr and sent == ["5.png"]
    (pictures / "out" / "1-kmeans3.png").unlink()
    again = run(*words, "1MB", "--skip-existing")
    assert "1 written, 3 skipped" in again.stderr and sorted(sent[1:]) == ["1.png", "5.png"]
    small = run(*words, "100", "--force")
    assert "bytes, more than the 100 bytes of --send-files: allow more" in small.stderr


def test_files_are_sent_for_shared_palettes_and_compare_too(run, pictures, address):
    words = ["in", "-k", "3", "--shared", "-o"]
    assert run("kmeans", *words, "here").exit_code == 0
    assert run("kmeans", *words, "out", "--cluster", address, "--send-files", "1MB").exit_code == 0
    assert contents(pictures / "out") == contents(pictures / "here") != {}
    words = ["compare", "in/0.png", "-k", "2", "--method", "kmeans", "--engine", "numpy", "-o"]
    assert run(*words, "cells", "--cluster", address, "--send-files", "1MB").exit_code == 0
    assert len(contents(pictures / "cells")) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--send-files", "1MB"], "add --cluster"),
        (["--cluster", "local:1", "--send-files", "1MB", "--weights", "in/0.png"], "--send-files sends no --weights"),
        (["--cluster", "local:1", "--send-files", "1MB", "--strips"], "leave one out"),
    ],
)
def test_what_cannot_be_sent_is_refused(run, pictures, words, message):
    result = run("kmeans", "in", *words)
    assert result.exit_code == 2 and message in result.stderr


def test_files_at_urls_need_no_folder_but_the_package_on_the_workers(run, pictures, address, monkeypatch):
    store = f"local://{pictures}"
    assert run("kmeans", "in", "-k", "3", "-o", "here").exit_code == 0
    with monkeypatch.context() as patched:
        patched.setattr(os, "getcwd", lambda: "/no such folder")
        result = run("kmeans", f"{store}/in", "-k", "3", "-o", f"{store}/out", "--cluster", address)
    assert result.exit_code == 0, result.stderr
    assert contents(pictures / "out") == contents(pictures / "here") != {}
    monkeypatch.setattr(cluster, "missing_packages", workers.no_package)
    result = run("kmeans", f"{store}/in", "-k", "3", "-o", f"{store}/new", "--cluster", address)
    assert "has no s3fs for s3://: pip install 'colorquant[remote]', there" in result.stderr


def test_a_worker_that_joins_later_is_checked_as_well():
    with pytest.raises(CrashError, match=r"a worker has colorquant .*, this run 0.0.1"):
        cluster_worker.work(b"", cluster_worker.Origin("0.0.1", "/"))
    with pytest.raises(CrashError, match="does not see the folder /no such folder"):
        cluster_worker.work(b"", cluster_worker.Origin(cluster_worker.__version__, "/no such folder"))


def test_calls_from_another_folder_wait(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    seen = []

    def look():
        with cluster_worker._inside(str(other)):
            seen.append(Path.cwd())

    with ExitStack() as inside:
        inside.enter_context(cluster_worker._inside(str(tmp_path)))
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(0.1)
        assert seen == []
        assert Path.cwd() == tmp_path
    thread.join()
    assert seen == [other]


def test_a_cluster_that_is_not_there_is_one_line(run, pictures, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 0.5)
    result = run("kmeans", "in", "-o", "out", "--cluster", "tcp://127.0.0.1:1")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "--cluster tcp://127.0.0.1:1 does not answer" in result.stderr


def test_local_workers_that_do_not_start_in_time_are_one_line(run, pictures, monkeypatch):
    def late(**words):
        raise RuntimeError("Cluster failed to start: Timed out trying to connect\nafter 300 s")

    monkeypatch.setattr("distributed.LocalCluster", late)
    result = run("kmeans", "in", "-o", "out", "--cluster", "local:1")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "Error: --cluster local:1 does not start (Cluster failed to start: Timed out" in result.stderr
    assert result.stderr.endswith("): use fewer processes\n")
    assert [path.name for path in pictures.iterdir()] == ["in"]


def test_tls_needs_certificates(run, pictures):
    result = run("kmeans", "in", "-o", "out", "--cluster", "tls://127.0.0.1:1")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: --cluster tls://127.0.0.1:1 needs certificates")


@pytest.mark.parametrize(
    ("words", "message"),
    {
        "no address": (("--cluster", "host"), "--cluster host is neither local:N nor the address of a scheduler"),
        "scheme": (("--cluster", "http://host:1"), "--cluster http://host:1 is neither"),
        "none": (("--cluster", "local:0"), "--cluster local:0: the number of processes is from 1 to 256"),
        "jobs": (("--cluster", "local:2", "-j", "2"), "--jobs is for runs without --cluster"),
        "isolate": (("--cluster", "local:2", "--isolate"), "--isolate is for runs without --cluster"),
        "timeout": (("--cluster", "local:2", "--timeout", "3"), "--timeout is for runs without --cluster"),
        "in place": (("--cluster", "local:2", "--in-place"), "--in-place cannot begin again"),
        "stdin": (("-", "-o", "out", "--cluster", "local:2"), "--cluster reads files, not standard input"),
    }.values(),
)
def test_what_a_cluster_cannot_do_is_refused(run, pictures, words, message):
    result = run("kmeans", "in", *words, input=b"")
    assert result.exit_code == 2
    assert message in result.stderr
    assert [path.name for path in pictures.iterdir()] == ["in"]


def test_distributed_is_an_extra(run, pictures, monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    result = run("kmeans", "in", "-o", "out", "--cluster", "local:2")
    assert result.exit_code == 2
    assert "--cluster needs dask.distributed: pip install 'colorquant[cluster]'" in result.stderr
