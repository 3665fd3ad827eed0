"""What the tests of pages and figures share."""

import shutil

import pytest
from click.testing import CliRunner
from PIL import Image
from support.pages import COMMANDS

from colorquant.analysis import sweep as sweeps
from colorquant.cli import cli

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture
def few_ks(monkeypatch):
    """A sweep over few numbers of colours, for tests that are not about which ones."""
    monkeypatch.setattr(sweeps, "KS", (2, 5))


@pytest.fixture(scope="session")
def pages(thumbnail, tmp_path_factory):
    """A folder with the photo, and a page for each command."""
    folder = tmp_path_factory.mktemp("pages")
    Image.fromarray(thumbnail).save(folder / "photo.png")
    for command, words in COMMANDS.items():
        output = ("-o", folder / "out.png", "-f") if command in ("kmeans", "em") else ()
        line = [command, folder / "photo.png", *words, *output, "--html", folder / f"{command}.html"]
        result = CliRunner().invoke(cli, [str(word) for word in line])
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def browser():
    """A browser without windows, if there is one."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"needs a browser: one of {', '.join(BROWSERS)}")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()
