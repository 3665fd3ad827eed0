"""Runs against a real S3 server, which a test starts here: bytes, batches, a cluster, and what a store refuses."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs")
moto = pytest.importorskip("moto.server")
ODD = ("a b#1.png", "sub/bücher [1].png", "what?.png", "x::y.png", "no-ending")
SECRET = "very-secret"


@pytest.fixture(scope="module")
def server():
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def run(server, tmp_path):
    """The program, whose environment leads to the server."""

    def started(*words, **environment):
        settings = {
            "AWS_ENDPOINT_URL": server,
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(tmp_path),
            **environment,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        words = [sys.executable, "-m", "colorquant", *map(str, words)]
        env = {name: value for name, value in (kept | settings).items() if value is not None}
        result = subprocess.run(words, env=env, capture_output=True, text=True, cwd=tmp_path, timeout=300)
        assert SECRET not in result.stderr + result.stdout and "Traceback" not in result.stderr, result.stderr
        return result

    return started


@pytest.fixture
def store(server, tmp_path):
    options = {"client_kwargs": {"endpoint_url": server}, "key": "someone", "secret": "x"}
    store = fsspec.filesystem("s3", skip_instance_cache=True, **options)
    if not store.exists("pics"):
        store.call_s3("create_bucket", Bucket="pics")
    for name in store.find("pics"):  # one by one: the names have brackets
        store.rm_file(name)
    chance = np.random.default_rng(3)
    for name in ODD:
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(chance.integers(0, 256, (20, 30, 3), np.uint8)).save(path, "PNG")
        store.pipe_file(f"pics/scans/{name}", path.read_bytes())
    store.invalidate_cache()
    return store


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stored(store, folder):
    store.invalidate_cache()
    return {name.removeprefix(f"{folder}/"): store.cat_file(name) for name in store.find(folder)}


@pytest.mark.parametrize("how", [["--jobs", "2"], ["--cluster", "local:2"], ["--isolate"]], ids=lambda words: words[0])
def test_outputs_have_the_bytes_of_a_run_here(store, run, tmp_path, how):
    if how[0] == "--cluster":
        pytest.importorskip("distributed")
    words = ["-r", "-k", "4", "--labels", "png", "--masks"]
    here = run("kmeans", "scans", *words, "here/masks", "-o", "here")
    there = run("kmeans", "s3://pics/scans/", *words, "s3://pics/out/masks", "-o", "s3://pics/out", *how)
    assert here.returncode == there.returncode == 0, there.stderr
    assert stored(store, "pics/out") == contents(tmp_path / "here")
    assert store.info("pics/out/what?-kmeans4.png")["size"] > 0
    assert store.metadata("pics/out/what?-kmeans4.png") is not None
    again = run("kmeans", "s3://pics/scans/", "-r", "-k", "4", "-o", "s3://pics/out", "--skip-existing", *how)
    assert "4 skipped" in again.stderr and again.returncode == 0


def test_odd_names_are_taken_literally(store, run, tmp_path):
    for name in ODD:
        result = run("kmeans", f"s3://pics/scans/{name}", "-k", "3", "-o", "here.png", "--force")
        assert result.returncode == 0, (name, result.stderr)
    clash = run(
        "kmeans", "s3://pics/scans/what?.png", "s3://pics/scans/sub/bücher [1].png", "-k", "3", "-o", "s3://pics/o"
    )
    assert clash.returncode == 0, clash.stderr
    store.pipe_file("pics/two/a.png", b"")
    store.pipe_file("pics/two/a.jpg", b"")
    clash = run("kmeans", "s3://pics/two/", "-k", "3", "-o", "s3://pics/o")
    assert "s3://pics/two/a.jpg and s3://pics/two/a.png would both write s3://pics/o/a-kmeans3.png" in clash.stderr
    assert clash.returncode == 2


@pytest.mark.parametrize(
    ("words", "environment", "message"),
    [
        (["s3://nowhere/a.png", "-o", "x.png"], {}, "cannot be read, there is no such"),
        (["s3://nowhere/", "-o", "out"], {}, "there is no such"),
        (
            ["s3://pics/scans/what?.png", "-o", "s3://nowhere/out/"],
            {},
            "Error: s3://nowhere/out/what?-kmeans3.png cannot",
        ),
        (["s3://pics/none.png", "-o", "x.png"], {}, "there is no such file: check the name"),
        (
            ["s3://pics/scans/what?.png", "-o", "x.png"],
            {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
            "there are no credentials",
        ),
        (
            ["s3://pics/scans/what?.png", "-o", "x.png"],
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
            "the store does not answer",
        ),
    ],
)
def test_what_a_store_refuses_is_one_line(store, run, tmp_path, words, environment, message):
    result = run("kmeans", *words, "-k", "3", **environment)
    assert result.returncode == 1, result.stderr
    assert message in result.stderr and len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "x.png").exists()


def test_a_thousand_names_are_listed_in_the_order_of_a_folder(store, run, tmp_path):
    names = [f"many/{number % 7}/{number}.png" for number in range(1_100)]
    data = (tmp_path / "scans" / "what?.png").read_bytes()
    store.pipe({f"pics/{name}": data for name in names})
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    here = run("kmeans", "many", "-r", "-o", "out", "--dry-run")
    there = run("kmeans", "s3://pics/many", "-r", "-o", "out", "--dry-run")
    assert there.stdout.replace("s3://pics/", "") == here.stdout
    assert len(here.stdout.splitlines()) == 1_100


def test_a_multipart_upload_that_fails_leaves_nothing(store, monkeypatch, tmp_path, server):
    from colorquant import remote
    from colorquant.errors import OutputError
    from colorquant.urls import Url

    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    large = Path(tmp_path, "large")
    large.write_bytes(bytes(120 * 2**20))
    kind = type(store)
    inner, parts = kind._call_s3, []

    async def failing(self, method, *args, **kwargs):
        if method == "upload_part":
            parts.append(method)
            if len(parts) == 2:
                raise ConnectionResetError("connection reset by peer")
        return await inner(self, method, *args, **kwargs)

    monkeypatch.setattr(kind, "_call_s3", failing)
    with pytest.raises(OutputError, match="the store does not answer"):
        remote.upload(large, Url("s3://pics/large"), force=False)
    assert len(parts) >= 2
    store.invalidate_cache()
    assert not store.exists("pics/large")
