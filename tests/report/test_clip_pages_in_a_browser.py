"""The player on the page of a clip in a real browser: it plays, seeks, and shows what numpy says."""

import numpy as np
import pytest
from support.clip_files import indexed_frames, moving_frames, quantized_clip

from colorquant.report.html import clip_previews
from colorquant.report.html.clip import clip_page
from colorquant.report.html.clip_previews import PreviewWriter
from colorquant.video.frames import Frame

COUNT, HEIGHT, WIDTH = 8, 48, 64
PIXELS = """canvas => {
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [canvas.width, canvas.height];
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  return [...context.getImageData(0, 0, copy.width, copy.height).data];
}"""


@pytest.fixture(scope="module")
def clip_pages(tmp_path_factory):
    """A folder with the page of a clip in pictures, and one with a video; and the clip with its frames."""
    folder, frames = tmp_path_factory.mktemp("clips"), moving_frames(COUNT, HEIGHT, WIDTH)
    frames[5:] = [255 - frame for frame in frames[5:]]
    clip = quantized_clip(frames, segments=2)
    with pytest.MonkeyPatch.context() as patch:
        for name, most in (("stills", 100), ("video", 2)):
            patch.setattr(clip_previews, "STILLS", most)
            with PreviewWriter(clip.info, len(frames), page=folder / f"{name}.html") as writer:
                for frame, indexed in zip(frames, indexed_frames(clip.fit, frames), strict=True):
                    writer.write(Frame(frame, None, indexed.time, indexed.duration), indexed)
                (folder / f"{name}.html").write_bytes(clip_page(clip, writer.finish()))
    return folder, clip, frames


@pytest.fixture(params=["stills", "video"])
def player(request, browser, clip_pages):
    """The open page; in the end there was nothing on the console, and no request beyond the page itself."""
    if request.param == "video":
        pytest.importorskip("av", reason="needs PyAV: the extra video")
    folder, messages, requested = clip_pages[0], [], []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda one: requested.append(one.url))
    page.goto(f"file://{folder}/{request.param}.html")
    page.wait_for_selector("[data-player][data-shown='0']")
    yield page
    context.close()
    assert messages == []
    assert [url[:60] for url in requested if not url.startswith((f"file://{folder}/", "data:", "blob:"))] == []


def shown(page, side):
    """The pixels (h, w, 3) of a side of the player."""
    values = page.eval_on_selector(f"canvas[data-{side}]", PIXELS)
    return np.array(values, np.uint8).reshape(HEIGHT, WIDTH, 4)[:, :, :3].astype(int)


def check_shows(page, clip_pages, number):
    _, clip, frames = clip_pages
    page.wait_for_selector(f"[data-player][data-shown='{number}']")
    after = indexed_frames(clip.fit, frames)[number].rgb
    assert np.abs(shown(page, "before") - frames[number]).mean() < 12
    assert np.abs(shown(page, "after") - after).mean() < 12
    assert page.locator("[data-moment]").inner_text() == f"{number / 10:.2f} s, frame {number}"
    shares = page.locator("[data-shares] li").evaluate_all("all => all.map(one => Number(one.dataset.share))")
    assert shares == pytest.approx(clip.labels.timeline.shares[number], abs=1e-3)
    assert page.eval_on_selector("[data-cursor]", "one => parseFloat(one.style.left)") == pytest.approx(12.5 * number)


def test_slider_strip_and_fits_seek_both_sides_together(player, clip_pages):
    player.locator("[data-seek]").focus()
    check_shows(player, clip_pages, 0)
    player.keyboard.press("End")
    check_shows(player, clip_pages, COUNT - 1)
    player.keyboard.press("ArrowLeft")
    check_shows(player, clip_pages, COUNT - 2)
    strip = player.locator("[data-timeline]")
    strip.click(position={"x": 0.4 * strip.bounding_box()["width"], "y": 20})
    check_shows(player, clip_pages, 3)
    player.locator("[data-go]").nth(1).click()
    check_shows(player, clip_pages, 4)


def test_it_plays_to_the_end_and_begins_again(player, clip_pages):
    button = player.locator("[data-play]")
    button.click()
    assert button.inner_text() == "Pause"
    player.wait_for_selector(f"[data-player][data-shown='{COUNT - 1}']")
    player.wait_for_selector("[data-play]:text-is('Play')")
    player.locator("[data-speed]").select_option("0.25")
    button.click()
    player.wait_for_selector(f"[data-player]:not([data-shown='{COUNT - 1}'])")
    player.locator("[data-seek]").focus()
    player.keyboard.press(" ")
    assert button.inner_text() == "Play"


@pytest.mark.parametrize("player", ["stills"], indirect=True)
def test_nothing_is_wider_than_the_screen_and_every_control_has_a_name(player):
    for width in (360, 1280):
        player.set_viewport_size({"width": width, "height": 800})
        assert player.evaluate("document.documentElement.scrollWidth") == width
    names = player.locator("button, input, select, [tabindex]").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-label') || one.labels?.[0]?.innerText || one.innerText)"
    )
    assert all(name.strip() for name in names)
    assert player.locator("canvas:not([aria-label]), img:not([alt])").count() == 0
