"""Chromium decodes random animations, and shows the same frames."""

import base64
import shutil

import numpy as np
import pytest
from support import encoded_clips as clips
from support.clips import merged, sequence, written
from support.random_animations import SIZE, apng, gif

from colorquant.video.apng_writing import ApngWriter
from colorquant.video.gif_writing import GifWriter
from colorquant.video.opening import open_clip
from colorquant.video.webp_writing import WebpWriter

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DECODE = """async ([encoded, type]) => {
    const data = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
    const decoder = new ImageDecoder({data, type, premultiplyAlpha: "none", colorSpaceConversion: "none"});
    await decoder.tracks.ready;
    await decoder.completed;
    const track = decoder.tracks.selectedTrack;
    const frames = [];
    for (let frameIndex = 0; frameIndex < track.frameCount; frameIndex++) {
        const {image} = await decoder.decode({frameIndex});
        const pixels = new Uint8Array(image.allocationSize({format: "RGBA"}));
        await image.copyTo(pixels, {format: "RGBA"});
        frames.push([image.duration, btoa(String.fromCharCode(...pixels))]);
    }
    return [track.repetitionCount === Infinity ? 0 : track.repetitionCount + 1, frames];
}"""


@pytest.fixture(scope="module")
def page():
    """A page of a browser; its address makes it a secure context, which ImageDecoder needs."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"needs a browser: one of {', '.join(BROWSERS)}")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.route("**/*", lambda route: route.fulfill(body="<html></html>", content_type="text/html"))
        page.goto("http://localhost/")
        yield page
        browser.close()


def animations():
    for seed in range(25):
        rng = np.random.default_rng(seed)
        yield "gif", gif(rng, 8, (None, 0, 1, 5)[seed % 4])[0]
        yield "png", apng(rng, 8, (6, 2)[seed % 2], seed % 3, hidden=seed % 4 == 0)[0]
    pictures = [np.random.default_rng(seed).integers(0, 256, (*SIZE, 4), np.uint8) for seed in range(4)]
    yield "webp", clips.animation(pictures, "WEBP", lossless=True, exact=True, duration=50, loop=2)


def test_a_browser_shows_the_same_frames(page):
    for kind, data in animations():
        plays, shown = page.evaluate(DECODE, [base64.b64encode(data).decode(), f"image/{kind}"])
        clip = open_clip(data)
        frames = list(clip.frames())
        assert clip.info.loops == plays
        assert [int(frame.duration * 1_000_000) for frame in frames] == [duration for duration, _ in shown]
        for frame, (_, encoded) in zip(frames, shown, strict=True):
            expected = np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(*SIZE, 4).astype(float)
            alpha = np.full(SIZE, 255.0) if frame.alpha is None else frame.alpha.astype(float)
            assert np.max(np.abs(alpha - expected[..., 3])) <= 1
            premultiplied = frame.rgb * (alpha[..., None] / 255), expected[..., :3] * (expected[..., 3:] / 255)
            assert np.max(np.abs(np.subtract(*premultiplied))) <= 2


@pytest.mark.parametrize(("writer", "kind"), [(GifWriter, "gif"), (ApngWriter, "png"), (WebpWriter, "webp")])
def test_a_browser_shows_the_frames_that_are_written(page, tmp_path, writer, kind):
    for seed, p in enumerate((2, 5, 16, 100, 255)):
        for transparent, refits in ((False, False), (True, False), (True, True)):
            frames = sequence(seed, p=p, transparent=transparent, refits=refits, size=(19, 23))
            written(writer, tmp_path / "clip", frames)
            data = base64.b64encode((tmp_path / "clip").read_bytes()).decode()
            plays, shown = page.evaluate(DECODE, [data, f"image/{kind}"])
            pixels, times = merged(frames)
            assert len(shown) == len(pixels)
            for before, milliseconds, (duration, encoded) in zip(pixels, times, shown, strict=True):
                after = np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(before.shape).copy()
                after[after[..., 3] == 0] = 0
                np.testing.assert_array_equal(after, before)
                if len(pixels) > 1:
                    assert duration == int(1000 * milliseconds)
            assert plays == 0 or len(pixels) == 1
