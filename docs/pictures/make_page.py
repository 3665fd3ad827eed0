"""Make malaga-page.png: the page of the sample image in a browser, in few colours. It needs playwright and chromium.

python docs/pictures/make_page.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "pictures" / "malaga-page.png"
SIZE = {"width": 1280, "height": 1140}
PIXEL = (0.72, 0.62)  # where the pointer is, as shares of the width and height of the image on the page
COLORS = "96"


def colorquant(*words: str) -> None:
    """Run a command line of the checkout."""
    subprocess.run([sys.executable, "-m", "colorquant", *words, "-q", "-f"], cwd=ROOT, check=True)


def main() -> None:
    """Write the page, photograph its top, and reduce the photograph's colours."""
    with tempfile.TemporaryDirectory() as folder:
        page_file, photograph = Path(folder) / "page.html", Path(folder) / "page.png"
        colorquant(
            *("kmeans", "sample_images/malaga.png", "-k", "8"),
            *("-o", f"{folder}/out.png", "--html", str(page_file)),
        )
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--force-color-profile=srgb"]
            )
            page = browser.new_page(viewport=SIZE)
            page.goto(page_file.as_uri())
            page.wait_for_selector("[data-inspector][data-ready]", state="attached")
            box = page.locator("[data-frame]").first.bounding_box()
            assert box is not None
            page.mouse.move(box["x"] + PIXEL[0] * box["width"], box["y"] + PIXEL[1] * box["height"])
            page.wait_for_timeout(300)
            page.screenshot(path=photograph)
            browser.close()
        colorquant("kmeans", str(photograph), "-k", COLORS, "--space", "oklab", "-o", str(PICTURE))


if __name__ == "__main__":
    main()
