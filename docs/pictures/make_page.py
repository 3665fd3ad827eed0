"""Make the pictures of pages: photograph the tops of some in a browser, in few colours. Needs playwright and chromium.

python docs/pictures/make_page.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
SAMPLE = "sample_images/malaga.png"
PIXEL = (0.72, 0.62)  # where the pointer is, as shares of the width and height of the image on the page
MOMENT = 0.46  # of the clip, as a share of its length
COLORS = "96"
COMMANDS = {  # the picture's name, the command, and the size of the browser's window
    "malaga-page.png": (("kmeans", SAMPLE, "-k", "8"), (1280, 1140)),
    "clip-page.png": (("video", "sample_images/clip.mp4", "--method", "kmeans", "-k", "8"), (1280, 1060)),
    "malaga-compare-page.png": (("compare", SAMPLE, "-k", "4,16"), (1080, 1640)),
}


def colorquant(*words: str) -> None:
    """Run a command line of the checkout."""
    subprocess.run([sys.executable, "-m", "colorquant", *words, "-q", "-f"], cwd=ROOT, check=True)


def point_at_a_pixel(page: Page) -> None:
    """Move the pointer over the picture, so that its colours are read."""
    page.wait_for_selector("[data-inspector][data-ready]", state="attached")
    box = page.locator("[data-frame]").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + PIXEL[0] * box["width"], box["y"] + PIXEL[1] * box["height"])


def go_to_a_moment(page: Page) -> None:
    """Show a frame in which most shapes are seen."""
    strip = page.locator("[data-timeline]")
    box = strip.bounding_box()
    assert box is not None
    strip.click(position={"x": MOMENT * box["width"], "y": 40})
    page.locator("h1").click()


STEPS = {"kmeans": point_at_a_pixel, "video": go_to_a_moment}


def main() -> None:
    """Write each page, photograph its top, and reduce the photograph's colours."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--force-color-profile=srgb"]
        )
        for name, (words, (width, height)) in COMMANDS.items():
            page_file, photograph = Path(folder) / f"{name}.html", Path(folder) / name
            ending = {"kmeans": "png", "video": "mp4"}.get(words[0])
            output = ("-o", f"{folder}/out.{ending}") if ending else ()
            colorquant(*words, *output, "--html", str(page_file))
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(page_file.as_uri())
            if words[0] in STEPS:
                STEPS[words[0]](page)
            page.wait_for_timeout(300)
            page.screenshot(path=photograph)
            colorquant("kmeans", str(photograph), "-k", COLORS, "--space", "oklab", "-o", str(PICTURES / name))
        browser.close()


if __name__ == "__main__":
    main()
