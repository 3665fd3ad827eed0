"""The pages of ``--html`` in a real browser: by clicking, dragging and typing."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from support.pages import COMMANDS
from support.pictures import random_picture

from colorquant import quantize
from colorquant.analysis.posteriors import Posteriors
from colorquant.cli import cli
from colorquant.color.counted import CountedImage
from colorquant.fitting.options import FitOptions
from colorquant.images import read_image
from colorquant.palette.entries import hex_color

K = COMMANDS["em"][1]


@pytest.fixture
def visit(browser, pages):
    """Opens the page of a command; in the end there was nothing on the console, and no request."""
    opened, messages, requested = [], [], []

    def visit(command, width=1280, before="", **options):
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: requested.append(request.url))
        if before:
            page.add_init_script(before)
        page.goto(f"file://{pages}/{command}.html")
        if command in ("kmeans", "em"):
            page.wait_for_selector("[data-inspector][data-ready]", state="attached")
        return page

    yield visit
    for context in opened:
        context.close()
    assert messages == []
    assert [url[:60] for url in requested if not url.startswith((f"file://{pages}/", "data:"))] == []


def divided(page):
    """Where the original ends, in per cent."""
    return float(page.eval_on_selector("[data-frame]", "frame => frame.style.getPropertyValue('--at')").rstrip("%"))


@pytest.mark.parametrize("command", ["kmeans", pytest.param("em", marks=pytest.mark.slow), "compare"])
def test_the_divider_follows_pointer_and_keys(command, visit):
    page = visit(command)
    frame, start = page.locator("[data-frame]"), divided(page)
    box = frame.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.5, steps=4)
    page.mouse.up()
    assert (start, divided(page)) == (50, pytest.approx(80, abs=1))
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5)
    assert divided(page) == pytest.approx(80, abs=1)
    page.locator("[data-divide]").focus()
    page.keyboard.press("Home")
    assert divided(page) == 0
    page.keyboard.press("ArrowRight")
    assert divided(page) == 1
    assert page.eval_on_selector("[data-before]", "image => getComputedStyle(image).clipPath").startswith("inset(0")


def test_a_finger_moves_the_divider_and_finds_a_pixel(visit):
    page = visit("em", 360, has_touch=True, is_mobile=True)
    box = page.locator("[data-frame]").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    assert divided(page) == pytest.approx(25, abs=2)
    assert page.locator("[data-place]").inner_text() == "x 20, y 27"


def test_the_slider_over_k_changes_picture_and_numbers(visit, pages):
    page = visit("kmeans")
    section = page.locator("[data-slider=sweep]")
    assert section.locator("[data-name]").inner_text() == "6"
    slider, rgb = section.locator("[data-at]"), read_image(pages / "photo.png").rgb
    slider.focus()
    page.keyboard.press("Home")
    seen = []
    for k in (2, 3, 4, 5, 6, 8, 10, 16):
        own = quantize(rgb, FitOptions("kmeans", k))
        assert section.locator("[data-name]").inner_text() == str(k)
        assert f"{own.psnr:.2f} dB" in section.locator("[data-facts]").inner_text()
        assert f"{own.inertia / own.weight:.6g}" in section.locator("[data-facts]").inner_text()
        assert section.locator("[data-strip] i").count() == k
        seen.append(section.locator("[data-picture]").get_attribute("src"))
        page.keyboard.press("ArrowRight")
    assert len(set(seen)) == 8


def test_the_slider_over_the_iterations_moves_the_centres(visit):
    page = visit("em")
    section = page.locator("[data-slider=iterations]")
    assert "The iterations of this run" in section.inner_text()

    def state():
        centers = section.locator("[data-centers] circle.center")
        places = centers.evaluate_all("all => all.map(one => [one.getAttribute('cx'), one.getAttribute('cy')])")
        marker = section.locator("[data-markers] circle").get_attribute("cx")
        return places, marker, section.locator("[data-picture]").get_attribute("src")

    last = section.locator("[data-at]").get_attribute("max")
    assert section.locator("[data-at]").input_value() == last, "it opens at the result"
    section.locator("[data-at]").focus()
    page.keyboard.press("Home")
    places, marker, picture = state()
    assert section.locator("[data-name]").inner_text() == "start"
    assert len(places) == section.locator("ellipse.ellipse").count() == K
    assert section.locator("polyline.trail").count() == 0
    section.locator("[data-at]").focus()
    page.keyboard.press("End")
    moved, moved_marker, repainted = state()
    assert all(one != other for one, other in zip(places, moved, strict=True))
    assert float(moved_marker) > float(marker)
    assert repainted != picture
    assert section.locator("polyline.trail").count() == K
    section.locator("[data-play]").click()
    assert section.locator("[data-play]").inner_text() == "Pause"
    section.locator("[data-play]").click()
    assert section.locator("[data-play]").inner_text() == "Play"


@pytest.mark.parametrize(
    "clipboard",
    ["there", pytest.param("missing", marks=pytest.mark.slow), pytest.param("forbidden", marks=pytest.mark.slow)],
)
def test_a_click_copies_a_colour(clipboard, visit, pages):
    stubs = {
        "there": "{ writeText: text => { window.copied = text; return Promise.resolve(); } }",
        "missing": "undefined",
        "forbidden": "{ writeText: () => Promise.reject(new Error('no')) }",
    }
    before = f"Object.defineProperty(navigator, 'clipboard', {{ value: {stubs[clipboard]} }});"
    before += "addEventListener('copy', () => { window.copied = document.activeElement.value; });"
    page = visit("kmeans", before=before)
    quantized = quantize(read_image(pages / "photo.png").rgb, FitOptions("kmeans", 6))
    buttons = page.locator("[data-copy]")
    assert buttons.count() == 6
    for number, color in ((0, quantized.palette.colors[0]), (5, quantized.palette.colors[5])):
        buttons.nth(number).click()
        page.wait_for_function("wanted => window.copied === wanted", arg=hex_color(color))
        page.wait_for_selector("[data-toast].shown")
        assert page.locator("[data-toast]").inner_text() == f"{hex_color(color)} copied"
    assert page.locator("[data-toast]").get_attribute("aria-live") == "polite"


def test_the_inspector_says_what_numpy_says(visit, pages):
    page, picture = visit("em"), read_image(pages / "photo.png")
    quantized = quantize(picture.rgb, FitOptions("em", K, init="random"))
    posteriors = Posteriors.of(CountedImage(picture.rgb, picture.alpha), quantized).at_pixels().astype(np.float64)
    frame = page.locator("[data-frame]")
    box = frame.bounding_box()

    def check(x, y):
        label = quantized.labels[y, x]
        assert page.locator("[data-place]").inner_text() == f"x {x}, y {y}"
        assert page.locator("[data-hex-before]").inner_text() == hex_color(picture.rgb[y, x])
        assert page.locator("[data-hex-after]").inner_text() == hex_color(quantized.palette.colors[label])
        assert page.locator("[data-label]").inner_text() == f"label {label}"
        rows = page.locator("[data-posterior] li").evaluate_all(
            "all => all.map(one => [Number(one.dataset.component), Number(one.dataset.probability)])"
        )
        assert rows[0][0] == label
        for component, probability in rows:
            assert probability == pytest.approx(posteriors[y, x, component], abs=0.003)
        assert sum(probability for _, probability in rows) == pytest.approx(1, abs=0.02)

    undecided = np.unravel_index(np.argmin(posteriors.max(axis=2)), posteriors.shape[:2])
    for y, x in ((0, 0), (53, 79), (30, 11), undecided):
        page.mouse.move(box["x"] + (x + 0.5) / 80 * box["width"], box["y"] + (y + 0.5) / 54 * box["height"])
        check(int(x), int(y))
    assert page.locator("[data-posterior] li").count() > 1
    page.mouse.move(box["x"] + 0.5 / 80 * box["width"], box["y"] + 0.5 / 54 * box["height"])
    frame.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowDown")
    check(10, 1)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    check(10, 0)


@pytest.mark.parametrize(("command", "head"), [("compare", "MSE"), ("timing", "pixels"), ("kmeans", "PSNR dB")])
def test_tables_sort_both_ways(command, head, visit):
    page = visit(command)
    table = page.locator("table.sortable").first
    column = table.locator("th").filter(has_text=head).first
    place = column.evaluate("head => head.cellIndex")

    def values():
        cells = table.locator(f"tbody tr td:nth-child({place + 1})")
        return cells.evaluate_all("all => all.map(one => Number(one.dataset.value))")

    before = values()
    for direction, expected in (("ascending", sorted(before)), ("descending", sorted(before, reverse=True))):
        column.locator("button").focus()
        page.keyboard.press("Enter")
        assert column.get_attribute("aria-sort") == direction
        assert values() == expected
    assert len(set(before)) > 1
    assert table.locator("th[aria-sort=descending]").count() == 1


def test_the_best_of_a_column_is_marked(visit):
    page = visit("compare")
    table = page.locator("table.sortable").first
    heads = [head.strip() for head in table.locator("thead button").all_inner_texts()]
    cells = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(one => [Number(one.dataset.value), !!one.querySelector('.best')]))"
    )
    assert len(cells) == 6
    for head, best in (("MSE", min), ("PSNR dB", max)):
        place = heads.index(head)
        for k in (2, 4):
            same_k = [row[place] for row in cells if row[heads.index("k")][0] == k]
            assert [marked for _, marked in same_k] == [
                value == best(value for value, _ in same_k) for value, _ in same_k
            ]


def test_columns_without_room_are_left_out_until_asked_for(visit):
    expect = pytest.importorskip("playwright.sync_api").expect
    page = visit("compare")
    table = page.locator("table.sortable").first
    wide = "table => table.offsetWidth - table.parentElement.clientWidth"
    heads = "heads => heads.map(head => [Number(head.dataset.rank), !head.hidden])"

    def columns():
        assert table.locator("tbody td:visible").count() == 6 * table.locator("th:visible").count()
        return table.locator("th").evaluate_all(heads)

    assert table.evaluate(wide) <= 0
    some = columns()
    gone, kept = ([rank for rank, shown in some if shown == wanted] for wanted in (False, True))
    assert gone
    assert min(gone) >= max(kept)
    page.get_by_label("All").check()
    assert all(shown for _, shown in columns())
    assert table.evaluate(wide) > 0
    page.get_by_label("All").uncheck()
    assert columns() == some
    page.set_viewport_size({"width": 360, "height": 800})
    always = sum(rank == 0 for rank, _ in some)
    cells = expect(table.locator("tbody td:visible"))
    cells.to_have_count(6 * always)  # the page hears of its new size in a moment
    assert [rank for rank, shown in columns() if shown] == [0] * always
    page.set_viewport_size({"width": 1280, "height": 800})
    cells.to_have_count(6 * len(kept))
    assert columns() == some


def test_the_slider_over_k_marks_bic_and_error(visit):
    page = visit("em")
    section = page.locator("[data-slider=sweep]")
    labels = section.locator("svg.chart").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert [label.split()[0] for label in labels] == ["criterion", "MSE"]
    slider = section.locator("[data-at]")
    slider.focus()
    for key, dot in (("Home", "first"), ("End", "last")):
        page.keyboard.press(key)
        for number in (0, 1):
            chart = section.locator("svg.chart").nth(number)
            marker, point = chart.locator("[data-markers] circle"), getattr(chart.locator("circle.dot.series-0"), dot)
            assert [marker.get_attribute(name) for name in ("cx", "cy")] == [
                point.get_attribute(name) for name in ("cx", "cy")
            ]


def test_any_two_results_are_held_against_each_other(visit):
    page = visit("compare")
    tiles = page.locator("[data-tile]")
    sources = [tiles.nth(number).locator("img").get_attribute("src") for number in range(7)]
    assert tiles.count() == len(set(sources)) == 7
    page.locator("[data-choose-before]").select_option(index=3)
    tiles.nth(5).click()
    shown = [page.locator(f"[data-{side}]").get_attribute("src") for side in ("before", "after")]
    assert shown == [sources[3], sources[5]]
    assert page.locator("[data-before-name]").inner_text() == tiles.nth(3).get_attribute("data-tile")
    assert page.locator("[data-choose-after]").input_value() == "5"
    assert tiles.nth(5).get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_page_fits_its_screen_names_its_controls_and_takes_the_systems_theme(command, visit):
    page = visit(command, color_scheme="dark")

    def paper():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function("width => innerWidth === width", arg=width)
        assert page.evaluate("document.documentElement.scrollWidth") == width
    controls = page.locator("button, input, select, [tabindex]")
    names = controls.evaluate_all(
        "all => all.map(one => one.getAttribute('aria-label') || one.labels?.[0]?.innerText || one.innerText)"
    )
    assert names
    assert all(name.strip() for name in names)
    assert page.locator("img:not([alt])").count() == 0
    light, dark = "rgb(255, 255, 255)", "rgb(21, 23, 27)"
    assert paper() == dark
    for color in (light, dark):
        page.locator("[data-theme-toggle]").click()
        assert paper() == color
    page.emulate_media(color_scheme="light")
    assert paper() == dark, "the button was asked last"


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_theme_is_the_systems_until_the_button(command, visit):
    page = visit(command, color_scheme="light")
    light, dark = "rgb(255, 255, 255)", "rgb(21, 23, 27)"
    for color in (light, dark, light):
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == color
        page.locator("[data-theme-toggle]").click()


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_that_opens_in_a_window_of_its_size_is_no_wider(command, width, visit):
    assert visit(command, width).evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1500, 1), (1, 1500), (1, 1)], ids=str)
def test_a_picture_of_any_shape_fits_the_screen(shape, visit, pages):
    Image.fromarray(random_picture(4, *shape, levels=4)).save(pages / "odd.png")
    line = ["kmeans", pages / "odd.png", "-k", "2", "-o", pages / "odd-out.png", "--html", pages / "odd.html", "-f"]
    assert CliRunner().invoke(cli, [str(word) for word in line]).exit_code == 0
    page = visit("odd", 360)
    page.wait_for_selector("[data-inspector][data-ready]", state="attached")
    for picture in page.locator(".frame, .still").all():
        box = picture.bounding_box()
        assert 20 <= box["width"] <= 360
        assert 20 <= box["height"] <= 800
    page.locator("[data-frame]").hover(force=True)
    assert page.locator("[data-label]").inner_text().startswith("label ")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
