"""The report in a browser: it asks for nothing, tells of wells by mouse and keys, in light, dark and print."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import deepnoise as dn

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here, which opens the page")

_QUIET = ("background-networking", "component-update", "sync", "gpu")
_WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def file(tiny_predictions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dn.report(tiny_predictions, tmp_path_factory.mktemp("page") / "report.html", layout="pca", saliency=6)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in _QUIET)]
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        opened.close()


@pytest.fixture(params=_WIDTHS)
def page(request: pytest.FixtureRequest, browser: "Browser", file: Path) -> "Iterator[Page]":
    """The page at one width; it must say nothing to the console and ask for nothing but itself."""
    width, height = _WIDTHS[request.param]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="light")
    opened = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda one: asked.append(one.url))
    opened.goto(file.as_uri())
    yield opened
    opened.wait_for_timeout(50)
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    context.close()


def test_it_fits_its_width(page: "Page") -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("h1").is_visible()


def test_pointing_at_a_well_tells_of_it(page: "Page") -> None:
    cell = page.locator("rect[data-w]").first
    cell.scroll_into_view_if_needed()
    cell.hover()
    tip = page.locator("#tip")
    assert tip.is_visible()
    for said in ("raw", "assigned", "confidence", "role"):
        assert said in tip.inner_text()
    assert re.search(r"[A-Z]\d\d, plate \d+ of", tip.inner_text())


def test_a_click_shows_its_cells_and_channels_can_be_hidden(page: "Page") -> None:
    cell = page.locator("rect[data-w]").first
    cell.scroll_into_view_if_needed()
    cell.click()
    canvas = page.locator("#look canvas")
    canvas.wait_for()
    bright = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
    total = f"(canvas) => ({bright})(canvas).reduce((sum, one, at) => at % 4 < 3 ? sum + one : sum, 0)"
    assert "plate group" in page.locator("#look .facts").inner_text()
    lit = canvas.evaluate(total)
    assert lit > 0
    boxes = page.locator("#look .toggles input")
    for number in range(boxes.count()):
        boxes.nth(number).uncheck()
    page.wait_for_timeout(100)
    assert page.locator("#look canvas").evaluate(total) == 0
    page.keyboard.press("Escape")
    assert page.locator("#look").is_hidden()


def test_keys_walk_the_plate(page: "Page") -> None:
    first = page.locator("rect[data-w][tabindex='0']").first
    first.focus()
    at = first.get_attribute("data-p")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    focused = "document.activeElement.dataset.p"
    assert page.evaluate(focused) != at
    assert "confidence" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    assert page.locator("#look h3").inner_text()
    shown = page.locator("#look h3").inner_text()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#look h3").inner_text() != shown
    page.keyboard.press("Escape")
    assert page.locator("#look").is_hidden()
    assert page.evaluate("document.activeElement.tagName") == "rect"


def test_pictures_of_wells_tell_and_open_as_plates_do(page: "Page") -> None:
    for section in ("#confused", "#channels"):
        picture = page.locator(f"{section} button[data-w]").first
        picture.scroll_into_view_if_needed()
        picture.hover()
        assert "confidence" in page.locator("#tip").inner_text()
        where = picture.locator("span").inner_text()
        picture.click()
        plate, well = where.rpartition(" ")[::2]
        experiment, _, plate = plate.partition("/")
        assert page.locator("#look h3").inner_text() == f"{well}, plate {plate} of {experiment}"
        page.locator("#look canvas").wait_for()
        page.keyboard.press("Escape")
        assert page.locator("#look").is_hidden()
        assert picture.evaluate("one => one === document.activeElement")


def test_keys_walk_the_pictures(page: "Page") -> None:
    group = page.locator(".confused").first
    assert group.locator("button[tabindex='0']").count() == 1
    first = group.locator("button[data-w]").first
    first.focus()
    assert page.locator("#tip").is_visible()
    page.keyboard.press("ArrowRight")
    assert group.locator("button[data-w]").nth(1).evaluate("one => one === document.activeElement")
    page.keyboard.press("Enter")
    shown = page.locator("#look h3").inner_text()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#look h3").inner_text() != shown
    page.keyboard.press("ArrowLeft")
    assert first.evaluate("one => one === document.activeElement")
    page.keyboard.press("Escape")
    assert page.locator("#look").is_hidden()


def test_channels_are_hidden_by_keys_alone(page: "Page") -> None:
    page.locator(".confused button[data-w]").first.focus()
    page.keyboard.press("Enter")
    page.locator("#look canvas").wait_for()
    picture = "document.querySelector('#look canvas').toDataURL()"
    before = page.evaluate(picture)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "close"
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.wait_for_function(f"before => {picture} !== before", arg=before)
    for key in ("Shift+Tab", "Shift+Tab"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.className") == "well chosen"
    page.keyboard.press("Escape")
    assert page.locator("#look").is_hidden()


def test_tab_stops_once_a_plate_and_once_a_pair(page: "Page") -> None:
    stops = {"rect": 0, "BUTTON": 0, "svg": 0}
    page.keyboard.press("Tab")
    for _ in range(80):
        page.keyboard.press("Tab")
        tag, inside = page.evaluate(
            "[document.activeElement.tagName, !!document.activeElement.closest('section')]"
        )
        if tag == "BODY":
            break
        if inside and tag in stops:
            stops[tag] += 1
    plates, groups = (
        page.locator(selector).count() for selector in (".experiment[open] .plate", ".confused, .evidence")
    )
    assert stops == {"rect": plates, "BUTTON": groups, "svg": 0}


def test_all_pictures_are_drawn_and_named(page: "Page") -> None:
    pictures = page.locator("#confused img, #channels img")
    assert pictures.count() > 4
    assert pictures.evaluate_all("all => all.every(one => one.alt && one.complete && one.naturalWidth > 0)")


def test_colours_can_be_changed(page: "Page") -> None:
    radios = page.locator("input[name=colour]")
    assert radios.count() == 4
    codes = "[...document.querySelectorAll('rect[data-w]')].map(one => one.getAttribute('class')).join()"
    seen = set()
    for number in range(radios.count()):
        radios.nth(number).check(force=True)
        seen.add(page.evaluate(codes))
    assert len(seen) == 4
    assert page.locator(".legend:visible").count() == 1


def test_dark_and_print_are_drawn(page: "Page", tmp_path: Path) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(background)
    assert dark != light
    button = page.locator("#theme")
    button.click()
    assert page.evaluate(background) == light
    button.click()
    assert page.evaluate(background) == dark
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    assert page.locator("nav").is_hidden()
    assert page.locator("#confused img").first.is_visible()
    assert page.locator("#channels button img").first.is_visible()
    assert len(page.pdf(path=tmp_path / "page.pdf")) > 20_000


def test_text_stands_out(page: "Page") -> None:
    """WCAG AA: 4.5 to 1 for text, in light and dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for selector in ("p.prose", ".hint", "h2", "nav a", "th", "figcaption"):
            ink, paper = page.evaluate(
                "selector => [getComputedStyle(document.querySelector(selector)).color,"
                " getComputedStyle(document.body).backgroundColor]",
                selector,
            )
            assert contrast(ink, paper) >= 4.5, (scheme, selector, ink, paper)


def contrast(one: str, other: str) -> float:
    """Ratio of two colours' luminance, by WCAG 2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Of `rgb(r, g, b)`."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
